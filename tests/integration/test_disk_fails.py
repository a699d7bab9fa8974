"""A journal whose disk fails while the agent runs, read-only, on write or on sync, acknowledges
nothing and says when to try again. Once the disk works, what was refused is taken; each record is
in the journal once, and stays there over a loss of power."""

import collections

import grpc
import pytest
from disk import FailingDisk, assert_says_when_to_retry, emit_until_acknowledged, try_emit
from harness import Agent, wait_until

UNAVAILABLE = (grpc.StatusCode.UNAVAILABLE,)
FAULTS = ("read_only", "write", "sync")
CLIENT_ID = bytes(range(16))


def texts_of_journal(agent):
    """How often each event is stored."""
    import telemetry
    return collections.Counter(stored.record.event.body.string_value
                               for stored in telemetry.stored(agent))


def numbered(number):
    return {"client_id": CLIENT_ID, "first_sequence": number}


def end_of(stream, sequence):
    """The error with which a stream ends that waits for that acknowledgement."""
    with pytest.raises(grpc.RpcError) as raised:
        stream.wait_ack(sequence)
    return raised.value


def journal_error(agent):
    return agent.status()["journal"].get("error")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_disk_that_fails_for_a_while(shared, fault):
    import telemetry
    with Agent(shared) as agent:
        disk = FailingDisk(agent)
        agent.start()
        acknowledged = [f"before-{n}." for n in range(1, 21)]
        for number, text in enumerate(acknowledged, 1):
            assert try_emit(agent, text, **numbered(number)) is None
        with telemetry.Stream(agent.socket) as stream:
            stream.batch(telemetry.event("streamed."))
            in_doubt = telemetry.event("streamed in doubt.")
            with disk.failing(fault):
                for _ in range(3):
                    assert_says_when_to_retry(try_emit(agent, "refused.", **numbered(21)),
                                              UNAVAILABLE)
                stream.batch(in_doubt, wait=False)
                assert_says_when_to_retry(end_of(stream, 2), UNAVAILABLE)
                assert journal_error(agent)
            emit_until_acknowledged(agent, "refused.", **numbered(21))
            client_id = stream.client_id
        with telemetry.Stream(agent.socket, client_id=client_id) as stream:
            stream.sequence = 2
            stream.batch(in_doubt)
        emit_until_acknowledged(agent, "after.", **numbered(22))
        wait_until(lambda: not journal_error(agent), "the journal's error is gone")
        acknowledged += ["streamed.", "streamed in doubt.", "refused.", "after."]

        agent.flush()
        log = agent.log()
        assert [text for text in acknowledged if log.count(text) != 1] == []
        agent.kill()
        disk.cut_power()
        agent.start()
        stored = texts_of_journal(agent)
        assert [text for text in acknowledged if stored[text] != 1] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_power_cut_while_the_disk_fails(shared, fault):
    with Agent(shared) as agent:
        disk = FailingDisk(agent)
        agent.start()
        acknowledged = [f"before-{n}." for n in range(20)]
        for text in acknowledged:
            assert try_emit(agent, text) is None
        with disk.failing(fault):
            assert_says_when_to_retry(try_emit(agent, "refused."), UNAVAILABLE)
            agent.kill()
            disk.cut_power()
        agent.start()
        emit_until_acknowledged(agent, "after.")
        stored = texts_of_journal(agent)
        assert [text for text in [*acknowledged, "after."] if stored[text] != 1] == []
