"""The agent started by hand: without units, folders or configuration."""

import json
import os
import pathlib
import platform
import shutil
import subprocess
import tempfile

import pytest
from harness import BUILT, NOBODY, wait_until
from no_internet import deny_internet


@pytest.fixture
def folder():
    """Short, as a socket's path has to be, and open to any user on the way."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="sluice.", dir="/tmp"))
    yield path
    shutil.rmtree(path)


@pytest.fixture
def started(shared):
    running = []

    def start(folder, *arguments, **options):
        process = subprocess.Popen([shared.sluiced, *arguments], cwd=folder, text=True,
                                   stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                   env={"PATH": "/usr/bin:/bin"}, **options)
        running.append(process)
        return process

    yield start
    for process in running:
        process.terminate()
        process.communicate(timeout=20)


def tool(box, *words):
    # A status of something that fails ends with 1.
    return subprocess.run([BUILT / "sluice", *words], capture_output=True, text=True,
                          check=words[0] != "status", timeout=20, stdin=subprocess.DEVNULL,
                          env={"PATH": "/usr/bin:/bin", "SLUICE_SOCKET": f"{box}/sluice.sock",
                               "SLUICE_ADMIN_SOCKET": f"{box}/admin/admin.sock"}).stdout


@pytest.mark.parametrize("user", [0, NOBODY])
def test_one_folder_holds_it_all(started, folder, user):
    os.chown(folder, user, user)
    started(folder, "--dev", "box", user=user, group=user, extra_groups=[])
    wait_until(lambda: (folder / "box/sluice.sock").exists(), "it listens")
    tool(folder / "box", "run", "--name", "tried", "--", "true")
    assert "tried" in tool(folder / "box", "tree", "--last")
    tool(folder / "box", "flush")
    assert "tried" in (folder / "box/log/sluice.log").read_text()
    assert f'"path": "{folder}/box/journal"' in tool(folder / "box", "status", "--json")


def test_dev_leaves_the_machine_s_configuration_alone(folder):
    told = subprocess.run([BUILT / "sluiced", "--dev", "box", "--socket", "there/s", "--print-config"],
                          cwd=folder, capture_output=True, text=True, check=True).stdout
    assert f'"{folder}/there/s"' in told, "what is given by name counts"
    assert "/etc/sluice" not in told and "/var/" not in told
    assert not (folder / "box").exists(), "nothing is made for a question"


def test_paths_on_the_command_line_may_be_relative_and_folders_are_made(started, folder):
    started(folder, "--socket", "a/sluice.sock", "--admin-socket", "a2/admin.sock", "--journal",
            "state/journal", "--runtime-dir", "run/agent", "--log-file", "log/sluice.log", "--kvp-pool",
            "pool")
    wait_until(lambda: (folder / "log/sluice.log").exists(), "it opened the log")
    assert oct((folder / "state").stat().st_mode)[-3:] == "700"
    assert oct((folder / "log").stat().st_mode)[-3:] == "750"
    wait_until(lambda: list((folder / "state/journal").glob("*.seg")), "the journal is on disk")


def test_a_journal_below_a_closed_folder_is_kept_in_memory(started, folder):
    closed = folder / "closed"
    closed.mkdir(0o700)
    os.chown(folder, NOBODY, NOBODY)
    folder.chmod(0o755)
    started(folder, "--dev", "box", "--journal", "closed/state/journal", user=NOBODY, group=NOBODY,
            extra_groups=[])
    wait_until(lambda: (folder / "box/run/journal").exists(), "the journal is in memory")
    tool(folder / "box", "event", "--require", "hello")


@pytest.mark.skipif(platform.machine() != "x86_64", reason="knows one machine's system calls")
def test_an_endpoint_without_the_right_to_the_network_names_the_drop_in(started, folder):
    started(folder, "--dev", "box", "--otlp-endpoint", "http://127.0.0.1:4318",
            preexec_fn=deny_internet)
    wait_until(lambda: (folder / "box/sluice.sock").exists(), "it listens")
    tool(folder / "box", "event", "hello")

    def error():
        sinks = json.loads(tool(folder / "box", "status", "--json"))["sinks"]
        return next(sink for sink in sinks if sink["name"] == "otlp").get("last_error")

    wait_until(error, "the sink says what it lacks")
    assert "/etc/systemd/system/sluiced.service.d/network.conf" in error()
