"""OTLP/HTTP as its clients speak it: over HTTP/1.1 and HTTP/2, protobuf and JSON, plain and compressed,
in whole bodies and in chunks. What they hand in shows in the views; what they do wrong is told."""

import gzip
import json
import re
import secrets
import socket
import subprocess
import time
import zlib

import pytest
from harness import NOBODY
from otlp_http import JSON, PROTOBUF, Connection

MIB = 1 << 20


@pytest.fixture(name="agent", scope="module")
def agent_fixture(shared):
    from harness import Agent
    with Agent(shared) as agent:
        yield agent.start()


@pytest.fixture(name="connection")
def connection_fixture(agent):
    connection = Connection(agent)
    yield connection
    connection.close()


def span(name):
    now = time.time_ns()
    return {"traceId": secrets.token_hex(16), "spanId": secrets.token_hex(8), "name": name,
            "kind": 2, "startTimeUnixNano": str(now - 1000), "endTimeUnixNano": str(now)}


def traces(*spans):
    return json.dumps({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "curl"}}]},
        "scopeSpans": [{"scope": {"name": "test"}, "spans": list(spans)}]}]})


def encoded(*spans):
    from google.protobuf import json_format
    from sluice.otlp.v1 import collector_pb2
    request = collector_pb2.ExportTraceServiceRequest()
    for one in spans:
        added = request.resource_spans.add().scope_spans.add().spans.add()
        added.trace_id, added.span_id = bytes.fromhex(one["traceId"]), bytes.fromhex(one["spanId"])
        added.name = one["name"]
        added.start_time_unix_nano = int(one["startTimeUnixNano"])
        added.end_time_unix_nano = int(one["endTimeUnixNano"])
    assert json_format.MessageToJson(request)
    return request.SerializeToString()


def assert_shown(agent, *spans):
    for one in spans:
        tree = agent.sluice("tree", one["traceId"]).stdout
        assert one["name"] in tree, tree


def test_a_span_that_curl_posts_as_json_shows_in_the_tree(agent):
    posted = span("posted by curl")
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--unix-socket", str(agent.socket), "--header",
         f"content-type: {JSON}", "--data", traces(posted), "http://localhost/v1/traces"],
        capture_output=True, text=True, check=True, timeout=30)
    assert done.stdout == "{}"
    assert_shown(agent, posted)


@pytest.mark.parametrize("version", ["--http1.1", "--http2-prior-knowledge"])
@pytest.mark.parametrize("coding", ["", "gzip", "deflate"])
def test_each_encoding_over_each_protocol(agent, version, coding):
    compress = {"": bytes, "gzip": gzip.compress, "deflate": zlib.compress}[coding]
    spans = [span(f"{version} {coding} json"), span(f"{version} {coding} protobuf")]
    for kind, body in (JSON, traces(spans[0]).encode()), (PROTOBUF, encoded(spans[1])):
        done = subprocess.run(
            ["curl", "--silent", "--show-error", version, "--unix-socket", str(agent.socket),
             "--header", f"content-type: {kind}", "--header", f"content-encoding: {coding}",
             "--data-binary", "@-", "--write-out", "\n%{http_code} %{content_type}",
             "http://localhost/v1/traces"],
            input=compress(body), capture_output=True, check=True, timeout=30)
        answer, status = done.stdout.decode().rsplit("\n", 1)
        assert (answer, status) == ("{}" if kind == JSON else "", f"200 {kind}")
    assert_shown(agent, *spans)


def test_keeps_alive_takes_chunks_and_closes_when_asked_to(agent, connection):
    spans = [span(f"chunked {n}") for n in range(3)]
    for one in spans:
        body = traces(one).encode()
        status, answer, fields = connection.ask(iter([body[:10], body[10:]]),
                                                transfer_encoding="chunked")
        assert (status, answer, fields["connection"]) == (200, b"{}", None)
    last = span("last")
    status, _, fields = connection.ask(traces(last), connection="close")
    assert (status, fields["connection"]) == (200, "close")
    assert_shown(agent, *spans, last)


def test_ignores_an_offer_to_upgrade(agent, connection):
    one = span("java")
    status, _, fields = connection.ask(traces(one), connection="Upgrade, HTTP2-Settings",
                                       upgrade="h2c", http2_settings="AAEAAEAAAAIAAAABAAMAAABk")
    assert (status, fields["upgrade"]) == (200, None)
    assert_shown(agent, one)


