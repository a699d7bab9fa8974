"""Agents that end under load, in order or not: what they acknowledged is there, once."""

import signal

import telling

LOAD = "/usr/local/lib/sluice-boot/load"
USERS = ("ada", "bob", "root")


def more_from(programs, count=3):
    """Waits until each has printed `count` lines more."""
    for program in programs:
        goal = len(program.lines) + count
        program.wait_for(lambda one, goal=goal: len(one.lines) >= goal, f"prints {goal} lines")


def end(programs):
    """Ends the loads; what they were in the middle of may be in the journal unacknowledged."""
    for program in programs:
        program.signal(signal.SIGTERM)
    return [program.wait() for program in programs]


def test_restarts_under_load_lose_and_refuse_nothing(make_machine):
    machine = make_machine().boot()
    loads = [machine.start(LOAD, user, user=user) for user in USERS]
    for _ in range(4):
        more_from(loads)
        machine.run("systemctl", "restart", "sluiced.service")
    more_from(loads)
    ended = end(loads)
    assert [one.errors for one in ended] == [""] * len(USERS), "a restart refused somebody"
    telling.assert_each_once(telling.journalled(machine),
                             [line for load in loads for line in load.lines])


def test_killed_agents_come_back_and_have_all_that_they_acknowledged(make_machine):
    machine = make_machine().boot()
    loads = [machine.start(LOAD, user, user=user) for user in USERS]
    pids = []
    for _ in range(4):
        more_from(loads)
        pids.append(machine.run("systemctl", "show", "-P", "MainPID", "sluiced.service").output)
        machine.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", "sluiced.service")
    more_from(loads)
    end(loads)
    assert len(set(pids)) == len(pids), f"was not killed: {pids}"
    telling.assert_each_once(telling.journalled(machine),
                             [line for load in loads for line in load.lines])
