"""What every verb of the tool tells the agent, prints and returns: without an agent, beside one
that hangs, and beside one whose answers are scripted."""

import json
import os
import re
import subprocess
import time

import grpc
import pytest

from harness import DEADLINE_S, NOBODY, PATIENT, REPOSITORY, run, wait_until
from tool import (ABSENT, TOOL, TRACEPARENT, environment, generate_messages, hung_agent,
                  scripted_agent, short_folder, tool)


@pytest.fixture(name="folder")
def folder_fixture():
    with short_folder() as folder:
        yield folder


@pytest.fixture(name="hung")
def hung_fixture(folder):
    with hung_agent(folder) as path:
        yield path


@pytest.fixture(scope="module", name="messages")
def messages_fixture():
    with short_folder() as folder:
        generate_messages(folder)
        yield


@pytest.fixture(name="script")
def script_fixture(messages, folder):
    del messages
    with scripted_agent(folder) as script:
        yield script


def test_event_only_notes_that_there_is_no_agent():
    done = tool("event", "hello")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"sluice: event not sent: no agent at {ABSENT}; " \
                          "start sluiced, or set SLUICE_QUIET=1\n"
    required = tool("event", "--require", "hello")
    assert required.returncode == 4 and "--socket" in required.stderr


@pytest.mark.parametrize("words", [["event", "hello"], ["event", "--lines"], ["span", "start", "s"],
                                   ["span", "--name", "s"], ["event", "--no-wait", "hello"]])
def test_an_emit_that_nobody_takes_is_silent_where_that_is_asked_for(words):
    said = tool(*words, input="line\n")
    assert said.returncode == 0 and "not sent" in said.stderr
    quiet = tool(*words, env={"SLUICE_QUIET": "1"}, input="line\n")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert "not sent" in tool(*words, env={"SLUICE_QUIET": ""}, input="line\n").stderr


def test_a_failure_that_counts_is_told_whatever_is_asked_for():
    done = tool("event", "--require", "hello", env={"SLUICE_QUIET": "1"})
    assert done.returncode == 4 and "event not sent: no agent" in done.stderr


def test_the_text_of_an_event_may_begin_with_a_dash(agent):
    for text in ("-dash", "--dash", "-", "--", "-- done --", "-5"):
        agent.sluice("event", "--require", "--", text)
        assert agent.sluice("tail", "-n", "1", "-o", "cat").stdout == text + "\n"


@pytest.mark.parametrize("words", [["event", "-dash"], ["event", "--target", "t", "-dash"],
                                   ["event", "hello", "--dash"], ["kvp", "read", "-dash"],
                                   ["tree", "-dash"]])
def test_a_word_with_a_dash_is_called_an_unknown_option(words):
    done = tool(*words)
    verb = " ".join(["sluice", *words[:2 if words[0] == "kvp" else 1]])
    assert (done.returncode, done.stderr) == (
        2, f"sluice: unknown option '{words[-1]}'; a word that begins with a dash is written "
           f"behind '--'; see '{verb} --help'\n")


def test_a_word_too_many_is_named():
    assert tool("event", "hello", "world").stderr == \
        "sluice: unexpected word 'world'; see 'sluice event --help'\n"
    assert tool("status", "--nosuch").stderr == \
        "sluice: unknown option '--nosuch'; see 'sluice status --help'\n"


def test_event_gives_a_hung_agent_250_ms(hung):
    begin = time.monotonic()
    assert tool("event", "hello", path=hung).returncode == 0
    assert 0.2 < time.monotonic() - begin < DEADLINE_S
    assert tool("event", "--require", "hello", path=hung).returncode == 4


def test_input_that_cannot_be_read_changes_no_pool(folder):
    pool = folder / ".kvp_pool_1"
    tool("kvp", "write", "--dir", folder, "kept", "whole")
    before = pool.read_bytes()
    unreadable = os.open(folder, os.O_RDONLY)
    done = tool("kvp", "load", "--dir", folder, stdin=unreadable)
    os.close(unreadable)
    assert (done.returncode, done.stderr) == (3, "sluice: read stdin: Is a directory\n")
    done = tool("kvp", "load", "--dir", folder, "--file", folder)
    assert (done.returncode, done.stderr) == (3, f"sluice: read {folder}: Is a directory\n")
    assert pool.read_bytes() == before