def test_curl_waits_to_be_told_to_go_on(agent):
    one = span("expected" + "x" * 60_000)
    done = subprocess.run(
        ["curl", "--silent", "--verbose", "--unix-socket", str(agent.socket), "--header",
         f"content-type: {JSON}", "--header", "expect: 100-continue", "--data-binary", "@-",
         "--expect100-timeout", "30", "http://localhost/v1/traces"],
        input=traces(one), capture_output=True, text=True, check=True, timeout=20)
    assert "HTTP/1.1 100 Continue" in done.stderr and done.stdout == "{}"


def test_says_what_is_wrong(connection):
    for path, method, kind, expected, words in (
            ("/v1/v1/traces", "POST", JSON, 404, "POST to /v1/traces"),
            ("/", "POST", JSON, 404, "/v1/traces, /v1/logs and /v1/metrics"),
            ("/v1/traces", "GET", JSON, 405, "only POST"),
            ("/v1/traces", "POST", "text/plain", 415, "application/x-protobuf"),
            ("/opentelemetry.proto.collector.trace.v1.TraceService/Export", "POST",
             "application/grpc", 426, "gRPC needs HTTP/2")):
        status, answer, _ = connection.ask("{}", path, kind, method)
        assert status == expected and words in answer.decode(), (path, status, answer)
    status, answer, _ = connection.ask("{")
    assert status == 400 and "not JSON" in json.loads(answer)["message"]
    status, answer, _ = connection.ask(b"\xff", kind=PROTOBUF)
    assert status == 400 and answer
    status, _, fields = connection.ask("{}", content_encoding="br")
    assert status == 415 and "gzip" in fields["accept-encoding"]


def test_the_largest_and_one_byte_more(agent, connection):
    """Blanks are JSON; an unknown field is protobuf."""
    one = traces(span("large"))
    for size, expected in (8 * MIB, 200), (8 * MIB + 1, 413):
        assert connection.ask(one + " " * (size - len(one)))[0] == expected
        assert connection.ask(gzip.compress((one + " " * (size - len(one))).encode(), 1),
                              content_encoding="gzip")[0] == expected
    length = 64 * MIB - 5  # with its tag and size the largest request
    varint = bytes([length & 0x7f | 0x80, length >> 7 & 0x7f | 0x80, length >> 14 & 0x7f | 0x80,
                    length >> 21])
    largest = bytes([15 << 3 | 2]) + varint + bytes(length)
    assert connection.ask(gzip.compress(largest + b"\0", 1), kind=PROTOBUF,
                          content_encoding="gzip")[0] == 413
    assert connection.ask(largest + b"\0", kind=PROTOBUF)[0] == 413
    assert connection.ask(largest, kind=PROTOBUF)[0] == 200
    assert agent.status(uid=NOBODY)["pid"]


def raw(agent, wire):
    """All that comes back until the agent closes, or nothing more does."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(10)
        peer.connect(str(agent.socket))
        peer.sendall(wire)
        received = b""
        while piece := peer.recv(65536):
            received += piece
        return received.decode()


def statuses(answers):
    return re.findall(r"HTTP/1\.1 (\d{3}) ", answers)


HEAD = "POST /v1/traces HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


@pytest.mark.parametrize("rest", [
    "content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
    "transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n0\r\n\r\n",
    "content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
    "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "content-length: 2\nx: y\r\n\r\n{}",
    "x: y\rcontent-length: 2\r\n\r\n{}",
    "host: y\r\ncontent-length: 2\r\n\r\n{}",
    "content-length : 2\r\n\r\n{}",
    "transfer-encoding: chunked\r\n\r\n2\r\n{}x0\r\n\r\n"])
def test_what_can_be_read_in_two_ways_is_refused(agent, rest):
    hidden = "POST /hidden HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
    answer = raw(agent, (HEAD + rest + hidden).encode())
    [status] = statuses(answer)
    assert status in ("400", "501")


def test_requests_sent_ahead_are_answered_in_order(agent):
    body = traces(span("ahead"))
    one = HEAD + f"content-length: {len(body)}\r\n\r\n{body}"
    other = "POST /elsewhere HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n"
    last = one.replace("host: x", "host: x\r\nconnection: close")
    answer = raw(agent, (one + other + one + last).encode())
    assert statuses(answer) == ["200", "404", "200", "200"]
