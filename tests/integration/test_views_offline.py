"""Looking at a journal whose agent does not run: on a mounted disk, of another machine, cut short."""

import hashlib
import json
import os
import shutil
import socket
import subprocess

import pytest
from harness import DEADLINE_S, NOBODY, Agent, run, wait_until

VM_ID = "11111111-2222-3333-4444-555555555555"


@pytest.fixture(scope="module", name="root")
def mounted_root(shared, tmp_path_factory):
    """The root of a system that went down in the middle of a boot, and what the tool said there."""
    root = tmp_path_factory.mktemp("root")
    online = {}
    with Agent(shared) as agent:
        agent.start()
        agent.sluice("run", "--name", "fine", "--", "true", uid=NOBODY)
        agent.sluice("run", "--name", "provision", "--", "sh", "-c",
                     f"{shared.sluice} event 'growing the file system'; "
                     f"{shared.sluice} run --name resize_root -- sh -c 'kill -9 $PPID'; true")
        wait_until(lambda: not agent.status("--open")["open_spans"], "every span has ended")
        waiting = subprocess.Popen([shared.sluice, "run", "--name", "fetch_metadata", "--", "cat"],
                                   env={"SLUICE_SOCKET": str(agent.socket), "PATH": "/usr/bin:/bin"},
                                   stdin=subprocess.PIPE)
        wait_until(lambda: agent.status("--open")["open_spans"], "the span is open")
        agent.sluice("report", "failure", "--reason", "no disk", "--vm-id", VM_ID)
        agent.flush()
        for verb in (("traces",), ("tree", "--last-failed"), ("blame", "--last-failed"),
                     ("critical", "--last-failed"), ("tail", "-n", "all")):
            online[verb] = agent.sluice(*verb, "--json").stdout
        agent.kill()
        waiting.kill()
        waiting.wait()
        shutil.copytree(agent.journal, root / "var/lib/sluice/journal")
        shutil.copytree(agent.pool_folder, root / "var/lib/hyperv")
    for folder, _, names in os.walk(root):
        os.chmod(folder, 0o755)
        for name in names:
            os.chmod(os.path.join(folder, name), 0o644)
    for parent in list(root.parents)[:-2]:
        parent.chmod(0o755)
    yield root, online


def look(shared, *arguments, check=True, **options):
    return run([shared.sluice, *arguments], check=check, **options)


def digest(folder):
    """Names, times and contents of all files."""
    seen = hashlib.sha256()
    for where, folders, names in sorted(os.walk(folder)):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(where, name)
            seen.update(f"{path} {os.stat(path).st_mtime_ns}".encode())
            with open(path, "rb") as file:
                seen.update(file.read())
    return seen.hexdigest()


def test_every_view_says_what_it_said_while_the_agent_ran(shared, root):
    root, online = root
    before = digest(root)
    for verb, text in online.items():
        for flags in (("--root", root), ("--journal", root / "var/lib/sluice/journal")):
            assert look(shared, *verb, "--json", *flags).stdout == text, verb
    assert digest(root) == before
    assert sorted(os.listdir(root / "var/lib/sluice")) == ["journal"]


def test_why_names_what_failed_what_was_waited_for_and_what_the_host_was_told(shared, root):
    root, _ = root
    failed = look(shared, "why", "--last-failed", "--root", root).stdout
    assert "resize_root: aborted: signal 9 (SIGKILL)" in failed
    assert "growing the file system" in failed
    text = look(shared, "why", "--root", root).stdout
    assert "fetch_metadata since " in text
    assert "the host was told: result=error|reason=no disk|" in text


def test_what_had_not_ended_lasts_until_the_journal_ends(shared, root):
    root, _ = root
    status = json.loads(look(shared, "status", "--json", "--open", "--root", root).stdout)
    end = int(status["as_of_unix_nano"])
    [span] = status["open_spans"]
    rows = json.loads(look(shared, "blame", "--last", "--json", "--root", root).stdout)
    [row] = [row for row in rows if row["name"] == "fetch_metadata"]
    assert row["total_ns"] == end - int(span["start_time_unix_nano"])
    assert look(shared, "status", "--root", root).stdout.startswith("Journal without its agent\n")


