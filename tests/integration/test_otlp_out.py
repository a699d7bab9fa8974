"""What is exported by OTLP to a file is what `sluice tree` shows, and a killed agent repeats at most
one request."""

import collections
import json
import pathlib
import signal
import time

import pytest
from harness import NOBODY, Agent, wait_until
from victim import WAITS, Victim

CONFIG = """
[otlp]
endpoint = "file://{path}"
{more}
"""


@pytest.fixture
def exporting(shared, request):
    more = getattr(request, "param", "")
    with Agent(shared) as agent:
        agent.otlp_path = agent.folder / "log/otlp.jsonl"
        agent.config_path.write_text(CONFIG.format(path=agent.otlp_path, more=more))
        agent.start()
        yield agent


def requests(agent):
    """The lines of the exported files, oldest first."""
    paths = [agent.otlp_path.with_name(f"otlp.jsonl.{number}") for number in range(9, 0, -1)]
    return [json.loads(line) for path in [*paths, agent.otlp_path] if path.exists()
            for line in path.read_text().splitlines()]


def value_of(value):
    [(kind, content)] = value.items()
    return int(content) if kind == "intValue" else content


def attributes_of(attributes):
    return {one["key"]: value_of(one["value"]) for one in attributes}


def flush(agent):
    agent.sluice("flush", "--sink", "otlp", "--timeout", "15s")


def spans_in(agent):
    """Each exported span with its resource's attributes and its scope's name."""
    return [dict(span, resource=attributes_of(group["resource"]["attributes"]),
                 target=scope["scope"]["name"])
            for request in requests(agent) for group in request.get("resourceSpans", ())
            for scope in group["scopeSpans"] for span in scope["spans"]]


def logs_in(agent):
    return [record for request in requests(agent) for group in request.get("resourceLogs", ())
            for scope in group["scopeLogs"] for record in scope["logRecords"]]


def exported(agent, name):
    [span] = [span for span in spans_in(agent) if span["name"] == name]
    return span


JOB = """
set -e
"$SLUICE" event --timeout 10s --target job --attr disk=sda --attr tries:int=2 'job begins'
"$SLUICE" run --timeout 10s --name fetch --target job -- true
"$SLUICE" run --timeout 10s --name format --target disk -- sh -c 'exit 3' || true
"""


def test_the_export_is_what_the_tree_shows(exporting):
    agent = exporting
    agent.sluice("run", "--name", "provision", "--target", "job", "--", "sh", "-c", JOB,
                 uid=NOBODY, env={"SLUICE": str(agent.shared.sluice)})
    flush(agent)
    provision, fetch, failed = (exported(agent, name) for name in ("provision", "fetch", "format"))
    assert "parentSpanId" not in provision
    assert fetch["parentSpanId"] == failed["parentSpanId"] == provision["spanId"]
    assert len({span["traceId"] for span in (provision, fetch, failed)}) == 1
    assert (provision["target"], failed["target"]) == ("job", "disk")
    for span in (provision, fetch, failed):
        assert int(span["startTimeUnixNano"]) < int(span["endTimeUnixNano"]) <= time.time_ns()
        assert span["resource"]["sluice.uid"] == NOBODY
        assert span["resource"]["host.name"]
        assert span["resource"]["service.name"]
    assert failed["status"]["code"] == 2 and failed["status"]["message"]
    [event] = provision["events"]
    assert event["name"] == "job begins"
    assert attributes_of(event["attributes"]) == dict(disk="sda", tries=2, level="INFO", target="job")
    assert "code" not in provision.get("status", {}) or provision["status"]["code"] != 2
    text = agent.sluice("tree", "--last").stdout
    for name in ("provision", "fetch", "format"):
        assert name in text


def test_a_span_of_a_killed_process_is_exported_as_aborted(exporting):
    victim = Victim(exporting, "killed_span", WAITS)
    victim.kill()
    span = wait_until(lambda: [span for span in spans_in(exporting)
                               if span["name"] == "killed_span"], "the span is exported")[0]
    assert span["status"]["code"] == 2
    assert "sluice.abort.cause" in attributes_of(span["attributes"])


