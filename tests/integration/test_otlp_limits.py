"""What of OpenTelemetry's exports is taken can be set: at all, metrics, how large."""

import grpc
import pytest
from harness import Agent
from otlp_http import JSON, PROTOBUF, Connection

METRIC = b"\x0a\x0b\x12\x09\x12\x07\x0a\x01m\x2a\x02\x0a\x00"  # one gauge with a point
SMALL = '[limits]\notlp_request = "64 KiB"\notlp_record = "4 KiB"\n'


def export(agent, signal, request):
    """(rejected, message) of the answer, or the code of the refusal."""
    import otlp
    with otlp.channel(agent.socket) as channel:
        try:
            partial = otlp.export(channel, signal, request).partial_success
        except grpc.RpcError as error:
            return error.code().name
        return next((value for field, value in partial.ListFields() if field.number == 1), 0), \
            partial.error_message


def test_off_it_is_not_served_and_all_else_is(shared):
    import otlp
    with Agent(shared, config="[ingest]\notlp = false\n") as agent:
        agent.start()
        assert export(agent, "traces", otlp.traces(otlp.span("s"))) == "UNIMPLEMENTED"
        connection = Connection(agent)
        assert connection.ask(b"{}", kind=JSON)[0] == 415
        connection.close()
        agent.sluice("event", "--require", "still served")


def test_metrics_are_taken_where_a_sink_exports_them_unless_they_are_off(shared):
    somewhere = '[otlp]\nendpoint = "unix:///nowhere"\n'
    with Agent(shared, config=somewhere + "[ingest]\notlp_metrics = false\n") as agent:
        agent.start()
        assert export(agent, "metrics", METRIC)[0] == 1
        agent.config_path.write_text(somewhere)
        agent.sluice("config", "reload")
        assert export(agent, "metrics", METRIC) == (0, "")


def sized(make, size):
    """What `make(text)` encodes to exactly `size` bytes."""
    text = "n" * (size - 100)
    while len(encoded := make(text)) < size:
        text += "n"
    assert len(encoded) == size
    return encoded


@pytest.fixture(name="small", scope="module")
def small_fixture(shared):
    with Agent(shared, config=SMALL) as agent:
        yield agent.start()


@pytest.mark.parametrize("more, expected", [(0, 0), (1, 1)])
def test_an_item_of_the_limit_and_of_a_byte_more(small, more, expected):
    import otlp
    one = otlp.span("")
    def encode(text):
        one.name = text
        return one.SerializeToString()
    sized(encode, 4096 + more)
    rejected, message = export(small, "traces", otlp.traces(one, otlp.span("beside")))
    assert rejected == expected and ("record_too_large" in message) == bool(expected)


@pytest.mark.parametrize("more, grpc_answer, http_answer", [
    (0, (0, ""), 200), (1, "RESOURCE_EXHAUSTED", 413)])
def test_a_request_of_the_limit_and_of_a_byte_more(small, more, grpc_answer, http_answer):
    filler = b"\xfa\x7f"  # an unknown field, of bytes
    size = 64 * 1024 + more
    body = filler + bytes([size - 5 & 127 | 128, size - 5 >> 7 & 127 | 128, size - 5 >> 14])
    body += bytes(size - 5)
    assert len(body) == size
    assert export(small, "logs", body) == grpc_answer
    connection = Connection(small)
    assert connection.ask(body, path="/v1/logs", kind=PROTOBUF)[0] == http_answer
    connection.close()