def test_users_are_named_as_where_the_journal_comes_from(shared, root):
    root, _ = root
    passwd = root / "etc/passwd"
    passwd.parent.mkdir()
    passwd.write_text(f"bilbo:x:{NOBODY}:0::/:/bin/sh\n")
    try:
        assert " bilbo " in look(shared, "traces", "--uid", "bilbo", "--root", root).stdout
        unknown = look(shared, "traces", "--uid", "nobody", "--root", root, check=False)
        assert unknown.returncode == 2 and "unknown user 'nobody'" in unknown.stderr
    finally:
        shutil.rmtree(passwd.parent)
    # Whose journal that is nobody knows.
    journal = root / "var/lib/sluice/journal"
    assert f" {NOBODY} " in look(shared, "traces", "--uid", str(NOBODY), "--journal", journal).stdout


def test_an_ordinary_user_looks_and_nothing_is_opened_for_writing(shared, root):
    root, _ = root
    text = run(["strace", "-f", "-e", "trace=file,flock,fcntl", shared.sluice, "why", "--root", root],
               uid=NOBODY).stderr
    opened = [line for line in text.splitlines() if "open" in line and "O_" in line]
    assert any("/var/lib/sluice/journal/" in line for line in opened)
    assert not [line for line in opened if "O_WRONLY" in line or "O_RDWR" in line]
    changes = ("unlink", "rename", "mkdir", "truncate", "LOCK_EX", "F_WRLCK", "O_CREAT")
    assert not [line for line in text.splitlines() if any(word in line for word in changes)]


def test_a_torn_tail_is_left_out_and_left_alone(shared, root, tmp_path):
    root, _ = root
    journal = shutil.copytree(root / "var/lib/sluice/journal", tmp_path / "journal")
    whole = look(shared, "tail", "-n", "all", "-o", "cat", "--journal", journal).stdout.splitlines()
    newest = max(journal.glob("*.seg"))
    size = newest.stat().st_size
    os.truncate(newest, size // 2)
    cut = look(shared, "tail", "-n", "all", "-o", "cat", "--journal", journal).stdout.splitlines()
    assert 0 < len(cut) < len(whole)
    assert cut == whole[:len(cut)]
    assert newest.stat().st_size == size // 2


def test_no_journal_is_said_to_be_none(shared, root, tmp_path):
    root, _ = root
    journal = tmp_path / "journal"
    journal.mkdir()
    done = look(shared, "traces", "--journal", journal, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr == f"sluice: read the journal: no journal in {journal}\n"
    done = look(shared, "traces", "--journal", tmp_path / "none", check=False)
    assert done.returncode == 3
    assert "No such file or directory" in done.stderr


def test_emitting_following_and_two_journals_are_refused(shared, root):
    root, _ = root
    for arguments in (("--root", root, "event", "x"), ("tail", "-f", "--root", root),
                      ("traces", "--root", root, "--journal", root)):
        assert look(shared, *arguments, check=False).returncode == 2


def test_the_agent_behind_it_ends_when_its_socket_is_closed(shared, root):
    root, _ = root
    ours, its = socket.socketpair()
    with subprocess.Popen([shared.sluiced, "--offline", root / "var/lib/sluice/journal"],
                          stdin=its) as agent:
        its.close()
        ours.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        assert ours.recv(9), "it answers with its own settings"
        ours.close()
        assert agent.wait(DEADLINE_S) == 0


def test_the_agent_behind_it_serves_nobody_else(shared, root):
    root, _ = root
    done = run([shared.sluiced, "--offline", root], stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 3
    assert "is for the tool" in done.stderr


def test_filters_are_checked_where_no_agent_runs(shared):
    done = look(shared, "filter", "check", "info,svc=debug")
    assert done.stdout.startswith("ok ")
    done = look(shared, "filter", "explain", "info,svc=debug", "--target", "svc", "--level", "debug")
    assert done.stdout.startswith("enabled by ")
    named = look(shared, "filter", "check", "info", check=False, env={"SLUICE_SOCKET": "/tmp/none"})
    assert named.returncode == 4
