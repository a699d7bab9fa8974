"""No library that the agent links writes to stderr by itself: whoever makes it do so would have the
agent wait until somebody reads. Tried with text that is not UTF-8 in every text field of every call."""

import contextlib
import fcntl
import os
import re
import subprocess

import grpc
import pytest

import harness
from harness import BUILT

INVALID = b"a\xff"
ANSWERS = {"OK", "INVALID_ARGUMENT", "FAILED_PRECONDITION"}
# What each library that sluiced links says on stderr by itself, and what keeps it silent.
LIBRARIES = {
    "libprotobuf": "agent/app/library_logs.h",
    "libabsl": "agent/app/library_logs.h",
    "libre2": "log_errors(false) of each RE2",
    "libdeflate": "nothing",
    "libnghttp2": "silent unless built for debugging",
    "libsimdjson": "nothing",
    "libstdc++": "what ends the process",
    "libgcc_s": "nothing",
    "libm": "nothing",
    "libc": "what ends the process",
    "ld-linux-x86-64": "what ends the process",
    "ld-linux-aarch64": "what ends the process",
}


def services():
    from sluice.v1 import ingest_pb2, query_pb2
    for module in (ingest_pb2, query_pb2):
        yield from module.DESCRIPTOR.services_by_name.values()


def field(number, content):
    """A field of any length, as it is encoded."""
    size, length = len(content), b""
    while size > 0x7f:
        length += bytes([size & 0x7f | 0x80])
        size >>= 7
    assert number < 16 * 128
    tag = number << 3 | 2
    tag = bytes([tag]) if tag < 0x80 else bytes([tag & 0x7f | 0x80, tag >> 7])
    return tag + length + bytes([size]) + content


def text_fields(message, within=()):
    """(path, encoded message) with one text field that is not UTF-8, for each there can be. A message
    within itself is followed once."""
    for one in message.fields:
        if one.type == one.TYPE_STRING:
            yield one.name, field(one.number, INVALID)
        elif one.type == one.TYPE_MESSAGE and within.count(message) < 2:
            for path, encoded in text_fields(one.message_type, (*within, message)):
                yield f"{one.name}.{path}", field(one.number, encoded)


def calls():
    """(method's descriptor, path of the field, request)."""
    return [(method, path, encoded) for service in services() for method in service.methods
            for path, encoded in text_fields(method.input_type)]


@contextlib.contextmanager
def channels(agent):
    """A channel to the service of each name."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"unix:{agent.socket}", options=options) as ingest, \
            grpc.insecure_channel(f"unix:{agent.admin_socket}", options=options) as admin:
        yield {"Ingest": ingest, "Query": ingest, "Control": admin}


def hello():
    from sluice.v1 import ingest_pb2
    return ingest_pb2.ClientMessage(
        hello={"protocol_version": 1, "client_id": os.urandom(16)}).SerializeToString()


def code_of(channel, method, request):
    """The status of a call with these bytes."""
    path = f"/{method.containing_service.full_name}/{method.name}"
    try:
        if method.name == "Connect":
            requests = [request] if request[0] >> 3 == 1 else [hello(), request]
            list(channel.stream_stream(path)(iter(requests), timeout=10))
        else:
            list(channel.unary_stream(path)(request, timeout=10))
    except grpc.RpcError as error:
        return error.code().name
    return "OK"


def ask_all(agent):
    """How many calls were answered: all of them."""
    with channels(agent) as by_service:
        for count, (method, path, request) in enumerate(calls(), 1):
            code = code_of(by_service[method.containing_service.name], method, request)
            assert code in ANSWERS, f"{method.full_name} with {path}: {code}"
    return count


@contextlib.contextmanager
def full_pipe():
    """The end for a writer, who would wait: the pipe holds as much as it can, and nobody reads."""
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while os.write(writer, b"x" * 4096):
            pass
    os.set_blocking(writer, True)
    yield writer
    os.close(reader)
    os.close(writer)


def test_every_text_field_with_a_stderr_that_nobody_reads(shared):
    with full_pipe() as writer, harness.Agent(shared) as agent:
        agent.start(stderr=writer)
        assert ask_all(agent) > 100
        assert agent.sluice("event", "--require", "after").returncode == 0
        assert agent.stop() == 0


def test_no_library_says_anything(agent):
    ask_all(agent)
    assert agent.stop() == 0
    assert [line for line in agent.stderr().splitlines() if "protobuf" in line] == []


def test_a_text_field_of_a_question_is_named(agent):
    """What is emitted is mended instead."""
    from sluice.v1 import query_pb2
    with channels(agent) as by_service, pytest.raises(grpc.RpcError) as raised:
        lines = by_service["Query"].unary_stream("/sluice.v1.Query/Lines")
        list(lines(field(query_pb2.LinesRequest.UNIT_FIELD_NUMBER, INVALID), timeout=10))
    assert raised.value.details() == "sluice.v1.LinesRequest.unit is not UTF-8"


def test_what_each_linked_library_would_say_is_known():
    listed = subprocess.run(["ldd", BUILT / "sluiced"], capture_output=True, text=True,
                            check=True).stdout
    direct = subprocess.run(["readelf", "-d", BUILT / "sluiced"], capture_output=True, text=True,
                            check=True).stdout
    assert listed
    names = re.findall(r"\(NEEDED\).*\[(\S+?)\.so", direct)
    assert names
    assert {name for name in names
            if not any(name == known or name.startswith(known + "_") for known in LIBRARIES)} == set()
