"""A span that is closed as aborted ends when its process died; where nobody saw that, with its last
sign of life."""

import time

from harness import wait_until
from victim import WAITS, Victim


def spans(agent, *names):
    """Start, end and whether that is estimated, of spans that have ended; waits until they have."""
    import telemetry  # its modules are generated for the run

    def ended():
        starts, ends = {}, {}
        for one in telemetry.stored(agent):
            span = one.record.span
            if span.start_time_unix_nano:
                starts[span.span_id] = span.name, span.start_time_unix_nano
            if span.end_time_unix_nano:
                marks = {attribute.key for attribute in span.attributes}
                ends[span.span_id] = (span.end_time_unix_nano,
                                      "sluice.abort.estimated" in marks)
        found = {name: (began, *ends[number])
                 for number, (name, began) in starts.items() if number in ends}
        return found if found.keys() >= set(names) else None

    found = wait_until(ended, f"{names} have ended")
    return [found[name] for name in names]


def test_where_nobody_saw_the_death_the_end_is_the_last_sign_of_life_and_estimated(agent):
    with Victim(agent, "orphan", WAITS) as victim:
        last_word = time.time_ns()
        agent.kill()
        victim.kill()
    agent.start()
    (began, ended, is_estimated), = spans(agent, "orphan")
    assert is_estimated
    assert began <= ended <= last_word
    agent.flush()
    assert "sluice.abort.estimated=true" in agent.log()
