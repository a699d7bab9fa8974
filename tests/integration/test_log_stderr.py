"""What a process sees on its stderr: priorities where that is the systemd journal, colour where it
is a terminal, neither anywhere else; from the agent, and from a client that has SLUICE_STDERR."""

import contextlib
import os
import pathlib
import pty
import re
import subprocess
import threading

import pytest
from harness import DEADLINE_S, NOBODY, Agent, run, wait_until

CONFIG = '[stderr]\nfilter = "info"\n'
# A terminal shows line feeds as the driver makes them.
CRLF = re.compile("\r\n")


def journal_stream(fd, shift=0):
    info = os.fstat(fd)
    return f"{info.st_dev}:{info.st_ino + shift}"


def emit(agent):
    import telemetry
    telemetry.emit(agent.socket, telemetry.event("an error", level=1),
                   telemetry.event("a warning", level=2), telemetry.event("news"))
    agent.flush()


def lines_of(text):
    return [line for line in text.splitlines() if " test" in line]


@contextlib.contextmanager
def terminal():
    """The end that a program writes to, and a function for what it wrote."""
    ours, theirs = pty.openpty()
    chunks = []

    def read():
        with contextlib.suppress(OSError):
            while chunk := os.read(ours, 65536):
                chunks.append(chunk)
    threading.Thread(target=read, daemon=True).start()
    yield theirs, lambda: CRLF.sub("\n", b"".join(chunks).decode())
    os.close(theirs)


@pytest.mark.parametrize("is_journal", [True, False])
def test_priorities_stand_where_stderr_is_the_journal_alone(shared, is_journal):
    with Agent(shared, config=CONFIG) as agent, open(agent.folder / "stderr", "wb") as output:
        agent.environment["JOURNAL_STREAM"] = journal_stream(output.fileno(), int(not is_journal))
        agent.start()
        emit(agent)
        shown = lines_of(agent.stderr())
        starts = ["<3>", "<4>", "<6>"] if is_journal else ["20", "20", "20"]
        assert [line[:len(start)] for line, start in zip(shown, starts)] == starts
        assert len(shown) == 3
        own = [line for line in agent.stderr().splitlines() if "sluiced: " in line]
        assert all(line.startswith("<") == is_journal for line in own)
        assert "<" not in agent.log()


