"""What went wrong in a machine that is off, asked on another one of its disk."""

import os
import subprocess

import machine as machines
import telling

JOB = """
sluice event --require "growing the file system"
sluice run --name resize_root -- sh -c 'kill -9 $$' || true
"""


def why(root, *arguments):
    built = machines.BUILD / "bin"
    return subprocess.run([built / "sluice", "why", *arguments, "--root", root], text=True,
                          capture_output=True, timeout=120, check=False,
                          env={"PATH": os.environ["PATH"], "SLUICED": str(built / "sluiced")})


def test_why_names_what_failed_from_the_disk_of_a_machine_that_is_off(make_machine, tmp_path):
    machine = make_machine().boot()
    machine.run("sluice", "run", "--name", "provision", "--", "sh", "-c", JOB)
    machine.wait_until(lambda: not telling.open_spans(machine), "every span has ended")
    machine.run("sluice", "flush", "--all", "--timeout", "60s")
    there = machine.run("sluice", "why", "--last-failed").output

    machine.power_off()
    machine.copy_from_disk(["/var/lib/sluice", "/var/lib/hyperv"], tmp_path)
    here = why(tmp_path, "--last-failed")

    assert here.returncode == 0, here.stderr
    for word in ("resize_root", "SIGKILL", "growing the file system"):
        assert word in here.stdout and word in there
