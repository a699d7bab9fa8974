#!/usr/bin/python3
"""Measures the built agent as a whole: CPU per span, latency into the pool, memory, start-up, one-shot
cost. Prints one line a figure. Run on a quiet machine, after building the release preset:

    cmake --build --preset release --target all tests/bench/all
    PYTHONPATH=tests/support tests/bench/agent_bench.py
"""

import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

from harness import BUILT, Agent, Shared  # noqa: E402

LOAD = BUILT / "../bench/agent_load"
TICK = os.sysconf("SC_CLK_TCK")
SMALL, LARGE = 0, 566  # extra bytes that make a span of about 264 and 830


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def system_cpu_seconds():
    fields = pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return sum(int(fields[at]) for at in (0, 1, 2, 5, 6)) / TICK


def resident_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def quantile(values, fraction):
    return sorted(values)[min(len(values) - 1, int(len(values) * fraction))]


def say(what, figure):
    print(f"{what:<58} {figure}", flush=True)


def fdatasync_us(folder):
    path = pathlib.Path(folder) / "probe"
    times = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(50):
            file.write(b"x" * 512)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - start) * 1e6)
    path.unlink()
    return statistics.median(times)


def throughput(shared):
    config = "[kvp]\nenabled = false\n[log]\nenabled = false\n[stderr]\nenabled = false\n"
    for per_batch, extra, batches in ((512, SMALL, 4000), (512, LARGE, 2000), (10, SMALL, 60000),
                                      (1, SMALL, 200000)):
        with Agent(shared, config=config) as agent:
            agent.start()
            pid = agent.process.pid
            before, system_before = cpu_seconds(pid), system_cpu_seconds()
            start = time.monotonic()
            done = subprocess.run([LOAD, agent.socket, str(per_batch), str(extra), str(batches)],
                                  check=True, capture_output=True, text=True)
            wall = time.monotonic() - start
            used, system = cpu_seconds(pid) - before, system_cpu_seconds() - system_before
            load = json.loads(done.stdout)
            say(f"spans of {load['span_bytes']} B, batches of {per_batch}, journal synced",
                f"{load['spans'] / used / 1e6:.2f} M/agent-CPU-s, {load['spans'] / system / 1e6:.2f}"
                f" M/machine-CPU-s, {load['spans'] / wall / 1e6:.2f} M/s")


def start_load(load, agent, batches, streams, user):
    """In a process of that user, or of our own."""
    return subprocess.Popen([load, agent.socket, "512", str(SMALL), str(batches), str(streams)],
                            stdout=subprocess.DEVNULL, user=user)


def many_streams(shared):
    """All must be served to their end; a stream that the agent ends fails the load."""
    config = "[kvp]\nenabled = false\n[log]\nenabled = false\n[stderr]\nenabled = false\n"
    load = shared.copy(LOAD)
    # Only root may start processes of others.
    users = [30_000 + n for n in range(30)] if os.geteuid() == 0 else []
    for what, loads in (("one stream", [(4096, 1, None)]),
                        ("64 streams of one uid", [(64, 64, None)]),
                        ("64 streams of 30 uids", [(64, 2 + (n < 4), user)
                                                   for n, user in enumerate(users)])):
        if not loads:
            continue
        with Agent(shared, config=config) as agent:
            agent.start()
            start = time.monotonic()
            running = [start_load(load, agent, *each) for each in loads]
            failed = sum(process.wait() != 0 for process in running)
            wall = time.monotonic() - start
            spans = 512 * sum(batches * streams for batches, streams, _ in loads)
            say(f"{what}, batches of 512, journal synced",
                f"{spans / wall / 1e6:.2f} M/s, {failed} of {len(loads)} loads failed")


def pool_latency(shared):
    import telemetry
    with Agent(shared) as agent:
        agent.start()
        with telemetry.channel(agent.socket) as channel:
            times = [one_event_into_pool(agent, channel, n) for n in range(300)]
        say("event -> readable in the pool, one Emit each, p50 / p99",
            f"{quantile(times, .5):.0f} / {quantile(times, .99):.0f} us"
            f" (one bare fdatasync here: {fdatasync_us(agent.journal):.0f} us)")


def one_event_into_pool(agent, channel, number):
    import telemetry
    from sluice.v1 import ingest_pb2, ingest_pb2_grpc
    text = f"latency-{number}."
    request = ingest_pb2.EmitRequest(batch=dict(records=[telemetry.event(text)]))
    pool = agent.pool_folder / ".kvp_pool_1"
    start = time.perf_counter()
    future = ingest_pb2_grpc.IngestStub(channel).Emit.future(request)
    size = 2560 * (number + 1)
    while not (pool.exists() and pool.stat().st_size >= size):
        pass
    took = (time.perf_counter() - start) * 1e6
    future.result()
    return took


def memory_and_start(shared):
    with Agent(shared) as agent:
        agent.start()
        time.sleep(0.5)
        say("idle memory, no exporter", f"{resident_mib(agent.process.pid):.1f} MiB")
        subprocess.run([LOAD, agent.socket, "512", str(LARGE), "560"], check=True,
                       stdout=subprocess.DEVNULL)
        agent.flush()
        agent.stop()
        size = sum(path.stat().st_size for path in agent.journal.glob("*.seg")) / 2**20
        times = []
        for _ in range(10):
            begin = time.perf_counter()
            agent.start()
            times.append((time.perf_counter() - begin) * 1e3)
            agent.stop()
        say(f"exec to ready with {size:.0f} MiB of journal, p50 / max",
            f"{statistics.median(times):.1f} / {max(times):.1f} ms")


def one_shot(shared):
    with Agent(shared) as agent:
        agent.start()
        env = {"SLUICE_SOCKET": str(agent.socket), "PATH": "/usr/bin"}

        def time_of(command):
            times = []
            for _ in range(100):
                begin = time.perf_counter()
                subprocess.run(command, env=env, check=True)
                times.append((time.perf_counter() - begin) * 1e3)
            return statistics.median(times)
        empty, event = time_of(["/bin/true"]), time_of([shared.sluice, "event", "hello"])
        say("one-shot `sluice event`, p50 (spawn of /bin/true beside it)",
            f"{event:.2f} ({empty:.2f}) ms, of which one fdatasync"
            f" {fdatasync_us(agent.journal) / 1e3:.2f} ms")


def main():
    with tempfile.TemporaryDirectory(prefix="sluice-bench.") as folder:
        shared = Shared(folder)
        throughput(shared)
        many_streams(shared)
        pool_latency(shared)
        memory_and_start(shared)
        one_shot(shared)


if __name__ == "__main__":
    main()
