"""Unmodified OpenTelemetry SDKs, from their registries, run by an unprivileged user: what they export
reaches the journal as theirs, over the Unix socket where their language can, else by `sluice run --otlp`.
sdks/ has one program a language; all do the same."""

import json
import os
import pathlib
import re

import pytest
from harness import NOBODY, ROOT, Agent, run
from http2_frames import PREFACE
from otlp_peers import GrpcPeer
from recorder import Recorder, requests_of, scopes
from sdk_traces import assert_trace
from sdks import GRPC, JSON, PROTOBUF, SDKS, downloads, invocation

pytestmark = downloads

SCOPE = b"\n\x07interop"  # the name in an encoded scope
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
    command, environment = invocation(agent, sdk, way, protocol, socket)
    if coding == "gzip":
        environment["OTEL_EXPORTER_OTLP_COMPRESSION"] = coding
    done = run(command, uid=uid, env=environment, timeout=300)
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
