"""What each verb that looks shows of one recorded boot, at 60 and 120 columns, in UTF-8 and in the C
locale, with colour and without.

`SLUICE_GOLDEN=write` writes the screens anew; look at what changed in them before you commit it.
`record_views` records the boot.
"""

import fcntl
import os
import pathlib
import re
import struct
import subprocess
import tarfile
import termios

import pytest
from harness import run

FOLDER = pathlib.Path(__file__).parent / "views"
BOOT = FOLDER / "boot.tar.gz"
WRITES = os.environ.get("SLUICE_GOLDEN") == "write"
COLOR = re.compile(r"\x1b\[[0-9;]*m")

# Verbs by the name of their screen.
SCREENS = {
    "summary": [],
    "status": ["status"],
    "open": ["status", "--open"],
    "traces": ["traces"],
    "tree": ["tree", "--last-failed", "-v"],
    "why": ["why"],
    "why-trace": ["why", "--last-failed"],
    "blame": ["blame", "--last-failed"],
    "blame-by-name": ["blame", "--last-failed", "--by", "name"],
    "critical": ["critical", "--last-failed"],
    "tail": ["tail", "-n", "all"],
    "run-info": ["traces", "run-info", "run-1", "--content"],
    "kvp-decode": ["kvp", "decode"],
    "kvp-usage": ["kvp", "usage"],
    "kvp-check": ["kvp", "check"],
    "filter-check": ["filter", "check", "info,svc=debug"],
}
LOCALES = {"utf8": "C.UTF-8", "c": "C"}


@pytest.fixture(scope="module", name="pool")
def recorded_pool(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pool")
    with tarfile.open(BOOT) as archive:
        data = archive.extractfile("sluice/pool/.kvp_pool_1").read()
    (folder / ".kvp_pool_1").write_bytes(data)
    return folder


def command(shared, name, pool):
    words = SCREENS[name]
    if words and words[0] == "kvp":
        return [shared.sluice, *words, "--dir", pool]
    if words and words[0] == "filter":
        return [shared.sluice, *words]
    return [shared.sluice, *words, "--journal", BOOT]


def show(words, width, locale):
    done = run(words, check=False, env={"COLUMNS": str(width), "LC_ALL": LOCALES[locale]})
    assert done.returncode in (0, 1) and done.stderr == "", done.stderr
    return done.stdout


def show_in_color(words, width):
    """As on a terminal."""
    main, terminal = os.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", 24, width, 0, 0))
    with subprocess.Popen([str(word) for word in words], stdout=terminal,
                          env={"LC_ALL": "C.UTF-8", "TERM": "xterm", "PATH": "/usr/bin:/bin"}):
        os.close(terminal)
        text = b""
        try:
            while piece := os.read(main, 65536):
                text += piece
        except OSError:  # the other end is closed
            pass
    os.close(main)
    return text.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("name", SCREENS)
def test_a_screen_is_as_it_was_written_down(shared, name, pool):
    words = command(shared, name, pool)
    shown = {f"{width} columns, {locale}": show(words, width, locale)
             for width in (60, 120) for locale in LOCALES}
    for title, text in shown.items():
        width = int(title.split()[0])
        assert max(map(len, text.splitlines())) <= width, title
        if title.endswith(" c"):
            assert text.isascii()
    colored = show_in_color(words, 60)
    assert COLOR.sub("", colored) == shown["60 columns, utf8"]
    shown["60 columns, utf8, colour"] = colored.replace("\x1b", "^[")
    document = "".join(f"==== {title}\n{text}" for title, text in shown.items())
    path = FOLDER / f"{name}.txt"
    if WRITES:
        path.write_text(document)
    assert document == path.read_text()
