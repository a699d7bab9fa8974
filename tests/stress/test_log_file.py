"""The log file under load: rotated, reopened, renamed, deleted, on a full disk, with a killed agent.
Each record is in it at least once, in whole lines, and twice only after a kill."""

import collections
import contextlib
import os
import re
import signal
import subprocess
import threading

import pytest
from disk import remount, tmpfs
from harness import DEADLINE_S, NOBODY, Agent, wait_until

NAME = re.compile(r"test: (n-\d+)\.")
BATCH = 20
FILLER = "x" * 100
LINE = re.compile(rf"\d{{4}}-\d\d-\d\dT[\d:.]+Z  INFO test: (n-\d+)\. {FILLER}")


class Load(threading.Thread):
    """Numbered events, acknowledged batch by batch, until it is stopped."""

    def __init__(self, agent):
        super().__init__()
        self.agent = agent
        self.acknowledged = 0
        self.stopping = threading.Event()
        self.client_id = os.urandom(16)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_exception):
        self.stopping.set()
        self.join()

    def run(self):
        import grpc
        import telemetry
        while not self.stopping.is_set():
            first = self.acknowledged
            events = [telemetry.event(f"n-{first + at}. {FILLER}") for at in range(BATCH)]
            while True:
                try:
                    telemetry.emit(self.agent.socket, *events, client_id=self.client_id,
                                   first_sequence=first + 1, timeout=5, wait_for_ready=True)
                    break
                except grpc.RpcError:
                    continue
            self.acknowledged += BATCH

    def wait_for(self, more):
        goal = self.acknowledged + more
        wait_until(lambda: self.acknowledged >= goal, f"{more} more events", 60)


def names_in(paths):
    """How often each event is in these files, all of whose lines are whole."""
    seen = collections.Counter()
    for path in paths:
        text = path.read_text()
        assert text == "" or text.endswith("\n"), f"{path} ends in a torn line"
        for line in text.splitlines():
            found = LINE.fullmatch(line)
            assert found, f"{path}: no whole line: {line!r}"
            seen[found[1]] += 1
    return seen


def logs(agent):
    return sorted(path for path in agent.log_path.parent.iterdir() if path.is_file())


def doubles_of(seen, load):
    """How many are there more than once; all are there at least once."""
    missing = [at for at in range(load.acknowledged) if not seen[f"n-{at}"]]
    assert missing == []
    return sum(count - 1 for count in seen.values())


def modes(paths):
    return {oct(path.stat().st_mode & 0o7777) for path in paths}


def log_config(**keys):
    return "[log]\n" + "".join(f"{key} = {value}\n" for key, value in keys.items())


def test_rotation_by_size(shared):
    config = log_config(max_size='"64 KiB"', rotate_keep=1000)
    with Agent(shared, config=config) as agent:
        agent.start()
        with Load(agent) as load:
            wait_until(lambda: len(logs(agent)) > 10, "ten rotations", 60)
        agent.flush()
        assert doubles_of(names_in(logs(agent)), load) == 0
        assert max(path.stat().st_size for path in logs(agent)) <= 64 << 10
        assert modes(logs(agent)) == {"0o600"}
        # PATH.1 is the newest of those rotated away.
        newest, older = (min(int(name[2:]) for name in names_in([agent.log_path.with_name(
            f"sluice.log.{number}")])) for number in (1, 2))
        assert newest > older


def test_rotation_keeps_so_many(shared):
    with Agent(shared, config=log_config(max_size='"16 KiB"', rotate_keep=2)) as agent:
        agent.start()
        with Load(agent) as load:
            load.wait_for(2000)
        agent.flush()
        assert [path.name for path in logs(agent)] == ["sluice.log", "sluice.log.1", "sluice.log.2"]
        assert f"n-{load.acknowledged - 1}." in agent.log()


def test_rotation_by_age(shared):
    with Agent(shared, config=log_config(max_age='"1s"', rotate_keep=1000)) as agent:
        agent.start()
        with Load(agent) as load:
            wait_until(lambda: len(logs(agent)) > 3, "three rotations", 60)
        agent.flush()
        assert doubles_of(names_in(logs(agent)), load) == 0
        assert modes(logs(agent)) == {"0o600"}


