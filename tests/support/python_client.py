"""Programs that import the built package for Python, as Debian's own interpreter runs them."""

import json
import os
import pathlib
import shutil
import subprocess
import textwrap

from console import spans_of
from harness import BUILT

# SLUICE_PYTHON: of another build; SLUICE_PRELOAD: what a sanitizer needs in the interpreter.
PACKAGE = pathlib.Path(os.environ.get("SLUICE_PYTHON", BUILT.parent / "python"))
INTERPRETER = "/usr/bin/python3"
NO_AGENT = "/nonexistent/sluice.sock"
SANITIZER = {"LD_PRELOAD": os.environ["SLUICE_PRELOAD"], "PYTHONMALLOC": "malloc",
             "ASAN_OPTIONS": "detect_leaks=0"} if "SLUICE_PRELOAD" in os.environ else {}


def execute(code, *arguments, **environment):
    """Runs a program, by default without an agent. It must end with 0 and say nothing on stderr."""
    done = subprocess.run(
        [INTERPRETER, "-c", textwrap.dedent(code), *arguments], capture_output=True, text=True,
        timeout=60, check=False,
        env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "PYTHONPATH": str(PACKAGE),
             "SLUICE_SOCKET": NO_AGENT, **SANITIZER, **environment})
    assert done.returncode == 0 and not done.stderr, done.stdout + done.stderr
    return done.stdout


def spans(code, *arguments, **environment):
    """The spans that a program makes, in the order of their ends."""
    printed = execute(code, *arguments, SLUICE_CONSOLE="1", **environment).splitlines()
    return list(spans_of(json.loads(line) for line in printed if line.startswith('{"resource')))


def for_anybody(shared):
    """An environment in which any user imports the package."""
    folder = shared.folder / "python_client"
    if not folder.exists():
        shutil.copytree(PACKAGE, folder)
        shutil.copy2(BUILT.parent / "lib/libsluice.so.1", folder)
    return {"PYTHONPATH": str(folder), "LD_LIBRARY_PATH": str(folder)}
