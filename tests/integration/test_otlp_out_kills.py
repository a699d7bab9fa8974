"""The export loses nothing, whatever dies: the destination is away at first, killed, slow and answers in every
way that asks for patience; the agent is killed. Beside it other sinks and other destinations go on."""

import socket
import subprocess
import threading
import time

import grpc
import otlp_peers
import pytest
from harness import BUILT, LONG, NOBODY, REPOSITORY, Agent, wait_until
from otlp_peers import GrpcPeer

pytestmark = pytest.mark.usefixtures("otlp_module")

SPANS = 1_000_000 if LONG else 20_000
KILLS = 20 if LONG else 3
PER_EMIT = 500
# A request of so many bytes has about 250 spans.
CONFIG = """
[journal]
max = "1 GiB"
[otlp]
endpoint = "http://localhost:{port}"
protocol = "grpc"
batch_bytes = "64 KiB"
{more}
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as one:
        return one.getsockname()[1]


def sink(agent, name="otlp"):
    [found] = [one for one in agent.status()["sinks"] if one["name"] == name]
    return found


class Impatient:
    """A destination that takes three requests of four, and the others when they come again. Splits are asked for
    only where there is something to split, since a lone record would be at fault."""

    REFUSALS = [(grpc.StatusCode.UNAVAILABLE, {}), (grpc.StatusCode.ABORTED, {}),
                (grpc.StatusCode.INTERNAL, {}), (grpc.StatusCode.CANCELLED, {}),
                (grpc.StatusCode.INVALID_ARGUMENT, {}), (grpc.StatusCode.DATA_LOSS, {}),
                (grpc.StatusCode.RESOURCE_EXHAUSTED, {"grpc-retry-pushback-ms": "20"}),
                (grpc.StatusCode.UNKNOWN, {}), (grpc.StatusCode.DEADLINE_EXCEEDED, {})]

    def __init__(self):
        self.lock = threading.Lock()
        self.taken = []  # the ids in each request
        self.asked = 0

    def __call__(self, method, request, context):
        from sluice.otlp.v1 import collector_pb2
        if method != otlp_peers.TRACES or not request:
            return b""
        message = collector_pb2.ExportTraceServiceRequest.FromString(request)
        ids = [span.span_id for group in message.resource_spans for scope in group.scope_spans
               for span in scope.spans]
        with self.lock:
            self.asked += 1
            number = self.asked
        if number % 10 == 0:
            time.sleep(0.02)
        if number % 4 == 0 and len(ids) > 1:
            code, metadata = self.REFUSALS[number // 4 % len(self.REFUSALS)]
            context.set_trailing_metadata(tuple(metadata.items()))
            context.abort(code, "not now")
        with self.lock:
            self.taken.append(ids)
        return b""

    def count(self):
        with self.lock:
            return len({one for ids in self.taken for one in ids})


def emit_spans(agent, first, count):
    """Their ids are their numbers. Each is acknowledged when this returns."""
    import telemetry
    for begin in range(first, first + count, PER_EMIT):
        records = []
        for number in range(begin, min(begin + PER_EMIT, first + count)):
            span = telemetry.Span("work", trace_id=(number + 1).to_bytes(16, "big"))
            span.span_id = (number + 1).to_bytes(8, "big")
            records.append(span.whole(path=f"/item/{number}", kind="a value of some length"))
        telemetry.emit(agent.socket, *records, timeout=60)


def test_each_span_arrives_and_hardly_any_twice(shared):
    port = free_port()
    destination = Impatient()
    with Agent(shared, config=CONFIG.format(port=port, more="")) as agent:
        agent.start()
        peer = None
        sent = 0
        try:
            for number in range(KILLS + 1):
                emit_spans(agent, sent, SPANS // (KILLS + 1))
                sent += SPANS // (KILLS + 1)
                if number == 0:
                    wait_until(lambda: sink(agent)["state"] == "failing", "nobody is there yet")
                    agent.sluice("flush", "--sink", "file", "--timeout", "15s")
                    assert sink(agent, "file")["behind"] == 0 < sink(agent)["behind"]
                if peer:
                    peer.server.stop(None)
                before = destination.count()
                peer = GrpcPeer(destination, port=port)
                peer.server.start()
                agent.sluice("otlp", "retry")
                wait_until(lambda before=before: destination.count() > before, "some arrive")
                if number < KILLS:
                    agent.kill()
                    agent.start()
            deadline = 1800 if LONG else 60
            wait_until(lambda: agent.sluice("otlp", "retry") and destination.count() >= sent,
                       "all have arrived", deadline)
        finally:
            if peer:
                peer.server.stop(None).wait(20)
        counters = agent.status()["counters"]
        assert not [one for one in counters if one["name"] in ("otlp.dropped", "journal.dropped")]
    seen = set()
    repeats = 0
    for ids in destination.taken:
        repeats += bool(seen & set(ids))
        seen.update(ids)
    assert seen == {(number + 1).to_bytes(8, "big") for number in range(sent)}
    # What was repeated may come cut otherwise than it went.
    assert repeats <= 2 * 2 * KILLS, "each kill, of either side, repeats one request"


def test_a_dead_destination_holds_up_no_other_and_catches_up(shared):
    import telemetry
    dead = free_port()
    with GrpcPeer() as alive:
        more = f'[otlp.second]\nendpoint = "{alive.endpoint}"\nprotocol = "grpc"\n'
        with Agent(shared, config=CONFIG.format(port=dead, more=more)) as agent:
            agent.start()
            for number in range(5):
                telemetry.emit(agent.socket, telemetry.Span(f"work {number}").whole())
            agent.sluice("flush", "--sink", "otlp.second", "--timeout", "15s")
            assert sink(agent, "otlp.second")["behind"] == 0
            assert b"work 4" in b"".join(request for _method, request, *_ in alive.requests)
            wait_until(lambda: int(sink(agent)["next_attempt_unix_nano"]) > 0, "it waits")
            status = sink(agent)
            assert status["state"] == "failing" and status["behind"] > 0
            assert int(status["oldest_unix_nano"]) > 0
            text = agent.sluice("status", check=False).stdout
            assert " behind for " in text and "Exports\n" in text, text
            with GrpcPeer(port=dead) as late:
                wait_until(lambda: agent.sluice("otlp", "retry") and sink(agent)["behind"] == 0,
                           "it has caught up")
                assert b"work 0" in b"".join(request for _method, request, *_ in late.requests)
            [traces] = [one for one in sink(agent)["exports"]["signals"] if one["name"] == "traces"]
            assert traces["sent"] == 5 and not traces["dropped"]


def test_without_a_network_it_is_ready_and_stops_as_fast(shared):
    def times(config):
        with Agent(shared, config=config) as agent:
            began = time.monotonic()
            agent.start()
            ready = time.monotonic() - began
            agent.sluice("event", "hello")
            if config:
                wait_until(lambda: sink(agent)["last_error"], "it has tried")
            began = time.monotonic()
            assert agent.stop() == 0
            return ready, time.monotonic() - began
    plain, _ = times("")
    ready, stopped = times('[otlp]\nendpoint = "http://collector.invalid:4317"\n')
    assert ready < plain + 0.5
    assert stopped <= 1


EIGHT = r"""
#include <sluice/sluice.h>
#include <time.h>

