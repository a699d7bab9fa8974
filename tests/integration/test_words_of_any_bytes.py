"""What a person or a program writes on the tool's command line may be of any bytes. What is not UTF-8
becomes U+FFFD, and nothing is refused for it: the host must hear of a failure."""

import functools
import json
import subprocess

import pytest
from verbs import VERBS, command, environment, flags_of, verbs

WORD, MENDED = b"a\xff", "a\ufffd"
# Where a file or a socket is: bytes for the system.
PATHS = {"--socket", "--admin-socket", "--dir", "--file", "--root", "--journal", "--host-xml",
         "--tp-carrier", "--sockdir"}
WRITTEN = {("plot",), ("export",), ("collect",)}  # to the file that --output names
# Flags that take one of a few words, a number, a pattern or what an agent gave: they say so.
CHOICES = {"--level": 2, "--timeout": 2, "--pool": 2, "--uid": 2, "--lines": 2, "--output": 2,
           "--id": 2, "--after-cursor": 5, "--since": 2, "--until": 2, "--slower-than": 2,
           "--min": 2, "--depth": 2, "--format": 2, "--span": 2, "--trace": 2,
           "--endpoint": 3, "--protocol": 2, "--lang": 2, "--kind": 2, "--status-code": 2,
           "--force-trace-id": 2, "--force-span-id": 2, "--force-parent-span-id": 2, "--start": 2,
           "--end": 2, "--time": 2, "--status": 2, "--owner": 2, "--ttl": 2, "--auto-tree": 2}
CHOICES_OF = {(("tail",), "--grep"): 2, (("flush",), "--sink"): 2,
              (("filter", "explain"), "--span"): None}
PAIRS = {"--attr", "--attrs", "--field", "--supporting-data"}
BEFORE = {"--span-target": [b"--span", b"outer"]}
# Where the mended word is to be seen: the command that shows it.
SHOWN = {
    ("report", "failure"): ("kvp", "read"),
    ("report", "ready"): ("kvp", "read"),
    ("kvp", "report-failure"): ("kvp", "read"),
    ("kvp", "report-success"): ("kvp", "read"),
    ("event",): ("tail",),
}
# The tree has the name.
NOT_SHOWN = {("event", "--name")}


@functools.cache
def cases():
    """Every flag of every verb that takes text. Destinations of the export are no such texts."""
    return [(verb, flag) for verb in VERBS if verb[0] != "otlp" for flag in flags_of(verb)
            if flag not in PATHS and not (flag == "--output" and verb in WRITTEN)]


def run(agent, verb, *flags):
    return subprocess.run(command(agent, verb, *flags), env=environment(agent), capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=60, check=False)


def test_every_verb_is_tried():
    assert set(verbs()) == set(VERBS)
    assert len({flag for _, flag in cases()}) > 15


def test_every_flag_of_every_verb(agent):
    """One agent for all: it takes a minute to start one for each."""
    run(agent, ("event",), "--target", "a", "--require")  # for those that fail where there is nothing
    for verb, flag in cases():
        value = b"k" + WORD + b"=" + WORD if flag in PAIRS else WORD
        done = run(agent, verb, *BEFORE.get(flag, []), flag, value)
        said = f"{verb} {flag}: {done.returncode}, {done.stderr}"
        assert b"protobuf" not in done.stderr.replace(b"http/protobuf", b""), said
        assert b"not an encoded" not in done.stderr, said
        expected = CHOICES_OF.get((verb, flag), CHOICES.get(flag))
        if expected is not None:
            assert done.returncode == expected, said
        else:
            assert done.returncode in (0, 1), said
        if expected is not None or verb not in SHOWN or (*verb, flag) in NOT_SHOWN:
            continue
        agent.flush()
        assert MENDED in run(agent, SHOWN[verb]).stdout.decode(), said


@pytest.mark.parametrize("verb", [("event",), ("filter", "explain")])
def test_words_without_a_flag(agent, verb):
    words = [b"--explain", b"--json", WORD] if verb == ("event",) else [b"--target", WORD, b"warn"]
    done = subprocess.run([*command(agent, verb)[:len(verb) + 1], *words], env=environment(agent),
                          capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr
    if verb == ("event",):
        assert json.loads(done.stdout)["verdicts"]


def test_the_report_reaches_a_file_without_an_agent(shared, tmp_path):
    sluice = shared.sluice
    failed = subprocess.run(
        [sluice, "report", "failure", "--dir", tmp_path, "--vm-id", "v", "--reason", b"dd: " + WORD],
        capture_output=True, check=False)
    assert failed.returncode == 0, failed.stderr
    shown = subprocess.run([sluice, "kvp", "read", "--dir", tmp_path, "PROVISIONING_REPORT"],
                           capture_output=True, check=True).stdout
    assert f"reason=dd: {MENDED}" in shown.decode()


def test_a_filter_that_is_not_utf8_is_told(agent):
    done = subprocess.run([*command(agent, ("filter", "check"))[:3], WORD], env=environment(agent),
                          capture_output=True, check=False)
    assert (done.returncode, b"the filter is not UTF-8" in done.stderr) == (2, True)
