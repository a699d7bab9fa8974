"""cloud-init's reports to the agent, which writes them into the Hyper-V pool as cloud-init's handler `hyperv`
does, and wherever else it writes events. Importing this makes the type `sluice` known:

    reporting:
      telemetry:
        type: sluice
"""

import datetime
import time

from cloudinit import util, version
from cloudinit.reporting.handlers import ReportingHandler, available_handlers

from sluice import _sluice

_LEVELS = {"FAIL": _sluice.ERROR, "WARN": _sluice.WARN}


def _is_keyed_by_vm():
    """cloud-init's handler does so since 26.1, and prints times with an offset."""
    numbers = version.version_string().split("-")[0].split(".")[:2]
    return [int(number) for number in numbers if number.isdigit()] >= [26, 1]


def _incarnation():
    try:
        return int(time.time() - float(util.uptime()))
    except ValueError:
        return 0


class SluiceReportingHandler(ReportingHandler):
    """Each report is an event of the target `cloudinit`, at most as urgent as its result."""

    def __init__(self, event_types=None):
        super().__init__()
        self._event_types = event_types
        self._has_vm_id = _is_keyed_by_vm()
        self._incarnation = _incarnation()

    def _time_of(self, event):
        moment = datetime.datetime.fromtimestamp(event.timestamp, datetime.timezone.utc).isoformat()
        return moment if self._has_vm_id else moment.replace("+00:00", "Z")

    def publish_event(self, event):
        if self._event_types and event.event_type not in self._event_types:
            return
        result = getattr(event, "result", None)
        duration = getattr(event, "duration", None)
        _sluice.event(
            _LEVELS.get(result, _sluice.INFO), event.description,
            {"cloudinit.type": event.event_type, "cloudinit.name": event.name,
             "cloudinit.time": self._time_of(event), "cloudinit.result": result,
             "cloudinit.duration": None if duration is None else float(duration),
             "cloudinit.incarnation": self._incarnation, "cloudinit.has_vm_id": self._has_vm_id},
            target="cloudinit", time=int(event.timestamp * 1e9))

    def flush(self):
        """Waits until the agent has all of them safe, where there is one; never longer than 5 s."""
        if not _sluice.flush(0.25) and _sluice.stats()["is_connected"]:
            _sluice.flush(4.75)


available_handlers.register_item("sluice", SluiceReportingHandler)
