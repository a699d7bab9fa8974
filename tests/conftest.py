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


@pytest.fixture
def agent(shared):
    """A running agent on paths of its own."""
    with harness.Agent(shared) as one:
        yield one.start()
