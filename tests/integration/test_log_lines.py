"""What the log file's lines look like: azure-init's, byte for byte apart from times and escaping;
and whatever a sender writes, a line stays one line, without control bytes, and reads back."""

import json
import re

import pytest
from harness import Agent, run, wait_until

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z"
SPENT = r"\d+(\.\d+)?(ns|µs|ms|s)"

# Lines of azure-init's log layer without colour, times left out. Its raw line feed is escaped here.
INNER = r'outer:inner{user="az\"ure\nroot" n=7}: '
GOLDEN = [
    " INFO outer: shape: new",
    ' INFO outer: shape: report health_report="result=success|agent=x"',
    f" INFO {INNER}shape: new",
    f' INFO {INNER}libazureinit::user::add: Added user: az"ure\\nroot',
    f" WARN {INNER}shape: retrying retries=3 ok=false",
    f" INFO {INNER}shape: close time.busy=SPENT time.idle=SPENT",
    " INFO outer: shape: close time.busy=SPENT time.idle=SPENT",
    "DEBUG shape: no span dbg",
]

HOSTILE = [
    "two\nlines", "\r\n", "\x1b[2J\x1b[31mred", "\x07\x08\x7f", "\x00", "a\x00b", "tab\there",
    "\x9b31m", "\x85", "\u2028\u2029", "\u202eabc\u2066", "\u200e\u061c", '"', '""', "\\", "\\n",
    "ro\u200bot", "\U000e0041\U000e007f", "\xad\u2060\u3164\ufe0f",
    "\\\\n", "\\u{1b}", "\\x1b", "\\", '\\"', "{}", "a=b c=d", 'x" level=error msg="y', "<3>kernel",
    "2026-11-20T09:27:53.502904Z ERROR x: y", "\ufeffbom", "é", "\U0001f4a5", " ", "  a  ", "'", "%s%n",
    "_pid", "ts", "level", "trace_id", "\x1b]0;title\x07", "\x1bc", "x" * 5000 + "\n", "\ud7ff",
    '{"a":1}', "</script>", "a" + "\u0301" * 40,
]

CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
                     "\ufe0f\ufeff\U000e0000-\U000e0fff]")
ESCAPE = re.compile(r'\\(?:([nrt0\\"])|x([0-9a-f]{2})|u\{([0-9a-f]+)\})')


def unescape(text):
    """The text that was escaped, decoded anew and not by the code under test."""
    letters = {"n": "\n", "r": "\r", "t": "\t", "0": "\0", "\\": "\\", '"': '"'}
    assert not re.search(r"\\", ESCAPE.sub("", text)), text
    return ESCAPE.sub(lambda found: letters[found[1]] if found[1]
                      else chr(int(found[2] or found[3], 16)), text)


def logfmt(line):
    """The pairs of a logfmt line, split by the format's own rules."""
    pairs = re.findall(r'([^= "]+)=("(?:[^"\\]|\\.)*"|[^ "]*)(?: |$)', line)
    assert " ".join(f"{key}={value}" for key, value in pairs) == line
    return [(key, value[1:-1] if value.startswith('"') else value) for key, value in pairs]


def run_scenario(agent, name):
    """A process hands over what is left when it ends, in 250 ms, which a busy machine may need more
    than; then its end is awaited in the log."""
    run([agent.shared.copy("../tests/process_scenario"), name],
        env={"SLUICE_SOCKET": str(agent.socket)})
    wait_until(lambda: "no span dbg" in agent.log(), "the last line")


@pytest.fixture(name="log_as")
def fixture_log_as(shared):
    """An agent that logs everything in one format."""
    agents = []

    def start(log_format):
        agent = Agent(shared, config=f'[log]\nformat = "{log_format}"\n')
        agents.append(agent)
        agent.environment["SLUICE_LOG"] = "trace"
        return agent.start()
    yield start
    for agent in agents:
        agent.__exit__()


def timeless(line):
    assert re.match(TIME + " ", line), line
    return re.sub(SPENT + r"\b", "SPENT", re.sub(TIME + " ", "", line, count=1))


def test_text_lines_are_azure_inits(log_as):
    agent = log_as("text")
    run_scenario(agent, "AzureInitLines")
    assert [timeless(line) for line in agent.log().splitlines()] == GOLDEN


