"""SIGTERM while a sink cannot write: the agent ends at once, whatever the sink waits for, and what it
has not written arrives after the next start."""

import contextlib
import fcntl
import os
import re
import signal
import time

import disk
import pytest
from harness import DEADLINE_S, Agent, wait_until

CONFIG = '[stderr]\nfilter = "info"\n'
# A busy machine adds to a stop, so the fastest of a few counts.
ATTEMPTS = 4


@contextlib.contextmanager
def without(folder):
    folder.rmdir()
    yield
    folder.mkdir()


@contextlib.contextmanager
def file_in_place_of(folder):
    """A log's folder that is missing is made."""
    folder.rmdir()
    folder.touch()
    yield
    folder.unlink()
    folder.mkdir()


@contextlib.contextmanager
def folder_in_place_of(file):
    file.mkdir()
    yield
    file.rmdir()


@contextlib.contextmanager
def locked(agent):
    agent.pool_path.touch()
    with open(agent.pool_path, "r+b") as pool:
        fcntl.lockf(pool, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def stderr_to(agent, make):
    """Until the end, the agent's stderr is what `make` returns and keeps."""
    kept = make()
    agent.stderr_to = kept[-1]
    yield
    agent.stderr_to = None
    for descriptor in kept:
        os.close(descriptor)


def full_pipe():
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write_end, b"x" * 65536)
    os.set_blocking(write_end, True)
    return read_end, write_end


def pipe_without_reader():
    read_end, write_end = os.pipe()
    os.close(read_end)
    return (write_end,)


def pool_disk(how):
    return lambda agent: agent.disks["kvp"].failing(how)


def log_disk(how):
    return lambda agent: agent.disks["file"].failing(how)


# Sink, what is wrong with it, and how it says so.
WAITS_OR_FAILS = {
    "pool absent": ("kvp", lambda agent: without(agent.pool_folder), "waiting"),
    "pool no file": ("kvp", lambda agent: folder_in_place_of(agent.pool_path), "failing"),
    "pool locked": ("kvp", locked, "failing"),
    "pool read-only": ("kvp", pool_disk("read_only"), "failing"),
    "pool not synced": ("kvp", pool_disk("sync"), "failing"),
    "log's folder no folder": ("file", lambda agent: file_in_place_of(agent.log_path.parent), "failing"),
    "log no file": ("file", lambda agent: folder_in_place_of(agent.log_path), "failing"),
    "log not written": ("file", log_disk("write"), "failing"),
    "log not synced": ("file", log_disk("sync"), "failing"),
    "stderr unread": ("stderr", lambda agent: stderr_to(agent, full_pipe), None),
    "stderr closed": ("stderr", lambda agent: stderr_to(agent, pipe_without_reader), "failing"),
}
HANGS = {"pool": ("kvp", pool_disk("hang")), "log": ("file", log_disk("hang"))}


@contextlib.contextmanager
def agent_with_disks(shared, sink):
    """An agent whose sink `sink` has a disk that can be made to fail."""
    with Agent(shared, config=CONFIG) as agent:
        agent.stderr_to = None
        folder = {"kvp": agent.pool_folder, "file": agent.log_path.parent}.get(sink)
        agent.disks = {sink: disk.FailingDisk(agent, folder)} if folder else {}
        yield agent


def state_of(agent, sink):
    return next(row["state"] for row in agent.status()["sinks"] if row["name"] == sink)


def written(agent, sink):
    if sink == "kvp":
        return " ".join(value for _, value in agent.pool())
    return agent.log() if sink == "file" else agent.stderr()


def emit(agent, text):
    import telemetry
    telemetry.emit(agent.socket, telemetry.event(text))


def stop_seconds(agent):
    begin = time.monotonic()
    agent.process.send_signal(signal.SIGTERM)
    assert agent.process.wait(DEADLINE_S) == 0
    return time.monotonic() - begin


def stops(agent, sink, state, break_it, within):
    """The seconds of each stop, until one is quick enough; a record is emitted before each."""
    seconds = []
    with break_it(agent):
        while len(seconds) < ATTEMPTS and (not seconds or seconds[-1] > within):
            agent.start(stderr=agent.stderr_to)
            emit(agent, f"number {len(seconds)}.")
            if state:
                wait_until(lambda: state_of(agent, sink) == state, f"{sink} is {state}")
            seconds.append(stop_seconds(agent))
    return seconds


def assert_all_arrive(agent, sink, count):
    agent.start()
    agent.flush()
    text = written(agent, sink)
    for number in range(count):
        assert f"number {number}." in text, f"record {number} of {count} is missing in {sink}"


@pytest.mark.parametrize("case", WAITS_OR_FAILS)
def test_a_sink_that_waits_or_fails_keeps_no_stop(shared, case):
    sink, break_it, state = WAITS_OR_FAILS[case]
    with agent_with_disks(shared, sink) as agent:
        seconds = stops(agent, sink, state, break_it, within=1)
        assert min(seconds) <= 1, seconds
        assert_all_arrive(agent, sink, len(seconds))


@pytest.mark.parametrize("case", HANGS)
def test_a_sink_that_hangs_is_given_up_and_named(shared, case):
    sink, break_it = HANGS[case]
    with agent_with_disks(shared, sink) as agent:
        agent.start()
        emit(agent, "number 0.")
        agent.flush()
        agent.stop()
        seconds = stops(agent, sink, None, break_it, within=3)
        assert 1.5 <= min(seconds) <= 3, seconds
        named = re.findall("sink (.*) did not finish in time", agent.stderr())
        assert named == [sink] * len(seconds)
        assert_all_arrive(agent, sink, len(seconds))


def test_sinks_that_work_keep_no_stop(shared):
    with agent_with_disks(shared, None) as agent:
        seconds = stops(agent, None, None, lambda _: contextlib.nullcontext(), within=1)
        assert min(seconds) <= 1, seconds
        for sink in ("kvp", "file", "stderr"):
            assert "number 0." in written(agent, sink)
