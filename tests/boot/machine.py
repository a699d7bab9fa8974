"""A Debian 12 with sluice installed, in QEMU: boots, reboots, loses its power.

A `Machine` has a disk of its own, which lasts over its boots. Files are laid on it before its first
boot. Programs in the guest are run by guest/driver.py, and every wait has a deadline. No network.
"""

import contextlib
import dataclasses
import io
import json
import os
import pathlib
import re
import shutil
import socket
import subprocess
import tarfile
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
REPOSITORY = HERE.parents[1]
BUILD = pathlib.Path(os.environ.get("SLUICE_BOOT_BUILD", REPOSITORY / "build/release"))

# An emulated processor is 10 to 20 times slower, and the host may be busy.
BOOT_DEADLINE_S = 400
SHUTDOWN_DEADLINE_S = 240
DEADLINE_S = 120
ACCELERATORS = {
    "kvm": ["-accel", "kvm", "-cpu", "host"],
    "tcg": ["-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max"],
}


def accelerator():
    """kvm where the processor's own is there: others (kvm_pvm) run only kernels made for them, and
    Debian's hangs before its first line."""
    chosen = os.environ.get("SLUICE_BOOT_ACCEL")
    hardware = any(pathlib.Path("/sys/module", name).exists() for name in ("kvm_intel", "kvm_amd"))
    return chosen or ("kvm" if hardware and os.access("/dev/kvm", os.W_OK) else "tcg")


