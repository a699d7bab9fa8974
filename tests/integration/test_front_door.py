"""Who knows nothing of sluice finds out what it serves, and who speaks the wrong protocol is told so."""

import subprocess

import grpc
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from harness import NOBODY

TRY_TLS = """
import socket, ssl, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
context = ssl.create_default_context()
try:
    context.wrap_socket(peer, server_hostname="localhost")
except (ssl.SSLError, OSError) as error:
    print(type(error).__name__)
"""


def peers(agent, **options):
    return agent.status(**options).get("peers", [])


def test_who_tries_tls_is_named_in_status(agent):
    assert agent.run_python(TRY_TLS, str(agent.socket), uid=NOBODY).stdout.strip()
    [peer] = peers(agent)
    assert (peer["protocol"], peer["identity"]["uid"]) == ("TLS", NOBODY)
    assert "python" in peer["identity"]["comm"]
    text = agent.sluice("status").stdout
    assert "OTEL_EXPORTER_OTLP_INSECURE=true" in text
    assert [one for one in agent.status()["counters"]
            if (one["name"], one["reason"]) == ("net.closed", "tls")][0]["value"] == 1


def test_status_tells_by_what_a_process_speaks(agent):
    with grpc.insecure_channel(f"unix:{agent.socket}") as channel:
        channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=10)
        assert any(peer["protocol"] == "HTTP/2" and "grpc-python" in peer["user_agent"]
                   for peer in peers(agent))


def test_http_1_is_answered_on_both_sockets(agent):
    for path in agent.socket, agent.admin_socket:
        done = subprocess.run(
            ["curl", "--silent", "--show-error", "--unix-socket", str(path), "--http1.1",
             "--header", "content-type: application/grpc", "--data", "x",
             "--write-out", "%{http_code}", "--output", "/dev/null", "http://localhost/a.B/C"],
            capture_output=True, text=True, check=True, timeout=20)
        assert done.stdout == "426"


class Reflection:
    """What grpcurl does: asks for a service's file and for those that it imports."""

    VERSION = "v1alpha"

    def __init__(self, channel):
        self.channel = channel
        self.pool = descriptor_pool.DescriptorPool()
        # By hand, as no package of Debian's has it.
        self.ask_raw = channel.stream_stream(
            f"/grpc.reflection.{self.VERSION}.ServerReflection/ServerReflectionInfo")

    def ask(self, field, text):
        """The answer's field and its content."""
        question = bytes([field << 3 | 2, len(text)]) + text.encode()
        [answer] = self.ask_raw(iter([question]), timeout=10)
        # original_request comes first.
        assert answer[:2] == bytes([2 << 3 | 2, len(question)])
        rest = answer[2 + len(question):]
        return rest[0] >> 3, content(rest)[0]

    def services(self):
        field, content_ = self.ask(7, "")
        assert field == 6
        while content_:
            service, content_ = content(content_)
            yield content(service)[0].decode()

    def load(self, field, text):
        kind, answer = self.ask(field, text)
        assert kind == 4, answer
        file = descriptor_pb2.FileDescriptorProto.FromString(content(answer)[0])
        for dependency in file.dependency:
            try:
                self.pool.FindFileByName(dependency)
            except KeyError:
                self.load(3, dependency)
        self.pool.Add(file)

    def call(self, service, method):
        self.load(4, service)
        found = self.pool.FindServiceByName(service).methods_by_name[method]
        factory = message_factory.MessageFactory(self.pool)
        request = factory.GetPrototype(found.input_type)
        response = factory.GetPrototype(found.output_type)
        return request, self.channel.unary_stream(
            f"/{service}/{method}", request_serializer=request.SerializeToString,
            response_deserializer=response.FromString)


def content(field):
    """Of the first field of a message, and what follows it."""
    size, shift, at = 0, 0, 1
    while True:
        byte = field[at]
        size |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return field[at:at + size], field[at + size:]


def test_reflection_is_enough_to_list_and_to_call(agent):
    with grpc.insecure_channel(f"unix:{agent.socket}") as channel:
        reflection = Reflection(channel)
        services = set(reflection.services())
        assert {"sluice.v1.Ingest", "sluice.v1.Query", "grpc.health.v1.Health"} <= services
        assert "sluice.v1.Control" not in services
        request, call = reflection.call("sluice.v1.Query", "Status")
        [status] = call(request(), timeout=10)
        assert status.pid == agent.pid()
    with grpc.insecure_channel(f"unix:{agent.admin_socket}") as channel:
        assert "sluice.v1.Control" in set(Reflection(channel).services())


def test_who_watches_the_health_is_told_of_the_end(agent):
    with grpc.insecure_channel(f"unix:{agent.socket}") as channel:
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=30)
        assert next(watch) == b"\x08\x01"
        assert agent.stop() == 0
        with pytest.raises(grpc.RpcError) as raised:
            assert list(watch) == [b"\x08\x02"]
            raise watch
        assert raised.value.code() == grpc.StatusCode.UNAVAILABLE
