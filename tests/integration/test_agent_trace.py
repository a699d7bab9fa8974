"""The example of an AI agent's run, and AI spans among a program's own: what README promises of them,
one test a promise, checked on what SLUICE_CONSOLE prints or an agent exports."""

import collections
import json
import os
import pathlib
import re
import socket
import subprocess

import pytest
from console import by_name, spans_of
from harness import Agent, wait_until
from otlp_peers import GrpcPeer

from tool import TOOL, short_folder

EXAMPLE = TOOL.parents[1] / "examples/agent_trace"
SCENARIO = TOOL.parents[1] / "tests/process_scenario"
SPANS = ["execution", "run", "agent", "task", "api_invoke", "model_call", "openai", "tool"]
KEYS = {"execution": 5, "run": 5, "agent": 5, "task": 5, "api_invoke": 5, "model_call": 15,
        "openai": 13, "tool": 8}  # with the target
BAGGAGE = ("vllora.run_id", "vllora.thread_id", "vllora.tenant")


def trace(*command, **environment):
    done = subprocess.run(
        command or [EXAMPLE], capture_output=True, text=True, timeout=30, check=False,
        env={"PATH": os.environ["PATH"], "SLUICE_SOCKET": "/nonexistent/sluice.sock",
             "SLUICE_CONSOLE": "1", **environment})
    return list(spans_of(json.loads(line) for line in done.stdout.splitlines()))


@pytest.fixture(name="spans", scope="module")
def spans_fixture():
    return by_name(trace())


@pytest.fixture(name="among", scope="module")
def among_fixture():
    return by_name(trace(SCENARIO, "AiAmongOthers"))


def test_c1_eight_spans_in_one_chain_of_one_trace(spans):
    assert spans.keys() == set(SPANS)
    assert "parentSpanId" not in spans["execution"]
    for parent, child in zip(SPANS, SPANS[1:]):
        assert spans[child]["parentSpanId"] == spans[parent]["spanId"]
    assert len({span["traceId"] for span in spans.values()}) == 1


def test_c2_the_trace_id_is_a_uuid_and_span_ids_differ(spans):
    trace_id = spans["execution"]["traceId"]
    assert re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", trace_id)
    span_ids = {span["spanId"] for span in spans.values()}
    assert len(span_ids) == 8 and "0" * 16 not in span_ids


def test_c3_baggage_is_on_every_span(spans):
    for key in BAGGAGE:
        assert len({span["attributes"][key] for span in spans.values()}) == 1
    for span in spans.values():
        assert not {"vllora.label", "vllora.project_id"} & span["attributes"].keys()


def test_c4_a_filter_selects_by_target(spans):
    assert collections.Counter(span["target"].partition("::")[0] for span in spans.values()) == {
        "app": 1, "vllora": 7}
    assert len(trace(SLUICE_CONSOLE="vllora::user_tracing=info")) == 7
    assert len(trace(SLUICE_CONSOLE="app::runtime=info")) == 1
    shown = by_name(trace(
        SLUICE_CONSOLE="info,vllora::user_tracing::task=off,vllora::user_tracing::agent=warn"))
    assert shown.keys() == set(SPANS) - {"task", "agent"}
    assert shown["api_invoke"]["parentSpanId"] == shown["run"]["spanId"]


def test_c4_a_span_of_another_target_or_level_is_left_out_and_its_child_goes_further_up(among):
    assert {"own", "quiet"} < among.keys()
    shown = by_name(trace(SCENARIO, "AiAmongOthers",
                          SLUICE_CONSOLE="vllora::user_tracing=info,app=info"))
    assert shown.keys() == among.keys() - {"own", "quiet"}
    assert shown["tool"]["parentSpanId"] == shown["run"]["spanId"]


def test_c5_no_key_twice_and_none_missing(spans):  # spans_of looks for doubles
    assert {name: len(span["attributes"]) + 1 for name, span in spans.items()} == KEYS
    assert spans["model_call"]["attributes"]["input"] == "What is the capital of France?"
    assert spans["tool"]["attributes"]["output"] == "Search results..."
    assert spans["tool"]["attributes"]["vllora.tool_name"] == "search_web"


def test_c6_numbers_are_numbers_and_json_is_json(spans):
    attributes = {name: span["attributes"] for name, span in spans.items()}
    assert attributes["execution"]["execution_id"] == 123
    assert attributes["model_call"]["ttft"] == 150
    assert attributes["openai"]["ttft"] == 843129
    assert attributes["openai"]["retries_left"] == 0
    assert attributes["openai"]["cost"] == 6.600000262260437e-06
    for name, key in (("run", "tags"), ("openai", "usage"), ("model_call", "usage"),
                      ("model_call", "cost"), ("openai", "raw_usage"), ("tool", "tags")):
        assert isinstance(json.loads(attributes[name][key]), dict), (name, key)


def test_c7_what_is_recorded_by_way_of_the_current_span_lands_there(spans):
    assert spans["openai"]["attributes"]["ttft"] == 843129
    assert spans["model_call"]["attributes"]["ttft"] == 150


def test_c8_baggage_set_later_is_on_the_next_span_alone(among):
    assert among["task"]["attributes"]["vllora.late"] == "yes"
    assert all("vllora.late" not in span["attributes"]
               for name, span in among.items() if name != "task")


