"""Finding a trace among many, and asking what went wrong in it, with the tool alone."""

import json
import re
import subprocess

import pytest
from harness import NOBODY, Agent, run, wait_until


@pytest.fixture(scope="module", name="agent")
def agent_with_traces(shared):
    """Three traces: one that is fine, one of which a span was killed, one of another user."""
    with Agent(shared) as agent:
        agent.start()
        agent.sluice("run", "--name", "fine", "--", "true")
        agent.sluice("run", "--name", "provision", "--", "sh", "-c",
                     f"{shared.sluice} event 'growing the file system'; "
                     f"{shared.sluice} run --name resize_root -- sh -c 'kill -9 $PPID'; true")
        wait_until(lambda: not agent.status("--open")["open_spans"], "every span has ended")
        agent.sluice("run", "--name", "others", "--", "true", uid=NOBODY)
        agent.flush()
        yield agent


def traces(agent, *arguments, **options):
    done = agent.sluice("traces", "--json", *arguments, check=False, **options)
    return [trace["root_name"] for trace in json.loads(done.stdout)["traces"]]


def test_lists_traces_newest_first(agent):
    assert traces(agent) == ["others", "provision", "fine"]
    assert traces(agent, "-n", "1") == ["others"]
    lines = agent.sluice("traces").stdout.splitlines()
    assert lines[0].split()[:4] == ["TRACE", "START", "DURATION", "ROOT"]
    assert [line.split()[5 if "ms" in line or " s " in line else 4] for line in lines[1:]] \
        == ["others", "provision", "fine"]


def test_shows_a_user_its_own_traces_alone(agent):
    assert traces(agent, uid=NOBODY) == ["others"]
    refused = agent.sluice("traces", "--uid", "0", uid=NOBODY, check=False)
    assert refused.returncode == 5


@pytest.mark.parametrize(("arguments", "names"), [
    (("--failed",), ["provision"]),
    (("-g", "GROWING"), ["provision"]),
    (("--uid", "nobody"), ["others"]),
    (("-b",), ["others", "provision", "fine"]),
    (("-b", "another"), []),
    (("-S", "1 hour ago"), ["others", "provision", "fine"]),
    (("-U", "1 hour ago"), []),
    (("--slower-than", "1h"), []),
])
def test_restricts_the_list(agent, arguments, names):
    assert traces(agent, *arguments) == names


def test_says_no_by_its_exit_code(agent):
    assert agent.sluice("traces", "-U", "1970-01-02", check=False).returncode == 1
    assert agent.sluice("tree", "ffffffff", check=False).returncode == 1
    assert agent.sluice("traces", "-S", "soon", check=False).returncode == 2
    assert agent.sluice("traces", "--uid", "no-such-user", check=False).returncode == 2
    assert agent.sluice("tree", "loud", check=False).returncode == 2


def test_finds_a_trace_by_whatever_names_it(agent):
    [failed] = json.loads(agent.sluice("traces", "--json", "--failed").stdout)["traces"]
    whole = agent.sluice("tree", failed["trace_id"], "--json").stdout
    spans = json.loads(whole)["spans"]
    for name in (failed["trace_id"][:8], "--last-failed", spans[1]["span_id"]):
        assert agent.sluice("tree", name, "--json").stdout == whole


def test_tail_shows_one_trace_or_span(agent):
    [failed] = json.loads(agent.sluice("traces", "--json", "--failed").stdout)["traces"]
    short = failed["trace_id"][:8]
    lines = agent.sluice("tail", "-n", "all", "--trace", short, "-o", "cat").stdout
    assert "growing the file system" in lines
    assert "fine" not in lines
    spans = json.loads(agent.sluice("tree", short, "--json").stdout)["spans"]
    [killed] = [span["span_id"] for span in spans if span["name"] == "resize_root"]
    lines = agent.sluice("tail", "-n", "all", "--span", killed, "-o", "cat").stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("resize_root: ") for line in lines)
    assert agent.sluice("tail", "--span", "xyz", check=False).returncode == 2


def test_why_names_what_was_killed_and_what_was_around(agent):
    lines = agent.sluice("why", "--last-failed").stdout.splitlines()
    assert lines[0].startswith("provision failed  trace ")
    assert "resize_root: aborted: signal 9 (SIGKILL)" in " ".join(lines)
    assert "  in provision" in lines
    before = lines[lines.index("  before:"):]
    assert any("growing the file system" in line for line in before)


def test_why_tells_of_the_whole_boot(agent):
    text = agent.sluice("why").stdout
    assert "resize_root: aborted: signal 9 (SIGKILL)" in text
    document = json.loads(agent.sluice("why", "--json").stdout)
    [trace] = document["traces"]
    assert trace["failures"][0]["span"]["name"] == "resize_root"
    assert [span["name"] for span in trace["failures"][0]["ancestors"]] == ["provision"]


