#!/usr/bin/python3
"""Measures the agent beside OpenTelemetry's Collector as a forwarder: OTLP comes by gRPC over sixteen connections
of a Unix socket and goes out by gRPC to a Collector that drops it. Prints spans per second of the forwarder's
CPU time, and its memory; of the agent also how late the last span is. Builds the Collector
(tests/support/collector.py), so it downloads. Run on a quiet machine, after building the release preset:

    cmake --build --preset release
    tests/bench/otlp_beside_collector.py [SPANS]
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/support"))

from collector import build, free_port  # noqa: E402
from harness import BUILT, Agent, Shared, wait_until  # noqa: E402

SPANS = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000_000
PER_REQUEST = 512
CONNECTIONS = 16
SMALL, LARGE = 0, 566  # extra bytes that make a span of about 260 and 830
TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


class Collector:
    """Runs one by its configuration, and tells how many spans its exporter has sent."""

    def __init__(self, program, folder, name, config):
        self.path = folder / f"{name}.json"
        self.log = folder / f"{name}.log"
        self.path.write_text(json.dumps(config))
        self.program = program

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.program, "--config", self.path], stdout=log,
                                            stderr=log)
        wait_until(lambda: "Everything is ready" in self.log.read_text(), "the Collector is ready")
        return self.process

    def __exit__(self, *_exception):
        self.process.kill()
        self.process.wait()


def drain_config(port, counted):
    """What everything is sent to: it drops spans and writes only how many there were."""
    return {"receivers": {"otlp": {"protocols": {"grpc": {"endpoint": f"127.0.0.1:{port}"}}}},
            "exporters": {"nop": {}},
            "service": {"telemetry": {"metrics": {"level": "normal", "readers": [
                {"pull": {"exporter": {"prometheus": {"host": "127.0.0.1", "port": counted}}}}]}},
                "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["nop"]}}}}


def forwarder_config(socket, port, storage=None):
    queue = {"enabled": True, "queue_size": 1000, "block_on_overflow": True}
    config = {
        "receivers": {"otlp": {"protocols": {"grpc": {"endpoint": str(socket), "transport": "unix",
                                                      "max_recv_msg_size_mib": 64}}}},
        "exporters": {"otlp": {"endpoint": f"127.0.0.1:{port}", "tls": {"insecure": True},
                               "compression": "none", "sending_queue": queue}},
        "service": {"telemetry": {"metrics": {"level": "none"}},
                    "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["otlp"]}}}}
    if storage:
        config["extensions"] = {"file_storage": {"directory": str(storage), "fsync": True}}
        config["service"]["extensions"] = ["file_storage"]
        queue["storage"] = "file_storage"
    return config


def request_of(extra):
    import otlp
    attributes = {key: "a value of twenty" for key in ("http__request__method", "url__path",
                                                       "server__address", "user_agent__name")}
    attributes["http__request__method"] += "x" * extra
    return otlp.traces(*(otlp.span("GET /index.html", parent=b"parent_1",
                                   attributes=otlp.attributes(**attributes))
                         for _ in range(PER_REQUEST))).SerializeToString()


@contextlib.contextmanager
def forwarding_agent(shared, port):
    """As the Collector: nothing but forwarding."""
    with Agent(shared, config=f'[otlp]\nendpoint = "http://localhost:{port}"\nprotocol = "grpc"\n'
               'compression = "none"\n[journal]\nmax = "1 GiB"\n[kvp]\nenabled = false\n'
               '[log]\nenabled = false\n[stderr]\nenabled = false\n') as agent:
        agent.start()
        yield agent


def received(port):
    """Spans that the drain has taken, from its own counters."""
    import urllib.request
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines()
               if line.startswith("otelcol_receiver_accepted_spans"))


def send(socket, protocol, file, spans):
    """Returns once all of it is answered; each connection has one request under way."""
    senders = [subprocess.Popen([BUILT.parent / "tests/otlp_send", f"--endpoint=unix://{socket}",
                                 f"--protocol={protocol}", "--timeout=60000"],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
               for _ in range(CONNECTIONS)]
    for sender in senders:
        sender.stdin.write(f"traces {file}\n" * (spans // PER_REQUEST // CONNECTIONS))
        sender.stdin.close()
    for sender in senders:
        refused = [line for line in sender.stdout if json.loads(line)["kind"] != "done"]
        assert sender.wait() == 0 and not refused, refused[0]


def measure(what, pid, socket, file, counted, spans):
    spans = spans // PER_REQUEST // CONNECTIONS * PER_REQUEST * CONNECTIONS
    before, taken = cpu_seconds(pid), received(counted)
    began = time.monotonic()
    send(socket, "grpc", file, spans)
    sent = time.monotonic()
    expected = taken + spans
    wait_until(lambda: received(counted) >= expected, f"all spans of {what} have arrived", 120)
    cpu = cpu_seconds(pid) - before
    print(f"{what:<44} {spans / cpu / 1000:9.0f} thousand spans per CPU-second, "
          f"{spans / (sent - began) / 1000:6.0f} thousand a second, the last "
          f"{(time.monotonic() - sent) * 1000:5.0f} ms late, {resident_mib(pid):4.0f} MiB", flush=True)


def main():
    program = build()
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sluice.")))
        shared = Shared(folder)
        shutil.copy(BUILT.parent / "lib/sluice/sluice-otlp.so", folder)
        sys.path.insert(0, str(shared.python))
        port, counted = free_port(), free_port()
        stack.enter_context(Collector(program, folder, "drain", drain_config(port, counted)))
        for extra in (SMALL, LARGE):
            file = folder / "request"
            request = request_of(extra)
            file.write_bytes(request)
            size = f"{len(request) // PER_REQUEST} B"
            with forwarding_agent(shared, port) as agent:
                measure(f"sluice, {size}", agent.pid(), agent.socket, file, counted, SPANS)
            for kind, storage in (("memory queue", None), ("fsynced file_storage", "queue")):
                path = folder / f"collector-{extra}-{bool(storage)}"
                (path / "queue").mkdir(parents=True)
                config = forwarder_config(path / "s", port, storage and path / storage)
                with Collector(program, path, "forwarder", config) as forwarder:
                    spans = SPANS // 8 if storage else SPANS
                    measure(f"Collector, {kind}, {size}", forwarder.pid, path / "s", file, counted, spans)


if __name__ == "__main__":
    main()
