"""OTLP/HTTP in protobuf and JSON: what reaches a destination, and what its answers come to."""

import gzip
import json
import socket
import time

import otlp_peers as peers
import pytest
from otlp_peers import ConnectProxy, HttpPeer, RawPeer, Sender

PROTOBUF, JSON = "--protocol=http/protobuf", "--protocol=http/json"
# ExportTraceServiceRequest with one resource, one scope, one span named `work`.
REQUEST = bytes.fromhex("0a0a" "1208" "1206" "2a04" "776f726b")


@pytest.fixture
def request_file(tmp_path):
    path = tmp_path / "request"
    path.write_bytes(REQUEST)
    return path


def test_each_signal_reaches_its_path_on_one_connection(request_file):
    with HttpPeer() as peer:
        with Sender(peer.endpoint, PROTOBUF, "--header=tenant=a%20b") as sender:
            for signal in ("traces", "logs", "metrics"):
                assert sender.send(signal, request_file)["kind"] == "done"
        assert [one["path"] for one in peer.requests] == ["/v1/traces", "/v1/logs", "/v1/metrics"]
        assert all(one["body"] == REQUEST for one in peer.requests)
        assert peer.connections == 1
    headers = peer.requests[0]["headers"]
    assert headers["Content-Type"] == "application/x-protobuf"
    assert headers["User-Agent"].startswith("OTel-OTLP-Exporter-Cpp/")
    assert headers["tenant"] == "a b"
    assert "Expect" not in headers and "Content-Encoding" not in headers


def test_json_and_gzip(request_file):
    with HttpPeer() as peer, Sender(peer.endpoint, JSON, "--gzip") as sender:
        assert sender.send("traces", request_file)["kind"] == "done"
    one = peer.requests[0]
    assert one["headers"]["Content-Type"] == "application/json"
    assert one["headers"]["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(one["body"])) == {
        "resourceSpans": [{"scopeSpans": [{"spans": [{"name": "work"}]}]}]}


def test_an_empty_request_is_sent_too():
    with HttpPeer() as peer:
        for options, body in ((PROTOBUF, b""), (JSON, b"{}")):
            with Sender(peer.endpoint, options) as sender:
                assert sender.send()["kind"] == "done"
            assert peer.requests[-1]["body"] == body


def test_a_large_request_passes(tmp_path):
    large = tmp_path / "large"
    large.write_bytes(bytes(i * 7 % 251 for i in range(1 << 16)) * 80)
    with HttpPeer() as peer, Sender(peer.endpoint, PROTOBUF) as sender:
        assert sender.send("traces", large)["kind"] == "done"
    assert peer.requests[0]["body"] == large.read_bytes()


def test_unix_socket(tmp_path, request_file):
    with HttpPeer(unix=str(tmp_path / "s")) as peer, Sender(peer.endpoint, PROTOBUF) as sender:
        assert sender.send("traces", request_file)["kind"] == "done"
    assert peer.requests[0]["body"] == REQUEST


ROWS = [(200, "done"), (202, "done"), (301, "wait"), (400, "split"), (401, "wait"), (403, "wait"),
        (404, "unsupported"), (405, "unsupported"), (408, "wait"), (413, "split"),
        (415, "unsupported"), (422, "split"), (425, "wait"), (429, "wait"), (500, "split"),
        (501, "unsupported"), (502, "wait"), (503, "wait"), (504, "wait")]


def test_each_row_of_the_table_of_answers():
    row = [None]
    with HttpPeer(lambda _: (row[0], {"Location": "http://elsewhere/"}, b"why\n")) as peer, \
            Sender(peer.endpoint, PROTOBUF) as sender:
        for status, kind in ROWS:
            row[0] = status
            got = sender.send()
            assert got["kind"] == kind, (status, got)
            assert got["delay_ms"] == (60_000 if status in (401, 403) else None)
            assert status < 300 or got["message"].endswith(": why"), (status, got)
        assert peer.connections == 1, "an error is no reason to reconnect"
        row[0] = 301
        assert "http://elsewhere/" in sender.send()["message"]


