"""Users who keep to the protocol and cost as much as it lets them.

    attacks.py ATTACK SOCKET PROCESSES UID...

Starts PROCESSES processes of each uid, has them prepare, prints `attacking`, and goes on until its
stdin ends. Then prints calls and bytes sent. As root, since it becomes others. All bytes are made
beforehand, so that a small machine spends its time in the agent."""

import contextlib
import ctypes
import mmap
import os
import signal
import sys
import threading
import time

from http2 import MIB, Broken, Client, request_frames
from sluice.v1 import filter_pb2, ingest_pb2, query_pb2
from sluice.v1.record_pb2 import Record

CONNECT = b"/sluice.v1.Ingest/Connect"
EMIT = b"/sluice.v1.Ingest/Emit"
STATUS = b"/sluice.v1.Query/Status"
EXPLAIN = b"/sluice.v1.Query/Explain"
CALLS_OF_A_CONNECTION = 16  # that the agent takes at once
CALLS_IN_FLIGHT = 8
OPEN_SPANS = 9500
PREPARES_S = 60
RETRIES_S = 20
ERROR, INFO = 1, 3  # an error goes to every sink by default
SPAN_START, EVENT = 1, 5
BATCH, RECORDS = 1, 2  # the fields of EmitRequest and of Batch
PR_SET_PDEATHSIG = 1


def emit_request(records):
    return ingest_pb2.EmitRequest(batch=dict(records=records)).SerializeToString()


def field_of(number, message):
    """A message within another, by the number of its field."""
    return bytes([number << 3 | 2]) + varint(len(message)) + message


