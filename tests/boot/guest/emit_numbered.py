#!/usr/bin/python3
"""emit_numbered.py TEXT: emits one event under a client id, so that a retry is stored once, again
and again until it is acknowledged. Prints the status of each try that failed, and at last the
durability that was acknowledged."""

import os
import sys

sys.path[:0] = ["/usr/local/lib/sluice-boot/support", "/usr/local/lib/sluice-boot/proto"]

import grpc  # noqa: E402
import telemetry  # noqa: E402

record = telemetry.event(sys.argv[1])
client_id = os.urandom(16)
while True:
    try:
        answer = telemetry.emit("/run/sluice/sluice.sock", record, client_id=client_id,
                                first_sequence=1, timeout=5)
        break
    except grpc.RpcError as error:
        print(error.code().name, flush=True)
print("acknowledged", answer.durability, flush=True)
