"""`sluice run` changes nothing for the command it runs, whatever the agent does."""

import contextlib
import fcntl
import os
import pty
import re
import resource
import shutil
import signal
import subprocess
import termios
import time

import pytest

from harness import DEADLINE_S, wait_until
from tool import TOOL, TRACEPARENT, environment, hung_agent, short_folder, tool


@pytest.fixture(name="folder")
def folder_fixture():
    with short_folder() as folder:
        yield folder


@pytest.fixture(name="hung")
def hung_fixture(folder):
    with hung_agent(folder) as path:
        yield path


@pytest.mark.parametrize("script, code", [("exit 0", 0), ("exit 1", 1), ("exit 42", 42),
                                          ("exit 255", 255), ("kill -KILL $$", 137),
                                          ("kill -TERM $$", 143)])
def test_run_returns_the_code_of_its_command(script, code):
    done = tool("run", "--", "sh", "-c", script)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "")


def test_a_misspelt_option_is_no_command(folder):
    done = tool("run", "--nmae", "x", "--", "true")
    assert done.returncode == 2 and "unknown option '--nmae'" in done.stderr
    program = folder / "-odd"
    program.symlink_to("/bin/true")
    assert tool("run", "--", "-odd", env={"PATH": str(folder)}).returncode == 0


def test_run_tells_not_found_from_not_executable(folder):
    plain = folder / "plain"
    plain.write_text("no program")
    for command, code in (("no-such-command", 127), (folder / "missing", 127), (plain, 126),
                          (folder, 126)):
        done = tool("run", "--", str(command))
        assert done.returncode == code
        assert done.stdout == "" and f"cannot run '{command}'" in done.stderr


def test_run_leaves_the_standard_streams_alone():
    done = tool("run", "--", "sh", "-c", "cat; echo err >&2", stdin=None, input="in\n")
    assert (done.stdout, done.stderr) == ("in\n", "err\n")


def test_run_takes_the_command_as_arguments_not_as_shell_text():
    words = ["a b", "$HOME", "*", "", "--name", "--"]
    done = tool("run", "--name", "n", "--", "printf", "%s|", *words)
    assert done.stdout == "".join(f"{word}|" for word in words)
    assert tool("run", "printf", "%s|", "-x", "--", "y").stdout == "-x|--|y|"


def child_environment(**incoming):
    done = tool("run", "--", "env", "-0", env=incoming)
    return dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry)


def test_run_gives_its_command_a_context_below_the_incoming_one():
    child = child_environment(TRACEPARENT=TRACEPARENT, TRACESTATE="a=b", BAGGAGE="user=ann")
    assert re.fullmatch("00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-01",
                        child["TRACEPARENT"])
    assert child["TRACEPARENT"] != TRACEPARENT
    assert (child["TRACESTATE"], child["BAGGAGE"]) == ("a=b", "user=ann")


@pytest.mark.parametrize("malformed", ["", "x", TRACEPARENT[:-1], TRACEPARENT.replace("4", "g"),
                                       "00-" + 32 * "0" + "-00f067aa0ba902b7-01"])
def test_run_reads_a_malformed_context_as_none(malformed):
    child = child_environment(TRACEPARENT=malformed, TRACESTATE="a=b")
    assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-03", child["TRACEPARENT"])
    assert "4bf92f3577b34da6a3ce929d0e0e4736" not in child["TRACEPARENT"]
    assert "TRACESTATE" not in child


def test_run_changes_nothing_else_in_the_environment():
    child = child_environment(KEPT="as it is")
    expected = environment(KEPT="as it is")
    assert {name: value for name, value in child.items() if name != "TRACEPARENT"} == expected


