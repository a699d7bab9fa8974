"""`sluice kvp` on pool files, mostly without an agent."""

import json
import os

import pytest

import harness
from tool import short_folder, tool

VM = "26bd6c2f-ecc6-4b04-9f79-e500096ee45b"
UUID = "b8398a61-459c-4e35-95fd-c3a099396a02"


def record(key, value):
    return key.encode().ljust(512, b"\0") + value.encode().ljust(2048, b"\0")


@pytest.fixture(name="folder")
def folder_fixture():
    with short_folder() as folder:
        yield folder


def write(folder, *pairs, number=1, torn=b""):
    path = folder / f".kvp_pool_{number}"
    path.write_bytes(b"".join(record(*pair) for pair in pairs) + torn)
    return path


def kvp(folder, *arguments):
    return tool("kvp", *arguments, "--dir", str(folder))


def test_dump_keeps_order_and_doubles_and_entries_does_not(folder):
    write(folder, ("b", "3"), ("a", "1"), ("a", "2"))
    assert kvp(folder, "dump").stdout == "b=3\na=1\na=2\n"
    assert kvp(folder, "entries").stdout == "a=2\nb=3\n"
    assert json.loads(kvp(folder, "dump", "--json").stdout)[1] == {"key": "a", "value": "1"}
    assert json.loads(kvp(folder, "entries", "--json").stdout) == {"a": "2", "b": "3"}


def test_read_prints_the_last_value_or_nothing(folder):
    write(folder, ("a", "1"), ("a", "2\n3"))
    done = kvp(folder, "read", "a")
    assert (done.returncode, done.stdout) == (0, "2\n3\n")
    assert json.loads(kvp(folder, "read", "a", "--json").stdout) == {"key": "a", "value": "2\n3"}
    done = kvp(folder, "read", "missing")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "")


def test_info_tells_names_and_limits(folder):
    path = write(folder, ("a", "1"))
    assert kvp(folder, "info").stdout == (
        f"pool=guest\npath={path}\nmode=safe\nrecords=1\nempty=false\nstale=false\n"
        "max_key_size=254\nmax_value_size=1022\n")
    assert json.loads(kvp(folder, "info", "--unsafe", "--json").stdout) == {
        "pool": "guest", "path": str(path), "mode": "unsafe", "records": 1, "empty": False,
        "stale": False, "max_key_size": 512, "max_value_size": 2048}


@pytest.mark.parametrize("name, number", [("external", 0), ("guest", 1), ("auto", 2),
                                          ("auto-external", 3), ("auto-internal", 4), ("3", 3)])
def test_pools_have_names_and_numbers(folder, name, number):
    write(folder, ("n", str(number)), number=number)
    assert kvp(folder, "read", "n", "--pool", name).stdout == f"{number}\n"
    assert tool("kvp", "--pool", name, "--dir", str(folder), "read", "n").stdout == f"{number}\n"


@pytest.mark.parametrize("verb", [("dump",), ("info",), ("usage",), ("is-stale",), ("read", "a")])
def test_a_mistyped_folder_is_told(folder, verb):
    done = kvp(folder / "no/such", *verb)
    assert done.stderr == (f"sluice: there is no folder {folder}/no/such; what is not there counts "
                           "as an empty pool\n")
    # People are told, scripts for libazureinit-kvp read an empty pool.
    told = f"sluice: there is no pool {folder}/.kvp_pool_1\n" if verb == ("usage",) else ""
    assert kvp(folder, *verb).stderr == told


def test_a_pool_that_is_not_there_is_empty(folder):
    assert kvp(folder, "dump").returncode == 0 and kvp(folder, "dump").stdout == ""
    assert kvp(folder, "read", "a").returncode == 1
    assert "empty=true" in kvp(folder, "info").stdout
    assert kvp(folder, "is-stale").returncode == 1


def test_a_pool_that_cannot_be_read_is_an_error(folder):
    (folder / ".kvp_pool_1").mkdir()
    for verb in (["dump"], ["read", "a"], ["decode"], ["check"]):
        done = kvp(folder, *verb)
        assert (done.returncode, done.stdout) == (3, "")
        assert str(folder) in done.stderr


def test_is_stale_compares_with_the_boot(folder):
    path = write(folder, ("a", "1"))
    done = kvp(folder, "is-stale")
    assert (done.returncode, done.stdout) == (1, "false\n")
    os.utime(path, (0, 0))
    done = kvp(folder, "is-stale")
    assert (done.returncode, done.stdout) == (0, "true\n")
    assert json.loads(kvp(folder, "is-stale", "--json").stdout) == {"stale": True}


