"""Our generated messages and OpenTelemetry's official ones in one process: both load, and what one
writes the other reads. Official code comes from its registries, so this runs only where downloads
are allowed."""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest

from harness import REPOSITORY

HERE = pathlib.Path(__file__).parent / "beside_opentelemetry"
PROTO = REPOSITORY / "proto"
OURS = sorted(path.relative_to(PROTO).as_posix()
              for folder in ("sluice/v1", "sluice/otlp/v1") for path in (PROTO / folder).glob("*.proto"))
DOWNLOADS = REPOSITORY / "build/interop"

pytestmark = pytest.mark.skipif(os.environ.get("SLUICE_DOWNLOADS") != "1",
                                reason="official OpenTelemetry code is downloaded only by "
                                       "tests/run --only interop")


def run(*command, **options):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          timeout=900, check=False, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def protoc(*arguments):
    run("protoc", "-I", PROTO, *arguments, *OURS)


@pytest.fixture(scope="module", name="python")
def python_fixture():
    """An interpreter that has OpenTelemetry's official Python messages."""
    folder = DOWNLOADS / "python"
    python = folder / "bin/python"
    if not (folder / "complete").exists():
        run(sys.executable, "-m", "venv", folder)
        run(python, "-m", "pip", "install", "--quiet", "opentelemetry-proto")
        (folder / "complete").touch()
    return python


def test_python(python, tmp_path):
    protoc(f"--python_out={tmp_path}")
    assert run(python, HERE / "both.py", env={**os.environ, "PYTHONPATH": str(tmp_path)}) == "ok\n"


def test_cpp(python, tmp_path):
    # The official files are not packaged for C++, but their descriptors come with the Python ones.
    descriptors = tmp_path / "official.pb"
    run(python, HERE / "describe.py", descriptors)
    run("protoc", f"--descriptor_set_in={descriptors}", f"--cpp_out={tmp_path}",
        *[f"opentelemetry/proto/{part}/v1/{part}.proto" for part in ("common", "resource", "trace")])
    protoc(f"--cpp_out={tmp_path}")
    sources = sorted(tmp_path.rglob("*.pb.cc"))
    program = tmp_path / "both"
    run("g++", "-std=c++20", "-w", "-I", tmp_path, HERE / "both.cc", *sources, "-lprotobuf",
        "-lpthread", "-o", program)
    assert run(program) == "ok\n"


def test_go(tmp_path):
    go = shutil.which("go")
    if go is None:
        pytest.skip("no Go here: its official messages are not loaded beside ours")
    environment = {**os.environ, "GOFLAGS": "-mod=mod", "GOBIN": str(tmp_path / "bin")}
    module = tmp_path / "both"
    shutil.copytree(HERE / "go", module)
    run(go, "install", "google.golang.org/protobuf/cmd/protoc-gen-go@v1.36.6", env=environment)
    protoc(f"--plugin=protoc-gen-go={tmp_path}/bin/protoc-gen-go", f"--go_out={module}",
           "--go_opt=module=sluice")
    assert run(go, "run", ".", cwd=module, env=environment) == "ok\n"
