"""OpenTelemetry's Collector: built from the Go module proxy, once for each state of its builder.yaml, and
run with receivers that each write what they get to a file of their own."""

import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import pytest
from harness import DEADLINE_S, REPOSITORY, wait_until

SOURCE = REPOSITORY / "tests/interop/collector/builder.yaml"
CACHE = pathlib.Path(os.environ.get("SLUICE_INTEROP_CACHE", "/var/cache/sluice-interop"))
BUILDER = "go.opentelemetry.io/collector/cmd/builder@v0.161.0"


def build():
    """The program. Skips where there is no Go."""
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go here: nothing is exported to OpenTelemetry's Collector")
    folder = CACHE / "collector"
    program, made_of = folder / "source/collector", folder / "made_of"
    if not made_of.exists() or made_of.read_text() != SOURCE.read_text():
        folder.mkdir(parents=True, exist_ok=True)
        for command in ([go, "install", BUILDER],
                        [folder / "builder", "--config", SOURCE, "--output-path", folder / "source"]):
            done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                                  timeout=1500, check=False,
                                  env={**os.environ, "GOBIN": str(folder)})
            assert done.returncode == 0, done.stdout + done.stderr
        made_of.write_text(SOURCE.read_text())
    return program


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


class Collector:
    """A context manager. `receivers`: {name: {"grpc" or "http": its configuration}}; `.files` has for each
    name the file that gets what comes there, as OTLP's JSON lines."""

    def __init__(self, program, folder, receivers):
        self.program = program
        self.folder = pathlib.Path(folder)
        self.files = {name: self.folder / f"{name}.jsonl" for name in receivers}
        self.log = self.folder / "collector.log"
        self.config = self.folder / "collector.yaml"
        self.process = None
        pipelines = {f"{kind}/{name}": {"receivers": [f"otlp/{name}"], "exporters": [f"file/{name}"]}
                     for name in receivers for kind in ("traces", "logs", "metrics")}
        # YAML takes JSON.
        self.config.write_text(json.dumps({
            "receivers": {f"otlp/{name}": {"protocols": one} for name, one in receivers.items()},
            "exporters": {f"file/{name}": {"path": str(path), "flush_interval": "50ms", "append": True}
                          for name, path in self.files.items()},
            "service": {"telemetry": {"metrics": {"level": "none"}}, "pipelines": pipelines}}))

    def start(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen([self.program, "--config", self.config], stderr=log,
                                            stdout=log)
        wait_until(lambda: "Everything is ready" in self.log.read_text()
                   or self.process.poll() is not None, "the Collector is ready", 3 * DEADLINE_S)
        assert self.process.poll() is None, self.log.read_text()
        return self

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(DEADLINE_S)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_exception):
        self.kill()

    def requests(self, name):
        path = self.files[name]
        # The last line may be under way.
        lines = path.read_text().split("\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]
