"""Programs started with stdin, stdout or stderr closed, and answers that cannot be written."""

import os
import subprocess

import pytest
from harness import BUILT, Agent
from verbs import VERBS, command, environment, groups, help_of, verbs

# What prints nothing, or only what another program prints; without a destination, only the error.
SILENT = {("run",), ("exec",), ("span", "background"), ("span", "event"), ("span", "attr"), ("span", "end"),
          ("report", "ready"), ("report", "failure"), ("kvp", "write"), ("kvp", "load"),
          ("kvp", "append-multiple"), ("kvp", "report-success"), ("kvp", "report-failure"),
          ("kvp", "clear"), ("flush",), ("event",), ("otlp", "test"), ("otlp", "retry")}
# What makes these print all the same.
PRINTS = {("flush",): ["--json"], ("event",): ["--explain"]}


def shell(words, redirection, env=None):
    """Runs a command with a redirection of the shell's."""
    return subprocess.run(["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *words],
                          env=env or {"PATH": "/usr/bin:/bin"}, capture_output=True, timeout=60,
                          stdin=subprocess.DEVNULL, check=False)


@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
def test_an_answer_that_cannot_be_written(agent, where):
    """By every verb."""
    assert set(verbs()) == set(VERBS)
    agent.sluice("run", "--", "true")
    agent.sluice("report", "ready", "--vm-id", "some-vm")
    for verb in VERBS:
        if verb in SILENT and verb not in PRINTS:
            continue
        for flags in ([], ["--json"]):
            words = command(agent, verb, *PRINTS.get(verb, []), *flags)
            done = shell(words, where, environment(agent))
            assert done.returncode == 3, (verb, flags, done)
            assert done.stderr.startswith(b"sluice: write to stdout: "), (verb, flags, done)


@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
def test_help_that_cannot_be_written(where):
    for verb in [*groups(), *VERBS]:
        assert help_of(*verb)
        done = shell([BUILT / "sluice", *verb, "--help"], where)
        assert done.returncode == 3, (verb, done)
        assert done.stderr.startswith(b"sluice: write to stdout: "), (verb, done)
    assert shell([BUILT / "sluice", "--version"], where).returncode == 3


@pytest.mark.parametrize("flag", ["--help", "--version", "--print-config"])
@pytest.mark.parametrize("where", [">&-", ">/dev/full"])
def test_an_answer_of_the_agent_that_cannot_be_written(flag, where):
    done = shell([BUILT / "sluiced", flag], where)
    assert done.returncode == 3, done
    assert b"write to stdout: " in done.stderr


def descriptors(pid):
    """What 0, 1 and 2 of a process are."""
    links = []
    for number in range(3):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{number}"))
        except FileNotFoundError:
            links.append(None)
    return links


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_an_agent_started_with_them_closed(shared, closed):
    config = '[stderr]\nfilter = "info"\n'
    with Agent(shared, config=config) as agent:
        agent.start(wrapper=["/bin/sh", "-c", f'exec "$@" {closed}', "sh"])
        held = descriptors(agent.process.pid)
        for number, sign in enumerate(("<&-", " >&-", "2>&-")):
            if sign in f" {closed}":
                assert held[number] == "/dev/null", held
        assert all(one is not None and "anon_inode" not in one and "socket" not in one
                   for one in held), held
        agent.sluice("event", "--require", "taken")
        agent.sluice("flush")
        assert "taken" in agent.log()
        assert agent.stop() == 0


def test_a_tool_does_not_read_a_connection_as_its_input(agent):
    """`load` replaces the whole pool by what stdin has: a closed one must not look empty."""
    agent.sluice("kvp", "write", "kept", "whole")
    done = shell(command(agent, ("kvp", "load")), "<&-", environment(agent))
    assert (done.returncode, done.stderr) == (3, b"sluice: read stdin: Bad file descriptor\n")
    assert ("kept", "whole") in agent.pool()


def test_a_command_finds_closed_what_was_closed(agent):
    """`run` hands on what it was given, and nothing of its own."""
    words = [*command(agent, ("run",))[:-1], b"/bin/sh", b"-c", b"ls /proc/self/fd"]
    done = shell(words, "<&-", environment(agent))
    # ls itself opens the folder at the lowest number that is free.
    assert done.stdout.split() == [b"0", b"1", b"2"], done
    assert (done.returncode, done.stderr) == (0, b"")
