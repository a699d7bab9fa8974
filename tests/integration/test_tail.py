"""`sluice tail`: the journal as log lines, from a cursor, of whom one may see, and on as it grows."""

import contextlib
import fcntl
import json
import os
import pathlib
import queue
import re
import signal
import subprocess
import sys
import termios
import threading
import time

import pytest
from harness import DEADLINE_S, NOBODY, PATIENT, ROOT, SOMEBODY, Agent, as_user, wait_until

CURSOR = re.compile(r"^-- cursor: (\S+)$", re.M)
SMALL_JOURNAL = '[journal]\nmax = "4 MiB"\nkeep = "0 B"\nsegment = "1 MiB"\n'
UNITS = pathlib.Path("/sys/fs/cgroup/systemd")


def emit(agent, *texts, **options):
    import telemetry
    telemetry.emit(agent.socket, *(telemetry.event(text, **options) for text in texts))


def tail(agent, *arguments, uid=ROOT, check=True):
    return agent.sluice("tail", *PATIENT, *arguments, uid=uid, check=check)


def messages(agent, *arguments, uid=ROOT):
    return tail(agent, "-o", "cat", *arguments, uid=uid, check=False).stdout.splitlines()


def cursor_of(agent):
    [cursor] = CURSOR.findall(tail(agent, "--show-cursor", check=False).stdout)
    return cursor


class Follower:
    """`sluice tail -f` under way, and the lines it prints."""

    def __init__(self, agent, *arguments, uid=ROOT, read=True):
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8",
                       "SLUICE_SOCKET": str(agent.socket)}
        if uid == ROOT:
            environment["SLUICE_ADMIN_SOCKET"] = str(agent.admin_socket)
        self.process = subprocess.Popen(
            [str(agent.shared.sluice), "tail", "-f", *arguments], env=environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            **as_user(uid))
        self.lines = queue.Queue()
        self.notes = queue.Queue()
        self.read(self.process.stderr, self.notes)
        if read:
            self.read(self.process.stdout, self.lines)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.process.kill()
        self.process.wait(DEADLINE_S)

    @staticmethod
    def read(stream, lines):
        def take():
            for line in stream:
                lines.put(line.rstrip("\n"))
            lines.put(None)
        threading.Thread(target=take, daemon=True).start()

    def next(self):
        return self.lines.get(timeout=DEADLINE_S)

    def note(self):
        return self.notes.get(timeout=DEADLINE_S)

    def rest(self):
        return list(iter(self.next, None))

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_S)


def test_lines_are_those_of_the_log_file(agent):
    import telemetry
    outer = telemetry.Span("outer")
    inner = telemetry.Span("inner", parent=outer)
    telemetry.emit(agent.socket, outer.start(user='az"ure\nroot', n=7), inner.start(),
                   inner.event("one\x1b[31m", answer=42), inner.end(), outer.whole(), outer.end())
    telemetry.emit(agent.socket, telemetry.Span("whole").whole(k="v"), telemetry.event("outside"))
    agent.flush()
    assert tail(agent, "-n", "all", "-o", "full").stdout == agent.log()
    assert "\x1b" not in agent.log()


def test_a_line_names_its_sender_and_not_what_is_on_command_lines_around(agent):
    agent.sluice("run", "--name", "outer", "--", "sh", "-c",
                 f"{agent.shared.sluice} event --target app hello; true")
    agent.flush()
    line, = tail(agent, "-t", "app").stdout.splitlines()
    assert re.search(r"Z  INFO \[uid 0 pid \d+( \S+)*\] outer: app: hello$", line), line
    assert "command_args" in tail(agent, "-t", "app", "-o", "full").stdout


def test_restricts_by_time_and_boot_and_shows_the_newest_first(agent):
    import telemetry
    for at in (100, 200, 300):
        event = telemetry.event(f"at {at}")
        event.event.time_unix_nano = at * 1_000_000_000
        telemetry.emit(agent.socket, event)
    agent.flush()
    every = ["at 100", "at 200", "at 300"]
    for flags, expected in (
            ((), every), (("-r",), every[::-1]), (("-S", "@150"), every[1:]),
            (("-U", "@250"), every[:2]), (("-S", "1970-01-01 00:02:30", "-U", "@200"), ["at 200"]),
            (("-b",), every), (("-b", "another"), []), (("--uid", "root"), every)):
        assert messages(agent, "-n", "all", *flags) == expected, flags
    assert tail(agent, "-f", "-r", check=False).returncode == 2


