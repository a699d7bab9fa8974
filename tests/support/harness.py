"""The built programs, run as they are installed, on paths of their own.

An `Agent` is one sluiced with its sockets, journal, pool and log below one short folder. It counts
as up when it has said READY=1, and every wait has a deadline. Programs run as whichever uid a test
names; what they need lies where any uid can read it.
"""

import contextlib
import fcntl
import json
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
BUILT = pathlib.Path(os.environ.get("SLUICE_BIN", REPOSITORY / "build/release/bin"))
LONG = os.environ.get("SLUICE_LONG") == "1"

ROOT = 0
NOBODY = 65534
SOMEBODY = 64321  # a uid that no package uses

DEADLINE_S = 20
# A busy machine may need longer for an answer than a one-shot emit waits.
PATIENT = ("--timeout", "10s")
RECORD, KEY = 2560, 512  # bytes of a pool record and of its key field
F_OFD_SETLKW = 38
SUPERVISOR = REPOSITORY / "tests/support/supervisor.py"


def wait_until(condition, what, deadline_s=DEADLINE_S):
    """Polls until `condition()` is true and returns its value."""
    end = time.monotonic() + deadline_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {deadline_s} s: {what}")
        time.sleep(0.01)


def lock_pool(pool, flock=fcntl.LOCK_EX, ofd=fcntl.F_WRLCK):
    """Takes both locks of an open pool; they end with the file object."""
    fcntl.flock(pool, flock)
    fcntl.fcntl(pool, F_OFD_SETLKW, struct.pack("hhqqi4x", ofd, 0, 0, 0, 0))


def read_pool(path):
    """The bytes of a pool as a reader sees them that holds both locks."""
    with open(path, "rb") as pool:
        lock_pool(pool, fcntl.LOCK_SH, fcntl.F_RDLCK)
        return pool.read()


