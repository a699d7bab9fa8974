"""The same program, once with OpenTelemetry's Collector as its destination and once with the agent, which
exports to that Collector: what it gets is equal but for what the agent stamps, and for what differs between
two runs of a program anyway."""

import pathlib
import re
import tempfile

import pytest
from collector import Collector, build, free_port
from harness import NOBODY, Agent, run, wait_until
from sdks import GRPC, JSON, PROTOBUF, SDKS, downloads, invocation

pytestmark = downloads

CODINGS = [(protocol, coding) for protocol in (GRPC, PROTOBUF, JSON) for coding in ("plain", "gzip")]
SIGNALS = {"resourceSpans": "scopeSpans", "resourceLogs": "scopeLogs", "resourceMetrics": "scopeMetrics"}
IDS, TIMES = ("traceId", "spanId", "parentSpanId"), re.compile("[tT]imeUnixNano$")
OF_A_PROCESS = "process.pid", "process.command_args", "service.instance.id"
STAMPS = {"sluice.uid", "sluice.gid", "sluice.pid", "sluice.unit", "sluice.comm", "host.name", "host.id"}


class Beside:
    """The Collector's receivers, and the agent that exports to one of them."""

    def __init__(self, shared, folder):
        self.ports = {"grpc": free_port(), "http": free_port()}
        receivers = {f"direct_{kind}": {kind: {"endpoint": f"127.0.0.1:{port}"}}
                     for kind, port in self.ports.items()}
        receivers["through"] = {"grpc": {"endpoint": str(folder / "c"), "transport": "unix"}}
        self.collector = Collector(build(), folder, receivers)
        self.agent = Agent(shared, config=f'[otlp]\nendpoint = "unix://{folder}/c"\nbatch_delay = "10ms"\n')
        self.taken = {name: 0 for name in receivers}

    def __enter__(self):
        self.collector.__enter__()
        self.agent.start()
        return self

    def __exit__(self, *_exception):
        self.agent.__exit__()
        self.collector.__exit__()

    def direct(self, sdk, protocol, coding):
        kind = "grpc" if protocol == GRPC else "http"
        self.run(coding, [*sdk.command(), protocol], {
            "OTEL_SERVICE_NAME": f"{sdk.name()}-app", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.ports[kind]}",
            "OTEL_EXPORTER_OTLP_INSECURE": "true", "HOME": "/nonexistent",
            **{f"OTEL_{signal}_EXPORTER": "otlp" for signal in ("TRACES", "LOGS", "METRICS")}})
        return self.arrived(f"direct_{kind}")

    def through(self, sdk, protocol, coding):
        way = "socket" if protocol in sdk.by_socket else "run"
        self.run(coding, *invocation(self.agent, sdk, way, protocol))
        return self.arrived("through")

    @staticmethod
    def run(coding, command, environment):
        if coding == "gzip":
            environment["OTEL_EXPORTER_OTLP_COMPRESSION"] = coding
        assert run(command, uid=NOBODY, timeout=300, env=environment).stderr == ""

    def arrived(self, receiver):
        """{signal: resources} of the program's scope, once there is something of each."""
        def programs():
            found = resources(self.collector.requests(receiver)[self.taken[receiver]:])
            return found if all(found.values()) else None
        found = wait_until(programs, f"all signals are there by {receiver}", deadline_s=60)
        self.taken[receiver] = len(self.collector.requests(receiver))
        return found


def resources(requests):
    """{signal: [(resource, scope)]} of the scopes that the programs make."""
    return {signal: [(group.get("resource", {}), scope) for request in requests
                     for group in request.get(signal, ()) for scope in group.get(scopes, ())
                     if scope.get("scope", {}).get("name") == "interop"]
            for signal, scopes in SIGNALS.items()}


def settled(value, ids):
    """Without what differs between two runs: ids become the order in which they appear first."""
    if isinstance(value, list):
        return [settled(one, ids) for one in value]
    if not isinstance(value, dict):
        return value
    if value.get("key") in OF_A_PROCESS:
        return {"key": value["key"]}
    return {key: ids.setdefault(content, len(ids)) if key in IDS
            else "a time" if TIMES.search(key) and content != "0" else settled(content, ids)
            for key, content in value.items()}


def split(found):
    """(what is there without the agent's stamps, the stamps on its resources)."""
    ids, stamps, kept = {}, set(), {}
    for signal, groups in found.items():
        kept[signal] = []
        for resource, scope in groups:
            attributes = resource.get("attributes", [])
            stamps |= {one["key"] for one in attributes} & STAMPS
            # Rust's come in any order.
            rest = sorted((one for one in attributes if one["key"] not in STAMPS),
                          key=lambda one: one["key"])
            kept[signal].append(settled([{**resource, "attributes": rest}, scope], ids))
    return kept, stamps


@pytest.fixture(name="beside", scope="module")
def beside_fixture(shared, otlp_module):
    with tempfile.TemporaryDirectory(prefix="sluice.", dir="/tmp") as folder, \
            Beside(shared, pathlib.Path(folder)) as beside:
        yield beside


@pytest.fixture(name="sdk", params=SDKS, ids=lambda sdk: sdk.name(), scope="module")
def sdk_fixture(request):
    return request.param()


@pytest.mark.parametrize("protocol, coding", CODINGS, ids=["-".join(one) for one in CODINGS])
def test_a_collector_gets_the_same_by_the_agent(beside, sdk, protocol, coding):
    if protocol not in sdk.protocols:
        pytest.skip(f"{sdk.name()} has no {protocol}")
    direct, _ = split(beside.direct(sdk, protocol, coding))
    through, stamps = split(beside.through(sdk, protocol, coding))
    assert through == direct
    assert stamps >= {"sluice.uid", "sluice.gid", "sluice.pid", "sluice.comm", "host.name"}
