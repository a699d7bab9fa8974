"""What the agent says about what it holds stays small, however large it was made: neither a list of
open spans nor the newest records take many times their bytes in its memory."""

from harness import NOBODY

MIB = 1024 * 1024

# Says how many bytes the answers take, and how many of what was asked for are in them.
ASK = """
import os, sys, time, grpc
from sluice.v1 import ingest_pb2_grpc, query_pb2_grpc
from sluice.v1.ingest_pb2 import EmitRequest
from sluice.v1.query_pb2 import RecordsRequest, StatusRequest

OPTIONS = [("grpc.max_receive_message_length", -1)]
with grpc.insecure_channel("unix:" + os.environ["SLUICE_SOCKET"], OPTIONS) as channel:
    query = query_pb2_grpc.QueryStub(channel)

    def emit(records, attributes):
        request = EmitRequest(batch=dict(records=records), resource=dict(attributes=attributes))
        return ingest_pb2_grpc.IngestStub(channel).Emit(request, timeout=20).accepted

"""
OPEN_SPANS = ASK + """
    name = "\u00e9" * 500
    spans = [dict(kind=1, level=3, target="t",
                  span=dict(trace_id=os.urandom(16), span_id=os.urandom(8), name=name[:n % 300],
                            start_time_unix_nano=1)) for n in range(7000)]
    print(emit(spans, [dict(key="service.name", value=dict(string_value=name[:200]))]))
    answer = query.Status(StatusRequest(open_spans=True), timeout=20)
    print(answer.open_span_count)
    longest = max(len(one.name) for one in answer.open_spans)
    print(longest, {len(one.service_name) for one in answer.open_spans})
    print(answer.ByteSize(), len(answer.open_spans))
"""
NEWEST = ASK + """
    events = [dict(level=3, target="t", event=dict(time_unix_nano=1)) for n in range(1000)]
    print(emit(events, [dict(key="k", value=dict(array_value=dict(values=[{}] * 7000)))]))
    records = [record for answer in query.Records(RecordsRequest(limit=400), timeout=20)
               for record in answer.records]
    [attribute] = records[-1].resource.attributes
    print(len(records), len(attribute.value.array_value.values))
"""


def peak_bytes(agent):
    """The most memory that the agent ever held."""
    with open(f"/proc/{agent.process.pid}/status", encoding="ascii") as status:
        [line] = [line for line in status if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def test_open_spans_are_listed_with_short_names_as_far_as_there_is_room(agent):
    lines = agent.run_python(OPEN_SPANS, uid=NOBODY).stdout.splitlines()
    assert lines[:3] == ["7000", "7000", "128 {128}"]
    size, count = map(int, lines[3].split())
    assert size < 4 * MIB and 1000 < count < 7000


def test_the_newest_records_are_not_held_as_messages(agent):
    before = peak_bytes(agent)
    assert agent.run_python(NEWEST, uid=NOBODY).stdout == "1000\n400 7000\n"
    assert peak_bytes(agent) - before < 60 * MIB
