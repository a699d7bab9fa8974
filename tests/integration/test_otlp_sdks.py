"""What OpenTelemetry's SDKs send, byte for byte, played to the agent: recorded from tests/interop/sdks by
tests/interop/test_opentelemetry_sdks.py, or built by tests/support/built_sdk_requests.py for those that do not run
there. They are seeds of the fuzz targets as well, whose first byte says in which pieces the rest comes."""

import contextlib
import json
import re
import socket

import built_sdk_requests
import pytest
from harness import REPOSITORY, ROOT, Agent, wait_until
from recorder import without_farewell
from sdk_traces import assert_trace

ALL_SEEDS = REPOSITORY / "tests/fuzz/seeds"
BUILT = sorted(ALL_SEEDS.glob("http[12]_fuzzer/built_*"))
SEEDS = sorted(ALL_SEEDS.glob("http[12]_fuzzer/sdk_*")) + BUILT
# sdk_python_grpc_gzip_0: of one run, a file for each of its connections.
RUNS = sorted({seed.name.rpartition("_")[0] for seed in SEEDS})


@pytest.fixture(name="agent", scope="module")
def agent_fixture(shared):
    with Agent(shared) as agent:
        yield agent.start()


def trace_ids(agent, service):
    done = agent.sluice("traces", "--service", service, "--json", "-n", "1000", check=False)
    return {trace["trace_id"] for trace in json.loads(done.stdout or '{"traces":[]}')["traces"]}


def requests(agent):
    """How many were taken, of each signal."""
    return {one["reason"]: one["value"] for one in agent.status()["counters"]
            if one["name"] == "otlp.requests"}


@pytest.mark.parametrize("run", RUNS)
def test_what_an_sdk_sent_is_understood(agent, run):
    service = re.match("(?:sdk|built)_([a-z]+)_", run)[1] + "-app"
    before, taken = trace_ids(agent, service), requests(agent)
    with contextlib.ExitStack() as open_until_then:
        for seed in SEEDS:
            if seed.name.rpartition("_")[0] == run:
                connection = open_until_then.enter_context(socket.socket(socket.AF_UNIX))
                connection.connect(str(agent.socket))
                connection.sendall(without_farewell(seed.read_bytes()[1:]))
        wait_until(lambda: requests(agent) == {signal: taken.get(signal, 0) + 1 for signal in
                                               ("traces", "logs", "metrics")}, "all is taken")
    [trace_id] = trace_ids(agent, service) - before
    assert_trace(agent, trace_id, service, ROOT)


def test_every_way_of_an_sdk_is_recorded():
    def recorded(sdk):
        return {run.partition(f"{sdk}_")[2] for run in RUNS if sdk in run}

    def in_each_coding(*protocols):
        return {f"{protocol}_{coding}" for protocol in protocols for coding in ("plain", "gzip")}

    for sdk in "node", "rust":
        assert recorded(sdk) == in_each_coding("grpc", "http_protobuf", "http_json")
    for sdk in "python", "go":
        assert recorded(sdk) == in_each_coding("grpc", "http_protobuf")
    assert recorded("java") == {"grpc_plain", "http_protobuf_gzip"}


def test_what_is_built_is_as_the_sdks_sources_say():
    built = built_sdk_requests.build()
    assert {str(seed.relative_to(ALL_SEEDS)) for seed in BUILT} == set(built)
    # Another zlib may compress the same to other bytes.
    assert [name for name, sent in built.items()
            if "_plain_" in name and (ALL_SEEDS / name).read_bytes() != sent] == []
