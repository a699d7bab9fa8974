"""Where others leave little room, the pool says itself what of ours was given up."""

import harness

OTHERS = 990  # of these we leave ours 64
VM = "26bd6c2f-ecc6-4b04-9f79-e500096ee45b"


def foreign(number):
    return (b"CLOUD_INIT|%d" % number).ljust(harness.KEY, b"\0") + bytes(2048)


def given_up(agent):
    """{reason: records}, as the counters have it."""
    counts = dict.fromkeys(("dropped", "overwritten", "trimmed"), 0)
    for counter in agent.status()["counters"]:
        if counter["name"] == "kvp.given_up":
            counts[counter["reason"]] += counter["value"]
    return counts


def summaries(agent):
    return [(key, value) for key, value in agent.pool() if "kvp:given_up" in key]


def test_what_was_given_up_stands_in_the_pool_as_one_record(shared):
    import telemetry
    from sluice.v1 import record_pb2

    def emit(agent, *texts, level):
        telemetry.emit(agent.socket, *(telemetry.event(text, level=level) for text in texts))
        agent.flush()

    theirs = b"".join(map(foreign, range(OTHERS)))
    with harness.Agent(shared, config=f'[kvp]\nvm_id = "{VM}"\n') as agent:
        agent.pool_path.write_bytes(theirs)
        agent.start()
        emit(agent, *(f"error {n}" for n in range(64)), level=record_pb2.LEVEL_ERROR)
        assert summaries(agent) == []
        emit(agent, "info 1", "info 2", "info 3", level=record_pb2.LEVEL_INFO)
        assert given_up(agent)["dropped"] == 3
        emit(agent, "error 64", "long " + "x" * 3000, level=record_pb2.LEVEL_ERROR)
        counts = given_up(agent)
        assert counts["dropped"] == 3 and counts["overwritten"] > 0
        (key, value), = summaries(agent)
        assert key.startswith(f"sluice-0.1.0|{VM}|WARN|kvp:given_up|") and len(key) <= 254
        assert value == (f"Given up for want of room: {sum(counts.values())} (dropped 3, overwritten "
                         f"{counts['overwritten']}, trimmed {counts['trimmed']})")
        agent.restart()
        emit(agent, "info 4", level=record_pb2.LEVEL_INFO)
        (after_restart, value), = summaries(agent)
        assert after_restart == key and "(dropped 4, " in value
        assert agent.pool_path.read_bytes().startswith(theirs)
