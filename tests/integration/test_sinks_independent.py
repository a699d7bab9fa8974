"""Each sink does its work whatever the others do: switched on or off in every combination, hung, or
failing at each write."""

import contextlib
import ctypes
import fcntl
import itertools
import os
import platform
import re
import select
import signal
import struct
from pathlib import Path

import disk
import pytest
from harness import DEADLINE_S, Agent, run, wait_until

SINKS = ("kvp", "log", "stderr")
LEVEL = '[stderr]\nenabled = {stderr}\nfilter = "info"\n[log]\nenabled = {log}\n' \
        "[kvp]\nenabled = {kvp}\n"
TIMES = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z|time\.(busy|idle)=\S+|[0-9a-f]{8}-[-0-9a-f]{27}")


def config(on):
    return LEVEL.format(**{sink: str(sink in on).lower() for sink in SINKS})


def timeless(lines):
    return sorted(TIMES.sub("", line) for line in lines)


def emit_some(agent):
    import telemetry
    parent = telemetry.Span("outer")
    child = telemetry.Span("inner", parent=parent)
    telemetry.emit(agent.socket, parent.start(n=1), child.start(), child.event("one", answer=42),
                   child.end(), parent.event("two"), parent.end(), telemetry.event("outside"))


def output(agent, sink):
    """What a sink wrote, without what differs between two runs."""
    if sink == "kvp":
        return timeless(key + "=" + value for key, value in agent.pool())
    text = agent.log() if sink == "log" else agent.stderr()
    return timeless(line for line in text.splitlines()
                    if re.search(r"outer|inner|one|two|outside", line) and "test" in line)


def complete(agent, on):
    return all(len(output(agent, sink)) >= len(EXPECTED[sink]) for sink in on)


EXPECTED = {}


@pytest.fixture(name="expected", scope="module")
def all_sinks_on(shared):
    with Agent(shared, config=config(SINKS)) as agent:
        agent.start()
        emit_some(agent)
        agent.flush()
        agent.stop()
        EXPECTED.update({sink: output(agent, sink) for sink in SINKS})
    assert all(EXPECTED.values()), EXPECTED
    return EXPECTED


@pytest.mark.parametrize("on", [combination for size in range(len(SINKS) + 1)
                                for combination in itertools.combinations(SINKS, size)],
                         ids=lambda on: "+".join(on) or "none")
def test_each_combination(shared, expected, on):
    with Agent(shared, config=config(on)) as agent:
        agent.start()
        emit_some(agent)
        agent.flush()
        agent.stop()
        for sink in SINKS:
            assert output(agent, sink) == (expected[sink] if sink in on else []), sink


def states(agent):
    return [sink["state"] for sink in agent.status()["sinks"]]


def assert_the_others_write(agent, expected, broken):
    emit_some(agent)
    others = [sink for sink in SINKS if sink != broken]
    wait_until(lambda: complete(agent, others), f"the others write while {broken} does not")
    for sink in others:
        assert output(agent, sink) == expected[sink]
    sinks = {sink["name"]: sink for sink in agent.status()["sinks"]}
    name = "file" if broken == "log" else broken
    assert int(sinks[name].get("written_records", 0)) == 0


def test_a_locked_pool_holds_up_nobody_and_is_written_after(shared, expected):
    with Agent(shared, config=config(SINKS)) as agent:
        agent.pool_path.touch()
        with open(agent.pool_path, "r+b") as pool:
            fcntl.lockf(pool, fcntl.LOCK_EX)
            agent.start()
            assert_the_others_write(agent, expected, "kvp")
        agent.flush()
        assert output(agent, "kvp") == expected["kvp"]


