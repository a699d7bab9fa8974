"""A machine with cloud-init boots with sluice on it, and an unprivileged process is heard."""

import json


def test_a_boot_has_no_ordering_cycle_and_hears_an_unprivileged_process(make_machine):
    machine = make_machine(cloud_init=True).boot()

    # systemd leaves a job out to break a cycle, and says so.
    said = machine.run("journalctl", "-b", "-o", "cat").output
    assert "ordering cycle" not in said
    assert "deleted to break" not in said
    assert machine.run("systemctl", "list-units", "--failed", "--plain", "--no-legend").output == ""
    for stage in ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final"):
        assert machine.run("systemctl", "is-active", f"{stage}.service").output == "active"

    machine.run("sluice", "run", "--timeout", "30s", "--name", "greet", "--",
                "sluice", "event", "--timeout", "30s", "--require", "hello from ada", user="ada")
    tree = machine.json("sluice", "tree", "--last", "--json", user="ada")
    [span] = tree["spans"]
    assert span["name"] == "greet"
    assert span["state"] == "ended"
    assert "hello from ada" in json.dumps(span["events"])
    assert span["uid"] == int(machine.run("id", "-u", "ada").output)