METRICS = """
import os, otlp
from sluice.otlp.v1 import collector_pb2
# A gauge of one data point at a time; there is no message for it here.
GAUGE = b"\\x0a\\x05speed" + b"\\x2a\\x0b\\x0a\\x09\\x19" + bytes(8)
request = collector_pb2.ExportMetricsServiceRequest()
scope = request.resource_metrics.add().scope_metrics.add()
scope.scope.name = "meter"
scope.metrics.append(GAUGE)
with otlp.channel(os.environ["SLUICE_SOCKET"]) as channel:
    answer = otlp.export(channel, "metrics", request)
    assert not answer.HasField("partial_success"), answer
"""


def test_metrics_pass_through(exporting):
    exporting.run_python(METRICS, uid=NOBODY)
    flush(exporting)
    [group] = [group for request in requests(exporting)
               for group in request.get("resourceMetrics", ())]
    assert attributes_of(group["resource"]["attributes"])["sluice.uid"] == NOBODY
    [scope] = group["scopeMetrics"]
    assert scope["scope"]["name"] == "meter"
    assert [metric["name"] for metric in scope["metrics"]] == ["speed"]
    assert len(scope["metrics"][0]["gauge"]["dataPoints"]) == 1


def test_stdout_is_a_destination(shared):
    with Agent(shared, config='[otlp]\nendpoint = "stdout"\n') as agent:
        agent.start()
        agent.sluice("event", "hello out there")
        flush(agent)
        lines = [line for line in agent.stderr().splitlines() if line.startswith('{"resourceLogs"')]
        assert len(lines) == 1 and "hello out there" in lines[0]


def test_events_of_an_open_span_outlive_a_killed_agent(exporting):
    import telemetry
    agent = exporting
    span = telemetry.Span("long")
    telemetry.emit(agent.socket, span.start(), span.event("before the kill"))
    telemetry.emit(agent.socket, telemetry.event("outside"))
    flush(agent)
    agent.process.send_signal(signal.SIGKILL)
    agent.process.wait(20)
    agent.start()
    telemetry.emit(agent.socket, span.event("after it"), span.end())
    flush(agent)
    assert [event["name"] for event in exported(agent, "long")["events"]] == ["after it"]
    # A start begins a segment of the journal, and nothing is held beyond one.
    assert sorted(record["body"]["stringValue"] for record in logs_in(agent)) \
        == ["before the kill", "outside"]


def test_what_is_sent_is_counted(exporting):
    exporting.sluice("event", "hello")
    flush(exporting)
    assert [counter["value"] for counter in exporting.status()["counters"]
            if (counter["name"], counter["reason"]) == ("otlp.sent", "otlp logs")] == [1]


ROUNDS = 5
EVENTS = 200


def test_a_killed_agent_repeats_at_most_a_request(exporting):
    agent = exporting
    import telemetry
    sent = 0
    for _round in range(ROUNDS):
        names = range(sent, sent + EVENTS)
        for first in range(sent, sent + EVENTS, 10):
            telemetry.emit(agent.socket, *(telemetry.event(f"event {number}")
                                           for number in range(first, first + 10)))
        sent = names.stop
        agent.process.send_signal(signal.SIGKILL)
        agent.process.wait(20)
        agent.start()
    flush(agent)
    texts = collections.Counter()
    by_request = []
    for request in requests(agent):
        in_request = {record["body"]["stringValue"] for group in request["resourceLogs"]
                      for scope in group["scopeLogs"] for record in scope["logRecords"]}
        texts.update(in_request)
        by_request.append(in_request)
    assert set(texts) == {f"event {number}" for number in range(sent)}
    doubled = {text for text, count in texts.items() if count > 1}
    holding = [one for one in by_request if one & doubled]
    assert len(holding) <= 2 * ROUNDS, "each kill repeats one request"
    assert max(texts.values()) <= 2


def test_the_file_is_rotated_and_survives_a_restart(exporting):
    agent = exporting
    agent.sluice("event", "before")
    flush(agent)
    agent.otlp_path.rename(agent.otlp_path.with_name("moved"))
    agent.restart()
    agent.sluice("event", "after")
    flush(agent)
    [record] = logs_in(agent)
    assert record["body"]["stringValue"] == "after"
    assert "before" in pathlib.Path(agent.otlp_path.with_name("moved")).read_text()
