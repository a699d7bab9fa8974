"""The Debian packages on a real boot: installed, upgraded under load, removed, purged."""

import telling

APT = "DEBIAN_FRONTEND=noninteractive apt-get -o Dpkg::Use-Pty=0 -y --no-install-recommends"
OWNED = ["/var/lib/sluice", "/var/log/sluice", "/etc/sluice", "/run/sluiced", "/run/sluice",
         "/run/sluice-admin"]


def install(machine, folder="/packages"):
    machine.shell(f"{APT} install {folder}/sluice_*.deb")


def version(machine):
    return machine.run("dpkg-query", "-W", "-f", "${Version}", "sluice").output


def active(machine, unit):
    return machine.run("systemctl", "is-active", unit, check=False).output


def test_installed_it_works_now_and_after_a_reboot(make_bare_machine):
    machine = make_bare_machine(cloud_init=True).boot()
    install(machine)
    assert active(machine, "sluice.socket") == active(machine, "sluice-admin.socket") == "active"
    machine.run("sluice", "run", "--name", "first-span", "--", "true", user="ada")
    assert "first-span" in machine.run("sluice", "tree", "--last", user="ada").output

    machine.reboot()
    machine.run("sluice", "event", "--require", "after-the-reboot", user="ada")
    assert machine.run("systemctl", "--failed", "--plain", "--no-legend").output == ""
    journal = machine.run("journalctl", "-b", "--no-pager", "-o", "cat").output
    assert "ordering cycle" not in journal
    before = machine.run("systemctl", "show", "-p", "Before", "sluiced.service").output
    assert "network" not in machine.run("systemctl", "show", "-p", "After", "sluiced.service").output
    assert "basic.target" in before


def test_an_upgrade_loses_nothing_and_a_purge_leaves_nothing(make_bare_machine):
    machine = make_bare_machine().boot()
    install(machine, "/packages/old")
    assert version(machine) == "0.0.1"
    machine.run("sluice", "event", "--require", "<begun>", user="ada")
    # Each waits for its answer: what is counted was acknowledged.
    load = machine.start("/bin/bash", "-c", """
        for i in $(seq 40); do
          sluice event --require --timeout 60s "<upgrade $i>" || exit 1
          echo $i
        done""", user="bob")
    load.wait_line("5")
    sockets = "systemctl show -p ActiveEnterTimestampMonotonic sluice.socket"
    listening_since = machine.shell(sockets).output
    install(machine)
    assert version(machine) != "0.0.1"
    assert load.wait().code == 0
    assert machine.shell(sockets).output == listening_since, "the socket did not stay"
    telling.assert_each_once(telling.journalled(machine),
                             ["<begun>", *(f"<upgrade {i}>" for i in range(1, 41))])

    machine.shell("mkdir -p /var/lib/hyperv && touch /var/lib/hyperv/.kvp_pool_1 /var/lib/others")
    machine.shell(f"{APT} remove sluice")
    assert active(machine, "sluice.socket") in ("inactive", "unknown")
    kept = machine.shell("ls -d /var/lib/sluice /var/log/sluice /etc/sluice/sluice.toml").output
    assert len(kept.splitlines()) == 3, "removal keeps what was written and the configuration"
    machine.shell(f"{APT} purge sluice")
    left = machine.shell(f"ls -d {' '.join(OWNED)} 2>/dev/null || true").output
    assert left == "", left
    machine.shell("ls /var/lib/hyperv/.kvp_pool_1 /var/lib/others")


def test_an_upgrade_sets_a_journal_of_the_format_before_aside(make_bare_machine):
    machine = make_bare_machine().boot()
    install(machine, "/packages/old")
    machine.run("sluice", "event", "--require", "<old>", user="ada")
    machine.shell("systemctl stop sluice.socket sluice-admin.socket sluiced.service")
    journal = "/var/lib/sluice/journal"
    samples = "/packages/journal_format_1"
    machine.shell(f"rm {journal}/* && cp {samples}/* {journal}/")
    whole = "cd {} && sha256sum * | sort"
    install(machine)
    machine.shell("systemctl start sluice.socket sluice-admin.socket")
    machine.run("sluice", "event", "--require", "--timeout", "60s", "<new>", user="ada")
    status = machine.json("sluice", "status", "--json", "--timeout", "60s")
    assert status["journal"]["set_aside"] == [f"{journal}.format-1"]
    assert machine.shell(whole.format(f"{journal}.format-1")).output \
        == machine.shell(whole.format(samples)).output
    assert dict(telling.journalled(machine)) == {"<new>": 1}
