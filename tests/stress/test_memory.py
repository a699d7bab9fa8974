"""What one unprivileged user can make the agent hold: within the limits it keeps to its own ceiling,
and so does the next start on the same journal."""

import pytest
from harness import NOBODY, Agent

RSS_CEILING_MIB = 256

# As many spans as are let, each with a resource of empty values; then more than a segment of events.
MANY_RESOURCES = """
import os, sys
sys.path.insert(0, sys.argv[1])
import telemetry
from sluice.otlp.v1.common_pb2 import AnyValue
from sluice.otlp.v1.resource_pb2 import Resource
from sluice.v1 import ingest_pb2, ingest_pb2_grpc

resource = Resource()
values = resource.attributes.add(key="service.name").value.array_value.values
for _ in range(8000):
    values.add()
with telemetry.channel(os.environ["SLUICE_SOCKET"]) as channel:
    emit = ingest_pb2_grpc.IngestStub(channel).Emit
    for turn in range(20):
        starts = [telemetry.Span(f"span-{turn}-{at}").start() for at in range(100)]
        emit(ingest_pb2.EmitRequest(resource=resource, batch=dict(records=starts)), timeout=20)
    fill = [telemetry.event("x" * 60_000) for _ in range(60)]
    for turn in range(3):
        emit(ingest_pb2.EmitRequest(batch=dict(records=fill)), timeout=20)
"""

# Chains of ended spans with long names, each kept by the open one at its end.
ENDED_ANCESTORS = """
import os, sys
sys.path.insert(0, sys.argv[1])
import telemetry
from sluice.v1 import ingest_pb2, ingest_pb2_grpc

with telemetry.channel(os.environ["SLUICE_SOCKET"]) as channel:
    emit = ingest_pb2_grpc.IngestStub(channel).Emit
    for chain in range(32):
        spans = [telemetry.Span("x" * 60_000)]
        while len(spans) < 64:
            spans.append(telemetry.Span("x" * 60_000, parent=spans[-1]))
        leaf = telemetry.Span(f"leaf-{chain}", parent=spans[-1])
        records = [spans[0].start()]
        for parent, child in zip(spans, [*spans[1:], leaf]):
            records += child.start(), parent.end()
        answer = emit(ingest_pb2.EmitRequest(batch=dict(records=records)), timeout=20)
        assert not answer.drops, answer.drops
        events = [leaf.event(f"in leaf {chain}")]
        emit(ingest_pb2.EmitRequest(batch=dict(records=events)), timeout=20)
"""

# Small events, each of which is a line with all of its span.
MANY_LINES = """
import os, sys
sys.path.insert(0, sys.argv[1])
import telemetry
span = telemetry.Span("wide")
telemetry.emit(os.environ["SLUICE_SOCKET"], span.start(text="x" * int(sys.argv[3])))
events = [span.event(f"n-{at}.") for at in range(int(sys.argv[2]))]
telemetry.emit(os.environ["SLUICE_SOCKET"], *events, timeout=30)
"""
LINES = 20_000


def test_resources_of_many_open_spans(shared):
    config = '[journal]\nsegment = "8 MiB"\n'
    with Agent(shared, config=config) as agent:
        agent.start()
        agent.run_python(MANY_RESOURCES, shared.support, uid=NOBODY)
        agent.flush()
        assert len(list(agent.journal.glob("*.seg"))) > 1, "no checkpoint was due"
        assert agent.peak_rss_mib() <= RSS_CEILING_MIB
        agent.kill()
        agent.start()
        assert agent.peak_rss_mib() <= RSS_CEILING_MIB


def test_ended_ancestors_of_open_spans(shared):
    with Agent(shared, config='[log]\nmax_size = "0 B"\n') as agent:
        agent.start()
        agent.run_python(ENDED_ANCESTORS, shared.support, uid=NOBODY)
        agent.flush()
        assert agent.log().count(" in leaf ") == 32
        assert agent.peak_rss_mib() <= RSS_CEILING_MIB


@pytest.mark.parametrize("field_bytes", (60_000, 15_000))
def test_lines_of_many_events_in_one_span(shared, field_bytes):
    with Agent(shared, config='[log]\nmax_size = "0 B"\n') as agent:
        agent.start()
        agent.run_python(MANY_LINES, shared.support, LINES, field_bytes, uid=NOBODY)
        agent.sluice("flush", "--all", "--timeout", "60s", timeout=90)
        with open(agent.log_path, encoding="utf-8") as log:
            numbers = [int(line.rpartition(" n-")[2].rstrip(".\n")) for line in log if " n-" in line]
        assert numbers == list(range(LINES))
        assert agent.peak_rss_mib() <= RSS_CEILING_MIB