def test_rename_and_reopen_as_logrotate_does(shared):
    with Agent(shared) as agent:
        agent.start()
        with Load(agent) as load:
            for turn in range(10):
                load.wait_for(100)
                agent.log_path.rename(agent.log_path.with_name(f"moved.{turn}"))
                agent.process.send_signal(signal.SIGHUP)
                wait_until(agent.log_path.exists, "the log is opened anew")
        agent.flush()
        assert len(logs(agent)) == 11
        assert doubles_of(names_in(logs(agent)), load) == 0
        assert modes(logs(agent)) == {"0o600"}


def test_reopening_needs_no_records(agent):
    import telemetry
    telemetry.emit(agent.socket, telemetry.event(f"n-0. {FILLER}"))
    agent.flush()
    agent.log_path.rename(agent.log_path.with_name("moved"))
    agent.process.send_signal(signal.SIGHUP)
    wait_until(agent.log_path.exists, "the log is opened anew")
    assert modes([agent.log_path]) == {"0o600"}


def test_deletion_under_load(shared):
    with Agent(shared) as agent:
        agent.start()
        with Load(agent) as load:
            for turn in range(20):
                load.wait_for(60)
                # A second name shows what the first one no longer does.
                os.link(agent.log_path, agent.log_path.with_name(f"kept.{turn}"))
                agent.log_path.unlink()
                wait_until(agent.log_path.exists, "the log is there again")
                kept = agent.log_path.with_name(f"kept.{turn}")
                size = kept.stat().st_size
                load.wait_for(60)
                agent.flush()
                assert kept.stat().st_size == size, "a line went to the deleted file"
        agent.flush()
        assert len(logs(agent)) == 21
        assert doubles_of(names_in(logs(agent)), load) == 0
        assert modes(logs(agent)) == {"0o600"}


def test_a_lost_folder_is_waited_for(shared):
    with Agent(shared) as agent:
        agent.start()
        with Load(agent) as load:
            load.wait_for(60)
            folder = agent.log_path.parent
            away = folder.with_name("away")
            folder.rename(away)
            load.wait_for(200)
            wait_until(lambda: state_of(agent)["state"] != "ok", "the sink says so")
            folder.mkdir(mode=0o700)
            wait_until(agent.log_path.exists, "the log is written again")
            load.wait_for(60)
        agent.flush()
        assert doubles_of(names_in([*logs(agent), away / "sluice.log"]), load) == 0


def state_of(agent, name="file"):
    [state] = [sink for sink in agent.status()["sinks"] if sink["name"] == name]
    return state


def test_a_full_disk_that_is_freed(shared):
    with Agent(shared) as agent, tmpfs(agent.log_path.parent, "128k"):
        agent.start()
        ballast = agent.log_path.with_name("ballast")
        with Load(agent) as load:
            for _ in range(3):
                load.wait_for(100)
                with contextlib.suppress(OSError), open(ballast, "ab", buffering=0) as file:
                    while file.write(b"x" * 4096):
                        pass
                wait_until(lambda: state_of(agent)["state"] == "failing", "the disk is full")
                assert "No space left" in state_of(agent)["last_error"]
                remount(ballast.parent, f"size={os.statvfs(ballast).f_blocks * 4 + 16384}k")
                ballast.unlink()
                wait_until(lambda: state_of(agent)["state"] == "ok", "it writes again")
        agent.flush()
        assert doubles_of(names_in([agent.log_path]), load) == 0
        assert state_of(agent, "kvp")["state"] == "ok"


def test_kills_double_little_and_lose_nothing(shared):
    kills = 20
    config = log_config(max_size='"256 KiB"', rotate_keep=1000)
    with Agent(shared, config=config, supervised=True) as agent:
        agent.start()
        with Load(agent) as load:
            for _ in range(kills):
                load.wait_for(3 * BATCH)
                pid = agent.pid()
                os.kill(pid, signal.SIGKILL)
                wait_until(lambda gone=pid: agent.pid() != gone, "the supervisor starts another")
        agent.flush()
        seen = collections.Counter()
        for path in logs(agent):
            # A kill may tear the line that is being written.
            seen.update(NAME.findall(path.read_text()))
        doubles = doubles_of(seen, load)
        print(f"{doubles} doubles after {kills} kills")
        # What one write of the sink holds, which with one client at a time is a batch.
        assert doubles <= kills * 2 * BATCH


