#!/usr/bin/python3
"""Prints what a filter's decision costs here and in tracing-subscriber, CPU time, side by side. Needs
filter_bench of the release preset, cargo and crates.io."""

import json
import os
import pathlib
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
OURS = REPOSITORY / "build/release/bench/filter_bench"
CRATE = REPOSITORY / "tests/interop/env_filter"
CARGO_TARGET = REPOSITORY / "build/cargo"


def ours():
    done = subprocess.run([OURS, "--benchmark_format=json"], capture_output=True, text=True,
                          check=True)
    return {one["name"]: f"{one['cpu_time']:.1f}"
            for one in json.loads(done.stdout)["benchmarks"]}


def theirs():
    subprocess.run(["cargo", "build", "--quiet", "--release", "--locked"], cwd=CRATE, check=True,
                   env={**os.environ, "CARGO_TARGET_DIR": str(CARGO_TARGET)})
    done = subprocess.run([CARGO_TARGET / "release/env_filter", "--bench"], capture_output=True,
                          text=True, check=True)
    return dict(line.split("\t") for line in done.stdout.splitlines())


def main():
    left, right = ours(), theirs()
    print(f"{'ns of CPU time a decision':<36} {'sluice':>10} {'EnvFilter':>10}")
    for name in [*left, *(name for name in right if name not in left)]:
        print(f"{name:<36} {left.get(name, '-'):>10} {right.get(name, '-'):>10}")


main()
