"""Questions are worked on off the serving thread and admitted by what they cost: however much one
user asks about however much it holds, root is served, and what is refused is counted."""

import subprocess

from harness import NOBODY, SOMEBODY, as_user, run, wait_until

# Opens 9,500 spans; then asks for the list of them by 960 calls and reads no answer; then goes on
# by eight connections at once, each with sixteen questions, for as long as it is let.
ASK = """
import os, socket, sys
sys.path.insert(0, sys.argv[1])
import telemetry
from http2_frames import DATA, HEADERS, PREFACE, SETTINGS, frame, request_headers

PATH = os.environ["SLUICE_SOCKET"]
STATUS_OF_OPEN_SPANS = b"\\0\\0\\0\\0\\2\\x08\\1"

QUESTIONS = PREFACE + frame(SETTINGS) + b"".join(
    frame(HEADERS, 4, stream, request_headers(b"/sluice.v1.Query/Status")) +
    frame(DATA, 1, stream, STATUS_OF_OPEN_SPANS)
    for stream in range(1, 33, 2))

def ask():
    peer = socket.socket(socket.AF_UNIX)
    peer.settimeout(20)
    peer.connect(PATH)
    peer.sendall(QUESTIONS)
    return peer

starts = [telemetry.Span(f"span-{at}").start() for at in range(9500)]
for first in range(0, 9500, 500):
    answer = telemetry.emit(PATH, *starts[first:first + 500], timeout=20)
    assert not answer.drops, answer.drops
unread = [ask() for _ in range(60)]
print("asked", flush=True)
for peer in unread[8:]:
    peer.close()
while True:
    for peer in unread[:8]:
        peer.close()
    try:
        unread[:8] = [ask() for _ in range(8)]
    except OSError:
        pass
"""
# A question costs little, and a hand asks no faster.
BY_HAND = 40


def refused(agent):
    return {(counter["reason"], counter.get("uid")): counter["value"]
            for counter in agent.status()["counters"] if counter["name"] == "query.refused"}


def test_root_is_served_while_a_user_asks_about_all_it_holds(agent):
    asking = subprocess.Popen(
        ["/usr/bin/python3", "-c", ASK, agent.shared.support], stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, cwd="/tmp", **as_user(NOBODY),
        env={"PATH": "/usr/bin:/bin", **agent.shared.environment(agent)})
    try:
        assert asking.stdout.readline() == "asked\n", asking.stderr.read()
        for number in range(10):
            agent.sluice("event", "--require", "--timeout", "5s", f"root-{number}.")
        agent.sluice("status", "--timeout", "5s")
        assert asking.poll() is None, asking.stderr.read()
        assert wait_until(lambda: refused(agent), "more is asked than is answered")
        assert {uid for _reason, uid in refused(agent)} == {NOBODY}
    finally:
        asking.kill()
        asking.communicate()
    agent.flush()
    log = agent.log()
    assert [n for n in range(10) if f"root-{n}." not in log] == []


def test_one_that_asks_by_hand_is_not_refused(agent):
    ask = [agent.shared.sluice, "status", "--open"]
    for _ in range(BY_HAND):
        run(ask, uid=SOMEBODY, env={"SLUICE_SOCKET": str(agent.socket)})
    assert refused(agent) == {}
