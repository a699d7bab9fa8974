#!/usr/bin/python3
"""Prints combining_ranges.inc: the code points that take no column of a terminal, since they are drawn
together with what is before them. They are those of the categories Mn and Me, and the vowels and
final consonants of Hangul syllables (jungseong and jongseong)."""
import unicodedata

from code_point_ranges import print_table


def is_combining(code_point):
    return unicodedata.category(chr(code_point)) in ("Mn", "Me") or 0x1160 <= code_point <= 0x11FF


print_table("combining_ranges.py", is_combining)
