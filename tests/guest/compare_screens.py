#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_screens.py A.ppm B.ppm: where two pictures differ, as "X Y WIDTH HEIGHT"; "same" where they do not."""
import sys


def load(path):
    with open(path, "rb") as file:
        data = file.read()
    kind, width, height, _ = data.split(maxsplit=4)[:4]
    assert kind == b"P6", path
    size = int(width) * int(height) * 3
    return int(width), int(height), data[len(data) - size:]


a_width, a_height, a = load(sys.argv[1])
b_width, b_height, b = load(sys.argv[2])
if (a_width, a_height) != (b_width, b_height):
    sys.exit("compare_screens: of different sizes")
row = a_width * 3
rows = [y for y in range(a_height) if a[y * row:(y + 1) * row] != b[y * row:(y + 1) * row]]
if not rows:
    print("same")
    sys.exit()
columns = [x for x in range(a_width)
           if any(a[y * row + x * 3:y * row + x * 3 + 3] != b[y * row + x * 3:y * row + x * 3 + 3] for y in rows)]
print(columns[0], rows[0], columns[-1] - columns[0] + 1, rows[-1] - rows[0] + 1)
