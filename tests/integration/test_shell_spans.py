"""Spans of shell scripts: `sluice span`, `sluice shell-init`, and what otel-cli's users type."""

import contextlib
import json
import os
import random
import re
import signal
import subprocess
import time

import pytest
from harness import DEADLINE_S, NOBODY, PATIENT, as_user, wait_until

SHELLS = ("dash", "bash")
TRACE_ID, PARENT_ID = 32 * "a", 16 * "b"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT_ID}-01"


@pytest.fixture(name="shell", params=SHELLS)
def shell_fixture(request):
    return request.param


def environment(agent, **extra):
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "SLUICE_SOCKET": str(agent.socket),
            "SLUICE": str(agent.shared.sluice), **extra}


def start_script(agent, shell, text, env=None, cwd="/tmp", **options):
    return subprocess.Popen([shell, "-c", text], env=environment(agent, **(env or {})),
                            cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, **as_user(NOBODY), **options)


def script(agent, shell, text, **options):
    """Runs it; what it printed."""
    with start_script(agent, shell, text, **options) as process:
        out, err = process.communicate(timeout=60)
    assert err == "", err
    return out


def stored(agent):
    import telemetry  # made of the classes that the harness generates
    return telemetry.stored(agent)


def whole_spans(agent):
    """The spans of the journal: START, UPDATEs and END merged."""
    whole = {}
    for one in stored(agent):
        if one.record.WhichOneof("body") == "span":
            span = one.record.span
            whole.setdefault(span.span_id, type(span)()).MergeFrom(span)
    return list(whole.values())


def spans(agent):
    return {span.name: span for span in whole_spans(agent)}


def events(agent):
    return [one.record for one in stored(agent) if one.record.WhichOneof("body") == "event"]


def values(body):
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in body.attributes}


def open_spans(agent):
    return {one["name"] for one in agent.status("--open")["open_spans"]}


def test_spans_nest_by_eval(agent, shell):
    script(agent, shell, """
        eval "$("$SLUICE" span start --timeout 10s --name outer --attr n:int=1)"
        eval "$("$SLUICE" span start --timeout 10s inner || echo unreached)"
        "$SLUICE" span attr --timeout 10s disk=sda
        "$SLUICE" span event --timeout 10s --attr n:int=2 mounted
        "$SLUICE" event --timeout 10s 'said within'
        eval "$("$SLUICE" span end --timeout 10s --status 3)"
        eval "$("$SLUICE" span start --timeout 10s second)"
        eval "$("$SLUICE" span end --timeout 10s)"
        eval "$("$SLUICE" span end --timeout 10s)"
        [ -z "${TRACEPARENT+set}" ] || echo "left with $TRACEPARENT" >&2
        """)
    found = spans(agent)
    outer, inner, second = found["outer"], found["inner"], found["second"]
    assert outer.parent_span_id == b""
    assert inner.parent_span_id == second.parent_span_id == outer.span_id
    assert (inner.status.code, inner.status.message) == (2, "exit status 3")
    assert values(inner)["disk"] == "sda" and values(inner)["process.exit.code"] == 3
    assert [(one.name, values(one)) for one in inner.events] == [("mounted", {"n": 2})]
    assert outer.status.code == 0 and outer.end_time_unix_nano >= second.end_time_unix_nano
    [said] = events(agent)
    assert said.event.span_id == inner.span_id
    assert open_spans(agent) == set()


def test_a_span_lives_with_the_shell_and_not_with_what_started_it(agent, shell):
    # In a list, the command substitution is a subshell, which ends before the span is used.
    text = 'eval "$(:; "$SLUICE" span start --timeout 10s listed; :)"; echo up; sleep 60 & wait'
    with start_script(agent, shell, text, start_new_session=True) as process:
        assert process.stdout.readline() == "up\n"
        # One whose emitter owns it: once it is closed, so would the other have been.
        script(agent, shell, '"$SLUICE" span background --timeout 10s other; exit 0')
        wait_until(lambda: open_spans(agent) == {"listed"}, "the other shell is gone")
        os.killpg(process.pid, signal.SIGKILL)
    wait_until(lambda: open_spans(agent) == set(), "the span ends with its shell")
    assert values(spans(agent)["listed"])["sluice.abort.cause"] in (
        "signal 9 (SIGKILL)", "process gone")


def test_functions_of_shell_init_end_what_the_script_leaves_open(agent, shell):
    with start_script(agent, shell, """
            set -eu
            eval "$("$SLUICE" shell-init --name whole)"
            sluice_span first --timeout 10s --attr k=v
            sluice_end --timeout 10s --status 0
            sluice_span second --timeout 10s
            false
            echo unreached""") as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (1, "", "")
    found = spans(agent)
    assert found["first"].parent_span_id == found["whole"].span_id == found["second"].parent_span_id
    assert found["first"].status.code == 0
    for name in ("second", "whole"):
        assert found[name].status.message == "exit status 1"
        assert "sluice.abort.cause" not in values(found[name])
    assert open_spans(agent) == set()


