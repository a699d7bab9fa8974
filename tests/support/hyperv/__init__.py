"""Debian's real hv_kvp_daemon without Hyper-V: this module plays the kernel and the host.

    with Host(directory) as host:      # the daemon serves the pool files of `directory`
        records = host.enumerate()     # what it answers, field by field
        view = host.kernel_view()      # what of that reaches the Windows host

Unavailable is raised where the daemon's package cannot be had; a test skips then.
"""

import dataclasses
import os
import pathlib
import shutil
import signal
import socket
import struct
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]

# struct hv_kvp_msg, native byte order; every message has this size.
MESSAGE_BYTES = 7432
KEY_BYTES, VALUE_BYTES = 512, 2048
OP_SET, OP_DELETE, OP_ENUMERATE, OP_REGISTER = 1, 2, 3, 100
REG_SZ = 1
GUEST_POOL = 1

OK = 0
NO_MORE_ITEMS = 0x80070103
E_FAIL = 0x80004005

# utf8s_to_utf16s() in the kernel gets (field bytes / 2) - 2 units of room.
KEY_UNITS, VALUE_UNITS = KEY_BYTES // 2 - 2, VALUE_BYTES // 2 - 2

ANSWER_SECONDS = 30


class Unavailable(Exception):
    """The daemon cannot be run here, and why."""


class DaemonGone(Exception):
    """The daemon ended or closed its end."""


@dataclasses.dataclass(frozen=True)
class Record:
    """Both fields whole, with what follows their first NUL."""
    key: bytes
    value: bytes


@dataclasses.dataclass(frozen=True)
class View:
    """What the Windows host gets to see. `failed_at` is the index of the record whose text the
    kernel could not convert, which ends the enumeration; None: it went to the end."""
    items: list
    failed_at: int | None


