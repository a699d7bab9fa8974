"""Spans as SLUICE_CONSOLE prints them, or as an agent exports them: OTLP's JSON."""

import json

from harness import BUILT, run


def value(encoded):
    kind, content = next(iter(encoded.items()))
    return int(content) if kind == "intValue" else content


def attributes_of(encoded):
    keys = [attribute["key"] for attribute in encoded]
    assert len(keys) == len(set(keys))
    return {attribute["key"]: value(attribute["value"]) for attribute in encoded}


def spans_of(requests):
    """The spans of OTLP's export requests, with their scopes' names as `target`,
    and their resources."""
    for request in requests:
        for resource in request.get("resourceSpans", ()):
            for scope in resource["scopeSpans"]:
                for span in scope["spans"]:
                    yield {
                        **span, "target": scope["scope"]["name"],
                        "resource": attributes_of(resource["resource"]["attributes"]),
                        "start": int(span["startTimeUnixNano"]),
                        "end": int(span["endTimeUnixNano"]),
                        "attributes": attributes_of(span["attributes"])}


def by_name(spans):
    return {span["name"]: span for span in spans}


def cpp_agent_trace():
    """The spans of client/examples/agent_trace.cc."""
    printed = run([BUILT.parent / "examples/agent_trace"], check=False,
                  env={"SLUICE_CONSOLE": "1", "SLUICE_SOCKET": "/nonexistent/sluice.sock"}).stdout
    return list(spans_of(json.loads(line) for line in printed.splitlines()))


def agent_run(spans):
    """What such a run is, whoever made it: {name: (parent, target, attributes)}, ids left out."""
    assert len({span["traceId"] for span in spans}) == 1
    names = {span["spanId"]: span["name"] for span in spans}
    drawn = {key: {span["attributes"][key] for span in spans}
             for key in ("vllora.run_id", "vllora.thread_id")}
    assert all(len(values) == 1 for values in drawn.values())
    return {span["name"]: (names.get(span.get("parentSpanId")), span["target"],
                           {key: value for key, value in span["attributes"].items()
                            if key not in drawn})
            for span in spans}
