"""A hostile client: hostile.py ATTACK SOCKET SECONDS. Bytes on a Unix socket, no gRPC library;
PYTHONPATH is tests/support."""

import os
import random
import resource
import socket
import sys
import time

from http2_frames import (CONTINUATION, DATA, END_HEADERS, HEADERS, PING, PREFACE, RST_STREAM, SETTINGS,
                          WINDOW_UPDATE, frame, request_headers)


class Peer:
    """One connection. Sending to an agent that has closed it is no error here."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.socket.settimeout(1)

    def send(self, data):
        try:
            self.socket.sendall(data)
            return True
        except (BrokenPipeError, ConnectionResetError, socket.timeout):
            return False

    def greet(self):
        return self.send(PREFACE + frame(SETTINGS))


def flood(path, piece, until):
    """Sends the same frames over and over, on a new connection whenever it is closed."""
    while time.monotonic() < until:
        peer = Peer(path)
        peer.greet()
        while time.monotonic() < until and peer.send(piece * 100):
            pass
        peer.socket.close()


def random_bytes(path, until):
    rng = random.Random(1)
    while time.monotonic() < until:
        peer = Peer(path)
        if rng.random() < 0.5:
            peer.greet()
        peer.send(rng.randbytes(rng.randrange(1, 5000)))
        peer.socket.close()


def messages(path, until):
    """Whole requests whose message is empty, random, cut short, or said to be 64 MiB long."""
    rng = random.Random(2)
    headers = frame(HEADERS, END_HEADERS, 1, request_headers())
    while time.monotonic() < until:
        body = rng.choice([b"", rng.randbytes(300), b"\0\xff\xff\xff\xff", b"\0\4\0\0\0xxxx",
                           b"\0\0\0\0\5\x0a\xff\xff\xff\x7f"])
        peer = Peer(path)
        peer.greet()
        peer.send(headers + frame(DATA, 1, 1, body))
        peer.socket.close()


def many_connections(path, until, speak=Peer.greet):
    """As many as the kernel gives one process, mostly silent ones."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    while time.monotonic() < until:
        peers = []
        try:
            for number in range(10_000):
                peers.append(Peer(path))
                if number % 3 == 0:
                    speak(peers[-1])
                if time.monotonic() > until:
                    break
        except OSError:
            pass
        for peer in peers:
            peer.socket.close()


def slow_reader(path, until):
    """Asks and asks, and never reads an answer."""
    while time.monotonic() < until:
        peer = Peer(path)
        peer.greet()
        stream = 1
        headers = request_headers()
        while time.monotonic() < until and peer.send(
                frame(HEADERS, END_HEADERS, stream, headers) + frame(DATA, 1, stream, b"\0\0\0\0\0")):
            stream += 2
        peer.socket.close()


HTTP1_HEAD = (b"POST /v1/traces HTTP/1.1\r\nhost: localhost\r\n"
              b"content-type: application/x-protobuf\r\ncontent-length: %d\r\n\r\n")


def http1_slow(path, until):
    """Heads that never end and bodies that come a byte at a time, of as many connections as may be."""
    peers, number = [], 0
    while time.monotonic() < until:
        if len(peers) < 400:
            peers.append(Peer(path))
            half = HTTP1_HEAD[:40] if number % 2 else HTTP1_HEAD % (8 << 20)
            peers[-1].send(half)
        number += 1
        peer = peers[number % len(peers)]
        if not peer.send(b"x"):
            peer.socket.close()
            peers.remove(peer)


def http1_connections(path, until):
    """Of those that speak, half never finish their head and half stay after an answer."""
    rng = random.Random(3)
    many_connections(path, until,
                     lambda peer: peer.send(rng.choice([HTTP1_HEAD[:40], HTTP1_HEAD % 0])))


def http1_pipelined(path, until):
    """Requests without end, no answer of which is read."""
    while time.monotonic() < until:
        peer = Peer(path)
        while time.monotonic() < until and peer.send(HTTP1_HEAD % 0 * 100):
            pass
        peer.socket.close()


def http1_chunks(path, until):
    """A body of the smallest chunks, with an extension each."""
    head = HTTP1_HEAD.replace(b"content-length: %d", b"transfer-encoding: chunked")
    while time.monotonic() < until:
        peer = Peer(path)
        peer.send(head)
        while time.monotonic() < until and peer.send(b"1;name=value\r\n\0\r\n" * 1000):
            pass
        peer.socket.close()


def burn(_path, until):
    """Leaves the agent alone: what the victim then suffers is the scheduler's doing."""
    while time.monotonic() < until:
        pass


ATTACKS = {
    "ping": lambda path, until: flood(path, frame(PING, payload=b"8" * 8), until),
    "settings": lambda path, until: flood(path, frame(SETTINGS), until),
    "reset": lambda path, until: flood(
        path, frame(HEADERS, END_HEADERS, 1, request_headers()) + frame(RST_STREAM, 0, 1, b"\0" * 4),
        until),
    "continuation": lambda path, until: flood(
        path, frame(HEADERS, 0, 1, request_headers()) + frame(CONTINUATION, 0, 1, b"") * 50, until),
    "window": lambda path, until: flood(path, frame(WINDOW_UPDATE, payload=b"\0\0\0\1"), until),
    "random": random_bytes,
    "messages": messages,
    "connections": many_connections,
    "slow_reader": slow_reader,
    "http1_slow": http1_slow,
    "http1_connections": http1_connections,
    "http1_pipelined": http1_pipelined,
    "http1_chunks": http1_chunks,
    "no_attack": burn,
}


def main():
    attack, path, seconds = sys.argv[1], sys.argv[2], float(sys.argv[3])
    assert os.getuid() != 0
    ATTACKS[attack](path, time.monotonic() + seconds)
    print("done")


if __name__ == "__main__":
    main()
