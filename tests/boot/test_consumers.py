"""Other projects on a Debian that has the packages alone: what the documents promise them builds and runs.

Not in a virtual machine, where a compiler would take an hour, but in its root directory.
"""

import shutil
import subprocess
import tempfile

import pytest
from machine import REPOSITORY

TOOLS = ["cmake", "g++", "ninja-build", "pkg-config", "protobuf-compiler-grpc", "python3-pytest",
         "python3-protobuf", "python3-grpcio", "cloud-init"]
TESTS = ["test_consumers.py", "test_grpc_consumer.py", "test_python.py"]
SOURCES = ["proto", "tests"]


@pytest.fixture(name="debian")
def debian_fixture(packages):
    folder = tempfile.mkdtemp(prefix="sluice-debian.", dir="/var/tmp")
    wanted = [*TOOLS, *map(str, (packages.tree / "packages").glob("*.deb"))]
    subprocess.run(["mmdebstrap", "--quiet", "--variant=minbase", f"--include={','.join(wanted)}",
                    "--hook-dir=/usr/share/mmdebstrap/hooks/file-mirror-automount",
                    "bookworm", f"{folder}/root"], check=True)
    yield f"{folder}/root"
    shutil.rmtree(folder)


def test_other_projects_build_and_run_with_the_packages(debian):
    for name in SOURCES:
        shutil.copytree(REPOSITORY / name, f"{debian}/src/{name}")
    # Its processes have a /proc, and end with it.
    command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={debian}/proc",
               "chroot", debian, "env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
               "SLUICE_BIN=/usr/bin", "SLUICE_INSTALLED=/usr", "PYTHONDONTWRITEBYTECODE=1",
               "python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir=/src",
               *(f"/src/tests/packaging/{name}" for name in TESTS)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=900, check=False)
    assert done.returncode == 0, done.stdout
