"""A process that emits through libsluice while there is no agent: once one is back, it has what the
ring held, and the process says what it did not."""

import re
import time

from harness import BUILT, Agent, wait_until
from native_client import NativeClient

LIBRARY = BUILT.parent / "lib/libsluice.so"
OUTAGE_S = 10
NUMBERS = re.compile(r"number (\d+)\.")


def logged(agent):
    return [int(number) for number in NUMBERS.findall(agent.log())]


def test_ten_seconds_without_an_agent_lose_nothing_within_the_ring(shared):
    with Agent(shared) as agent:
        agent.start()
        with NativeClient(LIBRARY, agent.socket) as client:
            client.emit("outage", "info", "before")
            agent.kill()
            gone = time.monotonic()
            emitted = client.emit("outage", "info", "number #. of 1000", count=1000, flush_ms=0)
            wait_until(lambda: time.monotonic() > gone + OUTAGE_S, "ten seconds passed")
            agent.start()
            counted = client.emit("outage", "info", "after", flush_ms=60_000)
            assert emitted["dropped_ring_full"] == counted["dropped_ring_full"] == 0
            assert counted["acked"] == counted["emitted"] == 1002
        agent.flush()
        assert logged(agent) == list(range(1000))


def test_what_the_ring_does_not_hold_is_counted(shared):
    size, count = 1000, 10_000  # 10 MB into a ring of 4 MiB
    with Agent(shared) as agent:
        with NativeClient(LIBRARY, agent.socket) as client:
            client.emit("outage", "info", "number #. " + size * "x", count=count, flush_ms=0)
            agent.start()
            counted = client.emit("outage", "info", "after", flush_ms=60_000)
        assert counted["dropped_ring_full"] > count // 2
        assert counted["emitted"] + counted["dropped_ring_full"] == count + 1
        assert counted["acked"] == counted["emitted"]
        agent.flush()
        assert logged(agent) == list(range(counted["emitted"] - 1)), "the first ones, in order"
