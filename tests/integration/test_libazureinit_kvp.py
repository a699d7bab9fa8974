"""A script for libazureinit-kvp runs with `sluice kvp` in its place: the cases of
libazureinit_kvp_cases.toml, on a file and through an agent."""

import concurrent.futures
import functools
import json
import os
import pathlib
import re
import stat
import tomllib

import pytest

import harness
from tool import short_folder, tool

CASES = tomllib.loads(
    (pathlib.Path(__file__).parent / "libazureinit_kvp_cases.toml").read_text())["case"]
WAYS = ["dir", "agent"]
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00"


def record(key, value):
    return key.encode().ljust(512, b"\0") + value.encode().ljust(2048, b"\0")


def numbered(count):
    return [(f"k{i}", "v") for i in range(count)]


class Way:
    """How the tool reaches the pool at `path`."""

    def __init__(self, name, path, flags=(), env=None):
        self.name, self.path, self.flags, self.env = name, path, list(flags), env

    def kvp(self, *arguments, **options):
        return tool("kvp", *arguments, *self.flags, env=self.env, **options)

    def start(self, pairs, torn=0):
        """Puts the pool where a case begins, in place, as another program would."""
        assert self.kvp("clear").returncode == 0
        if pairs is None and not self.path.exists():
            return
        pairs = numbered(pairs) if isinstance(pairs, int) else pairs or []
        with open(self.path, "r+b" if self.path.exists() else "wb") as file:
            harness.lock_pool(file)
            file.write(b"".join(record(filled(key), filled(value)) for key, value in pairs))
            file.write(b"x" * torn)

    def records(self):
        data = self.path.read_bytes()
        assert len(data) % harness.RECORD == 0
        for at in range(0, len(data), harness.RECORD):
            one = data[at:at + harness.RECORD]
            yield [field.split(b"\0")[0].decode()
                   for field in (one[:harness.KEY], one[harness.KEY:])]


@pytest.fixture(scope="module", name="agents_way")
def agents_way_fixture(shared):
    with harness.Agent(shared) as agent:
        agent.start()
        yield Way("agent", agent.pool_path, env={
            "SLUICE_SOCKET": str(agent.socket), "SLUICE_ADMIN_SOCKET": str(agent.admin_socket)})


@pytest.fixture(name="way")
def way_fixture(request):
    if request.param == "agent":
        yield request.getfixturevalue("agents_way")
        return
    with short_folder() as folder:
        yield Way("dir", folder / ".kvp_pool_1", ["--dir", str(folder)])


def filled(text):
    return re.sub(r"\$\{(.)\*(\d+)\}", lambda found: found[1] * int(found[2]), text)


def run_step(way, step, folder):
    words = [filled(word) for word in step["run"]]
    text = step.get("stdin", "")
    if "stdin_numbered" in step:
        text = "".join(f"{key}={value}\n" for key, value in numbered(step["stdin_numbered"]))
    if "INPUT" in words:
        (folder / "input").write_text(text)
        words[words.index("INPUT")] = str(folder / "input")
    if step.get("age") == "epoch":
        os.utime(way.path, (0, 0))
    done = way.kvp(*words, input=text)
    said = f"{words}: {done.stdout!r} {done.stderr!r}"
    assert done.returncode == step.get("exit", 0), said
    pool = str(way.path)
    if "json" in step:
        expected = json.dumps(step["json"]).replace("POOL", pool)
        assert json.loads(done.stdout) == json.loads(expected), said
    elif "like" in step:
        assert re.fullmatch(step["like"].replace("TIME", TIME), done.stdout), said
    else:
        assert done.stdout == filled(step.get("out", "")).replace("POOL", pool), said
    error = step.get("err")
    if error is None:
        assert done.stderr == "", said
    elif error.endswith("..."):
        assert done.stderr.startswith("sluice: " + error[:-3]), said
    else:
        assert done.stderr == f"sluice: {error}\n", said


def ways_and_cases():
    for way in WAYS:
        for case in CASES:
            if case.get("only", way) == way:
                yield pytest.param(way, case, id=f"{way}: {case['name']}")


