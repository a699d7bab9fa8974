"""Machines for the tests of this folder, one at a time."""

import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machine as machines  # noqa: E402

CONSOLES = machines.REPOSITORY / "build/logs/boot"


@pytest.fixture(scope="session")
def install(tmp_path_factory):
    missing = [name for name in ("qemu-system-x86_64", "qemu-img", "mmdebstrap", "cmake")
               if shutil.which(name) is None]
    # Whoever asks for these tests wants them run: nothing is skipped.
    assert not missing, f"missing: {missing}; packaging/dependencies --test --boot installs them"
    CONSOLES.mkdir(parents=True, exist_ok=True)
    return machines.Install(tmp_path_factory.mktemp("install"))


@pytest.fixture
def make_machine(install, request):
    """Makes the test's machine, which is not booted yet; its console is kept in build/logs/boot."""
    made = []

    def make(**options):
        made.append(machines.Machine(install, CONSOLES / f"{request.node.name}.console", **options))
        return made[-1]

    yield make
    for one in made:
        one.__exit__()
