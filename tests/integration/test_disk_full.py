"""A journal that cannot be written gives no acknowledgement and says when to try again; once there
is room, nothing that was acknowledged is missing and everything retried is there."""

import contextlib
import subprocess
import time

import grpc
import pytest
from harness import Agent

RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
FILLER = "x" * 30_000


@contextlib.contextmanager
def tmpfs(folder, size):
    """Mounts a file system of its own on `folder`."""
    folder.mkdir(exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "sluice-test",
                           str(folder)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder, options):
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def try_emit(agent, text):
    """None when it was acknowledged, else the error."""
    import telemetry
    try:
        telemetry.emit(agent.socket, telemetry.event(text), timeout=10)
        return None
    except grpc.RpcError as error:
        return error


def assert_says_when_to_retry(error):
    assert error.code() in RETRYABLE, error
    pushback = dict(error.trailing_metadata() or ()).get("grpc-retry-pushback-ms")
    assert pushback is not None and int(pushback) > 0, error.trailing_metadata()


def emit_until_acknowledged(agent, text, deadline_s=20):
    end = time.monotonic() + deadline_s
    while True:
        error = try_emit(agent, text)
        if error is None:
            return
        assert error.code() in RETRYABLE, error
        assert time.monotonic() < end, f"still refused after there is room: {error}"


def logged(agent, texts):
    log = agent.log()
    return [text for text in texts if text not in log]


def fill(path):
    """Takes what room is left."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)


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
