"""What a script pays for each call of `sluice`: counted, since a busy machine makes every time wrong."""

import re
import subprocess

from tool import ABSENT, TOOL, environment, tool


def instructions(folder, *words):
    """What the program and the C library execute in user space."""
    counted = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", TOOL, *words],
        env=environment(ABSENT, SLUICE_QUIET="1"), capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", counted.stderr).group(1))


def test_an_emit_starts_without_libraries_and_messages(tmp_path):
    """Of 2.8 million instructions 1.8 were protobuf's, which describes all messages to itself."""
    headers = subprocess.run(["readelf", "-ld", TOOL], capture_output=True, text=True, check=True).stdout
    assert "NEEDED" not in headers and "INTERP" not in headers
    assert instructions(tmp_path, "event", "x") < 800_000
    assert instructions(tmp_path, "span", "start", "--owner", "none", "x") < 900_000


def test_a_verb_is_found_behind_flags_as_it_is_without():
    plain, behind_flags = tool("kvp", "usage", "--help"), tool("--json", "kvp", "usage", "--help")
    assert plain.returncode == 0 and plain.stdout == behind_flags.stdout
    refused = tool("--root", "/", "event", "x")
    assert refused.returncode == 2 and "'sluice event' needs the running agent" in refused.stderr


def calls(words, path, env=None):
    """The system calls in question, in their order."""
    traced = subprocess.run(["strace", "-e", "trace=connect,sendto,openat", TOOL, *words],
                            env=environment(path, **(env or {})), capture_output=True, text=True,
                            timeout=60, check=True)
    return re.findall(r"^(?:connect|sendto|openat)\(.*", traced.stderr, re.M)


def test_the_agent_looks_at_its_peer_while_the_verb_is_prepared(agent):
    made = calls(["span", "start", "x"], agent.socket)
    assert made[0].startswith("connect(") and str(agent.socket) in made[0]
    assert any("/proc/" in call for call in made[1:]), "the owner is looked for afterwards"
    assert sum("connect(" in call for call in made) == 1
    # The request, and what acknowledges the agent's settings.
    assert sum("sendto(" in call for call in made) <= 2


def test_only_the_agent_that_is_meant_is_called(agent):
    for flag in (["--socket", agent.socket], [f"--socket={agent.socket}"]):
        made = calls(["event", *flag, "x"], ABSENT)
        assert [str(agent.socket) in call for call in made if "connect(" in call] == [True]
