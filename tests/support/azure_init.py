"""A recorded run of azure-init, tests/golden/azure_init, beside what an agent wrote of the same program:
the pool and the log are the same byte for byte, but for the mends that docs/azure-init.md lists."""

import collections
import contextlib
import difflib
import gzip
import re

from harness import KEY, RECORD, REPOSITORY, Agent, read_pool, run

RECORDED = REPOSITORY / "tests/golden/azure_init"
PREFIX = "azure-init-0.1.1|00000000-0000-0000-0000-000000000001|"
CONFIG = """[kvp]
profile = "strict"
vm_id = "00000000-0000-0000-0000-000000000001"
"""
REPORT = "PROVISIONING_REPORT"

UUID = re.compile(rb"\|[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
POOL_TIME = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
LOG_TIME = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z) ", re.MULTILINE)
SPENT = re.compile(r"(time\.(?:busy|idle))=\d+(?:\.\d+)?(?:ns|µs|ms|s)\b")
ESCAPE = re.compile(r'\\(?:([nrt0\\"])|x([0-9a-f]{2})|u\{([0-9a-f]+)\})')


def event(text):
    return f"Time: TIME | Event: {text}"


def parts(text):
    """The values of a long event."""
    time = "T" * len("2026-11-29T21:15:44.428Z")
    whole = event(text).replace("TIME", time)
    return [whole[at:at + 1022].replace(time, "TIME") for at in range(0, len(whole), 1022)]


# What differs in the pool, by its name in docs/azure-init.md: records that only azure-init wrote, and
# records that only we write, each by LEVEL|NAME (or its whole key) and value.
POOL_MENDS = {
    "outside": ([], [
        *(("INFO|group", event(f"message=GROUP {name}")) for name in
          ("types", "messages", "long", "names", "macros", "tree", "threads", "asyncs", "reports",
           "end")),
        ("INFO|emitter", event("message=outside")),
        ("INFO|emitter", event("message=none")),
        ("INFO|emitter", event("message=no context on a new thread")),
    ]),
    "parent": ([
        ("INFO|emitter:b", event("message=explicit parent a")),
        ("INFO|emitter:b", event("message=explicit root event")),
        ("INFO|emitter:b", event("message=explicit id parent")),
    ], [
        ("INFO|emitter:a", event("message=explicit parent a")),
        ("INFO|emitter", event("message=explicit root event")),
        ("INFO|emitter:a", event("message=explicit id parent")),
        ("INFO|emitter:a", event("message=a not entered")),
        ("INFO|emitter:a", event("message=clone keeps a")),
    ]),
    "report": ([], [
        ("INFO|emitter:reports", event('message=empty, health_report=""')),
        ("INFO|emitter:reports", event("message=int, health_report=5")),
        ("INFO|emitter:reports", event("message=bool, health_report=true")),
        *(("INFO|emitter:reports", part) for text in ("s" * 1023, "t" * 3000)
          for part in parts("message=m, health_report=" + text)),
    ]),
}
# As `report` says: what azure-init wrote under that key, of which we keep the last.
REPORTS = [
    "result=success|agent=Azure-Init/0.1.1|pps_type=None|vm_id=x|timestamp=2026-06-17T00:00:00+00:00",
    "outside any span", "str form", "dbg form", "quoted", 'result=error|reason=x|"k=a|b',
    r"with \"inner\" quotes", "5", "true", "at debug", "at error", "other target",
    "with other fields", "line1\nline2", "é漢😀", "r" * 1022, "s" * 1022, "s", "t" * 1022,
    "t" * 1022, "t" * 956, "nul\0x", 'Some("opt")',
    "Provisioning is still in progress for vm_id=vm.",
]

# And in the log, whether it makes our line of theirs. `order` has no line of its own: lines are
# compared in the order of their times.
LOG_MENDS = {
    "escaped": lambda theirs, ours: unescaped(ours) == theirs.replace(r"\x1b", "\x1b"),
    "once": lambda theirs, ours: re.sub(r'(\w+="?\w+"?) \1(?=[ }])', r"\1", theirs) == ours,
    "target": lambda theirs, ours: theirs.replace(": : ", ": ") == ours,
    "sources": lambda theirs, ours: theirs.replace(' error.sources=[inner "cause"]', "") == ours,
}


def unescaped(text):
    letters = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\", '"': '"'}
    return ESCAPE.sub(lambda found: letters[found[1]] if found[1]
                      else chr(int(found[2] or found[3], 16)), text)


def pool_records(data):
    """(LEVEL|NAME or key, value) of each record; times and UUIDs as words."""
    records = []
    for at in range(0, len(data), RECORD):
        key = UUID.sub(b"", data[at:at + KEY].rstrip(b"\0"))
        value = POOL_TIME.sub(b"TIME", data[at + KEY:at + RECORD].rstrip(b"\0"))
        records.append((key.decode().removeprefix(PREFIX),
                        value.decode(errors="surrogateescape")))
    return records


def log_lines(text):
    """The lines in the order of their times, which are cut off; one may hold line feeds."""
    cut = LOG_TIME.split(SPENT.sub(r"\1=SPENT", text))[1:]
    return [line for _time, line in sorted(zip(cut[::2], cut[1::2]), key=lambda pair: pair[0])]


def differences(theirs, ours):
    """Pairs of what stands in one place of both; None where one side has nothing there."""
    for what, i, j, k, l in difflib.SequenceMatcher(None, theirs, ours, False).get_opcodes():
        if what != "equal":
            rows = max(j - i, l - k)
            yield from zip(theirs[i:j] + [None] * (rows - j + i), ours[k:l] + [None] * (rows - l + k))


@contextlib.contextmanager
def written(shared, *command, **environment):
    """(pool, log) of a program's run through an agent."""
    with Agent(shared, config=CONFIG) as agent:
        agent.environment = {"AZURE_INIT_KVP_FILTER": "trace", "AZURE_INIT_LOG": "trace",
                             "NO_COLOR": "1"}
        agent.start()
        run(command, env={"SLUICE_SOCKET": str(agent.socket), **environment})
        agent.flush()
        yield read_pool(agent.pool_path), agent.log()


def check_pool(pool):
    theirs = pool_records(gzip.decompress((RECORDED / "pool.gz").read_bytes()))
    ours = pool_records(pool)
    assert [value for key, value in theirs if key == REPORT] == REPORTS
    assert [value for key, value in ours if key == REPORT] == REPORTS[-1:]
    pairs = list(differences([one for one in theirs if one[0] != REPORT],
                             [one for one in ours if one[0] != REPORT]))
    only_theirs = collections.Counter(pair[0] for pair in pairs if pair[0])
    only_ours = collections.Counter(pair[1] for pair in pairs if pair[1])
    for missing, added in POOL_MENDS.values():
        only_theirs.subtract(missing)
        only_ours.subtract(added)
    assert not {one: count for one, count in only_theirs.items() if count}
    assert not {one: count for one, count in only_ours.items() if count}


def check_log(log):
    theirs = log_lines(gzip.decompress((RECORDED / "log.gz").read_bytes()).decode())
    seen = set()
    for pair in differences(theirs, log_lines(log)):
        mends = [name for name, is_mended in LOG_MENDS.items() if None not in pair and is_mended(*pair)]
        assert mends, f"{pair[0]!r} became {pair[1]!r}"
        seen.update(mends)
    assert seen == set(LOG_MENDS), "a mend that mends nothing"