def unpack(package):
    """The folder of an unpacked Debian package, downloaded at first use and never installed."""
    folder = ROOT / "build" / "debs" / package
    done = subprocess.run([HERE.parent / "unpack_deb", package, folder],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Unavailable(f"Debian's package {package} cannot be downloaded: {done.stderr.strip()}")
    return folder


def build_shim(folder):
    compiler = shutil.which("gcc") or shutil.which("cc")
    if not compiler:
        raise Unavailable("no C compiler for the daemon's shim")
    shim = folder / "shim.so"
    subprocess.run([compiler, "-O2", "-Wall", "-Werror", "-shared", "-fPIC", HERE / "shim.c",
                    "-o", shim, "-ldl"], check=True)
    return shim


def to_host(text, units):
    """The kernel's utf8s_to_utf16s(): at most `units` UTF-16 units of it, None if it finds invalid
    UTF-8 before there is no more room. What lies behind the cut is not looked at."""
    try:
        valid, broken = text.decode("utf-8"), False
    except UnicodeDecodeError as error:
        valid, broken = text[:error.start].decode("utf-8"), True
    room = units
    for position, char in enumerate(valid):
        room -= 2 if ord(char) > 0xFFFF else 1
        if room < 0:
            return valid[:position]
    return None if broken and room > 0 else valid


def c_string(field):
    return field.split(b"\0", 1)[0]


class Host:
    """A daemon over the pool files of `directory`, from its start to its end."""

    def __init__(self, directory, gate=None):
        """With `gate`, a FIFO, the daemon reads it to its end in the middle of each rewrite."""
        self.directory = pathlib.Path(directory)
        self._gate = {"HVKVP_GATE": str(gate)} if gate else {}
        self._scratch = pathlib.Path(tempfile.mkdtemp(prefix="sluice-hv-"))
        self._daemon = None
        self._device = None
        try:
            self._program = unpack("hyperv-daemons") / "usr/sbin/hv_kvp_daemon"
            self._shim = build_shim(self._scratch)
            self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            self._listener.bind(str(self._scratch / "device"))
            self._listener.listen()
            self._listener.settimeout(ANSWER_SECONDS)
            self.start()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.close()

    def start(self):
        environment = dict(os.environ, LD_PRELOAD=str(self._shim),
                           HVKVP_SOCK=str(self._scratch / "device"),
                           HVKVP_POOLDIR=str(self.directory), **self._gate)
        with open(self._scratch / "log", "ab") as log:
            self._daemon = subprocess.Popen([self._program, "-n"], env=environment,
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self._device, _ = self._listener.accept()
        except TimeoutError:
            raise DaemonGone(f"it never opened its device: {self.log()}") from None
        self._device.settimeout(ANSWER_SECONDS)
        registration = self._receive()
        if registration[0] != OP_REGISTER:
            raise DaemonGone(f"unexpected registration {registration[0]}")
        answer = bytearray(MESSAGE_BYTES)
        answer[0] = OP_REGISTER
        answer[4:8] = b"3.1\0"
        self._device.send(answer)

    def kill(self):
        """SIGKILL, whatever it is doing."""
        self._daemon.send_signal(signal.SIGKILL)
        self._daemon.wait()
        self._device.close()

    def close(self):
        if self._device:
            self._device.close()
        if self._daemon:
            self._daemon.kill()
            self._daemon.wait()
        if getattr(self, "_listener", None):
            self._listener.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def log(self):
        return (self._scratch / "log").read_text(errors="replace")

    def enumerate(self, pool=GUEST_POOL):
        """The daemon's answers for index 0, 1, ... up to "no more items"."""
        records = []
        while True:
            request = self._request(OP_ENUMERATE, pool)
            struct.pack_into("=I", request, 4, len(records))
            error, answer = self._ask(request)
            if error == NO_MORE_ITEMS:
                return records
            if error != OK:
                raise DaemonGone(f"enumeration of index {len(records)} answered {error:#x}")
            records.append(Record(answer[20:20 + KEY_BYTES], answer[532:532 + VALUE_BYTES]))

    def kernel_view(self, pool=GUEST_POOL):
        items = []
        for index, record in enumerate(self.enumerate(pool)):
            # strlen() of a key without NUL runs on into the value, which lies behind it.
            key = to_host(c_string(record.key + record.value), KEY_UNITS)
            value = to_host(c_string(record.value), VALUE_UNITS)
            if key is None or value is None:
                return View(items, index)
            items.append((key, value))
        return View(items, None)

    def set(self, key, value, pool=GUEST_POOL):
        """The host writes an item; the daemon rewrites the whole file."""
        return self._ask(self._set_request(key, value, pool))[0]

    def begin_set(self, key, value, pool=GUEST_POOL):
        """Asks for the same without waiting for it, for who kills the daemon next."""
        self._send(self._set_request(key, value, pool))

    def _set_request(self, key, value, pool):
        request = self._request(OP_SET, pool)
        struct.pack_into("=III", request, 4, REG_SZ, len(key) + 1, len(value) + 1)
        request[16:16 + len(key)] = key
        request[528:528 + len(value)] = value
        return request

    def delete(self, key, pool=GUEST_POOL):
        """The host removes an item; later records move up. Returns NO_MORE_ITEMS if it has none."""
        request = self._request(OP_DELETE, pool)
        struct.pack_into("=I", request, 4, len(key) + 1)
        request[8:8 + len(key)] = key
        return self._ask(request)[0]

    @staticmethod
    def _request(operation, pool):
        request = bytearray(MESSAGE_BYTES)
        request[0], request[1] = operation, pool
        return request

    def _send(self, request):
        try:
            self._device.send(request)
        except OSError as error:
            raise DaemonGone(f"{error}: {self.log()}") from None

    def _ask(self, request):
        self._send(request)
        answer = self._receive()
        return struct.unpack_from("=I", answer)[0], answer

    def _receive(self):
        try:
            message = self._device.recv(MESSAGE_BYTES)
        except OSError as error:
            raise DaemonGone(f"{error}: {self.log()}") from None
        if len(message) != MESSAGE_BYTES:
            raise DaemonGone(f"a message of {len(message)} bytes: {self.log()}")
        return message
