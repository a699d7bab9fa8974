#!/usr/bin/python3
"""Prints wide_ranges.inc: the code points that take two columns of a terminal, which are those whose
East_Asian_Width (UAX #11) is W or F."""
import unicodedata

from code_point_ranges import print_table


def is_wide(code_point):
    character = chr(code_point)
    # Of code points that are not assigned Python does not know the width.
    return (unicodedata.category(character) != "Cn"
            and unicodedata.east_asian_width(character) in ("W", "F"))


print_table("wide_ranges.py", is_wide)
