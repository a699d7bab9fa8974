"""An installed tree, made by `cmake --install` as tests/run does it, and moved elsewhere: what is
installed must not know where it was built or first put."""

import pathlib
import shutil

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSTALLED = ROOT / "build/installed/usr"


@pytest.fixture(scope="session")
def prefix(tmp_path_factory):
    assert INSTALLED.is_dir(), f"{INSTALLED}: run tests/run --only packaging"
    moved = tmp_path_factory.mktemp("moved") / "usr"
    shutil.copytree(INSTALLED, moved, symlinks=True)
    return moved
