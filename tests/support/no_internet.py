"""What RestrictAddressFamilies=AF_UNIX does to a process: no sockets of the Internet's families."""

import ctypes
import struct

PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
SECCOMP_MODE_FILTER = 2
LOAD, JUMP_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000
SOCKET = 41  # x86-64
EAFNOSUPPORT = 97
AF_INET, AF_INET6 = 2, 10
NUMBER, FIRST_ARGUMENT = 0, 16  # offsets in struct seccomp_data


def deny_internet():
    """For Popen's preexec_fn."""
    program = b"".join(struct.pack("HBBI", *step) for step in [
        (LOAD, 0, 0, NUMBER),
        (JUMP_EQUAL, 0, 3, SOCKET),
        (LOAD, 0, 0, FIRST_ARGUMENT),
        (JUMP_EQUAL, 2, 0, AF_INET),
        (JUMP_EQUAL, 1, 0, AF_INET6),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, FAIL | EAFNOSUPPORT),
    ])
    steps = ctypes.create_string_buffer(program, len(program))
    whole = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(steps))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, whole, 0, 0) == 0
