"""The journal's disk fails, and its file system takes no writes from then on (errors=remount-ro)."""

import telling

DISK = "/dev/disk/by-id/virtio-journal"
STATE = "/var/lib/sluice"

# The journal's disk behind the device mapper, which can make every write fail and still read.
MAKE_DISK = f"""
modprobe dm-flakey
dmsetup create journal --table "0 $(blockdev --getsz {DISK}) linear {DISK} 0"
mkfs.ext4 -q -E lazy_itable_init=0,lazy_journal_init=0 /dev/mapper/journal
mkdir -p {STATE}
mount -o errors=remount-ro /dev/mapper/journal {STATE}
"""
# --noflush --nolockfs: what is not written yet fails with the rest.
SWITCH = """
dmsetup suspend --noflush --nolockfs journal
dmsetup reload journal --table "0 $(blockdev --getsz {disk}) {target}"
dmsetup resume journal
"""
FAIL = SWITCH.format(disk=DISK, target=f"flakey {DISK} 0 0 3600 1 error_writes")
REPAIR = SWITCH.format(disk=DISK, target=f"linear {DISK} 0")


def journal_status(machine):
    return machine.json("sluice", "status", "--json", "--timeout", "60s")["journal"]


def test_what_was_acknowledged_beside_a_failed_disk_is_there_after_its_repair(make_machine):
    machine = make_machine(disks=["journal"]).boot()
    machine.shell(MAKE_DISK)
    sound = telling.emit(machine, "sound", 3)

    # The batch is written and cannot be synced, so that nobody acknowledges it.
    machine.shell(FAIL)
    emit = machine.start("/usr/local/lib/sluice-boot/emit_numbered.py", "<on a failing disk>",
                         user="ada")
    emit.wait_for(lambda one: one.lines, "is refused")
    assert not emit.lines[0].startswith("acknowledged"), "the disk did not fail"
    machine.wait_until(
        lambda: "Read-only" in machine.run("mktemp", "-p", STATE, check=False).errors,
        "the file system takes no writes")

    # The next agent keeps its journal in memory, and acknowledges what is sent again.
    machine.run("systemctl", "kill", "--kill-whom=main", "-s", "KILL", "sluiced.service")
    assert emit.wait().code == 0
    assert "/run/" in journal_status(machine)["path"], "the agent is not in memory mode"
    in_memory = telling.emit(machine, "in memory", 1)

    machine.run("systemctl", "stop", "sluiced.service")
    machine.run("umount", STATE)
    machine.shell(REPAIR)
    # 1: it mended something.
    machine.shell("e2fsck -fy /dev/mapper/journal || test $? = 1")
    machine.run("mount", "/dev/mapper/journal", STATE)
    repaired = telling.emit(machine, "repaired", 1)

    assert STATE in journal_status(machine)["path"]
    telling.assert_each_once(telling.journalled(machine),
                             [*sound, "<on a failing disk>", *in_memory, *repaired])