def run(command, uid=ROOT, env=None, check=True, timeout=60, **options):
    """Runs a program as `uid` with only PATH and `env` in its environment."""
    environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C.UTF-8", **(env or {})}
    done = subprocess.run([str(word) for word in command], env=environment, cwd="/tmp",
                          capture_output=True, text=True, timeout=timeout, check=False,
                          **as_user(uid), **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done


def listen(notify, ready, process):
    """Takes in what the agent tells its manager, as a manager does, until the agent is gone."""
    notify.settimeout(0.2)
    while process.poll() is None:
        with contextlib.suppress(socket.timeout):
            if b"READY=1" in notify.recv(4096).split(b"\n"):
                ready.set()
    notify.close()


def as_user(uid):
    return {} if uid == os.getuid() else {"user": uid, "group": uid, "extra_groups": []}


class Shared:
    """What any uid may read: the programs, and Python's classes made from proto/ alone."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.chmod(0o755)
        for name in ("sluiced", "sluice"):
            self.copy(name)
        self.support = self.folder / "support"
        shutil.copytree(REPOSITORY / "tests/support", self.support,
                        ignore=shutil.ignore_patterns("__pycache__"))
        self.python = self.folder / "python"
        self.python.mkdir()
        protos = sorted(path.relative_to(REPOSITORY / "proto")
                        for path in (REPOSITORY / "proto").rglob("*.proto"))
        subprocess.run(
            ["protoc", f"--plugin=protoc-gen-grpc={shutil.which('grpc_python_plugin')}",
             "-I", REPOSITORY / "proto", f"--python_out={self.python}",
             f"--grpc_out={self.python}", *protos],
            check=True)
        sys.path.insert(0, str(self.python))

    def copy(self, program):
        """A built program, named from the folder of the built ones, where any uid can run it."""
        return pathlib.Path(shutil.copy2(BUILT / program, self.folder))

    @property
    def sluiced(self):
        return self.folder / "sluiced"

    @property
    def sluice(self):
        return self.folder / "sluice"

    def environment(self, agent):
        return {"SLUICE_SOCKET": str(agent.socket), "PYTHONPATH": f"{self.python}:{self.support}"}


class Agent:
    """One sluiced. Also a context manager, which kills what is left of it."""

    def __init__(self, shared, folder=None, flags=(), config="", supervised=False):
        self.shared = shared
        self.folder = pathlib.Path(folder or tempfile.mkdtemp(prefix="sluice.", dir="/tmp"))
        self.folder.chmod(0o755)
        self.socket = self.folder / "s"
        self.admin_socket = self.folder / "admin/s"
        self.journal = self.folder / "journal"
        self.runtime = self.folder / "run"
        self.pool_folder = self.folder / "pool"
        self.log_path = self.folder / "log/sluice.log"
        self.stderr_path = self.folder / "stderr"
        self.config_path = self.folder / "sluice.toml"
        self.flags = list(flags)
        self.supervised = supervised
        self.process = None
        # The pool's own default keeps most of what a test emits out of it.
        self.environment = {"SLUICE_KVP_FILTER": "info"}
        for path in (self.admin_socket.parent, self.journal, self.runtime, self.log_path.parent):
            path.mkdir(mode=0o700, exist_ok=True)
        self.pool_folder.mkdir(exist_ok=True)
        self.config_path.write_text(config)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        with contextlib.suppress(ProcessLookupError):
            self.kill()
        if self.folder.is_mount():
            return
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self):
        return [self.shared.sluiced, "--config", self.config_path, "--socket", self.socket,
                "--admin-socket", self.admin_socket, "--kvp-pool", self.pool_path,
                "--journal", self.journal, "--runtime-dir", self.runtime,
                "--log-file", self.log_path, *self.flags]

    @property
    def pool_path(self):
        return self.pool_folder / ".kvp_pool_1"

    def start(self, wait=True, wrapper=(), stderr=None):
        """Starts the agent, behind `wrapper` where one is given, and waits until it is ready."""
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify_path = self.folder / "notify"
        notify_path.unlink(missing_ok=True)
        notify.bind(str(notify_path))
        command = [*wrapper, *self.command()]
        if self.supervised:
            command = [SUPERVISOR, self.socket, self.admin_socket, "--", *command]
        environment = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": str(notify_path),
                       **self.environment}
        with open(self.stderr_path, "ab") as file:
            output = file if stderr is None else stderr
            self.process = subprocess.Popen([str(word) for word in command], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.ready = threading.Event()
        threading.Thread(target=listen, args=(notify, self.ready, self.process),
                         daemon=True).start()
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self, deadline_s=DEADLINE_S):
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if self.ready.wait(0.05):
                return
            if self.process.poll() is not None:
                raise AssertionError(f"sluiced ended with {self.process.returncode} before it was "
                                     f"ready:\n{self.stderr()}")
        raise AssertionError(f"sluiced was not ready within {deadline_s} s:\n{self.stderr()}")

    def stop(self):
        """SIGTERM, and waits for the drain. Returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(DEADLINE_S)

    def kill(self):
        """SIGKILL of the agent, and of its supervisor where it has one."""
        if self.process is None or self.process.poll() is not None:
            return
        agent_pid = self.pid() if self.supervised else None
        self.process.kill()
        self.process.wait(DEADLINE_S)
        if agent_pid:
            os.kill(agent_pid, signal.SIGKILL)

    def restart(self):
        self.stop()
        return self.start()

    def pid(self):
        """Pid of the agent itself, which the supervisor names last."""
        if not self.supervised:
            return self.process.pid
        started = [line for line in self.stderr().splitlines() if line.startswith("started ")]
        return int(started[-1].split()[1])

    def peak_rss_mib(self):
        for line in pathlib.Path(f"/proc/{self.pid()}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) // 1024
        raise AssertionError("no VmHWM")

    def stderr(self):
        return self.stderr_path.read_text(errors="replace")

    def log(self):
        return self.log_path.read_text() if self.log_path.exists() else ""

    def pool(self):
        """(key, value) of each record of the pool file, as the host reads them."""
        data = read_pool(self.pool_path) if self.pool_path.exists() else b""
        assert len(data) % RECORD == 0, f"the pool ends in {len(data) % RECORD} torn bytes"
        records = [data[at:at + RECORD] for at in range(0, len(data), RECORD)]
        for record in records:
            assert b"\0" in record[:KEY] and b"\0" in record[KEY:], "a field without a NUL"
        return [(record[:KEY].split(b"\0")[0].decode(), record[KEY:].split(b"\0")[0].decode())
                for record in records]

    def sluice(self, verb, *arguments, uid=ROOT, **options):
        """Runs the tool against this agent, one-shot emits with patience."""
        if verb in ("event", "run") and "--timeout" not in arguments:
            arguments = *PATIENT, *arguments
        env = {"SLUICE_SOCKET": str(self.socket), **options.pop("env", {})}
        if uid == ROOT:
            env["SLUICE_ADMIN_SOCKET"] = str(self.admin_socket)
        return run([self.shared.sluice, verb, *arguments], uid=uid, env=env, **options)

    def status(self, *arguments, uid=ROOT):
        """Also where a sink fails, which the exit code tells."""
        done = self.sluice("status", "--json", *arguments, uid=uid, check=False)
        assert done.returncode in (0, 1), done.stderr
        return json.loads(done.stdout)

    def flush(self):
        """Waits until all sinks have what anybody has sent."""
        self.sluice("flush", "--all", "--timeout", "15s")

    def run_python(self, code, *arguments, uid=ROOT, **options):
        """Runs a Python program that has proto/'s classes, tests/support and SLUICE_SOCKET."""
        return run(["/usr/bin/python3", "-c", code, *arguments], uid=uid,
                   env=self.shared.environment(self), **options)
