"""A field that a span gets after its start counts at once: for filters and lines of what follows, and
where its process is killed."""

import re
import subprocess

import pytest
from harness import DEADLINE_S, Agent, run, wait_until


@pytest.fixture(name="program")
def fixture_program(shared):
    return shared.copy("../tests/process_scenario")


def test_a_late_field_opens_a_filter_and_stands_in_the_lines(shared, program):
    config = '[log]\nfilter = "info,[{http_status=200}]=debug"\n'
    with Agent(shared, config=config) as agent:
        agent.start()
        run([program, "LateField"], env={"SLUICE_SOCKET": str(agent.socket)})
        wait_until(lambda: "close" in agent.log(), "the span's end")
        lines = [line.split(" ", 1)[1] for line in agent.log().splitlines()]
        lines[-1] = re.sub(r"time\.(busy|idle)=\S+", "", lines[-1]).rstrip()
        assert lines == [
            " INFO request{attempt=0}: app::http: new",
            " INFO request{attempt=0}: app::http: request sent",
            "DEBUG request{attempt=0 http_status=200}: app::http: response received",
            " INFO request{attempt=0 http_status=200}: app::http: close"]


def test_a_killed_process_keeps_its_late_field(agent, program):
    import telemetry
    from sluice.v1.record_pb2 import RECORD_KIND_SPAN_UPDATE
    with subprocess.Popen([program, "LateFieldAlone"], stdin=subprocess.PIPE, cwd="/tmp",
                          env={"SLUICE_SOCKET": str(agent.socket)}) as process:
        wait_until(lambda: any(one.record.kind == RECORD_KIND_SPAN_UPDATE
                               for one in telemetry.stored(agent)), "the field is known")
        process.kill()
        process.wait(DEADLINE_S)
    wait_until(lambda: "close" in agent.log(), "the span is closed")
    assert "request{attempt=0 http_status=200" in agent.log().splitlines()[-1]
