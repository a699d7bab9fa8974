"""What a span costs its thread, in instructions, which no load of the machine disturbs: the promises of
docs/performance.md. tests/bench/instructions prints the same counts beside those of another tree."""

import re
import subprocess

import pytest

from harness import REPOSITORY, Agent
from tool import TOOL, environment

LIBRARY = TOOL.parents[1] / "lib"
SPANS = 2000
RUNS = 3

pytestmark = pytest.mark.skipif("release" not in str(TOOL), reason="counts what is optimized")


@pytest.fixture(name="cost", scope="module")
def fixture_cost(shared, tmp_path_factory):
    """Instructions a span, by form; see span_calls.cc."""
    folder = tmp_path_factory.mktemp("span_calls")
    program = folder / "span_calls"
    subprocess.run(["c++", "-std=c++20", "-O2", "-DNDEBUG", f"-I{REPOSITORY}/client/include",
                    REPOSITORY / "tests/bench/span_calls.cc", LIBRARY / "libsluice.so",
                    f"-Wl,-rpath,{LIBRARY}", "-o", program], check=True)

    def count_once(form, agent):
        out = folder / f"{form}.out"
        subprocess.run(["valgrind", "--tool=callgrind", "--toggle-collect=EmitCountedSpans",
                        f"--callgrind-out-file={out}", program, str(SPANS), form], check=True,
                       stderr=subprocess.DEVNULL, env={**environment(), "SLUICE_SOCKET": str(agent.socket)})
        return int(re.search(r"^totals: (\d+)", out.read_text(), re.M)[1]) / SPANS

    # With an agent the sender is awake, as in a program at work; without one each call looks whether to wake it.
    with Agent(shared) as agent:
        agent.start()
        # A thread that has to wake the sender pays for that, which depends on who runs when: it only adds.
        return {form: min(count_once(form, agent) for _ in range(RUNS))
                for form in ("object", "macro", "function", "context", "baggage")}


def test_a_span_of_four_attributes(cost):
    assert 200 < cost["object"] <= 1100


@pytest.mark.parametrize("macro", ["macro", "function"])
def test_a_macro_adds_little(cost, macro):
    assert cost[macro] <= cost["object"] + 60


def test_five_members_of_baggage_add_little(cost):
    assert cost["context"] < cost["baggage"] <= cost["context"] + 200
