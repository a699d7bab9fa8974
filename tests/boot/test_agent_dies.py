"""Agents that end under load, in order or not: what they acknowledged is there, once."""

import signal

import telling


def end(programs):
    """Ends the loads; what they were in the middle of may be in the journal unacknowledged."""
    for program in programs:
        program.signal(signal.SIGTERM)
    return [program.wait() for program in programs]


def test_restarts_under_load_lose_and_refuse_nothing(make_machine):
    machine = make_machine().boot()
    loads = telling.start_loads(machine)
    for _ in range(telling.often(4, 20)):
        telling.more_from(loads)
        machine.run("systemctl", "restart", "sluiced.service")
    telling.more_from(loads)
    ended = end(loads)
    assert [one.errors for one in ended] == [""] * len(loads), "a restart refused somebody"
    telling.assert_each_once(telling.journalled(machine),
                             [line for load in loads for line in load.lines])


def test_killed_agents_come_back_and_have_all_that_they_acknowledged(make_machine):
    machine = make_machine().boot()
    loads = telling.start_loads(machine)
    pids = []
    for _ in range(telling.often(4, 20)):
        telling.more_from(loads)
        pids.append(machine.run("systemctl", "show", "-P", "MainPID", "sluiced.service").output)
        machine.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", "sluiced.service")
    telling.more_from(loads)
    end(loads)
    assert len(set(pids)) == len(pids), f"was not killed: {pids}"
    telling.assert_each_once(telling.journalled(machine),
                             [line for load in loads for line in load.lines])
