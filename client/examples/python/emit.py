"""Emits a span with an event in it: emit.py SOCKET NAME. Needs grpcio and what protoc makes of proto/."""
import os, sys, time, uuid

import grpc
from sluice.v1 import ingest_pb2, ingest_pb2_grpc
from sluice.v1.record_pb2 import RECORD_KIND_SPAN_END, RECORD_KIND_SPAN_START, Record

ids = dict(trace_id=uuid.uuid4().bytes, span_id=os.urandom(8))
records = [
    Record(kind=RECORD_KIND_SPAN_START, target="python",
           span=dict(ids, name=sys.argv[2], start_time_unix_nano=time.time_ns())),
    Record(target="python", event=dict(ids, time_unix_nano=time.time_ns(),
                                       body=dict(string_value=f"hello from {sys.argv[2]}"))),
    Record(kind=RECORD_KIND_SPAN_END, span=dict(ids, end_time_unix_nano=time.time_ns())),
]
with grpc.insecure_channel(f"unix:{sys.argv[1]}") as channel:
    # With an id and numbers the call may be made again after a timeout: it is stored once.
    request = ingest_pb2.EmitRequest(client_id=os.urandom(16),
                                     batch=dict(first_sequence=1, records=records))
    print(ingest_pb2_grpc.IngestStub(channel).Emit(request, timeout=10).accepted)
