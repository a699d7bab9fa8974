"""One HTTP/2 connection of a gRPC client that keeps to the windows it is given. Blocking sockets, no
gRPC library: cheap enough for an attacker on a small machine, exact enough to measure with."""

import select
import socket
import struct
import time

from http2_frames import (DATA, END_HEADERS, HEADERS, PREFACE, RST_STREAM, SETTINGS, WINDOW_UPDATE,
                          frame, request_headers)

END_STREAM = ACK = 1
GOAWAY = 7
INITIAL_WINDOW = 4
MAX_WINDOW = 2**31 - 1
DEFAULT_WINDOW = 65535
SMALL_FRAME_BYTES = 16 * 1024  # what every peer takes
FRAME_BYTES = 64 * 1024  # what the agent takes
GATHERED_BYTES = 1024 * 1024
MIB = 2**20


def grpc_message(message):
    return b"\0" + struct.pack(">I", len(message)) + message


def request_frames(path, stream, message):
    """A whole request whose message fits one frame."""
    return frame(HEADERS, END_HEADERS, stream, request_headers(path)) + \
        frame(DATA, END_STREAM, stream, grpc_message(message))


class Broken(Exception):
    """The agent ended the connection, or said that it will."""


class Client:
    """Reads only in receive() and where a window is used up."""

    def __init__(self, path, timeout=None):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(timeout)
        self.timeout = timeout
        self._connect(str(path))
        self.next_stream = 1
        self.window = self.first_window = DEFAULT_WINDOW
        self.windows = {}  # of the streams that are open
        self.bodies = {}  # of those whose answers are wanted
        self.frame_bytes = SMALL_FRAME_BYTES
        self.received = 0
        self.input = b""
        greeting = struct.pack(">HI", INITIAL_WINDOW, MAX_WINDOW)
        self.socket.sendall(PREFACE + frame(SETTINGS, 0, 0, greeting) + frame(
            WINDOW_UPDATE, 0, 0, struct.pack(">I", MAX_WINDOW - DEFAULT_WINDOW)))

    def _connect(self, path):
        """Waits where too many others connect: with a time limit the kernel only says so."""
        began = time.monotonic()
        while True:
            try:
                return self.socket.connect(path)
            except BlockingIOError:
                if time.monotonic() - began > self.timeout:
                    raise
                time.sleep(0.001)

    def close(self):
        self.socket.close()

    @property
    def is_closed(self):
        return self.socket.fileno() < 0

    def begin(self, path, wanted=False):
        """Sends the header fields of a call; returns its stream."""
        stream = self.next_stream
        self.next_stream += 2
        self.windows[stream] = self.first_window
        if wanted:
            self.bodies[stream] = bytearray()
        self.socket.sendall(frame(HEADERS, END_HEADERS, stream, request_headers(path)))
        return stream

    def send(self, stream, message, end=True):
        """Sends one message as the windows allow, unless the call ends before."""
        whole = memoryview(grpc_message(message))
        at = 0
        while at < len(whole) and stream in self.windows:
            parts, before = [], at
            while at < len(whole) and at - before < GATHERED_BYTES:
                size = min(self.frame_bytes, len(whole) - at, self.window, self.windows[stream])
                if size <= 0:
                    break
                last = end and at + size == len(whole)
                parts += [frame_head(size, last, stream), whole[at:at + size]]
                at += size
                self.window -= size
                self.windows[stream] -= size
            if parts:
                self._send_all(parts)
            else:
                self.receive()

    def _send_all(self, parts):
        sent = self.socket.sendmsg(parts)
        if sent < sum(map(len, parts)):
            self.socket.sendall(b"".join(parts)[sent:])

    def ask(self, path, message, wanted=False):
        stream = self.begin(path, wanted)
        self.send(stream, message)
        return stream

    def reset(self, stream):
        self.windows.pop(stream, None)
        self.socket.sendall(frame(RST_STREAM, 0, stream, b"\0\0\0\x08"))

    def wait_for_room(self, most):
        """Until fewer than `most` calls are open."""
        while len(self.windows) >= most or self.readable():
            self.receive()

    def answer(self, path, message):
        """The messages of one call's answer."""
        stream = self.ask(path, message, wanted=True)
        self.wait_until(lambda: stream not in self.windows)
        return cut_messages(self.bodies.pop(stream))

    def wait_until(self, done):
        end = None if self.timeout is None else time.monotonic() + self.timeout
        while not done():
            if end is not None and time.monotonic() > end:
                raise TimeoutError(f"no answer in {self.timeout} s")
            self.receive()

    def readable(self):
        return bool(select.select([self.socket], [], [], 0)[0])

    def receive(self):
        """Waits for something, and takes in all frames that are whole."""
        data = self.socket.recv(256 * 1024)
        if not data:
            raise Broken("closed")
        data = self.input + data
        at = 0
        while len(data) - at >= 9:
            size = int.from_bytes(data[at:at + 3], "big")
            if len(data) - at < 9 + size:
                break
            stream = int.from_bytes(data[at + 5:at + 9], "big")
            self._take(data[at + 3], data[at + 4], stream, memoryview(data)[at + 9:at + 9 + size])
            at += 9 + size
        self.input = data[at:]

    def _take(self, kind, flags, stream, payload):
        if kind == DATA:
            if stream in self.bodies:
                self.bodies[stream] += payload
            self.received += len(payload)
            if self.received > MAX_WINDOW // 2:
                self.socket.sendall(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", self.received)))
                self.received = 0
        elif kind == WINDOW_UPDATE:
            more = int.from_bytes(payload, "big")
            if stream == 0:
                self.window += more
            elif stream in self.windows:
                self.windows[stream] += more
        elif kind == SETTINGS and not flags & ACK:
            self._take_settings(payload)
        elif kind == GOAWAY:
            raise Broken(bytes(payload[8:]).decode(errors="replace"))
        if kind == RST_STREAM or (kind in (DATA, HEADERS) and flags & END_STREAM):
            self.windows.pop(stream, None)

    def _take_settings(self, payload):
        for at in range(0, len(payload), 6):
            name, value = struct.unpack(">HI", payload[at:at + 6])
            if name == INITIAL_WINDOW:
                for stream in self.windows:
                    self.windows[stream] += value - self.first_window
                self.first_window = value
        self.frame_bytes = FRAME_BYTES
        self.socket.sendall(frame(SETTINGS, ACK))


def frame_head(size, last, stream):
    return struct.pack(">I", size)[1:] + bytes([DATA, END_STREAM if last else 0]) + \
        struct.pack(">I", stream)


def cut_messages(body):
    """The gRPC messages of an answer's body, and what is left removed from it."""
    messages = []
    while len(body) >= 5:
        size = int.from_bytes(body[1:5], "big")
        if len(body) < 5 + size:
            break
        messages.append(bytes(body[5:5 + size]))
        del body[:5 + size]
    return messages