def repeat(record, bytes_in_all=None, count=None):
    """An EmitRequest of one encoded record over and over."""
    field = field_of(RECORDS, record)
    return field_of(BATCH, field * (count or bytes_in_all // len(field)))


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def attributes(count, value_bytes, value="v"):
    return [dict(key=f"key-{n:03}", value=dict(string_value=value * value_bytes))
            for n in range(count)]


class Span:
    """The bytes of a span's start and of an event in it."""

    def __init__(self, parent=None, name="s", values=()):
        self.trace_id = parent.trace_id if parent else os.urandom(16)
        self.span_id = os.urandom(8)
        self.start = Record(kind=SPAN_START, level=ERROR, span=dict(
            trace_id=self.trace_id, span_id=self.span_id, start_time_unix_nano=time.time_ns(),
            parent_span_id=parent.span_id if parent else b"", name=name, attributes=values))

    def event(self, **body):
        return Record(kind=EVENT, level=ERROR, event=dict(
            trace_id=self.trace_id, span_id=self.span_id, **body)).SerializeToString()


def chain(depth, name="s", values=()):
    spans = [Span(None, name, values)]
    while len(spans) < depth:
        spans.append(Span(spans[-1], name, values))
    return spans


def open_spans(client, spans):
    """Returns how many were taken; what comes after the first that was not is not sent."""
    taken = 0
    end = time.monotonic() + RETRIES_S
    for first in range(0, len(spans), 20):
        some = spans[first:first + 20]
        request = emit_request([span.start for span in some])
        answer = client.answer(EMIT, request)
        while not answer and time.monotonic() < end:  # refused whole: to be sent again later
            time.sleep(0.05)
            answer = client.answer(EMIT, request)
        accepted = ingest_pb2.EmitResponse.FromString(answer[0]).accepted if answer else 0
        taken += accepted
        if accepted < len(some):
            break
    return taken


def open_many(client, count):
    """Small spans, a hundred bytes each."""
    marks = b"T" * 16, b"S" * 8
    start = Record(kind=SPAN_START, level=INFO, target="attack", span=dict(
        trace_id=marks[0], span_id=marks[1], name="a span", start_time_unix_nano=time.time_ns(),
        attributes=attributes(1, 8))).SerializeToString()
    field = field_of(RECORDS, start)
    batch = b"".join(field.replace(marks[0], os.urandom(16)).replace(marks[1], os.urandom(8))
                     for _ in range(count))
    client.answer(EMIT, field_of(BATCH, batch))


class Attack:
    """A process makes one, has it prepare once, then strike on each of its connections, over and over."""

    connections = 2
    MANY_CONNECTIONS = 24  # of 64 that a uid may have
    message = b""
    path = EMIT

    def prepare(self, client, processes):
        """`processes` of the uid divide among themselves what a uid may have."""

    def strike(self, client):
        client.wait_for_room(CALLS_IN_FLIGHT)
        client.ask(self.path, self.message)
        return 1, len(self.message)


class StatusUnread(Attack):
    """Questions that walk all open spans of the uid: as many as a connection takes, and no answer is
    ever read."""

    connections = 4
    message = query_pb2.StatusRequest(open_spans=True).SerializeToString()

    def __init__(self):
        self.questions = b"".join(request_frames(STATUS, stream, self.message)
                                  for stream in range(1, 2 * CALLS_OF_A_CONNECTION, 2))

    def prepare(self, client, processes):
        open_many(client, OPEN_SPANS // processes)

    def strike(self, client):
        client.socket.sendall(self.questions)
        client.close()
        return CALLS_OF_A_CONNECTION, len(self.questions)


class StatusRead(StatusUnread):
    """The same, with each answer taken in."""

    path = STATUS
    strike = Attack.strike


class TinyEvents(Attack):
    """20 bytes each, 20,000 a call."""

    message = repeat(Record(level=ERROR, event=dict(time_unix_nano=1 << 60, body=dict(
        string_value="x"))).SerializeToString(), count=20_000)


class NestedEvents(Attack):
    """Each within 120 spans of 120 attributes."""

    def prepare(self, client, processes):
        spans = chain(120, values=attributes(120, 4))
        open_spans(client, spans)
        self.message = repeat(spans[-1].event(), count=2_000)


class WideSpan(Attack):
    """Empty events in a span with 14 kB of attributes, each of which is a line with all of it."""

    def prepare(self, client, processes):
        span = Span(None, values=attributes(14, 1000))
        open_spans(client, [span])
        self.message = repeat(span.event(), count=25_000)


class LargeEvents(Attack):
    """30 kB each, a call as long as it may be."""

    message = repeat(Record(level=ERROR, event=dict(body=dict(
        string_value="x" * 30_000))).SerializeToString(), bytes_in_all=4 * MIB - 64)


class EmptyRecords(Attack):
    """Two bytes each, two million of them a call."""

    connections = Attack.MANY_CONNECTIONS
    message = repeat(b"", bytes_in_all=4 * MIB - 64)


class Explain(Attack):
    """A record and spans around it that are 60 kB each and hold little but structure."""

    connections = Attack.MANY_CONNECTIONS
    path = EXPLAIN
    message = filter_pb2.ExplainRequest(
        filter=",".join(f"t{n}[s{{f{n}=v}}]=debug" for n in range(2000)),
        record=Record(kind=EVENT, level=INFO, event=dict(body=dict(array_value=dict(
            values=[{}] * 14_000)))),
        enclosing=[Record(kind=SPAN_START, level=INFO, span=dict(
            trace_id=b"t" * 16, span_id=bytes([n] * 8), name="s", start_time_unix_nano=1,
            attributes=[dict(key="k", value=dict(array_value=dict(values=[{}] * 900)))]))
            for n in range(1, 31)]).SerializeToString()


class ExplainChain(Attack):
    """What the filters in force say of an event in open spans of nearly 1 MiB."""

    connections = Attack.MANY_CONNECTIONS
    path = EXPLAIN

    def prepare(self, client, processes):
        spans = chain(64, values=attributes(120, 120))
        open_spans(client, spans)
        record = Record.FromString(spans[-1].event(body=dict(string_value="x")))
        self.message = filter_pb2.ExplainRequest(record=record).SerializeToString()


class Hello(Attack):
    """A stream for each greeting, under ever new names, that states as many spans as a message holds."""

    connections = Attack.MANY_CONNECTIONS
    path = CONNECT

    def strike(self, client):
        client.wait_for_room(CALLS_IN_FLIGHT)
        message = self.greeting.replace(self.NAME, os.urandom(16))
        client.ask(self.path, message)
        return 1, len(message)

    NAME = b"the client's id."
    greeting = ingest_pb2.ClientMessage(hello=dict(
        protocol_version=1, client_id=NAME,
        open_spans=[b"x" * 24] * (4 * MIB // 26 - 1000))).SerializeToString()


class ResetAfterData(Attack):
    """A whole message, and the call taken back."""

    connections = Attack.MANY_CONNECTIONS
    message = repeat(b"", bytes_in_all=MIB - 64)

    def strike(self, client):
        client.wait_for_room(CALLS_IN_FLIGHT)
        client.reset(client.ask(EMIT, self.message))
        return 1, len(self.message)


class OpenSpans(Attack):
    """As many bytes of open spans as are let, then silence."""

    connections = 1

    def prepare(self, client, processes):
        wide = attributes(60, 1000)
        while open_spans(client, [Span(None, values=wide) for _ in range(20)]) == 20:
            pass

    def strike(self, client):
        time.sleep(0.1)
        return 0, 0


class Burn(Attack):
    """No attack: what bystanders then suffer is the scheduler's doing."""

    connections = 1

    def strike(self, client):
        end = time.monotonic() + 1
        while time.monotonic() < end:
            pass
        return 0, 0


ATTACKS = {
    "status_unread": StatusUnread,
    "status_read": StatusRead,
    "tiny_events": TinyEvents,
    "nested_events": NestedEvents,
    "wide_span": WideSpan,
    "large_events": LargeEvents,
    "empty_records": EmptyRecords,
    "explain": Explain,
    "explain_chain": ExplainChain,
    "hello": Hello,
    "reset_after_data": ResetAfterData,
}
OTHERS = {"open_spans": OpenSpans, "no_attack": Burn}


def keep_striking(attack, path, tally):
    """One connection, made anew whenever it was ended."""
    while True:
        try:
            with contextlib.closing(Client(path)) as client:
                while not client.is_closed:
                    calls, sent = attack.strike(client)
                    tally[0] += calls
                    tally[1] += sent
        except (OSError, Broken):
            time.sleep(0.001)


def become(uid):
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def serve(attack, path, processes, tally, ready, go):
    """A child's whole life."""
    client = Client(path, PREPARES_S)
    attack.prepare(client, processes)
    os.write(ready, b".")
    os.read(go, 1)
    threads = [threading.Thread(target=keep_striking, args=(attack, path, tally[2 * at:2 * at + 2]))
               for at in range(attack.connections)]
    for thread in threads:
        thread.start()
    signal.pause()


def start(attack, path, uid, processes, tally, ready, go):
    pid = os.fork()
    if pid == 0:
        try:
            become(uid)
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # becoming another clears it
            serve(attack(), path, processes, tally, ready, go)
        except BaseException as error:
            print(f"uid {uid} cannot attack: {error!r}", file=sys.stderr)
            os.write(ready, b"!")
        finally:
            os._exit(1)
    return pid


def main():
    names, path, processes = sys.argv[1].split(","), sys.argv[2], int(sys.argv[3])
    uids = [int(word) for word in sys.argv[4:]]
    assert 0 not in uids
    ready, said_ready = os.pipe()
    waits, go = os.pipe()
    kinds = [(ATTACKS | OTHERS)[name] for name in names]
    slots = max(kind.connections for kind in kinds) * 2
    children = processes * len(uids)
    shared = memoryview(mmap.mmap(-1, 8 * slots * children)).cast("Q")
    pids = [start(kinds[at % len(kinds)], path, uids[at // processes], processes,
                  shared[at * slots:(at + 1) * slots], said_ready, waits) for at in range(children)]
    told = b""
    while len(told) < children and b"!" not in told:
        told += os.read(ready, children)
    if b"!" in told:
        sys.exit(1)  # the children end with this process
    os.write(go, b"g" * children)
    print("attacking", flush=True)
    sys.stdin.read()
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    print(sum(shared[0::2]), sum(shared[1::2]))


if __name__ == "__main__":
    main()
