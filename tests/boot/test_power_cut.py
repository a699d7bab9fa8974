"""The power goes: nothing in the guest gets to know, and what was not flushed to the disk is gone."""

import pytest
import telling

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


def test_what_was_acknowledged_under_load_is_in_the_journal(make_machine):
    machine = make_machine().boot()
    acknowledged = []
    for turn in range(telling.often(1, 5)):
        loads = telling.start_loads(machine, turn)
        telling.more_from(loads, 10)

        machine.cut_power()
        machine.boot()

        # An acknowledgement that the host had not read yet is no promise that it can check.
        acknowledged += [line for load in loads for line in load.lines]
        telling.assert_each_once(telling.journalled(machine), acknowledged)


def nuls_in_log(machine):
    return telling.read_log(machine).count(b"\0")


def test_the_log_has_neither_nuls_nor_repeats(make_machine):
    machine = make_machine().boot()
    flushed = telling.emit(machine, "flushed", 20)
    telling.flush(machine)
    # The last block of the log is on the disk now. What is appended to it makes the file longer, and
    # each sync of the journal commits that length, before the bytes themselves are written.
    unflushed = telling.emit(machine, "unflushed", 5)

    machine.cut_power()
    machine.boot()
    later = telling.emit(machine, "later", 1)
    telling.flush(machine)

    counts = telling.logged(machine)
    repeated = {text: counts[text] for text in flushed + later if counts[text] != 1}
    assert (nuls_in_log(machine), repeated) == (0, {})
    # What the log held without a sync may or may not have reached the disk: it is written again.
    assert all(counts[text] in (1, 2) for text in unflushed), counts

    # Before the agent saves its cursors by itself, which it does once a second.
    at_once = telling.emit(machine, "at once", 1)
    telling.flush(machine)
    machine.cut_power()
    machine.boot()
    telling.emit(machine, "last", 1)
    telling.flush(machine)

    again = telling.logged(machine)
    counts.update(at_once)
    repeated = {text: again[text] for text in counts if again[text] != counts[text]}
    assert (nuls_in_log(machine), repeated) == (0, {})


@pytest.mark.parametrize("agent", ["absent", "hung"])
def test_a_span_that_began_while_no_agent_answered_is_in_the_journal(make_machine, agent):
    """`sluice run` goes on at once where no agent answers; the span's start is sent again until it
    is acknowledged."""
    machine = make_machine().boot()
    telling.emit(machine, "before", 1)
    take_away, give_back = {
        "absent": ("systemctl stop sluice.socket sluice-admin.socket sluiced.service",
                   "systemctl start sluice.socket sluice-admin.socket"),
        "hung": ("systemctl kill --kill-whom=main -s STOP sluiced.service",
                 "systemctl kill --kill-whom=main -s CONT sluiced.service"),
    }[agent]
    names = [f"held {n}" for n in range(4)]

    machine.shell(take_away)
    commands = [machine.start("sluice", "run", "--name", name, "--",
                              "sh", "-c", "echo $PPID; exec tail -f /dev/null",
                              env={"TRACEPARENT": TRACEPARENT}, user="ada") for name in names]
    for command in commands:
        command.wait_for(lambda one: one.lines, "runs")
        # Where nobody listens the first try to send the start is over, else it waits for its answer.
        pid = command.lines[0]
        machine.wait_until(
            lambda pid=pid: (agent == "hung") == ("socket:" in machine.shell(
                f"ls -l /proc/{pid}/fd").output),
            "gave up the first time, or waits for an answer")
    machine.shell(give_back)
    telling.emit(machine, "after", 1)
    machine.wait_until(lambda: set(names) <= set(telling.open_spans(machine)),
                       "the agent has every span as open", deadline_s=60)

    machine.cut_power()
    machine.boot()
    telling.emit(machine, "new boot", 1)

    spans = telling.tree(machine, TRACE_ID)
    assert set(names) <= set(spans)
    for name in names:
        assert spans[name]["state"] == "aborted"
        assert "reboot" in spans[name]["status_message"]
