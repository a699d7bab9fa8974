"""kill -9 of the agent, again and again under load: what was acknowledged is in the log at least
once and in the pool exactly once, and open spans of live clients go on."""

import collections
import os
import random
import re
import threading
import time

import grpc
from harness import LONG, Agent, wait_until

KILLS = 1000 if LONG else 200
POOL_EVENTS = 850  # below what the pool keeps
BATCH = 3


class Emitter(threading.Thread):
    """Emits batches of numbered events, each until it is acknowledged."""

    def __init__(self, socket, name, pool_events):
        super().__init__()
        self.socket = socket
        self.name = name
        self.acknowledged = []
        self.in_pool = []
        self.pool_events = pool_events
        self.stopping = threading.Event()
        self.failure = None
        self.start()

    def run(self):
        import telemetry
        client_id, sequence = os.urandom(16), 1
        with telemetry.channel(self.socket) as channel:
            while not self.stopping.is_set():
                texts = [f"{self.name}-{sequence + at}." for at in range(BATCH)]
                records = [telemetry.event(text, target="bulk") for text in texts]
                if len(self.in_pool) < self.pool_events and sequence % (5 * BATCH) == 1:
                    records[0] = telemetry.event(texts[0], target="selected")
                self.emit(channel, records, client_id, sequence)
                self.acknowledged += texts
                if records[0].target == "selected":
                    self.in_pool.append(texts[0])
                sequence += BATCH

    def emit(self, channel, records, client_id, sequence):
        from sluice.v1 import ingest_pb2, ingest_pb2_grpc
        request = ingest_pb2.EmitRequest(
            client_id=client_id, batch=dict(records=records, first_sequence=sequence))
        stub = ingest_pb2_grpc.IngestStub(channel)
        end = time.monotonic() + 120
        while True:
            try:
                stub.Emit(request, timeout=5)
                return
            except grpc.RpcError as error:
                if time.monotonic() > end:
                    self.failure = error
                    raise

    def stop(self):
        self.stopping.set()
        self.join()


class OpenSpan:
    """A span of this process that stays open over every kill, stated again on each new stream."""

    def __init__(self, agent):
        import telemetry
        self.agent = agent
        self.span = telemetry.Span("survivor")
        self.client_id = os.urandom(16)
        with telemetry.Stream(agent.socket, client_id=self.client_id) as stream:
            stream.batch(self.span.start())
            self.sequence = stream.sequence

    def close(self):
        import telemetry
        with telemetry.Stream(self.agent.socket, client_id=self.client_id,
                              open_spans=[self.span.trace_id + self.span.span_id]) as stream:
            stream.sequence = self.sequence
            stream.batch(self.span.event("survived"), self.span.end())


def wait_for_progress(emitters):
    before = [len(emitter.acknowledged) for emitter in emitters]
    wait_until(lambda: all(len(emitter.acknowledged) > count or not emitter.is_alive()
                           for emitter, count in zip(emitters, before)),
               "every emitter is acknowledged something", deadline_s=60)


def kill_at_random_points(agent, rng, emitters):
    for kill in range(KILLS):
        if kill % 4 == 0:  # else the agent may not even have come up
            wait_for_progress(emitters)
        time.sleep(rng.uniform(0, 0.06))
        pid = agent.pid()
        os.kill(pid, 9)
        wait_until(lambda: agent.pid() != pid, "the supervisor starts another")
        if rng.random() < 0.8:
            agent.wait_ready()


def test_nothing_acknowledged_is_lost_over_kills(shared):
    seed = int(os.environ.get("SLUICE_SEED", time.time_ns() % 1_000_000))
    print(f"SLUICE_SEED={seed}")
    with Agent(shared, supervised=True) as agent:
        agent.environment["SLUICE_KVP_FILTER"] = "off,selected=info,test=info"
        agent.start()
        open_span = OpenSpan(agent)
        emitters = [Emitter(agent.socket, f"e{at}", POOL_EVENTS // 2) for at in range(2)]
        try:
            kill_at_random_points(agent, random.Random(seed), emitters)
        finally:
            for emitter in emitters:
                emitter.stop()
        open_span.close()
        agent.flush()

        logged = collections.Counter(re.findall(r"e\d-\d+\.", agent.log()))
        in_pool = collections.Counter(
            name for _key, value in agent.pool() for name in re.findall(r"e\d-\d+\.", value))
        for emitter in emitters:
            assert emitter.failure is None
            assert len(emitter.acknowledged) >= KILLS, "the load was no load"
            assert [text for text in emitter.acknowledged if not logged[text]] == []
            assert [text for text in emitter.in_pool if in_pool[text] != 1] == []
        assert sum(in_pool.values()) == sum(len(emitter.in_pool) for emitter in emitters)
        doubles = sum(count - 1 for count in logged.values())
        assert doubles <= KILLS * 2 * BATCH, "more than a batch doubled by a kill"

        closes = [line for line in agent.log().splitlines() if "survivor" in line]
        assert not any("abort" in line for line in closes), closes
        assert sum("close" in line for line in closes) >= 1
        assert sum("test:survivor" in key and value.startswith("Start: ")
                   for key, value in agent.pool()) == 1
