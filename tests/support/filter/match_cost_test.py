#!/usr/bin/python3
"""Matching a pattern made to explode stays linear in the value, and stops growing where the value is
cut. Counts instructions under valgrind; times play no part.

Usage: match_cost_test.py MATCH_COST"""

import re
import subprocess
import sys
import tempfile

LIMIT = 4096  # kMaxValueBytes


def instructions(program, size):
    with tempfile.NamedTemporaryFile() as out:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}", program, str(size)],
            capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def main():
    program = sys.argv[1]
    base = instructions(program, 0)
    cost = {size: instructions(program, size) - base for size in (LIMIT // 4, LIMIT, 64 * LIMIT)}
    print(f"instructions above the start: {cost}")
    # Four times the value: four times the work, and a fifth for what differs on the way.
    assert cost[LIMIT] <= 5 * cost[LIMIT // 4], "not linear in the value"
    assert cost[LIMIT] <= 200_000 * LIMIT, "too much for one byte"
    # Making a longer value costs a few instructions a byte; looking at it nothing.
    assert cost[64 * LIMIT] <= cost[LIMIT] + 64 * LIMIT * 50, "looks beyond the limit"


main()
