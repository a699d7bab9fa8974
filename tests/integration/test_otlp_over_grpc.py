"""OTLP/gRPC: what reaches a destination, and what its answers come to."""

import socket
import threading
import time

import grpc
import otlp_peers as peers
import pytest
from otlp_peers import ConnectProxy, GrpcPeer, RawPeer, Sender

REQUEST = bytes(range(256)) * 400  # any bytes: a transport does not look into them


@pytest.fixture
def request_file(tmp_path):
    path = tmp_path / "request"
    path.write_bytes(REQUEST)
    return path


def test_each_signal_reaches_its_service_in_one_piece(request_file):
    with GrpcPeer() as peer, Sender(peer.endpoint, "--header=tenant=a%20b") as sender:
        for signal in ("traces", "logs", "metrics"):
            assert sender.send(signal, request_file)["kind"] == "done"
    assert [method.rsplit(".", 1)[1] for method, *_ in peer.requests] == [
        "TraceService/Export", "LogsService/Export", "MetricsService/Export"]
    assert all(request == REQUEST for _, request, *_ in peer.requests)
    headers = peer.requests[0][2]
    assert headers["tenant"] == "a b"
    assert headers["user-agent"].startswith("OTel-OTLP-Exporter-Cpp/")
    assert len({peer for *_, peer in peer.requests}) == 1, "a connection for each call"


def test_an_empty_request_is_sent_too():
    with GrpcPeer() as peer, Sender(peer.endpoint) as sender:
        assert sender.send()["kind"] == "done"
    assert peer.requests[0][1] == b""


def test_large_requests_pass_in_plain_and_by_gzip(tmp_path):
    large = tmp_path / "large"
    large.write_bytes(bytes(i * 7 % 251 for i in range(1 << 16)) * 80)
    for options in ((), ("--gzip",)):
        with GrpcPeer() as peer, Sender(peer.endpoint, *options) as sender:
            for _ in range(2):
                assert sender.send("traces", large)["kind"] == "done"
        assert [request for _, request, *_ in peer.requests] == [large.read_bytes()] * 2


def test_unix_socket(tmp_path, request_file):
    with GrpcPeer(unix=tmp_path / "s") as peer, Sender(peer.endpoint) as sender:
        assert sender.send("traces", request_file)["kind"] == "done"
    assert peer.requests[0][1] == REQUEST


RETRY_INFO = bytes.fromhex("0a04") + bytes.fromhex("08021000")


def any_of(type_url, value):
    return b"\x0a" + bytes([len(type_url)]) + type_url + b"\x12" + bytes([len(value)]) + value


def status_details():
    inside = any_of(b"type.googleapis.com/google.rpc.RetryInfo", RETRY_INFO)
    return b"\x08\x08\x1a" + bytes([len(inside)]) + inside


def refuse(code, text="why", trailers=()):
    def answer(_method, _request, context):
        context.set_trailing_metadata(trailers)
        context.abort(code, text)
    return answer


Code = grpc.StatusCode
ROWS = [
    *((refuse(code), "wait", None) for code in (
        Code.UNAVAILABLE, Code.CANCELLED, Code.DEADLINE_EXCEEDED, Code.ABORTED, Code.OUT_OF_RANGE,
        Code.DATA_LOSS)),
    *((refuse(code), "wait", 60_000) for code in (Code.UNAUTHENTICATED, Code.PERMISSION_DENIED)),
    *((refuse(code), "split", None) for code in (
        Code.INVALID_ARGUMENT, Code.INTERNAL, Code.UNKNOWN, Code.FAILED_PRECONDITION,
        Code.ALREADY_EXISTS, Code.RESOURCE_EXHAUSTED, Code.NOT_FOUND)),
    (refuse(Code.UNIMPLEMENTED), "unsupported", None),
    (refuse(Code.RESOURCE_EXHAUSTED,
            trailers=(("grpc-status-details-bin", status_details()),)), "wait", 2000),
    (refuse(Code.UNAVAILABLE, trailers=(("google.rpc.retryinfo-bin", RETRY_INFO),)), "wait", 2000),
    (refuse(Code.UNAVAILABLE, trailers=(("grpc-retry-pushback-ms", "70"),)), "wait", 70),
]


def test_each_row_of_the_table_of_answers():
    row = [None]
    with GrpcPeer(lambda *call: row[0](*call)) as peer, Sender(peer.endpoint) as sender:
        for answer, kind, delay in ROWS:
            row[0] = answer
            got = sender.send()
            assert (got["kind"], got["delay_ms"]) == (kind, delay), got
            assert got["message"].endswith(": why"), got
    assert len({peer for *_, peer in peer.requests}) == 1, "an error is no reason to reconnect"


