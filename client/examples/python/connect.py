"""Streams a span with an event in it and waits for the ack: connect.py SOCKET NAME."""
import os, sys, time, uuid

import grpc
from sluice.v1 import ingest_pb2_grpc
from sluice.v1.ingest_pb2 import Batch, ClientMessage, Hello
from sluice.v1.record_pb2 import RECORD_KIND_SPAN, Record

ids, now = dict(trace_id=uuid.uuid4().bytes, span_id=os.urandom(8)), time.time_ns()
span = dict(ids, name=sys.argv[2], start_time_unix_nano=now, end_time_unix_nano=now + 1_000_000)
event = dict(ids, time_unix_nano=now, body=dict(string_value=f"hello from {sys.argv[2]}"))
records = [Record(target="python", event=event), Record(kind=RECORD_KIND_SPAN, target="python", span=span)]
messages = [ClientMessage(hello=Hello(protocol_version=1, client_id=os.urandom(16))),
            ClientMessage(batch=Batch(first_sequence=1, records=records))]
with grpc.insecure_channel(f"unix:{sys.argv[1]}") as channel:
    for answer in ingest_pb2_grpc.IngestStub(channel).Connect(iter(messages), timeout=10):
        if answer.ack.sequence == 2:
            print(answer.ack.sequence)
            break