def test_functions_do_a_script_no_harm_without_an_agent(agent, shell):
    for socket in ("/nonexistent/s", str(agent.socket)):
        with start_script(agent, shell, """
                set -eu
                eval "$("$SLUICE" shell-init)"
                sluice_span --no-such-flag
                sluice_span inner
                sluice_end
                sluice_end
                sluice_end
                echo done; exit 7""", env={"SLUICE_SOCKET": socket}) as process:
            out, _ = process.communicate(timeout=60)
        assert (process.returncode, out) == (7, "done\n")
    assert open_spans(agent) == set()


def test_background_spans_are_found_again_by_file_or_folder(agent, shell):
    folder = agent.folder / "background"
    folder.mkdir()
    folder.chmod(0o777)
    script(agent, shell, """
        "$SLUICE" span background --timeout 10s -n one --tp-carrier one
        "$SLUICE" span background --timeout 10s -n two --sockdir . --parent-poll 10 &
        "$SLUICE" span event --timeout 10s --sockdir . -e begun -a n=5,ok=true
        "$SLUICE" span end --timeout 10s --sockdir . --attrs 'late=yes' --status-code ok
        "$SLUICE" span end --timeout 10s --tp-carrier one
        wait
        """, env={"TRACEPARENT": TRACEPARENT}, cwd=folder)
    found = spans(agent)
    assert {found[name].parent_span_id.hex() for name in ("one", "two")} == {PARENT_ID}
    assert [(one.name, values(one)) for one in found["two"].events] == [
        ("begun", {"n": 5, "ok": True})]
    assert found["two"].status.code == 1 and values(found["two"])["late"] == "yes"
    assert open_spans(agent) == set()


def test_a_file_without_a_context_means_no_other_span(agent):
    script(agent, "sh", """
        eval "$("$SLUICE" span start --timeout 10s current --owner none)"
        "$SLUICE" span end --timeout 10s --tp-carrier /nonexistent/c 2>&1 && echo ended
        "$SLUICE" span end --timeout 50ms --sockdir /nonexistent 2>&1 && echo ended
        true""")
    assert open_spans(agent) == {"current"}


def test_a_span_may_live_without_a_process(agent):
    script(agent, "sh", '"$SLUICE" span background --timeout 10s timed --owner none --ttl 400ms')
    assert open_spans(agent) == {"timed"}
    wait_until(lambda: open_spans(agent) == set(), "its time is over")
    assert values(spans(agent)["timed"])["sluice.abort.cause"] == "ttl"


def test_otel_clis_span_as_its_users_type_it(agent):
    printed = script(agent, "sh", f"""
        "$SLUICE" span --timeout 10s -n "my span" -s svc -k server \
            -a 'n=5,version=1.10,"list=a,b"' -a ok=true \
            --start 2026-11-20T09:27:53.5Z --end 1795166874.25 \
            --status-code error --status-description broken \
            --force-trace-id {TRACE_ID} --force-span-id 1111111111111111 \
            --force-parent-span-id {PARENT_ID} --tp-print --tp-export
        """)
    assert printed == (f"# trace id: {TRACE_ID}\n#  span id: 1111111111111111\n"
                       f"export TRACEPARENT=00-{TRACE_ID}-1111111111111111-01\n")
    span = spans(agent)["my span"]
    assert (span.trace_id.hex(), span.parent_span_id.hex()) == (TRACE_ID, PARENT_ID)
    assert span.kind == 2 and (span.status.code, span.status.message) == (2, "broken")
    assert values(span) == {"n": 5, "version": "1.10", "list": "a,b", "ok": True}
    assert span.start_time_unix_nano == 1795166873_500000000
    assert span.end_time_unix_nano == 1795166874_250000000
    [one] = stored(agent)
    assert values(one.resource)["service.name"] == "svc"


def test_exec_hands_its_context_to_command_and_carrier(agent, tmp_path):
    carrier = tmp_path / "carrier"
    carrier.write_text(f"# trace id: {TRACE_ID}\nexport TRACEPARENT={TRACEPARENT}\n")
    done = agent.sluice("exec", *PATIENT, "-n", "wrapped", "-k", "client", "--tp-carrier", carrier,
                        "--tp-print", "--", "sh", "-c", 'echo "$1 $TRACEPARENT"; cat "$2"', "sh",
                        "{{traceparent}}", carrier)
    span = spans(agent)["wrapped"]
    own = f"00-{TRACE_ID}-{span.span_id.hex()}-01"
    assert span.parent_span_id.hex() == PARENT_ID and span.kind == 3
    carried = f"# trace id: {TRACE_ID}\n#  span id: {span.span_id.hex()}\nTRACEPARENT={own}\n"
    assert done.stdout == f"{own} {own}\n{carried}", "stdout is the command's alone"
    assert done.stderr == carried == carrier.read_text()


