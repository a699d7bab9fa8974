"""Records and a gRPC connection for tests, made of proto/ alone. Import after harness.Shared has
generated the classes."""

import contextlib
import os
import queue
import time

import grpc
from sluice.v1 import ingest_pb2, ingest_pb2_grpc, query_pb2, query_pb2_grpc, record_pb2
from sluice.v1.record_pb2 import Record

TARGET = "test"


def attributes(values):
    kinds = {str: "string_value", bool: "bool_value", int: "int_value", float: "double_value"}
    return [dict(key=key, value={kinds[type(value)]: value}) for key, value in values.items()]


class Span:
    """Ids of one span, and the records about it."""

    def __init__(self, name, trace_id=None, parent=None):
        self.name = name
        self.trace_id = trace_id or (parent.trace_id if parent else os.urandom(16))
        self.span_id = os.urandom(8)
        self.parent_id = parent.span_id if parent else b""

    def _record(self, kind, **body):
        return Record(kind=kind, target=TARGET, level=record_pb2.LEVEL_INFO,
                      span=dict(body, trace_id=self.trace_id, span_id=self.span_id))

    def start(self, **values):
        return self._record(record_pb2.RECORD_KIND_SPAN_START, name=self.name,
                            parent_span_id=self.parent_id, start_time_unix_nano=time.time_ns(),
                            attributes=attributes(values))

    def update(self, **values):
        return self._record(record_pb2.RECORD_KIND_SPAN_UPDATE, attributes=attributes(values))

    def end(self, **values):
        return self._record(record_pb2.RECORD_KIND_SPAN_END, end_time_unix_nano=time.time_ns(),
                            attributes=attributes(values))

    def whole(self, **values):
        now = time.time_ns()
        return self._record(record_pb2.RECORD_KIND_SPAN, name=self.name,
                            parent_span_id=self.parent_id, start_time_unix_nano=now - 1000,
                            end_time_unix_nano=now, attributes=attributes(values))

    def event(self, text, **values):
        return event(text, trace_id=self.trace_id, span_id=self.span_id, **values)


def event(text, trace_id=b"", span_id=b"", level=record_pb2.LEVEL_INFO, target=TARGET, **values):
    return Record(kind=record_pb2.RECORD_KIND_EVENT, target=target, level=level,
                  event=dict(time_unix_nano=time.time_ns(), body=dict(string_value=text),
                             trace_id=trace_id, span_id=span_id, attributes=attributes(values)))


@contextlib.contextmanager
def channel(path):
    with grpc.insecure_channel(f"unix:{path}", options=[("grpc.use_local_subchannel_pool", 1),
                                                        ("grpc.initial_reconnect_backoff_ms", 50),
                                                        ("grpc.max_reconnect_backoff_ms", 200)]) as one:
        yield one


def emit(path, *records, client_id=b"", first_sequence=0, timeout=10, wait_for_ready=False):
    """One Emit on a connection of its own."""
    with channel(path) as one:
        request = ingest_pb2.EmitRequest(
            client_id=client_id,
            batch=dict(records=records, first_sequence=first_sequence))
        return ingest_pb2_grpc.IngestStub(one).Emit(request, timeout=timeout,
                                                    wait_for_ready=wait_for_ready)


def stored(agent, **request):
    """Every StoredRecord of the journal, through the admin socket."""
    with channel(agent.admin_socket) as one:
        answers = query_pb2_grpc.ControlStub(one).Records(query_pb2.RecordsRequest(**request),
                                                          timeout=20)
        return [record for answer in answers for record in answer.records]


class Stream:
    """One Connect stream: send messages, read answers, each with a deadline."""

    def __init__(self, path, client_id=None, open_spans=(), service="test"):
        self.client_id = client_id or os.urandom(16)
        self.sequence = 1
        self.requests = queue.Queue()
        self.channel = grpc.insecure_channel(f"unix:{path}",
                                             options=[("grpc.use_local_subchannel_pool", 1)])
        self.answers = ingest_pb2_grpc.IngestStub(self.channel).Connect(
            iter(self.requests.get, None), timeout=60, wait_for_ready=True)
        self.send(hello=dict(
            protocol_version=1, client_id=self.client_id, open_spans=open_spans,
            resource=dict(attributes=attributes({"service.name": service}))))
        self.welcome = self.next("welcome")

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()

    def close(self):
        self.requests.put(None)
        self.answers.cancel()
        self.channel.close()

    def send(self, **message):
        self.requests.put(ingest_pb2.ClientMessage(**message))

    def next(self, kind):
        """The next answer of that kind; others before it are left out."""
        for answer in self.answers:
            if answer.WhichOneof("message") == kind:
                return getattr(answer, kind)
        raise AssertionError(f"the stream ended before a {kind}")

    def batch(self, *records, wait=True):
        """Sends records and waits until they are acknowledged. Returns the last ack."""
        self.send(batch=dict(first_sequence=self.sequence, records=records))
        self.sequence += len(records)
        return self.wait_ack(self.sequence - 1) if wait else None

    def wait_ack(self, sequence):
        drops = []
        while True:
            ack = self.next("ack")
            drops.extend(ack.drops)
            if ack.sequence >= sequence:
                return ack.sequence, {drop.reason: drop.count for drop in drops}
