"""What azure-init's own layers wrote of a program, and what the agent writes of the same program by
libsluice: tests/support/azure_init.py compares."""

import re

import pytest
from azure_init import (CONFIG, LOG_MENDS, POOL_MENDS, REPORT, check_log, check_pool, pool_records,
                        written)
from harness import REPOSITORY, Agent, read_pool, run

PAGE = REPOSITORY / "docs/azure-init.md"


@pytest.fixture(name="both", scope="module")
def fixture_both(shared):
    with written(shared, shared.copy("../tests/azure_init_scenario")) as both:
        yield both


def test_the_pool_is_azure_inits_but_for_documented_mends(both):
    check_pool(both[0])


def test_the_log_is_azure_inits_but_for_documented_mends(both):
    check_log(both[1])


def test_each_mend_is_documented():
    rows = re.findall(r"^\| `(\w+)` \|", PAGE.read_text(), re.MULTILINE)
    assert sorted(rows) == sorted([*POOL_MENDS, *LOG_MENDS, "order"])


def test_a_report_reaches_the_host_though_nobody_wants_anything(shared):
    quiet = "".join(f'[{sink}]\nfilter = "off"\n' for sink in ("log", "stderr", "otlp"))
    config = f'{CONFIG}filter = "off"\n{quiet}[journal]\nlevel = "error"\n'
    with Agent(shared, config=config) as agent:
        agent.environment = {}
        agent.start()
        run([shared.copy("../tests/azure_init_scenario"), "quietly"],
            env={"SLUICE_SOCKET": str(agent.socket)})
        agent.flush()
        assert pool_records(read_pool(agent.pool_path)) == [(REPORT, "in silence")]
