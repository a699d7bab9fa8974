"""The first emit of a boot starts the agent, which may take longer than an emit waits."""

import telling

# The agent's start waits for a word of the test, so that the emit times out however fast the
# machine is.
GATE = """\
[Service]
TimeoutStartSec=infinity
ExecStartPre=/bin/sh -c 'test -e /run/gate-is-open || cat /run/gate'
"""


def machine_with_gate(make_machine):
    machine = make_machine(files={"/etc/systemd/system/sluiced.service.d/gate.conf": GATE}).boot()
    machine.shell("mkfifo /run/gate")
    return machine


def open_gate(machine):
    # Writing to the gate waits until somebody stands before it.
    machine.shell("echo open >/run/gate; touch /run/gate-is-open")


def refused(machine):
    """The agent's count of connections and calls that it refused, by reason."""
    counters = machine.json("sluice", "status", "--json", "--timeout", "60s")["counters"]
    return [counter for counter in counters if counter["name"] == "net.refused"]


def test_an_emit_without_an_answer_says_that_it_may_still_arrive_and_does(make_machine):
    machine = machine_with_gate(make_machine)

    done = machine.run("sluice", "event", "--require", "<first>", user="ada", check=False)
    assert done.code == 4
    open_gate(machine)
    telling.emit(machine, "second", 1)

    # It waited in the kernel's queue, and the agent took it.
    telling.assert_each_once(telling.journalled(machine), ["<first>", "<second 1>"])
    assert "may still arrive" in done.errors
    assert "not sent" not in done.errors
    assert refused(machine) == [], "counts as refused what it took"


def test_an_emit_that_tries_again_arrives_once(make_machine):
    machine = machine_with_gate(make_machine)
    emit = machine.start("sluice", "event", "--require", "--timeout", "100s", "<patient>",
                         user="ada")
    numbered = machine.start("/usr/local/lib/sluice-boot/emit_numbered.py", "<numbered>",
                             user="bob")
    numbered.wait_line("DEADLINE_EXCEEDED")

    # What waits in the queue loses its connection with the first agent, or is taken by it and loses
    # the answer; both try again.
    machine.shell("echo open >/run/gate")
    machine.wait_until(
        lambda: machine.run("systemctl", "is-active", "sluiced.service", check=False).code == 0,
        "the agent is up")
    machine.shell("touch /run/gate-is-open;"
                  " systemctl kill --kill-whom=main -s KILL sluiced.service")

    assert emit.wait().code == 0
    assert numbered.wait().code == 0
    telling.assert_each_once(telling.journalled(machine), ["<patient>", "<numbered>"])
