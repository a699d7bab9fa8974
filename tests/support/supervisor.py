#!/usr/bin/python3
"""Holds the agent's listening sockets and restarts it, as systemd does.

  supervisor.py INGEST_SOCKET ADMIN_SOCKET -- PROGRAM [ARGUMENT...]

The program gets both sockets by LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES (`ingest`, `admin`), and
is started again whenever it ends. Each start prints `started PID`. SIGTERM to the supervisor stops
the program and then the supervisor.
"""

import os
import signal
import socket
import sys

FIRST_FD = 3  # sd_listen_fds(3)
NAMES = ("ingest", "admin")
MODES = (0o666, 0o600)


def listen(path, mode):
    if os.path.exists(path):
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    os.chmod(path, mode)
    listener.listen(1024)
    return listener


def start(listeners, command):
    pid = os.fork()
    if pid:
        print(f"started {pid}", flush=True)
        return pid
    # Out of the way first: a listener may itself sit on one of the numbers that are handed over.
    high = [os.dup2(listener.fileno(), 100 + at) for at, listener in enumerate(listeners)]
    for at, number in enumerate(high):
        os.dup2(number, FIRST_FD + at)
        os.close(number)
    os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(listeners)),
                      LISTEN_FDNAMES=":".join(NAMES))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    os.execvp(command[0], command)


def main():
    paths, command = sys.argv[1:3], sys.argv[4:]
    if sys.argv[3:4] != ["--"] or not command:
        sys.exit(__doc__)
    listeners = [listen(path, mode) for path, mode in zip(paths, MODES)]
    waited_for = {signal.SIGCHLD, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, waited_for)
    child = start(listeners, command)
    while True:
        if signal.sigwait(waited_for) == signal.SIGTERM:
            os.kill(child, signal.SIGTERM)
            os.waitpid(child, 0)
            return
        pid, _status = os.waitpid(child, os.WNOHANG)
        if pid:
            child = start(listeners, command)


if __name__ == "__main__":
    main()