def test_exec_runs_its_command_also_where_the_carrier_cannot_be_written(agent):
    done = agent.sluice("exec", *PATIENT, "--tp-carrier", "/nonexistent/c", "--", "echo", "ran")
    assert (done.stdout, "cannot write '/nonexistent/c'" in done.stderr) == ("ran\n", True)


def test_lines_of_a_command_become_events(agent, shell):
    script(agent, shell, """
        eval "$("$SLUICE" span start --timeout 10s making)"
        { echo one; echo; printf 'two\\r\\n\\303three'; } |
            "$SLUICE" event --lines --timeout 10s --level warn --target make --attr k=v
        eval "$("$SLUICE" span end --timeout 10s)"
        """)
    making = spans(agent)["making"]
    found = events(agent)
    assert [one.event.body.string_value for one in found] == ["one", "two", "\ufffdthree"]
    assert {(one.target, one.level, one.event.span_id) for one in found} == {
        ("make", 2, making.span_id)}


def test_lines_wait_for_an_agent_that_comes_back(agent):
    with subprocess.Popen([agent.shared.sluice, "event", "--lines"], env=environment(agent),
                          stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as lines:
        lines.stdin.write("before\n")
        lines.stdin.flush()
        wait_until(lambda: stored(agent), "the first line is there")
        agent.stop()
        lines.stdin.write("meanwhile\n")
        lines.stdin.flush()
        agent.start()
        lines.stdin.write("after\n")
        lines.stdin.close()
        assert (lines.wait(DEADLINE_S), lines.stderr.read()) == (0, "")
    assert [one.event.body.string_value for one in events(agent)] == [
        "before", "meanwhile", "after"]


def test_lines_without_an_agent_are_read_and_counted(agent):
    done = subprocess.run([agent.shared.sluice, "event", "--lines"], input="line\n" * 100_000,
                          env=environment(agent, SLUICE_SOCKET="/nonexistent/s"), text=True,
                          capture_output=True, timeout=60, check=False)
    assert done.returncode == 0 and "100000 lines were not taken" in done.stderr


def test_a_slow_command_shows_its_tree(agent):
    quick = agent.sluice("run", "--auto-tree", "1h", "--", "true")
    assert (quick.stdout, quick.stderr) == ("", "")
    slow = agent.sluice("run", "--auto-tree", "1ms", "--name", "slow", "--",
                        "sh", "-c", '"$0" event --timeout 10s within; echo data; exit 3',
                        agent.shared.sluice, check=False)
    assert (slow.returncode, slow.stdout) == (3, "data\n")
    assert re.search(r"slow  ERROR exit status 3.*\n.*INFO  within", slow.stderr), slow.stderr


def test_env_says_what_brings_another_program_into_this_span(agent):
    printed = script(agent, "sh", '"$SLUICE" env', env={"TRACEPARENT": TRACEPARENT,
                                                        "BAGGAGE": "run_id=it's"})
    assert printed == (f"export TRACEPARENT='{TRACEPARENT}'\nexport BAGGAGE='run_id=it'\\''s'\n"
                       f"export SLUICE_SOCKET='{agent.socket}'\n")
    done = agent.sluice("env", "--json", check=False)
    assert done.returncode == 1 and json.loads(done.stdout)["environment"] == {
        "SLUICE_SOCKET": str(agent.socket)}


@pytest.fixture(name="fifty_shells")
def fifty_shells_fixture(agent):
    """At work on spans without end, each in a process group of its own."""
    text = """
        eval "$("$SLUICE" shell-init)"
        sluice_span "shell $NUMBER" --timeout 10s
        while :; do
            sluice_span step --timeout 10s
            sluice_span inner --timeout 10s
            sluice_end --timeout 10s
            sluice_end --timeout 10s --status 1
        done"""
    processes = [start_script(agent, SHELLS[number % 2], text, env={"NUMBER": str(number)},
                              start_new_session=True) for number in range(50)]
    yield processes
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=DEADLINE_S)


def test_shells_that_are_killed_leave_no_span_open(agent, fifty_shells):
    """Each is killed at a moment of its own: what it had open is closed, and says why."""
    chance = random.Random(14)
    wait_until(lambda: sum(name.startswith("shell ") for name in open_spans(agent)) == 50,
               "each has a span open", deadline_s=60)
    for process in chance.sample(fifty_shells, len(fifty_shells)):
        os.killpg(process.pid, chance.choice((signal.SIGKILL, signal.SIGTERM)))
        time.sleep(chance.random() / 50)  # the moment is what is random here
    for process in fifty_shells:
        process.wait(DEADLINE_S)
    wait_until(lambda: open_spans(agent) == set(), "nothing is open")
    found = whole_spans(agent)
    assert len(found) >= 50 and all(span.start_time_unix_nano for span in found)
    assert [span.name for span in found if not span.end_time_unix_nano] == []
    causes = [values(span)["sluice.abort.cause"] for span in found
              if "sluice.abort.cause" in values(span)]
    assert len(causes) >= 25
    assert {cause for cause in causes if not cause.startswith(("signal ", "process gone"))} == set()