@pytest.mark.parametrize("way, case", ways_and_cases(), indirect=["way"])
def test_case(way, case, tmp_path):
    way.start(case.get("pool"), case.get("torn", 0))
    for step in case["steps"]:
        run_step(way, step, tmp_path)
    if case.get("left") == "no file":
        assert not way.path.exists()
    elif "left" in case:
        left = list(way.records()) if way.path.exists() else []
        assert left == [[filled(word) for word in pair] for pair in case["left"]]
    if "mode" in case:
        assert stat.S_IMODE(way.path.stat().st_mode) == int(case["mode"], 8)


def run_at_once(calls):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert {done.returncode for done in pool.map(lambda call: call(), calls)} == {0}


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_triples_of_two_at_once_stay_together(way):
    way.start([])
    triples = [f"{writer}-{i}" for i in range(50) for writer in "ab"]

    def append(name):
        return way.kvp("append-multiple", "--timeout", "20s",
                       input="".join(f"{name}={part}\n" for part in range(3)))

    run_at_once([functools.partial(append, name) for name in triples])
    records = list(way.records())
    assert sorted(records) == sorted([name, str(part)] for name in triples for part in range(3))
    for at in range(0, len(records), 3):
        assert records[at:at + 3] == [[records[at][0], str(part)] for part in range(3)]


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_appends_of_eight_at_once_lose_nothing(way):
    way.start([])
    names = [f"{writer}-{i}" for i in range(10) for writer in range(8)]
    run_at_once([functools.partial(way.kvp, "write", "--append", "--timeout", "20s", name, "v")
                 for name in names])
    assert sorted(way.records()) == sorted([name, "v"] for name in names)


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_writing_one_key_leaves_every_byte_of_the_others(way):
    way.start([])
    before = b"".join(key.ljust(harness.KEY, b"#") + value.ljust(harness.RECORD - harness.KEY, b"#")
                      for key, value in ((b"a\0", b"1\0"), (b"b\0", b"2\0"), (b"c\0", b"3\0")))
    with open(way.path, "r+b" if way.path.exists() else "wb") as file:
        file.write(before)
    assert way.kvp("write", "b", "new").returncode == 0
    after = way.path.read_bytes()
    assert after == before[:harness.RECORD] + record("b", "new") + before[2 * harness.RECORD:]


@pytest.mark.parametrize("way", WAYS, indirect=True)
@pytest.mark.parametrize("count, size", [(5_000, 1_000), (20_000, 200)])
def test_many_lines_are_one_change(way, count, size):
    way.start([])
    lines = "".join(f"k{i}={i:0{size}}\n" for i in range(count))
    done = way.kvp("append-multiple", "--timeout", "30s", input=lines)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(way.records()) == [[f"k{i}", f"{i:0{size}}"] for i in range(count)]


@pytest.mark.parametrize("way", ["agent"], indirect=True)
@pytest.mark.parametrize("count, size, code, limit", [
    (25_001, 1, 2, "at most 25000"), (25_000, 1_022, 0, ""), (34_000, 1_000, 5, "at most 33554432")])
def test_what_is_too_much_for_the_agent_names_the_limit(way, count, size, code, limit):
    way.start([])
    lines = "".join(f"{i:0254}={'v' * size}\n" for i in range(count))
    done = way.kvp("append-multiple", "--timeout", "30s", input=lines)
    assert done.returncode == code and limit in done.stderr, done.stderr
    assert way.path.stat().st_size == (0 if code else count * harness.RECORD)


def test_a_copy_of_a_disk_is_read_where_nobody_may_write():
    with short_folder() as folder:
        path = folder / ".kvp_pool_1"
        path.write_bytes(record("a", "1"))
        way = Way("dir", path, ["--dir", str(folder)])
        mounted = harness.run(["mount", "--bind", folder, folder], check=False)
        if mounted.returncode != 0:
            pytest.skip(f"cannot mount here: {mounted.stderr.strip()}")
        try:
            harness.run(["mount", "-o", "remount,bind,ro", folder])
            assert way.kvp("dump").stdout == "a=1\n"
            assert way.kvp("read", "a").stdout == "1\n"
            assert [way.kvp(verb).returncode for verb in ("decode", "usage", "check")] == [0, 0, 0]
            done = way.kvp("write", "a", "2")
            assert (done.returncode, done.stdout) == (3, "")
            assert done.stderr == f"sluice: open {path}: Read-only file system\n"
        finally:
            harness.run(["umount", folder])
