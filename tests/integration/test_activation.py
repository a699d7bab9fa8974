"""Started by whoever holds the sockets, the agent serves what queued before it was there; and while
it restarts nobody is refused and nothing is lost."""

import itertools
import os
import signal
import subprocess
import threading
import time

from harness import DEADLINE_S, NOBODY, PATIENT, Agent, run, wait_until


def test_first_start_by_socket_activation(shared):
    with Agent(shared) as agent:
        activate = ["systemd-socket-activate", "--fdname=ingest:admin",
                    f"--listen={agent.socket}", f"--listen={agent.admin_socket}",
                    f"--setenv=NOTIFY_SOCKET={agent.folder}/notify"]
        agent.start(wait=False, wrapper=activate)
        wait_until(agent.socket.exists, "systemd-socket-activate listens")
        agent.socket.chmod(0o666)
        run([shared.sluice, "event", *PATIENT, "--require", "first words"], uid=NOBODY,
            env={"SLUICE_SOCKET": str(agent.socket)})
        agent.wait_ready()
        agent.flush()
        assert "first words" in agent.log()
        assert agent.status()["pid"]


def is_refusal(error):
    words = (error.details() or "").lower()
    return "refused" in words or "stopping" in words or "journal" in words


class Load:
    """Emits numbered events from a thread, one connection each, until it is stopped."""

    def __init__(self, agent):
        self.agent = agent
        self.acknowledged = []
        self.refused = []  # and those that never got through
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_exception):
        self.stopping.set()
        self.thread.join()

    def _run(self):
        import grpc
        import telemetry
        number = 0
        while not self.stopping.is_set():
            number += 1
            text = f"load-{number:06d}."
            # As every client does: what was not acknowledged is sent again, under the same name.
            client_id = os.urandom(16)
            end = time.monotonic() + DEADLINE_S
            for attempt in itertools.count():
                try:
                    telemetry.emit(self.agent.socket, telemetry.event(text), client_id=client_id,
                                   first_sequence=1)
                    self.acknowledged.append(text)
                    break
                except grpc.RpcError as error:
                    # A socket that nobody listens on refuses, and so may an agent; a connection
                    # cut off is another thing.
                    if is_refusal(error) or time.monotonic() > end:
                        self.refused.append((text, attempt, error.details()))
                    if time.monotonic() > end:
                        break


def test_restart_under_load_loses_nothing_and_refuses_nobody(shared):
    with Agent(shared, supervised=True) as agent:
        agent.start()
        with Load(agent) as load:
            for stop in (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM):
                enough = len(load.acknowledged) + 30
                wait_until(lambda: len(load.acknowledged) >= enough, "load goes on")
                pid = agent.pid()
                os.kill(pid, stop)
                wait_until(lambda: agent.pid() != pid, "the supervisor starts another")
            enough = len(load.acknowledged) + 30
            wait_until(lambda: len(load.acknowledged) >= enough, "load goes on")
        agent.flush()
        assert load.refused == []
        log = agent.log()
        assert [text for text in load.acknowledged if text not in log] == []
        assert [text for text in load.acknowledged
                if sum(text in value for _key, value in agent.pool()) != 1] == []


def test_a_live_socket_is_refused_and_a_stale_one_taken_over(shared):
    with Agent(shared) as agent:
        agent.start()
        second = subprocess.run([str(word) for word in agent.command()], capture_output=True,
                                text=True, timeout=20, check=False)
        assert second.returncode != 0
        agent.kill()
        assert agent.socket.exists(), "a killed agent leaves its socket behind"
        agent.start()
        agent.sluice("event", "--require", "taken over", uid=NOBODY)