# Says that it is ready, then ends with 100 + the signal it got, or with 99 where it got more than
# one. The wakeup descriptor counts deliveries; a Python handler would see two in a row as one.
CATCHER = """
import os, signal, sys, time
deliveries, written = os.pipe()
os.set_blocking(written, False)
signal.set_wakeup_fd(written)
for one in sys.argv[1:]:
    signal.signal(int(one), lambda number, frame: None)
print('ready', flush=True)
first = os.read(deliveries, 1)
time.sleep(0.2)
os.set_blocking(deliveries, False)
try:
    os.read(deliveries, 1)
    sys.exit(99)
except BlockingIOError:
    sys.exit(100 + first[0])
"""
FORWARDED = [signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGUSR1,
             signal.SIGUSR2, signal.SIGWINCH, signal.SIGALRM, signal.SIGIO, signal.SIGPWR,
             signal.SIGPROF, signal.SIGVTALRM, signal.SIGXCPU, signal.SIGXFSZ, signal.SIGRTMIN,
             signal.SIGRTMAX]


def start_catcher(**options):
    process = subprocess.Popen(
        [str(TOOL), "run", "--", "/usr/bin/python3", "-c", CATCHER,
         *(str(int(one)) for one in FORWARDED)],
        env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, **options)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", FORWARDED)
def test_run_passes_a_signal_on_once(number):
    with start_catcher() as process:
        process.send_signal(number)
        assert process.wait(DEADLINE_S) == 100 + number


@contextlib.contextmanager
def catcher_on_a_terminal(prefix=""):
    """The catcher under `run` in the foreground of a new terminal, and the terminal's other end."""
    leader, terminal = pty.openpty()
    with subprocess.Popen(
            [str(TOOL), "run", "--", "/usr/bin/python3", "-c", prefix + CATCHER,
             str(int(signal.SIGINT)), str(int(signal.SIGUSR1))],
            env=environment(), stdin=terminal, stdout=subprocess.PIPE, text=True,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0)) as process:
        assert process.stdout.readline() == "ready\n"
        yield process, leader
    os.close(leader)
    os.close(terminal)


def test_run_lets_the_terminal_signal_the_whole_group():
    with catcher_on_a_terminal() as (process, leader):
        os.write(leader, b"\x03")
        assert process.wait(DEADLINE_S) == 100 + signal.SIGINT


def test_run_does_not_pass_on_what_the_terminal_sends():
    """Shown by a command that has left the foreground group, and so gets ^C from nobody else."""
    with catcher_on_a_terminal("import os; os.setpgid(0, 0)\n") as (process, leader):
        os.write(leader, b"\x03")
        assert b"^C" in os.read(leader, 16), "the terminal echoes what it has acted on"
        process.send_signal(signal.SIGUSR1)
        assert process.wait(DEADLINE_S) == 100 + signal.SIGUSR1


def test_run_dies_of_nothing_its_command_survives():
    with subprocess.Popen([str(TOOL), "run", "--", "sh", "-c",
                           "trap '' TERM; echo ready; sleep 0.3; exit 5"],
                          env=environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.wait(DEADLINE_S) == 5


def test_run_is_done_soon_after_its_command_beside_a_hung_agent(hung):
    for command in (["true"], ["sleep", "0.1"], ["no-such-command"]):
        begin = time.monotonic()
        done = tool("run", "--", *command, path=hung)
        assert time.monotonic() - begin < DEADLINE_S
        assert done.stdout == ""
        assert command == ["no-such-command"] or done.stderr == ""


def test_run_starts_its_command_beside_a_hung_agent(hung, folder):
    """The command is under way while the agent hangs."""
    mark = folder / "mark"
    with subprocess.Popen([str(TOOL), "run", "--timeout", "30s", "--", "touch", str(mark)],
                          env=environment(hung)) as process:
        wait_until(mark.exists, "the command ran")
        assert process.poll() is None
        process.kill()


def test_run_needs_no_more_processes_than_its_command(folder):
    """Where no thread can be had for the span, the command runs without."""
    if os.getuid() != 0:
        pytest.skip("limits the processes of a uid of its own, which takes root")
    folder.chmod(0o755)
    copy = shutil.copy2(TOOL, folder)
    done = subprocess.run(
        [copy, "run", "--", "sh", "-c", "exit 7"], env=environment(), capture_output=True,
        user=64399, group=64399, extra_groups=[], timeout=60, check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NPROC, (2, 2)))
    assert (done.returncode, done.stdout, done.stderr) == (7, b"", b"")
