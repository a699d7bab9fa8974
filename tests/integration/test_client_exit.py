"""A process that ends a span and returns from main at once has it journalled, without a flush."""

import time

from harness import run

EXIT_S = 0.25  # so long libsluice waits for the agent at the end of a process


def journalled(agent):
    """How many of the spans that the program emits the agent has."""
    import telemetry
    return sum(stored.record.span.name == "only" for stored in telemetry.stored(agent))


def test_what_was_emitted_just_before_the_end_is_journalled(agent):
    program = agent.shared.copy("../tests/process_scenario")
    seen = 0
    for _ in range(20):
        began = time.monotonic()
        run([program, "OneSpan"], env={"SLUICE_SOCKET": str(agent.socket)})
        waited = time.monotonic() - began
        found = journalled(agent)
        assert found == seen + 1 or waited >= EXIT_S
        seen = found
    assert seen > 0
