"""What was emitted in a guest, and what its agent has of it."""

import base64
import collections
import re

from harness import LONG

LOAD = "/usr/local/lib/sluice-boot/load"
LOG = "/var/log/sluice/sluice.log"
TEXT = re.compile(r"<[^<>]+>")


def often(short, long):
    """How often what is hard on the machine is done: more by `tests/run --long`."""
    return long if LONG else short


def start_loads(machine, turn=0):
    """Users who emit, one event after another until their load is ended; their texts name the turn."""
    return [machine.start(LOAD, f"{turn} {user}", user=user)
            for user in ("ada", "bob", "nobody", "root")]


def more_from(loads, count=3):
    """Waits until each has printed `count` lines more."""
    for load in loads:
        goal = len(load.lines) + count
        load.wait_for(lambda one, goal=goal: len(one.lines) >= goal, f"prints {goal} lines")


def emit(machine, name, count, **options):
    """Emits `<name 1>` to `<name count>`, each acknowledged, and returns them."""
    return machine.shell(
        f"for ((n = 1; n <= {count}; n++)); do"
        f" sluice event --require --timeout 30s \"<{name} $n>\"; echo \"<{name} $n>\"; done",
        **options).output.split("\n")


def flush(machine):
    machine.run("sluice", "flush", "--timeout", "60s")


def journalled(machine):
    """How often the journal has each text of the form `<...>`."""
    said = machine.run("sluice", "tail", "-n", "all", "-o", "cat", "--timeout", "60s")
    return collections.Counter(TEXT.findall(said.output))


def read_log(machine):
    """The bytes of the log file."""
    return base64.b64decode(machine.run("base64", "-w0", LOG).output)


def logged(machine):
    return collections.Counter(TEXT.findall(read_log(machine).decode(errors="replace")))


def assert_each_once(counts, texts):
    wrong = {text: counts[text] for text in texts if counts[text] != 1}
    assert not wrong, f"not there once: {wrong}"


def tree(machine, trace_id):
    """The spans of a trace by name; fails where two have one name."""
    spans = machine.json("sluice", "tree", trace_id, "--json", "--timeout", "60s")["spans"]
    by_name = {span["name"]: span for span in spans}
    assert len(by_name) == len(spans), f"a span stands twice: {[span['name'] for span in spans]}"
    return by_name


def open_spans(machine):
    """Names of the spans that the agent has as open."""
    status = machine.json("sluice", "status", "--open", "--json", "--timeout", "60s")
    return [span["name"] for span in status["open_spans"]]
