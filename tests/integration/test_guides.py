"""The guides' C++ compiles, and what they say of a wrong compiler is what it says."""

import json
import os
import re
import socket
import subprocess

import pytest

from console import by_name, spans_of
from harness import Agent, REPOSITORY, wait_until
from otlp_peers import GrpcPeer
from tool import TOOL, environment, tool

INCLUDE = REPOSITORY / "client/include"
EXAMPLE = TOOL.parents[1] / "examples/agent_trace"


AGENT_SPANS = {"execution", "run", "agent", "task", "api_invoke", "model_call", "openai", "tool"}
# What the pieces of instrumenting.md leave to their reader: includes and declarations, and what stands
# before and after each.
PRELUDE = """
#include <exception>
#include <expected>
#include <functional>
#include <string>
#include <thread>
#include <sluice/coroutine.h>
#include <sluice/sluice.hpp>
using namespace std::chrono_literals;
struct Error { friend void AbslStringify(auto& sink, const Error&) { sink.Append("error"); } };
struct User { std::string name, home, shell; };
struct Url {};
struct Page {};
struct Pool { void Post(std::function<void()> task); };
using Uid = int;
void RunUseradd(const User& user);
std::expected<Uid, Error> LookUp(const User& user);
std::expected<Uid, Error> LoadUser(const std::string& name);
void Copy(int from, int to);
void Parse();
sluice::Task<> Connect();
"""
PLACES = [
    ("void First(std::string name, std::string path, int uid, bool ok) {\n", "}"),
    ("", ""),
    ("std::expected<Uid, Error> Results(sluice::Span& span, const std::exception& exception,\n"
     "                                  std::string name, int from, int to) {\n", "}"),
    ("void Threads(Pool& pool) {\n", "}"),
    ("", ""),
    ("sluice::Task<> Foreign(sluice::Context context) {\n", "}"),
    ("void Baggage(std::string id) {\n", "}")]


def blocks(page):
    text = (REPOSITORY / page).read_text()
    return re.findall(r"^```cpp\n(.*?)^```$", text, re.M | re.S)


def compile_cpp(source, standard="c++20"):
    return subprocess.run(
        ["c++", f"-std={standard}", "-Wall", "-Wextra", "-fsyntax-only", f"-I{INCLUDE}",
         "-x", "c++", "-"], input=source, capture_output=True, text=True, check=False,
        env={**os.environ, "LC_ALL": "C"})


def test_the_code_of_from_tracing_compiles():
    code = blocks("docs/from-tracing.md")
    assert len(code) == 3
    parts = [f"namespace part_{number} {{\n" + re.sub(r"^#include.*$", "", block, flags=re.M)
             + "}\n" for number, block in enumerate(code)]
    done = compile_cpp("#include <chrono>\n#include <string_view>\n#include <sluice/coroutine.h>\n"
                       "#include <sluice/sluice.hpp>\n" + "".join(parts))
    assert done.returncode == 0, done.stderr


def test_the_code_of_ai_agents_compiles():
    (code,) = blocks("docs/ai-agents.md")
    body = re.sub(r"^#include.*$", "", code, flags=re.M)
    done = compile_cpp("#include <sluice/ai.hpp>\n#include <sluice/sluice.hpp>\n"
                       "void Guide(std::string_view run_id) {\n" + body + "}\n")
    assert done.returncode == 0, done.stderr


def test_the_code_of_instrumenting_compiles():
    code = blocks("docs/instrumenting.md")
    assert len(code) == len(PLACES)
    parts = [before + re.sub(r"^#.*$", "", block, flags=re.M) + after + "\n"
             for block, (before, after) in zip(code, PLACES)]
    done = compile_cpp('#define SLUICE_TARGET "app::users"\n' + PRELUDE + "".join(parts), "c++23")
    assert done.returncode == 0, done.stderr


def test_the_code_of_the_readme_compiles():
    (code,) = blocks("README.md")
    include, rest = code.split("\n", 1)
    done = compile_cpp(f"#include <string>\n{include}\nvoid Readme(std::string name) {{\n{rest}}}\n")
    assert done.returncode == 0, done.stderr


HEADERS = sorted(path.name for path in (INCLUDE / "sluice").glob("*.h*")
                 if "#ifdef __cplusplus" not in path.read_text())


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("standard", ["c++11", "c++17"])
def test_an_older_standard_gets_one_clear_sentence(header, standard):
    use = 'int main() { sluice::Span span("s", {{"k", 1}}); SLUICE_INFO("m", {"k", 1}); }\n'
    done = compile_cpp(f"#include <sluice/{header}>\n" + use, standard)
    errors = [line for line in done.stderr.splitlines() if "error:" in line]
    assert len(errors) == 1 and "need C++20: compile with -std=c++20" in errors[0], done.stderr


def test_an_older_standard_has_the_interface_of_c():
    use = 'int main() { sluice_span_end(sluice_span_start(sluice_str("s"), nullptr)); }\n'
    assert compile_cpp("#include <sluice/sluice.h>\n" + use, "c++11").stderr == ""


def run_example(agent):
    done = subprocess.run([EXAMPLE], capture_output=True, text=True, check=True, timeout=30,
                          env=environment(agent.socket, SLUICE_CONSOLE="1"))
    return set(by_name(spans_of(map(json.loads, done.stdout.splitlines()))))


@pytest.mark.usefixtures("otlp_module")
def test_spans_that_do_not_reach_the_collector(shared):
    """The process prints them, the status has the sink's error, the flush names what is behind; they
    arrive once the collector is there."""
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    config = f'[otlp]\nendpoint = "http://localhost:{port}"\nprotocol = "grpc"\n'
    with Agent(shared, config=config) as agent:
        agent.start()
        assert run_example(agent) == AGENT_SPANS

        def row():
            lines = agent.sluice("status", check=False).stdout.splitlines()
            return next((line for line in lines if "otlp" in line and "last error" in line), None)

        assert "failing" in wait_until(row, "the status has the sink's error")
        behind = agent.sluice("flush", "--sink", "otlp", "--timeout", "1s", check=False)
        assert behind.returncode != 0 and "otlp" in behind.stdout + behind.stderr
        with GrpcPeer(port=port) as peer:
            def arrived():
                agent.sluice("otlp", "retry")
                seen = b"".join(request for _method, request, *_ in peer.requests)
                return all(name.encode() in seen for name in AGENT_SPANS)

            wait_until(arrived, "what waited in the journal is with the collector")


def test_custom_spans_that_do_not_appear_while_others_do(shared):
    """The filter does not cover their target, as `filter explain` says; then it does."""
    with Agent(shared) as agent:
        path = agent.folder / "log/otlp.jsonl"

        def exported(filter_text):
            agent.config_path.write_text(f'[otlp]\nendpoint = "file://{path}"\n'
                                         f'filter = "{filter_text}"\n')
            agent.restart() if agent.process else agent.start()
            run_example(agent)
            agent.sluice("flush", "--sink", "otlp", "--timeout", "15s")
            return set(by_name(spans_of(map(json.loads, path.read_text().splitlines()))))

        def explain(filter_text):
            return agent.sluice("filter", "explain", filter_text, "--target",
                                "app::runtime::execution", "--level", "info", check=False).stdout

        narrow, wide = "vllora=info", "vllora=info,app::runtime=info"
        assert exported(narrow) == AGENT_SPANS - {"execution"}
        assert narrow in agent.sluice("status", check=False).stdout
        assert explain(narrow) != explain(wide) and "app::runtime=info" in explain(wide)
        assert exported(wide) == AGENT_SPANS


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
