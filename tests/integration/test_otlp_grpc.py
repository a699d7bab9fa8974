"""OpenTelemetry's own export calls on the agent's socket, by a stock gRPC client: what comes is seen
wherever our own records are, and what is wrong is answered as OTLP says."""

import json

import grpc
import pytest
from harness import NOBODY, REPOSITORY, Agent
from otlp_http import PROTOBUF, Connection

# Sends a trace of two spans, the inner one with an event, and a log within it.
SENDER = """
import os, sys
import otlp
from sluice.otlp.v1 import trace_pb2
trace, outer, inner = os.urandom(16), os.urandom(8), os.urandom(8)
event = trace_pb2.Span.Event(name="cache missed", attributes=otlp.attributes(key="k1"))
event.time_unix_nano = otlp.span("").end_time_unix_nano
with otlp.channel(os.environ["SLUICE_SOCKET"]) as channel:
    for answer in (
        otlp.export(channel, "traces", otlp.traces(
            otlp.span("inner work", trace, outer, span_id=inner, events=[event]),
            otlp.span("outer work", trace, span_id=outer,
                      attributes=otlp.attributes(user="alice")))),
        otlp.export(channel, "logs", otlp.logs(
            otlp.log("hello from otel", 13, trace_id=trace, span_id=inner),
            otlp.log("too quiet", 1))),
    ):
        assert not answer.HasField("partial_success"), answer
print(trace.hex(), os.getpid())
"""


@pytest.fixture(name="agent")
def agent_fixture(shared):
    with Agent(shared, config='[log]\nformat = "json"\n') as agent:
        yield agent.start()


def test_what_comes_is_seen_everywhere(agent):
    trace, pid = agent.run_python(SENDER, uid=NOBODY).stdout.split()
    agent.flush()
    lines = [json.loads(line) for line in agent.log().splitlines()]
    ours = [line for line in lines if line["_pid"] == int(pid)]
    assert {line["_uid"] for line in ours} == {NOBODY}
    text = json.dumps(ours)
    for expected in ("outer work", "inner work", "hello from otel", "alice", "cache missed"):
        assert expected in text, text
    assert "too quiet" not in text, "the views and the log want INFO"
    keys = [key for key, value in agent.pool() if "work" in key + value]
    assert len(keys) >= 2 and all(f"-u{NOBODY}|" in key for key in keys), agent.pool()
    tree = agent.sluice("tree", trace).stdout
    for expected in ("outer work", "inner work", "hello from otel", "cache missed"):
        assert expected in tree, tree
    assert tree.index("outer work") < tree.index("inner work")
    tail = agent.sluice("tail").stdout
    assert "hello from otel" in tail and "cache missed" in tail, tail
    counted = {(one["name"], one.get("reason")): int(one["value"])
               for one in agent.status()["counters"]}
    assert counted[("admission.dropped", "unwanted_level")] == 1
    assert counted[("otlp.requests", "traces")] == counted[("otlp.requests", "logs")] == 1


def answer_over_grpc(channel, signal, request):
    import otlp
    try:
        return read_answer(otlp.export(channel, signal, request))
    except grpc.RpcError as error:
        return error.code().name, error.details()


def answer_over_http(connection, signal, request):
    import otlp
    from sluice.otlp.v1 import rpc_status_pb2
    body = request if isinstance(request, bytes) else request.SerializeToString()
    status, answer, _ = connection.ask(body, path=f"/v1/{signal}", kind=PROTOBUF)
    if status == 200:
        return read_answer(otlp.SERVICES[signal][1].FromString(answer))
    said = rpc_status_pb2.RpcStatus.FromString(answer)
    name = {400: "INVALID_ARGUMENT", 413: "RESOURCE_EXHAUSTED"}[status]
    assert said.code == getattr(grpc.StatusCode, name).value[0]
    return name, said.message


def read_answer(response):
    if not response.HasField("partial_success"):
        return ("OK",)
    partial = response.partial_success
    rejected = next((value for field, value in partial.ListFields() if field.number == 1), 0)
    return "OK", rejected, partial.error_message