def test_json_lines_are_those_of_the_json_log(shared):
    with Agent(shared, config='[log]\nformat = "json"\n') as agent:
        agent.start()
        emit(agent, "a\nb", "c", note="\x07")
        agent.flush()
        assert tail(agent, "-o", "json").stdout == tail(agent, "--json").stdout == agent.log()
        assert [json.loads(line)["message"] for line in agent.log().splitlines()] == ["a\nb", "c"]


def test_ten_lines_unless_another_number_is_named(agent):
    texts = [f"event {number}" for number in range(30)]
    emit(agent, *texts)
    assert messages(agent) == texts[-10:]
    assert messages(agent, "-n", "3") == texts[-3:]
    assert messages(agent, "--lines", "all") == texts
    assert messages(agent, "-n", "31") == texts


def test_the_newest_lines_are_found_far_back_as_well(agent):
    emit(agent, "rare", level=2)
    import telemetry
    with telemetry.Stream(agent.socket) as stream:
        for number in range(1100):
            stream.batch(telemetry.event(f"common {number}"), wait=False)
        stream.wait_ack(1100)
    assert messages(agent, "-n", "1") == ["common 1099"]
    assert messages(agent, "-n", "1", "-p", "warn") == ["rare"]
    assert len(messages(agent, "-n", "1101")) == 1101


def bytes_read(agent):
    """By its agent, of files alone."""
    [count] = re.findall(r"rchar: (\d+)", pathlib.Path(f"/proc/{agent.process.pid}/io").read_text())
    return int(count)


@pytest.mark.parametrize("verb", [["tail", "-n", "20"], ["traces", "-n", "20"], ["tree", "--last"]],
                         ids=lambda verb: verb[0])
def test_a_few_newest_cost_a_segment_and_not_the_journal(shared, verb):
    import telemetry
    segment = 1 << 20
    with Agent(shared, config='[journal]\nsegment = "1 MiB"\n') as agent:
        agent.start()
        for _ in range(24):
            telemetry.emit(agent.socket, *(telemetry.Span("step").whole(text="x" * 3000)
                                           for _ in range(120)))
        agent.flush()
        before = bytes_read(agent)
        agent.sluice(*verb)
        # Each is gone through twice, in windows that overlap; the journal has nine.
        assert bytes_read(agent) - before < 6 * segment


@pytest.mark.parametrize("arguments", [[], ["-n", "2"], ["-r"]], ids=str)
def test_a_pattern_finds_lines_that_newer_ones_would_hide(agent, arguments):
    emit(agent, *(f"needle {number}" for number in range(3)))
    emit(agent, *(f"hay {number}" for number in range(30)))
    found = messages(agent, "-g", "needle", *arguments)
    expected = [f"needle {number}" for number in range(3)]
    if arguments == ["-n", "2"]:
        expected = expected[1:]
    assert found == (expected[::-1] if arguments == ["-r"] else expected)


def test_follow_with_a_pattern_begins_with_the_newest_that_match(agent):
    emit(agent, "needle old")
    emit(agent, *(f"hay {number}" for number in range(30)))
    with Follower(agent, "-o", "cat", "-g", "needle") as follower:
        assert follower.next() == "needle old"
        emit(agent, "hay", "needle new")
        assert follower.next() == "needle new"
        assert follower.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_ends_when_told_to_though_nobody_reads_what_it_prints(agent, number):
    emit(agent, *("x" * 2000 for _ in range(100)))
    with Follower(agent, "-n", "all", read=False) as follower:
        waiting = bytearray(4)

        def bytes_waiting():
            fcntl.ioctl(follower.process.stdout, termios.FIONREAD, waiting)
            return int.from_bytes(waiting, sys.byteorder)

        wait_until(lambda: bytes_waiting() > 60_000, "its pipe is full")
        assert follower.stop(number) == 0


def test_level_target_and_message_select(agent):
    emit(agent, "an error", level=1, target="app::db")
    emit(agent, "a warning", level=2, target="app")
    emit(agent, "Some news", level=3, target="other")
    assert messages(agent, "-p", "error") == ["an error"]
    assert messages(agent, "-p", "WARN") == ["an error", "a warning"]
    assert messages(agent, "-t", "app") == ["an error", "a warning"]
    assert messages(agent, "-t", "app::") == ["an error"]
    assert messages(agent, "-g", "^an? [ew]") == ["an error", "a warning"]
    assert messages(agent, "-g", "some NEWS") == []
    assert messages(agent, "-g", "some news") == ["Some news"]
    assert messages(agent, "-p", "warn", "-t", "app", "-g", "warning") == ["a warning"]


