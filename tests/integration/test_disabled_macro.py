"""What a macro costs where nobody wants its level: instructions up to its branch."""

import os
import re
import subprocess

import pytest

from harness import REPOSITORY

SOURCE = """
#include <sluice/sluice.hpp>
int Compute();
extern "C" void Measured() { SLUICE_INFO("quiet", {"key", Compute()}, {"other", 1}); }
"""


# A shared library finds the level's address in its table of them first.
@pytest.mark.parametrize("flag, most", [("-fPIE", 3), ("-fPIC", 4)])
def test_a_disabled_event_is_a_load_and_a_branch(flag, most):
    done = subprocess.run(
        ["c++", "-std=c++20", "-O2", flag, f"-I{REPOSITORY}/client/include", "-S", "-o", "-",
         "-x", "c++", "-"], input=SOURCE, capture_output=True, text=True, check=True,
        env={**os.environ, "LC_ALL": "C"})
    body = done.stdout.split("\nMeasured:\n")[1].split("\t.cfi_endproc")[0]
    instructions = []
    for line in body.splitlines():
        found = re.match(r"\t([a-z]\w*)\b", line)
        if not found or found[1] in ("endbr64",):
            continue
        instructions.append(line.strip())
        if found[1].startswith("j") or found[1].startswith("call"):
            break
    assert instructions[-1].startswith("j"), instructions  # nothing is computed before
    assert len(instructions) <= most, instructions
