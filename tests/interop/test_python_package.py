"""The package for Python as pip builds it against an installed libsluice, type-checked and used. What pip needs
to build comes from its registry, so this runs only where downloads are allowed."""

import os
import shutil
import subprocess

import pytest
from harness import REPOSITORY

pytestmark = pytest.mark.skipif(os.environ.get("SLUICE_DOWNLOADS") != "1",
                                reason="pip's and mypy's packages are downloaded only by "
                                       "tests/run --only interop")

TYPED = """
import logging
import sluice

@sluice.traced
def work(count: int) -> str:
    with sluice.span("inner", {"kind": "k"}, count=count, level="debug") as span:
        span.set(done=True)
    return "done"

@sluice.traced(name="named", peer="x")
async def fetch(url: str) -> int:
    return len(url)

logging.getLogger().addHandler(sluice.Handler())
headers: dict[str, str] = sluice.inject({"a": "b"})
with sluice.attach(sluice.extract(headers)):
    text: str = work(5)
"""
WRONG = """
sluice.span(5)
sluice.event("loud", "text")
work("five")
"""


def run(*command, **environment):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=600, check=False, env={**os.environ, **environment})
    return done.returncode, done.stdout + done.stderr


@pytest.fixture(name="python", scope="module")
def python_fixture(prefix, tmp_path_factory):
    """An interpreter that has the package, and the environment that it needs."""
    folder = tmp_path_factory.mktemp("pip")
    [pc] = prefix.glob("lib/**/pkgconfig")
    sources = folder / "sources"
    shutil.copytree(REPOSITORY / "client/python", sources)
    python = folder / "venv/bin/python"
    for command in (("/usr/bin/python3", "-m", "venv", folder / "venv"),
                    (python, "-m", "pip", "install", "--quiet", sources, "mypy")):
        status, output = run(*command, PKG_CONFIG_PATH=str(pc))
        assert status == 0, output
    return python, {"LD_LIBRARY_PATH": str(pc.parent), "SLUICE_SOCKET": "/nonexistent/s"}


def test_pip_builds_one_extension_for_every_python(python):
    interpreter, environment = python
    status, output = run(
        interpreter, "-c", "import sluice; print(sluice._sluice.__file__); "
        "sluice.span('of pip').end()", **environment, SLUICE_CONSOLE="1")
    assert status == 0 and "_sluice.abi3.so" in output and '"name":"of pip"' in output, output


def test_its_types_say_what_is_right_and_what_is_wrong(python, tmp_path):
    interpreter, environment = python
    right, wrong = tmp_path / "right.py", tmp_path / "wrong.py"
    right.write_text(TYPED)
    wrong.write_text(TYPED + WRONG)
    status, output = run(interpreter, "-m", "mypy", "--strict", right, **environment)
    assert status == 0, output
    status, output = run(interpreter, right, **environment)
    assert status == 0, output
    status, output = run(interpreter, "-m", "mypy", "--strict", wrong, **environment)
    assert output.count("error:") == 3, output
