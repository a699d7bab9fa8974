"""A machine with cloud-init boots with sluice on it, and who emits is heard, however early."""

import json

import telling

# Speaks before anything that an ordinary service may count on; does not wait for the answer, which
# would hold up the boot.
EARLY = """\
[Unit]
Description=emits before sysinit.target
DefaultDependencies=no
After=sluice.socket
Before=sysinit.target cloud-init-local.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/bin/sluice event "<early>"
"""
# As other distributions name the daemon that owns the pool; its unit there is an ordinary one.
DAEMON = """\
[Unit]
Description=Hyper-V daemon as elsewhere

[Service]
ExecStart=/usr/bin/tail -f /dev/null
"""
WANTED = "[Unit]\nWants={}\n"


def boot(make_machine):
    units = "/etc/systemd/system"
    return make_machine(cloud_init=True, files={
        f"{units}/early.service": EARLY,
        f"{units}/sysinit.target.d/early.conf": WANTED.format("early.service"),
        f"{units}/hypervkvpd.service": DAEMON,
        f"{units}/multi-user.target.d/daemon.conf": WANTED.format("hypervkvpd.service"),
    }).boot()


def test_a_boot_has_no_ordering_cycle_and_hears_everybody(make_machine):
    machine = boot(make_machine)

    # systemd leaves a job out to break a cycle, and says so.
    said = machine.run("journalctl", "-b", "-o", "cat").output
    assert "ordering cycle" not in said
    assert "deleted to break" not in said
    assert machine.run("systemctl", "list-units", "--failed", "--plain", "--no-legend").output == ""
    for unit in ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final", "early",
                 "hypervkvpd"):
        assert machine.run("systemctl", "is-active", f"{unit}.service").output == "active"

    machine.run("sluice", "run", "--timeout", "30s", "--name", "greet", "--",
                "sluice", "event", "--timeout", "30s", "--require", "hello from ada", user="ada")
    tree = machine.json("sluice", "tree", "--last", "--json", user="ada")
    [span] = tree["spans"]
    assert span["name"] == "greet"
    assert span["state"] == "ended"
    assert "hello from ada" in json.dumps(span["events"])
    assert span["uid"] == int(machine.run("id", "-u", "ada").output)
    telling.assert_each_once(telling.journalled(machine), ["<early>"])