def test_nothing_to_show_is_a_negative_answer(agent):
    assert tail(agent, check=False).returncode == 1
    emit(agent, "one")
    done = tail(agent, "-g", "two", check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "nothing to show" in done.stderr


@pytest.mark.parametrize("arguments, complaint", [
    (["-g", "a("], "invalid pattern 'a('"),
    (["-p", "loud"], "unknown level 'loud'"),
    (["-n", "-3"], "number of lines"),
    (["-n", "ten"], "invalid number of lines 'ten'"),
    (["-o", "xml"], "xml"),
    (["--uid", "no-such-user"], "no-such-user"),
])
def test_bad_usage_is_named(agent, arguments, complaint):
    done = tail(agent, *arguments, check=False)
    assert done.returncode == 2 and complaint in done.stderr, done.stderr


def test_a_foreign_cursor_is_refused(agent):
    done = tail(agent, "--after-cursor", "s=1;i=2", check=False)
    assert done.returncode == 5 and "cursor" in done.stderr


def test_everybody_sees_his_own_lines_alone_and_root_all(agent):
    agent.sluice("run", "--name", "roots", "--attr", "secret=1", "--",
                 agent.shared.sluice, "event", *PATIENT, "--require", "of root")
    agent.sluice("event", "--require", "of nobody", uid=NOBODY)
    agent.sluice("event", "--require", "of somebody", uid=SOMEBODY)
    assert messages(agent, "-t", "", "-g", "^of ") == ["of root", "of nobody", "of somebody"]
    assert messages(agent, uid=NOBODY) == ["of nobody"]
    assert messages(agent, "--uid", str(SOMEBODY), uid=SOMEBODY) == ["of somebody"]
    assert messages(agent, "--uid", str(NOBODY)) == ["of nobody"]
    done = tail(agent, "--uid", "0", uid=NOBODY, check=False)
    assert done.returncode == 5 and "root alone" in done.stderr


def test_a_span_of_root_around_it_stays_roots(agent):
    import telemetry
    outer = telemetry.Span("outer")
    telemetry.emit(agent.socket, outer.start(secret="hidden"))
    traceparent = f"00-{outer.trace_id.hex()}-{outer.span_id.hex()}-01"
    agent.sluice("event", "--require", "inside", uid=NOBODY,
                 env={"TRACEPARENT": traceparent})
    assert 'outer{secret="hidden"}: ' in tail(agent, "-o", "full", "-g", "inside").stdout
    own = tail(agent, uid=NOBODY).stdout
    assert "inside" in own and "outer" not in own and "hidden" not in own
    # From a place whose open spans come out of a checkpoint.
    agent.restart()
    cursor = cursor_of(agent)
    agent.sluice("event", "--require", "later", uid=NOBODY,
                 env={"TRACEPARENT": traceparent})
    assert 'outer{secret="hidden"}: ' in tail(agent, "-o", "full", "--after-cursor", cursor).stdout
    own = tail(agent, "--after-cursor", cursor, uid=NOBODY).stdout
    assert "later" in own and "outer" not in own and "hidden" not in own


def test_a_unit_selects(agent):
    group = UNITS / f"sluice-test-{os.getpid()}.service"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"cannot make a control group here: {error}")
    try:
        emit(agent, "outside")
        subprocess.run(["sh", "-c", f"echo $$ > {group}/cgroup.procs; "
                        f"exec {agent.shared.sluice} event --timeout 10s --require inside"],
                       env={"SLUICE_SOCKET": str(agent.socket)}, check=True)
        assert messages(agent, "-u", group.name) == ["inside"]
        assert messages(agent, "-u", group.stem) == ["inside"]
        assert messages(agent, "-u", "other.service") == []
    finally:
        wait_until(lambda: not (group / "cgroup.procs").read_text(), "the group is empty")
        group.rmdir()


