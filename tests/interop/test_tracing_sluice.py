"""The layer for Rust's tracing: what azure-init's own layers wrote of a program is what the agent writes of
it by ours, but for documented mends; and what the layer promises, one test a promise. cargo builds it from
crates.io, so this runs only where downloads are allowed, or where they were made before."""

import json
import os
import re
import shutil
import subprocess

import pytest
from azure_init import check_log, check_pool, written
from console import agent_run, by_name, cpp_agent_trace, spans_of
from harness import BUILT, REPOSITORY, Agent, run

PROGRAMS = REPOSITORY / "tests/interop/tracing_sluice"
CARGO_TARGET = REPOSITORY / "build/cargo"
LIBRARY = BUILT.parent / "lib"
OFFLINE = ("you're using offline mode", "failed to download", "failed to get", "Could not resolve",
           "Unable to update")


@pytest.fixture(scope="module", name="programs")
def programs_fixture(shared):
    """Where the built programs are, and libsluice with them."""
    cargo = shutil.which("cargo")
    if cargo is None:
        pytest.skip("no cargo here: the layer for Rust's tracing is not tried")
    done = subprocess.run(
        [cargo, "build", "--release", "--locked", "--all-targets"], cwd=PROGRAMS,
        capture_output=True, text=True, timeout=900, check=False,
        env={**os.environ, "CARGO_TARGET_DIR": str(CARGO_TARGET), "SLUICE_LIB_DIR": str(LIBRARY)})
    if done.returncode != 0 and any(sign in done.stderr for sign in OFFLINE):
        pytest.skip("not downloaded: the layer for Rust's tracing is not tried; "
                    "tests/run --only interop")
    assert done.returncode == 0, done.stderr
    folder = shared.folder / "rust"
    folder.mkdir()
    shutil.copy2(LIBRARY / "libsluice.so.1", folder)
    for program in ("emitter", "agent_trace", "behaviour"):
        shutil.copy2(CARGO_TARGET / "release" / program, folder)
    return folder


def spans(programs, program, *arguments):
    done = run([programs / program, *arguments],
               env={"LD_LIBRARY_PATH": str(programs), "SLUICE_CONSOLE": "1",
                    "SLUICE_SOCKET": "/nonexistent/sluice.sock"}, check=False)
    return list(spans_of(json.loads(line) for line in done.stdout.splitlines()))


def emit(agent, programs, *arguments):
    return run([programs / "behaviour", *arguments],
               env={"LD_LIBRARY_PATH": str(programs), "SLUICE_SOCKET": str(agent.socket)}).stdout


@pytest.fixture(scope="module", name="both")
def both_fixture(shared, programs):
    with written(shared, programs / "emitter", LD_LIBRARY_PATH=str(programs)) as both:
        yield both


def test_the_pool_is_azure_inits_but_for_documented_mends(both):
    check_pool(both[0])


def test_the_log_is_azure_inits_but_for_documented_mends(both):
    check_log(both[1])


UNITS = {"ns": 1e-6, "µs": 1e-3, "ms": 1, "s": 1e3}


def closing_times(log, separator):
    """{span: (busy, idle)} in milliseconds, of lines as the fmt layer writes them."""
    found = re.findall(rf"(\w+){separator} behaviour: close time\.busy=([\d.]+)(\S+) "
                       r"time\.idle=([\d.]+)(\S+)$", log, re.MULTILINE)
    return {span: (float(busy) * UNITS[busy_unit], float(idle) * UNITS[idle_unit])
            for span, busy, busy_unit, idle, idle_unit in found}


def test_times_are_those_of_tracings_own_layer(shared, programs):
    with Agent(shared) as agent:
        agent.start()
        theirs = closing_times(emit(agent, programs, "times"), ":")
        agent.flush()
        log = agent.log()
        ours = closing_times(log, ":")
    assert theirs.keys() == ours.keys() == {"thrice", "outer", "inner", "never_entered"}
    for span, (busy, idle) in theirs.items():
        assert ours[span][0] == pytest.approx(busy, rel=0.1, abs=2), (span, theirs, ours)
        assert ours[span][1] == pytest.approx(idle, rel=0.1, abs=2), (span, theirs, ours)
    # A field's own text may say something itself.
    assert "written costly=costly" in log and "said while another is written" in log


def test_what_nobody_wants_is_not_made_and_a_report_is_told_nevertheless(shared, programs):
    with Agent(shared) as agent:
        agent.environment = {}
        agent.config_path.write_text('[journal]\nlevel = "info"\n')
        agent.start()
        emit(agent, programs, "wanted")
        agent.flush()
        log = agent.log()
        assert "costly=costly" in log
        assert "unwanted" not in log and "middle" not in log
        assert "ERROR outer: behaviour: below" in log and "outer:inner: " in log
        assert ("PROVISIONING_REPORT", "in silence") in agent.pool()


def test_contexts_come_and_go(programs):
    found = by_name(spans(programs, "behaviour", "contexts"))
    assert found["of_request"]["traceId"] == "0123456789abcdef0123456789abcdef"
    assert found["of_request"]["parentSpanId"] == "0123456789abcdef"
    assert found["of_request"]["traceState"] == "a=b"
    [link] = found["two"]["links"]
    assert link["spanId"] == found["one"]["spanId"]
    assert found["one"]["resource"]["telemetry.sdk.language"] == "rust"
    assert "parentSpanId" not in found["root"]
    assert found["below_root"]["parentSpanId"] == found["root"]["spanId"]


def test_threads_share_a_span(programs):
    found = spans(programs, "behaviour", "threads")
    shared_span = by_name(found)["shared"]
    own = [span for span in found if span["name"] == "own"]
    assert len(own) == 800
    assert {span["parentSpanId"] for span in own} == {shared_span["spanId"]}


def test_an_ai_agents_run_is_the_one_of_cpp(programs):
    assert agent_run(spans(programs, "agent_trace")) == agent_run(cpp_agent_trace())
