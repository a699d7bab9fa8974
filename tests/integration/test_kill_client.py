"""A process that dies leaves no span open: what the agent knew of is closed as aborted, with its
cause, in the log and in the pool."""

import os
import signal
import subprocess

import pytest
from harness import DEADLINE_S, NOBODY, Agent, as_user, wait_until
from victim import FORKS, WAITS, Victim

# Since Linux 6.15 anybody who holds a pidfd is told how the process ended.
KERNEL_TELLS = tuple(int(part) for part in os.uname().release.split(".")[:2]) >= (6, 15)


def open_names(agent):
    return [one["name"] for one in agent.status("--open")["open_spans"]]


def assert_closed_as_aborted(agent, name):
    wait_until(lambda: name not in open_names(agent), f"{name} is closed")
    agent.flush()
    closes = [line for line in agent.log().splitlines() if name in line and "abort" in line]
    assert closes, agent.log()
    assert any(cause in closes[-1] for cause in ("signal 9", "process gone")), closes
    spans = [value for key, value in agent.pool() if name in key and value.startswith("Start: ")]
    assert len(spans) == 1, agent.pool()


def test_a_killed_process_has_its_spans_closed(agent):
    victim = Victim(agent, "killed_span", WAITS)
    assert "killed_span" in open_names(agent)
    victim.kill()
    assert_closed_as_aborted(agent, "killed_span")


def test_a_forked_child_that_keeps_the_socket_does_not_hide_it(agent):
    victim = Victim(agent, "forked_span", FORKS + WAITS)
    child = int(victim.lines[1])
    try:
        victim.kill()
        os.kill(child, 0)
        assert_closed_as_aborted(agent, "forked_span")
    finally:
        os.kill(child, signal.SIGKILL)


def test_a_process_that_dies_while_the_agent_is_away_is_found_out(agent):
    victim = Victim(agent, "orphaned_span", WAITS)
    agent.kill()
    victim.kill()
    agent.start()
    assert_closed_as_aborted(agent, "orphaned_span")


@pytest.mark.parametrize("uid", [0, NOBODY])
def test_a_process_that_goes_on_keeps_its_span_open(agent, uid):
    victim = Victim(agent, "living_span", WAITS, uid=uid)
    try:
        agent.sluice("event", "--require", "meanwhile")
        assert "living_span" in open_names(agent)
    finally:
        victim.kill()


@pytest.fixture(name="waiting")
def fixture_waiting(shared, agent):
    """A process with libsluice that has an old span open, known to the agent without a flush."""
    with subprocess.Popen([shared.copy("../tests/process_scenario"), "WaitInsideSpan"],
                          stdin=subprocess.PIPE, cwd="/tmp",
                          env={"SLUICE_SOCKET": str(agent.socket)}, **as_user(NOBODY)) as process:
        wait_until(lambda: "waiting" in open_names(agent), "the library sends the start")
        yield process
        process.kill()


def assert_log_and_pool_tell(agent, cause):
    cause = cause if KERNEL_TELLS else "process gone"
    wait_until(lambda: "waiting" not in open_names(agent), "the span is closed")
    agent.flush()
    close, = [line for line in agent.log().splitlines() if "waiting" in line and "close" in line]
    assert f'sluice.abort.cause="{cause}"' in close
    value, = [value for key, value in agent.pool()
              if "waiting" in key and value.startswith("Start: ")]
    assert value.endswith(f" | Status: error: aborted: {cause}")


def test_the_library_of_a_killed_process_had_its_old_span_known(agent, waiting):
    waiting.kill()
    waiting.wait(DEADLINE_S)
    assert_log_and_pool_tell(agent, "signal 9 (SIGKILL)")


def test_a_process_that_exits_inside_a_span_leaves_its_exit_code(agent, waiting):
    waiting.stdin.close()
    assert waiting.wait(DEADLINE_S) == 3
    assert_log_and_pool_tell(agent, "exit code 3")


def start_run(agent, name):
    """A command under `sluice run` that is under way and goes on until its input ends."""
    process = subprocess.Popen(
        [agent.shared.sluice, "run", "--name", name, "--", "sh", "-c", "echo up; read end"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd="/tmp",
        env={"PATH": "/usr/bin:/bin", "SLUICE_SOCKET": str(agent.socket)})
    assert process.stdout.readline() == "up\n"
    return process


def test_a_command_that_began_without_an_agent_is_known_once_there_is_one(shared):
    with Agent(shared) as agent, start_run(agent, "early_run") as process:
        agent.start()
        wait_until(lambda: "early_run" in open_names(agent), "its start is sent again")
        process.kill()
        process.wait(DEADLINE_S)
        assert_closed_as_aborted(agent, "early_run")


def test_a_start_that_was_sent_again_is_one_span(shared):
    with Agent(shared) as agent, start_run(agent, "twice_run") as process:
        agent.start()
        wait_until(lambda: "twice_run" in open_names(agent), "its start is sent again")
        process.communicate("\n", DEADLINE_S)
        agent.flush()
        lines = [line for line in agent.log().splitlines() if "twice_run" in line]
        assert [line.split()[-1] == "new" for line in lines] == [True, False], lines
