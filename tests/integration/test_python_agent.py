"""The package for Python and an agent: what arrives, of whom, and what an agent that is hung, late,
restarted or killed costs a program."""

import os
import signal
import socket
import subprocess

import pytest
from harness import NOBODY, Agent, wait_until
from python_client import INTERPRETER, PACKAGE, for_anybody

pytestmark = pytest.mark.skipif(not PACKAGE.exists(), reason="no headers of Python here")


def environment(agent, shared, **more):
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "SLUICE_SOCKET": str(agent.socket),
            **for_anybody(shared), **more}


def start(agent, code, uid=NOBODY, **more):
    return subprocess.Popen(
        [INTERPRETER, "-c", code], env=environment(agent, agent.shared, **more), cwd="/",
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        user=uid, group=uid, extra_groups=[])


def finish(process, said=None):
    output, _ = process.communicate(said, timeout=30)
    assert process.returncode == 0, output
    return output


def test_what_nobody_emits_arrives_as_his(agent):
    finish(start(agent, """
import logging, sluice
logging.basicConfig(level=1, handlers=[sluice.Handler()])
with sluice.span("provision", user="é") as span:
    span.event("created", path="/home/x", level="warn")
    logging.getLogger("app.db").warning("slow %s", "query", extra={"ms": 7})
    try:
        raise KeyError("gone")
    except KeyError:
        logging.exception("it broke")
sluice.event("error", "outside", {"target": "x"}, target="app::other")
"""))
    agent.flush()
    log = agent.log()
    for expected in (' WARN provision{user="é"}: ',
                     ': created path="/home/x"', ' app.db: slow query ms=7',
                     'ERROR provision{user="é"}: root: it broke exception.type="KeyError" '
                     'exception.message="\'gone\'" exception.stacktrace="Traceback',
                     'ERROR app::other: outside target="x"'):
        assert expected in log, (expected, log)
    assert all("-u65534" in key for key, _value in agent.pool()), agent.pool()


def test_classes_made_from_the_protocol_are_importable_beside_it(agent):
    importable = for_anybody(agent.shared)["PYTHONPATH"]
    for path in (f"{importable}:{agent.shared.python}", f"{agent.shared.python}:{importable}"):
        finish(start(agent, """
import sluice
from sluice.v1 import record_pb2
assert record_pb2.Record and sluice.span
""", PYTHONPATH=path))


def test_a_process_that_is_killed_leaves_aborted_spans(agent):
    process = start(agent, """
import sluice, sys
with sluice.span("outer"), sluice.span("inner", k=1):
    sluice.flush(10)
    print("open", flush=True)
    sys.stdin.read()
""")
    assert process.stdout.readline() == "open\n"
    process.kill()
    process.wait()
    process.communicate()
    wait_until(lambda: agent.log().count("aborted: ") >= 2, "both are closed as aborted")


def test_fork_keeps_both_sides_telling(agent):
    finish(start(agent, """
import os, sluice
sluice.init(service_name="forker")
with sluice.span("parent"):
    children = []
    for number in range(4):
        child = os.fork()
        if child == 0:
            with sluice.span("child", number=number):
                pass
            os._exit(0 if sluice.flush(10) else 1)
        children.append(child)
    assert all(os.waitpid(child, 0)[1] == 0 for child in children)
    sluice.event("info", "all done")
"""))
    agent.flush()
    for number in range(4):
        assert f"child{{number={number}}}: " in agent.log(), agent.log()
    assert "parent: python3: all done" in agent.log()
    # A child may be heard before its parent; it is in the parent's trace in any case.
    services = agent.sluice("traces", "--service", "forker", "--json").stdout
    assert services.count('"trace_id"') == 1


def test_an_exit_hands_over_and_an_agent_that_comes_late_or_again_has_all(shared):
    with Agent(shared) as agent:
        process = start(agent, """
import sluice, sys
sluice.span("before").end()
print("waits", flush=True)
sys.stdin.readline()
assert sluice.flush(20)
sluice.span("between").end()
print("flushed", flush=True)
sys.stdin.readline()
sluice.span("last").end()
""")
        assert process.stdout.readline() == "waits\n"
        agent.start()
        process.stdin.write("go\n")
        process.stdin.flush()
        assert process.stdout.readline() == "flushed\n"
        agent.restart()
        finish(process, "go\n")
        agent.flush()
        for name in ("before", "between", "last"):
            assert f"{name}: " in agent.log(), (name, agent.log())


def test_a_hung_agent_delays_nothing(shared):
    with Agent(shared) as agent:
        agent.start()
        os.kill(agent.pid(), signal.SIGSTOP)
        try:
            printed = finish(start(agent, """
import sluice, threading, time
def work():
    for i in range(3000):
        with sluice.span("s", i=i):
            sluice.event("info", "e")
began = time.monotonic()
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(time.monotonic() - began)
"""))
        finally:
            os.kill(agent.pid(), signal.SIGCONT)
        assert float(printed) < 5


def test_flush_lets_other_threads_go_on(shared):
    with Agent(shared) as agent, socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(agent.socket))
        silent.listen(8)
        os.chmod(agent.socket, 0o666)
        finish(start(agent, """
import os, sluice, threading, time
sluice.span("s").end()
flushing = threading.Thread(target=sluice.flush, args=(6,), daemon=True)
began = time.monotonic()
flushing.start()
for _ in range(1000):
    threading.Event().is_set()
assert time.monotonic() - began < 3
os._exit(0)
"""))


def test_what_nobody_wants_costs_no_text_and_its_children_go_further_up(shared):
    with Agent(shared, config="[journal]\nlevel = 'info'\n") as agent:
        agent.environment = {}
        agent.start()
        finish(start(agent, """
import logging, sluice, time
class Text:
    def __str__(self):
        made.append(self)
        return "text"
made = []
with sluice.span("outer"):
    sluice.flush(10)
    end = time.monotonic() + 10
    while sluice.enabled("debug") and time.monotonic() < end:
        pass
    assert not sluice.enabled("debug")
    with sluice.span("middle", level="debug", text=Text()) as middle:
        assert not middle.is_recorded
        middle.set(text="x")
        middle.event("told", level="warn", target="t")
        middle.record_error(OSError("gone"))
        sluice.span("inner").end()
    assert not made
    sluice.event("info", "e", text=Text())
    assert len(made) == 1
"""))
        agent.flush()
        log = agent.log()
        assert " WARN outer: t: told" in log and "outer:inner: " in log and "middle" not in log
        assert 'ERROR outer: ' in log and 'exception.message="gone"' in log
