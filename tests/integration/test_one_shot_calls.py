"""What a one-shot emit costs the agent: counted, since a busy machine makes every time wrong."""

import contextlib
import os
import re
import signal
import subprocess

from harness import PATIENT, ROOT, SOMEBODY, as_user, wait_until


@contextlib.contextmanager
def traced(agent, output):
    """Notes in the file what the agent calls meanwhile."""
    with subprocess.Popen(["strace", "-f", "-o", output, "-p", str(agent.pid())],
                          stderr=subprocess.PIPE, text=True) as tracer:
        assert "attached" in tracer.stderr.readline()
        yield
        tracer.send_signal(signal.SIGINT)


def start_span(agent, name, uid):
    """Until the log has it. Returns the tool's pid."""
    owner = os.getpid() if uid == ROOT else "none"
    with subprocess.Popen([agent.shared.sluice, "span", "start", "--owner", str(owner), "--require",
                           *PATIENT, name], env=agent.shared.environment(agent),
                          stdout=subprocess.DEVNULL, **as_user(uid)) as tool:
        assert tool.wait(30) == 0
    wait_until(lambda: name in agent.log(), "the log's sink has it")
    return tool.pid


def calls_for_a_span(agent, folder, uid):
    """The pid of a tool, and what the agent calls on behalf of its span. It is not its first."""
    start_span(agent, "first", uid)
    with traced(agent, folder / "calls"):
        pid = start_span(agent, "second", uid)
    return pid, (folder / "calls").read_text()


def files_of(pid, calls):
    return sorted(re.findall(rf'open(?:at)?\(.*"/proc/{pid}/(\w+)"', calls))


def looked_again(calls):
    """Without a pidfd of the peer, before Linux 6.5, its start time has to be the same as before."""
    return [] if "pidfd_send_signal(" in calls else ["stat"]


def test_each_file_of_a_peer_is_read_once(agent, tmp_path):
    """The kernel makes them anew for each new process: that is most of what an identity costs."""
    pid, calls = calls_for_a_span(agent, tmp_path, SOMEBODY)
    assert files_of(pid, calls) == ["cgroup", "stat", *looked_again(calls)]


def test_each_file_of_roots_is_read_once_whether_it_is_in_a_container_included(agent, tmp_path):
    pid, calls = calls_for_a_span(agent, tmp_path, ROOT)
    assert files_of(pid, calls) == sorted(
        ["cgroup", "mountinfo", "stat", "status", "uid_map", *looked_again(calls)])
    assert files_of(os.getpid(), calls) == ["stat"], "the owner, who may be anybody's for root"


def test_a_sink_does_not_sleep_where_it_only_looks(agent, tmp_path):
    _, calls = calls_for_a_span(agent, tmp_path, ROOT)
    assert "fdatasync(" in calls
    assert "{tv_sec=0, tv_nsec=0}" not in calls