def test_a_pool_below_a_closed_folder_is_an_error(folder, shared):
    folder.chmod(0o700)
    done = run([shared.sluice, "kvp", "dump", "--dir", folder / "below"], uid=NOBODY, check=False)
    assert done.returncode == 3 and "Permission denied" in done.stderr


@pytest.mark.parametrize("verb", [["flush"], ["status"], ["tree", "--last"], ["kvp", "dump"]])
def test_looking_verbs_fail_without_an_agent(verb):
    done = tool(*verb)
    assert (done.returncode, done.stdout) == (4, "")
    assert "no agent" in done.stderr


def test_without_a_verb_and_an_agent_says_where_help_is():
    done = tool()
    assert (done.returncode, done.stdout) == (4, "")
    assert "no agent" in done.stderr and "sluice --help" in done.stderr


@pytest.mark.parametrize("arguments", [
    ["evnt"], ["event"], ["event", "a", "b"], ["event", "--level", "loud", "a"],
    ["event", "--attr", "novalue", "a"], ["event", "--attr", "sluice.uid=0", "a"],
    ["event", "x" * 70_000], ["event", "--timeout", "soon", "a"], ["run"], ["run", "--"],
    ["tree"], ["tree", "xyz"], ["tree", "--last", 32 * "1"], ["tree", 32 * "0"], ["kvp"],
    ["kvp", "dmp"], ["status", "--no-such-flag"]])
def test_misuse_is_told_on_stderr_alone(arguments):
    done = tool(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr


def test_an_unknown_verb_brings_the_nearest():
    assert "did you mean 'event'?" in tool("evnt").stderr
    assert "did you mean 'dump'?" in tool("kvp", "dmp").stderr


def emitted(script):
    return [record for request in script.requests_to("Ingest.Emit")
            for record in request.batch.records]


def emitted_span(script):
    """What the records about one span make together: a slow machine sends a start apart."""
    records = emitted(script)
    whole = type(records[0].span)()
    for record in records:
        whole.MergeFrom(record.span)
    return whole


def values(body):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in body.attributes}


def test_event_sends_its_flags(script):
    done = tool("event", *PATIENT, "--level", "warn", "--target", "app", "--name", "disk.full",
                "--attr", "disk=sda", "--attr", "n:int=-5", "disk full", path=script.path,
                env={"TRACEPARENT": TRACEPARENT, "OTEL_SERVICE_NAME": "svc"})
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    [request] = script.requests_to("Ingest.Emit")
    assert len(request.client_id) == 16 and request.batch.first_sequence == 1
    assert values(request.resource) == {"service.name": "svc"}
    [record] = request.batch.records
    assert (record.target, record.event.body.string_value) == ("app", "disk full")
    assert (record.event.severity_text, record.event.event_name) == ("WARN", "disk.full")
    assert record.event.trace_id.hex() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert record.event.span_id.hex() == "00f067aa0ba902b7"
    assert values(record.event) == {"disk": "sda", "n": -5}


def test_event_tells_a_refusal(script):
    script.answers["Ingest.Emit"] = grpc.StatusCode.RESOURCE_EXHAUSTED
    done = tool("event", *PATIENT, "hello", path=script.path)
    assert done.returncode == 0 and "as scripted" in done.stderr
    assert tool("event", *PATIENT, "--require", "hello", path=script.path).returncode == 5


def test_event_tells_a_drop(script):
    script.answers["Ingest.Emit"] = script.ingest.EmitResponse(
        drops=[dict(reason="record_too_large", count=1)])
    done = tool("event", *PATIENT, "--require", "hello", path=script.path)
    assert done.returncode == 5 and "record_too_large" in done.stderr


