"""Machines for the tests of this folder, one at a time."""

import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import machine as machines  # noqa: E402

CONSOLES = machines.REPOSITORY / "build/logs/boot"


def has_what_it_takes():
    missing = [name for name in ("qemu-system-x86_64", "qemu-img", "mmdebstrap", "cmake")
               if shutil.which(name) is None]
    # Whoever asks for these tests wants them run: nothing is skipped.
    assert not missing, f"missing: {missing}; packaging/dependencies --test --boot installs them"
    CONSOLES.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="session")
def install(tmp_path_factory):
    has_what_it_takes()
    return machines.Install(tmp_path_factory.mktemp("install"))


@pytest.fixture(scope="session")
def packages(tmp_path_factory):
    has_what_it_takes()
    return machines.Packages(tmp_path_factory.mktemp("packages"))


def machine_maker(install, name):
    made = []

    def make(**options):
        made.append(machines.Machine(install, CONSOLES / f"{name}.console", **options))
        return made[-1]

    yield make
    for one in made:
        one.__exit__()


@pytest.fixture
def make_machine(install, request):
    """Makes the test's machine, which is not booted yet; its console is kept in build/logs/boot."""
    yield from machine_maker(install, request.node.name)


@pytest.fixture
def make_bare_machine(packages, request):
    """The same of a machine without sluice, with its packages in /packages."""
    yield from machine_maker(packages, request.node.name)
