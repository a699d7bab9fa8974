"""One hostile user cannot hurt another: under each attack a victim's records are acknowledged, the
agent's memory stays bounded, the attacker alone has to wait, and afterwards everything is as before.
Prints how long the victim waited, beside a quiet agent; `pytest -rP` shows it."""

import pathlib
import subprocess
import sys
import time

import pytest
from harness import LONG, NOBODY, SOMEBODY, Agent, as_user, run, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from hostile import ATTACKS  # noqa: E402

HOSTILE = pathlib.Path(__file__).resolve().parent / "hostile.py"
SECONDS = 120 if LONG else 3
RSS_CEILING_MIB = 256
SPARE_DESCRIPTORS = 8  # segments that the journal opens meanwhile
QUIET_SECONDS = 1
# Those that keep the loop busy for nothing as long as they are let.
FLOODS = ("ping", "settings", "reset", "continuation", "window", "random", "messages")

VICTIM = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import telemetry
times = []
with telemetry.Stream(os.environ['SLUICE_SOCKET']) as stream:
    end = time.monotonic() + float(sys.argv[3])
    while time.monotonic() < end:
        began = time.monotonic()
        stream.batch(telemetry.event(f'{sys.argv[2]}-{len(times)}.'))
        times.append((time.monotonic() - began) * 1e3)
times.sort()
print(len(times), times[len(times) // 2], times[len(times) * 99 // 100])
"""


class Served:
    """What a victim saw of the agent: acknowledged records, and milliseconds from record to ack."""

    def __init__(self, agent, name, seconds):
        done = agent.run_python(VICTIM, agent.shared.support, name, seconds, uid=SOMEBODY)
        self.names = [f"{name}-{n}." for n in range(int(done.stdout.split()[0]))]
        self.median, self.p99 = (float(word) for word in done.stdout.split()[1:])

    def __str__(self):
        return f"median {self.median:.2f} ms, p99 {self.p99:.2f} ms"


def throttled_uids(agent):
    return {counter.get("uid") for counter in agent.status()["counters"]
            if counter["name"] == "net.throttled"}


def open_descriptors(agent):
    return len(list(pathlib.Path(f"/proc/{agent.pid()}/fd").iterdir()))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_victim_is_served_under_attack(agent, attack):
    agent.sluice("event", "--require", "opens what the sinks and views keep open")
    agent.flush()
    before = open_descriptors(agent)
    quiet = Served(agent, f"quiet_{attack}", QUIET_SECONDS)
    code = HOSTILE.read_text()
    attackers = [subprocess.Popen(
        ["/usr/bin/python3", "-c", code, attack, str(agent.socket), str(SECONDS + 1)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/tmp",
        env={"PATH": "/usr/bin:/bin", **agent.shared.environment(agent)}, **as_user(NOBODY))
        for _ in range(2)]
    served = Served(agent, f"victim_{attack}", SECONDS)
    print(f"{attack}: {served} (quiet: {quiet}), p99 ratio {served.p99 / quiet.p99:.1f}, "
          f"{agent.peak_rss_mib()} MiB")
    for attacker in attackers:
        output, errors = attacker.communicate(timeout=SECONDS + 30)
        assert output == "done\n", errors
    assert len(served.names) > SECONDS, "hardly anything was acknowledged"
    assert throttled_uids(agent) - {NOBODY} == set(), "somebody else than the attacker waited"
    assert NOBODY in throttled_uids(agent) or attack not in FLOODS
    assert agent.peak_rss_mib() <= RSS_CEILING_MIB
    agent.flush()
    log = agent.log()
    assert [name for name in quiet.names + served.names if name not in log] == []
    end = time.monotonic() + 15
    while open_descriptors(agent) > before + SPARE_DESCRIPTORS:
        assert time.monotonic() < end, "connections of the attack stay open"
        time.sleep(0.05)


def descriptors_refused(agent):
    return any(counter["name"] == "net.refused" and counter["reason"] == "descriptors"
               for counter in agent.status()["counters"])


def test_whoever_takes_all_descriptors_leaves_the_agent_its_own(shared):
    """Meanwhile segments of the journal open and root is answered; afterwards everybody is."""
    import telemetry
    size = 60_000
    names = [f"during-{number}." for number in range((3 << 20) // size)]  # three segments
    with Agent(shared, config='[journal]\nsegment = "1 MiB"\n') as agent:
        agent.start(wrapper=["prlimit", "--nofile=64"])
        with telemetry.Stream(str(agent.socket)) as victim, subprocess.Popen(
                ["/usr/bin/python3", "-c", HOSTILE.read_text(), "connections", str(agent.socket),
                 "600"], env={"PATH": "/usr/bin:/bin", **shared.environment(agent)}, cwd="/tmp",
                **as_user(NOBODY)) as attacker:
            wait_until(lambda: descriptors_refused(agent), "the attack takes too much")
            for name in names:
                victim.batch(telemetry.event(name + "x" * size))
            assert attacker.poll() is None and descriptors_refused(agent)
            attacker.kill()
        run([shared.sluice, "--timeout", "20s", "event", "--require", "alive"], uid=SOMEBODY,
            env={"SLUICE_SOCKET": str(agent.socket)})
        agent.flush()
        log = agent.log()
        assert [name for name in ["alive", *names] if name not in log] == []
