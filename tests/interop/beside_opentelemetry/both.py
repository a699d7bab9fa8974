"""Loads both families of messages and reads one's bytes as the other's."""

from opentelemetry.proto.trace.v1 import trace_pb2 as official
from sluice.otlp.v1 import trace_pb2 as ours
from sluice.v1 import ingest_pb2, query_pb2  # noqa: F401, loading them is the test

span = ours.Span(trace_id=bytes(range(16)), span_id=bytes(range(8)), name="both")
read = official.Span.FromString(span.SerializeToString())
assert (read.trace_id, read.span_id, read.name) == (span.trace_id, span.span_id, "both")
print("ok")
