#!/usr/bin/python3
"""What a span costs from Python and Rust, beside what else could make one there; with an agent that takes
them. Downloads opentelemetry-sdk and the crates of tests/interop/tracing_sluice.

    tests/bench/languages_bench.py        after: cmake --build --preset release
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY / "tests/support"))

import harness  # noqa: E402

BUILD = harness.BUILT.parent
VENV = REPOSITORY / "build/interop/opentelemetry"
PROGRAMS = REPOSITORY / "tests/interop/tracing_sluice"
CARGO_TARGET = REPOSITORY / "build/cargo"

ROUNDS = """
def best(make_span, settle):
    import time
    found = float("inf")
    for _ in range(15):
        began = time.perf_counter()
        for i in range(2000):
            make_span(i)
        found = min(found, (time.perf_counter() - began) / 2000 * 1e9)
        settle()
    print(round(found))
"""
OURS = ROUNDS + """
import sluice
def make_span(i):
    with sluice.span("span", i=i):
        pass
best(make_span, lambda: sluice.flush(10))
"""
# Exported by a batch processor, as in production, to nowhere: only what the program pays counts.
OPENTELEMETRY = ROUNDS + """
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
class Nowhere(SpanExporter):
    def export(self, spans):
        return SpanExportResult.SUCCESS
provider = TracerProvider()
provider.add_span_processor(BatchSpanProcessor(Nowhere()))
tracer = provider.get_tracer("bench")
def make_span(i):
    with tracer.start_as_current_span("span", attributes={"i": i}):
        pass
best(make_span, provider.force_flush)
"""
IMPORT = """
import time
began = time.perf_counter()
import {}
print((time.perf_counter() - began) * 1000)
"""


def output(*command, **environment):
    done = subprocess.run([str(word) for word in command], env={**os.environ, **environment},
                          stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout


def opentelemetry():
    """An interpreter, Debian's, that has it."""
    python = VENV / "bin/python"
    if not (VENV / "complete").exists():
        output("/usr/bin/python3", "-m", "venv", VENV)
        output(python, "-m", "pip", "install", "--quiet", "opentelemetry-sdk")
        (VENV / "complete").touch()
    return python


def rust(agent):
    output("cargo", "build", "--quiet", "--release", "--locked", "--bin", "bench",
           "--manifest-path", PROGRAMS / "Cargo.toml", CARGO_TARGET_DIR=str(CARGO_TARGET),
           SLUICE_LIB_DIR=str(BUILD / "lib"))
    lines = output(CARGO_TARGET / "release/bench", LD_LIBRARY_PATH=str(BUILD / "lib"), **agent)
    return {name: int(ns) for name, ns in map(str.split, lines.splitlines())}


def main():
    ours = {"PYTHONPATH": str(BUILD / "python")}
    theirs = opentelemetry()
    folder = tempfile.mkdtemp(prefix="sluice-bench.", dir="/tmp")
    try:
        with harness.Agent(harness.Shared(folder)) as agent:
            agent.environment = {}
            agent.start()
            socket = {"SLUICE_SOCKET": str(agent.socket)}
            python = int(output("/usr/bin/python3", "-c", OURS, **ours, **socket))
            sdk = int(output(theirs, "-c", OPENTELEMETRY))
            rows = rust(socket)
        imports = [min(float(output(which, "-c", IMPORT.format(module), **ours)) for _ in range(7))
                   for which, module in (("/usr/bin/python3", "sluice"),
                                         (theirs, "opentelemetry.sdk.trace"))]
    finally:
        shutil.rmtree(folder)
    print(f"Python: a span      {python:6} ns; opentelemetry-python {sdk} ns, {sdk / python:.1f} times that")
    print(f"Python: the import  {imports[0]:6.1f} ms; opentelemetry-python {imports[1]:.1f} ms")
    own = rows["layer"] - rows["tracing"]
    print(f"C: a span           {rows['c']:6} ns; detached, entered and timed as tracing's are {rows['c_entered']} ns")
    print(f"Rust: a span        {rows['layer']:6} ns; tracing with an empty layer {rows['tracing']} ns; ours adds "
          f"{own} ns, {own / rows['c_entered']:.1f} times C's entered one")


if __name__ == "__main__":
    main()
