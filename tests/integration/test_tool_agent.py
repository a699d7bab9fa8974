"""The tool and the agent together: what the one sends comes back by the other verbs."""

import json
import os
import signal
import subprocess

from harness import DEADLINE_S, NOBODY, PATIENT, wait_until
from tool import environment


def test_nested_runs_and_an_event_make_one_tree(agent):
    tool = agent.shared.sluice
    done = agent.sluice(
        "run", "--name", "outer", "--", "sh", "-c",
        f"{tool} event --timeout 10s --level warn half-way; "
        f"{tool} run --timeout 10s --name inner -- sh -c 'exit 3'",
        uid=NOBODY, check=False)
    assert (done.returncode, done.stderr) == (3, "")
    tree = json.loads(agent.sluice("tree", "--last", "--json").stdout)
    outer, inner = tree["spans"]
    assert (outer["name"], outer["depth"], outer["state"]) == ("outer", 0, "ended")
    assert (inner["name"], inner["depth"]) == ("inner", 1)
    assert inner["status_message"] == outer["status_message"] == "exit status 3"
    assert [one["message"] for one in outer["events"]] == ["half-way"]
    assert {one["uid"] for one in tree["spans"]} == {NOBODY}
    assert agent.sluice("tree", tree["trace_id"]).stdout.count("\n") == 4


def test_a_tool_that_is_killed_leaves_an_aborted_span(agent):
    command = [agent.shared.sluice, "run", *PATIENT, "--name", "long", "--", "sleep", "60"]
    with subprocess.Popen([str(word) for word in command], env=environment(agent.socket),
                          start_new_session=True) as process:
        wait_until(lambda: agent.status("--open")["open_spans"], "the span is open")
        assert "open since" in agent.sluice("tree", "--last").stdout
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(DEADLINE_S)
    wait_until(lambda: "aborted" in agent.sluice("tree", "--last").stdout, "the span is aborted")
    assert not agent.status("--open")["open_spans"]


def test_everybody_may_look_at_his_own_part_alone(agent):
    agent.sluice("event", "--require", "of root")
    agent.sluice("run", "--name", "mine", "--", "true", uid=NOBODY)
    agent.sluice("run", "--name", "roots", "--", "true")
    assert "mine" in agent.sluice("tree", "--last", uid=NOBODY).stdout
    assert "your own uid's" in agent.sluice("status", uid=NOBODY).stdout
    done = agent.sluice("kvp", "dump", uid=NOBODY, check=False)
    assert done.returncode in (4, 5) and done.stdout == ""


def test_the_pool_comes_back_decoded(agent):
    agent.sluice("event", "--require", "--name", "disk.full", "disk full")
    agent.flush()
    [item] = [one for one in json.loads(agent.sluice("kvp", "decode", "--json").stdout)
              if "disk full" in one["text"]]
    assert (item["writer"], item["level"], item["kind"]) == ("sluice", "INFO", "event")
    assert str(agent.pool_path) in agent.sluice("kvp", "info").stdout
    assert agent.sluice("kvp", "check").returncode == 0