def test_json_lines(log_as):
    agent = log_as("json")
    run_scenario(agent, "AzureInitLines")
    lines = [json.loads(line) for line in agent.log().splitlines()]
    outer, inner = {"name": "outer", "fields": {}}, {"name": "inner", "fields": {
        "user": 'az"ure\nroot', "n": 7}}
    own = [{key: value for key, value in line.items()
            if not key.startswith("_") and key not in ("time", "busy_ns", "idle_ns", "trace_id",
                                                       "span_id", "service")} for line in lines]
    assert own == [
        {"level": "INFO", "target": "shape", "kind": "new", "span": "outer", "spans": [outer]},
        {"level": "INFO", "target": "shape", "message": "report",
         "fields": {"health_report": "result=success|agent=x"}, "spans": [outer]},
        {"level": "INFO", "target": "shape", "kind": "new", "span": "inner", "spans": [outer, inner]},
        {"level": "INFO", "target": "libazureinit::user::add", "spans": [outer, inner],
         "message": 'Added user: az"ure\nroot'},
        {"level": "WARN", "target": "shape", "message": "retrying",
         "fields": {"retries": 3, "ok": False}, "spans": [outer, inner]},
        {"level": "INFO", "target": "shape", "kind": "close", "span": "inner",
         "spans": [outer, inner]},
        {"level": "INFO", "target": "shape", "kind": "close", "span": "outer", "spans": [outer]},
        {"level": "DEBUG", "target": "shape", "message": "no span dbg"},
    ]
    assert {(line["_uid"], line["_comm"], line["service"]) for line in lines} == {
        (0, "process_scenari", "process_scenario")}
    assert len({line.get("trace_id") for line in lines[:-1]}) == 1


def test_logfmt_lines(log_as):
    agent = log_as("logfmt")
    run_scenario(agent, "AzureInitLines")
    lines = [re.sub(r"ts=\S+ ", "", line, count=1) for line in agent.log().splitlines()]
    heads = [re.sub(r"(busy|idle)=\S+", r"\1=SPENT", re.sub(r" (trace_id|service)=.*", "", line))
             for line in lines]
    inner = r'span="outer:inner{user=\"az\\\"ure\\nroot\" n=7}"'
    assert heads == [
        "level=info target=shape span=outer msg=new",
        'level=info target=shape span=outer msg=report health_report="result=success|agent=x"',
        f"level=info target=shape {inner} msg=new",
        rf'level=info target=libazureinit::user::add {inner} msg="Added user: az\"ure\nroot"',
        f"level=warn target=shape {inner} msg=retrying retries=3 ok=false",
        f"level=info target=shape {inner} msg=close busy=SPENT idle=SPENT",
        "level=info target=shape span=outer msg=close busy=SPENT idle=SPENT",
        'level=debug target=shape msg="no span dbg"',
    ]


def log_of(agent, *records):
    """The lines of these records, none of which holds a control character."""
    import telemetry
    telemetry.emit(agent.socket, *records)
    agent.flush()
    text = agent.log_path.read_bytes().decode()
    assert text.endswith("\n")
    lines = text[:-1].split("\n")
    assert [line for line in lines if CONTROL.search(line)] == []
    return lines


def hostile_records():
    """Each text as a message, a value, a key, a target and a span's name."""
    import telemetry
    for text in HOSTILE:
        yield telemetry.event(text)
        yield telemetry.event("m", k=text)
        keyed = telemetry.event("m")
        keyed.event.attributes.add(key=text).value.int_value = 1
        yield keyed
        yield telemetry.event("m", target=text[:64])
        yield telemetry.Span(text[:64]).whole()


def by_fives(lines, per_text=6):
    assert len(lines) == per_text * len(HOSTILE)
    return [(text, lines[at * per_text:(at + 1) * per_text]) for at, text in enumerate(HOSTILE)]


def test_hostile_text_reads_back_from_text_lines(log_as):
    lines = [re.sub(f"^{TIME}  INFO ", "", line)
             for line in log_of(log_as("text"), *hostile_records())]
    for text, (message, value, key, target, new, close) in by_fives(lines):
        assert message.startswith("test: ") and unescape(message[6:]) == text
        assert value.startswith('test: m k="') and value.endswith('"')
        assert unescape(value[11:-1]) == text
        assert key.startswith("test: m ") and key.endswith("=1")
        assert unescape(key[8:-2]) == text and not re.search('[ "=]', key[8:-2])
        assert target.endswith(": m") and unescape(target[:-3]) == text[:64]
        assert new.endswith(": test: new") and unescape(new[:-11]) == text[:64]
        assert re.search(r": test: close time\.busy=\S+ time\.idle=\S+$", close)


def test_hostile_text_reads_back_from_json_lines(log_as):
    lines = [json.loads(line) for line in log_of(log_as("json"), *hostile_records())]
    for text, (message, value, key, target, new, _close) in by_fives(lines):
        assert message["message"] == text
        assert value["fields"] == {"k": text}
        assert key["fields"] == {text: 1}
        assert target["target"] == text[:64]
        assert new["span"] == new["spans"][0]["name"] == text[:64]
        assert {line["_uid"] for line in (message, value, key, target, new)} == {0}


def test_hostile_text_reads_back_from_logfmt_lines(log_as):
    lines = [logfmt(line) for line in log_of(log_as("logfmt"), *hostile_records())]
    for text, (message, value, key, target, new, _close) in by_fives(lines):
        assert unescape(dict(message)["msg"]) == text
        assert unescape(dict(value)["k"]) == text
        assert text in [unescape(one) for one, value in key if value == "1"]
        assert unescape(dict(target)["target"]) == text[:64]
        assert unescape(unescape(dict(new)["span"])) == text[:64]
        for line in (message, value, key, target, new):
            assert [one for one, _value in line].count("_uid") == 1
            assert [one for one, _value in line].count("level") == 1
