#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
# quarters.py FILE.png WIDTH HEIGHT: the picture of glfw_window: red and green above, blue and yellow below.
import struct
import sys
import zlib

RED, GREEN, BLUE, YELLOW = b"\xff\0\0", b"\0\xff\0", b"\0\0\xff", b"\xff\xff\0"


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


width, height = int(sys.argv[2]), int(sys.argv[3])
upper = b"\0" + RED * (width // 2) + GREEN * (width - width // 2)
lower = b"\0" + BLUE * (width // 2) + YELLOW * (width - width // 2)
rows = upper * (height // 2) + lower * (height - height // 2)
with open(sys.argv[1], "wb") as file:
    file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)))
    file.write(chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
