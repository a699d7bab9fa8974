"""Two hundred users with their shares used together stay below MemoryMax of the unit, with five
sinks, each of which knows all open spans itself; and what they held is given back when they go."""

import pathlib
import subprocess

import pytest
from harness import Agent, wait_until

USERS = 200
RSS_CEILING_MIB = 400
RSS_AFTERWARDS_MIB = 64
# Once all is quiet the agent looks at its memory.
GIVEN_BACK_S = 120

FIVE_SINKS = """
[stderr]
filter = "info"
[log.two]
path = "{folder}/log/two.log"
[log.three]
path = "{folder}/log/three.log"
"""

# Connects as each user in turn, and keeps of each: open spans, as many as it is let; clients that
# came and went; a message that is never complete.
HOLD = """
import os, socket, sys
sys.path.insert(0, sys.argv[1])
import grpc, telemetry
from http2_frames import DATA, HEADERS, PREFACE, SETTINGS, frame, request_headers
from sluice.otlp.v1.resource_pb2 import Resource
from sluice.v1 import ingest_pb2, ingest_pb2_grpc

PATH = os.environ["SLUICE_SOCKET"]
FIRST_UID = 100_000
OPTIONS = [("grpc.use_local_subchannel_pool", 1)]

HALF = frame(HEADERS, 4, 1, request_headers()) + frame(DATA, 0, 1, b"\\0\\0\\x40\\0\\0") + \\
    40 * frame(DATA, 0, 1, b"x" * 16_000)  # of a message of 4 MiB

def become(uid, connect):
    os.seteuid(uid)
    try:
        return connect()
    finally:
        os.seteuid(0)

def open_channel():
    channel = grpc.insecure_channel(f"unix:{PATH}", options=OPTIONS)
    grpc.channel_ready_future(channel).result(timeout=30)
    return channel

def hold_half():
    half = socket.socket(socket.AF_UNIX)
    half.settimeout(30)
    half.connect(PATH)
    half.sendall(PREFACE + frame(SETTINGS))
    assert half.recv(9)  # the agent's settings, with its windows
    half.sendall(frame(SETTINGS, 1) + HALF)
    return half

def spans(size):
    return [telemetry.Span("s" * 40).start(text="x" * size) for _ in range(200)]

def hold_spans(emit):
    taken = 0
    resource = Resource(attributes=telemetry.attributes({"service.name": "n" * 100}))
    # Large ones first, then small ones into what room is left.
    for size in (4000, 200, 0):
        while True:
            request = ingest_pb2.EmitRequest(batch=dict(records=spans(size)), resource=resource)
            try:
                answer = emit(request, timeout=60)
            except grpc.RpcError as error:
                assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
                return taken
            dropped = sum(drop.count for drop in answer.drops)
            taken += 200 - dropped
            if dropped:
                break
    return taken

held, counts = [], []
for number in range(int(sys.argv[2])):
    channel = become(FIRST_UID + number, open_channel)
    held.append(channel)
    emit = ingest_pb2_grpc.IngestStub(channel).Emit
    for client in range(20):
        emit(ingest_pb2.EmitRequest(client_id=os.urandom(16), batch=dict(
            first_sequence=1, records=[telemetry.event("e")])), timeout=60)
    counts.append(hold_spans(emit))
for number in range(int(sys.argv[2])):
    held.append(become(FIRST_UID + number, hold_half))
print(sum(counts), sum(1 for count in counts if count), flush=True)
sys.stdin.read()
os._exit(0)
"""


def rss_mib(agent):
    for line in pathlib.Path(f"/proc/{agent.pid()}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) // 1024
    raise AssertionError("no VmRSS")


def test_two_hundred_users_fit_and_leave_nothing_behind(shared, capsys):
    with Agent(shared) as agent:
        agent.config_path.write_text(FIVE_SINKS.format(folder=agent.folder))
        agent.start()
        before = rss_mib(agent)
        holding = subprocess.Popen(
            ["/usr/bin/python3", "-c", HOLD, agent.shared.support, str(USERS)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd="/tmp", env={"PATH": "/usr/bin:/bin", **agent.shared.environment(agent)})
        try:
            said = holding.stdout.readline()
            if not said:
                pytest.fail(holding.stderr.read())
            spans, users = map(int, said.split())
            agent.sluice("flush", "--timeout", "60s", timeout=90)
            agent.sluice("event", "--require", "root is served")
            full = agent.peak_rss_mib()
            status = agent.status()
        finally:
            holding.kill()
            holding.communicate()
        wait_until(lambda: rss_mib(agent) < RSS_AFTERWARDS_MIB, "the memory is given back",
                   GIVEN_BACK_S)
        with capsys.disabled():
            print(f"\n{spans} open spans of {users} users: {before} MiB, at most {full} MiB, then "
                  f"{rss_mib(agent)} MiB")
    assert int(status["open_span_count"]) == spans > 1000
    assert len(status["sinks"]) >= 5 and users >= 3
    assert full <= RSS_CEILING_MIB
