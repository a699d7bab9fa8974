"""The example of docs/add-a-sink.md, built into a copy of the tree as the page says, and used."""

import os
import re
import shutil
import subprocess

from harness import REPOSITORY, Agent, Shared, wait_until

PAGE = REPOSITORY / "docs/add-a-sink.md"
FILES = re.compile(r"^`(agent/sinks/tally/[^`]+)`\n\n```\w+\n(.*?)^```", re.M | re.S)


def test_the_example_builds_and_counts(tmp_path, monkeypatch):
    page = PAGE.read_text()
    assert len(page.splitlines()) <= 60, "longer than a page"
    tree = copy_tree(tmp_path / "tree")
    files = FILES.findall(page)
    assert [name.rsplit("/", 1)[1] for name, _ in files] == ["CMakeLists.txt", "tally_sink.cc"]
    for name, text in files:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(text)
    line = re.search(r"sink_list.h`: `(SINK\(\w+\))`", page).group(1)
    with open(tree / "agent/sinks/sink_list.h", "a") as registration:
        registration.write(line + "\n")
    build(tree)

    monkeypatch.setattr("harness.BUILT", tree / "build/release/bin")
    (tmp_path / "shared").mkdir()
    with Agent(Shared(tmp_path / "shared")) as agent:
        agent.start()
        import telemetry
        telemetry.emit(agent.socket, telemetry.event("one."), telemetry.event("two."))
        tally = agent.runtime / "tally"
        wait_until(lambda: tally.exists() and tally.read_text() == "INFO 2\n", "the tally")


def copy_tree(target):
    names = subprocess.run(["git", "-c", "safe.directory=*", "-C", REPOSITORY, "ls-files", "-z"], check=True,
                           capture_output=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(REPOSITORY / name, target / name)
    return target


def build(tree):
    environment = {**os.environ, "CCACHE_BASEDIR": str(tree), "CCACHE_NOHASHDIR": "true"}
    for command in (["cmake", "--preset", "release"],
                    ["cmake", "--build", "--preset", "release", "--target", "sluiced", "sluice"]):
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True,
                              check=False)
        assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
