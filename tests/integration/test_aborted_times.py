"""A span that is closed as aborted ends when its process died, and never after its parent."""

import os
import signal
import subprocess
import time

import pytest
from harness import DEADLINE_S, NOBODY, as_user, wait_until
from victim import WAITS, Victim

CLOSE_NS = 20_000_000


def start(agent, scenario):
    """The process, once the agent knows its spans, and the lines that it printed before."""
    process = subprocess.Popen(
        [agent.shared.copy("../tests/process_scenario"), scenario], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, cwd="/tmp", env={"SLUICE_SOCKET": str(agent.socket)},
        **as_user(NOBODY))
    lines = []
    while "open" not in lines:
        lines.append(process.stdout.readline().strip())
    return process, lines


def spans(agent, *names):
    """Start, end and whether that is estimated, of spans that have ended; waits until they have."""
    import telemetry  # its modules are generated for the run

    def ended():
        starts, ends = {}, {}
        for one in telemetry.stored(agent):
            span = one.record.span
            if span.start_time_unix_nano:
                starts[span.span_id] = span.name, span.start_time_unix_nano
            if span.end_time_unix_nano:
                marks = {attribute.key for attribute in span.attributes}
                ends[span.span_id] = (span.end_time_unix_nano,
                                      "sluice.abort.estimated" in marks)
        found = {name: (began, *ends[number])
                 for number, (name, began) in starts.items() if number in ends}
        return found if found.keys() >= set(names) else None

    found = wait_until(ended, f"{names} have ended")
    return [found[name] for name in names]


@pytest.mark.parametrize("lived_s", [0.1, 0.3, 1.0])
def test_a_killed_process_has_spans_as_long_as_it_lived(agent, lived_s):
    process, _lines = start(agent, "WaitInsideTwoSpans")
    with process:
        time.sleep(lived_s)  # that is how long it lives
        killed = time.time_ns()
        process.kill()
        process.wait(DEADLINE_S)
        reaped = time.time_ns()
    outer, inner = spans(agent, "outer", "inner")
    for _began, ended, is_estimated in (outer, inner):
        assert not is_estimated
        assert killed <= ended <= reaped + CLOSE_NS
    assert inner[1] <= outer[1]


def test_a_childs_span_does_not_outlast_that_of_a_parent_that_died_first(agent):
    process, lines = start(agent, "WaitInsideASpanWithAChildInAnother")
    with process:
        killed = time.time_ns()
        process.kill()
        process.wait(DEADLINE_S)
        reaped = time.time_ns()
        os.kill(int(lines[0]), signal.SIGKILL)
    outer, inner = spans(agent, "outer", "inner")
    assert killed <= outer[1] <= reaped + CLOSE_NS and not outer[2]
    assert inner[0] <= inner[1] <= outer[1]


def test_where_nobody_saw_the_death_the_end_is_the_last_sign_of_life_and_estimated(agent):
    with Victim(agent, "orphan", WAITS) as victim:
        last_word = time.time_ns()
        agent.kill()
        victim.kill()
    agent.start()
    (began, ended, is_estimated), = spans(agent, "orphan")
    assert is_estimated
    assert began <= ended <= last_word
    agent.flush()
    assert "sluice.abort.estimated=true" in agent.log()
