#!/usr/bin/python3
"""What bystanders notice of attacks behind admission, and how users at full speed share the agent. Prints
one line a figure. As root, since it becomes several users; after building the release preset:

    cmake --build --preset release --target all tests/bench/all
    PYTHONPATH=tests/support tests/bench/fair_bench.py [--seconds N] [--only PART] [ATTACK]...

PART is `attacks`, `rates` or `memory`. Each attack runs for N seconds (20), by two processes of one
uid and by thirty uids, on an agent of its own with default settings and the unit's priority. Beside it:
the same bystanders alone, before. `no_attack` burns CPU and leaves the agent alone: the scheduler's
part. A wait that is over the bystanders' patience counts as so long, and as failed."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/support"), str(ROOT / "tests/stress")]

from harness import NOBODY, SOMEBODY, Agent, Shared, as_user  # noqa: E402
from trial import AS_IN_THE_UNIT, MANY_UIDS, ONE_UID, Attackers, Trial  # noqa: E402

QUIET_SECONDS = 5
PATIENCE_S = 30
RATE_SECONDS = 8
BATCH = 512
# What is measured is admission and the journal, as in agent_bench.py.
NO_SINKS = "[kvp]\nenabled = false\n[log]\nenabled = false\n[stderr]\nenabled = false\n"


def say(what, figure):
    print(f"{what:<42} {figure}", flush=True)


# ---- attacks

def run_attack(shared, name, uids, processes, seconds):
    with Trial(shared, patience=PATIENCE_S) as trial:
        quiet = trial.quiet(QUIET_SECONDS)
        attacked = trial.attacked([name], seconds, uids, processes)
        sent = trial.attackers
        print(f"{name}, {len(uids)} uid{'s' * (len(uids) > 1)}: {sent.calls} calls, "
              f"{sent.bytes / 2**20:.1f} MiB")
        for kind, now in attacked.items():
            before = quiet[kind]
            failed = f", {len(now.failures)} failed: {now.failures[0][:60]}" if now.failures else ""
            print(f"  {kind:<7} quiet {before.p50:7.1f} {before.p99:7.1f} {before.max:7.1f}  attacked "
                  f"{now.p50:8.1f} {now.p99:8.1f} {now.max:8.1f}  p99 ratio "
                  f"{now.p99 / before.p99:6.1f} of {len(now.waits)}{failed}", flush=True)
        try:
            print(f"  {afterwards(trial)}", flush=True)
        except AssertionError as error:
            print(f"  afterwards: {str(error).splitlines()[-1]}", flush=True)


def afterwards(trial):
    if not trial.is_alive():
        return "the agent is dead"
    began = time.monotonic()
    done = trial.agent.sluice("flush", "--timeout", "60s", timeout=90, check=False)
    flushed = f"flushed in {time.monotonic() - began:.1f} s" if done.returncode == 0 \
        else done.stderr.strip()
    lost = {where: sum(map(len, texts.values())) for where, texts in
            (("log", trial.lost_from_log()), ("views", trial.lost_from_views()))}
    total = sum(map(len, trial.texts.values()))
    cut = {uid for uid in trial.counters() if uid is not None}
    return (f"{flushed}; of {total} records of bystanders {lost['log']} are gone from the log, "
            f"{lost['views']} from the views; {trial.agent.peak_rss_mib()} MiB; "
            f"{len(cut)} uids named by counters")


# ---- rates

def load(shared, agent, uid, seconds, per_batch=BATCH):
    return subprocess.Popen(
        [str(shared.folder / "agent_load"), str(agent.socket), str(per_batch), "0", f"{seconds}s"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/tmp", **as_user(uid))


def rates(shared, uids, per_batch=BATCH):
    """Spans a second of each load, and the errors of those that were ended."""
    with Agent(shared, config=NO_SINKS) as agent:
        agent.start(wrapper=AS_IN_THE_UNIT)
        running = [load(shared, agent, uid, RATE_SECONDS, per_batch) for uid in uids]
        spans, errors = [], []
        for process in running:
            output, error = process.communicate(timeout=120)
            if process.returncode == 0:
                spans.append(json.loads(output)["spans"] / RATE_SECONDS)
            else:
                spans.append(0)
                errors.append(error.strip())
        return spans, errors


def million(rate):
    return f"{rate / 1e6:.2f} M spans/s"


def measure_rates(shared):
    for per_batch in (512, 10, 1):
        [alone], _errors = rates(shared, [SOMEBODY], per_batch)
        say(f"one user alone, {per_batch} a batch", million(alone))
        if per_batch == BATCH:
            one_stream = alone
    two, errors = rates(shared, [SOMEBODY, NOBODY])
    say("two users", f"{million(two[0])} and {million(two[1])}, {100 * two[0] / sum(two):.0f} % and "
        f"{100 * two[1] / sum(two):.0f} %{', ended: ' + errors[0] if errors else ''}")
    for what, uids in (("64 streams of one user", [SOMEBODY] * 64),
                       ("64 streams of 30 users", [MANY_UIDS[at % 30] for at in range(64)])):
        spans, errors = rates(shared, uids)
        say(what, f"{million(sum(spans))}, {100 * sum(spans) / one_stream:.0f} % of one stream's, "
            f"slowest {min(spans):.0f}, fastest {max(spans):.0f} spans/s, {len(errors)} ended"
            f"{': ' + errors[0] if errors else ''}")
    beside_flooder(shared)


def beside_flooder(shared):
    """With all sinks on: the flooder is held to what the slowest of them takes."""
    with Trial(shared, patience=PATIENCE_S) as trial:
        quiet = trial.quiet(RATE_SECONDS, ["to_log"])["to_log"]
        flooder = load(shared, trial.agent, NOBODY, RATE_SECONDS + 2)
        slow = trial.quiet(RATE_SECONDS, ["to_log"])["to_log"]
        output, errors = flooder.communicate(timeout=60)
        rate = million(json.loads(output)["spans"] / (RATE_SECONDS + 2)) if output else errors.strip()
        say("1 record/s to the log beside a flooder", f"p50 {slow.p50:.1f}, p99 {slow.p99:.1f}, max "
            f"{slow.max:.1f} ms (quiet {quiet.p50:.1f}, {quiet.p99:.1f}, {quiet.max:.1f}); flooder: "
            f"{rate}")


# ---- memory

def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def measure_memory(shared):
    for users in (60, 100, 200):
        with Trial(shared) as trial:
            with Attackers(trial.agent, ["open_spans"], range(62_001, 62_001 + users), 1):
                trial.agent.sluice("flush", "--timeout", "60s", timeout=90, check=False)
                held = resident_mib(trial.pid)
            trial.agent.sluice("flush", "--timeout", "60s", timeout=90, check=False)
            time.sleep(5)
            say(f"open spans of {users} users, three sinks", f"{held:.0f} MiB, peak "
                f"{trial.agent.peak_rss_mib()} MiB, 5 s after they left "
                f"{resident_mib(trial.pid):.0f} MiB")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--only", choices=("attacks", "rates", "memory"))
    parser.add_argument("attacks", nargs="*")
    options = parser.parse_args()
    if os.getuid() != 0:
        parser.error("start it as root: it becomes other users")
    with tempfile.TemporaryDirectory(prefix="sluice-bench.") as folder:
        shared = Shared(folder)
        shared.copy("../bench/agent_load")
        from attacks import ATTACKS
        if options.only in (None, "attacks"):
            for name in options.attacks or ["no_attack", *ATTACKS]:
                run_attack(shared, name, ONE_UID, 2, options.seconds)
                run_attack(shared, name, MANY_UIDS, 1, options.seconds)
        if options.only in (None, "rates"):
            measure_rates(shared)
        if options.only in (None, "memory"):
            measure_memory(shared)


if __name__ == "__main__":
    main()
