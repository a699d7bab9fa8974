"""The real Collector gets what `sluice tree` shows, by each protocol and each way to it. It is built from the
Go module proxy, only by tests/run --only interop, into a folder outside the clone."""

import json
import os
import pathlib
import shutil
import tempfile
import urllib.request

import pytest
from collector import Collector, build, free_port
from harness import BUILT, NOBODY, REPOSITORY, Agent, wait_until
from otlp_peers import Certificates, ConnectProxy

pytestmark = pytest.mark.skipif(os.environ.get("SLUICE_DOWNLOADS") != "1",
                                reason="OpenTelemetry's Collector is built only by "
                                       "tests/run --only interop")

PROTOCOLS = {"grpc": "grpc", "protobuf": "http/protobuf", "json": "http/json"}
WAYS = ("plain", "gzip", "tls", "mtls", "proxy", "unix")


@pytest.fixture(scope="module", name="program")
def program_fixture():
    return build()


class Way:
    """How one protocol reaches the Collector in one way: what each side is configured with."""

    def __init__(self, protocol, way, folder, certificates, proxy):
        self.name = f"{protocol}_{way}"
        port = free_port()
        # By HTTP without TLS a proxy is asked for the whole address instead of a tunnel.
        secure = way in ("tls", "mtls", "proxy")
        receiver = {"endpoint": f"127.0.0.1:{port}"}
        host = "collector.test" if way == "proxy" else "localhost"
        settings = {"endpoint": f"{'https' if secure else 'http'}://{host}:{port}",
                    "protocol": PROTOCOLS[protocol], "compression": "none"}
        if way == "gzip":
            settings["compression"] = "gzip"
        if way == "proxy":
            settings["proxy"] = proxy.endpoint
        if way == "unix":
            path = folder / f"{self.name}.sock"
            receiver = {"endpoint": str(path), "transport": "unix"}
            settings["endpoint"] = f"unix://{path}"
        if secure:
            certificate, key = certificates["server"]
            receiver["tls"] = {"cert_file": str(certificate), "key_file": str(key)}
            settings["ca_file"] = str(certificates["authority"])
        if way == "mtls":
            receiver["tls"]["client_ca_file"] = str(certificates["authority"])
            certificate, key = certificates["client"]
            settings |= {"client_cert_file": str(certificate), "client_key_file": str(key)}
        self.receiver = {"grpc" if protocol == "grpc" else "http": receiver}
        self.section = f"[otlp.{self.name}]\n" + "".join(
            f"{key} = {json.dumps(value)}\n" for key, value in settings.items())


def run_the_demos_job(agent, folder):
    steps = folder / "steps"
    steps.mkdir()
    for name in ("job", "create_users.py"):
        shutil.copy(REPOSITORY / "client/examples/provision" / name, steps)
    shutil.copy(BUILT / "prepare_disk", steps)
    scratch = folder / "scratch"
    scratch.mkdir()
    scratch.chmod(0o1777)
    agent.sluice("run", "--target", "provision", "--name", "provision", "--", steps / "job", uid=NOBODY,
                 env={"PATH": f"{agent.shared.folder}:/usr/bin:/bin", "STEPS": str(steps),
                      "SCRATCH": str(scratch), **agent.shared.environment(agent)})
    wait_until(lambda: not agent.status("--open")["open_spans"], "all spans have ended")


def value_of(value):
    if not value:
        return None
    [(kind, content)] = value.items()
    if kind == "arrayValue":
        return [value_of(one) for one in content.get("values", ())]
    return int(content) if kind == "intValue" else content


def attributes_of(item):
    return {one["key"]: value_of(one["value"]) for one in item.get("attributes", ())}


def arrived(requests):
    """Each span by its id, in the words of `sluice tree --json`."""
    words = {0: "unset", 1: "ok", 2: "error"}
    spans = {}
    for group in (group for request in requests for group in request.get("resourceSpans", ())):
        who = attributes_of(group["resource"])
        for scope, span in ((scope, span) for scope in group["scopeSpans"] for span in scope["spans"]):
            assert span["spanId"] not in spans, "each span arrives once"
            events = [dict(time_unix_nano=event["timeUnixNano"], message=event["name"],
                           attributes={key: value for key, value in attributes_of(event).items()
                                       if key not in ("level", "target")},
                           level=attributes_of(event)["level"], target=attributes_of(event)["target"])
                      for event in span.get("events", ())]
            spans[span["spanId"]] = dict(
                trace_id=span["traceId"], parent_span_id=span.get("parentSpanId", ""),
                name=span["name"], target=scope["scope"]["name"],
                status=words[span.get("status", {}).get("code", 0)],
                status_message=span.get("status", {}).get("message", ""),
                start_time_unix_nano=span["startTimeUnixNano"],
                end_time_unix_nano=span["endTimeUnixNano"], attributes=attributes_of(span),
                uid=who["sluice.uid"], pid=who["sluice.pid"],
                events=sorted(events, key=lambda event: event["time_unix_nano"]))
    return spans


