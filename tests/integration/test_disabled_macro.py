"""What a macro costs where nobody wants its level: instructions up to its branch."""

import os
import re
import subprocess

import pytest

from harness import REPOSITORY

SOURCE = """
#include <sluice/sluice.hpp>
int Compute();
extern "C" void Measured() { %s; }
"""


def up_to_the_branch(statement, flag):
    done = subprocess.run(
        ["c++", "-std=c++20", "-O2", flag, f"-I{REPOSITORY}/client/include", "-S", "-o", "-",
         "-x", "c++", "-"], input=SOURCE % statement, capture_output=True, text=True, check=True,
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
    return instructions


# A shared library finds the level's address in its table of them first.
@pytest.mark.parametrize("flag, most", [("-fPIE", 3), ("-fPIC", 4)])
def test_a_disabled_event_is_a_load_and_a_branch(flag, most):
    instructions = up_to_the_branch('SLUICE_INFO("quiet", {"key", Compute()}, {"other", 1})', flag)
    assert len(instructions) <= most, instructions


# A span makes room on the stack for what it would be.
@pytest.mark.parametrize("macro", [
    'SLUICE_SPAN("quiet", {"key", Compute()})',
    'SLUICE_FUNCTION(.fields = {{"key", Compute()}})',
    'SLUICE_FUNCTION(.level = sluice::Level::kDebug, .fields = {{"key", Compute()}})'])
@pytest.mark.parametrize("flag, most", [("-fPIE", 3), ("-fPIC", 4)])
def test_a_disabled_span_is_a_load_and_a_branch(macro, flag, most):
    instructions = up_to_the_branch(macro, flag)
    of_the_macro = [one for one in instructions
                    if not re.match(r"push|subq\t\$\d+, %rsp", one)]
    assert len(of_the_macro) <= most, instructions
