"""create_users.py NAME...: a step of the provisioning job, in Python, with no library of ours: stock
grpcio and what protoc makes of proto/. The span's parent comes by TRACEPARENT."""

import os
import sys
import time

import grpc
from sluice.v1 import ingest_pb2, ingest_pb2_grpc
from sluice.v1.record_pb2 import RECORD_KIND_SPAN_END, RECORD_KIND_SPAN_START, Record

TARGET = "provision"


def create_user(name, trace_id, parent_id):
    """A span with an event in it, as three records."""
    ids = dict(trace_id=trace_id, span_id=os.urandom(8))
    start = Record(kind=RECORD_KIND_SPAN_START, target=TARGET, span=dict(
        ids, parent_span_id=parent_id, name="create_user", start_time_unix_nano=time.time_ns(),
        attributes=[dict(key="user", value=dict(string_value=name))]))
    created = Record(target=TARGET, event=dict(
        ids, time_unix_nano=time.time_ns(), body=dict(string_value=f"user {name} created")))
    end = Record(kind=RECORD_KIND_SPAN_END, span=dict(ids, end_time_unix_nano=time.time_ns()))
    return [start, created, end]


def main():
    _version, trace_id, parent_id, _flags = os.environ["TRACEPARENT"].split("-")
    records = [record for name in sys.argv[1:]
               for record in create_user(name, bytes.fromhex(trace_id), bytes.fromhex(parent_id))]
    with grpc.insecure_channel("unix:" + os.environ["SLUICE_SOCKET"]) as channel:
        answer = ingest_pb2_grpc.IngestStub(channel).Emit(
            ingest_pb2.EmitRequest(batch=dict(records=records)), timeout=10)
    if answer.accepted != len(records):
        sys.exit(f"only {answer.accepted} of {len(records)} records were taken: {answer.drops}")


if __name__ == "__main__":
    main()
