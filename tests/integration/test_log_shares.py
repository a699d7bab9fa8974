"""What one user writes displaces nobody's line from the log: its lines are bounded by what it sends,
and what it holds of the set of rotated files by its share. Whoever is held back is named."""

import pytest
from harness import NOBODY, SOMEBODY, Agent

QUIET = 64322
MIB = 1 << 20

# Arguments: folder of telemetry.py, rounds. Says how many bytes it sent.
LARGE_SPAN = """
import os, sys
sys.path.insert(0, sys.argv[1])
import telemetry
span = telemetry.Span("work")
fields = {f"attribute{n}": "x" * 128 for n in range(100)}
sent = [span.start(**fields)]
telemetry.emit(os.environ["SLUICE_SOCKET"], *sent)
for _ in range(int(sys.argv[2])):
    events = [telemetry.Record(kind=telemetry.record_pb2.RECORD_KIND_EVENT,
                               level=telemetry.record_pb2.LEVEL_INFO,
                               event=dict(trace_id=span.trace_id, span_id=span.span_id))] * 5000
    telemetry.emit(os.environ["SLUICE_SOCKET"], *events)
    sent += events
print(sum(len(one.SerializeToString()) for one in sent))
"""
FLOOD = """
import os, sys
sys.path.insert(0, sys.argv[1])
import telemetry
for _ in range(int(sys.argv[2])):
    telemetry.emit(os.environ["SLUICE_SOCKET"], *[telemetry.event("flood " + "x" * 1000)] * 200)
"""


def attack(agent, code, rounds, uid):
    return agent.run_python(code, str(agent.shared.support), str(rounds), uid=uid).stdout


def whole_set(agent):
    """The text of the log and all files rotated from it."""
    return "".join(path.read_text() for path in agent.log_path.parent.iterdir())


def counted(agent, prefix="log."):
    return {(one["name"], one.get("reason"), one.get("uid")): one["value"]
            for one in agent.status()["counters"] if one["name"].startswith(prefix)}


def test_empty_events_in_a_large_span_are_no_amplifier(agent):
    """1.2 MiB once made 350 MiB of log, which is more than the log and all its rotated files."""
    agent.sluice("event", "of root")
    sent = int(attack(agent, LARGE_SPAN, 5, NOBODY))
    agent.flush()
    log = whole_set(agent)
    assert len(log) <= 8 * sent + MIB + 64 * 1024
    assert log.count("of root") == 1
    assert "of root" in agent.sluice("tail", "-n", "100000").stdout
    counters = counted(agent)
    assert counters.pop(("log.shortened", "file", NOBODY)) > 1000
    assert counters == {}
    # Nothing is lost but scope: each event has its line.
    assert log.count(" INFO work{") == 25_001


@pytest.mark.parametrize("users", [1, 2])
def test_who_fills_the_log_is_cut_and_displaces_nobody(shared, users):
    config = '[log]\nmax_size = "256 KiB"\nrotate_keep = 4\n'
    with Agent(shared, config=config) as agent:
        agent.start()
        agent.sluice("event", "of root")
        agent.sluice("event", "of a quiet user", uid=QUIET)
        attackers = [NOBODY, SOMEBODY][:users]
        for _ in range(5):
            for uid in attackers:
                attack(agent, FLOOD, 5, uid)
            agent.sluice("event", "root again")
            agent.sluice("event", "the user again", uid=QUIET)
        agent.flush()
        log = whole_set(agent)
        assert (log.count("of root"), log.count("of a quiet user")) == (1, 1)
        assert (log.count("root again"), log.count("the user again")) == (5, 5)
        counters = counted(agent)
        assert {uid for _, _, uid in counters} == set(attackers)
        for uid in attackers:
            # A thousand bytes each, of which a few hundred lines are within the share.
            assert counters["log.cut", "file", uid] > 4000
            assert log.count(f" WARN sluiced: lines of uid {uid} are left out") >= 1
        assert len(log) <= 5 * 256 * 1024
        views = agent.sluice("tail", "-n", "100000").stdout
        assert "of root" in views and "of a quiet user" in views


def test_a_share_outlives_the_agent(shared):
    with Agent(shared, config='[log]\nmax_size = "256 KiB"\n') as agent:
        agent.start()
        agent.sluice("event", "of root")
        attack(agent, FLOOD, 5, NOBODY)
        agent.flush()
        held = whole_set(agent).count("flood")
        agent.restart()
        attack(agent, FLOOD, 5, NOBODY)
        agent.flush()
        # A second of aging lets a line through.
        assert held <= whole_set(agent).count("flood") <= held + 2
        assert whole_set(agent).count("of root") == 1


def test_stderr_is_within_the_bounds_too(shared):
    with Agent(shared, config='[stderr]\nfilter = "info"\n[log]\nenabled = false\n') as agent:
        agent.start()
        sent = int(attack(agent, LARGE_SPAN, 2, NOBODY))
        agent.sluice("flush", "--sink", "stderr")
        assert len(agent.stderr()) <= 8 * sent + MIB + 64 * 1024
        assert counted(agent)["log.shortened", "stderr", NOBODY] > 1000
