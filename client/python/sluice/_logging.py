"""Records of the standard library's logging as events."""

import logging

from sluice import _errors, _sluice

# What every record has; the rest came as `extra`.
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def _level_of(number):
    if number >= logging.ERROR:
        return _sluice.ERROR
    if number >= logging.WARNING:
        return _sluice.WARN
    if number >= logging.INFO:
        return _sluice.INFO
    return _sluice.DEBUG if number >= logging.DEBUG else _sluice.TRACE


class Handler(logging.Handler):
    """Makes each record an event in the current span: its logger is the target, `extra` are the
    attributes, an exception is as record_error tells it. A formatter's text is of no use here: there is a
    level, a time and a name already."""

    def emit(self, record):
        try:
            level = _level_of(record.levelno)
            if not _sluice.enabled(level, record.name):
                return
            attributes = {key: value for key, value in vars(record).items() if key not in _OWN}
            error = record.exc_info[1] if record.exc_info else None
            if error is not None:
                attributes["exception.type"] = _errors.type_of(error)
                attributes["exception.message"] = _errors.text_of(error)
                attributes["exception.stacktrace"] = _errors.stacktrace_of(error)
            _sluice.event(level, record.getMessage(), attributes, target=record.name,
                          time=int(record.created * 1e9))
        except Exception:  # pylint: disable=broad-except
            self.handleError(record)

    def flush(self):
        """Nothing: what was emitted is on its way. sluice.flush() waits for the agent."""
