"""One user who makes every call there is, in any order and at the limits of what it may cost.

    mix.py UID SEED SOCKET SECONDS

As root, since it becomes the user. Prints one JSON object: records of emits that were answered
(`sent`), what became of them (`accepted`, `drops`), answers that do not add up (`wrong`), records
of which no answer came (`unanswered`), and calls by kind."""

import collections
import json
import os
import random
import sys
import time

from attacks import (BATCH, CONNECT, EMIT, EXPLAIN, OPEN_SPANS, STATUS, Explain, LargeEvents,
                     NestedEvents, TinyEvents, WideSpan, become, emit_request, field_of, repeat)
from attacks import RECORDS as RECORDS_FIELD
from http2 import MIB, Broken, Client, cut_messages
from sluice.v1 import filter_pb2, ingest_pb2, query_pb2
from sluice.v1.record_pb2 import LEVEL_INFO, RECORD_KIND_SPAN_END, Record

FLUSH = b"/sluice.v1.Ingest/Flush"
RECORDS = b"/sluice.v1.Query/Records"
LINES = b"/sluice.v1.Query/Lines"
CHECK_FILTER = b"/sluice.v1.Query/CheckFilter"
HEALTH = b"/grpc.health.v1.Health/Check"
CONNECTIONS = 6
CALLS_IN_FLIGHT = 12
PATIENCE_S = 3


CLIENT_BATCH = 2  # the field of ClientMessage


def counted(message):
    """The batch of an EmitRequest, encoded, and its records."""
    request = ingest_pb2.EmitRequest.FromString(message)
    return request.batch.SerializeToString(), len(request.batch.records)


