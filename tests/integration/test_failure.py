"""A span that failed, or whose process died, says so and why in every view and sink, and counts as
an error for filters."""

import json
import subprocess

import pytest
from harness import Agent, wait_until
from victim import WAITS, Victim

OTHER_BOOT = "11111111-2222-4333-8444-555555555555"
QUIET = '[log]\nfilter = "error"\n'


def pool_values(agent):
    """{name: (level, value)} of the spans in the pool."""
    values = {}
    for key, value in agent.pool():
        _prefix, _vm, level, name, _uuid = key.split("|")
        values[name] = level, value
    return values


def closes(agent, *filters):
    lines = agent.sluice("tail", "-n", "all", "--json", *filters, check=False).stdout.splitlines()
    return [line for line in map(json.loads, lines) if line.get("kind") == "close"]


def run_step(agent, script, *flags, code=7):
    done = agent.sluice("run", "--timeout", "10s", "--name", "step", *flags, "--", "sh", "-c",
                        script, check=False)
    assert done.returncode == code
    agent.flush()


def kill_inside_a_span(agent):
    Victim(agent, "step", WAITS, uid=0).kill()
    wait_until(lambda: not agent.status("--open")["open_spans"], "the span is closed")
    agent.flush()


def assert_every_view_tells(agent, message, name="step"):
    assert f"ERROR {message}" in agent.sluice("tree", "--last").stdout
    line, = [line for line in agent.log().splitlines() if ": close " in line]
    assert f"Z ERROR {name}{{" in line and line.endswith(f' error="{message}"')
    shown = agent.sluice("tail", "-p", "error", "-o", "full").stdout.splitlines()
    assert shown == [line]
    matching = agent.sluice("tail", "-o", "cat", "-g", message.split()[0])
    assert matching.stdout == f"{name}: close, error: {message}\n"
    close, = closes(agent)
    assert (close["level"], close["status"], close["error"]) == ("ERROR", "error", message)


def test_a_failed_command_stands_everywhere(agent):
    run_step(agent, "exit 7")
    assert_every_view_tells(agent, "exit status 7")
    assert closes(agent)[0]["spans"][0]["fields"]["process.exit.code"] == 7
    level, value = pool_values(agent)["sluice::run:step"]
    assert level == "ERROR" and value.endswith(" | Status: error: exit status 7")
    item, = json.loads(agent.sluice("kvp", "decode", "--json").stdout)
    assert (item["kind"], item["status"], item["error"]) == ("span", "error", "exit status 7")
    assert "sluice::run:step  error: exit status 7" in agent.sluice("kvp", "decode").stdout


def test_a_command_that_succeeds_says_nothing_of_errors(agent):
    run_step(agent, "exit 0", code=0)
    assert agent.sluice("tail", "-p", "error", check=False).returncode == 1
    assert " error=" not in agent.log() and "Status" not in agent.pool()[0][1]
    assert "status" not in closes(agent)[0]


def test_the_pool_takes_failures_by_default_and_status_names_what_it_left_out(shared):
    with Agent(shared) as agent:
        agent.environment = {}
        agent.start()
        run_step(agent, "exit 0", code=0)
        run_step(agent, "exit 7")
        run_step(agent, "exit 8", "--target", "azure_init", code=8)
        assert pool_values(agent).keys() == {"sluice::run:step", "azure_init:step"}
        assert len(agent.pool()) == 2
        kvp, = [line for line in agent.sluice("status").stdout.splitlines()
                if line.startswith("  kvp ")]
        assert " 1 filtered by kvp.filter " in kvp


def test_a_sink_for_errors_gets_the_end_of_a_failed_span_alone(shared):
    with Agent(shared, config=QUIET) as agent:
        agent.start()
        run_step(agent, "exit 0", code=0)
        run_step(agent, "exit 7")
        line, = agent.log().splitlines()
        assert "ERROR step{" in line and line.endswith(' error="exit status 7"')


def test_the_strict_pool_is_azure_inits(shared):
    with Agent(shared, config='[kvp]\nprofile = "strict"\n') as agent:
        agent.start()
        run_step(agent, "exit 7")
        kill_inside_a_span(agent)
        for name in ("sluice::run:step", "test:step"):
            level, value = pool_values(agent)[name]
            assert level == "INFO" and value.startswith("Start: ") and value.count(" | ") == 1


@pytest.mark.parametrize("style", ["json", "logfmt"])
def test_other_log_formats_have_fields_for_it(shared, style):
    with Agent(shared, config=f'[log]\nformat = "{style}"\n') as agent:
        agent.start()
        run_step(agent, "exit 7")
        close = agent.log().splitlines()[-1]
        if style == "json":
            assert json.loads(close)["error"] == "exit status 7"
        else:
            assert close.startswith("ts=") and " level=error " in close
            assert ' msg=close ' in close and ' status=error error="exit status 7" ' in close


def test_stderr_lines_of_the_tool_tell_it_too(agent):
    for wanted, count in (("info", 2), ("error", 1)):
        done = subprocess.run(
            [agent.shared.sluice, "run", "--name", "step", "--", "sh", "-c", "exit 7"],
            env={"PATH": "/usr/bin:/bin", "SLUICE_SOCKET": str(agent.socket),
                 "SLUICE_STDERR": wanted}, capture_output=True, text=True, timeout=20, check=False)
        lines = done.stderr.splitlines()
        assert len(lines) == count, lines
        assert "ERROR step{" in lines[-1] and lines[-1].endswith(' error="exit status 7"')


def test_a_killed_processs_span_is_told_alike(shared):
    with Agent(shared, config=QUIET) as agent:
        agent.start()
        kill_inside_a_span(agent)
        close, = closes(agent, "-p", "error")
        cause = close["aborted"]
        assert cause in ("signal 9 (SIGKILL)", "process gone")
        assert (close["status"], close["error"]) == ("error", f"aborted: {cause}")
        assert agent.log().splitlines()[-1].endswith(f' error="aborted: {cause}"')
        assert f"  aborted: {cause}" in agent.sluice("tree", "--last").stdout
        level, value = pool_values(agent)["test:step"]
        assert level == "ERROR" and value.endswith(f" | Status: error: aborted: {cause}")
        item, = json.loads(agent.sluice("kvp", "decode", "--json").stdout)
        assert item["aborted"] == cause


def test_a_span_that_a_reboot_ended_is_told_alike(shared):
    with Agent(shared) as agent:
        agent.start()
        victim = Victim(agent, "step", WAITS, uid=0)
        agent.kill()
        victim.kill()
        boot_id = agent.folder / "boot_id"
        boot_id.write_text(OTHER_BOOT + "\n")
        agent.start(wrapper=("unshare", "--mount", "sh", "-c",
                             f"mount --bind {boot_id} /proc/sys/kernel/random/boot_id && "
                             'exec "$@"', "sh"))
        agent.flush()
        close, = closes(agent, "-p", "error")
        assert (close["error"], close["aborted"]) == ("aborted: reboot", "reboot")
        line, = [line for line in agent.log().splitlines() if ": close " in line]
        assert "Z ERROR step{" in line and line.endswith(' error="aborted: reboot"')
