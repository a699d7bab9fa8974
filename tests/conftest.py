"""Fixtures for every test that runs the built programs."""

import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))

import harness  # noqa: E402


@pytest.fixture(scope="session")
def shared():
    if os.getuid() != 0:
        pytest.skip("runs programs as several users, which takes root")
    folder = tempfile.mkdtemp(prefix="sluice-shared.", dir="/tmp")
    yield harness.Shared(folder)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    """An installed tree, made by `cmake --install` as tests/run does it, and moved elsewhere: what is
    installed must not know where it was built or first put. Or what packages installed."""
    if "SLUICE_INSTALLED" in os.environ:
        return pathlib.Path(os.environ["SLUICE_INSTALLED"])
    installed = harness.REPOSITORY / "build/installed/usr"
    assert installed.is_dir(), f"{installed}: run tests/run --only packaging"
    moved = tmp_path_factory.mktemp("moved") / "usr"
    shutil.copytree(installed, moved, symlinks=True)
    return moved


@pytest.fixture(scope="session")
def otlp_module(shared):
    """What an agent loads to export over a network, where any uid finds it."""
    shared.copy("../lib/sluice/sluice-otlp.so")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """Of a server and of a client, by one authority."""
    import otlp_peers
    made = otlp_peers.Certificates(tmp_path_factory.mktemp("certificates"))
    made.sign("server")
    made.sign("client")
    return made


@pytest.fixture
def agent(shared):
    """A running agent on paths of its own."""
    with harness.Agent(shared) as one:
        yield one.start()
