#!/usr/bin/python3
"""Prints hidden_ranges.inc: the code points from U+007F on that lines of a log escape, because they
show nothing themselves and change how what is around them reads.

They are those of the categories Cc, Cf, Zl and Zp and those with the property
Default_Ignorable_Code_Point, which is the list below (DerivedCoreProperties.txt).
"""
import unicodedata

from code_point_ranges import print_table

HIDDEN_CATEGORIES = {"Cc", "Cf", "Zl", "Zp"}
DEFAULT_IGNORABLE = [
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5),
    (0x180B, 0x180F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164),
    (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
]


def is_hidden(code_point):
    return (unicodedata.category(chr(code_point)) in HIDDEN_CATEGORIES
            or any(first <= code_point <= last for first, last in DEFAULT_IGNORABLE))


print_table("hidden_ranges.py", is_hidden)
