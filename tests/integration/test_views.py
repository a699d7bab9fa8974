"""Finding a trace among many, and asking what went wrong in it, with the tool alone."""

import json

import pytest
from harness import NOBODY, Agent, wait_until


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