def shown(tree):
    """The same from `sluice tree --json`."""
    keys = ("name", "target", "status", "start_time_unix_nano", "end_time_unix_nano", "attributes",
            "uid", "pid")
    return {span["span_id"]: dict(
        {key: span[key] for key in keys}, trace_id=tree["trace_id"],
        parent_span_id=span.get("parent_span_id", ""), status_message=span.get("status_message", ""),
        events=sorted(({key: event[key] for key in ("time_unix_nano", "message", "attributes",
                                                    "level", "target")} for event in span["events"]),
                      key=lambda event: event["time_unix_nano"])) for span in tree["spans"]}


@pytest.fixture(name="folder")
def folder_fixture():
    """One that any uid may read, with a name short enough for sockets."""
    with tempfile.TemporaryDirectory(prefix="sluice.", dir="/tmp") as folder:
        path = pathlib.Path(folder)
        path.chmod(0o755)
        yield path


@pytest.mark.usefixtures("otlp_module")
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_gets_what_the_tree_shows_by_every_way(shared, program, folder, protocol):
    made = Certificates(folder / "certificates")
    certificates = {"authority": made.authority, "server": made.sign("server", "DNS:localhost,DNS:collector.test"),
                    "client": made.sign("client")}
    with ConnectProxy() as proxy:
        ways = [Way(protocol, way, folder, certificates, proxy) for way in WAYS]
        config = "".join(way.section for way in ways)
        with Collector(program, folder, {way.name: way.receiver for way in ways}) as collector, \
                Agent(shared, config=config) as agent:
            agent.start()
            run_the_demos_job(agent, folder)
            agent.flush()
            tree = shown(json.loads(agent.sluice("tree", "--last", "--json").stdout))
            assert len(tree) >= 12 and any(span["events"] for span in tree.values())
            assert {span["status"] for span in tree.values()} >= {"error", "unset"}
            for way in ways:
                wait_until(lambda way=way: len(arrived(collector.requests(way.name))) >= len(tree),
                           f"all spans are there by {way.name}: {agent.status()['sinks']}")
                assert arrived(collector.requests(way.name)) == tree, way.name
        assert proxy.seen


def outline(requests):
    """What is in them: spans by id, and how many events of spans and log records."""
    groups = [group for request in requests for group in request.get("resourceSpans", ())]
    spans = [span for group in groups for scope in group["scopeSpans"] for span in scope["spans"]]
    records = [record for request in requests for group in request.get("resourceLogs", ())
               for scope in group["scopeLogs"] for record in scope["logRecords"]]
    return ({span["spanId"]: (span["name"], span.get("parentSpanId", ""), span["startTimeUnixNano"],
                              span["endTimeUnixNano"]) for span in spans},
            sum(len(span.get("events", ())) for span in spans), len(records))


# Its receiver for files of such lines, otlpjsonfile, cannot be had from the module proxy. It reads a line as the
# receiver of OTLP over HTTP reads the body of a request.
def test_it_takes_what_the_tool_exports(shared, program, folder):
    receivers = {name: {"http": {"endpoint": f"127.0.0.1:{free_port()}"}} for name in ("otlp", "jsonl")}
    with Collector(program, folder, receivers) as collector, Agent(shared) as agent:
        agent.start()
        run_the_demos_job(agent, folder)
        agent.flush()
        tree = json.loads(agent.sluice("tree", "--last", "--json").stdout)
        for name, receiver in receivers.items():
            exported = agent.sluice("export", "--last", "--format", name).stdout
            for body in exported.splitlines() if name == "jsonl" else [exported]:
                signal = "logs" if "resourceLogs" in json.loads(body) else "traces"
                request = urllib.request.Request(f"http://{receiver['http']['endpoint']}/v1/{signal}",
                                                 body.encode(), {"Content-Type": "application/json"})
                assert urllib.request.urlopen(request, timeout=20).status == 200
        spans = {span["span_id"]: (span["name"], span.get("parent_span_id", ""), span["start_time_unix_nano"],
                                   span["end_time_unix_nano"]) for span in tree["spans"]}
        events = sum(len(span["events"]) for span in tree["spans"])
        assert len(spans) >= 12 and events > 0
        for name, expected in {"otlp": (spans, events, 0), "jsonl": (spans, 0, events)}.items():
            wait_until(lambda name=name, expected=expected: outline(collector.requests(name)) == expected,
                       f"all is there from {name}: {outline(collector.requests(name))}")
