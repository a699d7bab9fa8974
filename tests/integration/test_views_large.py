"""A trace of 100,000 spans: no view of it takes much memory, neither of the tool nor of the agent."""

import shutil

import pytest
from harness import Agent, run
from python_client import INTERPRETER, PACKAGE, for_anybody

pytestmark = pytest.mark.skipif(not PACKAGE.exists(), reason="no headers of Python here")

SPANS = 100_000
EVENTS = SPANS // 10
MAX_MIB = 64

EMIT = f"""
import sluice
with sluice.span("root"):
    for n in range(1, {SPANS}):
        with sluice.span(f"step {{n % 1000}}", number=n, path=f"/srv/things/{{n}}", ok=True) as span:
            if n % 10 == 0:
                span.event("checkpoint", done=n)
            if n == 5000:
                span.fail("no such thing")
        if n % 1500 == 0:
            sluice.flush(10)
    span.event("checkpoint", done=0)
sluice.flush(10)
"""
# Runs a program and prints its exit code, the most memory that it had, and how often a text stands in
# what it printed. The kernel counts for it, too, what the process had that became this program: so
# this one is small by then.
PEAK = """
import os, subprocess, sys
with subprocess.Popen(sys.argv[2:], stdout=subprocess.PIPE) as process:
    printed = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
print(process.returncode, used.ru_maxrss // 1024, printed.count(sys.argv[1].encode()))
"""
# What each view prints, and how often.
VIEWS = {
    "tree": (" x ", 900),
    "tree --all -v": ("path=", SPANS - 1),
    "tree --json": ('"span_id"', SPANS + EVENTS),
    "why": ("step 0: ERROR no such thing", 1),
    f"blame -n {SPANS}": ("step", SPANS - 1),
    "critical": ("step", 3 * SPANS - 3),
    "plot": ('<div class="r ', SPANS + EVENTS),
    "export": ('"checkpoint"', EVENTS),
    "export --format jsonl": ('"spanId"', SPANS + EVENTS),
    "export --format perfetto": ('"ph": "X"', SPANS),
}


@pytest.fixture(scope="module", name="agent")
def agent_with_a_large_trace(shared):
    with Agent(shared) as agent:
        agent.start()
        run([INTERPRETER, "-c", EMIT],
            env={"SLUICE_SOCKET": str(agent.socket), **for_anybody(shared)})
        yield agent


def check(shared, view, *source):
    verb, *flags = view.split()
    text, count = VIEWS[view]
    done = run([INTERPRETER, "-c", PEAK, text, shared.sluice, verb, "--last", *flags, *source,
                "--timeout", "60s"])
    code, peak_mib, printed = map(int, done.stdout.split())
    assert (code, printed) == (0, count)
    assert peak_mib <= MAX_MIB


@pytest.mark.parametrize("view", VIEWS)
def test_no_view_takes_much_memory(agent, view):
    check(agent.shared, view, "--socket", agent.socket, "--admin-socket", agent.admin_socket)
    assert agent.peak_rss_mib() <= MAX_MIB


@pytest.mark.parametrize("view", ["tree --all -v", "why", "export"])
def test_nor_does_one_of_a_journal_without_its_agent(agent, tmp_path, view):
    journal = shutil.copytree(agent.journal, tmp_path / "journal")
    check(agent.shared, view, "--journal", journal)
