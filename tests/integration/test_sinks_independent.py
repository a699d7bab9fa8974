"""Each sink does its work whatever the others do: switched on or off in every combination, hung, or
failing at each write."""

import fcntl
import itertools
import os
import re
from pathlib import Path

import pytest
from harness import Agent, run, wait_until

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


def nice_by_thread(pid):
    """Thread names, and the nice values of those who have them."""
    values = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name, rest = (task / "stat").read_text().split("(", 1)[1].rsplit(")", 1)
        values.setdefault(name, set()).add(int(rest.split()[16]))
    return values


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
        values = nice_by_thread(agent.process.pid)
        assert {name: values.pop(f"sink-{name}") for name in ("kvp", "file", "stderr")} == \
            dict.fromkeys(("kvp", "file", "stderr"), {of_sinks})
        assert set().union(*values.values()) == {given}


def test_a_log_that_cannot_be_opened_stops_nobody_and_is_retried(shared, expected):
    with Agent(shared, config=config(SINKS)) as agent:
        agent.log_path.mkdir()
        agent.start()
        assert_the_others_write(agent, expected, "log")
        agent.log_path.rmdir()
        wait_until(lambda: complete(agent, ["log"]), "the log is written once it can be")
        assert output(agent, "log") == expected["log"]


def test_a_stderr_that_nobody_reads_stops_nobody(shared, expected):
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    try:
        while True:
            os.write(write_end, b"x" * 65536)
    except BlockingIOError:
        pass
    os.set_blocking(write_end, True)
    with Agent(shared, config=config(SINKS)) as agent:
        agent.start(stderr=write_end)
        emit_some(agent)
        others = ["kvp", "log"]
        wait_until(lambda: complete(agent, others), "the others write while stderr hangs")
        for sink in others:
            assert output(agent, sink) == expected[sink]
        agent.kill()
    os.close(read_end)
    os.close(write_end)
