"""The agent exports to OpenTelemetry backends on a network and on this host, and tells how they are."""

import pathlib
import socket
import time

import otlp_peers as peers
import pytest
from harness import Agent, wait_until
from otlp_peers import GrpcPeer, HttpPeer

pytestmark = pytest.mark.usefixtures("otlp_module")

CONFIG = '[otlp]\nendpoint = "{endpoint}"\nprotocol = "{protocol}"\nbatch_delay = "10ms"\n'


def configured(endpoint, protocol="auto"):
    return CONFIG.format(endpoint=endpoint, protocol=protocol)


def otlp(agent):
    [sink] = [one for one in agent.status()["sinks"] if one["name"] == "otlp"]
    return sink


def seen(peer, word):
    """Whether a request has it in its bytes, however it is encoded."""
    bodies = [one["body"] if isinstance(one, dict) else one[1] for one in peer.requests]
    return any(word.encode() in body for body in bodies)


@pytest.mark.parametrize("kind", ["grpc", "grpc over a unix socket", "http/protobuf", "http/json"])
def test_spans_and_events_arrive(shared, tmp_path, kind):
    unix = tmp_path / "s" if "unix" in kind else None
    peer = GrpcPeer(unix=unix) if kind.startswith("grpc") else HttpPeer()
    with peer, Agent(shared, config=configured(peer.endpoint, kind.split()[0])) as agent:
        agent.start()
        agent.sluice("run", "--name", "the span", "--", shared.sluice, "event", "the event")
        agent.sluice("flush", "--sink", "otlp", "--timeout", "15s")
        assert seen(peer, "the span") and seen(peer, "the event") and seen(peer, "sluice.uid")
        sink = otlp(agent)
        assert sink["state"] == "ok" and f"({kind.split()[0]})" in sink["destination"]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def test_a_collector_that_comes_late_gets_all_and_retry_skips_the_wait(shared):
    port = free_port()
    with Agent(shared, config=configured(f"http://localhost:{port}", "grpc")) as agent:
        agent.start()
        agent.sluice("event", "before")
        wait_until(lambda: otlp(agent)["state"] == "failing", "the export fails")
        with GrpcPeer(port=port) as peer:
            wait_until(lambda: agent.sluice("otlp", "retry").stdout and seen(peer, "before"),
                       "the event arrives")
            wait_until(lambda: agent.sluice("otlp", "retry").stdout == "none waits\n", "all is well")


def test_an_agent_with_a_dead_collector_stops_at_once(shared):
    with Agent(shared, config=configured(f"http://localhost:{free_port()}")) as agent:
        agent.start()
        agent.sluice("event", "to nobody")
        wait_until(lambda: otlp(agent)["state"] == "failing", "the export fails")
        begin = time.monotonic()
        assert agent.stop() == 0
        assert time.monotonic() - begin < 3


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_the_agents_own_socket_is_refused(shared, protocol):
    with Agent(shared) as agent:
        agent.config_path.write_text(configured(f"unix://{agent.socket}", protocol))
        agent.start()
        agent.sluice("event", "to myself")
        wait_until(lambda: "own socket" in otlp(agent)["last_error"], "it says so")


def test_test_says_what_comes_of_each_step(shared):
    with GrpcPeer() as peer, Agent(shared, config=configured(peer.endpoint, "grpc")) as agent:
        agent.start()
        told = agent.sluice("otlp", "test", "--span").stdout
        for signal in ("traces", "logs", "metrics"):
            assert f"otlp {signal}: export OK (" in told and f"otlp {signal}: ok\n" in told, told
        assert f"otlp traces: connect {peer.endpoint} (" in told
        assert [request for method, request, *_ in peer.requests if "Trace" not in method] == [b""] * 2
        assert seen(peer, "sluice otlp test")
        steps = agent.sluice("otlp", "test", "--json").stdout
        assert '"verdict"' in steps


def test_tests_exit_code_tells_refused_from_unreachable(shared):
    def refuse(_):
        return 401, {}, b"who are you"
    with HttpPeer(refuse) as peer, Agent(shared, config=configured(peer.endpoint)) as agent:
        agent.start()
        refused = agent.sluice("otlp", "test", check=False)
        assert refused.returncode == 1 and "who are you" in refused.stdout
        away = agent.sluice("otlp", "test", "--endpoint", f"http://localhost:{free_port()}",
                            check=False)
        assert away.returncode == 3 and "unreachable" in away.stdout
        for arguments, words in ((["otlp.none"], "no [otlp.none]"),
                                 (["--endpoint", "http://"], "names no host"),
                                 (["--endpoint", "file:///x"], "not on a network nor a Unix socket")):
            other = agent.sluice("otlp", "test", *arguments, check=False)
            assert words in other.stdout + other.stderr, other


def test_without_a_destination_there_is_nothing_to_test(agent):
    told = agent.sluice("otlp", "test", check=False)
    assert told.returncode == 2 and "no export by OTLP is configured" in told.stderr
    assert agent.sluice("otlp", "retry").stdout == "none waits\n"
    assert "libcurl" not in pathlib.Path(f"/proc/{agent.pid()}/maps").read_text()


def test_an_agent_without_the_module_says_so_and_works(shared):
    (shared.folder / "sluice-otlp.so").rename(shared.folder / "away.so")
    try:
        with Agent(shared, config=configured("http://localhost:4317")) as agent:
            agent.start()
            agent.sluice("event", "hello")
            wait_until(lambda: "sluice-otlp.so" in otlp(agent)["last_error"], "it says so")
            wait_until(lambda: "hello" in agent.log(), "the log has it")
    finally:
        (shared.folder / "away.so").rename(shared.folder / "sluice-otlp.so")
