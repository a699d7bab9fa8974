"""Spans that belong to another process than the one which sent them: they end with it, or when
their time is over, and not with the emitter."""

import contextlib
import os
import signal
import subprocess
import time

import grpc
import pytest
from harness import DEADLINE_S, NOBODY, ROOT, SOMEBODY, as_user, wait_until

# Since Linux 6.15 anybody who holds a pidfd is told how the process ended.
KERNEL_TELLS = tuple(int(part) for part in os.uname().release.split(".")[:2]) >= (6, 15)
WEEK_MS = 7 * 24 * 3600 * 1000
# The agent watches what it had open once clients have had this long to come back.
RESTART_GRACE_S = 2

# A one-shot emit: a process that is gone when its span has begun. Prints the status it got.
EMIT = """
import sys, time, os, grpc
from sluice.v1 import ingest_pb2, ingest_pb2_grpc, record_pb2
name, pid, ticks, ttl = sys.argv[1], *map(int, sys.argv[2:5])
request = ingest_pb2.EmitRequest(owner=dict(pid=pid, start_time_ticks=ticks, ttl_ms=ttl))
request.batch.records.add(
    kind=record_pb2.RECORD_KIND_SPAN_START, level=record_pb2.LEVEL_INFO, target="test",
    span=dict(name=name, trace_id=os.urandom(16), span_id=os.urandom(8),
              start_time_unix_nano=time.time_ns()))
with grpc.insecure_channel("unix:" + os.environ["SLUICE_SOCKET"]) as channel:
    try:
        ingest_pb2_grpc.IngestStub(channel).Emit(request, timeout=10)
        print("OK")
    except grpc.RpcError as error:
        print(error.code().name, error.details())
"""


def start_by_emit(agent, name, owner=0, ticks=0, ttl_ms=0, uid=NOBODY):
    """Starts a span by a process of its own and returns the status's name and text."""
    done = agent.run_python(EMIT, name, str(owner), str(ticks), str(ttl_ms), uid=uid)
    status, _, details = done.stdout.strip().partition(" ")
    return status, details


def open_spans(agent):
    return {one["name"]: one for one in agent.status("--open")["open_spans"]}


def start_time_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return int(stat.read().rpartition(")")[2].split()[19])


@contextlib.contextmanager
def shell_of(uid):
    """The shell of a script, which goes on until it is killed."""
    with subprocess.Popen(["sh", "-c", "read end"], stdin=subprocess.PIPE, cwd="/tmp",
                          **as_user(uid)) as process:
        # The fork has its uid by then.
        wait_until(lambda: os.stat(f"/proc/{process.pid}").st_uid == uid, "the shell runs")
        yield process
        process.kill()


@pytest.fixture(name="shell")
def fixture_shell():
    with shell_of(NOBODY) as process:
        yield process


def kill(process, with_signal=signal.SIGKILL):
    process.send_signal(with_signal)
    process.wait(DEADLINE_S)


def closing_line(agent, name):
    wait_until(lambda: name not in open_spans(agent), f"{name} is closed")
    agent.flush()
    line, = [line for line in agent.log().splitlines() if name in line and "close" in line]
    return line


def assert_aborted(agent, name, *causes):
    line = closing_line(agent, name)
    assert any(f'sluice.abort.cause="{cause}"' in line or f"sluice.abort.cause={cause}" in line
               for cause in causes), line


def test_the_owner_that_is_killed_takes_the_span_with_it(agent, shell):
    assert start_by_emit(agent, "script", shell.pid, start_time_ticks(shell.pid)) == ("OK", "")
    assert "script" in open_spans(agent), "the emitter is gone, and its owner lives"
    kill(shell, signal.SIGTERM)
    assert_aborted(agent, "script", "signal 15 (SIGTERM)" if KERNEL_TELLS else "process gone")


def test_the_emitters_end_closes_no_span_that_has_an_owner(agent, shell):
    assert start_by_emit(agent, "owned", shell.pid)[0] == "OK"
    # Of the same kind but for its owner: once it is closed, so would the other have been.
    emitter = ("import os, sys; sys.path.insert(0, sys.argv[1]); import telemetry\n"
               "telemetry.emit(os.environ['SLUICE_SOCKET'], telemetry.Span('unowned').start())")
    agent.run_python(emitter, str(agent.shared.support), uid=NOBODY)
    assert_aborted(agent, "unowned", "exit code 0", "process gone")
    assert "owned" in open_spans(agent)


def test_the_records_keep_the_callers_identity(agent, shell):
    start_by_emit(agent, "whose", shell.pid)
    import telemetry
    record, = [one for one in telemetry.stored(agent) if one.record.span.name == "whose"]
    assert record.identity.uid == NOBODY
    assert record.identity.pid not in (0, shell.pid)
    assert record.identity.comm.startswith("python")


def assert_refused(agent, answer, code, says):
    status, details = answer
    assert (status, says in details) == (code, True), answer
    assert open_spans(agent) == {}
    import telemetry
    assert telemetry.stored(agent) == [], "nothing is stored"


