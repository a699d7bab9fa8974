#!/usr/bin/python3
"""Runs in the guest what the tests on the host ask for.

Both sides speak JSON, one object a line, over a virtio port. The host sends
{"id", "argv", "user", "env", "input"} to start a program or {"id", "signal"} to signal one; back
come {"id", "line"} for each line of its stdout as it is printed and {"id", "code", "errors"} at its
end. The first line of all is {"boot": BOOT_ID}. Programs run beside each other.
"""

import json
import os
import pwd
import subprocess
import threading

PORT = "/dev/virtio-ports/sluice.boot"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


class Driver:
    def __init__(self, port):
        self.port = port
        self.writing = threading.Lock()
        self.programs = {}

    def say(self, **message):
        line = json.dumps(message).encode() + b"\n"
        with self.writing:
            while line:
                line = line[os.write(self.port, line):]

    def requests(self):
        pending = b""
        while True:
            pending += os.read(self.port, 65536)
            *lines, pending = pending.split(b"\n")
            yield from (json.loads(line) for line in lines)

    def serve(self):
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            self.say(boot=file.read().strip())
        for request in self.requests():
            if "signal" in request:
                self.programs[request["id"]].send_signal(request["signal"])
            else:
                self.start(request)

    def start(self, request):
        user = pwd.getpwnam(request["user"])
        environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", "HOME": user.pw_dir, **request["env"]}
        identity = {} if user.pw_uid == 0 else {
            "user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        number = request["id"]
        try:
            program = subprocess.Popen(
                request["argv"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, env=environment, cwd="/", start_new_session=True,
                **identity)
        except OSError as error:
            self.say(id=number, code=127, errors=str(error))
            return
        self.programs[number] = program
        threading.Thread(target=self.follow, daemon=True,
                         args=(number, program, request["input"].encode())).start()

    def follow(self, number, program, given):
        errors = []
        reader = threading.Thread(target=lambda: errors.append(program.stderr.read()), daemon=True)
        reader.start()
        try:
            program.stdin.write(given)
            program.stdin.close()
        except BrokenPipeError:
            pass
        for line in program.stdout:
            self.say(id=number, line=line.decode(errors="replace").rstrip("\n"))
        reader.join()
        self.say(id=number, code=program.wait(), errors=errors[0].decode(errors="replace"))


Driver(os.open(PORT, os.O_RDWR)).serve()
