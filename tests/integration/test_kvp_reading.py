"""Whatever the writers of a pool write is read back: cloud-init's records one by one, and a pool in
which everybody has written."""

import datetime
import hashlib
import json

import pytest

from tool import short_folder, tool

VM = "26bd6c2f-ecc6-4b04-9f79-e500096ee45b"
UUID = "b8398a61-459c-4e35-95fd-c3a099396a02"
MOST = 1024  # bytes of a value, as cloud-init counts
COMPRESSED = '{"encoding": "gz+b64", "data": "eJwrSS0uiU/Ozy0oSi0uTk0BADLyBlU=\\n"}'


def pack(records):
    """Their bytes. A lone surrogate, such as \\udcc3, is a byte that is not UTF-8."""
    return b"".join(field.encode("utf-8", "surrogateescape").ljust(size, b"\0")
                    for record in records for field, size in zip(record, (512, 2048)))


def cloud_init(kind, name, text, time, **more):
    """The records of one event, as cloud-init's handler makes them."""
    key = f"CLOUD_INIT|1700000000|{kind}|{name}|{VM}|{UUID}"
    stamp = datetime.datetime.fromtimestamp(time, datetime.timezone.utc).isoformat()
    head = {"name": name, "type": kind, "ts": stamp, **more}

    def compact(members):
        return json.dumps(members, separators=(",", ":"))

    whole = compact({**head, "msg": text})
    if len(whole) <= MOST:
        return [(key, whole)]
    records, rest = [], json.dumps(text)[1:-1]
    while rest:
        empty = compact({**head, "msg_i": len(records), "msg": ""})
        room = MOST - 8 - len(empty)
        records.append((f"{key}|{len(records)}", empty[:-2] + rest[:room] + '"}'))
        rest = rest[room:]
    return records


# What was emitted, the lengths of the values, and the SHA-256 of what cloud-init's own code made.
CLOUD_INIT = {
    "start": (("start", "init-local", "searching", 1700000000.25), {}, [94],
              "6098599402869dbc51cd0c460f23869130a173d0b67d1a644d70f8dd52f7583c"),
    "whole second": (("start", "init-local", "searching", 1700000000.0), {}, [87],
                     "db4b7cf4aeca60a277de709b716168d1ac2b57744d4bcf01b1991f6d2a624c61"),
    "finish": (("finish", "modules-final", "running modules for final", 1762458810.941724),
               {"result": "SUCCESS", "duration": 2.5}, [148],
               "61eb64f6063c1f466d0f09de9804eb8bb63bf82926fac07297d50ff2e16cbc5d"),
    "three records": (("finish", "event_name", "ab" * 1024, 1700000000.25),
                      {"result": "FAIL", "duration": 3.0}, [1016, 1016, 397],
                      "0d5bb1d5540ab6844da547f1490a5da0cf08307b1599094049e5e439a64543c9"),
    "escapes": (("diagnostic", "d", 'hé 😀 "q" \\ \n|', 1700000000.25), {}, [114],
                "fc9b2cad2f72ec6699ec221f470eafe3a666b5c812d0d50937df7f4579b788ac"),
    "longest whole one": (("diagnostic", "d", "a" * 943, 1700000000.25), {}, [1024],
                          "7afea35c6fbeac0b774855dedb71ebb3580864b470acd8f722b58b64e623fcef"),
    "shortest split one": (("diagnostic", "d", "a" * 944, 1700000000.25), {}, [1016, 110],
                           "877f88be1477770eef02bcfbc0c63be7f0760600f1f70564993f8afc6e7e363f"),
    "compressed": (("compressed", "compressed event", COMPRESSED, 1700000000.25), {}, [173],
                   "59b3e265d0b9bbf890ab57a7c759849a611c678040aee2d912dc901258b2b37c"),
}


@pytest.fixture(name="read")
def read_fixture():
    """Runs a verb of the tool on a pool of these records; returns its exit code and its JSON."""
    with short_folder() as folder:
        def read(verb, records):
            (folder / ".kvp_pool_1").write_bytes(pack(records))
            done = tool("kvp", verb, "--json", "--dir", str(folder))
            assert done.stderr == ""
            return done.returncode, json.loads(done.stdout)
        yield read


def nano(time):
    return str(round(time * 1_000_000) * 1000)


