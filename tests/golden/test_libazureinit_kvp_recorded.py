"""What libazureinit-kvp's own tool answered in 620 calls, asked of `sluice kvp --dir`: exit code, output
and the pool that is left are alike, but for what docs/kvp-libazureinit.md says."""

import base64
import gzip
import json
import os
import pathlib
import re
import subprocess

import pytest

from harness import KEY, RECORD, REPOSITORY
from tool import TOOL, environment, short_folder

RECORDED = pathlib.Path(__file__).parent / "azure_init/kvp_cli.json.gz"
CASES = json.loads(gzip.decompress(RECORDED.read_bytes()))
# Times of a report, in the recording already replaced and filled up by #.
TIME = re.compile(rb"\d{4}-\d\d-\d\dT[0-9:.]*\+00:00|TIME#*")

# Which cases differ, by what the page says of them.
DIFFERENT = {
    "A flag may be given twice": [
        "args:info --json --json", "args:info --unsafe --unsafe", "args:clear --if-stale --if-stale",
        "args:write --append --append a b"],
    "The texts of `help` and `--help` are sluice's": ["args:help", "args:help write", "args:-h"],
    "`--file=` without a path takes the next word": ["args:load --file= x"],
    "A value that begins with a dash is taken as one": [
        "write:['write', 'k', '-1']", "report:['report-failure', '--vm-id', 'vm', '--reason', '-dash'",
        "report:['report-success', '--vm-id', 'vm', '--agent', '-x']"],
    "A key on the command line that is not UTF-8": ["badutf8arg:"],
    "ends at the first NUL": ["dirty padding"],
    "One record that is not UTF-8 does not hide the others": ["bad utf8 rec", "bad utf8 key"],
    "A record of zeros at the end": ["zerorec:"],
    "A pool that is a symbolic link": ["symlink:", "dangling:"],
    "A report's default `--agent`": ["pool 0", "pool 1", "pool 2", "pool 3", "pool 4"],
    "An empty `--vm-id` or `--documentation-url`": [
        "report:['report-failure', '--vm-id', '', ",
        "report:['report-failure', '--vm-id', 'vm', '--reason', 'boom', '--agent', 'A/1', '--doc"],
    "`--unsafe` does not lengthen a report": ["report:['--unsafe', 'report-failure'"],
}


def raw(word):
    return word.encode() if isinstance(word, str) else base64.b64decode(word["b64"])


def record(key, value):
    return raw(key).ljust(KEY, b"\0") + raw(value).ljust(RECORD - KEY, b"\0")


def lay_out(case, pool, elsewhere):
    """The pool as it was before the case."""
    first = case["init"]
    if first != "no folder":
        pool.parent.mkdir()
    if first == "pool is a folder":
        pool.mkdir()
    elif first == "dangling":
        pool.symlink_to(elsewhere)
    elif first in ("symlink", "hardlink"):
        elsewhere.write_bytes(record("a", "1"))
        (pool.symlink_to if first == "symlink" else pool.hardlink_to)(elsewhere)
    elif isinstance(first, dict):
        pool.write_bytes(base64.b64decode(first["raw"]) if "raw" in first
                         else b"".join(record(*pair) for pair in first["records"]))


def records(pool):
    """Fields without the NULs at their ends; the zeros at the file's end were not recorded."""
    pool = pool.rstrip(b"\0")
    pool = pool.ljust(-(-len(pool) // RECORD) * RECORD, b"\0")
    return [[TIME.sub(b"TIME", field.rstrip(b"\0")) for field in (pool[at:at + KEY], pool[at + KEY:at + RECORD])]
            for at in range(0, len(pool), RECORD)]


def left(pool, like):
    """What is in the pool, told as `like` was recorded."""
    if isinstance(like, dict):
        return {"length": pool.stat().st_size}
    return records(pool.read_bytes()) if pool.is_file() else None


def plain(output):
    """Text of `dump` and `entries` has what cannot be seen escaped."""
    known = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\"}
    text = re.sub(r"\\(?:u\{([0-9a-f]+)\}|([nrt0\\]))",
                  lambda found: known[found[2]] if found[2] else chr(int(found[1], 16)), output.decode())
    return text.encode()


def same_output(step, ours):
    theirs = step["stdout"].encode()
    if "--json" in step["args"] and theirs.strip():
        compact = b": " not in re.sub(rb'"(\\.|[^"\\])*"', b"", ours)
        return compact and json.loads(ours) == json.loads(theirs)
    return theirs in (ours, plain(ours))


def differences(case, folder):
    pool = folder / "dir" / f".kvp_pool_{case['pool_number']}"
    lay_out(case, pool, folder / "elsewhere")
    for step in case["steps"]:
        done = subprocess.run([TOOL, "kvp", "--dir", pool.parent, *map(raw, step["args"])],
                              input=raw(step["stdin"]) if step["stdin"] else b"", env=environment(),
                              capture_output=True, timeout=60, check=False)
        ours = TIME.sub(b"TIME", done.stdout.replace(os.fsencode(pool.parent), b"DIR"))
        like = step["pool"]
        expected = records(base64.b64decode(like)) if isinstance(like, str) else like
        if done.returncode != step["rc"]:
            yield f"{step['args']}: exit code {done.returncode}, not {step['rc']}: {done.stderr}"
        elif not same_output(step, ours):
            yield f"{step['args']}: {ours}, not {step['stdout']}"
        elif left(pool, like) != expected:
            yield f"{step['args']}: the pool holds {left(pool, like)}, not {expected}"
        elif bool(step["stderr"]) and not done.stderr:
            yield f"{step['args']}: no word on stderr"


def is_listed(case):
    return any(case.startswith(prefix) for prefixes in DIFFERENT.values() for prefix in prefixes)


@pytest.fixture(scope="module", name="found")
def found_fixture():
    found = {}
    for case in CASES:
        with short_folder() as folder:
            found[case["case"]] = list(differences(case, folder))
    return found


def test_620_calls_are_answered_alike_but_for_what_the_page_says(found):
    assert sum(len(case["steps"]) for case in CASES) == 620
    unexpected = {case: told for case, told in found.items() if told and not is_listed(case)}
    assert not unexpected


def test_what_the_page_says_differs(found):
    page = " ".join((REPOSITORY / "docs/kvp-libazureinit.md").read_text().split())
    for said, prefixes in DIFFERENT.items():
        assert said in page
        for prefix in prefixes:
            assert any(told for case, told in found.items() if case.startswith(prefix)), prefix