def test_decode_joins_and_tells_the_writers_apart(folder):
    key = f"azure-init-0.1.1|{VM}|WARN|user:add|{UUID}"
    write(folder, (f"CLOUD_INIT|1700000000|start|init-local|{VM}|{UUID}",
                   '{"name":"init-local","type":"start",'
                   '"ts":"2023-11-14T22:13:20.250000+00:00","msg":"searching"}'),
          (key, "Time: 2025-11-13T17:52:10.123Z | Event: Added "), (key, "user\x1b[2J"))
    done = kvp(folder, "decode")
    heading, *lines = done.stdout.splitlines()
    assert heading.split() == ["TIME", "TOOK", "WRITER", "LEVEL", "WHAT"]
    assert len(lines) == 2 and "\x1b" not in done.stdout
    assert lines[0].startswith("2023-11-14T22:13:20.250000Z") and "cloud-init" in lines[0]
    assert "WARN" in lines[1] and "Added user\\u{1b}[2J" in lines[1]
    items = json.loads(kvp(folder, "decode", "--json").stdout)
    assert [one["writer"] for one in items] == ["cloud-init", "azure-init"]
    assert items[1]["records"] == [1, 2] and items[1]["text"].startswith("Added user")


TIMES = "Start: 2025-11-13T17:52:09.000Z | End: 2025-11-13T17:52:10.500Z"


def decode_span(folder, value):
    """The last words of its text line, and its JSON."""
    write(folder, (f"sluice-0.1.0|{VM}|ERROR|app:job|{UUID}", value))
    _, line = kvp(folder, "decode").stdout.splitlines()
    item, = json.loads(kvp(folder, "decode", "--json").stdout)
    assert item["kind"] == "span"
    return line.partition("app:job")[2].strip(), item


def test_decode_tells_why_a_span_was_aborted(folder):
    text, item = decode_span(folder, TIMES + " | Status: error: aborted: signal 9 (SIGKILL)")
    assert text == "aborted: signal 9 (SIGKILL)"
    assert (item["aborted"], item["text"], item["status"]) == ("signal 9 (SIGKILL)", "", "error")


def test_decode_tells_why_a_span_failed(folder):
    text, item = decode_span(folder, TIMES + " | Status: error: no | room\x1b[2J")
    assert text == "error: no | room\\u{1b}[2J"
    assert (item["status"], item["error"]) == ("error", "no | room\x1b[2J")
    assert "aborted" not in item
    text, item = decode_span(folder, TIMES + " | Status: error")
    assert (text, item["status"], "error" in item) == ("error", "error", False)
    text, item = decode_span(folder, TIMES + " | Status: errors")
    assert (text, item["text"], "status" in item) == ("Status: errors", "Status: errors", False)
    text, item = decode_span(folder, TIMES)
    assert (text, item["text"], "status" in item) == ("", "", False)


def test_decode_keeps_what_a_joined_start_says(folder):
    def value(kind, second, text):
        return (f'{{"name":"init-local","type":"{kind}","ts":"2023-11-14T22:13:{second}Z",'
                f'"msg":"{text}"}}')
    key = f"CLOUD_INIT|1700000000|%s|init-local|{VM}|{UUID}"
    write(folder, (key % "start", value("start", 20, "searching\x1b")),
          (key % "finish", value("finish", 22, "found")))
    _, line = kvp(folder, "decode").stdout.splitlines()
    assert line.endswith("init-local  found  start: searching\\u{1b}")
    item, = json.loads(kvp(folder, "decode", "--json").stdout)
    assert (item["text"], item["start_text"]) == ("found", "searching\x1b")


def test_usage_counts_by_writer(folder):
    write(folder, ("a", "1"), (f"azure-init-0.1.1|{VM}|INFO|x|{UUID}", "v"), torn=b"torn")
    shown = json.loads(kvp(folder, "usage", "--json").stdout)
    assert (shown["records"], shown["torn_bytes"]) == (2, 4)
    assert {one["writer"]: one["records"] for one in shown["writers"]} == \
        {"other": 1, "azure-init": 1}
    assert "4 bytes after the last whole record" in kvp(folder, "usage").stdout


def test_check_finds_what_the_host_cannot_read(folder):
    write(folder, ("a", "1"))
    done = kvp(folder, "check")
    assert (done.returncode, done.stderr) == (0, "")
    path = write(folder, ("a", "1"), ("b", "2"))
    data = bytearray(path.read_bytes())
    data[512] = 0xff
    path.write_bytes(data)
    done = kvp(folder, "check")
    assert done.returncode == 1 and done.stdout.startswith("record 0 (a): the value is not UTF-8")
    assert json.loads(kvp(folder, "check", "--json").stdout)[0]["harm"] == "hides_rest"