def test_why_of_a_trace_that_is_fine_says_no(agent):
    [fine] = [trace for trace in json.loads(agent.sluice("traces", "--json").stdout)["traces"]
              if trace["root_name"] == "fine"]
    done = agent.sluice("why", fine["trace_id"], check=False)
    assert done.returncode == 1
    assert done.stdout.startswith("fine: no failure")


def test_why_tells_what_a_boot_waits_for_and_what_the_host_was_told(shared):
    with Agent(shared) as agent:
        agent.start()
        agent.sluice("report", "failure", "--reason", "no disk", "--vm-id",
                     "11111111-2222-3333-4444-555555555555")
        waiting = subprocess.Popen([shared.sluice, "run", "--name", "fetch_metadata", "--", "cat"],
                                   env={"SLUICE_SOCKET": str(agent.socket), "PATH": "/usr/bin:/bin"},
                                   stdin=subprocess.PIPE)
        wait_until(lambda: agent.status("--open")["open_spans"], "the span is open")
        text = agent.sluice("why").stdout
        one = agent.sluice("why", "--last").stdout
        waiting.communicate()
    assert re.search(r"^  fetch_metadata since \d\d:\d\d:\d\d\.\d+ \(.*\); uid 0, pid", text, re.M)
    assert re.search(r"^waits for fetch_metadata since ", one, re.M)
    assert re.search(r"^the host was told: result=error\|reason=no disk\|", text, re.M)


def test_blame_and_critical_show_where_the_time_went(agent):
    rows = json.loads(agent.sluice("blame", "--last-failed", "--json").stdout)
    assert {row["name"] for row in rows} == {"provision", "resize_root"}
    assert all(row["self_ns"] <= row["total_ns"] for row in rows)
    spans = json.loads(agent.sluice("tree", "--last-failed", "--json").stdout)["spans"]
    # The agent ends a killed span when it learns of it, which may be after its parent's end.
    whole = max(int(span["end_time_unix_nano"]) for span in spans) \
        - min(int(span["start_time_unix_nano"]) for span in spans)
    steps = json.loads(agent.sluice("critical", "--last-failed", "--json").stdout)
    assert sum(step["took_ns"] for step in steps) == whole
    assert "resize_root" in [step["name"] for step in steps]
    assert agent.sluice("blame", "--last-failed", "--by", "name").stdout.startswith("SELF")
    assert agent.sluice("critical", "--last-failed").stdout.startswith("AT")


def test_the_tool_alone_says_how_the_last_trace_went(agent):
    text = agent.sluice("--json").stdout
    assert json.loads(text)["root"] == "others"
    done = run([agent.shared.sluice], env={"SLUICE_SOCKET": str(agent.socket),
                                           "SLUICE_ADMIN_SOCKET": str(agent.admin_socket)})
    assert done.stdout.startswith("The last trace, others, went well in ")
    assert "\nNext: sluice tree " in done.stdout


@pytest.mark.parametrize("verb", [
    ["status"], ["traces"], ["tail"], ["tree", "--last-failed"], ["why", "--last-failed"],
    ["blame", "--last-failed"], ["critical", "--last-failed"], ["plot", "--last-failed"],
    ["export", "--last-failed"]], ids=lambda verb: verb[0])
def test_takes_utc_as_journalctl_does(agent, verb):
    as_it_is = agent.sluice(*verb, check=False)
    with_flag = agent.sluice(*verb, "--utc", check=False)
    assert with_flag.returncode == as_it_is.returncode and with_flag.stderr == as_it_is.stderr
    if verb[0] != "status":
        assert with_flag.stdout == as_it_is.stdout


def test_views_are_no_wider_than_the_terminal(agent):
    for verb in (["traces"], ["tree", "--last-failed", "-v"], ["why", "--last-failed"], ["blame", "--last-failed"],
                 ["critical", "--last-failed"]):
        for locale in ("C", "C.UTF-8"):
            done = agent.sluice(*verb, env={"COLUMNS": "60", "LC_ALL": locale})
            assert max(map(len, done.stdout.splitlines())) <= 60, done.stdout


def test_tree_leaves_out_what_it_is_told_to(agent):
    whole = agent.sluice("tree", "--last-failed").stdout
    assert "growing the file system" in whole and "resize_root" in whole
    assert "resize_root" not in agent.sluice("tree", "--last-failed", "--depth", "0").stdout
    assert "growing" not in agent.sluice("tree", "--last-failed", "-p", "warn").stdout
    assert "resize_root" in agent.sluice("tree", "--last-failed", "--min", "1h").stdout
    assert "process.pid=" in agent.sluice("tree", "--last-failed", "-v").stdout
    assert agent.sluice("tree", "--last", "--min", "soon", check=False).returncode == 2
    assert agent.sluice("tree", "--last", "-p", "loud", check=False).returncode == 2