def test_a_cursor_goes_on_without_gap_or_double(agent):
    shown, cursor = [], cursor_of(agent)
    for step in range(5):
        emit(agent, *(f"{step}.{number}" for number in range(step + 1)))
        done = tail(agent, "-o", "cat", "--after-cursor", cursor, "--show-cursor")
        [cursor] = CURSOR.findall(done.stdout)
        shown += done.stdout.splitlines()[:-1]
    assert shown == [f"{step}.{number}" for step in range(5) for number in range(step + 1)]
    done = tail(agent, "--after-cursor", cursor, "--show-cursor", check=False)
    assert (done.returncode, done.stdout) == (1, f"-- cursor: {cursor}\n")
    assert messages(agent, "--after-cursor", cursor_of(agent)) == []
    as_json = tail(agent, "-n", "1", "--json", "--show-cursor").stdout.splitlines()
    assert json.loads(as_json[-1]) == {"cursor": cursor}


def test_a_cursor_within_a_batch(agent):
    import telemetry
    from sluice.v1 import query_pb2, query_pb2_grpc
    texts = [f"{number} " + 40_000 * "x" for number in range(20)]
    emit(agent, *texts)
    with telemetry.channel(agent.admin_socket) as channel:
        stub = query_pb2_grpc.ControlStub(channel)
        answers = list(stub.Lines(query_pb2.LinesRequest(), timeout=20))
    assert len(answers) > 2, "all lines came in one message"
    at = 0
    for answer in answers:
        at += len(answer.lines)
        assert messages(agent, "--after-cursor", answer.cursor) == texts[at:]
    assert at == len(texts)


def test_the_newest_after_a_cursor(agent):
    emit(agent, "before")
    cursor = cursor_of(agent)
    emit(agent, "a", "b", "c")
    assert messages(agent, "-n", "2", "--after-cursor", cursor) == ["b", "c"]
    assert messages(agent, "-n", "9", "--after-cursor", cursor) == ["a", "b", "c"]


def test_a_cursor_outlives_the_agent_and_not_the_journal(agent):
    emit(agent, "before")
    cursor = cursor_of(agent)
    agent.kill()
    agent.start()
    emit(agent, "after")
    assert messages(agent, "--after-cursor", cursor) == ["after"]
    agent.stop()
    subprocess.run(["rm", "-r", agent.journal], check=True)
    agent.journal.mkdir(mode=0o700)
    agent.start()
    emit(agent, "anew")
    done = tail(agent, "-o", "cat", "--after-cursor", cursor)
    assert done.stdout == "anew\n" and "another journal" in done.stderr


def test_a_cursor_that_retention_passed_says_how_much_is_missing(shared):
    with Agent(shared, config=SMALL_JOURNAL) as agent:
        agent.start()
        emit(agent, "first")
        cursor = cursor_of(agent)
        fill(agent, 300)
        done = tail(agent, "-o", "cat", "--after-cursor", cursor)
        [missed] = re.findall(r"(\d+) journal entries went", done.stderr)
        assert int(missed) + done.stdout.count("filler") == 300
        assert int(missed) > 0


def fill(agent, entries, size=50_000):
    """So many journal entries of about that size."""
    import telemetry
    with telemetry.Stream(agent.socket) as stream:
        for at in range(entries):
            # So many under way at once that one sync does for all.
            stream.batch(telemetry.event("filler " + size * "x"), wait=at % 50 == 49 or at + 1 == entries)


def test_follow_shows_what_comes(agent):
    emit(agent, "before")
    with Follower(agent, "-o", "cat") as follower:
        assert follower.next() == "before"
        for number in range(20):
            emit(agent, f"event {number}")
            assert follower.next() == f"event {number}"
        assert follower.stop() == 0
        assert follower.rest() == []


def test_follow_selects_too(agent):
    with Follower(agent, "-n", "0", "-o", "cat", "-p", "warn", "-g", "disk") as follower:
        emit(agent, "before that it is not known to listen", level=2)
        emit_until_seen(agent, follower, "disk 0")
        emit(agent, "disk 1", level=3)
        emit(agent, "net 2", level=2)
        emit(agent, "disk 3", level=2)
        # One that was emitted until it was seen may come late.
        assert next(line for line in iter(follower.next, None) if line != "disk 0") == "disk 3"


def emit_until_seen(agent, follower, text):
    """A follower with -n 0 says nothing that shows that it is there."""
    def seen():
        emit(agent, text, level=2)
        with contextlib.suppress(queue.Empty):
            return follower.lines.get(timeout=0.2) == text
    wait_until(seen, "the follower shows an event")


def test_follow_of_two_users_at_once(agent):
    with Follower(agent, "-o", "cat", uid=NOBODY) as nobody, Follower(agent, "-o", "cat") as root:
        agent.sluice("event", "--require", "of root")
        agent.sluice("event", "--require", "of nobody", uid=NOBODY)
        assert [root.next(), root.next()] == ["of root", "of nobody"]
        assert nobody.next() == "of nobody"


