"""The package for Python out of the installed tree, as Debian's interpreter imports it."""

import subprocess

import hyperv
import pytest

FOLDER = "lib/python3/dist-packages"


@pytest.fixture(name="python")
def python_fixture(prefix):
    """Runs a program in Python and returns what it printed."""
    [library] = prefix.glob("lib/**/libsluice.so.1")
    # What Debian's interpreter and linker do by themselves below /usr.
    env = {"PATH": "/usr/bin:/bin", "PYTHONPATH": str(prefix / FOLDER),
           "LD_LIBRARY_PATH": str(library.parent), "PYTHONDONTWRITEBYTECODE": "1"}

    def run(program, **environment):
        done = subprocess.run(["/usr/bin/python3", "-c", program], env={**env, **environment},
                              capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_it_is_imported_from_where_it_was_installed(prefix, python):
    told = python("import sluice; print(sluice.__file__, sluice._sluice.__file__)")
    folder = prefix / FOLDER / "sluice"
    assert told.split() == [str(folder / "__init__.py"), str(folder / "_sluice.abi3.so")]


def test_the_handler_of_cloud_init_comes_along(prefix, python):
    try:
        cloud_init = hyperv.unpack("cloud-init")
    except hyperv.Unavailable as error:
        pytest.skip(str(error))
    python("import sluice.cloudinit as c; c.available_handlers.registered_items['sluice']",
           PYTHONPATH=f"{prefix / FOLDER}:{cloud_init / 'usr' / FOLDER}")


def test_its_types_come_along(prefix):
    folder = prefix / FOLDER / "sluice"
    assert {"__init__.pyi", "py.typed"} <= {file.name for file in folder.iterdir()}


def test_pip_sees_that_it_is_there(prefix, python):
    told = python("import importlib.metadata as m; print(m.version('sluice'))")
    assert f"Version: {told.strip()}\n" in next(prefix.glob("lib/**/sluice.pc")).read_text()


def test_what_it_says_reaches_the_agent(agent, python):
    python("import sluice\n"
           "with sluice.span('of python') as span: span.event('installed')\n"
           "assert sluice.flush(10)", SLUICE_SOCKET=str(agent.socket))
    agent.flush()
    assert "installed" in agent.log() and "of python" in agent.log()
