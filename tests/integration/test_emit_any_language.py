"""From proto/ alone, in a few lines, an unprivileged process of any language emits a span with an
event; both reach the pool and the log, stamped with who sent them."""

import json
import pathlib
import subprocess

import pytest
from harness import NOBODY, REPOSITORY, Agent, as_user, run

EXAMPLES = REPOSITORY / "client/examples/python"


@pytest.fixture(name="agent")
def agent_fixture(shared):
    # The default lines have azure-init's shape, which has no room for who sent them.
    with Agent(shared, config='[log]\nformat = "json"\n') as agent:
        yield agent.start()


def run_as_nobody(agent, program, name):
    """Runs an example and returns the pid it had."""
    process = subprocess.Popen(
        ["/usr/bin/python3", "-", str(agent.socket), name], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/tmp",
        env={"PATH": "/usr/bin:/bin", **agent.shared.environment(agent)}, **as_user(NOBODY))
    output, _ = process.communicate((EXAMPLES / program).read_text(), timeout=30)
    assert process.returncode == 0, output
    return process.pid


def assert_arrived(agent, name, pid):
    import telemetry
    agent.flush()
    lines = [line for line in map(json.loads, agent.log().splitlines()) if name in str(line)]
    assert any(f"hello from {name}" in str(line) for line in lines)
    assert len(lines) >= 2, lines
    assert {(line["_uid"], line["_pid"]) for line in lines} == {(NOBODY, pid)}, lines
    keys = [key for key, value in agent.pool() if name in key + value]
    assert len(keys) >= 2, agent.pool()
    assert all(f"-u{NOBODY}|" in key for key in keys), keys
    ours = [one for one in telemetry.stored(agent) if name in str(one.record)]
    assert len(ours) >= 2
    for one in ours:
        assert (one.identity.uid, one.identity.gid, one.identity.pid) == (NOBODY, NOBODY, pid)


@pytest.mark.parametrize("program", ["emit.py", "connect.py"])
def test_python_with_grpcio_in_twenty_lines(agent, program):
    assert len((EXAMPLES / program).read_text().splitlines()) <= 20
    name = f"any_language_{pathlib.Path(program).stem}"
    assert_arrived(agent, name, run_as_nobody(agent, program, name))


@pytest.mark.parametrize("call", ["emit", "connect"])
def test_stock_grpc_cpp(agent, call):
    client = agent.shared.copy("../tests/stock_grpc_client")
    name = f"any_language_cpp_{call}"
    done = run([client, call, agent.socket, name], uid=NOBODY)
    assert_arrived(agent, name, int(done.stdout))