def test_c9_children_lie_within_their_parents_and_end_first(spans):
    assert list(spans) == SPANS[::-1]
    for parent, child in zip(SPANS, SPANS[1:]):
        assert spans[parent]["start"] <= spans[child]["start"]
        assert spans[child]["end"] <= spans[parent]["end"]
    milliseconds = {name: (span["end"] - span["start"]) / 1e6 for name, span in spans.items()}
    assert milliseconds["tool"] >= 50
    assert all(milliseconds[name] >= 150 for name in SPANS[:-1])


def run_example(agent):
    subprocess.run([EXAMPLE], check=True, timeout=30,
                   env={"PATH": os.environ["PATH"], "SLUICE_SOCKET": str(agent.socket)})


def test_c10_all_arrive_after_a_flush_without_a_wait(shared):
    with Agent(shared) as agent:
        path = agent.folder / "log/otlp.jsonl"
        agent.config_path.write_text(f'[otlp]\nendpoint = "file://{path}"\n')
        agent.start()
        run_example(agent)
        agent.sluice("flush", "--sink", "otlp", "--timeout", "15s")
        exported = by_name(spans_of(map(json.loads, path.read_text().splitlines())))
    assert exported.keys() == set(SPANS)
    for parent, child in zip(SPANS, SPANS[1:]):
        assert exported[child]["parentSpanId"] == exported[parent]["spanId"]


@pytest.mark.usefixtures("otlp_module")
def test_c10_all_arrive_where_the_collector_comes_later(shared):
    with socket.create_server(("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
    config = f'[otlp]\nendpoint = "http://localhost:{port}"\nprotocol = "grpc"\n'
    with Agent(shared, config=config) as agent:
        agent.start()
        run_example(agent)
        with GrpcPeer(port=port) as peer:
            def arrived():
                agent.sluice("otlp", "retry")
                seen = b"".join(request for _method, request, *_ in peer.requests)
                return all(b"*" + bytes([len(name)]) + name.encode() in seen for name in SPANS)

            wait_until(arrived, "the collector has all eight")


def run_with_an_agent_of_its_own(endpoint, *more, **environment):
    """Its exit code and what it said; nothing of its agent is left."""
    with short_folder() as folder:
        done = subprocess.run(
            [EXAMPLE, "--otlp-endpoint", endpoint, *more], check=False, timeout=60,
            capture_output=True, text=True,
            env={"PATH": os.environ["PATH"], "TMPDIR": str(folder), **environment})
        assert not list(folder.iterdir())
    return done.returncode, done.stderr


def test_an_endpoint_of_the_example_s_has_all_eight_at_its_end(tmp_path):
    path = tmp_path / "otlp.jsonl"
    assert run_with_an_agent_of_its_own(f"file://{path}") == (0, "")
    assert by_name(spans_of(map(json.loads, path.read_text().splitlines()))).keys() == set(SPANS)


def test_a_collector_of_the_example_s_has_all_eight_at_its_end():
    with GrpcPeer() as peer:
        assert run_with_an_agent_of_its_own(
            peer.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL="grpc") == (0, "")
        seen = b"".join(request for _method, request, *_ in peer.requests)
    assert all(b"*" + bytes([len(name)]) + name.encode() in seen for name in SPANS)


def test_the_example_says_what_it_cannot_do():
    code, told = run_with_an_agent_of_its_own("http://localhost:1")
    assert (code, told) == (1, "agent_trace: the endpoint does not have everything\n")
    code, told = run_with_an_agent_of_its_own("nothing that an endpoint can be")
    assert (code, told) == (1, "agent_trace: cannot start sluiced; --verbose shows why\n")
    code, told = run_with_an_agent_of_its_own("file:///tmp/x", "--loud")
    assert code == 2 and told.startswith("agent_trace: usage:")


def test_c11_the_level_of_logs_changes_no_trace():
    assert len(trace(SLUICE_STDERR="warn")) == 8


def test_c12_own_spans_around_and_within_share_trace_and_baggage(among):
    assert among["run"]["parentSpanId"] == among["outer"]["spanId"]
    assert among["own"]["parentSpanId"] == among["run"]["spanId"]
    assert among["tool"]["parentSpanId"] == among["quiet"]["spanId"]
    assert among["elsewhere"]["parentSpanId"] == among["run"]["spanId"]  # explicit
    assert among["agent"]["parentSpanId"] == among["elsewhere"]["spanId"]
    assert len({span["traceId"] for span in among.values()}) == 1
    assert {span["attributes"]["vllora.run_id"] for span in among.values()} == {"r1"}


def test_c13_a_coroutine_that_goes_on_elsewhere_keeps_parent_and_baggage(spans):
    # tool begins after a hop to another thread; coroutine_test.cc interleaves flows.
    assert spans["tool"]["parentSpanId"] == spans["openai"]["spanId"]
    assert all(spans["tool"]["attributes"][key] == spans["run"]["attributes"][key]
               for key in BAGGAGE)


def test_c14_the_console_prints_each_span_whole(spans):
    for span in spans.values():
        assert {"name", "traceId", "spanId", "attributes", "status"} <= span.keys()
        assert span["status"] == {} and span["end"] > span["start"]


def test_c15_the_names_on_the_wire_are_vlloras(spans):
    # Thread and ApiInvoke are one class, as are ModelCall and ModelInvoke: ai_test.cc.
    assert {"api_invoke", "model_call"} < spans.keys()
    assert "vllora.tool_name" in spans["tool"]["attributes"]
    assert not {"thread", "model_invoke"} & spans.keys()