def test_retry_after_in_seconds_and_as_a_date():
    delays = iter(["7", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 90)),
                   "99999999", "soon", "-3"])
    with HttpPeer(lambda _: (503, {"Retry-After": next(delays)}, b"")) as peer, \
            Sender(peer.endpoint, PROTOBUF) as sender:
        assert sender.send()["delay_ms"] == 7000
        assert 80_000 <= sender.send()["delay_ms"] <= 90_000
        assert sender.send()["delay_ms"] == 3_600_000
        assert sender.send()["delay_ms"] is None
        assert sender.send()["delay_ms"] is None


def test_partial_success_in_both_encodings():
    answers = iter([
        ("application/x-protobuf", b"\x0a\x06\x08\x03\x12\x02no"),
        ("application/json", b'{"partialSuccess":{"rejectedSpans":"3","errorMessage":"no"}}'),
        ("application/json", b'{"partialSuccess":{}}'),
        ("application/x-protobuf", b"\x0a\x00")])

    def answer(_):
        content_type, body = next(answers)
        return 200, {"Content-Type": content_type}, body
    with HttpPeer(answer) as peer, Sender(peer.endpoint, PROTOBUF) as sender:
        got = [sender.send() for _ in range(4)]
    assert [(one["kind"], one["rejected"], one["message"]) for one in got] == [
        ("done", 3, "no"), ("done", 3, "no"), ("done", 0, ""), ("done", 0, "")]


def test_a_request_lost_on_a_reused_connection_is_sent_again_at_once():
    ok = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

    def serve(client, number):
        client.recv(1 << 20)
        client.sendall(ok)
        client.recv(1 << 20)
        if number > 1:
            client.sendall(ok)
        client.close()
    with RawPeer(serve) as peer, Sender(peer.endpoint, PROTOBUF) as sender:
        assert [sender.send()["kind"] for _ in range(2)] == ["done"] * 2
        assert peer.connections == 2


def test_an_old_connection_is_not_used_again():
    with HttpPeer() as peer, Sender(peer.endpoint, PROTOBUF, "--age=1") as sender:
        assert sender.send()["kind"] == "done"
        # libcurl counts in whole seconds.
        time.sleep(2.1)
        assert sender.send()["kind"] == "done"
        assert peer.connections == 2


def test_a_peer_that_hangs_costs_the_timeout_and_no_more():
    with RawPeer(lambda client, _: client.recv(1 << 20) and time.sleep(30)) as peer:
        with Sender(peer.endpoint, PROTOBUF, "--timeout=300") as sender:
            got = sender.send()
            assert (got["kind"], got["message"]) == ("wait", "no answer in time")
            assert 250 <= got["took_ms"] < 2000


def test_cancel_ends_a_call_within_a_tenth_of_a_second():
    with RawPeer(lambda client, _: time.sleep(30)) as peer, \
            Sender(peer.endpoint, PROTOBUF) as sender:
        # Later than the timer for a second address, which wakes libcurl as well.
        sender.write("cancel 400")
        got = sender.send()
        assert (got["kind"], got["message"]) == ("wait", "cancelled")
        assert got["took_ms"] < 700
        assert sender.send()["took_ms"] < 100


def test_an_answer_above_4_mib_is_refused():
    with HttpPeer(lambda _: (200, {}, bytes(5 << 20))) as peer, \
            Sender(peer.endpoint, PROTOBUF) as sender:
        got = sender.send()
        assert got["kind"] == "split" and "4 MiB" in got["message"], got


