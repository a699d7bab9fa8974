"""Many processes of several users at once: each record that was acknowledged is in the log, stamped
with the user who sent it."""

import re
import subprocess

import pytest
from harness import LONG, NOBODY, SOMEBODY, as_user

PROCESSES = 200 if LONG else 24
EVENTS = 200

EMITS = """
import os, sys
sys.path.insert(0, sys.argv[1])
import telemetry
name, events = sys.argv[2], int(sys.argv[3])
with telemetry.Stream(os.environ['SLUICE_SOCKET']) as stream:
    for at in range(0, events, 10):
        span = telemetry.Span(f'{name}-span')
        inside = [span.event(f'{name}-{at + n}.') for n in range(10)]
        stream.batch(span.start(), *inside, span.end(), wait=False)
    stream.wait_ack(stream.sequence - 1)
print('done')
"""


@pytest.fixture(name="processes")
def started(agent):
    running = []
    for at in range(PROCESSES):
        uid = (0, NOBODY, SOMEBODY)[at % 3]
        name = f"p{at}u{uid}"
        running.append((name, subprocess.Popen(
            ["/usr/bin/python3", "-c", EMITS, str(agent.shared.support), name, str(EVENTS)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/tmp",
            env={"PATH": "/usr/bin:/bin", **agent.shared.environment(agent)}, **as_user(uid))))
    yield running
    for _name, process in running:
        process.kill()


def test_many_processes_of_several_users(agent, processes):
    for name, process in processes:
        output, errors = process.communicate(timeout=120)
        assert output == "done\n", f"{name}: {errors}"
    agent.flush()
    logged = set(re.findall(r"p\d+u\d+-\d+\.", agent.log()))
    missing = [f"{name}-{n}." for name, _process in processes for n in range(EVENTS)
               if f"{name}-{n}." not in logged]
    assert missing == []
    keys = [key for key, value in agent.pool() if re.search(r"p\d+u65534-", key + value)]
    assert all("-u65534|" in key for key in keys)
