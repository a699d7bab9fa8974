#!/usr/bin/python3
"""Prints rust_escape_ranges.inc: the code points above U+007E that Rust's `{:?}` escapes in a string.

They are those of the categories Cc, Cf, Cs, Co, Cn, Zl, Zp and Zs and those with the property
Grapheme_Extend, that is Mn, Me and the list below (Other_Grapheme_Extend of PropList.txt).
"""
import unicodedata

from code_point_ranges import print_table

ESCAPED_CATEGORIES = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs", "Mn", "Me"}
OTHER_GRAPHEME_EXTEND = {
    0x09BE, 0x09D7, 0x0B3E, 0x0B57, 0x0BBE, 0x0BD7, 0x0CC2, 0x0CD5, 0x0CD6, 0x0D3E, 0x0D57, 0x0DCF,
    0x0DDF, 0x1B35, 0x200C, 0x302E, 0x302F, 0xFF9E, 0xFF9F, 0x1133E, 0x11357, 0x114B0, 0x114BD,
    0x115AF, 0x11930, 0x1D165, 0x1D16E, 0x1D16F, 0x1D170, 0x1D171, 0x1D172, *range(0xE0020, 0xE0080),
}


def is_escaped(code_point):
    return (unicodedata.category(chr(code_point)) in ESCAPED_CATEGORIES
            or code_point in OTHER_GRAPHEME_EXTEND)


print_table("rust_escape_ranges.py", is_escaped)