GARBAGE = {
    "nothing": (b"", "use https://"),
    "settings of HTTP/2": (bytes.fromhex("000006040000000000000300000064"), 'protocol = "grpc"'),
    "tls alert": (bytes.fromhex("15030100020246"), ""),
    "zeros": (bytes(4096), ""),
    "half an answer": (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc", ""),
    "an endless head": (b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 100_000, ""),
    "a wrong length": (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", ""),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_a_reason_to_wait(name):
    garbage, words = GARBAGE[name]

    def serve(client, _):
        client.recv(1 << 20)
        client.sendall(garbage)
        client.shutdown(socket.SHUT_WR)
        client.recv(1 << 20)
        client.close()
    with RawPeer(serve) as peer, Sender(peer.endpoint, PROTOBUF) as sender:
        got = sender.send()
        assert got["kind"] == "wait" and words in got["message"], got


def test_nobody_listens_and_no_such_name(tmp_path):
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    for endpoint, words in ((f"http://localhost:{port}", "connect"),
                            ("http://no-such-host.invalid:4318", "resolve"),
                            (f"unix://{tmp_path}/none", "")):
        with Sender(endpoint, PROTOBUF) as sender:
            got = sender.send()
            assert got["kind"] == "wait" and words in got["message"], got


def test_tls_and_mutual_tls(certificates, request_file):
    server = certificates.path("server.pem"), certificates.path("server.key")
    ca = f"--ca={certificates.authority}"
    mine = [f"--cert={certificates.path('client.pem')}", f"--key={certificates.path('client.key')}"]
    with HttpPeer(tls=peers.server_tls(*server)) as peer:
        with Sender(peer.endpoint, PROTOBUF, ca) as sender:
            got = sender.send("traces", request_file)
            assert got["kind"] == "done", got
            steps = dict(got["steps"])
            assert "TLSv1.3" in steps["tls"] and "CN=server" in steps["tls"], steps
            assert list(steps) == ["connect", "tls", "export"]
            assert sender.send()["kind"] == "done"
        assert peer.connections == 1
    with HttpPeer(tls=peers.server_tls(*server, certificates.authority)) as peer:
        with Sender(peer.endpoint, PROTOBUF, ca, *mine) as sender:
            assert sender.send()["kind"] == "done"
        with Sender(peer.endpoint, PROTOBUF, ca) as sender:
            got = sender.send()
            assert got["kind"] == "wait" and "client_cert_file" in got["message"], got


def test_a_server_that_is_not_whom_it_should_be_is_refused_in_words(certificates):
    certificates.make_authority("elsewhere")
    cases = [
        (certificates.sign("expired", days=-1), "expired at 20"),
        (certificates.sign("named", names="DNS:collector.example"), "collector.example"),
        (certificates.sign("foreign", authority="elsewhere"), "CN=elsewhere"),
    ]
    for files, words in cases:
        with HttpPeer(tls=peers.server_tls(*files)) as peer:
            with Sender(peer.endpoint, PROTOBUF, f"--ca={certificates.authority}") as sender:
                got = sender.send()
                assert got["kind"] == "wait" and words in got["message"], got
            assert not peer.requests


def test_tls_to_a_server_without_is_told():
    with RawPeer(lambda client, _: client.recv(4096) and client.sendall(
            b"HTTP/1.1 400 Bad Request\r\n\r\n")) as peer:
        with Sender(peer.endpoint.replace("http:", "https:"), PROTOBUF) as sender:
            got = sender.send()
            assert got["kind"] == "wait" and "use http://" in got["message"], got


def test_a_token_that_changes_counts_from_the_next_request(tmp_path):
    token = tmp_path / "headers"
    token.write_text("authorization: one\n")
    token.chmod(0o600)

    def answer(request):
        if request["headers"]["authorization"] == "two":
            token.write_text("authorization: three\n")
            return 401, {}, b""
        return 200, {}, b""
    with HttpPeer(answer) as peer, \
            Sender(peer.endpoint, PROTOBUF, f"--headers-file={token}") as sender:
        assert sender.send()["kind"] == "done"
        token.write_text("authorization: two\n")
        assert sender.send()["kind"] == "done"
        assert [one["headers"]["authorization"] for one in peer.requests] == ["one", "two", "three"]
        token.write_text("authorization: two\n")
        token.chmod(0o644)
        assert "0600" in sender.send()["message"]


def test_proxies(certificates):
    files = certificates.sign("proxied", names="DNS:collector.test")
    ca = f"--ca={certificates.authority}"
    with HttpPeer(tls=peers.server_tls(*files)) as peer, ConnectProxy() as proxy:
        endpoint = peer.endpoint.replace("localhost", "collector.test")
        with Sender(endpoint, PROTOBUF, ca, f"--proxy={proxy.endpoint}") as sender:
            assert sender.send()["kind"] == "done"
        with Sender(endpoint, PROTOBUF, ca, env={"HTTPS_PROXY": proxy.endpoint}) as sender:
            assert sender.send()["kind"] == "done"
        assert len(proxy.seen) == 2 and proxy.seen[0].startswith("CONNECT collector.test:")
    # Without TLS a proxy is asked for the whole address.
    with HttpPeer() as proxy:
        with Sender("http://collector.test:4318", PROTOBUF, f"--proxy={proxy.endpoint}") as sender:
            assert sender.send()["kind"] == "done"
        assert proxy.requests[0]["path"] == "http://collector.test:4318/v1/traces"
