#!/usr/bin/python3
"""Usage: foreign_writer.py cloud-init|azure-init POOL SIDE_LOCK [GATE]

Writes into the pool without end, as one of the programs does that share it with sluice. cloud-init's
records are written by Debian's own handler, found through PYTHONPATH.

These programs and the daemon damage each other's records, which no lock of ours can prevent. So each
holds SIDE_LOCK, which sluice knows nothing of: these two a shared one, whoever drives the daemon an
exclusive one.

With GATE, a FIFO, cloud-init writes one record: after half of it it reads the FIFO to its end.
"""

import fcntl
import io
import os
import sys
import time
import types
import uuid

RECORD = 2560
ENOUGH = 450 * RECORD  # the room that sluice counts on stays free
PAUSE_S = 0.002


def pack(key, value):
    return key.encode().ljust(512, b"\0") + value.encode().ljust(2048, b"\0")


def azure_init(pool):
    """One message a write, all of a batch under one flock."""
    def write(number):
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        for _ in range(1 + number % 4):
            key = f"azure-init-0.1.1|vm|INFO|stress|{uuid.uuid4()}"
            os.write(descriptor, pack(key, "Start: " + "a" * 800 + "|end"))
        fcntl.flock(descriptor, fcntl.LOCK_UN)
    descriptor = os.open(pool, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    return write


class Halting(io.FileIO):
    """The file below the buffer of a handler. Its first write stands still halfway: the kernel writes
    page by page, and whoever takes no lock sees each step."""

    def __init__(self, path, gate):
        super().__init__(path, "ab")
        self.gate = gate

    def write(self, data):
        if not self.gate:
            return super().write(data)
        half = super().write(data[:len(data) // 2])
        with open(self.gate, "rb") as gate:
            gate.read()
        self.gate = None
        return half + super().write(data[half:])


def cloud_init_handler(pool, gate=None):
    """Debian's own. A batch is written through a buffer, in several pieces."""
    # The handlers beside the one that is used fetch web pages, with a package that need not be here.
    web = sys.modules["cloudinit.url_helper"] = types.ModuleType("cloudinit.url_helper")
    web.UrlError, web.readurl = OSError, None
    from cloudinit.reporting import events, handlers

    if gate:
        handlers.open = lambda path, _mode: io.BufferedWriter(Halting(path, gate))
    handler = handlers.HyperVKvpReportingHandler(kvp_file_path=pool)

    def publish(letters):
        handler.publish_event(events.ReportingEvent("diagnostic", "stress", "c" * letters))
    return handler, publish


def cloud_init(pool):
    handler, publish = cloud_init_handler(pool)

    def write(number):
        for _ in range(1 + number % 12):
            publish(600)
        handler.flush()
    return write


def write_behind_gate(pool, gate):
    handler, publish = cloud_init_handler(pool, gate)
    publish(600)
    handler.flush()


def main(who, pool, side_lock, gate=None):
    if gate:
        return write_behind_gate(pool, gate)
    write = {"cloud-init": cloud_init, "azure-init": azure_init}[who](pool)
    side = os.open(side_lock, os.O_RDWR | os.O_CREAT, 0o644)
    number = 0
    while True:
        fcntl.flock(side, fcntl.LOCK_SH)
        if os.stat(pool).st_size < ENOUGH:
            write(number)
        fcntl.flock(side, fcntl.LOCK_UN)
        number += 1
        time.sleep(PAUSE_S)


main(*sys.argv[1:])
