"""OpenTelemetry's SDKs, unmodified, while the agent is killed and while its journal is full or its disk fails:
what they are told was taken is stored, and those that wait long enough lose nothing."""

import collections
import contextlib
import os
import random
import time

import pytest
from disk import FailingDisk, full, tmpfs
from harness import LONG, Agent, wait_until
from sdks import GRPC, PROTOBUF, Go, Java, Node, Python, Rust, Steady, downloads

pytestmark = downloads

KILLS = 100 if LONG else 3
# All that try again, by a way of each.
RETRYING = [(Python, "socket", GRPC), (Python, "socket", PROTOBUF), (Go, "socket", GRPC),
            (Go, "socket", PROTOBUF), (Node, "socket", PROTOBUF), (Java, "run", GRPC)]
# Those that try for 20 s where an export may last so long, in seconds or milliseconds as they read it.
PATIENT = [(Python, "socket", GRPC, "60"), (Go, "socket", GRPC, "60000"), (Java, "run", GRPC, "60000")]
# Those that never try again.
ONCE = [(Node, "socket", GRPC), (Rust, "socket", GRPC)]


def stored(agent):
    """{program: {span's name: how often it is stored}}"""
    import telemetry
    counts = collections.defaultdict(collections.Counter)
    for one in telemetry.stored(agent):
        if one.record.target == "interop":
            [service] = [attribute.value.string_value for attribute in one.resource.attributes
                         if attribute.key == "service.name"]
            counts[service][one.record.span.name] += 1
    return counts


def start_all(stack, programs):
    """Waits until each of them was acknowledged something."""
    for program in programs:
        stack.enter_context(program)
    wait_for_exports(programs)
    return programs


def wait_for_exports(programs):
    before = [len(program.acknowledged()) for program in programs]
    wait_until(lambda: all(len(program.acknowledged()) > count
                           for program, count in zip(programs, before)),
               "each program is acknowledged something", deadline_s=60)


def test_what_an_sdk_was_acknowledged_survives_kills(shared):
    seed = int(os.environ.get("SLUICE_SEED", time.time_ns() % 1_000_000))
    print(f"SLUICE_SEED={seed}")
    rng = random.Random(seed)
    with contextlib.ExitStack() as stack:
        agent = stack.enter_context(Agent(shared, supervised=True)).start()
        programs = start_all(stack, [Steady(agent, sdk(), way, protocol)
                                     for sdk, way, protocol in RETRYING])
        for _ in range(KILLS):
            time.sleep(rng.uniform(0, 0.2))
            pid = agent.pid()
            os.kill(pid, 9)
            wait_until(lambda: agent.pid() != pid, "the supervisor starts another")
            wait_for_exports(programs)
        exports = {program.name: program.stop()[0] for program in programs}
        agent.wait_ready()
        counts = stored(agent)
    for name, acknowledged in exports.items():
        assert len(acknowledged) > KILLS, f"{name} was no load"
        missing = [span for export in acknowledged for span in export if not counts[name][span]]
        assert missing == [], name
        doubles = sum(max(counts[name][span] for span in export) - 1 for export in acknowledged)
        assert doubles <= KILLS, f"{name}: more than a request is doubled by a kill"


@pytest.mark.parametrize("trouble", ["full", "write", "sync"])
def test_an_sdk_that_waits_loses_nothing(shared, trouble):
    with contextlib.ExitStack() as stack:
        agent = stack.enter_context(Agent(shared, config='[journal]\nsegment = "1 MiB"\n'))
        if trouble == "full":
            stack.enter_context(tmpfs(agent.journal, "64m"))
        disk = FailingDisk(agent)
        agent.start()

        def out_of_order(seconds, programs):
            with full(agent) if trouble == "full" else disk.failing(trouble):
                time.sleep(1)  # for what is under way
                before = [program.acknowledged() for program in programs]
                time.sleep(seconds - 1)
                assert [program.acknowledged() for program in programs] == before

        once = start_all(stack, [Steady(agent, sdk(), way, protocol) for sdk, way, protocol in ONCE])
        patient = start_all(stack, [Steady(agent, sdk(), way, protocol, OTEL_EXPORTER_OTLP_TIMEOUT=timeout,
                                           OTEL_BSP_EXPORT_TIMEOUT="60000")
                                    for sdk, way, protocol, timeout in PATIENT])
        out_of_order(4, once + patient)
        wait_for_exports(once + patient)
        ended = {program.name: program.stop() for program in once}
        out_of_order(20, patient)
        ended |= {program.name: program.stop() for program in patient}
        counts = stored(agent)
    for name, (acknowledged, made) in ended.items():
        told = {span for export in acknowledged for span in export}
        assert [span for span in map(str, range(made)) if span not in told] == [], name
        assert [span for span in told if not counts[name][span]] == [], name
