"""Who sent a record is what the kernel says. Nothing a client writes changes that, or anything of
another user's."""

import os

import pytest
from harness import NOBODY, ROOT, SOMEBODY
from victim import WAITS, Victim

def as_uid(agent, uid, code, *arguments):
    """Runs code of the telemetry module as `uid` and returns what it printed."""
    preamble = f"import sys; sys.path.insert(0, {str(agent.shared.support)!r})\n" \
        "import os, sys, telemetry\nsocket = os.environ['SLUICE_SOCKET']\n"
    return agent.run_python(preamble + code, *arguments, uid=uid).stdout.strip()


def test_two_users_at_once_are_told_apart(agent):
    import telemetry
    for uid in (NOBODY, SOMEBODY):
        as_uid(agent, uid, f"telemetry.emit(socket, telemetry.event('from {uid}'))")
    agent.flush()
    for uid in (NOBODY, SOMEBODY):
        ours = [one for one in telemetry.stored(agent) if f"from {uid}" in str(one.record)]
        assert [one.identity.uid for one in ours] == [uid]
        keys = [key for key, value in agent.pool() if f"from {uid}" in value]
        assert len(keys) == 1 and f"-u{uid}|" in keys[0]


def test_the_tree_tells_an_event_of_another_user_from_the_spans_own(agent):
    import telemetry
    span = telemetry.Span("of root")
    telemetry.emit(agent.socket, span.start(), span.event("genuine"))
    as_uid(agent, NOBODY, """
context = dict(trace_id=bytes.fromhex(sys.argv[1]), span_id=bytes.fromhex(sys.argv[2]))
telemetry.emit(socket, telemetry.event("smuggled in", **context))
""", span.trace_id.hex(), span.span_id.hex())
    lines = agent.sluice("tree", span.trace_id.hex()).stdout.splitlines()
    [genuine] = [line for line in lines if "genuine" in line]
    [smuggled] = [line for line in lines if "smuggled in" in line]
    assert f"uid {NOBODY}" in smuggled and "uid" not in genuine


def test_status_shows_who_is_connected(agent):
    import telemetry
    with telemetry.Stream(agent.socket) as stream:
        [client] = [one for one in agent.status()["clients"] if one.get("client_id")]
        assert client["client_id"] == stream.client_id.hex()
        assert (client["identity"]["uid"], client["identity"]["pid"]) == (0, os.getpid())


def test_a_command_name_that_is_not_text_spoils_no_answer(agent):
    import telemetry
    as_uid(agent, NOBODY, """
with open("/proc/self/comm", "wb") as comm:
    comm.write(b"x\\xff")
span = telemetry.Span("odd")
with telemetry.channel(socket) as channel:
    query = telemetry.query_pb2_grpc.QueryStub(channel)
    telemetry.emit(socket, span.start(), span.event("from odd"))
    status = query.Status(telemetry.query_pb2.StatusRequest(open_spans=True), timeout=20)
    assert {status.you.comm} == {one.identity.comm for one in status.open_spans} == {"x\\ufffd"}
""")
    assert "x\ufffd" in {one.identity.comm for one in telemetry.stored(agent)}


def test_a_sent_identity_is_dropped_and_counted(agent):
    import telemetry
    as_uid(agent, NOBODY,
           "telemetry.emit(socket, telemetry.event('forged', **{'sluice.uid': 0, 'own': 'kept'}))")
    agent.flush()
    [one] = [one for one in telemetry.stored(agent) if "forged" in str(one.record)]
    keys = [attribute.key for attribute in one.record.event.attributes]
    assert keys == ["own"]
    assert one.identity.uid == NOBODY
    assert dropped(agent, uid=NOBODY) >= 1


def dropped(agent, uid):
    """Sum of the counters that count what this uid's records lost to reserved names."""
    return sum(int(counter["value"]) for counter in agent.status()["counters"]
               if counter.get("uid") == uid and "reserved" in counter.get("reason", ""))


@pytest.mark.parametrize("owner", [ROOT, SOMEBODY])
def test_another_users_open_span_cannot_be_ended_or_updated(agent, owner):
    with Victim(agent, "the_victims_span", WAITS, uid=owner) as victim:
        as_uid(agent, NOBODY, """
forged = telemetry.Span('forged')
forged.trace_id, forged.span_id = bytes.fromhex(sys.argv[1]), bytes.fromhex(sys.argv[2])
telemetry.emit(socket, forged.update(stolen='yes'), forged.end(stolen='yes'))
""", victim.trace_id, victim.span_id)
        assert [one["name"] for one in agent.status("--open")["open_spans"]] == ["the_victims_span"]
        victim.end_span()
    agent.flush()
    spans = [value for key, value in agent.pool()
             if "the_victims_span" in key and value.startswith("Start: ")]
    assert len(spans) == 1
    assert "still going" in agent.log() and "stolen" not in agent.log()


def test_a_forged_parent_gives_no_name_and_no_fields(agent):
    with Victim(agent, "secret_name", WAITS, uid=SOMEBODY) as victim:
        as_uid(agent, NOBODY, """
parent = telemetry.Span('?')
parent.trace_id, parent.span_id = bytes.fromhex(sys.argv[1]), bytes.fromhex(sys.argv[2])
child = telemetry.Span('intruder', parent=parent)
telemetry.emit(socket, child.start(), child.event('inside'), child.end(), parent.event('beside'))
""", victim.trace_id, victim.span_id)
        agent.flush()
        lines = [line for line in agent.log().splitlines()
                 if "intruder" in line or "beside" in line]
        assert len(lines) == 4, agent.log()
        assert not any("hidden" in line or "secret_name" in line for line in lines)
        keys = [key for key, value in agent.pool() if "inside" in value or "beside" in value]
        assert len(keys) == 2 and not any("secret_name" in key for key in keys)


def test_another_users_client_id_and_sequence_suppress_nothing(agent):
    import telemetry
    with telemetry.Stream(agent.socket) as stream:
        stream.batch(telemetry.event("first"))
        as_uid(agent, NOBODY, """
client_id = bytes.fromhex(sys.argv[1])
records = [telemetry.event(f'forged {n}') for n in range(50)]
telemetry.emit(socket, *records, client_id=client_id, first_sequence=1)
""", stream.client_id.hex())
        stream.batch(telemetry.event("second"))
    agent.flush()
    for text in ("first", "second"):
        assert sum(text == one.record.event.body.string_value
                   for one in telemetry.stored(agent)) == 1
        assert any(text in line for line in agent.log().splitlines())
