"""Traces taken elsewhere: exported, drawn, collected into one file."""

import json
import re
import tarfile

import pytest
from harness import NOBODY, Agent, run, wait_until

SECRET = "hunter2"


@pytest.fixture(scope="module", name="agent")
def agent_with_a_failed_trace(shared):
    config = ('[otlp]\nendpoint = "http://127.0.0.1:9"\n'
              'proxy = "http://me:hunter2@127.0.0.1:8"\n'
              'headers = ["authorization=hunter2"]\n')
    with Agent(shared, config=config) as agent:
        agent.start()
        agent.sluice("run", "--name", "provision", "--attr", "token=hunter2", "--", "sh", "-c",
                     f"{shared.sluice} event 'growing the file system'; "
                     f"{shared.sluice} run --name resize_root -- sh -c 'kill -9 $PPID'; true")
        wait_until(lambda: not agent.status("--open")["open_spans"], "every span has ended")
        yield agent


def test_exports_what_tree_shows(agent):
    spans = {span["span_id"]: span
             for span in json.loads(agent.sluice("tree", "--last", "--json").stdout)["spans"]}
    document = json.loads(agent.sluice("export", "--last").stdout)
    exported = [span for resource in document["resourceSpans"]
                for scope in resource["scopeSpans"] for span in scope["spans"]]
    assert {span["spanId"] for span in exported} == set(spans)
    for span in exported:
        assert span["startTimeUnixNano"] == spans[span["spanId"]]["start_time_unix_nano"]
        assert span["name"] == spans[span["spanId"]]["name"]
    lines = agent.sluice("export", "--last", "--format", "jsonl").stdout.splitlines()
    assert [list(json.loads(line)) for line in lines] == [["resourceSpans"], ["resourceLogs"]]
    perfetto = json.loads(agent.sluice("export", "--last", "--format", "perfetto").stdout)
    assert {event["name"] for event in perfetto["traceEvents"] if event["ph"] == "X"} \
        == {"provision", "resize_root"}


def test_writes_a_file_whole_and_for_its_owner_alone(agent, tmp_path):
    path = tmp_path / "trace.html"
    path.write_text("what was there")
    done = agent.sluice("plot", "--last", "-o", path)
    assert done.stdout == ""
    assert path.read_text().startswith("<!DOCTYPE html>")
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["trace.html"]
    failed = agent.sluice("plot", "--last", "-o", tmp_path / "none/x", check=False)
    assert failed.returncode == 3


def test_the_page_says_what_failed_and_needs_nothing_else(agent):
    page = agent.sluice("plot", "--last").stdout
    assert "resize_root: aborted: signal 9 (SIGKILL)" in page
    assert "growing the file system" in page
    assert not re.search(r"https?://|url\(|<link", page)


def unpack(path):
    with tarfile.open(path) as archive:
        return {member.name: archive.extractfile(member).read() for member in archive}


def test_collects_what_the_views_need_on_another_machine(agent, tmp_path):
    path = tmp_path / "ticket.tar.gz"
    done = agent.sluice("collect", "-o", path)
    assert done.stdout == f"{path}\n"
    files = unpack(path)
    assert {"sluice/README", "sluice/status.json", "sluice/configuration", "sluice/versions",
            "sluice/os-release", "sluice/log/sluice.log"} <= set(files)
    assert files["sluice/log/sluice.log"] == agent.log_path.read_bytes()
    here = agent.sluice("why", "--last-failed").stdout
    path.chmod(0o644)
    for parent in list(tmp_path.parents)[:-2] + [tmp_path]:
        parent.chmod(0o755)
    there = run([agent.shared.sluice, "why", "--last-failed", "--journal", path], uid=NOBODY).stdout
    assert there == re.sub(r"\ndropped since .*", "", here, flags=re.S)


def test_blanks_secrets_of_the_configuration(agent, tmp_path):
    path = tmp_path / "ticket.tar.gz"
    agent.sluice("collect", "-o", path)
    files = unpack(path)
    for name in ("status.json", "configuration", "README", "versions"):
        assert SECRET.encode() not in files[f"sluice/{name}"], name
    assert b"http://***@127.0.0.1:8" in files["sluice/configuration"]


def test_redacted_it_holds_no_text_that_anybody_chose(agent, tmp_path):
    path = tmp_path / "ticket.tar.gz"
    done = agent.sluice("collect", "--redact", "-o", path)
    assert "left out: journal, pool and log: --redact" in done.stderr
    files = unpack(path)
    assert not [name for name in files if "journal" in name or "log" in name]
    traces = files["sluice/traces.jsonl"]
    assert b"resize_root" in traces
    for text in (SECRET, "growing"):
        assert text.encode() not in traces


def test_says_what_it_has_to_leave_out(agent, tmp_path):
    path = tmp_path / "ticket.tar.gz"
    tmp_path.chmod(0o777)
    done = agent.sluice("collect", "-o", path, uid=NOBODY)
    assert "left out: the journal in " in done.stderr
    assert "Permission denied" in done.stderr
    assert b"Left out:\n  the journal in " in unpack(path)["sluice/README"]


def test_collects_of_a_mounted_system(agent, tmp_path, shared):
    root = tmp_path / "root"
    journal = root / "var/lib/sluice/journal"
    journal.mkdir(parents=True)
    for segment in agent.journal.glob("*.seg"):
        (journal / segment.name).write_bytes(segment.read_bytes())
    path = tmp_path / "ticket.tar.gz"
    done = run([shared.sluice, "collect", "--root", root, "-o", path])
    assert f"left out: {root}/var/lib/hyperv/.kvp_pool_1: No such file or directory" in done.stderr
    text = run([shared.sluice, "tree", "--last", "--root", path]).stdout
    assert text == run([shared.sluice, "tree", "--last", "--root", root]).stdout


def test_what_is_no_such_file_is_said_to_be_none(shared, tmp_path):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(b"\x1f\x8b something else")
    done = run([shared.sluice, "traces", "--journal", path], check=False)
    assert done.returncode == 3
    assert done.stderr == (f"sluice: read the journal: {path} is neither a directory nor a whole "
                           "file of 'sluice collect'\n")