def test_partial_success_is_counted_and_an_empty_one_is_success():
    responses = iter([b"", b"\x0a\x00", b"\x0a\x06\x08\x03\x12\x02no"])
    with GrpcPeer(lambda *_: next(responses)) as peer, Sender(peer.endpoint) as sender:
        got = [sender.send() for _ in range(3)]
    assert [answer["kind"] for answer in got] == ["done"] * 3
    assert [answer["rejected"] for answer in got] == [0, 0, 3]
    assert got[2]["message"] == "no"


def test_the_limit_is_learned_from_the_words_of_grpc(request_file):
    with GrpcPeer(max_request=1000) as peer, Sender(peer.endpoint) as sender:
        got = sender.send("traces", request_file)
        assert got["kind"] == "split" and got["limit"] == 1000, got
        assert not got["may_be_load"]
        assert sender.send()["kind"] == "done"


def test_unicode_in_a_message_is_decoded():
    with GrpcPeer(refuse(Code.INTERNAL, "größer\nals")) as peer, Sender(peer.endpoint) as sender:
        assert sender.send()["message"] == "INTERNAL: größer\\nals"


def test_a_connection_that_ended_unnoticed_costs_nothing():
    with GrpcPeer() as peer, Sender(peer.endpoint) as sender:
        assert sender.send()["kind"] == "done"
        peer.server.stop(None).wait(peers.DEADLINE_S)
        with GrpcPeer(port=peer.port) as again:
            assert sender.send()["kind"] == "done"
            assert len(again.requests) == 1


def test_a_request_lost_on_a_reused_connection_is_sent_again_at_once():
    """The peer closes when the second request comes, without a word about it."""
    with GrpcPeer() as behind:
        answered = threading.Event()

        def serve(client, number):
            server = socket.create_connection(("localhost", behind.port))
            threading.Thread(target=ConnectProxy.copy, args=(server, client), daemon=True).start()
            while data := client.recv(65536):
                if number == 1 and answered.is_set():
                    client.shutdown(socket.SHUT_RDWR)
                    return
                server.sendall(data)

        with RawPeer(serve) as between, Sender(between.endpoint) as sender:
            assert sender.send()["kind"] == "done"
            answered.set()
            assert sender.send()["kind"] == "done"
            assert sender.send()["kind"] == "done"
            assert between.connections == 2


def test_an_old_connection_is_not_used_again():
    with GrpcPeer() as peer, Sender(peer.endpoint, "--age=1") as sender:
        for _ in range(3):
            assert sender.send()["kind"] == "done"
            time.sleep(0.002)
    assert len({peer for *_, peer in peer.requests}) == 3


def test_a_peer_that_hangs_costs_the_timeout_and_no_more():
    with RawPeer(lambda client, _: client.recv(1 << 20) and time.sleep(30)) as peer:
        with Sender(peer.endpoint, "--timeout=300") as sender:
            got = sender.send()
            assert (got["kind"], got["message"]) == ("wait", "no answer in time")
            assert 250 <= got["took_ms"] < 2000


@pytest.mark.parametrize("where", ["accept", "handshake", "answer"])
def test_cancel_ends_a_call_within_a_tenth_of_a_second(where):
    answered = threading.Event()
    with GrpcPeer(lambda *_: answered.wait(30) and b"") as slow, \
            RawPeer(lambda client, _: time.sleep(30)) as silent:
        endpoint = {"accept": silent.endpoint, "answer": slow.endpoint,
                    "handshake": silent.endpoint.replace("http:", "https:")}[where]
        with Sender(endpoint) as sender:
            sender.write("cancel 200")
            got = sender.send()
            assert (got["kind"], got["message"]) == ("wait", "cancelled")
            assert got["took_ms"] < 500
            assert sender.send()["took_ms"] < 100
        answered.set()


def test_an_answer_that_comes_slowly_is_taken():
    def answer(*_):
        time.sleep(0.3)
        return b""
    with GrpcPeer(answer) as peer, Sender(peer.endpoint) as sender:
        assert sender.send()["kind"] == "done"


def test_an_answer_above_4_mib_is_refused():
    with GrpcPeer(lambda *_: bytes(5 << 20)) as peer, Sender(peer.endpoint) as sender:
        assert sender.send()["kind"] == "split"
        assert "4 MiB" in sender.send()["message"]


