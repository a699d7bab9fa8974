"""What an exception is for a span. Imported when there is one."""

import traceback


def text_of(error):
    try:
        return str(error)
    except Exception:  # pylint: disable=broad-except
        return "<no text>"


def type_of(error):
    kind = type(error)
    module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
    return module + kind.__qualname__


def stacktrace_of(error):
    try:
        return "".join(traceback.format_exception(type(error), error, error.__traceback__))
    except Exception:  # pylint: disable=broad-except
        return ""


def record(span, error, keeps_status):
    if isinstance(error, BaseException):
        span._record(type_of(error), text_of(error), stacktrace_of(error), keeps_status)
    else:
        span._record("error", text_of(error), "", keeps_status)


def leave(span, error, has_status):
    """An exception leaves the span. What only ends a program, a task or a generator is no error."""
    if isinstance(error, Exception):
        record(span, error, has_status)
    elif not (isinstance(error, GeneratorExit)
              or isinstance(error, SystemExit) and error.code in (None, 0)):
        span._unwind(f"unwound by {type_of(error)}")
