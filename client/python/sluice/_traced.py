"""The decorator. Imported when it is used."""

import functools

from sluice import attach
from sluice._sluice import span as start

_GENERATOR, _COROUTINE, _ASYNC_GENERATOR = 0x20, 0x80, 0x200  # of a code object's co_flags


def traced(function=None, /, *, name=None, **options):
    """Has each call of a function be a span named after it. Options and attributes are as of span().

        @sluice.traced
        def provision(user): ...

        @sluice.traced(name="fetch", kind="client", peer="imds")
        async def fetch(url): ...

    Of a generator the span is current while it works, and not for who takes its items.
    """
    if function is None:
        return functools.partial(traced, name=name, **options)
    options.setdefault("target", function.__module__)
    begin = functools.partial(start, name or function.__qualname__, **options)
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    return functools.wraps(function)(_wrapper(function, begin, flags))


def _wrapper(function, begin, flags):
    def call(*arguments, **keywords):
        with begin():
            return function(*arguments, **keywords)

    async def call_coroutine(*arguments, **keywords):
        with begin():
            return await function(*arguments, **keywords)

    def call_generator(*arguments, **keywords):
        return (yield from _steps(begin(), function(*arguments, **keywords)))

    def call_async_generator(*arguments, **keywords):
        return _async_steps(begin, function(*arguments, **keywords))

    if flags & _ASYNC_GENERATOR:
        return call_async_generator
    if flags & _GENERATOR:
        return call_generator
    return call_coroutine if flags & _COROUTINE else call


def _steps(span, generator):
    step, given = generator.send, None
    try:
        while True:
            with attach(span):
                item = step(given)
            try:
                step, given = generator.send, (yield item)
            except GeneratorExit:
                with attach(span):
                    generator.close()
                raise
            except BaseException as error:  # pylint: disable=broad-except
                step, given = generator.throw, error
    except StopIteration as stop:
        span.end()
        return stop.value
    except BaseException as error:
        span.__exit__(type(error), error, None)
        raise


async def _async_steps(begin, generator):
    span = begin()
    step, given = generator.asend, None
    try:
        while True:
            with attach(span):
                item = await step(given)
            try:
                step, given = generator.asend, (yield item)
            except GeneratorExit:
                with attach(span):
                    await generator.aclose()
                raise
            except BaseException as error:  # pylint: disable=broad-except
                step, given = generator.athrow, error
    except StopAsyncIteration:
        span.end()
    except BaseException as error:
        span.__exit__(type(error), error, None)
        raise
