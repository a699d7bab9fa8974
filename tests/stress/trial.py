"""An agent, bystanders that measure, and attackers beside them; then what is left of the bystanders'
records. Used by the tests, which assert facts and loose deadlines, and by tests/bench/fair_bench.py,
which prints the times."""

import contextlib
import dataclasses
import json
import operator
import os
import pathlib
import re
import select
import subprocess
import time

from harness import NOBODY, Agent

HERE = pathlib.Path(__file__).resolve().parent
KINDS = ("event", "report", "flush", "ack", "to_log")
ONE_UID = (NOBODY,)
MANY_UIDS = tuple(range(61_001, 61_031))
MARK = re.compile(r"fair-\w+-\w+-\d+\.")
# As the unit has it; the threads of the sinks go back to 0.
AS_IN_THE_UNIT = ("nice", "-n", "-10")


def expect_line(process, line, deadline_s=90):
    """Reads one line of a process's output, unbuffered."""
    end = time.monotonic() + deadline_s
    said = b""
    while not said.endswith(b"\n"):
        left = end - time.monotonic()
        assert select.select([process.stdout], [], [], max(left, 0))[0], f"no {line} in {deadline_s} s"
        more = os.read(process.stdout.fileno(), 1)
        assert more, f"ended before it said {line}"
        said += more
    assert said.decode() == line + "\n"


def quantile_of(values, fraction):
    return sorted(values)[min(len(values) - 1, int(len(values) * fraction))]


@dataclasses.dataclass
class Seen:
    """What one kind of bystander saw: milliseconds, how many of them were the scheduler's doing,
    failures, and texts acknowledged by uid."""

    waits: list
    of_scheduler: list
    failures: list
    texts: dict

    def quantile(self, fraction):
        return quantile_of(self.waits, fraction)

    @property
    def p99_of_agent(self):
        """Of the waits without the scheduler's part, at least that."""
        return quantile_of(list(map(operator.sub, self.waits, self.of_scheduler)), .99)

    @property
    def p50(self):
        return self.quantile(.5)

    @property
    def p99(self):
        return self.quantile(.99)

    @property
    def max(self):
        return max(self.waits)


class Bystanders:
    """One process a kind, ready to measure."""

    def __init__(self, agent, name, patience, kinds=KINDS):
        self.patience = patience
        self.running = {kind: subprocess.Popen(
            ["/usr/bin/python3", HERE / "bystanders.py", kind, name, str(patience), agent.socket,
             agent.admin_socket, agent.log_path, agent.shared.sluice, str(agent.pid())],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PATH": "/usr/bin:/bin", **agent.shared.environment(agent)}) for kind in kinds}
        for kind, process in self.running.items():
            expect_line(process, "ready")

    def begin(self, seconds):
        for process in self.running.values():
            process.stdin.write(f"{seconds}\n")
            process.stdin.flush()

    def seen(self):
        """{kind: Seen}, once the last wait is over."""
        seen = {}
        for kind, process in self.running.items():
            output, _errors = process.communicate(timeout=2 * self.patience + 120)
            assert process.returncode == 0, kind
            seen[kind] = Seen(**json.loads(output))
        return seen


class Attackers:
    """Attacks by `processes` processes of each uid, until closed. Of several attacks each process
    has the next one. Then `calls` and `bytes` were sent."""

    def __init__(self, agent, attacks, uids, processes):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", HERE / "attacks.py", ",".join(attacks), agent.socket,
             str(processes), *map(str, uids)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={"PATH": "/usr/bin:/bin", **agent.shared.environment(agent)})
        try:
            expect_line(self.process, "attacking")
        except BaseException:
            self.process.kill()  # and with it all that it has started
            assert agent.process.poll() is None, "the agent was killed"
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        output, _errors = self.process.communicate(timeout=30)
        self.calls, self.bytes = map(int, output.split())


class Trial:
    """One agent under trial."""

    def __init__(self, shared, config="", patience=10, wrapper=AS_IN_THE_UNIT):
        self.agent = Agent(shared, config=config)
        self.agent.environment = {}  # the defaults
        self.wrapper = wrapper
        self.patience = patience
        self.texts = {}  # acknowledged to bystanders, by uid
        self.attackers = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.agent)
            self.agent.start(wrapper=self.wrapper)
            self.stack = stack.pop_all()
        self.pid = self.agent.pid()
        return self

    def __exit__(self, *exception):
        return self.stack.__exit__(*exception)

    def tell(self, uid, text):
        """A record of the user's before anything else, which must still be there at the end."""
        from bystanders import Stream
        stream = Stream(self.agent.socket, uid, self.patience)
        stream.record(text)
        stream.wait_for_acknowledgement()
        self.texts.setdefault(uid, []).append(text)

    def quiet(self, seconds, kinds=KINDS):
        return self._measure("quiet", seconds, kinds, contextlib.nullcontext)

    def attacked(self, attacks, seconds, uids=ONE_UID, processes=2, kinds=KINDS):
        """What the bystanders saw meanwhile. `seconds` is the attack's length; a wait goes on after
        it, as long as the bystander's patience."""
        def attack():
            self.attackers = Attackers(self.agent, attacks, uids, processes)
            return self.attackers
        return self._measure("attacked", seconds, kinds, attack)

    def _measure(self, name, seconds, kinds, beside):
        bystanders = Bystanders(self.agent, name, self.patience, kinds)
        with beside():
            bystanders.begin(seconds)
            time.sleep(seconds)
        seen = bystanders.seen()
        for one in seen.values():
            for uid, texts in one.texts.items():
                self.texts.setdefault(int(uid), []).extend(texts)
        return seen

    def is_alive(self):
        return self.agent.process.poll() is None and self.agent.pid() == self.pid

    def lost_from_log(self, deadline_s=10):
        """The bystanders' texts that no file of the log's set has, nor will have in that time."""
        end = time.monotonic() + deadline_s
        while (lost := self._not_in_log()) and time.monotonic() < end:
            time.sleep(0.2)
        return lost

    def _not_in_log(self):
        folder = self.agent.log_path.parent
        found = set()
        for path in folder.glob(self.agent.log_path.name + "*"):
            with open(path, encoding="utf-8", errors="replace") as file:
                while piece := file.read(1 << 24):
                    found.update(MARK.findall(piece + file.readline()))
        return self._without(found)

    def lost_from_views(self):
        """Those that root's `tail` of their target does not show."""
        # Exit code 1: nothing to show.
        done = self.agent.sluice("tail", "--target", "bystander", "-n", "all", "-o", "cat",
                                 "--timeout", "60s", timeout=90, check=False)
        assert done.returncode in (0, 1), done.stderr
        return self._without(set(MARK.findall(done.stdout)))

    def _without(self, found):
        lost = {uid: [text for text in texts if text not in found]
                for uid, texts in self.texts.items()}
        return {uid: texts for uid, texts in lost.items() if texts}

    def counters(self):
        """{uid or None: {counter: count}} of all that was cut, refused, held back or mended."""
        counts = {}
        for counter in self.agent.status("--timeout", "30s")["counters"]:
            name = ".".join(filter(None, (counter["name"], counter.get("reason"))))
            uid = counter["uid"] if counter["has_uid"] else None
            counts.setdefault(uid, {})[name] = int(counter["value"])
        return counts
