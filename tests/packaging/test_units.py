"""How much of the machine the service can reach, as systemd rates it: 0 is nothing, 10 everything."""

import re
import shutil
import subprocess

import pytest


def exposure(root):
    done = subprocess.run(["systemd-analyze", "security", "--offline=yes", f"--root={root}",
                           "sluiced.service"], capture_output=True, text=True, check=False)
    return float(re.search(r"Overall exposure level.*: ([\d.]+)", done.stdout).group(1)), done.stdout


@pytest.fixture
def root(prefix, tmp_path):
    shutil.copytree(prefix / "lib/systemd/system", tmp_path / "usr/lib/systemd/system")
    return tmp_path


def test_the_service_reaches_little(root):
    level, told = exposure(root)
    assert level <= 1.7, told


def test_with_the_network_a_little_more(root, prefix):
    folder = root / "etc/systemd/system/sluiced.service.d"
    folder.mkdir(parents=True)
    without, _ = exposure(root)
    shutil.copy(prefix / "share/sluice/network.conf", folder)
    level, told = exposure(root)
    assert without < level <= 2.0, told