def test_a_hung_pool_is_told_and_takes_no_time_of_the_others_at_the_end(shared, expected):
    with Agent(shared, config=config(SINKS)) as agent:
        pool_disk = disk.FailingDisk(agent, agent.pool_folder)
        agent.start()
        with pool_disk.failing("hang"):
            emit_some(agent)
            kvp = wait_until(lambda: [sink for sink in agent.status()["sinks"]
                                      if sink["name"] == "kvp" and sink["state"] == "failing"],
                             "status tells that it hangs")
            assert re.fullmatch(r"its current call takes \d+ s so far", kvp[0]["last_error"])
            assert agent.stop() == 0
        assert re.findall("sink (.*) did not finish in time", agent.stderr()) == ["kvp"]
        agent.start()
        agent.flush()
        for sink in SINKS:
            assert output(agent, sink) == expected[sink], "nothing is missing, nothing twice"


def test_an_absent_pool_folder_stops_nobody_and_is_found_when_it_comes(shared, expected):
    with Agent(shared, config=config(SINKS)) as agent:
        agent.pool_folder.rmdir()
        agent.start()
        assert_the_others_write(agent, expected, "kvp")
        wait_until(lambda: "waiting" in states(agent), "the pool is waited for")
        agent.pool_folder.mkdir()
        # Without being told the agent would look again after half a minute.
        wait_until(lambda: complete(agent, ["kvp"]), "the pool is written once it can be")
        assert output(agent, "kvp") == expected["kvp"]


def by_thread(pid, value_of):
    """Thread names, and what `value_of` says of those who have them."""
    values = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        values.setdefault((task / "comm").read_text().strip(), set()).add(value_of(task))
    return values


def nice_of(task):
    return int((task / "stat").read_text().rsplit(")", 1)[1].split()[16])


def slice_of(task):
    """How long it may compute at a time while others wait, in nanoseconds."""
    attributes = ctypes.create_string_buffer(56)
    number = {"x86_64": 315, "aarch64": 275}[platform.machine()]  # sched_getattr(2)
    assert ctypes.CDLL(None).syscall(number, int(task.name), attributes, len(attributes), 0) == 0
    return struct.unpack_from("=IIQiIQ", attributes)[5]


@pytest.mark.usefixtures("expected")
@pytest.mark.parametrize("given, of_sinks", [(-10, 0), (5, 5)])
def test_the_priority_of_the_agent_is_not_that_of_its_sinks(shared, given, of_sinks):
    by = ["nice", "-n", str(given)]
    if int(run([*by, "nice"]).stdout) != given:
        pytest.skip("these tests are niced themselves, or may not raise a priority")
    with Agent(shared, config=config(SINKS)) as agent:
        agent.start(wrapper=by)
        emit_some(agent)
        wait_until(lambda: complete(agent, SINKS), "all have written")
        values = by_thread(agent.process.pid, nice_of)
        background = ("log", "sink-kvp", "sink-file", "sink-stderr")
        assert {name: values.pop(name) for name in background} == \
            dict.fromkeys(background, {of_sinks})
        assert set().union(*values.values()) == {given}


@pytest.mark.skipif(not slice_of(Path("/proc/self/task", str(os.getpid()))),
                    reason="Linux has slices of a thread's own from 6.12 on")
def test_who_answers_computes_for_a_short_while_at_a_time(shared):
    with Agent(shared, config=config(SINKS)) as agent:
        agent.start()
        slices = by_thread(agent.process.pid, slice_of)
        for background in ("log", "sink-kvp", "sink-file", "sink-stderr"):
            assert slices.pop(background) != {100_000}
        assert set().union(*slices.values()) == {100_000}, slices


def test_a_log_that_cannot_be_opened_stops_nobody_and_is_retried(shared, expected):
    with Agent(shared, config=config(SINKS)) as agent:
        agent.log_path.mkdir()
        agent.start()
        assert_the_others_write(agent, expected, "log")
        agent.log_path.rmdir()
        wait_until(lambda: complete(agent, ["log"]), "the log is written once it can be")
        assert output(agent, "log") == expected["log"]


