"""The guides' C++ compiles, and what they say of a wrong compiler is what it says."""

import os
import re
import subprocess

import pytest

from harness import REPOSITORY
from tool import TOOL, environment, tool

INCLUDE = REPOSITORY / "client/include"
EXAMPLE = TOOL.parents[1] / "examples/agent_trace"


def blocks(page):
    text = (REPOSITORY / "docs" / page).read_text()
    return re.findall(r"^```cpp\n(.*?)^```$", text, re.M | re.S)


def compile_cpp(source, standard="c++20"):
    return subprocess.run(
        ["c++", f"-std={standard}", "-Wall", "-Wextra", "-fsyntax-only", f"-I{INCLUDE}",
         "-x", "c++", "-"], input=source, capture_output=True, text=True, check=False,
        env={**os.environ, "LC_ALL": "C"})


def test_the_code_of_from_tracing_compiles():
    code = blocks("from-tracing.md")
    assert len(code) == 3
    parts = [f"namespace part_{number} {{\n" + re.sub(r"^#include.*$", "", block, flags=re.M)
             + "}\n" for number, block in enumerate(code)]
    done = compile_cpp("#include <chrono>\n#include <string_view>\n#include <sluice/coroutine.h>\n"
                       "#include <sluice/sluice.hpp>\n" + "".join(parts))
    assert done.returncode == 0, done.stderr


def test_the_code_of_ai_agents_compiles():
    (code,) = blocks("ai-agents.md")
    body = re.sub(r"^#include.*$", "", code, flags=re.M)
    done = compile_cpp("#include <sluice/ai.hpp>\n#include <sluice/sluice.hpp>\n"
                       "void Guide(std::string_view run_id) {\n" + body + "}\n")
    assert done.returncode == 0, done.stderr


def test_an_older_standard_gets_one_clear_sentence():
    done = compile_cpp("#include <sluice/sluice.hpp>\n", "c++17")
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(errors) == 1 and "need C++20: compile with -std=c++20" in errors[0]


def test_baggage_appears_once_its_key_is_named():
    def keys(**variables):
        done = subprocess.run([EXAMPLE], capture_output=True, text=True, check=False, timeout=30,
                              env=environment(SLUICE_CONSOLE="1", **variables))
        return re.findall(r'"key":"(tenant|vllora.tenant)"', done.stdout)
    assert keys(BAGGAGE="tenant=blue") == ["vllora.tenant"] * 8


def test_a_sampler_leaves_out_whole_traces():
    done = subprocess.run([EXAMPLE], capture_output=True, text=True, check=False, timeout=30,
                          env=environment(SLUICE_CONSOLE="1", OTEL_TRACES_SAMPLER="always_off"))
    assert done.stdout == ""


@pytest.mark.parametrize("arguments", [["status"], ["flush"]])
def test_no_agent_ends_with_4(arguments):
    assert tool(*arguments).returncode == 4
