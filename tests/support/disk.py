"""Disks that are small, read-only, or fail; and clients that see to it what an agent does with its
journal on them. Import after harness.Shared has generated the classes."""

import contextlib
import os
import subprocess
import time

import grpc
import pytest
from harness import BUILT

RETRYABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)
PRELOADED = BUILT.parent / "tests/failing_disk.so"


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


def fill(path):
    """Takes what room is left on the file system of `path`."""
    with contextlib.suppress(OSError), open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            with contextlib.suppress(OSError):
                while True:
                    file.write(b"x" * size)


@contextlib.contextmanager
def full(agent):
    """The journal's disk, which is a tmpfs(), and what its segment has room for."""
    filler = agent.journal / "filler"
    fill(filler)
    for size in 30_000, 100:
        while try_emit(agent, "x" * size) is None:
            pass
    yield
    filler.unlink()


class FailingDisk:
    """Makes a folder of an agent (its journal's unless told otherwise), before it starts, a disk
    that fails on demand."""

    def __init__(self, agent, folder=None):
        self.control = agent.folder / "disk.control"
        self.lost = agent.folder / "disk.lost"
        agent.environment.update(
            LD_PRELOAD=str(PRELOADED), FAILING_DISK_FOLDER=str(folder or agent.journal),
            FAILING_DISK_CONTROL=str(self.control), FAILING_DISK_LOST=str(self.lost))

    @contextlib.contextmanager
    def failing(self, how):
        """`write`, `sync`, `hang`, `behind` or `read_only`; see failing_disk.cc."""
        self.control.write_text(how)
        try:
            yield
        finally:
            self.control.unlink()

    def cut_power(self):
        """Takes from files what a sync failed to bring to the disk: the kernel may have dropped it,
        whatever a later sync of the same file said. For when the agent is dead."""
        if not self.lost.exists():
            return
        for line in self.lost.read_text().splitlines():
            inode, size, path = line.split(" ", 2)
            with contextlib.suppress(FileNotFoundError):
                if os.stat(path).st_ino == int(inode):
                    os.truncate(path, int(size))
        self.lost.unlink()


def try_emit(agent, text, **numbered):
    """None when it was acknowledged, else the error. `numbered`: client_id and first_sequence, with
    which a retry is stored once."""
    import telemetry
    try:
        telemetry.emit(agent.socket, telemetry.event(text), timeout=10, **numbered)
        return None
    except grpc.RpcError as error:
        return error


def assert_says_when_to_retry(error, codes=RETRYABLE):
    assert error.code() in codes, error
    pushback = dict(error.trailing_metadata() or ()).get("grpc-retry-pushback-ms")
    assert pushback is not None and int(pushback) > 0, error.trailing_metadata()


def emit_until_acknowledged(agent, text, deadline_s=20, **numbered):
    end = time.monotonic() + deadline_s
    while True:
        error = try_emit(agent, text, **numbered)
        if error is None:
            return
        assert error.code() in RETRYABLE, error
        assert time.monotonic() < end, f"still refused after the disk works again: {error}"


def logged(agent, texts):
    """Those of `texts` that are missing in the log."""
    log = agent.log()
    return [text for text in texts if text not in log]
