"""While the disk does not keep up, users are held back; their streams last, and nothing is lost."""

import os
import threading

from disk import FailingDisk
from harness import Agent, wait_until

STREAMS = 8
BATCHES = 12
BATCH_BYTES = 1_000_000  # 96 MB in all, three times what may wait for the disk


def send_all(stream, failures):
    import grpc
    import telemetry
    try:
        record = telemetry.event("x" * 50_000)
        for _ in range(BATCHES):
            stream.batch(*[record] * (BATCH_BYTES // 50_000), wait=False)
        stream.wait_ack(stream.sequence - 1)
    except (grpc.RpcError, AssertionError) as error:
        failures.append(error)


def held(agent):
    return [one["uid"] for one in agent.status()["counters"] if one["name"] == "net.held"]


def test_streams_last_while_the_disk_is_behind(shared):
    import telemetry
    with Agent(shared) as agent:
        disk = FailingDisk(agent)
        agent.start()
        failures = []
        streams = [telemetry.Stream(agent.socket) for _ in range(STREAMS)]
        try:
            senders = [threading.Thread(target=send_all, args=(stream, failures))
                       for stream in streams]
            with disk.failing("behind"):
                for sender in senders:
                    sender.start()
                wait_until(lambda: held(agent), "somebody is held back")
            for sender in senders:
                sender.join()
        finally:
            for stream in streams:
                stream.close()
        assert not failures
        assert held(agent) == [os.getuid()]