class User:
    def __init__(self, seed, path):
        self.random = random.Random(seed)
        self.path = path
        self.clients = []
        self.pending = {}  # (client, stream): records
        self.totals = collections.Counter(sent=0, accepted=0, drops=0, unanswered=0)
        self.kinds = collections.Counter()
        self.drops = collections.Counter()
        self.wrong = []
        self.batches = []
        self.acts = [(8, self.emit), (3, self.open_and_end), (3, self.stream), (3, self.status),
                     (2, self.records), (2, self.lines), (3, self.explain), (2, self.check_filter),
                     (2, self.flush), (1, self.health), (1, self.leave)]

    def prepare(self):
        client = Client(self.path, PATIENCE_S)
        nested, wide = NestedEvents(), WideSpan()
        nested.prepare(client, 1)
        wide.prepare(client, 1)
        noise = [self.random.randbytes(self.random.randrange(200)) for _ in range(500)]
        self.batches = [counted(message) for message in (
            TinyEvents.message, LargeEvents.message, nested.message, wide.message,
            repeat(b"", bytes_in_all=4 * MIB - 64))]
        self.batches.append((b"".join(field_of(RECORDS_FIELD, one) for one in noise), len(noise)))
        self.clients.append(client)
        # Taken without being counted here.
        self.totals["unanswered"] += 200

    def step(self):
        """One act on some connection. A connection that breaks is done with."""
        client = self.pick_client()
        act = self.random.choices([act for _weight, act in self.acts],
                                  [weight for weight, _act in self.acts])[0]
        self.kinds[act.__name__] += 1
        try:
            client.wait_until(lambda: len(client.windows) < CALLS_IN_FLIGHT)
            act(client)
        except (OSError, Broken):
            self.drop(client)
        self.settle()

    def pick_client(self):
        if len(self.clients) < self.random.randrange(1, CONNECTIONS + 1):
            self.clients.append(Client(self.path, PATIENCE_S))
        return self.random.choice(self.clients)

    def drop(self, client):
        client.close()
        if client in self.clients:
            self.clients.remove(client)
        self.settle()

    def settle(self):
        """Counts the answers that have come, and those that never will."""
        for (client, stream), records in list(self.pending.items()):
            if stream in client.windows and not client.is_closed:
                continue
            del self.pending[client, stream]
            answer = cut_messages(client.bodies.pop(stream, bytearray()))
            if answer:
                self.count(ingest_pb2.EmitResponse.FromString(answer[0]), records)
            else:
                self.totals["unanswered"] += records

    def count(self, answer, records):
        dropped = sum(drop.count for drop in answer.drops)
        if answer.accepted + dropped != records:
            self.wrong.append(f"{records} sent, {answer.accepted} accepted, {dropped} dropped")
        self.totals.update(sent=records, accepted=answer.accepted, drops=dropped)
        for drop in answer.drops:
            self.drops[drop.reason] += drop.count

    def emit_message(self, client, message, records):
        stream = client.begin(EMIT, wanted=True)
        self.pending[client, stream] = records
        client.send(stream, message)
        self.end_somehow(client, stream)

    def end_somehow(self, client, stream):
        """The answer is read, or not yet, or no longer wanted."""
        way = self.random.random()
        if way < .6:
            client.wait_until(lambda: stream not in client.windows)
        elif way > .9 and stream in client.windows:
            client.reset(stream)

    def ask(self, client, path, request):
        self.end_somehow(client, client.ask(path, request.SerializeToString()))

    # ---- acts

    def emit(self, client):
        batch, records = self.random.choice(self.batches)
        self.emit_message(client, field_of(BATCH, batch), records)

    def open_and_end(self, client):
        """Small spans, of which some end."""
        count = self.random.choice((1, 20, OPEN_SPANS // 4))
        trace = self.random.randbytes(16)
        now = time.time_ns()
        ids = [self.random.randbytes(8) for _ in range(count)]
        records = [Record(kind=1, level=LEVEL_INFO, span=dict(
            trace_id=trace, span_id=one, name="mixed", start_time_unix_nano=now)) for one in ids]
        records += [Record(kind=RECORD_KIND_SPAN_END, span=dict(
            trace_id=trace, span_id=one, end_time_unix_nano=now + 1))
            for one in ids if self.random.random() < .9]
        self.emit_message(client, emit_request(records), len(records))

    def stream(self, client):
        """A greeting, some batches, a flush; its records count as unanswered."""
        stream = client.begin(CONNECT)
        spans = [b"x" * 24] * self.random.choice((0, 10_000, 100_000))
        hello = ingest_pb2.Hello(protocol_version=1, client_id=self.random.randbytes(16),
                                 open_spans=spans)
        client.send(stream, ingest_pb2.ClientMessage(hello=hello).SerializeToString(), end=False)
        sequence = 1
        for _ in range(self.random.randrange(4)):
            batch, records = self.random.choice(self.batches)
            first = ingest_pb2.Batch(first_sequence=sequence).SerializeToString()
            sequence += records
            self.totals["unanswered"] += records
            client.send(stream, field_of(CLIENT_BATCH, first + batch), end=False)
        flush = ingest_pb2.ClientMessage(flush=dict(timeout_ms=self.random.randrange(1, 2000)))
        client.send(stream, flush.SerializeToString(), end=self.random.random() < .5)
        if stream in client.windows and self.random.random() < .8:
            client.reset(stream)

    def status(self, client):
        self.ask(client, STATUS, query_pb2.StatusRequest(open_spans=True))

    def records(self, client):
        self.ask(client, RECORDS, query_pb2.RecordsRequest(
            last_trace=self.random.random() < .3, limit=self.random.choice((0, 10, 10_000))))

    def lines(self, client):
        self.ask(client, LINES, query_pb2.LinesRequest(
            style=self.random.randrange(4), newest=self.random.choice((0, 10, 100_000)),
            follow=self.random.random() < .3))

    def explain(self, client):
        if self.random.random() < .5:
            return self.end_somehow(client, client.ask(EXPLAIN, Explain.message))
        return self.ask(client, EXPLAIN, filter_pb2.ExplainRequest(record=dict(
            level=LEVEL_INFO, event=dict(body=dict(string_value="x" * 60_000)))))

    def check_filter(self, client):
        patterns = ",".join(f"t{n}[s{{f=\"(a|b)*{n}.*\"}}]=debug" for n in range(1500))
        self.ask(client, CHECK_FILTER, filter_pb2.CheckFilterRequest(filter=patterns))

    def flush(self, client):
        self.ask(client, FLUSH, ingest_pb2.FlushRequest(timeout_ms=self.random.randrange(1, 2000)))

    def health(self, client):
        self.end_somehow(client, client.ask(HEALTH, b""))

    def leave(self, client):
        self.drop(client)


def main():
    uid, seed, path, seconds = int(sys.argv[1]), sys.argv[2], sys.argv[3], float(sys.argv[4])
    become(uid)
    user = User(f"{seed}-{uid}", path)
    user.prepare()
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            user.step()
        except OSError:  # no new connection
            time.sleep(0.01)
    for client in list(user.clients):
        user.drop(client)
    print(json.dumps({**user.totals, "drops_by": user.drops, "wrong": user.wrong,
                      "kinds": user.kinds}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
