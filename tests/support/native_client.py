"""A process that emits through libsluice's C interface, one line of JSON a command; and the proxy
that counts what such a process says.

As a program: native_client.py LIBRARY, with SLUICE_SOCKET in its environment.
"""

import ctypes
import json
import os
import select
import socket
import subprocess
import sys
import threading

LEVELS = {"error": 1, "warn": 2, "info": 3, "debug": 4, "trace": 5}
FLUSH_MS = 10_000


class Text(ctypes.Structure):
    _fields_ = [("data", ctypes.c_char_p), ("size", ctypes.c_size_t)]

    @classmethod
    def of(cls, text):
        raw = text.encode()
        return cls(raw, len(raw))


class EventOptions(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t), ("target", Text), ("level", ctypes.c_int),
                ("context", ctypes.c_void_p), ("attributes", ctypes.c_void_p),
                ("attribute_count", ctypes.c_size_t)]


class Stats(ctypes.Structure):
    _fields_ = [("size", ctypes.c_size_t)] + [
        (name, ctypes.c_uint64) for name in (
            "emitted", "sent", "acked", "suppressed", "dropped_ring_full", "dropped_span_limit",
            "dropped_too_large", "dropped_by_agent", "wakes", "connects")] + [
        ("is_connected", ctypes.c_int)]


def load(path):
    library = ctypes.CDLL(path)
    library.sluice_event.argtypes = [Text, ctypes.POINTER(EventOptions)]
    library.sluice_event.restype = None
    return library


def emit(library, target, level, message, count=1):
    options = EventOptions(size=ctypes.sizeof(EventOptions), target=Text.of(target),
                           level=LEVELS[level])
    for number in range(count):
        library.sluice_event(Text.of(message.replace("#", str(number))), ctypes.byref(options))


def read_stats(library):
    stats = Stats(size=ctypes.sizeof(Stats))
    library.sluice_read_stats(ctypes.byref(stats))
    return {name: getattr(stats, name) for name, _type in Stats._fields_ if name != "size"}


class NativeClient:
    """Such a process, connected to the socket `path`. Also a context manager."""

    def __init__(self, library, path):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", __file__, str(library)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True,
            env={"PATH": "/usr/bin:/bin", "SLUICE_SOCKET": str(path)})

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.process.kill()
        self.process.wait()

    def call(self, **command):
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def emit(self, target, level, message, count=1, flush_ms=FLUSH_MS):
        """Emits `count` events, each `#` of the message being its number, and waits so long until
        the agent has what was wanted of them. Returns the library's counters."""
        return self.call(target=target, level=level, message=message, count=count,
                         flush_ms=flush_ms)


class CountingProxy:
    """Listens at `path` and passes every connection on to the agent, counting the bytes of the
    clients. Also a context manager."""

    def __init__(self, path, agent_socket):
        self.agent_socket = str(agent_socket)
        self.from_clients = 0
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.stopped, self.stop = socket.socketpair()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.stop.close()
        self.thread.join()
        self.listener.close()

    def run(self):
        peers = {}  # both directions
        while True:
            ready, _writable, _failed = select.select(
                [self.stopped, self.listener, *peers], [], [])
            if self.stopped in ready:
                break
            for one in ready:
                if one is self.listener:
                    client, agent = one.accept()[0], socket.socket(socket.AF_UNIX)
                    agent.connect(self.agent_socket)
                    peers[client], peers[agent] = (agent, True), (client, False)
                elif one in peers:
                    self.pass_on(one, peers)
        for one in peers:
            one.close()

    def pass_on(self, one, peers):
        other, is_client = peers[one]
        data = one.recv(1 << 16)
        if data:
            self.from_clients += len(data) if is_client else 0
            other.sendall(data)
            return
        for end in (one, other):
            del peers[end]
            end.close()


def main():
    library = load(sys.argv[1])
    for line in sys.stdin:
        command = json.loads(line)
        flush_ms = command.pop("flush_ms")
        emit(library, **command)
        if flush_ms:
            library.sluice_flush(flush_ms)
        print(json.dumps(read_stats(library)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