class Install:
    """The image, and the tree that `cmake --install` makes of a build folder."""

    def __init__(self, folder):
        self.image = pathlib.Path(subprocess.run(
            [HERE / "make_image"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip())
        self.tree = pathlib.Path(folder) / "tree"
        self._add_guest_programs(self.tree / "usr/local/lib/sluice-boot")
        units = self.tree / "etc/systemd/system"
        units.mkdir(parents=True)
        shutil.copy2(HERE / "guest/sluice-boot-driver.service", units)
        self.enable(self.tree, "sluice-boot-driver.service")
        self._add_sluice()

    def _add_sluice(self):
        subprocess.run(["cmake", "--install", BUILD, "--prefix", "/usr", "--strip"], check=True,
                       env={**os.environ, "DESTDIR": str(self.tree)}, stdout=subprocess.DEVNULL)
        for unit in ("sluice.socket", "sluice-admin.socket", "sluiced.service"):
            assert (self.tree / "usr/lib/systemd/system" / unit).exists(), f"{unit} is not installed"
        self.enable(self.tree, "sluice.socket")

    @staticmethod
    def _add_guest_programs(folder):
        folder.parent.mkdir(parents=True)
        shutil.copytree(HERE / "guest", folder, ignore=shutil.ignore_patterns("*.service", "__*"))
        support, messages = folder / "support", folder / "proto"
        support.mkdir()
        shutil.copy2(REPOSITORY / "tests/support/telemetry.py", support)
        messages.mkdir()
        definitions = REPOSITORY / "proto"
        subprocess.run(["protoc", f"--plugin=protoc-gen-grpc={shutil.which('grpc_python_plugin')}",
                        "-I", definitions, f"--python_out={messages}", f"--grpc_out={messages}",
                        *sorted(definitions.rglob("*.proto"))], check=True)

    @staticmethod
    def enable(tree, *units):
        subprocess.run(["systemctl", "--quiet", f"--root={tree}", "enable", *units], check=True,
                       stderr=subprocess.DEVNULL)

    def pack(self, path, files):
        """The tar that the guest's first boot unpacks: the tree, and `files`, text by path."""
        with tarfile.open(path, "w") as tar:
            tar.add(self.tree, ".", filter=self._owned_by_root)
            for name, text in files.items():
                entry = tarfile.TarInfo(name.lstrip("/"))
                entry.size = len(text.encode())
                entry.mode = 0o755 if text.startswith("#!") else 0o644
                tar.addfile(entry, io.BytesIO(text.encode()))
        os.truncate(path, -(-path.stat().st_size // 512) * 512)

    @staticmethod
    def _owned_by_root(entry):
        # The build made it under its own umask; the image's folders of these names are 0755.
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = "root"
        if entry.isdir():
            entry.mode = 0o755
        return entry


class Packages(Install):
    """The image, and Debian packages in /packages, which nobody has installed yet; in /packages/old
    the same of a release before, in /packages/journal_format_1 a journal that one wrote."""

    def _add_sluice(self):
        folder = self.tree / "packages"
        built = os.environ.get("SLUICE_BOOT_PACKAGES")
        if built:
            shutil.copytree(built, folder, ignore=shutil.ignore_patterns("*dbgsym*"))
        else:
            subprocess.run([REPOSITORY / "packaging/build-deb", "-o", folder], check=True)
        [package] = folder.glob("sluice_*.deb")
        self._pack_as(package, "0.0.1", folder / "old")
        samples = "journal_format_1"
        shutil.copytree(REPOSITORY / "tests/support" / samples, folder / samples)

    @staticmethod
    def _pack_as(package, version, folder):
        folder.mkdir()
        with tempfile.TemporaryDirectory() as unpacked:
            subprocess.run(["dpkg-deb", "-R", package, unpacked], check=True)
            control = pathlib.Path(unpacked, "DEBIAN/control")
            text = re.sub("^Version: .*$", f"Version: {version}", control.read_text(), flags=re.M)
            control.write_text(text)
            subprocess.run(["dpkg-deb", "-Zgzip", "-b", unpacked, folder], check=True,
                           stdout=subprocess.DEVNULL)


@dataclasses.dataclass
class Done:
    code: int
    output: str
    errors: str


class Program:
    """A program in the guest: its lines so far, and how it ended."""

    def __init__(self, machine, number, argv):
        self.machine, self.number, self.argv = machine, number, argv
        self.lines = []
        self.code = None
        self.errors = ""

    def wait_for(self, condition, what, deadline_s=DEADLINE_S):
        """Waits until `condition(self)` is true, looking again with each line."""
        return self.machine.wait_for(lambda: condition(self), f"{self.argv}: {what}", deadline_s)

    def wait_line(self, line, deadline_s=DEADLINE_S):
        self.wait_for(lambda program: line in program.lines, f"prints '{line}'", deadline_s)
        return self

    def wait(self, deadline_s=DEADLINE_S):
        self.wait_for(lambda program: program.code is not None, "ends", deadline_s)
        return Done(self.code, "\n".join(self.lines), self.errors)

    def signal(self, number):
        self.machine.send(id=self.number, signal=int(number))


class Machine:
    """One virtual machine. Also a context manager, which ends it and removes its disks."""

    def __init__(self, install, console, files=None, cloud_init=False, disks=()):
        self.install = install
        self.console = pathlib.Path(console)
        self.cloud_init = cloud_init
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="machine.", dir=install.image.parent))
        # A socket's path must be short.
        self.sockets = pathlib.Path(tempfile.mkdtemp(prefix="sluice.", dir="/tmp"))
        self.overlay = self.folder / "root.qcow2"
        subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b",
                        install.image / "root.ext4", self.overlay], check=True)
        install.pack(self.folder / "first_boot.tar", files or {})
        self.is_new = True
        self.disks = {name: self.folder / f"{name}.raw" for name in disks}
        for path in self.disks.values():
            path.touch()
            os.truncate(path, 64 << 20)
        self.qemu = self.port = None
        self.news = threading.Condition()
        self.console.write_bytes(b"")

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.cut_power()
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.rmtree(self.sockets, ignore_errors=True)

    def _disk(self, name, driver, path, **options):
        # Past the host's page cache, so that what the guest wrote and did not flush can be lost.
        settings = "".join(f",{key}={value}" for key, value in options.items())
        return ["-blockdev", f"driver={driver},node-name={name},file.driver=file,cache.direct=on,"
                             f"file.cache.direct=on,file.filename={path}{settings}",
                "-device", f"virtio-blk-pci,drive={name},serial={name}"]

    def _command(self):
        words = "root=/dev/vda ro console=ttyS0 panic=-1 net.ifnames=0 mitigations=off quiet"
        words += "" if self.cloud_init else " cloud-init=disabled"
        words += " sluice.unpack" if self.is_new else ""
        command = [
            "qemu-system-x86_64", *ACCELERATORS[accelerator()], "-machine", "q35", "-m", "1024",
            "-smp", "2", "-uuid", "5eed1ab0-0000-4000-8000-000000000001", "-nodefaults",
            "-display", "none", "-nic", "none", "-no-reboot", "-device", "virtio-rng-pci",
            "-kernel", self.install.image / "vmlinuz", "-initrd", self.install.image / "initrd",
            "-append", words,
            "-chardev", f"file,id=console,path={self.console},append=on",
            "-serial", "chardev:console",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=driver,path={self.sockets}/driver,server=on,wait=off",
            "-device", "virtserialport,chardev=driver,name=sluice.boot"]
        command += self._disk("root", "qcow2", self.overlay)
        if self.is_new:
            command += self._disk("first", "raw", self.folder / "first_boot.tar",
                                  **{"read-only": "on"})
        for name, path in self.disks.items():
            command += self._disk(name, "raw", path)
        return [str(word) for word in command]

    def boot(self):
        """Turns the power on and waits until the boot is complete."""
        self.power_on()
        # "degraded" is for the tests to look into; what counts here is that no job is left.
        done = self.run("systemctl", "is-system-running", "--wait", check=False,
                        timeout=BOOT_DEADLINE_S)
        assert done.output in ("running", "degraded"), done
        return self

    def power_on(self):
        """Turns the power on and waits until the guest runs programs."""
        self.programs, self.numbers, self.boot_id = {}, 0, None
        with open(self.folder / "qemu", "ab") as log:
            self.qemu = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL,
                                         stdout=log, stderr=log)
        self.is_new = False
        self.port = self._connect()
        threading.Thread(target=self._listen, args=(self.port,), daemon=True).start()
        self.wait_for(lambda: self.boot_id, "the guest's driver is up", BOOT_DEADLINE_S)

    def _connect(self):
        end = time.monotonic() + DEADLINE_S
        while True:
            port = socket.socket(socket.AF_UNIX)
            try:
                port.connect(str(self.sockets / "driver"))
                return port
            except (FileNotFoundError, ConnectionRefusedError):
                port.close()
                assert self.qemu.poll() is None, f"no machine: {(self.folder / 'qemu').read_text()}"
                assert time.monotonic() < end, "QEMU does not open the driver's port"
                time.sleep(0.01)

    def _listen(self, port):
        pending = b""
        while True:
            try:
                got = port.recv(65536)
            except OSError:
                got = b""
            with self.news:
                if got:
                    *lines, pending = (pending + got).split(b"\n")
                    for line in lines:
                        self._take(json.loads(line))
                self.news.notify_all()
            if not got:
                return

    def _take(self, message):
        if "boot" in message:
            self.boot_id = message["boot"]
            return
        program = self.programs[message["id"]]
        if "line" in message:
            program.lines.append(message["line"])
        else:
            program.code, program.errors = message["code"], message["errors"]

    def wait_for(self, condition, what, deadline_s):
        """Waits for something that the guest says."""
        end = time.monotonic() + deadline_s
        with self.news:
            while True:
                value = condition()
                if value:
                    return value
                left = end - time.monotonic()
                if self.qemu.poll() is not None:
                    raise AssertionError(f"the machine went off before: {what}; {self.console}")
                if left <= 0:
                    raise AssertionError(f"not within {deadline_s} s: {what}; {self.console}")
                self.news.wait(min(left, 1))

    def send(self, **message):
        self.port.sendall(json.dumps(message).encode() + b"\n")

    def start(self, *argv, user="root", env=None, given=""):
        """Starts a program in the guest and returns at once."""
        self.numbers += 1
        program = Program(self, self.numbers, argv)
        with self.news:
            self.programs[self.numbers] = program
        self.send(id=self.numbers, argv=[str(word) for word in argv], user=user, env=env or {},
                  input=given)
        return program

    def run(self, *argv, check=True, timeout=DEADLINE_S, **options):
        """Runs a program in the guest to its end."""
        done = self.start(*argv, **options).wait(timeout)
        if check and done.code != 0:
            raise AssertionError(f"{argv} ended with {done.code}:\n{done.output}\n{done.errors}")
        return done

    def shell(self, script, **options):
        return self.run("/bin/bash", "-euc", script, **options)

    def json(self, *argv, **options):
        return json.loads(self.run(*argv, **options).output)

    def _wait_off(self):
        try:
            self.qemu.wait(SHUTDOWN_DEADLINE_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not off within {SHUTDOWN_DEADLINE_S} s; {self.console}") from None
        self._forget()

    def _forget(self):
        self.port.close()
        self.qemu = None

    @staticmethod
    def wait_until(condition, what, deadline_s=DEADLINE_S):
        """Asks the guest until `condition()` is true and returns its value."""
        end = time.monotonic() + deadline_s
        while True:
            value = condition()
            if value:
                return value
            assert time.monotonic() < end, f"not within {deadline_s} s: {what}"

    def run_off(self, *argv):
        """Starts a program in the guest that turns it off, and waits until it is."""
        self.start(*argv)
        self._wait_off()

    def reboot(self):
        """In order, as an administrator does."""
        self.run_off("systemctl", "reboot")
        return self.boot()

    def power_off(self):
        """In order, as an administrator does."""
        self.run_off("systemctl", "poweroff")

    def copy_from_disk(self, folders, root):
        """Copies folders of its disk, which is off, to below `root` on the host."""
        disk = self.folder / "root.raw"
        subprocess.run(["qemu-img", "convert", "-O", "raw", self.overlay, disk], check=True)
        for folder in folders:
            target = root / folder.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            # Of the copies neither owner nor mode is asked.
            subprocess.run(["debugfs", "-R", f"rdump {folder} {target.parent}", disk], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            assert target.is_dir(), f"no {folder} on the disk"
        disk.unlink()

    def cut_power(self):
        """Nothing in the guest gets to know."""
        if self.qemu is None:
            return
        self.qemu.kill()
        self.qemu.wait()
        with contextlib.suppress(OSError):
            self.port.shutdown(socket.SHUT_RDWR)
        self._forget()
