"""What is wrong with a message has its answer: the exact status of the call, or the one record that is
dropped, by a name that is counted; or mended, which is counted too. None costs the agent memory."""

import grpc
import pytest

SERVICE = "/sluice.v1.Ingest/"
MAX_RSS_MIB = 64
TOO_LARGE = "the message is too large; this method takes at most 4194304 bytes"
NOT_A_REQUEST = "not an encoded sluice.v1.EmitRequest"


def request(*records):
    from sluice.v1 import ingest_pb2
    return ingest_pb2.EmitRequest(batch={"records": records}).SerializeToString()


def event(text, **ids):
    import telemetry
    return telemetry.event(text, **ids)


def field(message, name, content):
    """A field of at most 127 bytes, as it is encoded."""
    number = message.DESCRIPTOR.fields_by_name[name].number
    return bytes([number << 3 | 2, len(content)]) + content


def request_of(record):
    """Of a record's bytes."""
    from sluice.v1 import ingest_pb2
    return field(ingest_pb2.EmitRequest, "batch", field(ingest_pb2.Batch, "records", record))


def with_attributes(count):
    record = event("many")
    for _ in range(count):
        record.event.attributes.add(key="a")
    return request(record)


def span(**ids):
    import telemetry
    one = telemetry.Span("whole")
    for name, value in ids.items():
        setattr(one, name, value)
    return request(one.whole())


def invalid_utf8():
    return request_of(event("hi").SerializeToString().replace(b"hi", b"\xff\xfe"))


# What is sent; the status and its text, or how many records are accepted and what is dropped; what is
# counted.
REFUSED = {
    "cut short": (
        lambda: request(event("hi"))[:-3],
        "INVALID_ARGUMENT", NOT_A_REQUEST, {}),
    "something behind the message": (
        lambda: request(event("hi")) + b"\xff",
        "INVALID_ARGUMENT", NOT_A_REQUEST, {}),
    "no message": (
        lambda: b"\xff" * 300,
        "INVALID_ARGUMENT", NOT_A_REQUEST, {}),
    "one byte over the limit": (
        lambda: b"\0" * (4 * 1024 * 1024 + 1),
        "RESOURCE_EXHAUSTED", TOO_LARGE, {"net.refused message_too_large": 1}),
    "64 MiB": (
        lambda: b"\0" * (64 << 20),
        "RESOURCE_EXHAUSTED", TOO_LARGE, {"net.refused message_too_large": 1}),
    "64 MiB of good records": (
        lambda: request(*[event("x" * 60_000)] * 1118),
        "RESOURCE_EXHAUSTED", TOO_LARGE, {"net.refused message_too_large": 1}),
}
ANSWERED = {
    "empty message": (lambda: b"", 0, {}, {}),
    "record of too many bytes": (
        lambda: request(event("x" * 65_536)), 0, {"record_too_large": 1},
        {"admission.dropped record_too_large": 1}),
    "record that is none": (
        lambda: request_of(b"\xff" * 3), 0, {"malformed": 1}, {"admission.dropped malformed": 1}),
    "span whose trace id is zero": (
        lambda: span(trace_id=bytes(16)), 0, {"bad_trace_id": 1},
        {"admission.dropped bad_trace_id": 1}),
    "span whose id is zero": (
        lambda: span(span_id=bytes(8)), 0, {"bad_span_id": 1},
        {"admission.dropped bad_span_id": 1}),
    "event whose ids are zero": (
        lambda: request(event("hi", trace_id=bytes(16), span_id=bytes(8))), 1, {}, {}),
    "text that is not UTF-8": (invalid_utf8, 1, {}, {"admission.repaired invalid_utf8": 1}),
    "10,000 attributes": (
        lambda: with_attributes(10_000), 1, {}, {"admission.repaired surplus_attribute": 9872}),
}


def hello():
    from sluice.v1 import ingest_pb2
    return ingest_pb2.ClientMessage(
        hello={"protocol_version": 1, "client_id": bytes(range(16))}).SerializeToString()