def test_a_shifted_pool_is_told_and_credited_to_nobody(folder):
    def one(number):
        return record(f"azure-init-0.1.1|{VM}|INFO|a:c|{UUID[:-1]}{number}",
                      "Time: 2023-11-14T22:13:23.000Z | Event: message=hello")
    pool = folder / ".kvp_pool_1"
    pool.write_bytes(one(1) + b"T" * 100 + one(2) + one(3))
    done = kvp(folder, "check")
    assert done.returncode == 1
    assert done.stdout.startswith("record 1: shifted by 100 bytes from record 1: ")
    assert len(done.stdout.splitlines()) == 1
    finding, = json.loads(kvp(folder, "check", "--json").stdout)
    assert (finding["harm"], finding["record"]) == ("shifted", 1)
    shown = json.loads(kvp(folder, "usage", "--json").stdout)
    assert (shown["records"], shown["shifted"]) == (3, 2)
    assert [(share["writer"], share["records"]) for share in shown["writers"]] == [
        ("azure-init", 1)]
    assert "2 made of parts of others" in kvp(folder, "usage").stdout


def test_an_agent_shows_its_pool_byte_for_byte(shared):
    key = f"azure-init-0.1.1|{VM}|INFO|a:c|{UUID}"
    value = "Time: 2023-11-14T22:13:23.000Z | Event: message=hello"
    with harness.Agent(shared, config="[kvp]\nenabled = false\n") as agent:
        agent.pool_path.write_bytes(
            record("a", "1") + b"T" * 100 + record(key, value) * 200 + bytes(2460))
        agent.start()
        done = agent.sluice("kvp", "check", check=False)
        assert done.returncode == 1 and done.stdout.startswith("record 1: shifted by 100 bytes")
        assert json.loads(agent.sluice("kvp", "usage", "--json").stdout)["shifted"] == 201
        assert len(agent.sluice("kvp", "dump").stdout.splitlines()) == 202


@pytest.mark.parametrize("verb", [["dump"], ["entries"], ["info"], ["read", "a"]], ids=lambda verb: verb[0])
def test_through_an_agent_a_torn_end_is_refused_as_in_a_file(shared, folder, verb):
    with harness.Agent(shared, config="[kvp]\nenabled = false\n") as agent:
        agent.pool_path.write_bytes(record("a", "1") + b"torn")
        agent.start()
        refused = agent.sluice("kvp", *verb, check=False)
        assert (refused.returncode, refused.stdout) == (3, "")
        assert "is not a multiple of record size" in refused.stderr
        assert json.loads(agent.sluice("kvp", "usage", "--json").stdout)["torn_bytes"] == 4


def test_what_is_no_file_is_no_empty_pool(folder):
    os.mkfifo(folder / ".kvp_pool_1")
    for verb in ("check", "dump", "decode"):
        done = kvp(folder, verb)
        assert done.returncode == 3 and "is no file" in done.stderr


def test_reading_changes_nothing(folder):
    path = write(folder, ("a", "1"), torn=b"torn")
    before = (path.read_bytes(), path.stat().st_mtime_ns)
    for verb in ("info", "dump", "entries", "decode", "usage", "check", "is-stale"):
        kvp(folder, verb)
    assert (path.read_bytes(), path.stat().st_mtime_ns) == before


def test_keys_that_look_like_options_stand_behind_a_mark(folder):
    pool = [("-x", "1"), ("--json", "2"), ("--", "3"), ("-", "4"), ("a", "5")]
    write(folder, *pool)
    for option in ("-x", "--xyz"):
        done = tool("kvp", "delete-multiple", "--dir", str(folder), "a", option)
        assert (done.returncode, done.stdout) == (2, "")
        assert f"there is no option {option}" in done.stderr
    done = tool("kvp", "delete-multiple", "--dir", str(folder), "--")
    assert done.returncode == 2 and "KEY is required" in done.stderr
    assert kvp(folder, "dump").stdout == "".join(f"{key}={value}\n" for key, value in pool)
    done = tool("kvp", "delete-multiple", "--dir", str(folder), "-", "--", "-x", "--json", "--")
    assert (done.returncode, done.stdout, done.stderr) == (0, "4\n", "")
    assert kvp(folder, "dump").stdout == "a=5\n"


def test_misuse_is_told(folder):
    for arguments in (["read"], ["dump", "--pool", "5"], ["dump", "x"]):
        done = kvp(folder, *arguments)
        assert (done.returncode, done.stdout) == (2, "") and done.stderr
