"""Users who do nothing unusual, and measure how long the agent lets them wait.

    bystanders.py KIND NAME PATIENCE SOCKET ADMIN_SOCKET LOG TOOL AGENT_PID

Says `ready`, waits for a number of seconds on stdin, and prints one JSON object: milliseconds of each
wait, how many of them a thread of the agent's that answers had no processor, what failed, and the texts by uid of records that were acknowledged. A wait that is longer than
PATIENCE seconds is a failure and counts as so long. As root, since some are others; ahead of the
attackers at the processor, so that the wait is the agent's."""

import contextlib
import json
import operator
import os
import pathlib
import subprocess
import sys
import time

from http2 import Broken, Client, cut_messages
from sluice.v1 import ingest_pb2
from sluice.v1.record_pb2 import LEVEL_INFO, RECORD_KIND_EVENT, Record

EMIT = b"/sluice.v1.Ingest/Emit"
CONNECT = b"/sluice.v1.Ingest/Connect"
FLUSH = b"/sluice.v1.Control/Flush"
USER = 64321
QUIET_USERS = (64401, 64402, 64403, 64404)
VM = "11111111-2222-3333-4444-555555555555"


class Failed(Exception):
    pass


def event(text):
    return Record(kind=RECORD_KIND_EVENT, level=LEVEL_INFO, target="bystander", event=dict(
        time_unix_nano=time.time_ns(), body=dict(string_value=text)))


def connect(path, uid, patience):
    """The kernel names the peer by its effective ids at connect()."""
    os.seteuid(uid)
    try:
        return Client(path, patience)
    finally:
        os.seteuid(0)


class Stream:
    """A Connect stream of some user, opened again when it was ended."""

    def __init__(self, path, uid, patience):
        self.how = path, uid, patience
        self.client = None

    def open(self):
        self.client = connect(*self.how)
        self.sequence = 0
        self.stream = self.client.begin(CONNECT, wanted=True)
        self.send(hello=dict(protocol_version=1, client_id=os.urandom(16)))

    def send(self, **message):
        encoded = ingest_pb2.ClientMessage(**message).SerializeToString()
        self.client.send(self.stream, encoded, end=False)

    def record(self, text):
        if self.client is None:
            self.open()
        with self.closed_if_broken():
            self.sequence += 1
            self.send(batch=dict(first_sequence=self.sequence, records=[event(text)]))

    def wait_for_acknowledgement(self):
        if self.client is not None:
            with self.closed_if_broken():
                self.client.wait_until(self.is_acknowledged)

    @contextlib.contextmanager
    def closed_if_broken(self):
        try:
            yield
        except BaseException:
            self.client.close()
            self.client = None
            raise

    def is_acknowledged(self):
        for message in cut_messages(self.client.bodies[self.stream]):
            ack = ingest_pb2.ServerMessage.FromString(message).ack
            if ack.drops:
                raise Failed(f"dropped: {ack.drops[0].reason}")
            if ack.sequence >= self.sequence:
                return True
        if self.stream not in self.client.windows:
            raise Failed("the stream was ended")
        return False


class LogReader:
    """Follows the log file over its rotations."""

    def __init__(self, path):
        self.path = path
        self.file = None
        self.tail = b""

    def pieces(self):
        """What came since the last call, with what a mark that is cut in two needs."""
        while True:
            if self.file is None:
                try:
                    self.file = open(self.path, "rb", buffering=0)
                except FileNotFoundError:
                    return
            while data := self.file.read(1 << 20):
                yield self.tail + data
                self.tail = data[-200:]
            if self.is_current():
                return
            self.file.close()
            self.file = None

    def is_current(self):
        with contextlib.suppress(FileNotFoundError):
            return os.stat(self.path).st_ino == os.fstat(self.file.fileno()).st_ino
        return True

    def skip(self):
        for _piece in self.pieces():
            pass

    def wait_for(self, mark, patience):
        end = time.monotonic() + patience
        while not any(mark in piece for piece in self.pieces()):
            if time.monotonic() > end:
                raise TimeoutError(f"not in the log in {patience} s")
            time.sleep(0.0005)


class AnsweringThreads:
    """Those of the agent that have the priority it was given; its background threads have not."""

    def __init__(self, pid):
        tasks = pathlib.Path(f"/proc/{pid}/task")
        priority = os.getpriority(os.PRIO_PROCESS, pid)
        self.files = [open(task / "schedstat", encoding="ascii") for task in tasks.iterdir()
                      if os.getpriority(os.PRIO_PROCESS, int(task.name)) == priority]

    def waited(self):
        """For how many milliseconds each one has waited for a processor in its life."""
        waited = []
        for file in self.files:
            file.seek(0)
            waited.append(int(file.read().split()[1]) / 1e6)
        return waited


