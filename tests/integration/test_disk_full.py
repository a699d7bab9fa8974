"""A journal that cannot be written gives no acknowledgement and says when to try again; once there
is room, nothing that was acknowledged is missing and everything retried is there. A pool that cannot
grow keeps what it has; what was acknowledged comes once there is room."""

import pytest

from disk import (assert_says_when_to_retry, emit_until_acknowledged, fill, logged, remount, tmpfs,
                  try_emit)
from harness import KEY, RECORD, Agent, wait_until

FILLER = "x" * 30_000


def test_full_journal_disk(shared):
    with Agent(shared) as agent, tmpfs(agent.journal, "64m"):
        agent.start()
        acknowledged = [f"before-{n}." for n in range(20)]
        for text in acknowledged:
            assert try_emit(agent, text) is None
        filler = agent.journal / "filler"
        fill(filler)
        refused = None
        for n in range(3000):
            text = f"during-{n}."
            refused = try_emit(agent, text + FILLER)
            if refused is not None:
                break
            acknowledged.append(text)
        assert refused is not None, "a full disk still acknowledged"
        assert_says_when_to_retry(refused)
        filler.unlink()
        emit_until_acknowledged(agent, "after.")
        acknowledged.append("after.")
        agent.flush()
        assert logged(agent, acknowledged) == []
        agent.restart()
        agent.flush()
        assert logged(agent, acknowledged) == []


def test_full_journal_disk_over_a_kill(shared):
    with Agent(shared) as agent, tmpfs(agent.journal, "64m"):
        agent.start()
        acknowledged = [f"before-{n}." for n in range(20)]
        for text in acknowledged:
            assert try_emit(agent, text) is None
        fill(agent.journal / "filler")
        agent.kill()
        agent.start()
        (agent.journal / "filler").unlink()
        emit_until_acknowledged(agent, "after.")
        agent.flush()
        assert logged(agent, [*acknowledged, "after."]) == []


def test_journal_on_a_read_only_disk_at_start_is_kept_in_memory(shared):
    from sluice.v1 import ingest_pb2
    with Agent(shared) as agent, tmpfs(agent.journal, "64m"):
        remount(agent.journal, "ro")
        agent.start()
        import telemetry
        answer = telemetry.emit(agent.socket, telemetry.event("in memory."))
        assert answer.durability == ingest_pb2.DURABILITY_MEMORY
        agent.flush()
        assert logged(agent, ["in memory."]) == []


FOREIGN = b"CLOUD_INIT|1|start|x|u".ljust(KEY, b"\0") + b"{}".ljust(RECORD - KEY, b"\0")


def kvp_error(agent):
    return next(sink["last_error"] for sink in agent.status()["sinks"] if sink["name"] == "kvp")


def texts_in_pool(agent):
    return [value.rpartition("message=")[2] for _, value in agent.pool()]


@pytest.mark.parametrize("killed", [False, True], ids=["alive", "over a kill"])
def test_full_pool_disk(shared, killed):
    with Agent(shared) as agent, tmpfs(agent.pool_folder, "64k"):
        agent.pool_path.write_bytes(FOREIGN)
        agent.start()
        agent.sluice("report", "failure", "--reason", "first", "--vm-id", "vm")
        agent.sluice("event", "--require", "before.")
        agent.flush()
        fill(agent.pool_folder / "filler")  # all but what is left of a page, less than a record
        agent.sluice("event", "--require", "b" * 1500)
        full = f"append to {agent.pool_path}: No space left on device"
        wait_until(lambda: full in kvp_error(agent), "the pool's disk is full")
        kept = agent.pool()
        assert len(kept) == 3
        if killed:
            agent.kill()
            agent.start()
            wait_until(lambda: full in kvp_error(agent), "the pool's disk is still full")
            assert agent.pool() == kept
        (agent.pool_folder / "filler").unlink()
        agent.sluice("report", "ready", "--vm-id", "vm")
        foreign, report, *ours = texts_in_pool(agent)
        assert foreign == "{}" and report.startswith("result=success|")
        assert "".join(ours) == "before." + "b" * 1500
        assert agent.pool_path.read_bytes().startswith(FOREIGN)
