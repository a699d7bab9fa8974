"""What a span costs its thread, in instructions, which no load of the machine disturbs: the promises of
docs/performance.md. tests/bench/instructions counts, and prints the same beside those of another tree."""

import importlib.util
from importlib.machinery import SourceFileLoader

import pytest

from harness import REPOSITORY
from tool import TOOL, short_folder

pytestmark = pytest.mark.skipif("release" not in str(TOOL), reason="counts what is optimized")


@pytest.fixture(name="cost", scope="module")
def fixture_cost():
    """Instructions a span, by form."""
    path = REPOSITORY / "tests/bench/instructions"
    spec = importlib.util.spec_from_loader("instructions", SourceFileLoader("instructions", str(path)))
    instructions = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(instructions)
    with short_folder() as folder:
        return instructions.client_spans(REPOSITORY, folder)


def test_a_span_of_four_attributes(cost):
    assert 200 < cost["object"] <= 1100


@pytest.mark.parametrize("macro", ["macro", "function"])
def test_a_macro_adds_little(cost, macro):
    assert cost[macro] <= cost["object"] + 60


def test_five_members_of_baggage_add_little(cost):
    assert cost["context"] < cost["baggage"] <= cost["context"] + 200
