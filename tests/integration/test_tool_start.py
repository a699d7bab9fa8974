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