@pytest.fixture(name="full_pipe")
def fixture_full_pipe():
    """Both ends of a pipe that nobody reads."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(write_end, b"x" * 65536)
    os.set_blocking(write_end, True)
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


@pytest.fixture(name="unread")
def fixture_unread(shared, full_pipe):
    """A running agent whose stderr nobody reads, with a sink and its own messages to write to it."""
    with Agent(shared, config=config(SINKS)) as agent:
        agent.disk = disk.FailingDisk(agent)
        agent.start(stderr=full_pipe[1])
        yield agent


def test_a_stderr_that_nobody_reads_stops_nobody(unread, expected):
    emit_some(unread)
    others = ["kvp", "log"]
    wait_until(lambda: complete(unread, others), "the others write while stderr hangs")
    for sink in others:
        assert output(unread, sink) == expected[sink]


def test_a_stderr_that_nobody_reads_does_not_keep_the_agent_from_ending(unread, expected):
    emit_some(unread)
    unread.process.send_signal(signal.SIGTERM)
    assert unread.process.wait(DEADLINE_S) == 0
    assert output(unread, "log") == expected["log"]


def test_a_stderr_that_nobody_reads_does_not_keep_a_start_from_failing(shared, full_pipe):
    with Agent(shared, config="no_such_table = 1\n") as agent:
        agent.start(wait=False, stderr=full_pipe[1])
        assert agent.process.wait(DEADLINE_S) == 2


def test_a_reload_with_a_stderr_that_nobody_reads(unread):
    import telemetry
    unread.config_path.write_text(config(SINKS) + '[journal]\nlevel = "debug"\n')
    unread.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "debug" in unread.sluice("config", "cat", check=False).stdout,
               "it is reloaded")
    telemetry.emit(unread.socket, telemetry.event("after the reload"))
    wait_until(lambda: "after the reload" in unread.log(), "it serves on")


def test_what_a_stderr_that_nobody_reads_does_not_get_is_counted(unread, full_pipe):
    unread.config_path.write_text("".join(f"[no_such_{n}]\n" for n in range(10_000)))
    unread.process.send_signal(signal.SIGHUP)
    dropped = wait_until(lambda: [counter["value"] for counter in unread.status()["counters"]
                                  if counter["name"] == "agent_log.dropped"], "it is counted")
    text, said = b"", None
    while not said:
        assert select.select(full_pipe[:1], [], [], DEADLINE_S)[0], "nothing more comes"
        text = text[-1000:] + os.read(full_pipe[0], 65536)
        said = re.search(rb"sluiced: warning: (\d+) messages are missing here", text)
    assert int(said[1]) == int(dropped[0])


def test_a_pool_locked_for_a_while_with_a_stderr_that_nobody_reads(unread, expected):
    unread.pool_path.touch()
    with open(unread.pool_path, "r+b") as pool:
        fcntl.lockf(pool, fcntl.LOCK_EX)
        emit_some(unread)
        wait_until(lambda: "failing" in states(unread), "the pool's sink says why it fails")
    wait_until(lambda: complete(unread, ["kvp"]), "the pool is written once it can be")
    assert output(unread, "kvp") == expected["kvp"]


def test_a_disk_that_fails_for_a_while_with_a_stderr_that_nobody_reads(unread):
    assert disk.try_emit(unread, "before.") is None
    with unread.disk.failing("write"):
        disk.assert_says_when_to_retry(disk.try_emit(unread, "during."))
    disk.emit_until_acknowledged(unread, "after.")


def own_messages(agent):
    return [re.sub(r"(falling|cannot make directory).*", r"\1", line)
            for line in agent.stderr().splitlines() if line.startswith("sluiced: ")]


def test_what_the_agent_says_of_itself_is_written_before_it_ends(shared):
    with Agent(shared) as agent:
        agent.environment.update(SLUICE_KVP_FILTER="[", SLUICE_LOG="[")
        agent.runtime.rmdir()
        agent.runtime.touch()
        agent.start(wait=False)
        assert agent.process.wait(DEADLINE_S) == 3
        warnings = [f"sluiced: warning: Invalid '{name}' value, falling"
                    for name in ("SLUICE_LOG", "SLUICE_KVP_FILTER")]
        assert own_messages(agent) == [*warnings, "sluiced: error: cannot make directory"]
