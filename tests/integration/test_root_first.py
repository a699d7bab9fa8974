"""What root waits for does not wait for what another user has sent: a provisioning report, and a
flush."""

import subprocess
import time

import harness
from harness import NOBODY, Agent, wait_until

# A user's events, as small as they come, and as many in an entry as it takes.
FLOOD = """
import os, grpc
from sluice.v1 import ingest_pb2_grpc
from sluice.v1.ingest_pb2 import EmitRequest

record = dict(level=3, target="t", event=dict(time_unix_nano=1, body=dict(string_value="x")))
request = EmitRequest(batch=dict(records=[record] * 20_000))
with grpc.insecure_channel("unix:" + os.environ["SLUICE_SOCKET"]) as channel:
    ingest = ingest_pb2_grpc.IngestStub(channel)
    for call in [ingest.Emit.future(request, timeout=120) for _ in range(10)]:
        try:
            call.result()
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
print("sent")
"""

VM = "00000000-0000-0000-0000-000000000abc"
# With a level that the pool takes, so that its sink has work with every record.
CONFIG = '[kvp]\nfilter = "trace"\n'


def cursor(agent, sink):
    [found] = [one for one in agent.status()["sinks"] if one["name"] == sink]
    return int(found.get("cursor", 0))


def end(agent):
    return int(agent.status()["journal"]["next_sequence"]) - 1


def sluice(agent, *arguments):
    began = time.monotonic()
    done = agent.sluice(*arguments, check=False)
    took = time.monotonic() - began
    assert done.returncode == 0, (arguments, done.stderr)
    return took, done.stdout


def reports(agent):
    return [value for key, value in agent.pool() if key == "PROVISIONING_REPORT"]


def await_a_queue(agent):
    wait_until(lambda: cursor(agent, "kvp") + 1 < end(agent), "entries wait before the pool")


def test_a_report_and_roots_flush_do_not_wait_for_a_users_queue(shared):
    with Agent(shared, config=CONFIG) as agent:
        agent.start()
        agent.sluice("event", "--require", "before the flood")
        with subprocess.Popen(["/usr/bin/python3", "-c", FLOOD], user=NOBODY, group=NOBODY,
                              env=shared.environment(agent), stdout=subprocess.PIPE,
                              text=True) as flood:
            await_a_queue(agent)
            agent.sluice("event", "--require", "amid the flood")
            first = end(agent)
            took, _ = sluice(agent, "report", "ready", "--vm-id", VM)
            assert took < 3
            assert cursor(agent, "kvp") < first, "the queue before it is still there"
            assert len(reports(agent)) == 1
            assert any("amid the flood" in value for _, value in agent.pool())

            agent.sluice("event", "--require", "after the report")
            first = end(agent)
            took, text = sluice(agent, "flush", "--sink", "kvp")
            assert took < 3
            assert text == "kvp: written, the records of this user\n"
            assert cursor(agent, "kvp") < first
            assert any("after the report" in value for _, value in agent.pool())
            assert flood.communicate(timeout=120)[0] == "sent\n"
        agent.flush()
        texts = [value for _, value in agent.pool()]
        for text in ("before the flood", "amid the flood", "after the report"):
            assert len([one for one in texts if text in one]) == 1, text
            assert agent.log().count(text) == 1, text
        assert len(reports(agent)) == 1


def test_a_report_event_goes_first_though_nobody_flushes(shared):
    with Agent(shared, config=CONFIG) as agent:
        agent.start()
        with subprocess.Popen(["/usr/bin/python3", "-c", FLOOD], user=NOBODY, group=NOBODY,
                              env=shared.environment(agent), stdout=subprocess.PIPE,
                              text=True) as flood:
            await_a_queue(agent)
            first = end(agent)
            agent.sluice("event", "--require", "--attr", "health_report=result=success", "done")
            wait_until(lambda: reports(agent) == ["result=success"], "the report is in the pool")
            assert cursor(agent, "kvp") < first
            assert flood.communicate(timeout=120)[0] == "sent\n"


def test_only_root_waits_for_everybody(agent):
    text = agent.sluice("flush", "--all", "--sink", "file").stdout
    assert text == "file: written, the records of all users\n"
    done = agent.sluice("flush", "--all", "--sink", "file", uid=NOBODY, check=False)
    assert (done.returncode, done.stdout) == (5, "")
    assert "only root" in done.stderr
    done = agent.sluice("flush", "--sink", "file", uid=NOBODY)
    assert done.stdout == "file: written, the records of this user\n"


def test_who_has_too_much_before_a_sink_is_held_back_and_nobody_else(shared):
    with Agent(shared, config=CONFIG) as agent:
        agent.start()
        for _ in range(3):
            agent.run_python(FLOOD, uid=NOBODY)
        held = [one for one in agent.status()["counters"] if one["name"] == "sink.held"]
        assert {one["uid"] for one in held} == {NOBODY}
        wait_until(lambda: cursor(agent, "kvp") == end(agent), "the pool's sink gets there", 60)
        agent.sluice("event", "--require", "again", uid=NOBODY)
        agent.sluice("event", "--require", "somebody", uid=harness.SOMEBODY)
