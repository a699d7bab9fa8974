"""Programs of other projects build and run against the installed library, in the words of the docs."""

import os
import subprocess

import pytest

C_PROGRAM = """
#include <sluice/sluice.h>
int main(void) {
  sluice_span span = sluice_span_start(sluice_str("hello"), NULL);
  sluice_span_end(span);
  return 0;
}
"""
CXX_PROGRAM = """
#include <sluice/sluice.hpp>
int main() {
  sluice::Span span("hello", {{"answer", 42}});
  span.AddEvent("said");
}
"""
CMAKE = """
cmake_minimum_required(VERSION 3.25)
project(consumer {languages})
find_package(sluice REQUIRED)
add_executable(program {source})
target_link_libraries(program sluice::{target})
"""


def environment(prefix, socket):
    [pc] = prefix.glob("lib/**/sluice.pc")
    return {**os.environ, "PKG_CONFIG_PATH": str(pc.parent), "LD_LIBRARY_PATH": str(pc.parents[1]),
            "SLUICE_SOCKET": str(socket)}


def run(command, prefix, folder, check=True, socket="/nonexistent/sluice.sock"):
    return subprocess.run([str(word) for word in command], cwd=folder,
                          env=environment(prefix, socket), capture_output=True, text=True,
                          timeout=120, check=check)


def flags(prefix, folder, *options):
    return run(["pkg-config", *options, "sluice"], prefix, folder).stdout.split()


@pytest.mark.parametrize("link", ["shared", "static"])
def test_c11_by_pkg_config(prefix, tmp_path, link):
    (tmp_path / "program.c").write_text(C_PROGRAM)
    options = ["--cflags", "--libs", *(["--static"] if link == "static" else [])]
    told = flags(prefix, tmp_path, *options)
    if link == "static":
        told = [word.replace("-lsluice", "-l:libsluice.a") for word in told]
    run(["gcc", "-std=c11", "-Wall", "-Wextra", "-Werror", "program.c", *told, "-o", "program"],
        prefix, tmp_path)
    run(["./program"], prefix, tmp_path)


def test_cxx20_by_pkg_config(prefix, tmp_path):
    (tmp_path / "program.cc").write_text(CXX_PROGRAM)
    run(["g++", "-std=c++20", "-Wall", "-Wextra", "-Werror", "program.cc",
         *flags(prefix, tmp_path, "--cflags", "--libs"), "-o", "program"], prefix, tmp_path)
    run(["./program"], prefix, tmp_path)


def test_cxx17_reads_a_clear_sentence_first(prefix, tmp_path):
    (tmp_path / "program.cc").write_text(CXX_PROGRAM)
    done = run(["g++", "-std=c++17", "-fsyntax-only", "program.cc",
                *flags(prefix, tmp_path, "--cflags")], prefix, tmp_path, check=False)
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert "need C++20: compile with -std=c++20" in errors[0], done.stderr


@pytest.mark.parametrize(("name", "compiler"),
                         [("hello.c", ["gcc", "-std=c11"]), ("hello.cc", ["g++", "-std=c++20"])])
def test_the_installed_examples_reach_the_agent(agent, prefix, tmp_path, name, compiler):
    run([*compiler, prefix / "share/doc/sluice/examples" / name,
         *flags(prefix, tmp_path, "--cflags", "--libs"), "-o", "program"], prefix, tmp_path)
    run(["./program"], prefix, tmp_path, socket=agent.socket)
    agent.flush()
    assert "greet" in agent.log() and "said hello" in agent.log()


@pytest.mark.parametrize(("languages", "source", "text"),
                         [("C", "program.c", C_PROGRAM), ("CXX", "program.cc", CXX_PROGRAM)],
                         ids=["C", "CXX"])
@pytest.mark.parametrize("target", ["sluice", "sluice_static"])
def test_by_cmake(prefix, tmp_path, languages, source, text, target):
    (tmp_path / source).write_text(text)
    (tmp_path / "CMakeLists.txt").write_text(
        CMAKE.format(languages=languages, source=source, target=target))
    # The compiler's own default is C++17: the package asks for more.
    run(["cmake", "-S", ".", "-B", "build", "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}"],
        prefix, tmp_path)
    run(["cmake", "--build", "build"], prefix, tmp_path)
    run(["build/program"], prefix, tmp_path)
