#!/usr/bin/python3
"""set_format_version.py JOURNAL VERSION: has the segments of a journal say that they are of that
version of the format, as another release would have written them."""

import pathlib
import struct
import sys

HEADER_BYTES = 180
VERSION_AT = 8


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


for segment in pathlib.Path(sys.argv[1]).iterdir():
    content = bytearray(segment.read_bytes())
    struct.pack_into("<I", content, VERSION_AT, int(sys.argv[2]))
    struct.pack_into("<I", content, HEADER_BYTES - 4, crc32c(content[: HEADER_BYTES - 4]))
    segment.write_bytes(content)