def batch(first_sequence, *records):
    from sluice.v1 import ingest_pb2
    return ingest_pb2.ClientMessage(
        batch={"first_sequence": first_sequence, "records": records}).SerializeToString()


def garbage_batch():
    from sluice.v1 import ingest_pb2
    return field(ingest_pb2.ClientMessage, "batch", b"\xff" * 5)


# Messages of a Connect stream, and how it ends.
ENDED = {
    "empty message": (lambda: [b""], "empty ClientMessage"),
    "field that is unknown": (lambda: [b"\x78\x01"], "ClientMessage of an unknown kind"),
    "no batch": (lambda: [hello(), garbage_batch()], "not an encoded sluice.v1.Batch"),
    "batch without a number": (lambda: [hello(), batch(0, event("hi"))],
                               "Batch without first_sequence before its records"),
}


def channel_to(agent):
    return grpc.insecure_channel(f"unix:{agent.socket}",
                                 options=[("grpc.max_send_message_length", -1),
                                          ("grpc.use_local_subchannel_pool", 1)])


def emit(agent, message):
    from sluice.v1 import ingest_pb2
    with channel_to(agent) as channel:
        call = channel.unary_unary(SERVICE + "Emit", request_serializer=bytes,
                                   response_deserializer=ingest_pb2.EmitResponse.FromString)
        return call(message, timeout=20)


def counted(agent):
    return {f"{one['name']} {one['reason']}": int(one["value"])
            for one in agent.status()["counters"]
            if one["name"].startswith("admission.") or one["name"] == "net.refused"}


def stored(agent):
    import telemetry
    return [one.record for one in telemetry.stored(agent)]


def assert_serves_on(agent):
    assert emit(agent, request(event("after"))).accepted == 1
    assert stored(agent)[-1].event.body.string_value == "after"
    assert agent.peak_rss_mib() < MAX_RSS_MIB


@pytest.mark.parametrize("case", REFUSED)
def test_a_message_that_is_refused(agent, case):
    message, code, details, counters = REFUSED[case]
    with pytest.raises(grpc.RpcError) as raised:
        emit(agent, message())
    assert (raised.value.code().name, raised.value.details()) == (code, details)
    assert counted(agent) == counters
    assert stored(agent) == []
    assert_serves_on(agent)


@pytest.mark.parametrize("case", ANSWERED)
def test_a_message_that_is_answered(agent, case):
    message, accepted, drops, counters = ANSWERED[case]
    answer = emit(agent, message())
    assert (answer.accepted, {drop.reason: drop.count for drop in answer.drops}) == (accepted, drops)
    assert counted(agent) == counters
    assert len(stored(agent)) == accepted
    assert_serves_on(agent)


@pytest.mark.parametrize("case", ENDED)
def test_a_stream_that_is_ended(agent, case):
    messages, details = ENDED[case]
    with channel_to(agent) as channel, pytest.raises(grpc.RpcError) as raised:
        list(channel.stream_stream(SERVICE + "Connect", request_serializer=bytes)(
            iter(messages()), timeout=20))
    assert (raised.value.code().name, raised.value.details()) == ("INVALID_ARGUMENT", details)
    assert stored(agent) == []
    assert_serves_on(agent)


@pytest.mark.parametrize("method", [SERVICE + "Nothing", "/sluice.v1.Control/Status"])
def test_a_method_that_is_none(agent, method):
    with channel_to(agent) as channel, pytest.raises(grpc.RpcError) as raised:
        channel.unary_unary(method, request_serializer=bytes)(b"", timeout=20)
    assert (raised.value.code().name, raised.value.details()) == \
        ("UNIMPLEMENTED", f"no method {method}")
    assert counted(agent) == {"net.refused unknown_method": 1}
    assert_serves_on(agent)


def test_what_is_mended_is_stored_so(agent):
    emit(agent, invalid_utf8())
    emit(agent, with_attributes(10_000))
    text, many = stored(agent)
    assert text.event.body.string_value == "\ufffd\ufffd"
    assert (len(many.event.attributes), many.event.dropped_attributes_count) == (128, 9872)
