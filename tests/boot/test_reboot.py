"""What a new boot makes of what the last one left."""

import telling

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE_ID}-00f067aa0ba902b7-01"


def pool(machine):
    return machine.json("sluice", "kvp", "dump", "--json")


def test_a_reboot_ends_open_spans_and_empties_the_pool(make_machine):
    machine = make_machine().boot()
    machine.run("sluice", "report", "ready", "--timeout", "60s")
    assert "PROVISIONING_REPORT" in [record["key"] for record in pool(machine)]
    machine.start("sluice", "run", "--timeout", "30s", "--name", "cut off", "--",
                  "tail", "-f", "/dev/null", env={"TRACEPARENT": TRACEPARENT}, user="ada")
    machine.wait_until(lambda: "cut off" in telling.open_spans(machine), "the span is open")
    before = machine.boot_id

    # At once, without a word to any process: an orderly one would end the span by its process.
    machine.run_off("systemctl", "reboot", "--force", "--force")
    machine.boot()

    assert machine.boot_id != before
    telling.emit(machine, "new boot", 1)
    telling.flush(machine)
    span = telling.tree(machine, TRACE_ID)["cut off"]
    assert span["state"] == "aborted"
    assert "reboot" in span["status_message"]
    assert "PROVISIONING_REPORT" not in [record["key"] for record in pool(machine)]


def test_orderly_reboots_under_load_lose_nothing(make_machine):
    machine = make_machine().boot()
    acknowledged = []
    for turn in range(telling.often(1, 3)):
        loads = telling.start_loads(machine, turn)
        telling.more_from(loads)
        machine.reboot()
        acknowledged += [line for load in loads for line in load.lines]
        telling.assert_each_once(telling.journalled(machine), acknowledged)
