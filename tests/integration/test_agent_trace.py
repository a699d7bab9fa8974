"""The example of an AI agent's run: its spans, checked on what SLUICE_CONSOLE prints of them."""

import collections
import json
import os
import re
import subprocess

import pytest

from tool import TOOL

EXAMPLE = TOOL.parents[1] / "examples/agent_trace"
SPANS = ["execution", "run", "agent", "task", "api_invoke", "model_call", "openai", "tool"]
KEYS = {"execution": 5, "run": 5, "agent": 5, "task": 5, "api_invoke": 5, "model_call": 15,
        "openai": 13, "tool": 8}  # with the target


def value(encoded):
    kind, content = next(iter(encoded.items()))
    return int(content) if kind == "intValue" else content


def trace(**environment):
    done = subprocess.run(
        [EXAMPLE], capture_output=True, text=True, timeout=30, check=False,
        env={"PATH": os.environ["PATH"], "SLUICE_SOCKET": "/nonexistent/sluice.sock",
             "SLUICE_CONSOLE": "1", **environment})
    spans = []
    for line in done.stdout.splitlines():
        (resource,) = json.loads(line)["resourceSpans"]
        (scope,) = resource["scopeSpans"]
        (span,) = scope["spans"]
        keys = [attribute["key"] for attribute in span["attributes"]]
        assert len(keys) == len(set(keys))
        spans.append({
            **span, "target": scope["scope"]["name"],
            "start": int(span["startTimeUnixNano"]), "end": int(span["endTimeUnixNano"]),
            "attributes": {attribute["key"]: value(attribute["value"])
                           for attribute in span["attributes"]}})
    return spans


@pytest.fixture(name="spans", scope="module")
def spans_fixture():
    return {span["name"]: span for span in trace()}


def test_eight_spans_in_one_chain_of_one_trace(spans):
    assert list(spans) == SPANS[::-1]  # children end first
    assert "parentSpanId" not in spans["execution"]
    for parent, child in zip(SPANS, SPANS[1:]):
        assert spans[child]["parentSpanId"] == spans[parent]["spanId"]
    (trace_id,) = {span["traceId"] for span in spans.values()}
    assert re.fullmatch(r"[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}", trace_id)
    assert len({span["spanId"] for span in spans.values()}) == 8
    assert all(span["status"] == {} for span in spans.values())


def test_baggage_is_on_every_span(spans):
    for key in ("vllora.run_id", "vllora.thread_id", "vllora.tenant"):
        assert len({span["attributes"][key] for span in spans.values()}) == 1
    for span in spans.values():
        assert not {"vllora.label", "vllora.project_id"} & span["attributes"].keys()


def test_targets_and_all_attributes(spans):
    assert collections.Counter(span["target"].partition("::")[0] for span in spans.values()) == {
        "app": 1, "vllora": 7}
    assert {name: len(span["attributes"]) + 1 for name, span in spans.items()} == KEYS
    attributes = {name: span["attributes"] for name, span in spans.items()}
    assert attributes["execution"]["execution_id"] == 123
    assert attributes["model_call"]["input"] == "What is the capital of France?"
    assert attributes["model_call"]["ttft"] == 150
    assert attributes["openai"]["ttft"] == 843129  # by way of the current span
    assert attributes["openai"]["retries_left"] == 0
    assert attributes["openai"]["cost"] == 6.600000262260437e-06
    assert attributes["tool"]["vllora.tool_name"] == "search_web"
    assert attributes["tool"]["output"] == "Search results..."
    for name, key in (("run", "tags"), ("openai", "usage"), ("model_call", "usage"),
                      ("model_call", "cost"), ("openai", "raw_usage"), ("tool", "tags")):
        assert isinstance(json.loads(attributes[name][key]), dict), (name, key)


def test_children_lie_within_their_parents(spans):
    for parent, child in zip(SPANS, SPANS[1:]):
        assert spans[parent]["start"] <= spans[child]["start"]
        assert spans[child]["end"] <= spans[parent]["end"]
    milliseconds = {name: (span["end"] - span["start"]) / 1e6 for name, span in spans.items()}
    assert milliseconds["tool"] >= 50
    assert all(milliseconds[name] >= 150 for name in SPANS[:-1])


def test_a_filter_selects_and_children_go_to_the_nearest_span_shown():
    assert len(trace(SLUICE_CONSOLE="vllora::user_tracing=info")) == 7
    assert len(trace(SLUICE_CONSOLE="app::runtime=info")) == 1
    shown = {span["name"]: span for span in trace(
        SLUICE_CONSOLE="info,vllora::user_tracing::task=off,vllora::user_tracing::agent=warn")}
    assert shown.keys() == set(SPANS) - {"task", "agent"}
    assert shown["api_invoke"]["parentSpanId"] == shown["run"]["spanId"]


def test_the_level_of_logs_changes_no_trace():
    assert len(trace(SLUICE_STDERR="warn")) == 8
