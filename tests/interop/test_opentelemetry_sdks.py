"""Unmodified OpenTelemetry SDKs, from their registries, run by an unprivileged user: what they export
reaches the journal as theirs, over the Unix socket where their language can, else by `sluice run --otlp`.
sdks/ has one program a language; all do the same. They are downloaded and built only by
tests/run --only interop, into a folder outside the clone."""

import json
import os
import pathlib
import re

import pytest
from downloads import Program, build
from harness import NOBODY, REPOSITORY, ROOT, Agent, run
from http2_frames import PREFACE
from otlp_peers import GrpcPeer
from recorder import Recorder, requests_of, scopes
from sdk_traces import assert_trace

HERE = REPOSITORY / "tests/interop/sdks"

pytestmark = pytest.mark.skipif(os.environ.get("SLUICE_DOWNLOADS") != "1",
                                reason="OpenTelemetry's SDKs are downloaded only by "
                                       "tests/run --only interop")

SCOPE = b"\n\x07interop"  # the name in an encoded scope
GRPC, PROTOBUF, JSON = "grpc", "http/protobuf", "http/json"


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
WAYS = [(protocol, coding, way) for protocol in (GRPC, PROTOBUF, JSON) for coding in ("plain", "gzip")
        for way in ("socket", "run")]
by_each_way = pytest.mark.parametrize("protocol, coding, way", WAYS,
                                      ids=["-".join(way) for way in WAYS])


@pytest.fixture(name="sdk", params=SDKS, ids=lambda sdk: sdk.name(), scope="module")
def sdk_fixture(request):
    return request.param()


@pytest.fixture(name="peer", scope="module")
def peer_fixture(tmp_path_factory):
    with GrpcPeer(unix=tmp_path_factory.mktemp("peer") / "s") as peer:
        yield peer


@pytest.fixture(name="agent", scope="module")
def agent_fixture(shared, otlp_module, peer):
    config = f'[otlp]\nendpoint = "{peer.endpoint}"\nbatch_delay = "10ms"\n[log]\nformat = "json"\n'
    with Agent(shared, config=config) as agent:
        yield agent.start()


def export(agent, sdk, way, protocol, coding, socket=None, uid=NOBODY):
    """Runs the program against the agent; the id of its trace."""
    socket = socket or agent.socket
    if protocol not in (sdk.by_socket if way == "socket" else sdk.protocols):
        pytest.skip(f"{sdk.name()} has no {protocol} by {way}")
    env = {"OTEL_SERVICE_NAME": f"{sdk.name()}-app", "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
           "HOME": "/nonexistent", "SLUICE_SOCKET": str(socket)}
    if coding == "gzip":
        env["OTEL_EXPORTER_OTLP_COMPRESSION"] = coding
    command = [*sdk.command(), protocol]
    if way == "socket":
        said = agent.sluice("env", "--otel", "--lang", sdk.language(), "--json", "--socket", socket)
        done = run([*command, socket], uid=uid,
                   env={**json.loads(said.stdout)["environment"], **env})
    else:
        done = run([agent.shared.sluice, "run", "--otlp", "--", *command], uid=uid, env=env,
                   timeout=300)
    assert done.stderr == ""
    assert re.fullmatch("[0-9a-f]{32}\n", done.stdout)
    return done.stdout.strip()


def taken_metrics(agent):
    return sum(one["value"] for one in agent.status()["counters"]
               if (one["name"], one.get("reason")) == ("otlp.requests", "metrics"))


@by_each_way
def test_an_sdk_is_heard_as_its_user(agent, sdk, protocol, coding, way):
    metrics = taken_metrics(agent)
    trace_id = export(agent, sdk, way, protocol, coding)
    assert_trace(agent, trace_id, f"{sdk.name()}-app", NOBODY)
    assert trace_id in agent.sluice("traces", "--uid", str(NOBODY), "--json").stdout
    assert taken_metrics(agent) == metrics + 1
    agent.flush()
    lines = [json.loads(line) for line in agent.log().splitlines()]
    [line] = [line for line in lines
              if (line.get("trace_id"), line.get("message")) == (trace_id, "disk nearly full")]
    assert (line["_uid"], line["level"]) == (NOBODY, "WARN")
    peers = agent.status()["peers"]
    assert any(sdk.user_agent in peer["user_agent"] for peer in peers), \
        {peer["user_agent"] for peer in peers}
    assert {peer["identity"]["uid"] for peer in peers} <= {NOBODY, ROOT}


@by_each_way
def test_what_an_sdk_sends_leaves_as_it_came(agent, peer, sdk, protocol, coding, way):
    """Every scope, byte for byte, of all three signals. What is sent is kept in SLUICE_RECORD, where that
    names a folder: the captured requests of tests/fuzz/seeds are such."""
    with Recorder(agent.folder / "r", agent.socket) as recorder:
        del peer.requests[:]
        export(agent, sdk, way, protocol, coding, socket=recorder.path)
        agent.sluice("flush", "--all", "--sink", "otlp", "--timeout", "15s")
        sent = recorder.take()
    exports = [one for one in sent if any(SCOPE in request or b'"interop"' in request
                                          for request in requests_of(one))]
    folder = os.environ.get("SLUICE_RECORD")
    if folder and way == ("socket" if protocol in sdk.by_socket else "run"):
        keep(folder, f"sdk_{sdk.name()}_{protocol.replace('/', '_')}_{coding}", exports)
    left = programs_scopes(request[1] for request in peer.requests)
    assert len(left) == 3
    if protocol != JSON:
        assert left == programs_scopes(request for one in exports for request in requests_of(one))


def programs_scopes(requests):
    """Sorted; without those of the span of `run`, and of what an SDK measures of itself."""
    return sorted(scope for request in requests for scope in scopes(request) if SCOPE in scope[:16])


def keep(folder, name, connections):
    """As seeds of the fuzz targets: behind a byte that says in which pieces it comes."""
    for number, sent in enumerate(connections):
        target = "http2_fuzzer" if sent.startswith(PREFACE) else "http1_fuzzer"
        (pathlib.Path(folder) / target).mkdir(parents=True, exist_ok=True)
        (pathlib.Path(folder) / target / f"{name}_{number}").write_bytes(b"\0" + sent)
