#!/usr/bin/python3
"""Measures how late spans are at a destination of OTLP: at a steady rate, with how much of a processor the agent
takes for it; and how many go through where the destination takes 100 ms for each answer. Spans come by gRPC in
requests over one connection of a Unix socket and go out by gRPC. Run after building the release preset:

    cmake --build --preset release
    tests/bench/otlp_lag.py [SECONDS]
"""

import shutil
import sys
import tempfile
import time
from concurrent import futures

import grpc

from otlp_beside_collector import cpu_seconds, forwarding_agent
from harness import BUILT, Shared, wait_until
from otlp_peers import Sender

SECONDS = int(sys.argv[1]) if len(sys.argv) > 1 else 10
EXPORT = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
PARENT = b"parent_1"  # once in each span


class Destination(grpc.GenericRpcHandler):
    """Answers `delay` seconds after it got a request, and keeps when how many spans came."""

    def __init__(self, delay=0.0):
        self.delay = delay
        self.arrivals = []  # (when, how many)
        self.server = grpc.server(futures.ThreadPoolExecutor(4), handlers=[self],
                                  options=[("grpc.max_receive_message_length", -1)])
        self.port = self.server.add_insecure_port("127.0.0.1:0")

    def service(self, handler_call_details):
        assert handler_call_details.method == EXPORT
        return grpc.unary_unary_rpc_method_handler(self.take)

    def take(self, request, _context):
        self.arrivals.append((time.monotonic(), request.count(PARENT)))
        time.sleep(self.delay)
        return b""

    def spans(self):
        return sum(count for _when, count in self.arrivals)

    def __enter__(self):
        self.server.start()
        return self

    def __exit__(self, *_exception):
        self.server.stop(None)


def request_of(spans):
    import otlp
    attributes = otlp.attributes(**{key: "a value of twenty" for key in (
        "http__request__method", "url__path", "server__address", "user_agent__name")})
    return otlp.traces(*(otlp.span("GET /index.html", parent=PARENT, attributes=attributes)
                         for _ in range(spans))).SerializeToString()


def sender_to(agent):
    return Sender(f"unix://{agent.socket}", "--protocol=grpc", "--timeout=60000")


def expect_answers(sender, count):
    for _ in range(count):
        answer = sender.answer()
        assert answer["kind"] == "done", answer


def send_paced(sender, file, rate, per_request):
    """When each request was handed over."""
    handed = []
    begin = time.monotonic()
    for number in range(SECONDS * rate // per_request):
        time.sleep(max(0, begin + number * per_request / rate - time.monotonic()))
        handed.append(time.monotonic())
        sender.write(f"traces {file}")
    return handed


def lags(handed, per_request, arrivals):
    """Of each span, in order, in milliseconds."""
    arrived = [when for when, count in arrivals for _ in range(count)]
    sent = [when for when in handed for _ in range(per_request)]
    assert len(arrived) == len(sent), (len(arrived), len(sent))
    return sorted((to - at) * 1000 for at, to in zip(sent, arrived))


def measure_lag(shared, file, rate, per_request):
    file.write_bytes(request_of(per_request))
    with Destination() as destination, forwarding_agent(shared, destination.port) as agent, \
            sender_to(agent) as sender:
        sender.send(file=file)  # connects all of it
        wait_until(lambda: destination.spans() == per_request, "the first ones have come")
        destination.arrivals.clear()
        before = cpu_seconds(agent.pid())
        handed = send_paced(sender, file, rate, per_request)
        expect_answers(sender, len(handed))
        wait_until(lambda: destination.spans() == len(handed) * per_request, "all have come")
        cpu = cpu_seconds(agent.pid()) - before
        late = lags(handed, per_request, destination.arrivals)
        p50, p99 = (late[int(len(late) * part)] for part in (0.5, 0.99))
        print(f"{rate} spans/s in requests of {per_request:3}: p50 {p50:4.0f} ms late, p99 {p99:4.0f} ms; "
              f"{cpu / SECONDS * 100:4.1f} % of a processor, {len(destination.arrivals) / SECONDS:4.1f} requests/s",
              flush=True)


def measure_slow_answers(shared, file, delay, per_request):
    file.write_bytes(request_of(per_request))
    requests = SECONDS * 100_000 // per_request
    with Destination(delay) as destination, forwarding_agent(shared, destination.port) as agent, \
            sender_to(agent) as sender:
        begin = time.monotonic()
        for _ in range(requests):
            sender.write(f"traces {file}")
        expect_answers(sender, requests)
        wait_until(lambda: destination.spans() == requests * per_request, "all have come", 300)
        took = time.monotonic() - begin
        print(f"answers after {delay * 1000:.0f} ms: {requests * per_request / took / 1000:.0f} thousand spans/s, "
              f"{requests * per_request / len(destination.arrivals):.0f} a request", flush=True)


def main():
    with tempfile.TemporaryDirectory(prefix="sluice.") as folder:
        shared = Shared(folder)
        shutil.copy(BUILT.parent / "lib/sluice/sluice-otlp.so", folder)
        file = shared.folder / "request"
        for per_request in (100, 512):
            measure_lag(shared, file, 20_000, per_request)
        measure_slow_answers(shared, file, 0.1, 512)


if __name__ == "__main__":
    main()
