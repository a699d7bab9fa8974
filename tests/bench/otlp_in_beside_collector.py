#!/usr/bin/python3
"""Measures what it takes to receive OTLP over a Unix socket: the agent, which answers once its journal is
synced, beside OpenTelemetry's Collector, which drops what it gets (nop) or has it in its own queue on disk
(file_storage, synced) and exports it to one that drops it. Requests of 512 spans over sixteen connections, by
the same load. Prints spans per second of the receiver's CPU time, and its memory idle and after it. Builds the
Collector (tests/support/collector.py), so it downloads. Run on a quiet machine, after building the release
preset:

    cmake --build --preset release
    tests/bench/otlp_in_beside_collector.py [SPANS]
"""

import contextlib
import pathlib
import sys
import tempfile

from otlp_beside_collector import (CONNECTIONS, PER_REQUEST, SPANS, Collector, cpu_seconds, drain_config,
                                   forwarder_config, received, resident_mib, send)
from collector import build, free_port
from harness import Agent, Shared, wait_until

SIZES = 230, 800
PROTOCOLS = "grpc", "http/protobuf", "http/json"
# As a Collector with nop: nothing but receiving. The journal keeps it all.
CONFIG = "".join(f"[{sink}]\nenabled = false\n" for sink in ("kvp", "log", "stderr")) \
    + '[journal]\nmax = "4 GiB"\n'


def request_of(size):
    """PER_REQUEST spans of about so many bytes each."""
    import otlp

    def encoded(padding):
        attributes = otlp.attributes(http__request__method="GET" + "x" * padding,
                                     url__path="/index.html/of/the/site",
                                     server__address="server.example.com",
                                     user_agent__name="curl/8.5.0")
        return otlp.traces(*(otlp.span("GET /index.html", parent=b"parent_1", attributes=attributes)
                             for _ in range(PER_REQUEST))).SerializeToString()

    least = len(encoded(0)) // PER_REQUEST
    assert least <= size, least
    return encoded(size - least)


def measure(what, pid, socket, protocol, file, spans, is_done=lambda: True):
    send(socket, protocol, file, PER_REQUEST * CONNECTIONS)  # warm
    before = cpu_seconds(pid)
    send(socket, protocol, file, spans)
    wait_until(is_done, f"{what} is done", 300)
    cpu = cpu_seconds(pid) - before
    print(f"  {what:<40} {spans / cpu / 1000:8.0f} thousand spans per CPU-second, "
          f"{resident_mib(pid):4.0f} MiB afterwards", flush=True)


def nop_config(folder):
    receiver = {"protocols": {kind: {"endpoint": str(folder / kind), "transport": "unix"}
                              for kind in ("grpc", "http")}}
    receiver["protocols"]["grpc"]["max_recv_msg_size_mib"] = 64
    return {"receivers": {"otlp": receiver}, "exporters": {"nop": {}},
            "service": {"telemetry": {"metrics": {"level": "none"}},
                        "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["nop"]}}}}


def measure_agent(shared, file):
    for protocol in PROTOCOLS:
        with Agent(shared, config=CONFIG) as agent:
            agent.start()
            if protocol == "grpc":
                print(f"  sluice, idle: {resident_mib(agent.pid()):.1f} MiB")
            measure(f"sluice, {protocol}", agent.pid(), agent.socket, protocol, file, SPANS)


def measure_nop(program, folder, file):
    with Collector(program, folder, "nop", nop_config(folder)) as collector:
        for protocol in PROTOCOLS:
            measure(f"Collector, nop, {protocol}", collector.pid, folder / protocol.split("/")[0],
                    protocol, file, SPANS // 4)


def measure_file_storage(program, folder, file):
    (folder / "queue").mkdir()
    port, counted = free_port(), free_port()
    with Collector(program, folder, "drain", drain_config(port, counted)), \
            Collector(program, folder, "stored", forwarder_config(folder / "s", port, folder / "queue")) as stored:
        spans = SPANS // 16 // PER_REQUEST // CONNECTIONS * PER_REQUEST * CONNECTIONS
        expected = spans + PER_REQUEST * CONNECTIONS
        measure("Collector, synced file_storage, grpc", stored.pid, folder / "s", "grpc", file, spans,
                lambda: received(counted) >= expected)


def main():
    program = build()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice.")))
        shared = Shared(folder)
        sys.path.insert(0, str(shared.python))
        for size in SIZES:
            file = folder / "request"
            file.write_bytes(request_of(size))
            print(f"{file.stat().st_size / PER_REQUEST:.0f} B a span", flush=True)
            here = folder / str(size)
            here.mkdir()
            measure_agent(shared, file)
            measure_nop(program, here, file)
            measure_file_storage(program, here, file)


if __name__ == "__main__":
    main()
