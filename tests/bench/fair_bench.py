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
FLOOD_SECONDS = 20
BATCH, BATCHES = 512, 8000
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
                  f"{now.p99 / before.p99:6.1f}, without the scheduler's part "
                  f"{now.p99_of_agent:6.1f}, of {len(now.waits)}{failed}", flush=True)
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

def load(shared, agent, uid, batches):
    return subprocess.Popen(
        [str(shared.folder / "agent_load"), str(agent.socket), str(BATCH), "0", str(batches)],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd="/tmp", **as_user(uid))


def seconds_to_finish(shared, uids):
    """Of each user's load, all begun at once; the error of one that was ended."""
    with Agent(shared, config=NO_SINKS) as agent:
        agent.start(wrapper=AS_IN_THE_UNIT)
        began = time.monotonic()
        running = dict(enumerate(load(shared, agent, uid, BATCHES) for uid in uids))
        took = {}
        while running:
            for at, process in list(running.items()):
                if process.poll() is not None:
                    took[at] = time.monotonic() - began
                    if process.returncode != 0:
                        sys.exit(f"fair_bench: {process.stderr.read().strip()}")
                    del running[at]
            time.sleep(0.001)
        return sorted(took.values())


def measure_rates(shared):
    spans = BATCH * BATCHES
    [alone] = seconds_to_finish(shared, [SOMEBODY])
    first, last = seconds_to_finish(shared, [SOMEBODY, NOBODY])
    # Alone again from `first` on, at the speed of one that is alone.
    of_slower = max(0, spans - (last - first) * spans / alone)
    share = of_slower / (of_slower + spans)
    say("one user alone, two beside each other", f"{million(spans / alone)}, {million(2 * spans / last)}"
        f"; the slower one has {100 * share:.0f} % while both send")
    beside_flooder(shared)


def million(rate):
    return f"{rate / 1e6:.2f} M spans/s"


def beside_flooder(shared):
    """With all sinks on: the flooder is held to what the slowest of them takes."""
    with Trial(shared, patience=PATIENCE_S) as trial:
        quiet = trial.quiet(QUIET_SECONDS, ["to_log"])["to_log"]
        flooder = load(shared, trial.agent, NOBODY, batches=10**9)
        before = written_to_log(trial.agent)
        slow = trial.quiet(FLOOD_SECONDS, ["to_log"])["to_log"]
        written = written_to_log(trial.agent) - before
        ended = flooder.poll() is not None
        flooder.kill()
        say("1 record/s to the log beside a flooder", f"p50 {slow.p50:.1f}, p99 {slow.p99:.1f}, max "
            f"{slow.max:.1f} ms (quiet {quiet.p50:.1f}, {quiet.p99:.1f}, {quiet.max:.1f}), and the flooder "
            f"{million(written / FLOOD_SECONDS)} to it"
            f"{'; the flooder was ended: ' + flooder.stderr.read().strip() if ended else ''}")


def written_to_log(agent):
    return next(int(sink["written_records"]) for sink in agent.status()["sinks"]
                if sink["name"] == "file")


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
