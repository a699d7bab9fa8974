"""What stands inside a span that nobody wants belongs to the nearest span around it, in the log and in
the pool, also where its client does not follow hints and the agent was restarted in between."""

from harness import Agent


def unwanted(record):
    from sluice.v1 import record_pb2
    record.level = record_pb2.LEVEL_DEBUG
    return record


def test_descendants_of_a_dropped_span(shared):
    import telemetry
    outer = telemetry.Span("outer")
    hidden = telemetry.Span("hidden", parent=outer)
    inner = telemetry.Span("inner", parent=hidden)
    with Agent(shared) as agent:
        agent.start()
        telemetry.emit(agent.socket, outer.start(), unwanted(hidden.start()),
                       hidden.event("before"))
        agent.flush()
        agent.kill()
        agent.start()
        telemetry.emit(agent.socket, hidden.event("after"), inner.start(), inner.event("within"),
                       inner.end(), unwanted(hidden.end()), outer.end())
        agent.flush()
        lines = [line for line in agent.log().splitlines() if "hidden" not in line]
        assert lines == agent.log().splitlines()
        for text, place in (("before", "outer: "), ("after", "outer: "),
                            ("within", "outer:inner: ")):
            assert any(line.endswith(text) and place in line for line in lines), (text, lines)
        within = {one.record.event.body.string_value: one.record.event.span_id
                  for one in telemetry.stored(agent) if one.record.HasField("event")}
        assert within == {"before": outer.span_id, "after": outer.span_id,
                          "within": inner.span_id}
        parents = {one.record.span.name: one.record.span.parent_span_id
                   for one in telemetry.stored(agent) if one.record.span.name}
        assert parents == {"outer": b"", "inner": outer.span_id}
        dropped = {one["reason"] for one in agent.status()["counters"]
                   if one["name"] == "admission.dropped"}
        assert dropped == {"unwanted_level"}
        keys = [key for key, _ in agent.pool()]
        assert any("inner" in key for key in keys) and any("outer" in key for key in keys)
        assert not any("hidden" in key for key in keys)
