"""A journal that a release before this one wrote, in format 1: it is set aside whole, `sluice status` says where,
and the agent begins a new one. The samples are what sluiced wrote when format 1 was its own."""

import json
import shutil

import pytest
from harness import REPOSITORY, Agent

SAMPLES = REPOSITORY / "tests/support/journal_format_1"


def contents(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


@pytest.fixture(name="upgraded")
def upgraded_fixture(shared):
    """The agent of this release, started where that journal is."""
    with Agent(shared) as agent:
        for sample in SAMPLES.iterdir():
            shutil.copy(sample, agent.journal)
        yield agent.start()


def status(agent):
    return json.loads(agent.sluice("status", "--json", check=False).stdout)


def test_it_is_set_aside_whole_and_status_says_where(upgraded):
    aside = upgraded.folder / "journal.format-1"
    assert contents(aside) == contents(SAMPLES)
    assert status(upgraded)["journal"]["set_aside"] == [str(aside)]
    text = upgraded.sluice("status", check=False).stdout
    assert f"{aside}: written by another release" in text
    assert f"set aside what another release wrote to {upgraded.journal}, in format 1" \
        in upgraded.stderr()


def test_nothing_of_it_is_told_again_and_the_new_one_works(upgraded):
    upgraded.sluice("event", "--require", "of this release")
    upgraded.flush()
    assert "of this release" in upgraded.log() and "of format 1" not in upgraded.log()
    assert "of format 1" not in upgraded.sluice("tail", "-n", "all").stdout


def test_a_later_start_still_says_so_and_leaves_it_alone(upgraded):
    upgraded.sluice("event", "--require", "kept")
    upgraded.restart()
    aside = upgraded.folder / "journal.format-1"
    assert status(upgraded)["journal"]["set_aside"] == [str(aside)]
    assert contents(aside) == contents(SAMPLES)
    assert "kept" in upgraded.sluice("tail", "-n", "all").stdout