@pytest.mark.parametrize("umask", ["000", "077"])
def test_the_file_is_0600_from_its_creation(shared, umask):
    with Agent(shared) as agent:
        wrapper = ["sh", "-c", f'umask {umask}; exec "$@"', "sh"]
        if tracer := tracing(agent.folder / "trace"):
            wrapper += tracer
        agent.start(wrapper=wrapper)
        wait_until(agent.log_path.exists, "the log is there")
        assert modes([agent.log_path]) == {"0o600"}
        if tracer:
            # A tracer keeps a signal to itself.
            children = f"/proc/{agent.process.pid}/task/{agent.process.pid}/children"
            with open(children, encoding="ascii") as file:
                os.kill(int(file.read()), signal.SIGTERM)
            assert agent.process.wait(DEADLINE_S) == 0
            [opened] = [line for line in (agent.folder / "trace").read_text().splitlines()
                        if str(agent.log_path) in line and "O_CREAT" in line]
            assert "0600" in opened


def tracing(path):
    strace = ["strace", "-f", "-e", "openat", "-o", str(path)]
    with contextlib.suppress(FileNotFoundError):  # nor may everybody trace
        if subprocess.run([*strace, "true"], capture_output=True, check=False).returncode == 0:
            return strace
    return []


def test_a_loose_file_is_tightened(shared):
    with Agent(shared) as agent:
        agent.log_path.touch(mode=0o644)
        agent.log_path.chmod(0o644)
        agent.start()
        wait_until(lambda: modes([agent.log_path]) == {"0o600"}, "the mode is 0600")


def assert_refused_then_written(agent, mend, complaint):
    import telemetry
    agent.start()
    telemetry.emit(agent.socket, telemetry.event(f"n-0. {FILLER}"))
    wait_until(lambda: complaint in state_of(agent).get("last_error", ""), complaint)
    assert state_of(agent).get("written_records", 0) == 0
    mend()
    wait_until(lambda: "n-0." in agent.log(), "the log is written")
    assert state_of(agent)["state"] == "ok"
    assert "trying again" in agent.stderr()


def test_another_users_file_is_refused(shared):
    with Agent(shared) as agent:
        agent.log_path.touch(mode=0o600)
        os.chown(agent.log_path, NOBODY, NOBODY)
        assert_refused_then_written(agent, lambda: os.chown(agent.log_path, 0, 0),
                                    f"owner {NOBODY} instead of 0600")


def test_another_users_file_is_taken_where_that_is_allowed(shared):
    import telemetry
    with Agent(shared, config=log_config(allow_loose_mode="true")) as agent:
        agent.log_path.touch(mode=0o600)
        os.chown(agent.log_path, NOBODY, NOBODY)
        agent.start()
        telemetry.emit(agent.socket, telemetry.event(f"n-0. {FILLER}"))
        agent.flush()
        assert "n-0." in agent.log()
        assert f"owner {NOBODY}" in agent.stderr()


def test_an_immutable_file_is_refused(shared):
    with Agent(shared) as agent:
        agent.log_path.touch(mode=0o600)
        done = subprocess.run(["chattr", "+i", agent.log_path], capture_output=True, text=True,
                              check=False)
        if done.returncode != 0:
            pytest.skip(f"no immutable files here: {done.stderr.strip()}")

        def mend():
            subprocess.run(["chattr", "-i", agent.log_path], check=True)
        try:
            assert_refused_then_written(agent, mend, "Operation not permitted")
        finally:
            mend()


def test_a_symbolic_link_is_refused(shared):
    with Agent(shared) as agent:
        elsewhere = agent.folder / "elsewhere"
        elsewhere.write_text("")
        elsewhere.chmod(0o644)
        agent.log_path.symlink_to(elsewhere)
        assert_refused_then_written(agent, agent.log_path.unlink, "symbolic links")
        assert elsewhere.read_text() == "" and modes([elsewhere]) == {"0o644"}


def test_what_is_no_file_is_refused(shared):
    with Agent(shared) as agent:
        os.mkfifo(agent.log_path)
        assert_refused_then_written(agent, agent.log_path.unlink, str(agent.log_path))