@pytest.mark.parametrize("event, more, lengths, digest", CLOUD_INIT.values(), ids=CLOUD_INIT)
def test_cloud_inits_records_are_read_back(read, event, more, lengths, digest):
    records = cloud_init(*event, **more)
    assert [len(value) for _, value in records] == lengths
    assert hashlib.sha256(pack(records)).hexdigest() == digest
    kind, name, text, time = event
    code, items = read("decode", records)
    assert code == 0 and len(items) == 1
    times = {"start": (nano(time), None),
             "finish": (nano(time - more.get("duration", 0)), nano(time))}
    assert items[0] == {
        "kind": "span" if kind in times else "event", "writer": "cloud-init",
        "key": records[0][0],
        "source": "CLOUD_INIT|1700000000", "vm_id": VM, "type": kind, "name": name, "text": text,
        **({"result": more["result"]} if more else {}),
        "begin_unix_nano": times.get(kind, (nano(time), None))[0],
        "end_unix_nano": times.get(kind, (nano(time), None))[1],
        "incomplete": False, "records": list(range(len(lengths)))}


def everybodys_records():
    ours = f"sluice-0.1.0-u1000|{VM}|WARN|app:work|{UUID}"
    # The first record has room for 1022 bytes.
    first = "Time: 2023-11-14T22:13:23.000Z | Event: message=" + "é" * 487
    return [
        (f"CLOUD_INIT|1700000000|start|init-local|{UUID}",
         '{"name":"init-local","type":"start","ts":"2023-11-14T22:13:20Z","msg":"searching"}'),
        (f"azure-init-0.1.1|{VM}|INFO|azure_init:provision|{UUID}",
         "Time: 2023-11-14T22:13:22.000Z | Event: message=Provisioning started"),
        (ours, first),
        *cloud_init("finish", "event_name", "ab" * 1024, 1700000001.0, result="FAIL", duration=0.5),
        (ours, "é" * 113),
        (f"sluice-0.1.0|{VM}|INFO|app:job|{UUID}",
         "Start: 2023-11-14T22:13:24.000Z | End: 2023-11-14T22:13:25.000Z"),
        ("PROVISIONING_REPORT", "result=success|agent=sluice/0.1.0|pps_type=None"),
        ("host_key", "anything"),
    ]


def test_decode_tells_everybody_apart(read):
    code, items = read("decode", everybodys_records())
    assert code == 0
    assert [(one["writer"], one["kind"], one.get("name"), one["records"]) for one in items] == [
        ("cloud-init", "span", "init-local", [0]),
        ("cloud-init", "span", "event_name", [3, 4, 5]),
        ("azure-init", "event", "azure_init:provision", [1]),
        ("sluice", "event", "app:work", [2, 6]),
        ("sluice", "span", "app:job", [7]),
        ("report", "report", None, [8]),
        ("other", "other", None, [9])]
    assert [one["text"] for one in items] == [
        "searching", "ab" * 1024, "message=Provisioning started", "message=" + "é" * 600, "",
        "result=success|agent=sluice/0.1.0|pps_type=None", "anything"]
    assert not any(one["incomplete"] for one in items)


def test_usage_counts_everybodys_records_and_bytes(read):
    records = everybodys_records()
    code, usage = read("usage", records)
    assert code == 0
    shares = {(one["writer"], one["source"]): (one["records"], one["text_bytes"])
              for one in usage.pop("writers")}
    assert usage == {"records": 10, "aim": 1000, "file_bytes": 25600, "torn_bytes": 0,
                     "shifted": 0}

    def share(*numbers):
        texts = [text for number in numbers for text in records[number]]
        return len(numbers), sum(len(text.encode()) for text in texts)
    assert shares == {
        ("cloud-init", "CLOUD_INIT|1700000000"): share(0, 3, 4, 5),
        ("sluice", "sluice-0.1.0-u1000"): share(2, 6),
        ("sluice", "sluice-0.1.0"): share(7),
        ("azure-init", "azure-init-0.1.1"): share(1),
        ("report", "PROVISIONING_REPORT"): share(8),
        ("other", "host_key"): share(9)}


def test_check_finds_what_of_everybodys_the_host_does_not_get(read):
    records = everybodys_records()
    assert read("check", [*records[:6], *records[7:]]) == (0, [])
    records += [*cloud_init("diagnostic", "d", "a" * 943, 1700000000.25),
                ("PROVISIONING_REPORT", "result=error"),
                (f"azure-init-0.1.1|{VM}|INFO|a:b|{UUID}", "Event: message=\udcc3"),
                ("host_key_2", "unseen")]
    code, findings = read("check", records)
    assert code == 1
    assert [(one["record"], one["harm"]) for one in findings] == [
        (6, "confusing"),  # a second record of one event
        (10, "cut"), (11, "confusing"), (12, "hides_rest")]
