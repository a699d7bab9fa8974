"""What all users together can make the agent hold of open spans is bounded, however many they are:
who comes late is refused, root never, and memory is given back when they leave."""

import contextlib
import os
import pathlib
import sys

import pytest
from harness import LONG, ROOT, SOMEBODY, wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from trial import AS_IN_THE_UNIT, Attackers, Trial  # noqa: E402

FIRST_UID = 62_001
RSS_CEILING_MIB = 400
RSS_AFTERWARDS_MIB = 64
CGROUP_MIB = 512  # MemoryMax of the unit
# With pool, log and stderr: five sinks, each of which knows the spans that are open.
FIVE_SINKS = """
[log.a]
path = "{folder}/a.log"
[log.b]
path = "{folder}/b.log"
"""
ENTER = ("sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"')


@contextlib.contextmanager
def memory_cgroup():
    """The words before a command that limit its memory, or none where there is no such controller
    to be had."""
    for root, limit in (("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
                        ("/sys/fs/cgroup", "memory.max")):
        group = pathlib.Path(root, f"sluice-test-{os.getpid()}")
        try:
            group.mkdir()
        except OSError:
            continue
        try:
            (group / limit).write_text(str(CGROUP_MIB << 20))
        except OSError:
            group.rmdir()
            continue
        try:
            yield *ENTER, str(group)
        finally:
            wait_until(lambda: not (group / "cgroup.procs").read_text(), "the agent is gone")
            group.rmdir()
        return
    print("no memory controller: only the resident set is looked at")
    yield ()


def rss_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) // 1024


def try_to_open(trial, uid, kib, count=20):
    """How many of that many spans of that size are taken from the uid."""
    from attacks import Span, attributes, open_spans
    from bystanders import connect
    spans = [Span(values=attributes(kib, 1000)) for _ in range(count)]
    return open_spans(connect(trial.agent.socket, uid, 10), spans)


@pytest.mark.parametrize("users", (60, pytest.param(200, marks=pytest.mark.skipif(
    not LONG, reason="60 users show the same in less time"))))
def test_open_spans_of_many_users(shared, users):
    with memory_cgroup() as limited, Trial(shared, wrapper=[*limited, *AS_IN_THE_UNIT]) as trial:
        agent = trial.agent
        agent.stop()
        agent.config_path.write_text(FIVE_SINKS.format(folder=agent.folder / "log"))
        agent.start(wrapper=trial.wrapper)
        trial.pid = agent.pid()
        uids = range(FIRST_UID, FIRST_UID + users)
        with Attackers(agent, ["open_spans"], uids, processes=1):
            agent.sluice("flush", "--timeout", "30s", timeout=60)
            print(f"{users} users: {rss_mib(trial.pid)} MiB")
            assert try_to_open(trial, ROOT, kib=60) == 20, "root was refused for others"
            assert try_to_open(trial, SOMEBODY, kib=1, count=1) == 1, "a newcomer finds no room"
            counters = trial.counters()
            assert set(counters) - {None, *uids} == set(), counters
            refused = {uid for uid in uids
                       if "admission.dropped.open_span_bytes" in counters.get(uid, {})}
            assert len(refused) == users, "each was to be stopped by a limit"
            assert trial.is_alive(), agent.stderr()[-2000:]
            assert agent.peak_rss_mib() <= RSS_CEILING_MIB
        wait_until(lambda: rss_mib(trial.pid) < RSS_AFTERWARDS_MIB,
                   f"memory is given back, {rss_mib(trial.pid)} MiB", deadline_s=30)
        assert trial.is_alive(), agent.stderr()[-2000:]