GARBAGE = {
    "nothing": (b"", "without a word"),
    "http1": (b"HTTP/1.1 400 Bad Request\r\n\r\n", 'protocol = "http/protobuf"'),
    "tls alert": (bytes.fromhex("15030100020246"), "use https://"),
    "zeros": (bytes(4096), ""),
    "ones": (b"\xff" * 4096, ""),
    "settings of a wrong size": (bytes.fromhex("000005040000000000") + bytes(5), ""),
    "a goodbye": (bytes.fromhex("000000040000000000" "0000080700000000000000000000000000"), ""),
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
    with RawPeer(serve) as peer, Sender(peer.endpoint) as sender:
        got = sender.send()
        assert got["kind"] == "wait" and words in got["message"], got


def test_nobody_listens_and_no_such_name(tmp_path):
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    for endpoint, words in ((f"http://localhost:{port}", "connect"),
                            ("http://no-such-host.invalid:4317", "resolve"),
                            (f"unix://{tmp_path}/none", "No such file")):
        with Sender(endpoint) as sender:
            got = sender.send()
            assert got["kind"] == "wait" and words in got["message"], got


def test_tls(certificates, request_file):
    credentials = peers.grpc_credentials(*certificates.sign("plain"))
    with GrpcPeer(credentials=credentials) as peer:
        with Sender(peer.endpoint, f"--ca={certificates.authority}", "--gzip") as sender:
            got = sender.send("traces", request_file)
            assert got["kind"] == "done", got
            steps = dict(got["steps"])
            assert "TLSv1.3" in steps["tls"] and "CN=plain" in steps["tls"], steps
            assert steps["tls"].endswith(", h2") and list(steps) == ["connect", "tls", "export"]
            assert sender.send("traces", request_file)["kind"] == "done"
    assert [request for _, request, *_ in peer.requests] == [REQUEST] * 2
    assert len({peer for *_, peer in peer.requests}) == 1


def test_mutual_tls(certificates):
    server, key = certificates.sign("mutual")
    client, client_key = certificates.path("client.pem"), certificates.path("client.key")
    credentials = peers.grpc_credentials(server, key, certificates.authority)
    ca = f"--ca={certificates.authority}"
    with GrpcPeer(credentials=credentials) as peer:
        with Sender(peer.endpoint, ca, f"--cert={client}", f"--key={client_key}") as sender:
            assert sender.send()["kind"] == "done"
        with Sender(peer.endpoint, ca) as sender:
            got = sender.send()
            assert got["kind"] == "wait" and "client_cert_file" in got["message"], got
        certificates.make_authority("stranger")
        other, other_key = certificates.sign("other", authority="stranger")
        with Sender(peer.endpoint, ca, f"--cert={other}", f"--key={other_key}") as sender:
            got = sender.send()
            assert got["kind"] == "wait" and "client certificate" in got["message"], got
        with Sender(peer.endpoint, ca, f"--cert={client}", f"--key={other_key}") as sender:
            assert "client_key_file" in sender.send()["message"]
        with Sender(peer.endpoint, ca, f"--cert={client}.none") as sender:
            assert "No such file" in sender.send()["message"]


def test_a_server_that_is_not_whom_it_should_be_is_refused_in_words(certificates):
    certificates.make_authority("elsewhere")
    cases = [
        (certificates.sign("expired", days=-1), "expired at 20"),
        (certificates.sign("named", names="DNS:collector.example"), "collector.example"),
        (certificates.sign("foreign", authority="elsewhere"), "CN=elsewhere"),
    ]
    for files, words in cases:
        with GrpcPeer(credentials=peers.grpc_credentials(*files)) as peer:
            with Sender(peer.endpoint, f"--ca={certificates.authority}") as sender:
                got = sender.send()
                assert got["kind"] == "wait" and words in got["message"], got
                assert not peer.requests


def test_tls_to_a_server_without_is_told():
    with GrpcPeer() as peer, Sender(peer.endpoint.replace("http:", "https:")) as sender:
        got = sender.send()
        assert got["kind"] == "wait" and "use http://" in got["message"], got


def test_no_tls_to_a_server_with_is_told(certificates):
    credentials = peers.grpc_credentials(certificates.path("server.pem"),
                                         certificates.path("server.key"))
    with GrpcPeer(credentials=credentials) as peer:
        with Sender(peer.endpoint.replace("https:", "http:")) as sender:
            got = sender.send()
            assert got["kind"] == "wait" and "use https://" in got["message"], got


def test_certificates_that_change_count_from_the_next_connection(certificates, tmp_path):
    first = peers.grpc_credentials(*certificates.sign("before"))
    authority = tmp_path / "ca.pem"
    authority.write_bytes(certificates.authority.read_bytes())
    with GrpcPeer(credentials=first) as peer, \
            Sender(peer.endpoint, f"--ca={authority}", "--age=1") as sender:
        assert sender.send()["kind"] == "done"
        authority.write_bytes(certificates.make_authority("unrelated").read_bytes())
        time.sleep(0.002)
        assert "CN=authority" in sender.send()["message"]
        authority.write_bytes(certificates.authority.read_bytes())
        assert sender.send()["kind"] == "done"


def test_an_address_that_changes_counts_from_the_next_connection(tmp_path):
    hosts = tmp_path / "hosts"
    hosts.write_text("127.0.0.2 collector\n")
    own_hosts = ("unshare", "--mount", "sh", "-c",
                 f'mount --bind {hosts} /etc/hosts && exec "$@"', "sh")
    with GrpcPeer(host="127.0.0.2") as before, \
            GrpcPeer(host="127.0.0.3", port=before.port) as after, \
            Sender(f"http://collector:{before.port}", "--age=1", wrapper=own_hosts) as sender:
        assert sender.send()["kind"] == "done"
        assert (len(before.requests), len(after.requests)) == (1, 0)
        hosts.write_text("127.0.0.3 collector\n")
        time.sleep(0.002)
        assert sender.send()["kind"] == "done"
        assert (len(before.requests), len(after.requests)) == (1, 1)


def test_a_token_that_changes_counts_from_the_next_request(tmp_path):
    token = tmp_path / "headers"

    def write(text, mode=0o600):
        token.write_text(text)
        token.chmod(mode)

    write("# ours\nAuthorization: Bearer one\n")
    with GrpcPeer() as peer, Sender(peer.endpoint, f"--headers-file={token}",
                                    "--header=authorization=configured") as sender:
        sender.send()
        write("Authorization: Bearer two==\n")
        sender.send()
        assert [headers["authorization"] for _, _, headers, _ in peer.requests] == [
            "Bearer one", "Bearer two=="]
        write("Authorization: Bearer three\n", 0o640)
        got = sender.send()
        assert got["kind"] == "wait" and "0600" in got["message"], got
        write("Authorization Bearer-three\n")
        got = sender.send()
        assert "line 1" in got["message"] and "three" not in got["message"], got
        token.unlink()
        assert "No such file" in sender.send()["message"]


def test_a_refused_token_is_read_again_and_sent_once_more(tmp_path):
    token = tmp_path / "headers"
    token.write_text("authorization: old\n")
    token.chmod(0o600)

    def answer(_method, _request, context):
        if dict(context.invocation_metadata())["authorization"] == "old":
            # Changed while the request is under way.
            token.write_text("authorization: new\n")
            context.abort(Code.UNAUTHENTICATED, "expired")
        return b""
    with GrpcPeer(answer) as peer, Sender(peer.endpoint, f"--headers-file={token}") as sender:
        assert sender.send()["kind"] == "done"
        assert len(peer.requests) == 2


def test_connect_proxy(certificates, request_file):
    credentials = peers.grpc_credentials(
        *certificates.sign("proxied", names="DNS:collector.test"))
    ca = f"--ca={certificates.authority}"
    with GrpcPeer(credentials=credentials) as peer, ConnectProxy() as proxy:
        endpoint = f"https://collector.test:{peer.port}"
        with Sender(endpoint, ca, f"--proxy={proxy.endpoint}") as sender:
            assert sender.send("traces", request_file)["kind"] == "done"
        with Sender(endpoint, ca, env={"HTTPS_PROXY": proxy.endpoint}) as sender:
            assert sender.send()["kind"] == "done"
        assert proxy.seen == [f"CONNECT collector.test:{peer.port} HTTP/1.1"] * 2
        with Sender(endpoint, ca, env={"HTTPS_PROXY": proxy.endpoint, "NO_PROXY": ".test"}) as sender:
            assert "resolve" in sender.send()["message"]
        with Sender(peer.endpoint, ca, f"--proxy={proxy.endpoint}") as sender:
            assert "collector.test" in sender.send()["message"], "this host is not proxied"
        assert len(proxy.seen) == 2


def test_a_proxy_that_refuses_is_told():
    def serve(client, _):
        client.recv(4096)
        client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    with RawPeer(serve) as proxy:
        with Sender("http://collector.test:4317", f"--proxy={proxy.endpoint}") as sender:
            got = sender.send()
            assert got["kind"] == "wait" and "403" in got["message"], got
