"""What is missing is counted: after bursts and floods of three users, sinks whose disks are full, and kills
of the agent, the journal's `dropped` counters, and what the pool's summary says was given up, are exactly
the acknowledged records that are neither in the log nor in the pool."""

import random
import re
import time

import pytest

from disk import fill, tmpfs
from harness import LONG, NOBODY, ROOT, SOMEBODY, Agent, wait_until

RUNS = 100 if LONG else 3
STEPS = 12
USERS = (ROOT, NOBODY, SOMEBODY)
CONFIG = """
[journal]
max = "4 MiB"
segment = "1 MiB"
[log]
max_size = "0 B"
"""
GIVEN_UP = re.compile(r"Given up for want of room: \d+ \(dropped (\d+), overwritten (\d+), trimmed \d+\)")

# Emits events in batches of 100 and prints the last number that was acknowledged: argv are the socket, a
# prefix, how many, and how long each is.
EMIT = """
import os, sys, time
import grpc
import telemetry
socket, prefix, count, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
client, acknowledged = os.urandom(16), 0
for first in range(0, count, 100):
    events = [telemetry.event(f"<{prefix}.{number}>" + "x" * size) for number in range(first, min(first + 100, count))]
    for _ in range(8):
        try:
            answer = telemetry.emit(socket, *events, client_id=client, first_sequence=first + 1)
            break
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED), error
            time.sleep(0.05)
    else:
        break
    acknowledged = first + len(events)
print(acknowledged)
"""


class Run:
    """One agent with a log and a pool on small disks, and what it acknowledged."""

    def __init__(self, agent, seed):
        self.agent, self.random = agent, random.Random(seed)
        self.acknowledged = set()
        self.counted = {"file": 0, "kvp": 0}  # of earlier lives of the agent
        self.fillers = {"file": agent.log_path.parent / "filler", "kvp": agent.pool_folder / "filler"}

    def dropped(self):
        """By the journal since the agent's start, by sink."""
        rows = [row for row in self.agent.status()["counters"] if row["name"] == "journal.dropped"]
        return {sink: sum(int(row["value"]) for row in rows if row["reason"].startswith(sink + "_"))
                for sink in self.counted}

    def burst(self, count, size):
        prefix = f"{len(self.acknowledged)}.{self.random.randrange(1 << 40)}"
        done = self.agent.run_python(EMIT, str(self.agent.socket), prefix, str(count), str(size),
                                     uid=self.random.choice(USERS), timeout=120)
        self.acknowledged |= {f"<{prefix}.{number}>" for number in range(int(done.stdout))}

    def emit(self):
        self.burst(self.random.randrange(1, 400), self.random.choice((0, 400)))

    def flood(self):
        self.burst(self.random.randrange(4_000, 20_000), 400)

    def fill_or_free(self):
        filler = self.fillers[self.random.choice(("file", "kvp"))]
        if filler.exists():
            filler.unlink()
        else:
            fill(filler)

    def free(self):
        for filler in self.fillers.values():
            filler.unlink(missing_ok=True)
        wait_until(lambda: {sink["state"] for sink in self.agent.status()["sinks"]} <= {"ok", "off"},
                   "all sinks write again", 60)

    def kill(self):
        """Once what was dropped is counted, since counters are of one life of the agent, and while no sink
        holds what it cannot write, which may have left the journal already."""
        self.free()
        before = self.dropped()
        while (now := self.dropped()) != before:
            before = now
        self.agent.kill()
        for sink, count in now.items():
            self.counted[sink] += count
        self.agent.start()

    def finish(self):
        self.free()
        wait_until(lambda: self.agent.sluice("flush", "--all", "--timeout", "15s", check=False).returncode == 0,
                   "all sinks have everything", 60)
        for sink, count in self.dropped().items():
            self.counted[sink] += count

    def missing(self, texts):
        return len(self.acknowledged - texts)

    def given_up(self):
        pool = self.agent.pool()
        [told] = [GIVEN_UP.search(value) for _, value in pool if "Given up for want of room" in value] or [None]
        return sum(map(int, told.groups())) if told else 0


@pytest.mark.parametrize("number", range(RUNS))
def test_what_is_missing_is_counted(shared, number):
    seed = random.SystemRandom().randrange(1 << 32)
    with Agent(shared, config=CONFIG) as agent, tmpfs(agent.log_path.parent, "64m"), \
            tmpfs(agent.pool_folder, "4m"):
        agent.start()
        run = Run(agent, seed)
        steps = [run.emit, run.emit, run.flood, run.fill_or_free, run.fill_or_free, run.kill]
        began = time.monotonic()
        for _ in range(STEPS):
            run.random.choice(steps)()
        run.finish()
        words = re.compile(r"<[0-9.]+>")
        in_log = set(words.findall(agent.log()))
        in_pool = {word for _, value in agent.pool() for word in words.findall(value)}
        told = f"seed {seed}, run {number}, {time.monotonic() - began:.0f} s, {agent.folder}"
        assert run.acknowledged, told
        assert run.missing(in_log) == run.counted["file"], told
        assert run.missing(in_pool) == run.counted["kvp"] + run.given_up(), told
