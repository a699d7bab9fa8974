"""Six users make every call there is, at random and at the limits of its cost; root's own calls are
answered all the while, nothing of root's is lost, and the counts add up. Prints its seed; SLUICE_SEED
repeats a run, as far as several processes can be repeated."""

import collections
import contextlib
import json
import os
import pathlib
import random
import subprocess
import sys
import time

import pytest
from harness import LONG, NOBODY, ROOT, SOMEBODY

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from trial import HERE, Trial  # noqa: E402

USERS = (NOBODY, 63_001, 63_002, 63_003, 63_004, 63_005)
DEADLINE_S = 5  # of each call of root's; a good machine shows a fifth
RSS_CEILING_MIB = 384
PAUSE_S = 0.05


class Root:
    """Root's calls, one after the other, timed."""

    def __init__(self, trial):
        self.trial = trial
        self.waits = collections.defaultdict(list)
        self.failures = []

    def turn(self, number):
        from bystanders import Event, Flush, Report
        from sluice.v1 import filter_pb2, query_pb2
        agent = self.trial.agent
        how = (DEADLINE_S + 1, str(agent.socket), str(agent.admin_socket), agent.log_path,
               agent.shared.sluice)
        text = f"fair-mix-root-{number}."
        if self.time("event", lambda: Event(*how).once(text)) is not None:
            self.trial.texts.setdefault(ROOT, []).append(text)
        self.time("report", lambda: Report(*how).once(text))
        self.time("flush", lambda: Flush(*how).once(text))
        for name, request in (
                ("Status", query_pb2.StatusRequest()),
                ("Records", query_pb2.RecordsRequest(limit=100)),
                ("Lines", query_pb2.LinesRequest(newest=100)),
                ("CheckFilter", filter_pb2.CheckFilterRequest(filter="info,app=debug")),
                ("Explain", filter_pb2.ExplainRequest(record=dict(
                    event=dict(body=dict(string_value="x"))))),
                ("Explain", filter_pb2.ExplainRequest(filter="info", record=dict(
                    event=dict(body=dict(string_value="x")))))):
            self.time(name, lambda: self.ask(name, request))

    def ask(self, name, request):
        from bystanders import Failed
        from http2 import Client
        with contextlib.closing(Client(self.trial.agent.admin_socket, DEADLINE_S + 1)) as client:
            if not client.answer(f"/sluice.v1.Control/{name}".encode(), request.SerializeToString()):
                raise Failed("no answer")

    def time(self, name, call):
        from bystanders import Failed
        from http2 import Broken
        began = time.perf_counter()
        result = None
        try:
            result = call()
        except (Failed, Broken, OSError) as error:
            self.failures.append(f"{name}: {error!r}")
        self.waits[name].append(time.perf_counter() - began)
        return result


def run_mix(trial, seed, seconds):
    agent = trial.agent
    users = {uid: subprocess.Popen(
        ["/usr/bin/python3", HERE / "mix.py", str(uid), str(seed), agent.socket, str(seconds)],
        stdout=subprocess.PIPE, text=True,
        env={"PATH": "/usr/bin:/bin", **agent.shared.environment(agent)}) for uid in USERS}
    root = Root(trial)
    end = time.monotonic() + seconds
    for number in range(10**9):
        root.turn(number)
        if time.monotonic() > end or not trial.is_alive():
            break
        time.sleep(PAUSE_S)
    told = {}
    for uid, process in users.items():
        output, _errors = process.communicate(timeout=60)
        assert process.returncode == 0, f"uid {uid}"
        told[uid] = json.loads(output)
    return root, told


def print_mix(root, told):
    for name, waits in root.waits.items():
        waits.sort()
        print(f"{name}: p50 {waits[len(waits) // 2] * 1e3:.1f}, max {waits[-1] * 1e3:.1f} ms "
              f"of {len(waits)}")
    print(sum((collections.Counter(one["kinds"]) for one in told.values()),
              collections.Counter()))
    print({uid: {key: one[key] for key in ("sent", "accepted", "drops", "unanswered")}
           for uid, one in told.items()})


def wrong_counts(trial, told):
    """What the users were told, and what the agent counted."""
    wrong = []
    counters = trial.counters()
    for uid, one in told.items():
        if one["wrong"]:
            wrong.append(f"uid {uid}: {one['wrong'][:3]}")
        dropped = sum(count for name, count in counters.get(uid, {}).items()
                      if name.startswith("admission.dropped."))
        if not one["drops"] <= dropped <= one["drops"] + one["unanswered"]:
            wrong.append(f"uid {uid}: {dropped} dropped by the counters, {one['drops']} by answers")
    others = {uid: counts for uid, counts in counters.items() if uid not in {None, *USERS}}
    if others:
        wrong.append(f"others were cut: {others}")
    return wrong


@pytest.mark.parametrize("seconds", (600, 3600) if LONG else (20,))
def test_random_calls_of_many_users(shared, seconds):
    seed = os.environ.get("SLUICE_SEED") or random.randrange(10**9)
    print(f"SLUICE_SEED={seed}")
    with Trial(shared, patience=DEADLINE_S) as trial:
        trial.tell(ROOT, "fair-before-root-0.")
        trial.tell(SOMEBODY, "fair-before-user-0.")
        root, told = run_mix(trial, seed, seconds)
        print_mix(root, told)
        assert trial.is_alive(), trial.agent.stderr()[-2000:]
        wrong = root.failures[:5]
        wrong += [f"{name}: {waits[-1]:.1f} s" for name, waits in root.waits.items()
                  if waits[-1] > DEADLINE_S]
        if trial.agent.peak_rss_mib() > RSS_CEILING_MIB:
            wrong.append(f"{trial.agent.peak_rss_mib()} MiB")
        done = trial.agent.sluice("flush", "--timeout", "10s", check=False)
        if done.returncode != 0:
            wrong.append(f"afterwards: {done.stderr.strip()}")
        wrong += wrong_counts(trial, told)
        for where, lost in (("log", trial.lost_from_log()), ("views", trial.lost_from_views())):
            if lost:
                wrong.append(f"gone from the {where}: {lost}")
        assert not wrong, "\n".join(wrong)
