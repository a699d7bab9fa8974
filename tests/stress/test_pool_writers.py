"""Four writers of one pool, killed and truncated at random: the agent, cloud-init's own handler, a
process that writes as azure-init does, and the daemon at the host's SET and DELETE. A locked reader
never sees a shifted record; at the end none of ours is missing; no call of ours touches a foreign
record. And neither of our two locks can be left out."""

import contextlib
import fcntl
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

import harness
import hyperv

SECONDS = 3600 if harness.LONG else 60
SECONDS_WITHOUT_A_LOCK = 180
RECORD = harness.RECORD
MOST_MOVED = 20  # by as many records as the host may delete while the agent is dead
EVENTS = 200  # of ours, of one to three records; with the others' they stay below 1000
WATCHED_AGENT = harness.BUILT.parent / "tests" / "watched_sluiced"
FOREIGN = harness.REPOSITORY / "tests/support/kvp/foreign_writer.py"

# What each writer's values look like, by the beginning of its keys.
VALUES = {
    b"sluice-": rb"(Time: \S{24} \| Event: message=number=\d+ )?o*(\|end)?",
    b"PROVISIONING_REPORT": rb"result=success\|round=\d+",
    b"azure-init-": rb"Start: a{800}\|end",
    b"CLOUD_INIT|": rb'\{"name":"stress",.*"msg":"c+"\}',
    b"host_": rb"h*\|end",
}
OWN = (b"sluice-", b"PROVISIONING_REPORT")


class Disturbed(Exception):
    """A promise was broken."""


def c_string(field):
    return field.split(b"\0", 1)[0]


def records(content):
    """(key, value) of each whole record."""
    return [(c_string(content[at:at + 512]), c_string(content[at + 512:at + RECORD]))
            for at in range(0, len(content) - RECORD + 1, RECORD)]


class Unfinished(Disturbed):
    """The agent died while it filled a record of its own."""


def require_whole_records(content):
    if len(content) % RECORD:
        raise Disturbed(f"a torn record of {len(content) % RECORD} bytes")
    unfinished = None
    for index, (key, value) in enumerate(records(content)):
        pattern = next((VALUES[start] for start in VALUES if key.startswith(start)), None)
        if pattern and value and re.fullmatch(pattern, value):
            continue
        wrong = f"record {index}: key {key[:60]!r}, value {value[:60]!r}"
        if (key or value) and not key.startswith(OWN):
            raise Disturbed(wrong)
        unfinished = wrong
    if unfinished:
        raise Unfinished(unfinished)


def text_of(number):
    return f"number={number} {'o' * (number % 7 * 300)}|end"


class WatchedAgent(harness.Agent):
    """An agent that ends when it is about to change a byte of a foreign record."""

    def command(self):
        return [WATCHED_AGENT, *super().command()[1:]]

    def require_unharmed(self):
        code = self.process.poll()
        if code not in (None, -signal.SIGKILL):
            raise Disturbed(f"the agent ended with {code}: {self.stderr()[-500:]}")


class Sender:
    """Emits to an agent that is killed at random, each record until it is acknowledged."""

    def __init__(self, agent, channel):
        from sluice.v1 import ingest_pb2_grpc
        self.agent = agent
        self.stub = ingest_pb2_grpc.IngestStub(channel)
        self.client_id, self.sequence = os.urandom(16), 0

    def send(self, text, **values):
        import grpc
        import telemetry
        from sluice.v1 import ingest_pb2
        self.sequence += 1
        request = ingest_pb2.EmitRequest(
            client_id=self.client_id,
            batch=dict(records=[telemetry.event(text, **values)], first_sequence=self.sequence))

        def acknowledged():
            with contextlib.suppress(grpc.RpcError):
                return self.stub.Emit(request, timeout=5)
        harness.wait_until(acknowledged, f"{text[:20]} is acknowledged")


