#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The suite of ./bench: sections that measure, one JSON file.

Usage: main.py [--quick] [--rounds N] [--out FILE] [SECTION...]
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import apps  # noqa: E402
import drawing  # noqa: E402
import guest  # noqa: E402
import guest_peers  # noqa: E402
import latency  # noqa: E402
import micro  # noqa: E402
import peers  # noqa: E402
import scale  # noqa: E402
from figures import say  # noqa: E402

SECTIONS = {"micro": micro, "peers": peers, "apps": apps, "drawing": drawing, "latency": latency, "scale": scale, "guest": guest,
            "guest_peers": guest_peers}


def versions():
    packages = {"waypipe": "waypipe", "weston": "Weston", "xvfb": "Xvfb", "x11vnc": "x11vnc", "ffmpeg": "ffmpeg",
                "vulkan-tools": "vkcube", "mesa-vulkan-drivers": "Mesa"}
    found = {}
    for package, name in packages.items():
        output = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True,
                                check=False).stdout
        if output:
            found[name] = re.sub(r"^\d+:", "", output)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds, less of each")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("sections", nargs="*", help=f"of {', '.join(SECTIONS)}; all without any")
    options = parser.parse_args()
    rounds = options.rounds or (1 if options.quick else 3)
    results = json.loads(options.out.read_text()) if options.out.exists() else {}
    results["versions"] = versions()
    failed = []
    for name in options.sections or SECTIONS:
        say(f"== {name}")
        try:
            results[name] = SECTIONS[name].measure(rounds, options.quick)
        except (RuntimeError, OSError, subprocess.SubprocessError) as error:
            say(f"{name} failed: {error}")
            failed.append(name)
        options.out.write_text(json.dumps(results, indent=1))
    if failed:
        sys.exit("failed: " + ", ".join(failed))


if __name__ == "__main__":
    main()
