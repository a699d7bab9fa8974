"""kill -9 of the agent under clients that export as OpenTelemetry's SDKs do, each request until it is
acknowledged: whatever was acknowledged is stored, and a kill doubles one request of a client at most."""

import collections
import os
import random
import threading
import time

import grpc
from harness import LONG, Agent, wait_until

KILLS = 100 if LONG else 20
BATCH = 5
CLIENTS = 2


class Exporter(threading.Thread):
    """Exports batches of spans, numbered by their names, as an SDK that retries does."""

    def __init__(self, socket, name):
        super().__init__()
        self.socket = socket
        self.name = name
        self.acknowledged = []
        self.stopping = threading.Event()
        self.failure = None
        self.start()

    def run(self):
        import otlp
        fast = [("grpc.use_local_subchannel_pool", 1), ("grpc.initial_reconnect_backoff_ms", 50),
                ("grpc.max_reconnect_backoff_ms", 200)]
        with otlp.channel(self.socket, fast) as channel:
            number = 0
            while not self.stopping.is_set():
                names = [f"{self.name}-{number + at}" for at in range(BATCH)]
                self.export(channel, otlp.traces(*[otlp.span(name) for name in names]))
                self.acknowledged += names
                number += BATCH

    def export(self, channel, request):
        import otlp
        end = time.monotonic() + 60
        while True:
            try:
                answer = otlp.export(channel, "traces", request, timeout=5)
                assert not answer.HasField("partial_success"), answer
                return
            except grpc.RpcError as error:
                if time.monotonic() > end:
                    self.failure = error
                    raise

    def stop(self):
        self.stopping.set()
        self.join()


def wait_for_progress(exporters):
    before = [len(exporter.acknowledged) for exporter in exporters]
    wait_until(lambda: all(len(exporter.acknowledged) > count or not exporter.is_alive()
                           for exporter, count in zip(exporters, before)),
               "every exporter is acknowledged something", deadline_s=60)


def test_nothing_acknowledged_is_lost_over_kills(shared):
    import telemetry
    seed = int(os.environ.get("SLUICE_SEED", time.time_ns() % 1_000_000))
    print(f"SLUICE_SEED={seed}")
    rng = random.Random(seed)
    with Agent(shared, supervised=True) as agent:
        agent.start()
        exporters = [Exporter(agent.socket, f"c{at}") for at in range(CLIENTS)]
        try:
            for _ in range(KILLS):
                wait_for_progress(exporters)
                time.sleep(rng.uniform(0, 0.03))
                pid = agent.pid()
                os.kill(pid, 9)
                wait_until(lambda: agent.pid() != pid, "the supervisor starts another")
        finally:
            for exporter in exporters:
                exporter.stop()
        agent.wait_ready()
        stored = collections.Counter(one.record.span.name for one in telemetry.stored(agent))
    for exporter in exporters:
        assert exporter.failure is None
        assert len(exporter.acknowledged) >= KILLS * BATCH, "the load was no load"
        assert [name for name in exporter.acknowledged if not stored[name]] == []
        doubles = sum(stored[name] - 1 for name in exporter.acknowledged)
        assert doubles <= KILLS * BATCH, "more than a request of a client doubled by a kill"
