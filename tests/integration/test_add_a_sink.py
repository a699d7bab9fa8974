"""The example of docs/add-a-sink.md, built into a copy of the tree as the page says, and used."""

import json
import os
import re
import shutil
import signal
import subprocess

import harness
from harness import REPOSITORY, Agent, Shared, run, wait_until

PAGE = REPOSITORY / "docs/add-a-sink.md"
FILES = re.compile(r"^`(agent/sinks/tally/[^`]+)`\n\n```\w+\n(.*?)^```", re.M | re.S)
CONFIG = """
[tally]
path = "{folder}/tally"
[tally.errors]
path = "{folder}/errors"
filter = "error"
title = "{title}"
"""


def test_the_example_is_a_sink_with_settings_a_filter_and_instances(tmp_path, monkeypatch):
    tree = copy_tree(tmp_path / "tree")
    add_the_example(tree)
    build(tree)
    monkeypatch.setattr("harness.BUILT", tree / "build/release/bin")
    (tmp_path / "shared").mkdir()
    with Agent(Shared(tmp_path / "shared")) as agent:
        agent.environment["SLUICE_TALLY_FILTER"] = "info"
        check_settings(agent)
        check_filters_of_two(agent)
        check_reload(agent)
        check_each_has_a_cursor(agent)


def configure(agent, title="errors"):
    agent.config_path.write_text(CONFIG.format(folder=agent.folder, title=title))


def sluiced(agent, config, *flags):
    agent.config_path.write_text(config)
    return run([agent.shared.sluiced, "--config", agent.config_path, *flags],
               env=agent.environment, check=False)


def check_settings(agent):
    refused = sluiced(agent, '[tally.two]\npaht = "/x"\n', "--check-config")
    assert refused.returncode == 2
    assert 'unknown key "tally.two.paht", did you mean "tally.two.path"?' in refused.stderr
    configure(agent)
    printed = sluiced(agent, agent.config_path.read_text(), "--print-config").stdout
    assert f'[tally]\nenabled = true  # default\nfilter = "info"  # environment SLUICE_TALLY_FILTER' \
        in printed
    assert '[tally.errors]\nenabled = true  # default\nfilter = "error"  # file ' in printed
    environment, agent.environment = agent.environment, {}
    assert 'filter = "warn"  # default' in sluiced(agent, "[tally]\n", "--print-config").stdout
    agent.environment = environment
    configure(agent)


def emit(agent):
    import telemetry
    telemetry.emit(agent.socket, telemetry.event("one."), telemetry.event("two.", level=1),
                   telemetry.event("three."))


def text_of(agent, name):
    path = agent.folder / name
    return path.read_text() if path.exists() else ""


def rows(agent):
    return {row["name"]: row for row in agent.status()["sinks"]}


def check_filters_of_two(agent):
    agent.start()
    emit(agent)
    wait_until(lambda: text_of(agent, "tally") == "events ERROR 1\nevents INFO 2\n", "the tally")
    wait_until(lambda: text_of(agent, "errors") == "errors ERROR 1\n", "the errors'")
    agent.flush()
    shown = rows(agent)
    for name, file in (("tally", "tally"), ("tally.errors", "errors")):
        assert shown[name]["state"] == "ok"
        assert shown[name]["destination"] == str(agent.folder / file)
    explained = agent.sluice("event", "--explain", "--dry-run", "--json", "--level", "info", "x")
    takes = {one["sink"]: one.get("enabled", False)
             for one in json.loads(explained.stdout)["verdicts"]}
    assert takes["tally"] and not takes["tally.errors"]


def check_reload(agent):
    configure(agent, title="failures")
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: "failures" in agent.sluice("config", "cat").stdout, "it is reloaded")
    emit(agent)
    wait_until(lambda: text_of(agent, "errors") == "failures ERROR 2\n", "the new title")


def check_each_has_a_cursor(agent):
    """One that cannot write does not hold up the other, and gets all of it later."""
    agent.stop()
    (agent.folder / "errors").unlink()
    (agent.folder / "errors").mkdir()
    agent.start()
    emit(agent)
    wait_until(lambda: text_of(agent, "tally") == "events ERROR 1\nevents INFO 2\n", "the first")
    wait_until(lambda: rows(agent)["tally.errors"]["state"] == "failing", "the second fails")
    agent.stop()
    (agent.folder / "errors").rmdir()
    agent.start()
    wait_until(lambda: text_of(agent, "errors") == "failures ERROR 1\n", "the second has it all")


def add_the_example(tree):
    page = PAGE.read_text()
    assert len(page.splitlines()) <= 70, "longer than a page"
    files = FILES.findall(page)
    assert [name.rsplit("/", 1)[1] for name, _ in files] == ["CMakeLists.txt", "tally_sink.cc"]
    for name, text in files:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(text)
    line = re.search(r"`(SINK\(\w+\))`", page).group(1)
    with open(tree / "agent/sinks/sink_list.h", "a") as registration:
        registration.write(line + "\n")


def copy_tree(target):
    names = subprocess.run(["git", "-c", "safe.directory=*", "-C", REPOSITORY, "ls-files", "-z"], check=True,
                           capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, target / name)
    return target


def build(tree):
    """The agent, out of the compiler's cache but for the new sink; the tool knows no sinks."""
    environment = {**os.environ, "CCACHE_BASEDIR": str(tree), "CCACHE_NOHASHDIR": "true"}
    for command in (["cmake", "--preset", "release"],
                    ["cmake", "--build", "--preset", "release", "--target", "sluiced"]):
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    shutil.copy2(harness.BUILT / "sluice", tree / "build/release/bin/sluice")
