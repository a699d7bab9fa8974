"""The texts that `journalctl -x` shows: each of the agent's ids has one, and systemd takes the file."""

import re
import subprocess

from harness import REPOSITORY

CATALOG = "lib/systemd/catalog/sluice.catalog"


def ids():
    text = (REPOSITORY / "agent/base/message_ids.h").read_text()
    return set(re.findall(r'= "([0-9a-f]{32})";', text))


def journalctl(root, *options):
    return subprocess.run(["journalctl", f"--root={root}", *options], capture_output=True, text=True,
                          timeout=60, check=True).stdout


def test_each_id_has_a_text_and_each_text_an_id(prefix):
    entries = re.findall(r"^-- ([0-9a-f]{32})\nSubject: ", (prefix / CATALOG).read_text(), re.M)
    assert len(ids()) >= 6
    assert sorted(entries) == sorted(ids())


def test_systemd_takes_the_catalog(prefix, tmp_path):
    catalog = tmp_path / "usr" / CATALOG
    catalog.parent.mkdir(parents=True)
    catalog.write_bytes((prefix / CATALOG).read_bytes())
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    journalctl(tmp_path, "--update-catalog")
    for one in ids():
        told = journalctl(tmp_path, "--dump-catalog", one)
        assert "Defined-By: sluice" in told and len(told.splitlines()) > 6, told
