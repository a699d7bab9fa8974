"""What the tool says when no answer came, how a script sends an event again without doubles, and how
it hands one over without waiting."""

import contextlib
import os
import signal
import socket
import time
import uuid

import pytest
from harness import DEADLINE_S, wait_until
from tool import hung_agent, short_folder, tool


def stored_texts(agent):
    import telemetry
    return [one.record.event.body.string_value for one in telemetry.stored(agent)]


@contextlib.contextmanager
def frozen(agent):
    """The agent is there and does not answer."""
    os.kill(agent.pid(), signal.SIGSTOP)
    yield
    os.kill(agent.pid(), signal.SIGCONT)


@pytest.fixture(name="folder")
def folder_fixture():
    with short_folder() as folder:
        yield folder


def test_an_event_without_an_answer_is_not_called_lost(agent):
    with frozen(agent):
        done = agent.sluice("event", "--timeout", "100ms", "--require", "late", check=False)
        assert done.returncode == 4
        assert done.stderr == f"sluice: the agent at {agent.socket} did not answer in time; " \
                              "the event may still arrive\n"
    wait_until(lambda: "late" in stored_texts(agent), "it arrives")
    assert not [one for one in agent.status()["counters"] if one["name"] == "net.refused"]


def test_an_event_that_nobody_was_there_for_is_called_lost():
    done = tool("event", "hello")
    assert "event not sent: no agent" in done.stderr and "may still" not in done.stderr


def test_an_event_sent_again_under_its_id_is_stored_once(agent):
    own = str(uuid.uuid4())
    with frozen(agent):
        for _ in range(3):
            assert agent.sluice("event", "--timeout", "50ms", "--require", "--id", own, "once",
                                check=False).returncode == 4
    assert agent.sluice("event", "--require", "--id", own.replace("-", ""), "once").returncode == 0
    agent.sluice("event", "--require", "--id", str(uuid.uuid4()), "once")
    assert stored_texts(agent).count("once") == 2


@pytest.mark.parametrize("bad", ["", "1", "g" * 32, "0" * 32])
def test_an_id_is_a_uuid(bad):
    done = tool("event", "--id", bad, "hello")
    assert done.returncode == 2 and "--id" in done.stderr


def test_an_event_is_handed_over_without_waiting(folder):
    with hung_agent(folder) as path:
        begin = time.monotonic()
        done = tool("event", "--timeout", "30s", "--no-wait", "handed over", path=path)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
        assert time.monotonic() - begin < DEADLINE_S
    done = tool("event", "--no-wait", "hello")
    assert done.returncode == 0 and "event not sent: no agent" in done.stderr


def test_what_was_handed_over_is_stored_once_the_agent_reads(agent):
    with frozen(agent):
        agent.sluice("event", "--no-wait", "handed over")
    wait_until(lambda: "handed over" in stored_texts(agent), "it arrives")


def test_what_was_handed_over_waits_at_the_socket(folder):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen(1)
        listener.settimeout(DEADLINE_S)
        tool("event", "--no-wait", "waits here", path=folder / "s")
        with listener.accept()[0] as taken:
            said = b""
            while part := taken.recv(65536):
                said += part
    assert b"waits here" in said and b"grpc-timeout" not in said
