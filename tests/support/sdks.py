"""OpenTelemetry's SDKs, from their registries: how the programs of tests/interop/sdks are made, and started
against an agent."""

import json
import os
import subprocess

import pytest
from downloads import Program, build
from harness import NOBODY, REPOSITORY, as_user

HERE = REPOSITORY / "tests/interop/sdks"
GRPC, PROTOBUF, JSON = "grpc", "http/protobuf", "http/json"

# For a module whose tests run them.
downloads = pytest.mark.skipif(os.environ.get("SLUICE_DOWNLOADS") != "1",
                               reason="OpenTelemetry's SDKs are downloaded only by "
                                      "tests/run --only interop")


class Sdk(Program):
    """A language's program, which exports by its SDK."""

    protocols = ()    # that it speaks
    by_socket = ()    # of these, over the Unix socket
    user_agent = ""   # what it names itself, at least once

    @classmethod
    def language(cls):
        """What `sluice env --lang` takes."""
        return cls.name()

    def __init__(self):
        super().__init__(HERE / self.name())


class Python(Sdk):
    protocols = GRPC, PROTOBUF
    by_socket = GRPC, PROTOBUF
    user_agent = "OTel-OTLP-Exporter-Python/"

    def make(self):
        build("/usr/bin/python3", "-m", "venv", self.folder / "venv")
        build(self.folder / "venv/bin/python", "-m", "pip", "install", "--quiet", "--requirement",
              self.folder / "requirements.txt")

    def command(self):
        return [self.folder / "venv/bin/python", self.folder / "main.py"]


class Go(Sdk):
    needs = ("go",)
    protocols = GRPC, PROTOBUF
    by_socket = GRPC, PROTOBUF
    user_agent = "OTel Go OTLP over "

    def make(self):
        build("go", "build", "-o", "main", ".", cwd=self.folder)

    def command(self):
        return [self.folder / "main"]


class Node(Sdk):
    needs = "node", "npm"
    protocols = GRPC, PROTOBUF, JSON
    by_socket = GRPC, PROTOBUF, JSON
    user_agent = "OTel-OTLP-Exporter-JavaScript/"

    @classmethod
    def language(cls):
        return "js"

    def make(self):
        build("npm", "install", "--legacy-peer-deps", "--no-audit", "--no-fund", "--ignore-scripts",
              cwd=self.folder)

    def command(self):
        return ["node", self.folder / "main.js"]


class Rust(Sdk):
    needs = ("cargo",)
    protocols = GRPC, PROTOBUF, JSON
    by_socket = (GRPC,)
    user_agent = "OTel-OTLP-Exporter-Rust/"

    def make(self):
        build("cargo", "build", "--quiet", "--release", cwd=self.folder)

    def command(self):
        return [self.folder / "target/release/sdk"]


class Java(Sdk):
    needs = "javac", "mvn"
    protocols = GRPC, PROTOBUF
    user_agent = "OTel-OTLP-Exporter-Java/"

    def make(self):
        build("mvn", "--quiet", "--batch-mode", f"-Dmaven.repo.local={self.folder}/repository",
              "dependency:copy-dependencies", f"-DoutputDirectory={self.folder}/lib", cwd=self.folder)
        build("javac", "-encoding", "UTF-8", "-cp", "lib/*", "-d", ".", "Main.java", cwd=self.folder)

    def command(self):
        return ["java", "-XX:TieredStopAtLevel=1", "-cp", f"{self.folder}:{self.folder}/lib/*", "Main"]


SDKS = (Python, Go, Node, Rust, Java)


def invocation(agent, sdk, way, protocol, socket=None):
    """(command, environment) with which the program exports to the agent, by its `socket` or by
    `sluice run --otlp`. Skips where the SDK cannot."""
    socket = socket or agent.socket
    if protocol not in (sdk.by_socket if way == "socket" else sdk.protocols):
        pytest.skip(f"{sdk.name()} has no {protocol} by {way}")
    environment = {"OTEL_SERVICE_NAME": f"{sdk.name()}-app", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
                   "HOME": "/nonexistent", "SLUICE_SOCKET": str(socket)}
    command = [*sdk.command(), protocol]
    if way == "run":
        return [agent.shared.sluice, "run", "--otlp", "--", *command], environment
    said = agent.sluice("env", "--otel", "--lang", sdk.language(), "--json", "--socket", socket)
    return [*command, socket], {**json.loads(said.stdout)["environment"], **environment}


class Steady:
    """A program that exports a span each 50 ms, named by its number, until it is stopped. A context
    manager, which kills what is left of it."""

    def __init__(self, agent, sdk, way, protocol, **environment):
        command, said = invocation(agent, sdk, way, protocol)
        self.name = f"{sdk.name()}-{protocol.replace('/', '-')}"
        self.output = agent.folder / f"{self.name}.out"
        self.errors = agent.folder / f"{self.name}.err"
        environment = {"PATH": "/usr/local/bin:/usr/bin:/bin", **said, "OTEL_SERVICE_NAME": self.name,
                       "STEADY": "1", "OTEL_BSP_SCHEDULE_DELAY": "100", **environment}
        with open(self.output, "wb") as output, open(self.errors, "wb") as errors:
            self.process = subprocess.Popen([str(word) for word in command], env=environment,
                                            stdin=subprocess.PIPE, stdout=output, stderr=errors,
                                            cwd="/tmp", **as_user(NOBODY))

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        # Which also ends what `sluice run` has started.
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()

    def acknowledged(self):
        """The names in each export that was, so far."""
        return [line.split() for line in self.output.read_text().split("\n")[:-1]]

    def stop(self):
        """Has it export what is left. (exports that were acknowledged, spans that there were)"""
        self.process.stdin.close()
        assert self.process.wait(60) == 0, self.errors.read_text()
        *exports, [made] = self.acknowledged()
        return exports, int(made)
