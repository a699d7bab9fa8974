"""A process of some user that has a span open, for tests of what others can do to it."""

import signal
import subprocess

from harness import DEADLINE_S, NOBODY, as_user

OPENS_A_SPAN = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import telemetry
span = telemetry.Span(sys.argv[2])
stream = telemetry.Stream(os.environ['SLUICE_SOCKET'])
stream.batch(span.start(secret='hidden'))
print(span.trace_id.hex(), span.span_id.hex(), flush=True)
"""
FORKS = """
child = os.fork()
if child == 0:
    signal.pause()
print(child, flush=True)
"""
WAITS = """
print('open', flush=True)
sys.stdin.readline()
stream.batch(span.event('still going'), span.end())
"""


class Victim:
    """A process of `uid` that has an open span, acknowledged."""

    def __init__(self, agent, name, code, uid=NOBODY):
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", OPENS_A_SPAN + code, str(agent.shared.support), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            cwd="/tmp",
            env={"PATH": "/usr/bin:/bin", **agent.shared.environment(agent)}, **as_user(uid))
        self.lines = []
        while "open" not in self.lines:
            line = self.process.stdout.readline().strip()
            assert line, self.process.stderr.read()
            self.lines.append(line)
        self.trace_id, self.span_id = self.lines[0].split()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.process.kill()
        self.process.wait(DEADLINE_S)

    def kill(self, number=signal.SIGKILL):
        self.process.send_signal(number)
        self.process.wait(DEADLINE_S)

    def end_span(self):
        """Has it end its span and then itself."""
        _output, errors = self.process.communicate("\n", timeout=DEADLINE_S)
        assert self.process.returncode == 0, errors