COLOUR = pytest.mark.parametrize("environment, coloured", [
    ({"TERM": "xterm"}, True), ({"TERM": "xterm", "NO_COLOR": ""}, True),
    ({"TERM": "xterm", "NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"TERM": ""}, False)])


@COLOUR
def test_colour_stands_on_a_terminal_alone(shared, environment, coloured):
    with Agent(shared, config=CONFIG) as agent, terminal() as (stderr, written):
        agent.environment.update(environment)
        agent.start(stderr=stderr)
        emit(agent)
        shown = wait_until(lambda: "news" in written() and written(), "the last line")
        assert ("\x1b[31mERROR\x1b[0m" in shown) == ("\x1b" in shown) == coloured
        assert "\x1b" not in agent.log() and lines_of(agent.log())


def test_a_file_or_pipe_has_no_colour(shared):
    with Agent(shared, config=CONFIG) as agent:
        agent.start()
        emit(agent)
        assert len(lines_of(agent.stderr())) == 3 and "\x1b" not in agent.stderr()


@COLOUR
def test_tail_is_coloured_on_a_terminal_alone(agent, environment, coloured):
    emit(agent)
    with terminal() as (stdout, written):
        subprocess.run([agent.shared.sluice, "tail", "--timeout", "10s"], stdout=stdout, check=True,
                       env={"SLUICE_SOCKET": str(agent.socket), **environment,
                            "SLUICE_ADMIN_SOCKET": str(agent.admin_socket)}, timeout=DEADLINE_S)
        shown = wait_until(lambda: "news" in written() and written(), "the last line")
        assert ("\x1b[31mERROR\x1b[0m" in shown) == ("\x1b" in shown) == coloured
    assert "\x1b" not in agent.sluice("tail", "--timeout", "10s", env=environment).stdout


# A client's own stderr.

def scenario(shared, name="AzureInitLines", socket="/tmp/sluice-nobody-listens/s", **options):
    environment = {"SLUICE_SOCKET": str(socket), **options.pop("env", {})}
    return run([shared.copy("../tests/process_scenario"), name], env=environment, **options)


def test_a_clients_lines_are_those_of_the_agent(shared):
    with Agent(shared) as agent:
        agent.environment["SLUICE_LOG"] = "trace"
        agent.start()
        done = scenario(shared, socket=agent.socket, env={"SLUICE_STDERR": "trace"})
        wait_until(lambda: "no span dbg" in agent.log(), "the last line")
        assert done.stderr == agent.log()


def test_the_tools_lines_are_those_of_the_agent(agent):
    shown = "".join(agent.sluice(*words, check=False, env={"SLUICE_STDERR": "info"}).stderr
                    for words in (["event", "--level", "warn", "--attr", "n:int=5", "a\nb"],
                                  ["event", "--level", "debug", "not shown"],
                                  ["run", "--name", "fails", "--attr", "k=v", "--", "false"],
                                  ["run", "--name", "not there", "--", "/no/such/program"]))
    complaint = [line for line in shown.splitlines() if line.startswith("sluice: ")]
    assert len(complaint) == 1 and "/no/such/program" in complaint[0]
    agent.flush()
    assert shown.replace(complaint[0] + "\n", "") == agent.log()


def test_an_event_that_nobody_wants_is_no_mistake(agent):
    done = agent.sluice("event", "--level", "debug", "left out")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = agent.sluice("event", "--require", "--level", "debug", "left out", check=False)
    assert done.returncode == 5 and "unwanted_level" in done.stderr


def test_the_tool_prints_without_an_agent_too(shared):
    environment = {"SLUICE_SOCKET": "/tmp/sluice-nobody-listens/s", "SLUICE_STDERR": "warn"}
    done = run([shared.sluice, "event", "--level", "error", "alone"], env=environment)
    assert re.search(r"^\S+Z ERROR sluice::event: alone\n", done.stderr, re.M)


def test_a_client_prints_without_an_agent_too(shared):
    done = scenario(shared, env={"SLUICE_STDERR": "debug"})
    assert len(done.stderr.splitlines()) == 8
    assert "shape: no span dbg" in done.stderr


def test_a_client_prints_nothing_unasked(agent):
    for value in ({}, {"SLUICE_STDERR": ""}, {"SLUICE_STDERR": "off"},
                  {"SLUICE_STDERR": "elsewhere=trace"}):
        assert scenario(agent.shared, socket=agent.socket, env=value).stderr == ""


def test_a_clients_filter_takes_the_longest_target(shared):
    done = scenario(shared, env={"SLUICE_STDERR": "shape=warn,libazureinit=off,"
                                                  "libazureinit::user=info"})
    assert [line.split("Z ", 1)[1] for line in done.stderr.splitlines()] == [
        ' INFO libazureinit::user::add: Added user: az"ure\\nroot',
        " WARN shape: retrying retries=3 ok=false"]


def test_a_client_names_what_it_cannot_read(shared):
    done = scenario(shared, env={"SLUICE_STDERR": "warn,shape=loud"})
    [complaint, line] = done.stderr.splitlines()
    assert "SLUICE_STDERR: cannot read 'shape=loud'" in complaint
    assert "WARN" in line


@pytest.mark.parametrize("filter_text, shown", [("off", 0), ("trace", 9)])
def test_what_a_client_prints_changes_nothing_of_the_trace(agent, filter_text, shown):
    done = scenario(agent.shared, "BeforeAndAfterTheHint", socket=agent.socket,
                    env={"SLUICE_STDERR": filter_text})
    lines = [line.split("shape: ", 1) for line in done.stderr.splitlines()]
    assert len(lines) == shown
    if shown:
        [[context, _]] = [line for line in lines if line[1] == "in a whisper"]
        assert context.endswith("outer:quiet{n=1}:inner: ")
    wait_until(lambda: "outer: shape: close" in agent.log(), "the last line")
    log = agent.log()
    assert "whisper" not in log and "quiet" not in log
    assert " outer:inner: shape: aloud" in log
    assert [counter for counter in agent.status()["counters"]
            if counter["name"] == "admission.dropped"] == []


def test_a_client_colours_a_terminal_and_marks_the_journal(shared, tmp_path):
    with terminal() as (stderr, written):
        subprocess.run([shared.copy("../tests/process_scenario"), "AzureInitLines"], stderr=stderr,
                       env={"SLUICE_SOCKET": "/tmp/sluice-nobody-listens/s", "TERM": "xterm",
                            "SLUICE_STDERR": "warn"}, check=True, timeout=DEADLINE_S)
        wait_until(lambda: "\x1b[33m WARN\x1b[0m" in written(), "a line in colour")
    with open(tmp_path / "stderr", "w+", encoding="utf-8") as output:
        subprocess.run([shared.copy("../tests/process_scenario"), "AzureInitLines"], stderr=output,
                       env={"SLUICE_SOCKET": "/tmp/sluice-nobody-listens/s",
                            "SLUICE_STDERR": "debug",
                            "JOURNAL_STREAM": journal_stream(output.fileno())},
                       check=True, timeout=DEADLINE_S)
        output.seek(0)
        starts = [line[:3] for line in output]
    assert starts == ["<6>", "<6>", "<6>", "<6>", "<4>", "<6>", "<6>", "<7>"]


def test_a_clients_stderr_that_nobody_reads_is_no_harm(shared):
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run([shared.copy("../tests/process_scenario"), "AzureInitLines"],
                          stderr=write_end, check=False, timeout=DEADLINE_S,
                          env={"SLUICE_SOCKET": "/tmp/sluice-nobody-listens/s",
                               "SLUICE_STDERR": "trace"})
    os.close(write_end)
    assert done.returncode == 0


def test_another_users_rights_make_the_variable_void(shared):
    program = shared.copy("../tests/process_scenario")
    copy = program.with_name("setuid_scenario")
    subprocess.run(["install", "-o", "root", "-m", "4755", program, copy], check=True)
    done = run([copy, "AzureInitLines"], uid=NOBODY, env={
        "SLUICE_SOCKET": "/tmp/sluice-nobody-listens/s", "SLUICE_STDERR": "trace"})
    no_new_privileges = "NoNewPrivs:\t1" in pathlib.Path("/proc/self/status").read_text()
    if os.statvfs(copy).f_flag & os.ST_NOSUID or no_new_privileges:
        pytest.skip("programs here do not take another user's rights")
    assert done.stderr == ""


def test_a_client_names_resource_attributes_that_cannot_be_read(agent):
    said = "sluice: OTEL_RESOURCE_ATTRIBUTES is not taken: 'b' has no '='\n"
    environment = {"SLUICE_SOCKET": str(agent.socket), "OTEL_RESOURCE_ATTRIBUTES": "a=1,b"}
    program = agent.shared.copy("../tests/process_scenario")
    assert run([program, "OneSpan"], env=environment).stderr == ""
    assert run([program, "OneSpan"], env={**environment, "SLUICE_STDERR": "error"}).stderr == said
    done = agent.sluice("event", "hello", env={"OTEL_RESOURCE_ATTRIBUTES": "a=1,b"})
    assert (done.returncode, done.stderr) == (0, said)
