"""Behind admission, too, one hostile user hurts nobody: while users do all that the protocol lets them,
others' calls, reports, flushes and lines come in time, their history stays whole, and what is cut is
the attacker's and counted as such. A deadline is many times what a good machine shows, or several times
what others suffer here beside processes that only burn CPU. How long a thread that answers had no
processor does not count: a machine with hundreds of others' threads may keep it waiting for seconds.
tests/bench/fair_bench.py prints the times."""

import pathlib
import sys

import pytest
from harness import LONG, ROOT, SOMEBODY

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from trial import MANY_UIDS, ONE_UID, Trial  # noqa: E402

SECONDS = 60 if LONG else 2.5
CONTROL_SECONDS = 2.5
DEADLINE_MS = {"event": 2000, "report": 4000, "flush": 6000, "ack": 1500, "to_log": 6000}
OF_CONTROL = 4
PATIENCE_S = 12
ATTACKS = ("status_unread", "status_read", "tiny_events", "nested_events", "wide_span",
           "large_events", "empty_records", "explain", "explain_chain", "hello", "reset_after_data")
# Who greets, or takes calls back, is let do so in turn: there may be nothing to count.
NOTHING_CUT = ("hello", "reset_after_data")
RSS_CEILING_MIB = 400


@pytest.fixture(name="deadlines", scope="module")
def measured_deadlines(shared):
    """A function of who attacks: milliseconds by kind of bystander."""
    known = {}

    def deadlines(uids, processes):
        if uids not in known:
            with Trial(shared, patience=PATIENCE_S) as trial:
                control = trial.attacked(["no_attack"], CONTROL_SECONDS, uids, processes)
            known[uids] = {kind: max(DEADLINE_MS[kind], OF_CONTROL * one.p99)
                           for kind, one in control.items()}
        return known[uids]
    return deadlines


def judge(trial, seen, deadlines, uids, attacks):
    """What must hold after an attack; all that does not is told at once."""
    wrong = []
    for kind, one in seen.items():
        print(f"{kind}: p50 {one.p50:.1f}, p99 {one.p99:.1f}, max {one.max:.1f} ms, "
              f"p99 without the scheduler's part {one.p99_of_agent:.1f}, of "
              f"{len(one.waits)}, deadline {deadlines[kind]:.0f}")
        if one.failures:
            wrong.append(f"{kind}: {len(one.failures)} of {len(one.waits)} failed, {one.failures[0]}")
        if one.p99_of_agent > deadlines[kind]:
            wrong.append(f"{kind}: p99 {one.p99_of_agent:.0f} ms, deadline {deadlines[kind]:.0f}")
    assert trial.is_alive(), trial.agent.stderr()[-2000:]
    done = trial.agent.sluice("flush", "--timeout", "10s", check=False)
    if done.returncode != 0:
        wrong.append(f"afterwards: {done.stderr.strip()}")
    try:
        check_rest(trial, uids, attacks, wrong)
    except AssertionError as error:
        wrong.append(f"afterwards: {error}")
    assert not wrong, "\n".join(wrong)


def check_rest(trial, uids, attacks, wrong):
    """What is left of everybody's records, and what the counters say of it."""
    counters = trial.counters()
    cut = {uid: counts for uid, counts in counters.items() if uid is not None}
    print(counters)
    others = {uid: counts for uid, counts in cut.items() if uid not in uids}
    if others:
        wrong.append(f"others than the attacker were cut: {others}")
    if not cut and not set(attacks) <= set(NOTHING_CUT):
        wrong.append("no counter names the attacker")
    for where, lost in (("log", trial.lost_from_log()), ("views", trial.lost_from_views())):
        if lost:
            counts = {uid: len(texts) for uid, texts in lost.items()}
            wrong.append(f"gone from the {where}: by uid {counts}, first {min(lost.values())[0]}")
    if trial.agent.peak_rss_mib() > RSS_CEILING_MIB:
        wrong.append(f"{trial.agent.peak_rss_mib()} MiB")


def attack(shared, deadlines, attacks, uids, processes):
    allowed = deadlines(uids, processes)
    with Trial(shared, patience=PATIENCE_S) as trial:
        trial.tell(ROOT, "fair-before-root-0.")
        trial.tell(SOMEBODY, "fair-before-user-0.")
        seen = trial.attacked(attacks, SECONDS, uids, processes)
        judge(trial, seen, allowed, uids, attacks)


@pytest.mark.parametrize("name", ATTACKS)
def test_two_processes_of_one_user(shared, deadlines, name):
    attack(shared, deadlines, [name], ONE_UID, processes=2)


def test_thirty_users_each_with_an_attack(shared, deadlines):
    attack(shared, deadlines, ATTACKS, MANY_UIDS, processes=1)


@pytest.mark.skipif(not LONG, reason="takes a minute each")
@pytest.mark.parametrize("name", ATTACKS)
def test_thirty_users_with_one_attack(shared, deadlines, name):
    attack(shared, deadlines, [name], MANY_UIDS, processes=1)