def spans_rejected(reason, item=1, rejected=1):
    return ("OK", rejected, f"{rejected} spans rejected: {reason} {rejected}; first "
                            f"resource_spans[0].scope_spans[0].spans[{item}] ({reason})")


def nested(depth):
    from sluice.otlp.v1 import common_pb2
    value = common_pb2.AnyValue(int_value=1)
    for _ in range(depth):
        value = common_pb2.AnyValue(array_value=dict(values=[value]))
    return [common_pb2.KeyValue(key="deep", value=value)]


def poison():
    """name -> (signal, request, the answer)."""
    import otlp

    def with_span(**fields):
        return otlp.traces(otlp.span("good"), otlp.span(**{"name": "poison", **fields}))

    def broken_text():
        encoded = with_span(name="abcdefgh").SerializeToString()
        return encoded.replace(b"abcdefgh", b"abcd\xffabc")

    zero_ids = otlp.logs(otlp.log("zero", trace_id=bytes(16), span_id=bytes(8)),
                         otlp.log("odd", trace_id=b"123", span_id=b"4"))
    many = otlp.traces()
    for _ in range(100_000):
        many.resource_spans[0].scope_spans[0].spans.add()
    field = b"\xfa\x7f"  # number 2047, of bytes
    full = field + b"\xfa\xff\xff\x1f" + bytes((64 << 20) - 6)
    return {
        "empty": ("traces", b"", ("OK",)),
        "no spans": ("traces", otlp.traces(), ("OK",)),
        "zero trace id": ("traces", with_span(trace_id=bytes(16)),
                          spans_rejected("bad_trace_id")),
        "odd trace id": ("traces", with_span(trace_id=b"short"), spans_rejected("bad_trace_id")),
        "zero span id": ("traces", with_span(span_id=bytes(8)), spans_rejected("bad_span_id")),
        "odd parent": ("traces", with_span(parent_span_id=b"123"),
                       spans_rejected("bad_parent_id")),
        "no start": ("traces", with_span(start_time_unix_nano=0), spans_rejected("bad_time")),
        "no end": ("traces", with_span(end_time_unix_nano=0), spans_rejected("bad_time")),
        "broken text": ("traces", broken_text(), spans_rejected("invalid_utf8")),
        "nesting of 30": ("traces", with_span(attributes=nested(30)), ("OK",)),
        "nesting of 31": ("traces", with_span(attributes=nested(31)), spans_rejected("malformed")),
        "1 MiB": ("traces", with_span(name="n" * ((1 << 20) - 62)), ("OK",)),
        "more than 1 MiB": ("traces", with_span(name="n" * (1 << 20)),
                            spans_rejected("record_too_large")),
        "log without ids": ("logs", zero_ids, ("OK",)),
        "logs as traces": ("traces", otlp.logs(otlp.log("lost")).SerializeToString(),
                           ("OK", 1, "these look like log records: send them to LogsService or "
                                     "/v1/logs; " + spans_rejected("malformed", 0)[2])),
        "many empty items": ("traces", many, None),
        "no request": ("traces", b"\x0a\x7f", ("INVALID_ARGUMENT",
                                              "not an encoded export request")),
        "64 MiB": ("logs", full, ("OK",)),
        "64 MiB and a byte": ("logs", full + b"\0", (
            "RESOURCE_EXHAUSTED",
            "the message is too large; this method takes at most 67108864 bytes")),
        "metrics": ("metrics", b"\x0a\x0b\x12\x09\x12\x07\x0a\x01m\x2a\x02\x0a\x00", (
            "OK", 1, "1 data points rejected: no_metrics_destination 1; first "
                     "resource_metrics[0].scope_metrics[0].metrics[0] (no_metrics_destination)")),
    }


def test_poison_is_answered_exactly(agent):
    import otlp
    with otlp.channel(agent.socket) as channel:
        assert_answers(lambda *request: answer_over_grpc(channel, *request))
    # What stood beside each of them was kept.
    agent.flush()
    assert agent.log().count('"good"') >= 10


