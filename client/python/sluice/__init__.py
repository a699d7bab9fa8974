"""Spans and events from this process to the machine's telemetry agent.

    with sluice.span("provision.user", user=name) as span:
        span.event("home created", path=path)
        span.set(uid=uid)

Nothing has to be set up, nothing waits but flush, and without an agent nothing fails: what cannot be
kept is dropped and counted. What is current follows contextvars: each thread and each task of asyncio
has its own.
"""

import os as _os
import sys as _sys

from sluice import _sluice
from sluice._sluice import (DEBUG, ERROR, INFO, TRACE, WARN, Context, Span, current_context,
                            current_span, enabled, event, flush, init, span, stats)

__all__ = ["DEBUG", "ERROR", "INFO", "TRACE", "WARN", "Context", "Handler", "Span", "attach",
           "bind", "current_context", "current_span", "enabled", "environment", "event", "extract",
           "flush", "get_baggage", "init", "inject", "set_baggage", "span", "stats", "traced"]


# Classes that protoc makes of sluice/v1/*.proto belong to this package as well, wherever they are.
__path__ += [_folder for _folder in (_os.path.join(_entry, "sluice") for _entry in _sys.path)
             if _folder not in __path__ and _os.path.isdir(_os.path.join(_folder, "v1"))]


def _program():
    """What the script is called, which the interpreter's file name would not say."""
    folder, name = _os.path.split(getattr(_sys, "argv", [""])[0])
    if name == "__main__.py":
        name = _os.path.basename(folder)
    return name.removesuffix(".py") if name and not name.startswith("-") else None


def _is_service_named():
    return bool(_os.environ.get("OTEL_SERVICE_NAME")) or any(
        member.strip().startswith("service.name=")
        for member in _os.environ.get("OTEL_RESOURCE_ATTRIBUTES", "").split(","))


class attach:  # pylint: disable=invalid-name
    """Makes a Context, or a Span, the current one for the time of a `with`."""

    __slots__ = ("_before", "_place")

    def __init__(self, place):
        self._place = place

    def __enter__(self):
        self._before = _sluice._exchange(self._place)
        return self._place

    def __exit__(self, *_error):
        _sluice._exchange(self._before)


def bind(function):
    """The function, which runs wherever it is called within what is current now: for a thread, an
    executor, or a callback."""
    place = current_context()

    def bound(*arguments, **keywords):
        with attach(place):
            return function(*arguments, **keywords)

    return bound


def get_baggage(key):
    """The value of a key of the current baggage, or None."""
    return current_context().baggage(key)


def set_baggage(key, value):
    """From here on in this thread or task, and until a `with` around it ends; None takes the key
    away. Other processes, and spans where `baggage_keys` says so, have it, too."""
    _sluice._exchange(current_context().with_baggage(key, value))


def extract(headers):
    """The Context that came with a request, in its headers or any other mapping."""
    found = {key.lower(): value for key, value in headers.items()
             if isinstance(key, str) and isinstance(value, str)}
    return Context(found.get("traceparent"), found.get("tracestate", ""), found.get("baggage"))


def inject(headers=None):
    """Adds what is current to a request's headers, or to any other mapping, and returns it."""
    headers = {} if headers is None else headers
    headers.update(_carried())
    return headers


def environment(base=None):
    """The environment of a process that is to be within what is current: `base`, or else this
    process's, as a new dict."""
    made = dict(_os.environ if base is None else base)
    for name in ("TRACEPARENT", "TRACESTATE", "BAGGAGE"):
        made.pop(name, None)
    made.update((name.upper(), value) for name, value in _carried().items())
    return made


def _carried():
    context = current_context()
    texts = {"traceparent": context.traceparent, "tracestate": context.tracestate,
             "baggage": context.baggage_header}
    return {name: text for name, text in texts.items() if text}


def __getattr__(name):
    # What costs an import of its own is had by who uses it.
    if name == "traced":
        from sluice._traced import traced as found
    elif name == "Handler":
        from sluice._logging import Handler as found
    else:
        raise AttributeError(f"module 'sluice' has no attribute {name!r}")
    globals()[name] = found
    return found


_sluice._set_program(_program(), None if _is_service_named() else _program())
_os.register_at_fork(before=_sluice._before_fork, after_in_child=_sluice._after_fork)