static const char* const kNames[] = {"execution",  "run",    "agent", "task", "api_invoke",
                                     "model_call", "openai", "tool"};

/* A chain: each does its part before and after the one in it. */
static void work(int depth) {
  if (depth == 8) return;
  sluice_attribute run_id = {sluice_str("vllora.run_id"), SLUICE_STRING, {.text = sluice_str("r1")}};
  sluice_span_options options = {.size = sizeof options, .target = sluice_str("vllora::user_tracing"),
                                 .level = SLUICE_INFO, .attributes = &run_id, .attribute_count = 1};
  sluice_span span = sluice_span_start(sluice_str(kNames[depth]), &options);
  const struct timespec pause = {0, 5000000};
  nanosleep(&pause, NULL);
  work(depth + 1);
  sluice_span_end(span);
}

int main(void) {
  work(0);
  return 0;
}
"""


BATCHES = {"full": 'batch_records = 8\nbatch_delay = "1h"', "timed out": 'batch_delay = "100ms"',
           "flushed": 'batch_delay = "1h"'}


@pytest.mark.parametrize("why", BATCHES)
def test_a_chain_of_eight_spans_arrives_though_the_collector_comes_late(shared, why):
    program = shared.folder / "eight"
    if not program.exists():
        subprocess.run(["cc", "-std=gnu11", "-Wall", "-Werror", f"-I{REPOSITORY}/client/include", "-x", "c",
                        "-", "-o", program, f"-L{BUILT.parent}/lib", "-lsluice",
                        f"-Wl,-rpath,{BUILT.parent}/lib"], input=EIGHT, text=True, check=True)
    port = free_port()
    config = f'[otlp]\nendpoint = "http://localhost:{port}"\nprotocol = "grpc"\n{BATCHES[why]}\n'
    with Agent(shared, config=config) as agent:
        agent.start()
        subprocess.run([program], env={"SLUICE_SOCKET": str(agent.socket)}, check=True, timeout=20)
        if why != "flushed":
            wait_until(lambda: sink(agent)["state"] == "failing", "it finds nobody")
        with GrpcPeer(port=port) as peer:
            if why == "flushed":
                agent.sluice("flush", "--sink", "otlp", "--timeout", "15s")
            wait_until(lambda: agent.sluice("otlp", "retry") and peer.requests, "they have arrived")
            assert_the_chain(peer)


def assert_the_chain(peer):
    from sluice.otlp.v1 import collector_pb2
    requests = [request for method, request, *_ in peer.requests if method == otlp_peers.TRACES]
    [request] = [collector_pb2.ExportTraceServiceRequest.FromString(one) for one in requests if one]
    [group] = request.resource_spans
    [scope] = group.scope_spans
    spans = list(scope.spans)
    assert [span.name for span in reversed(spans)] == [
        "execution", "run", "agent", "task", "api_invoke", "model_call", "openai", "tool"], "ends first"
    assert len({span.span_id for span in spans}) == 8
    assert len({span.trace_id for span in spans}) == 1
    for inner, outer in zip(spans, spans[1:]):
        assert inner.parent_span_id == outer.span_id
        assert outer.start_time_unix_nano <= inner.start_time_unix_nano
        assert inner.end_time_unix_nano <= outer.end_time_unix_nano
        assert inner.end_time_unix_nano - inner.start_time_unix_nano >= 5_000_000
    assert not spans[-1].parent_span_id
    [version] = {span.trace_id[6] >> 4 for span in spans}
    assert version == 4
    assert all([attribute.key for attribute in span.attributes] == ["vllora.run_id"] for span in spans)
