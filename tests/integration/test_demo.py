"""packaging/demo shows what it promises, builds nothing the second time, and leaves nothing behind."""

import contextlib
import glob
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

import pytest
from harness import LONG, REPOSITORY
from otlp_peers import HttpPeer

STEPS = ("fetch_metadata", "prepare_disk", "configure_network", "create_users", "resize_root",
         "start_services")
CEILING_S = 60


def run_demo(clone, *arguments, timeout=CEILING_S):
    began = time.monotonic()
    done = subprocess.run([str(clone / "packaging/demo"), *arguments], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=timeout, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, time.monotonic() - began


def sections(output):
    """{first words of the title: text} of what the demo printed."""
    pieces = re.split(r"^== (.*)$", output, flags=re.M)
    return {title.split(":")[0]: text for title, text in zip(pieces[1::2], pieces[2::2])}


def section(output, begins):
    [text] = [text for title, text in sections(output).items() if title.startswith(begins)]
    return text


def assert_shows_the_job(output):
    tree = section(output, "The trace")
    for name in ("provision", *STEPS, "write_config", "render_template", "partition", "format",
                 "create_user"):
        assert name in tree, f"{name} is not in the tree:\n{tree}"
    assert len(re.findall(r"\bfetch_metadata\b", tree)) >= 2, "the step was tried again"
    why = section(output, "Why it failed")
    for text in ("partition: aborted: signal 9 (SIGKILL)",
                 "in provision > resize_root (ERROR killed by SIGKILL)",
                 "after:\n    ", "provision: the root file system keeps its size"):
        assert text in why, f"'{text}' is not in what failed:\n{why}"
    pool = section(output, "The KVP pool")
    # A span that bears its target's name stands under that name alone.
    for name in ("INFO|provision|", "INFO|provision:partition|", "INFO|provision:create_user|"):
        assert name in pool, f"{name} is not in the pool:\n{pool}"
    assert "-u65534|" in pool
    log = section(output, "The log")
    for text in ("provisioning begins", "failed, trying once more", "user ada created",
                 "file system made", "provisioning done", "signal 9"):
        assert text in log, f"'{text}' is not in the log:\n{log}"
    export = section(output, "The same as OTLP")
    for text in ('{"resourceSpans":[{"resource":{"attributes":[', '"sluice.uid"'):
        assert text in export, f"'{text}' is not in the export:\n{export}"


def agents():
    found = set()
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):  # it has just ended
            if b"sluice-demo" in path.read_bytes():
                found.add(path)
    return found


@pytest.mark.usefixtures("shared")
def test_the_demo_shows_the_job_and_cleans_up():
    before = set(glob.glob("/tmp/sluice-demo.*")), agents()
    with HttpPeer() as collector:
        output, seconds = run_demo(REPOSITORY, "--collector", collector.endpoint)
    assert_shows_the_job(output)
    sent = re.search(r"otlp.collector +traces +(\d+) sent", section(output, "What http"))
    assert int(sent[1]) >= len(STEPS)
    assert any(b"render_template" in request["body"] for request in collector.requests)
    assert "Building" not in output, "a second run builds nothing"
    assert seconds < CEILING_S
    assert (set(glob.glob("/tmp/sluice-demo.*")), agents()) == before


@pytest.mark.usefixtures("shared")
def test_a_collector_that_is_away_is_named_and_the_rest_is_shown():
    done = subprocess.run([str(REPOSITORY / "packaging/demo"), "--collector", "http://127.0.0.1:1"],
                          capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=CEILING_S, check=False)
    assert done.returncode != 0
    assert_shows_the_job(done.stdout)
    assert "not flushed: otlp.collector" in done.stderr, done.stderr


@pytest.mark.skipif(not LONG, reason="builds a clone of its own; --long")
def test_the_demo_works_from_a_closed_folder_with_a_long_path():
    closed = pathlib.Path(tempfile.mkdtemp(dir=pathlib.Path.home()))
    try:
        clone = closed / ("long" * 10) / ("path" * 10) / ("name" * 10)
        assert len(str(clone)) > 108
        subprocess.run(["git", "clone", "-q", str(REPOSITORY), str(clone)], check=True)
        output, _seconds = run_demo(clone, timeout=1800)
        assert_shows_the_job(output)
    finally:
        shutil.rmtree(closed)
