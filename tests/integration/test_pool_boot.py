"""The first write of a boot empties the pool of the boot before, and only that."""

import os

import pytest

import harness

FOREIGN = (b"CLOUD_INIT|1|start|x|u".ljust(harness.KEY, b"\0")
           + b"{}".ljust(harness.RECORD - harness.KEY, b"\0"))
OTHER_BOOT = "22222222-2222-4222-8222-222222222222\n"


@pytest.fixture(name="agent")
def agent_fixture(shared):
    """One that has not started, beside another program's record."""
    with harness.Agent(shared) as agent:
        agent.pool_path.write_bytes(FOREIGN)
        yield agent


def start_and_write(agent, text):
    agent.start()
    agent.sluice("event", "--require", text)
    agent.flush()
    return [value.rpartition("message=")[2] for _, value in agent.pool()]


def count(agent, name):
    return sum(one["value"] for one in agent.status()["counters"] if one["name"] == name)


def times_cleared(agent):
    return count(agent, "kvp.stale_cleared")


@pytest.mark.parametrize("stored_boot", [None, OTHER_BOOT])
def test_only_what_is_new_is_left_of_an_older_boots_pool(agent, stored_boot):
    os.utime(agent.pool_path, (0, 0))
    if stored_boot:
        (agent.journal / "kvp_boot_id").write_text(stored_boot)
    assert start_and_write(agent, "first") == ["first"]
    assert times_cleared(agent) == 1
    agent.stop()
    os.utime(agent.pool_path, (0, 0))  # the clock says so, the boot does not
    assert start_and_write(agent, "second") == ["first", "second"]
    assert times_cleared(agent) == 0


def test_what_others_wrote_in_this_boot_stays(agent):
    assert start_and_write(agent, "first") == ["{}", "first"]
    assert times_cleared(agent) == 0


def test_each_torn_record_that_it_cuts_off_is_counted(agent):
    agent.pool_path.write_bytes(FOREIGN + b"torn")
    assert start_and_write(agent, "first") == ["{}", "first"]
    assert count(agent, "kvp.torn_repaired") == 1
    for number, change in enumerate((["event", "--require", "second"],
                                     ["kvp", "write", "a", "message=third"]), start=2):
        with open(agent.pool_path, "ab") as pool:
            pool.write(b"torn")
        agent.sluice(*change)
        agent.flush()
        assert count(agent, "kvp.torn_repaired") == number