def test_flush_names_the_laggards(script):
    done_sink = dict(sink="kvp", done=True)
    script.answers["Ingest.Flush"] = script.ingest.FlushResponse(sinks=[done_sink])
    done = tool("flush", "--sink", "kvp", "--timeout", "2s", path=script.path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    [request] = script.requests_to("Ingest.Flush")
    assert (list(request.sinks), request.timeout_ms) == (["kvp"], 2000)

    script.answers["Ingest.Flush"] = script.ingest.FlushResponse(
        sinks=[done_sink, dict(sink="otlp", error="behind")])
    done = tool("flush", path=script.path)
    assert (done.returncode, done.stdout) == (1, "")
    assert "otlp (behind)" in done.stderr and "kvp" not in done.stderr


def test_status_uses_the_admin_socket_where_it_may(script, folder):
    script.answers["Control.Status"] = script.query.StatusResponse(version="all")
    script.answers["Query.Status"] = script.query.StatusResponse(version="own")
    assert json.loads(tool("status", "--json", path=script.path).stdout)["version"] == "all"
    (folder / "admin.sock").unlink()
    done = tool("status", path=script.path)
    assert done.returncode == 0 and "own" in done.stdout and "your own uid's" in done.stdout


def test_tree_shows_the_last_trace(script):
    spans = [dict(identity=dict(uid=1, pid=2), record=dict(kind=4, span=dict(
        trace_id=16 * b"\1", span_id=8 * b"\2", name="one", start_time_unix_nano=1,
        end_time_unix_nano=1_000_001)))]
    script.answers["Control.Records"] = [script.query.RecordsResponse(records=spans)]
    done = tool("tree", "--last", path=script.path)
    assert done.returncode == 0
    assert done.stdout.splitlines()[1] == "@0  1.00 ms  one  uid 1  pid 2"
    assert script.requests_to("Control.Records")[-1].select.last
    tool("tree", 32 * "1", path=script.path)
    assert script.requests_to("Control.Records")[-1].trace_id == 16 * b"\x11"


def test_tree_of_an_unknown_trace_is_a_negative_answer(script):
    script.answers["Control.Records"] = []
    done = tool("tree", 32 * "1", path=script.path)
    assert (done.returncode, done.stdout) == (1, "") and "no trace" in done.stderr


def test_kvp_dump_escapes_what_a_terminal_must_not_see(script):
    raw = [key.ljust(512, b"\0") + value.ljust(2048, b"\0")
           for key, value in ((b"a", b"1\n2\x1b"), (b"b\xff", b""))]
    script.answers["Control.DumpPool"] = [script.pool.DumpPoolResponse(raw=one) for one in raw]
    assert tool("kvp", "dump", path=script.path).stdout == "a=1\\n2\\u{1b}\nb\\xff=\n"
    assert json.loads(tool("kvp", "dump", "--json", path=script.path).stdout) == [
        {"key": "a", "value": "1\n2\x1b"}, {"key": "b\ufffd", "value": ""}]


def test_run_sends_its_command_as_a_span(script):
    done = tool("run", *PATIENT, "--name", "build", "--attr", "jobs:int=2", "--", "sh", "-c",
                "exit 3", path=script.path, env={"TRACEPARENT": TRACEPARENT})
    assert (done.returncode, done.stderr) == (3, "")
    span = emitted_span(script)
    assert span.name == "build" and span.parent_span_id.hex() == "00f067aa0ba902b7"
    assert 0 < span.start_time_unix_nano < span.end_time_unix_nano
    assert (span.status.code, span.status.message) == (2, "exit status 3")
    found = values(span)
    assert found["jobs"] == 2 and found["process.exit.code"] == 3
    assert found["process.executable.name"] == "sh" and found["process.pid"] > 0
    assert [one.string_value for one in found["process.command_args"].values] == \
        ["sh", "-c", "exit 3"]


def test_run_sends_the_start_of_a_span_that_lasts(script, folder):
    go = folder / "go"
    with subprocess.Popen([str(TOOL), "run", *PATIENT, "--", "sh", "-c",
                           f"until [ -e {go} ]; do sleep 0.01; done"],
                          env=environment(script.path)) as process:
        wait_until(lambda: emitted(script), "the start was sent")
        go.touch()
        assert process.wait(DEADLINE_S) == 0
    start, end = script.requests_to("Ingest.Emit")
    assert [one.kind for one in start.batch.records] == [1]
    assert [one.kind for one in end.batch.records] == [3]
    assert (start.batch.first_sequence, end.batch.first_sequence) == (1, 2)
    assert start.client_id == end.client_id
    assert start.batch.records[0].span.span_id == end.batch.records[0].span.span_id


def test_run_sends_an_unacknowledged_start_again_with_the_end(script, folder):
    script.answers["Ingest.Emit"] = grpc.StatusCode.INTERNAL  # not to be tried again at once
    go = folder / "go"
    with subprocess.Popen([str(TOOL), "run", *PATIENT, "--", "sh", "-c",
                           f"until [ -e {go} ]; do sleep 0.01; done"],
                          env=environment(script.path)) as process:
        wait_until(lambda: emitted(script), "the start was sent")
        script.answers["Ingest.Emit"] = script.ingest.EmitResponse(accepted=2)
        go.touch()
        assert process.wait(DEADLINE_S) == 0
    first, second = script.requests_to("Ingest.Emit")
    assert second.batch.first_sequence == 1
    assert [one.kind for one in second.batch.records] == [1, 3]
    assert second.batch.records[0].SerializeToString() == first.batch.records[0].SerializeToString()


def test_run_reports_a_command_that_did_not_run(script):
    assert tool("run", *PATIENT, "--", "no-such-command", path=script.path).returncode == 127
    span = emitted_span(script)
    assert span.name == "no-such-command"
    assert span.status.message == "cannot run: No such file or directory"


def test_run_tells_the_signal_that_killed_its_command(script):
    done = tool("run", *PATIENT, "--", "sh", "-c", "kill -KILL $$", path=script.path)
    assert done.returncode == 137
    assert emitted_span(script).status.message == "killed by SIGKILL"


def test_help_of_every_verb_has_an_example_and_the_manual_knows_it():
    manual = (REPOSITORY / "docs/tool.md").read_text()
    verbs = [[line.split()[0]] for line in verb_lines()]
    verbs += [["kvp", line.split()[0]] for line in verb_lines("kvp")]
    assert len(verbs) > 6
    for verb in verbs:
        done = tool(*verb, "--help")
        assert done.returncode == 0 and done.stderr == ""
        assert re.search(r"^Examples?:$", done.stdout, re.M), verb
        assert f"sluice {' '.join(verb)}" in manual, f"docs/tool.md says nothing of {verb}"


def test_the_manual_names_no_verb_that_is_not_there():
    manual = (REPOSITORY / "docs/tool.md").read_text()
    verbs = {line.split()[0] for line in verb_lines()}
    kvp_verbs = {line.split()[0] for line in verb_lines("kvp")}
    for verb, next_word in re.findall(r"^#+ `sluice ([a-z-]+)(?: ([a-z-]+))?", manual, re.M):
        assert verb in verbs
        assert verb != "kvp" or not next_word or next_word in kvp_verbs


def verb_lines(*group):
    text = tool(*group, "--help").stdout
    block = re.search(r"^Verbs:\n((?:  .*\n)+)", text, re.M)
    return block.group(1).splitlines()


def test_the_program_needs_no_shared_library():
    done = subprocess.run(["ldd", str(TOOL)], capture_output=True, text=True, check=False)
    assert "statically linked" in done.stdout + done.stderr


def test_an_answer_that_cannot_be_written_is_an_error(script):
    script.answers["Control.Status"] = script.query.StatusResponse(version="all")
    with open("/dev/full", "wb") as full:
        done = subprocess.run([str(TOOL), "status"], env=environment(script.path), stdout=full,
                              stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 3 and "No space left" in done.stderr
