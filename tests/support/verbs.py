"""Every verb of the tool and every flag, as its help lists them."""

import os
import re
import subprocess

from harness import BUILT

# Each verb, with the arguments that it cannot do without.
VERBS = {
    ("run",): ["--", "true"],
    ("exec",): ["--", "true"],
    ("span", "start"): ["some-span"],
    ("span", "background"): ["some-span"],
    ("span", "event"): ["some-event"],
    ("span", "attr"): ["key=value"],
    ("span", "end"): [],
    ("shell-init",): [],
    ("env",): ["--otel"],
    ("event",): ["message"],
    ("report", "ready"): ["--vm-id", "some-vm"],
    ("report", "failure"): ["--vm-id", "some-vm", "--reason", "some reason"],
    ("flush",): [],
    ("status",): [],
    ("tail",): [],
    ("traces",): [],
    ("tree",): ["--last"],
    ("why",): [],
    ("blame",): ["--last"],
    ("critical",): ["--last"],
    ("plot",): ["--last"],
    ("export",): ["--last"],
    ("collect",): ["-o", "-"],
    ("otlp", "test"): [],
    ("otlp", "retry"): [],
    ("filter", "check"): ["info"],
    ("filter", "explain"): ["info"],
    ("config", "cat"): [],
    ("config", "reload"): [],
    ("kvp", "info"): [],
    ("kvp", "dump"): [],
    ("kvp", "entries"): [],
    ("kvp", "read"): ["PROVISIONING_REPORT"],
    ("kvp", "write"): ["key", "value"],
    ("kvp", "load"): [],
    ("kvp", "append-multiple"): [],
    ("kvp", "delete"): ["key"],
    ("kvp", "delete-multiple"): ["key"],
    ("kvp", "clear"): ["--if-stale"],
    ("kvp", "decode"): [],
    ("kvp", "usage"): [],
    ("kvp", "check"): [],
    ("kvp", "is-stale"): [],
    ("kvp", "report-success"): ["--vm-id", "some-vm"],
    ("kvp", "report-failure"): ["--vm-id", "some-vm", "--reason", "some reason"],
}


def help_of(*verb):
    return subprocess.run([BUILT / "sluice", *verb, "--help"], capture_output=True, text=True,
                          check=True).stdout


def verbs(*group):
    """Every verb below `group`."""
    lines = help_of(*group).partition("\nVerbs:\n")[2].partition("\n\n")[0].splitlines()
    for name in (line.split()[0] for line in lines):
        below = list(verbs(*group, name))
        yield from below or [(*group, name)]


def groups():
    return sorted({verb[:length] for verb in VERBS for length in range(len(verb))})


def flags_of(verb):
    """The flags that take a value."""
    return re.findall(r"^  (?:-\w,)?(--[\w-]+) (?!REQUIRED)[A-Z_]+\b", help_of(*verb), re.M)


def command(agent, verb, *flags):
    """The verb with these flags and what else it needs. Words may be of any bytes."""
    needed = list(VERBS[verb])
    for flag in flags:
        if flag in needed:
            at = needed.index(flag)
            del needed[at:at + 2]
    return [os.fsencode(word) for word in [agent.shared.sluice, *verb, *flags, *needed]]


def environment(agent):
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "SLUICE_SOCKET": str(agent.socket),
            "SLUICE_ADMIN_SOCKET": str(agent.admin_socket)}
