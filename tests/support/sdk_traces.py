"""The trace that each program of tests/interop/sdks exports, as the views have to show it."""

import json


def assert_trace(agent, trace_id, service, uid):
    tree = json.loads(agent.sluice("tree", trace_id, "--json").stdout)
    spans = {span["name"]: span for span in tree["spans"]}
    request, query = spans["request"], spans["query"]
    for span in request, query:
        assert (span["uid"], span["service_name"], span["target"]) == (uid, service, "interop")
        assert span["state"] == "ended"
    assert request["attributes"] == {"text": "naïve ☃", "flag": True, "count": 42, "ratio": 0.5,
                                     "list": ["a", "b"]}
    assert (query["parent_span_id"], query["status"], query["status_message"]) \
        == (request["span_id"], "error", "timed out")
    events = {event["message"]: event for event in request["events"]}
    assert events["cache miss"]["attributes"] == {"key": "k"}
    log = events["disk nearly full"]
    assert (log["level"], log["uid"], log["attributes"]["free"]) == ("WARN", uid, 12)
