# SPDX-License-Identifier: MIT
"""compare_ppm.py FILE WIDTH HEIGHT SERIAL: whether the PPM is the picture of
tests/runtime/viewer/test_picture.hpp in the frame of that serial, byte by byte."""
import sys

path, width, height, serial = sys.argv[1], *map(int, sys.argv[2:])
with open(path, "rb") as file:
    data = file.read()
header = b"P6\n%d %d\n255\n" % (width, height)
if not data.startswith(header):
    sys.exit("not a PPM of %dx%d: %r" % (width, height, data[:20]))


def pixel(x, y):
    if y < height // 16:
        return b"\xff\xff\xff" if serial >> (x * 32 // width) & 1 else b"\0\0\0"
    if y >= height // 2:
        return bytes((240, 220, 20)) if x >= width // 2 else bytes((30, 60, 220))
    return bytes((20, 180, 60)) if x >= width // 2 else bytes((220, 40, 30))


expected = header + b"".join(pixel(x, y) for y in range(height) for x in range(width))
if data != expected:
    wrong = sum(a != b for a, b in zip(data, expected)) + abs(len(data) - len(expected))
    sys.exit("%d bytes differ" % wrong)
print("frame %d is as it was drawn" % serial)
