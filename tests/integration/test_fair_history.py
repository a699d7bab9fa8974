"""What others write does not remove a user's history: root's record and its trace are in every view
after a flood by somebody else that is many times what the journal keeps, also after a restart."""

import subprocess
import sys

from harness import NOBODY, PATIENT, ROOT, Agent, as_user

SMALL_JOURNAL = '[journal]\nmax = "16 MiB"\nkeep = "4 MiB"\nsegment = "1 MiB"\n'
FLOOD_BYTES = 20 << 20
FLOOD = """
import sys
import telemetry
FILLER = "f" * 30_000
with telemetry.channel(sys.argv[1]) as one:
    from sluice.v1 import ingest_pb2, ingest_pb2_grpc
    stub = ingest_pb2_grpc.IngestStub(one)
    sent = refused = 0
    import grpc, time
    while sent < int(sys.argv[2]):
        batch = dict(records=[telemetry.event(FILLER) for _ in range(30)])
        try:
            stub.Emit(ingest_pb2.EmitRequest(batch=batch), timeout=20)
            sent += 30 * len(FILLER)
        except grpc.RpcError as error:
            assert error.code() in (grpc.StatusCode.RESOURCE_EXHAUSTED,
                                    grpc.StatusCode.UNAVAILABLE), error
            time.sleep(0.02)
"""


def flood(agent):
    subprocess.run([sys.executable, "-c", FLOOD, str(agent.socket), str(FLOOD_BYTES)],
                   env={**agent.shared.environment(agent), "PYTHONDONTWRITEBYTECODE": "1",
                        "PYTHONPATH": f"{agent.shared.python}:{telemetry_folder()}"},
                   **as_user(NOBODY), check=True, timeout=120)


def telemetry_folder():
    import telemetry
    return telemetry.__file__.rsplit("/", 1)[0]


def assert_all_there(agent, trace_id):
    import telemetry
    texts = [record.record.event.body.string_value for record in telemetry.stored(agent)
             if record.identity.uid == ROOT]
    assert "root was here" in texts
    tail = agent.sluice("tail", *PATIENT, "-n", "all", "-o", "cat", check=False).stdout
    assert "root was here" in tail
    tree = agent.sluice("tree", trace_id.hex(), *PATIENT).stdout
    assert "quiet work" in tree and "root was here" in tree


def test_a_flood_removes_nobody_elses_history(shared):
    import telemetry
    with Agent(shared, config=SMALL_JOURNAL) as agent:
        agent.start()
        span = telemetry.Span("quiet work")
        telemetry.emit(agent.socket, span.start(), span.event("root was here"), span.end())
        flood(agent)
        assert_all_there(agent, span.trace_id)
        status = agent.sluice("status", *PATIENT).stdout
        assert "journal.forgotten" in status
        agent.restart()
        assert_all_there(agent, span.trace_id)
        flood(agent)
        assert_all_there(agent, span.trace_id)
        agent.kill()
        agent.start()
        assert_all_there(agent, span.trace_id)
