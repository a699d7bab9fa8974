"""What a client lost before it could send it is told, by process and reason: of what was emitted
nothing is unaccounted for."""

import subprocess
import time

import pytest
from harness import DEADLINE_S, NOBODY, as_user, wait_until

EXIT_S = 0.25  # so long libsluice waits for the agent at the end of a process


def start(agent, scenario):
    return subprocess.Popen(
        [agent.shared.copy("../tests/process_scenario"), scenario], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, cwd="/tmp",
        env={"SLUICE_SOCKET": str(agent.socket), "OTEL_SERVICE_NAME": "flooder"},
        **as_user(NOBODY))


def told_by(agent, pid):
    """What that process said, as `sluice status` has it; None where it said nothing."""
    for client in agent.status()["client_losses"]:
        if client["identity"]["pid"] == pid:
            assert client["identity"]["uid"] == NOBODY
            assert client["service_name"] == "flooder"
            return {loss["reason"]: loss["count"] for loss in client["losses"]}, client
    return None


def journalled(agent):
    import telemetry
    return sum(one.record.event.body.string_value == "flood" for one in telemetry.stored(agent))


@pytest.fixture(name="flooder")
def fixture_flooder(agent):
    """A process that has flooded its ring, told what it lost and lives on; and its number of calls."""
    with start(agent, "FloodAndWait") as process:
        calls = int(process.stdout.readline())
        assert process.stdout.readline() == "told\n"
        yield process, calls
        process.kill()


def test_of_a_client_that_floods_all_is_stored_or_told(agent, flooder):
    process, calls = flooder
    losses, client = told_by(agent, process.pid)
    assert losses["too_large"] == 1
    assert losses["ring_full"] >= 500
    assert client["ended_unix_nano"] == "0"
    assert journalled(agent) + sum(losses.values()) == calls
    row, = [line for line in agent.sluice("status").stdout.splitlines() if " ring_full " in line]
    assert f"uid {NOBODY}  pid {process.pid} " in row
    assert f"  flooder  ring_full  {losses['ring_full']}  " in row
    assert row.endswith("  connected")


def test_what_a_killed_client_told_stays(agent, flooder):
    process, calls = flooder
    process.kill()
    process.wait(DEADLINE_S)
    wait_until(lambda: told_by(agent, process.pid)[1]["ended_unix_nano"] != "0", "its stream ends")
    losses, _client = told_by(agent, process.pid)
    assert journalled(agent) + sum(losses.values()) == calls


def test_a_client_that_exits_tells_before_it_goes(agent):
    for _ in range(5):
        before = journalled(agent)
        began = time.monotonic()
        with start(agent, "Flood") as process:
            calls = int(process.stdout.readline())
            assert process.wait(DEADLINE_S) == 0
        if time.monotonic() - began < EXIT_S:
            break
    losses, _client = told_by(agent, process.pid)
    assert journalled(agent) - before + sum(losses.values()) == calls


def test_a_user_sees_its_own_alone(agent, flooder):
    process, _calls = flooder
    assert told_by(agent, process.pid) is not None
    assert agent.status(uid=12345)["client_losses"] == []
