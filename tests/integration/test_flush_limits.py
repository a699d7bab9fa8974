"""What a flush may ask for, and how many may be waited for at once, is bounded: nobody holds the
agent's memory by asking."""

import harness
from harness import NOBODY

# Says the status with which each call ends.
ASK = """
import os, sys, grpc
from sluice.v1 import ingest_pb2_grpc
from sluice.v1.ingest_pb2 import ClientMessage, EmitRequest, FlushRequest, Hello

def end_of(ask):
    try:
        return ask()
    except grpc.RpcError as error:
        return error.code().name

with grpc.insecure_channel("unix:" + os.environ["SLUICE_SOCKET"]) as channel:
    ingest = ingest_pb2_grpc.IngestStub(channel)

    def flush(**request):
        return end_of(lambda: [(one.sink, one.done) for one in
                               ingest.Flush(FlushRequest(**request), timeout=20).sinks])

    def connect(*messages, hello=Hello(protocol_version=1, client_id=os.urandom(16))):
        requests = iter([ClientMessage(hello=hello), *messages])
        return end_of(lambda: [answer.WhichOneof("message")
                               for answer in ingest.Connect(requests, timeout=20)])

"""


def ask(agent, *lines, uid=NOBODY):
    code = ASK + "".join(f"    print({line})\n" for line in lines)
    return agent.run_python(code, uid=uid).stdout.splitlines()


def test_a_sink_that_nobody_has_is_bad_usage_and_one_that_is_off_is_not(agent):
    wrong = agent.sluice("flush", "--sink", "nope", check=False)
    assert wrong.returncode == 2 and "unknown sink 'nope'" in wrong.stderr
    assert agent.sluice("flush", "--sink", "otlp", check=False).returncode == 1


def test_a_flush_names_few_sinks_each_once(agent):
    assert ask(agent,
               "flush(sinks=['file', 'none', 'file'])",
               "len(flush(sinks=[str(n) for n in range(8)]))",
               "flush(sinks=['file'] * 9)",
               "flush(sinks=[''] * 1_000_000)",
               "connect(ClientMessage(flush=FlushRequest(sinks=['file'] * 9)))",
               "connect(ClientMessage(flush=FlushRequest(sinks=['x' * 5000])))") == [
        "[('file', True), ('none', False)]",
        "8",
        "INVALID_ARGUMENT",
        "RESOURCE_EXHAUSTED",
        "INVALID_ARGUMENT",
        "INVALID_ARGUMENT"]


def test_a_user_waits_for_few_flushes_at_once(shared):
    with harness.Agent(shared) as agent:
        agent.pool_folder.rmdir()  # nothing comes to its end
        agent.start()
        flushes = "*[ClientMessage(flush=FlushRequest(sinks=['kvp'], timeout_ms=60_000))] * 65"
        emit = "ingest.Emit(EmitRequest(batch=dict(records=[dict(level=3, target='t', " \
               "event=dict(time_unix_nano=1))]))).accepted"
        assert ask(agent, emit, f"connect({flushes})", "flush(sinks=['file'])") == [
            "1", "RESOURCE_EXHAUSTED", "RESOURCE_EXHAUSTED"]
        [counter] = [one for one in agent.status()["counters"] if one["name"] == "flush.refused"]
        assert (counter["reason"], counter["uid"], counter["value"]) == ("too_many", NOBODY, 2)
        assert ask(agent, "flush(sinks=['file'])", uid=harness.SOMEBODY) == ["[('file', True)]"]
