"""Who the kernel says that a sender is, in whatever its unit or container shuts it up."""

import json
import signal

import telling

# Of the host it has the programs, and the agent's directory as docs/containers.md mounts it; its root
# is ada's first subordinate uid.
BOX = "/srv/box"
MAKE_BOX = f"""
mkdir -p {BOX}/usr {BOX}/etc {BOX}/run/sluice
for link in bin sbin lib lib64; do ln -s usr/$link {BOX}/$link; done
"""
RUN_BOX = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--as-pid2", "--pipe",
           f"--directory={BOX}", "--private-users=100000:65536", "--private-users-ownership=auto",
           "--bind-ro=/usr", "--bind-ro=/run/sluice", telling.LOAD, "boxed"]


def uid_of(machine, user):
    return int(machine.run("id", "-u", user).output)


def senders(machine):
    """Sender of each event by its message."""
    said = machine.run("sluice", "tail", "-n", "all", "--json", "--timeout", "60s").output
    records = [json.loads(line) for line in said.splitlines()]
    return {record["message"]: record for record in records if "message" in record}


def test_a_service_is_known_by_its_unit_and_its_users_uid(make_machine):
    machine = make_machine().boot()
    ada = uid_of(machine, "ada")
    services = {
        "plain": ([], 0),
        "of-ada": (["User=ada"], ada),
        "private": (["User=ada", "PrivateUsers=yes", "PrivateTmp=yes", "ProtectSystem=strict"], ada),
        "dynamic": (["DynamicUser=yes"], None),
    }
    for name, (properties, _) in services.items():
        settings = [word for setting in properties for word in ("-p", setting)]
        machine.run("systemd-run", "--wait", f"--unit={name}", *settings,
                    "sluice", "event", "--require", "--timeout", "60s", f"<{name}>")
    heard = senders(machine)
    for name, (_, uid) in services.items():
        assert heard[f"<{name}>"]["_unit"] == f"{name}.service"
        if uid is not None:
            assert heard[f"<{name}>"]["_uid"] == uid
    # systemd takes dynamic users from this range.
    assert 61184 <= heard["<dynamic>"]["_uid"] <= 65519


def test_a_container_stays_connected_over_restarts_of_agent_and_socket(make_machine):
    machine = make_machine().boot()
    assert machine.run("cat", "/etc/subuid").output.startswith("ada:100000:65536")
    machine.shell(MAKE_BOX)
    load = machine.start(*RUN_BOX)
    telling.more_from([load])
    for units in (["sluiced.service"], ["sluice.socket"], ["sluice.socket", "sluiced.service"]):
        machine.run("systemctl", "restart", *units)
        telling.more_from([load])
    load.signal(signal.SIGTERM)
    load.wait()

    telling.assert_each_once(telling.journalled(machine), load.lines)
    heard = senders(machine)
    assert {heard[line]["_uid"] for line in load.lines} == {100000}
