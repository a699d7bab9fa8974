"""A Unix socket that hands on to another, and keeps what each client sent; and the requests in that."""

import contextlib
import gzip
import pathlib
import socket
import threading
import zlib

from http2_frames import DATA, PREFACE

GOAWAY, PADDED = 7, 8


class Recorder:
    def __init__(self, path, target):
        self.path = pathlib.Path(path)
        self.target = str(target)
        self.connections = []  # a bytearray each, in the order in which they came
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.path.chmod(0o666)
        self.listener.listen(16)

    def __enter__(self):
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def __exit__(self, *_exception):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.path.unlink()

    def take(self):
        """What came since it was asked last."""
        taken, self.connections = self.connections, []
        return [bytes(one) for one in taken]

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                agent = socket.socket(socket.AF_UNIX)
                agent.connect(self.target)
                kept = bytearray()
                self.connections.append(kept)
                for ends in (client, agent, kept), (agent, client, bytearray()):
                    threading.Thread(target=self.hand_on, args=ends, daemon=True).start()

    @staticmethod
    def hand_on(source, to, kept):
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                kept += data
                to.sendall(data)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_WR)


def inflated(body):
    if body[:2] == b"\x1f\x8b":
        return gzip.decompress(body)
    return zlib.decompress(body) if body[:1] == b"\x78" else body


def frames(sent):
    """(where it begins, kind, flags, stream, payload) of each frame of one HTTP/2 connection."""
    at = len(PREFACE)
    while at < len(sent):
        size, kind, flags = int.from_bytes(sent[at:at + 3]), sent[at + 3], sent[at + 4]
        stream = int.from_bytes(sent[at + 5:at + 9])
        yield at, kind, flags, stream, sent[at + 9:at + 9 + size]
        at += 9 + size


def without_farewell(sent):
    """What one client sent but for its GOAWAY, which it sends once it has its answers."""
    if not sent.startswith(PREFACE):
        return sent
    return sent[:next((at for at, kind, *_ in frames(sent) if kind == GOAWAY), len(sent))]


def grpc_messages(sent):
    """The message of each call of one HTTP/2 connection, inflated."""
    bodies = {}
    for _, kind, flags, stream, payload in frames(sent):
        if kind == DATA:
            assert not flags & PADDED
            bodies[stream] = bodies.get(stream, b"") + payload
    return [inflated(body[5:]) for body in bodies.values()]


def dechunked(data):
    """(body, the bytes behind it)."""
    body = b""
    while True:
        size, _, data = data.partition(b"\r\n")
        length = int(size, 16)
        body += data[:length]
        data = data[length + 2:]
        if length == 0:
            return body, data


def http_bodies(sent):
    """The body of each request of one HTTP/1.1 connection, inflated."""
    bodies = []
    while sent:
        head, _, sent = sent.partition(b"\r\n\r\n")
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if b"chunked" in fields.get(b"transfer-encoding", b""):
            body, sent = dechunked(sent)
        else:
            length = int(fields[b"content-length"])
            body, sent = sent[:length], sent[length:]
        bodies.append(inflated(body))
    return bodies


def requests_of(sent):
    """The export requests in what one client sent, as they were before compression."""
    return grpc_messages(sent) if sent.startswith(PREFACE) else http_bodies(sent)


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            return value, at


def parts(message, number):
    """The contents of each field `number` of an encoded message whose fields are all of bytes."""
    found, at = [], 0
    while at < len(message):
        tag, at = varint(message, at)
        size, at = varint(message, at)
        assert tag & 7 == 2
        if tag >> 3 == number:
            found.append(message[at:at + size])
        at += size
    return found


def scopes(request):
    """Each encoded scope of an encoded export request, of whichever signal."""
    return [scope for resource in parts(request, 1) for scope in parts(resource, 2)]