def test_poison_is_answered_the_same_over_http(agent):
    def ask(signal, request):
        connection = Connection(agent)  # a new one each: what is too large closes it
        answer = answer_over_http(connection, signal, request)
        connection.close()
        return answer
    assert_answers(ask, too_large="the body is too large")
    agent.flush()
    assert agent.log().count('"good"') >= 10


def assert_answers(ask, too_large=None):
    for name, (signal, request, expected) in poison().items():
        answer = ask(signal, request)
        if expected is None:
            assert answer[:2] == ("OK", 100_000), name
            assert len(answer[2]) < 1024
        elif too_large and expected[0] == "RESOURCE_EXHAUSTED":
            assert answer[0] == expected[0] and too_large in answer[1], answer
        else:
            assert answer == expected, name


def test_a_refused_request_says_when_to_come_back(shared):
    import otlp
    # So small a journal that one user's share of it is full soon.
    config = '[journal]\nmax = "4 MiB"\nkeep = "1 MiB"\nsegment = "1 MiB"\n[log]\nenabled = false\n'
    with Agent(shared, config=config) as agent:
        agent.start()
        with otlp.channel(agent.socket) as channel:
            request = otlp.traces(*[otlp.span("n" * 60_000) for _ in range(100)])
            with pytest.raises(grpc.RpcError) as refused:
                otlp.export(channel, "traces", request, timeout=1.5)
    error = refused.value
    assert error.code() == grpc.StatusCode.UNAVAILABLE, error
    assert 50 <= otlp.retry_info_ms(error) <= 2000


def test_gzip_is_taken_and_a_bomb_is_not(agent):
    import otlp
    gzip = dict(compression=grpc.Compression.Gzip)
    field = b"\xfa\x7f\xfa\xff\xff\x1f"
    with otlp.channel(agent.socket) as channel:
        spans = [otlp.span(f"packed {number}") for number in range(200)]
        otlp.export(channel, "traces", otlp.traces(*spans), **gzip)
        otlp.export(channel, "logs", field + bytes((64 << 20) - 6), **gzip)
        with pytest.raises(grpc.RpcError) as refused:
            otlp.export(channel, "logs", field + bytes((64 << 20) - 5), **gzip)
        assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        otlp.export(channel, "traces", otlp.traces(otlp.span("after")), **gzip)
    agent.flush()
    assert agent.log().count('"packed ') >= 200 and '"after"' in agent.log()


REDACTED = """
import os
import otlp
from sluice.otlp.v1 import common_pb2
request = otlp.traces(otlp.span("ask", attributes=otlp.attributes(
    gen_ai__input__messages="top secret question", gen_ai__request__model="small",
    header="Bearer abc.def")))
arguments = common_pb2.ArrayValue(values=[common_pb2.AnyValue(string_value="--token=AKIA0123456789ABCDEF")])
request.resource_spans[0].resource.attributes.append(common_pb2.KeyValue(
    key="process.command_args", value=common_pb2.AnyValue(array_value=arguments)))
with otlp.channel(os.environ["SLUICE_SOCKET"]) as channel:
    otlp.export(channel, "traces", request)
    otlp.export(channel, "logs", otlp.logs(otlp.log("sent Bearer abc.def to it")))
"""


def test_the_example_of_redaction_covers_every_door(shared):
    page = (REPOSITORY / "docs/opentelemetry.md").read_text()
    example = page.partition("```toml\n")[2].partition("```")[0]
    with Agent(shared, config=example + '\n[log]\nformat = "json"\n') as agent:
        agent.start().run_python(REDACTED, uid=NOBODY)
        agent.sluice("event", "--attr", "db_password=abc.def", "by the tool: bearer abc.def")
        agent.flush()
        everything = agent.log() + str(agent.pool()) + b"".join(
            path.read_bytes() for path in agent.journal.iterdir() if path.is_file()).decode("latin1")
        for secret in ("top secret", "abc.def", "AKIA0123456789ABCDEF"):
            assert secret not in everything, secret
        for kept in ("ask", "small", "sent [redacted] to it", "--token=[redacted]", "by the tool"):
            assert kept in everything, kept
        counted = {(one["name"], one.get("uid")): int(one["value"])
                   for one in agent.status()["counters"]}
    assert counted[("ingest.redacted", NOBODY)] == 4