def test_follow_survives_a_killed_agent_without_gap_or_double(agent):
    with Follower(agent, "-o", "cat", "--show-cursor") as follower:
        emit(agent, "one")
        assert follower.next() == "one"
        agent.kill()
        assert "is gone; waiting" in follower.note()
        agent.start()
        emit(agent, "two")
        assert follower.next() == "two"
        agent.restart()
        emit(agent, "three")
        assert follower.next() == "three"
        assert follower.stop() == 0
        [last] = follower.rest()
    assert messages(agent, "--after-cursor", CURSOR.findall(last)[0]) == []


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_follow_ends_when_the_agent_does_not_come_back(agent, how):
    with Follower(agent, "--timeout", "1s") as follower:
        emit(agent, "one")
        follower.next()
        getattr(agent, how)()
        assert follower.process.wait(DEADLINE_S) == 4
        notes = list(iter(follower.note, None))
    assert "is gone; waiting" in notes[0] and "no agent" in notes[-1], notes


def seconds_to_stop(agent):
    with Follower(agent, "-o", "cat") as follower:
        emit(agent, "one")
        assert follower.next() == "one"
        begin = time.monotonic()
        assert agent.stop() == 0
        return time.monotonic() - begin


def test_a_follower_does_not_delay_the_agents_end(agent):
    for _ in range(10):  # a busy machine may be slow, but not each time
        # The agent waits 1 s for connections that do not end by themselves.
        if seconds_to_stop(agent) < 1:
            return
        agent.start()
    pytest.fail("it waited each time")


def test_a_follower_whose_reader_is_gone_ends(agent):
    with Follower(agent, "-o", "cat", read=False) as follower:
        emit(agent, "one")
        assert follower.process.stdout.readline() == "one\n"
        follower.process.stdout.close()
        assert follower.process.wait(DEADLINE_S) == 0


def test_followers_of_a_uid_are_limited_and_cost_others_nothing(agent):
    emit(agent, "of root")
    agent.sluice("event", "--require", "one", uid=NOBODY)
    with contextlib.ExitStack() as stack:
        for _ in range(4):
            assert stack.enter_context(Follower(agent, "-o", "cat", uid=NOBODY)).next() == "one"
        done = tail(agent, uid=NOBODY, check=False)
        assert done.returncode == 5 and "too many queries" in done.stderr
        assert "of root" in messages(agent)
    wait_until(lambda: tail(agent, uid=NOBODY, check=False).returncode == 0, "room again")


def sleeps(pid, thread):
    """How often the thread of that name went to sleep."""
    [task] = [task for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
              if (task / "comm").read_text() == thread + "\n"]
    status = (task / "status").read_text()
    return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", status, re.M)[1])


def test_a_follower_costs_nothing_while_nothing_comes(agent):
    with Follower(agent, "-o", "cat") as follower:
        emit(agent, "one")
        assert follower.next() == "one"
        agent.flush()
        wait_until(lambda: sleeps(agent.pid(), "answer") > 0, "the follower's thread sleeps")
        before, sinks = sleeps(agent.pid(), "answer"), sleeps(agent.pid(), "sink-file")
        # A sink's thread looks around once a second.
        wait_until(lambda: sleeps(agent.pid(), "sink-file") >= sinks + 3, "three seconds passed")
        # On its way to sleep it may have been held up by a lock once.
        assert sleeps(agent.pid(), "answer") <= before + 1


def rss(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def test_a_slow_follower_holds_no_memory_and_hears_what_it_missed(shared):
    with Agent(shared, config=SMALL_JOURNAL) as agent:
        agent.start()
        emit(agent, "first")
        with Follower(agent, "-n", "all", "-o", "cat", read=False) as follower:
            fill(agent, 30)
            before = rss(agent.pid())
            fill(agent, 1000)
            emit(agent, "last")
            # 50 MB went by; 4 MiB are in the journal.
            assert rss(agent.pid()) - before < 16 << 20
            Follower.read(follower.process.stdout, follower.lines)
            shown = 0
            while (line := follower.next()) != "last":
                shown += line.startswith("filler")
            assert follower.stop() == 0
            notes = "\n".join(iter(follower.note, None))
            missed = [int(count) for count in re.findall(r"(\d+) journal entries went", notes)]
            assert shown + sum(missed) == 1030 and missed, notes
