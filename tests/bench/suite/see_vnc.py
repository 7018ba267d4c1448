#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""see_vnc.py PORT SECONDS: a VNC client (RFB 3.8, raw) that looks at three pixels of what it is sent; prints
what see_pipe prints."""
import json
import socket
import struct
import sys
import time


def main():
    port, seconds = int(sys.argv[1]), float(sys.argv[2])
    for _ in range(100):
        try:
            connection = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            time.sleep(0.05)
    else:
        sys.exit("see_vnc: no server")
    connection.settimeout(10)
    stream = connection.makefile("rb", buffering=1 << 20)
    stream.read(12)
    connection.sendall(b"RFB 003.008\n")
    stream.read(stream.read(1)[0])
    connection.sendall(b"\x01")  # no password
    stream.read(4)
    connection.sendall(b"\x01")  # shared
    width, height = struct.unpack(">HH", stream.read(4))
    stream.read(16)
    stream.read(struct.unpack(">I", stream.read(4))[0])
    # 32 bits, depth 24, little-endian, red at bit 16.
    connection.sendall(b"\0\0\0\0" + struct.pack(">BBBBHHHBBB", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0) + b"\0\0\0")
    connection.sendall(struct.pack(">BBHi", 2, 0, 1, 0))  # raw
    line = bytearray(16)
    number, first, start, cpu = None, None, None, 0.0
    ages, skipped = [], 0
    connection.sendall(struct.pack(">BBHHHH", 3, 0, 0, 0, width, height))
    while start is None or time.monotonic() < start + seconds:
        kind = stream.read(1)[0]
        if kind != 0:
            if kind == 3:
                stream.read(3)
                stream.read(struct.unpack(">I", stream.read(4))[0])
            continue
        stream.read(1)
        for _ in range(struct.unpack(">H", stream.read(2))[0]):
            x, y, w, h, _ = struct.unpack(">HHHHi", stream.read(12))
            pixels = stream.read(w * h * 4)
            if y == 0 and x == 0 and w >= 4:
                line[:] = pixels[:16]
        connection.sendall(struct.pack(">BBHHHH", 3, 1, 0, 0, width, height))
        mark, low, high = (value & 0xFFFFFF for value in struct.unpack("<III", line[:12]))
        now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        if mark >> 16 != 0x5A or mark & 0xFFFF == number:
            continue
        step = (mark & 0xFFFF) - number & 0xFFFF if number is not None else 1
        number = mark & 0xFFFF
        first = first or time.monotonic()
        if time.monotonic() < first + 0.25:
            continue
        if start is None:
            start, cpu = time.monotonic(), time.process_time()
            continue
        skipped += step - 1
        ages.append(now - (low | high << 24))
    passed = time.monotonic() - start
    cpu = time.process_time() - cpu
    ages.sort()
    part = {name: ages[int(at * (len(ages) - 1))] if ages else 0
            for name, at in (("p10", .1), ("p50", .5), ("p90", .9), ("p99", .99), ("max", 1))}
    histogram = {}
    for age in ages:
        bound = 8.0
        while bound < age:
            bound *= 1.189207115
        histogram[f"{bound:.0f}"] = histogram.get(f"{bound:.0f}", 0) + 1
    print(json.dumps({"frames": len(ages), "skipped": skipped, "seconds": passed, "fps": len(ages) / passed,
                      "cpu_us_per_frame": cpu * 1e6 / max(1, len(ages)), "latency_us": part, "histogram": histogram}))


if __name__ == "__main__":
    main()