class Bystander:
    pause_s = 0

    def __init__(self, patience, ingest, admin, log, tool):
        self.patience, self.ingest, self.admin, self.log, self.tool = \
            patience, ingest, admin, log, tool

    def once(self, text):
        """The act whose time is measured. Returns who sent the record `text`, if anybody did."""
        raise NotImplementedError

    def settle(self):
        """What is left of the act and takes no part in its time."""


class Event(Bystander):
    """Root's `sluice event --require`, but for the start of the program."""

    pause_s = 0.05

    def once(self, text):
        client = Client(self.ingest, self.patience)
        with contextlib.closing(client):
            request = ingest_pb2.EmitRequest(batch=dict(records=[event(text)]))
            answer = client.answer(EMIT, request.SerializeToString())
        if not answer or ingest_pb2.EmitResponse.FromString(answer[0]).accepted != 1:
            raise Failed("not taken")
        return 0


class Ack(Bystander):
    """A connected user's record until its acknowledgement."""

    pause_s = 0.01

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.stream = Stream(self.ingest, USER, self.patience)

    def once(self, text):
        self.stream.record(text)
        self.stream.wait_for_acknowledgement()
        return USER


class ToLog(Bystander):
    """Four users of a record a second: from the record to the log file."""

    pause_s = 1 / len(QUIET_USERS)

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.streams = {uid: Stream(self.ingest, uid, self.patience) for uid in QUIET_USERS}
        self.last = None
        self.reader = LogReader(self.log)

    def once(self, text):
        uid = QUIET_USERS[int(text.rpartition("-")[2].rstrip(".")) % len(QUIET_USERS)]
        self.last = self.streams[uid]
        self.last.record(text)
        self.reader.wait_for(text.encode(), self.patience)
        return uid

    def settle(self):
        # It comes with the next sync, which a line in the log does not wait for.
        self.last.wait_for_acknowledgement()


class Flush(Bystander):
    """Root's flush of every sink, beside root's records."""

    pause_s = 0.3

    def once(self, text):
        request = ingest_pb2.FlushRequest(timeout_ms=int(self.patience * 1000))
        with contextlib.closing(Client(self.admin, self.patience + 1)) as client:
            answer = client.answer(FLUSH, request.SerializeToString())
        sinks = ingest_pb2.FlushResponse.FromString(answer[0]).sinks if answer else []
        behind = [sink.sink for sink in sinks if not sink.done]
        if not sinks or behind:
            raise Failed(f"not flushed: {behind}")


class Report(Bystander):
    """Root's `sluice report ready`, the program and all."""

    pause_s = 0.3

    def once(self, text):
        done = subprocess.run(
            [self.tool, "report", "ready", "--vm-id", VM, "--timeout", f"{self.patience:.0f}s"],
            env={"SLUICE_SOCKET": self.ingest, "SLUICE_ADMIN_SOCKET": self.admin},
            capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Failed(done.stderr.strip())


KINDS = {"event": Event, "report": Report, "flush": Flush, "ack": Ack, "to_log": ToLog}


@contextlib.contextmanager
def failures_told(failures):
    try:
        yield
    except (Failed, Broken, OSError) as error:
        failures.append(f"{type(error).__name__}: {error}")


def measure(bystander, threads, name, seconds):
    waits, of_scheduler, failures, texts = [], [], [], {}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        text = f"fair-{name}-{len(waits)}."
        failed = []
        waited = threads.waited()
        began = time.perf_counter()
        with failures_told(failed):
            uid = bystander.once(text)
        waits.append((time.perf_counter() - began) * 1e3)
        of_scheduler.append(max(map(operator.sub, threads.waited(), waited)))
        with failures_told(failed):
            bystander.settle()
        failures += failed
        if not failed and uid is not None:
            texts.setdefault(uid, []).append(text)
        time.sleep(bystander.pause_s)
    return {"waits": waits, "of_scheduler": of_scheduler, "failures": failures, "texts": texts}


def main():
    kind, name, patience, *paths, agent_pid = sys.argv[1:]
    with contextlib.suppress(PermissionError):
        os.nice(-15)
    bystander = KINDS[kind](float(patience), *paths)
    threads = AnsweringThreads(int(agent_pid))
    print("ready", flush=True)
    seconds = float(sys.stdin.readline() or 0)
    if kind == "to_log":
        bystander.reader.skip()
    print(json.dumps(measure(bystander, threads, f"{kind}-{name}", seconds)))


if __name__ == "__main__":
    main()
