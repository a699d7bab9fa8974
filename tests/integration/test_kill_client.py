"""A process that dies leaves no span open: what the agent knew of is closed as aborted, with its
cause, in the log and in the pool."""

import os
import signal

import pytest
from harness import NOBODY, wait_until
from victim import FORKS, WAITS, Victim

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
