#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_eglinfo.py WITHOUT WITH: what eglinfo says on X11 without the EGL library and with it may
differ where that is meant, and nowhere else."""
import re
import sys
from collections import Counter

GAINED = {
    "EGL_KHR_swap_buffers_with_damage", "EGL_EXT_swap_buffers_with_damage", "EGL_EXT_buffer_age",
    "EGL_KHR_partial_update", "EGL_VDMABUF_host_window", "EGL_NV_post_sub_buffer",
}
# They count refreshes of a screen that shows nothing, or bind pixmaps to textures.
LOST = {"EGL_ANGLE_sync_control_rate", "EGL_CHROMIUM_sync_control", "EGL_NOK_texture_from_pixmap"}


def sections(path):
    found = {"": []}
    name = ""
    with open(path, encoding="utf-8") as file:
        for line in file.read().splitlines():
            head = re.fullmatch(r"(\w+) platform:", line)
            if head:
                name = head.group(1)
            found.setdefault(name, []).append(line)
    return found


def words(lines):
    return {word for line in lines if line.startswith("    ") for word in line.split()
            if word.startswith("EGL_")}


def configurations(lines, native):
    """Without number and visual; of the vendor's, those of TrueColor."""
    rows = Counter()
    for line in lines:
        row = re.fullmatch(r"0x\w+ (.*) 0x\w+(TC|DC|--)\s+(.*?)\s+(\S+)", line)
        if not row or (native and row.group(2) != "TC"):
            continue
        assert set(row.group(4).split(",")) == {"win", "pb", "pix"}, line
        assert row.group(2) == "TC", line
        rows[row.group(1), row.group(3)] += 1
    return rows


def rest(lines):
    return [line for line in lines if not line.startswith(("    ", "0x"))]


def main():
    without, with_us = sections(sys.argv[1]), sections(sys.argv[2])
    assert without.keys() == with_us.keys(), (without.keys(), with_us.keys())
    assert {"X11", "Surfaceless", "Device"} <= without.keys(), without.keys()
    for name, lines in without.items():
        ours = with_us[name]
        if name not in ("", "X11"):
            assert lines == ours, f"{name}: {set(lines) ^ set(ours)}"
            continue
        assert rest(lines) == rest(ours), (name, rest(lines), rest(ours))
        gained, lost = words(ours) - words(lines), words(lines) - words(ours)
        if name == "":
            assert gained == {"EGL_VDMABUF_platform_host"} and not lost, (gained, lost)
        else:
            assert gained <= GAINED <= words(ours) and lost <= LOST, (gained, lost)
    native, ours = configurations(without["X11"], True), configurations(with_us["X11"], False)
    assert native and native == ours, (native - ours, ours - native)
    print(f"{sum(ours.values())} configurations, as the vendor's")


main()