def test_a_pid_that_is_another_process_now_is_refused(agent, shell):
    answer = start_by_emit(agent, "reused", shell.pid, start_time_ticks(shell.pid) - 1)
    assert_refused(agent, answer, "FAILED_PRECONDITION", "started at")


def test_a_process_that_has_ended_is_refused_also_before_it_is_reaped(agent, shell):
    shell.kill()
    os.waitid(os.P_PID, shell.pid, os.WEXITED | os.WNOWAIT)
    answer = start_by_emit(agent, "zombie", shell.pid)
    assert_refused(agent, answer, "FAILED_PRECONDITION", "no live process")
    shell.wait(DEADLINE_S)
    answer = start_by_emit(agent, "gone", shell.pid)
    assert_refused(agent, answer, "FAILED_PRECONDITION", "no live process")


def test_another_users_process_is_refused_and_root_may_name_it(agent, shell):
    answer = start_by_emit(agent, "foreign", shell.pid, uid=SOMEBODY)
    assert_refused(agent, answer, "FAILED_PRECONDITION", f"is not of uid {SOMEBODY}")
    assert ("owner.refused", "not_an_owner") in {(one["name"], one["reason"])
                                                 for one in agent.status()["counters"]}
    assert start_by_emit(agent, "by root", shell.pid, uid=ROOT)[0] == "OK"
    kill(shell)
    assert_aborted(agent, "by root", "signal 9 (SIGKILL)", "process gone")


@pytest.mark.parametrize("owner", [dict(ttl_ms=WEEK_MS + 1), dict(owner=-1), dict(ticks=1)])
def test_what_is_out_of_range_is_refused(agent, owner):
    answer = start_by_emit(agent, "wrong", **owner)
    assert_refused(agent, answer, "INVALID_ARGUMENT", "owner.")


def test_a_span_without_a_process_ends_when_its_time_is_over(agent):
    began = time.monotonic()
    assert start_by_emit(agent, "timed", ttl_ms=700)[0] == "OK"
    assert start_by_emit(agent, "lasting", ttl_ms=WEEK_MS)[0] == "OK"
    assert start_by_emit(agent, "of a day")[0] == "OK"
    assert_aborted(agent, "timed", "ttl")
    assert time.monotonic() - began >= 0.7
    assert set(open_spans(agent)) == {"lasting", "of a day"}


def test_of_time_and_process_what_comes_first_ends_the_span(agent, shell):
    assert start_by_emit(agent, "time first", shell.pid, ttl_ms=300)[0] == "OK"
    assert start_by_emit(agent, "process first", shell.pid, ttl_ms=WEEK_MS)[0] == "OK"
    assert_aborted(agent, "time first", "ttl")
    assert set(open_spans(agent)) == {"process first"}
    kill(shell)
    assert_aborted(agent, "process first", "signal 9 (SIGKILL)", "process gone")


def test_a_span_is_ended_by_a_later_emit_of_its_user(agent):
    import telemetry
    span = telemetry.Span("in two calls")
    with telemetry.channel(agent.socket) as one:
        from sluice.v1 import ingest_pb2, ingest_pb2_grpc
        ingest_pb2_grpc.IngestStub(one).Emit(ingest_pb2.EmitRequest(
            owner=dict(pid=os.getpid(), ttl_ms=60_000), batch=dict(records=[span.start()])))
    assert telemetry.emit(agent.socket, span.end()).accepted == 1
    assert open_spans(agent) == {}
    agent.flush()
    assert "abort" not in agent.log()


def test_a_call_that_comes_again_after_its_owners_end_is_answered_as_before(agent, shell):
    import telemetry
    from sluice.v1 import ingest_pb2, ingest_pb2_grpc
    request = ingest_pb2.EmitRequest(
        client_id=os.urandom(16), owner=dict(pid=shell.pid),
        batch=dict(first_sequence=1, records=[telemetry.Span("again").start()]))
    with telemetry.channel(agent.socket) as one:
        stub = ingest_pb2_grpc.IngestStub(one)
        assert stub.Emit(request).accepted == 1
        kill(shell)
        assert stub.Emit(request).accepted == 1
        request.batch.first_sequence = 2
        with pytest.raises(grpc.RpcError) as refused:
            stub.Emit(request)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert_aborted(agent, "again", "signal 9 (SIGKILL)", "process gone")


@pytest.mark.parametrize("end", ["kill", "stop"], ids=["from entries", "from a checkpoint"])
def test_a_restart_of_the_agent_keeps_owner_and_time(agent, end):
    with shell_of(NOBODY) as living, shell_of(NOBODY) as dying:
        start_by_emit(agent, "living owner", living.pid)
        start_by_emit(agent, "dying owner", dying.pid)
        start_by_emit(agent, "short time", ttl_ms=RESTART_GRACE_S * 1000 + 2000)
        start_by_emit(agent, "long time", ttl_ms=WEEK_MS)
        getattr(agent, end)()
        kill(dying)
        agent.start()
        assert_aborted(agent, "dying owner", "process gone")
        assert_aborted(agent, "short time", "ttl")
        assert set(open_spans(agent)) == {"living owner", "long time"}
        kill(living)
        assert_aborted(agent, "living owner", "signal 9 (SIGKILL)", "process gone")