class Scene:
    """A pool and its four writers. Leaving it stops them all."""

    def __init__(self, agent, host):
        self.agent, self.host = agent, host
        self.pool = agent.pool_path
        self.side = agent.folder / "side_lock"
        self.pool.touch()
        self.side.touch()
        self.random = random.Random(os.urandom(8))
        self.acknowledged = self.rounds = self.kills = self.tears = 0
        self.truncations = self.truncations_over = 0
        self.unfinished = self.fillers = self.host_kills = 0
        self.causes = self.causes_over = self.settled = 0
        self.tearing = self.host_is_busy = False
        self.agent_lives = threading.Lock()
        self.stop = threading.Event()
        self.failures = []
        self.threads = []
        self.foreign = {who: start_foreign(who, self.pool, self.side)
                        for who in ("cloud-init", "azure-init")}

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.stop_threads()
        self.stop_foreign()

    @contextlib.contextmanager
    def side_lock(self):
        with open(self.side, "rb+") as side:
            fcntl.flock(side, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def may_leave_unfinished(self):
        self.causes += 1
        yield
        self.causes_over += 1

    def check(self):
        tears = self.tears
        causes = self.causes
        quiet = self.causes_over == causes and not self.host_is_busy
        content = self.read_between_truncations()
        if self.tearing or self.tears != tears:
            content = content[:len(content) // RECORD * RECORD]
        try:
            require_whole_records(content)
        except Unfinished as found:
            if self.causes == self.settled:
                raise Disturbed(f"whole before, and nobody died since: {found}") from found
            self.unfinished += 1
            self.finish_records()
            return
        if quiet:
            self.settled = causes

    def read_between_truncations(self):
        """One that comes within a read takes no lock: what was read ends at some page then."""
        while True:
            begun, over = self.truncations, self.truncations_over
            content = harness.read_pool(self.pool)
            if begun == over == self.truncations:
                return content

    def finish_records(self):
        """What the agent left when it was killed it fills or cuts at its next start, but for what
        moved before that: the next new records take its place."""
        with self.agent_lives:
            self.write_report(self.check_sender)
            self.flush()
            for _ in range(MOST_MOVED):
                with contextlib.suppress(Unfinished):
                    return require_whole_records(harness.read_pool(self.pool))
                self.check_sender.send(text_of(0))
                self.fillers += 1
                self.flush()
            require_whole_records(harness.read_pool(self.pool))

    def host_writes(self):
        key = b"host_%d" % self.random.randrange(20)
        with self.side_lock():
            self.host_is_busy = True
            if self.random.random() < 0.7:
                self.host.set(key, b"h" * self.random.randrange(1000) + b"|end")
            else:
                self.host.delete(key)
            self.host_is_busy = False

    def kill_host(self):
        """The daemon, wherever it is in a rewrite of the pool: what it had read is lost, a record
        may be torn. We cut that before another writer comes."""
        with self.side_lock(), self.agent_lives:
            self.tearing = True
            with self.may_leave_unfinished():
                self.host.begin_set(b"host_0", b"h" * 900 + b"|end")
                self.stop.wait(self.random.random() * 0.004)
                self.host.kill()
            self.host.start()
            self.host_kills += 1
            self.write_report(self.host_sender)
            self.flush()
            self.require_no_tear()

    def truncate(self):
        """As cloud-init does at its start: without any lock that we know of."""
        with self.side_lock(), self.may_leave_unfinished():
            self.truncations += 1
            os.truncate(self.pool, 0)
            self.truncations_over += 1

    def tear(self):
        """Leaves what a writer leaves that dies in the middle of a record."""
        with self.side_lock(), self.agent_lives:
            self.tearing = True
            with open(self.pool, "ab") as pool:
                fcntl.flock(pool, fcntl.LOCK_EX)
                pool.write(b"torn" * self.random.randrange(1, 600))
            self.write_report(self.torn_sender)
            self.flush()
            self.require_no_tear()

    def require_no_tear(self):
        content = self.pool.read_bytes()
        if len(content) % RECORD:
            reports = re.findall(rb"round=\d+", content)
            raise Disturbed(f"our next write left the torn record: {len(content)} bytes, the last "
                            f"{content[-40:]}, {reports} of {self.rounds} reports, "
                            f"{self.kills} kills, {self.host_kills} of the daemon")
        self.tears += 1
        self.tearing = False

    def write_report(self, sender):
        """Overwrites one record in place."""
        self.rounds += 1
        sender.send("report", health_report=f"result=success|round={self.rounds}")

    def write_event(self):
        if self.acknowledged < EVENTS:
            self.event_sender.send(text_of(self.acknowledged + 1))
            self.acknowledged += 1

    def flush(self):
        """What was acknowledged is in the pool when this returns. While the agent lives."""
        self.agent.flush()

    def kill_foreign(self):
        """Between two of its batches: half a batch would shift the other foreign writer's."""
        who = self.random.choice(list(self.foreign))
        with self.side_lock():
            self.foreign[who].kill()
            self.foreign[who].wait()
            self.foreign[who] = start_foreign(who, self.pool, self.side)

    def kill_agent(self):
        with self.agent_lives:
            self.agent.require_unharmed()
            with self.may_leave_unfinished():
                self.agent.kill()
            self.agent.require_unharmed()
            self.agent.start()
        self.kills += 1

    def repeat(self, act, pause_s):
        def loop():
            while not self.stop.wait(self.random.random() * 2 * pause_s):
                try:
                    act()
                except Exception as error:  # reported by the test's own thread
                    self.failures.append(error)
                    self.stop.set()
        self.threads.append(threading.Thread(target=loop))
        self.threads[-1].start()

    def run(self, seconds):
        import telemetry
        with contextlib.ExitStack() as stack:
            self.event_sender, self.torn_sender, self.check_sender, self.host_sender, sender = (
                Sender(self.agent, stack.enter_context(telemetry.channel(self.agent.socket)))
                for _ in range(5))
            for act, pause_s in ((self.check, 0.01), (self.host_writes, 0.003),
                                 (self.truncate, 0.7), (self.tear, 1.1), (self.kill_foreign, 0.9),
                                 (self.kill_host, 1.3),
                                 (self.write_event, seconds / EVENTS / 2), (self.kill_agent, 0.5),
                                 (lambda: self.write_report(sender), 0.001)):
                self.repeat(act, pause_s)
            self.stop.wait(seconds)
            self.stop_threads()
            self.stop_foreign()
            if self.failures:
                raise self.failures[0]
            while self.acknowledged < EVENTS:
                self.write_event()
            self.write_report(sender)
            self.flush()

    def stop_threads(self):
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def stop_foreign(self):
        for process in self.foreign.values():
            with self.side_lock():
                process.kill()
                process.wait()


def start_foreign(who, *arguments):
    cloud_init = hyperv.unpack("cloud-init") / "usr/lib/python3/dist-packages"
    return subprocess.Popen([sys.executable, FOREIGN, who, *arguments],
                            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                            env=dict(os.environ, PYTHONPATH=str(cloud_init)))


@pytest.fixture(name="agent")
def agent_fixture(shared):
    with WatchedAgent(shared) as agent:
        yield agent


@contextlib.contextmanager
def skip_where_unavailable():
    try:
        yield
    except hyperv.Unavailable as reason:
        pytest.skip(str(reason))


def test_nothing_of_ours_is_lost_and_nothing_foreign_is_touched(agent):
    with contextlib.ExitStack() as stack:
        agent.start()
        with skip_where_unavailable():
            host = stack.enter_context(hyperv.Host(agent.pool_folder))
            scene = stack.enter_context(Scene(agent, host))
        scene.run(SECONDS)
        agent.require_unharmed()
        scene.check()
        found = records(harness.read_pool(agent.pool_path))
        print(f"{scene.kills} kills of the agent, {scene.host_kills} of the daemon, "
              f"{scene.truncations} truncations, {scene.tears} torn records, "
              f"{scene.unfinished} unfinished ones, {scene.fillers} fillers, {scene.rounds} reports, "
              f"{len(found)} records at the end")
        texts = {}
        for key, value in found:
            assert b"kvp:given_up" not in key
            if key.startswith(b"sluice-"):
                texts[key] = texts.get(key, b"") + value
        ours = sorted(text.split(b"message=", 1)[1].decode() for text in texts.values())
        assert ours == sorted([text_of(number) for number in range(1, EVENTS + 1)]
                              + [text_of(0)] * scene.fillers)
        view = host.kernel_view()
        assert view.failed_at is None and len(view.items) == len(found)


@pytest.mark.skipif(not harness.LONG, reason="minutes until it goes wrong; --long")
@pytest.mark.parametrize("lock", ["flock", "ofd"])
def test_the_four_do_harm_without_it(agent, lock):
    agent.environment["POOL_WITHOUT_LOCK"] = lock
    with contextlib.ExitStack() as stack:
        agent.start()
        with skip_where_unavailable():
            host = stack.enter_context(hyperv.Host(agent.pool_folder))
            scene = stack.enter_context(Scene(agent, host))
        with pytest.raises(Disturbed) as harm:
            try:
                scene.run(SECONDS_WITHOUT_A_LOCK)
            except AssertionError:  # it may have ended before it could answer
                agent.require_unharmed()
                raise
        print(f"after {scene.kills} kills: {harm.value}")


class HalfWritten:
    """Another writer that stands in the middle of its writing until `go_on`."""

    def __init__(self, agent):
        self.pool = agent.pool_path
        self.gate_path = agent.folder / "gate"
        os.mkfifo(self.gate_path)
        self.gate = None

    def wait_for_its_stop(self):
        def opened():
            with contextlib.suppress(OSError):  # nobody reads it yet
                return os.open(self.gate_path, os.O_WRONLY | os.O_NONBLOCK)
        self.gate = harness.wait_until(opened, "the other writer has come to the gate")
        assert self.pool.stat().st_size % RECORD

    def go_on(self):
        os.close(self.gate)
        self.finish()


class CloudInitHalfWritten(HalfWritten):
    """Its flock is held, and half a record is written."""

    def __init__(self, agent, _stack):
        super().__init__(agent)
        side = agent.folder / "side_lock"
        side.touch()
        self.process = start_foreign("cloud-init", self.pool, side, self.gate_path)
        self.wait_for_its_stop()

    def finish(self):
        self.process.wait(harness.DEADLINE_S)

    def require_done(self, found):
        assert any(key.startswith(b"CLOUD_INIT|") for key, _ in found)


class DaemonHalfWritten(HalfWritten):
    """Its POSIX lock is held, and of two records the first and the beginning of the second are
    written."""

    def __init__(self, agent, stack):
        super().__init__(agent)
        self.pool.write_bytes(b"host_1".ljust(512, b"\0") + b"hh|end".ljust(2048, b"\0"))
        host = stack.enter_context(hyperv.Host(agent.pool_folder, gate=self.gate_path))
        self.thread = threading.Thread(target=host.set, args=(b"host_2", b"h" * 900 + b"|end"))
        self.thread.start()
        self.wait_for_its_stop()

    def finish(self):
        self.thread.join(harness.DEADLINE_S)

    def require_done(self, found):
        assert {b"host_1", b"host_2"} <= {key for key, _ in found}


@pytest.mark.parametrize("lock, other", [("flock", CloudInitHalfWritten), ("ofd", DaemonHalfWritten)])
def test_each_lock_keeps_us_out_of_anothers_half_written_record(agent, lock, other):
    def last_error():
        sinks = agent.status()["sinks"]
        return next(sink for sink in sinks if sink["name"] == "kvp")["last_error"]

    call = {"flock": "flock", "ofd": "fcntl lock"}[lock]
    with contextlib.ExitStack() as stack:
        with skip_where_unavailable():
            half_written = other(agent, stack)
        agent.start()
        agent.sluice("event", "--require", text_of(1))
        harness.wait_until(
            lambda: f"{call} {agent.pool_path}: held by another program" in last_error(),
            f"we wait for the other's {lock}")
        half_written.go_on()
        agent.flush()
        require_whole_records(agent.pool_path.read_bytes())
        found = records(agent.pool_path.read_bytes())
        half_written.require_done(found)
        assert any(value.endswith(text_of(1).encode()) for _, value in found)


@pytest.mark.parametrize("lock, other", [("flock", CloudInitHalfWritten), ("ofd", DaemonHalfWritten)])
def test_without_it_the_other_is_harmed(agent, lock, other):
    agent.environment["POOL_WITHOUT_LOCK"] = lock
    with contextlib.ExitStack() as stack:
        with skip_where_unavailable():
            half_written = other(agent, stack)
        agent.start()
        agent.sluice("event", "--require", text_of(1))
        agent.flush()
        agent.kill()  # or it would put in order what is its own
        half_written.go_on()
        with pytest.raises((Disturbed, AssertionError)):
            require_whole_records(agent.pool_path.read_bytes())
            half_written.require_done(records(agent.pool_path.read_bytes()))
