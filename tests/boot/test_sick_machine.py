"""Directories that take no writes, and a clock that jumps."""

import json

import telling


def status(machine):
    # It says by its exit code that a sink fails.
    return json.loads(machine.run("sluice", "status", "--json", "--timeout", "60s", check=False).output)


def test_a_read_only_var_is_outlived_in_memory(make_machine):
    machine = make_machine().boot()
    on_disk = telling.emit(machine, "on disk", 2)
    telling.flush(machine)
    machine.run("systemctl", "stop", "sluiced.service")
    machine.shell("mount --bind /var /var && mount -o remount,bind,ro /var")

    in_memory = telling.emit(machine, "in memory", 2, user="ada")
    assert status(machine)["journal"]["path"].startswith("/run/")
    telling.assert_each_once(telling.journalled(machine), in_memory)

    machine.run("systemctl", "stop", "sluiced.service")
    machine.shell("umount /var")
    after = telling.emit(machine, "after", 1)
    assert status(machine)["journal"]["path"].startswith("/var/")
    telling.assert_each_once(telling.journalled(machine), [*on_disk, *in_memory, *after])


def test_a_full_log_directory_loses_no_line(make_machine):
    machine = make_machine().boot()
    machine.shell("systemctl stop sluiced.service; mkdir -p /var/log/sluice;"
                  " mount -t tmpfs -o size=64k,mode=0755 tmpfs /var/log/sluice;"
                  " head -c 1M /dev/zero >/var/log/sluice/others || true")
    full = telling.emit(machine, "full", 5, user="ada")
    machine.wait_until(lambda: "No space left" in json.dumps(status(machine)["sinks"]),
                       "status names the full disk")
    machine.shell("rm /var/log/sluice/others")
    later = telling.emit(machine, "later", 1)
    telling.flush(machine)
    telling.assert_each_once(telling.logged(machine), [*full, *later])
    telling.assert_each_once(telling.journalled(machine), [*full, *later])


def test_a_clock_that_is_set_changes_no_duration_and_no_order(make_machine):
    machine = make_machine().boot()
    steps = ("+1 hour", "-2 hours", "+1 hour")
    for number, step in enumerate(steps, 1):
        trace_id = f"{number:032x}"
        script = f'date -s "$(date -d "{step}")"; sluice event --require --timeout 60s "<{step}>"'
        machine.run("sluice", "run", "--timeout", "60s", "--name", "over a step", "--",
                    "/bin/bash", "-euc", script,
                    env={"TRACEPARENT": f"00-{trace_id}-00f067aa0ba902b7-01"})
        span = telling.tree(machine, trace_id)["over a step"]
        assert 0 < span["duration_ns"] < 120e9, f"{span['duration_ns'] / 1e9} s over {step}"
    shown = machine.run("sluice", "tail", "-n", "all", "-o", "cat", "--timeout", "60s").output
    assert telling.TEXT.findall(shown) == [f"<{step}>" for step in steps]
