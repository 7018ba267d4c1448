# SPDX-License-Identifier: MIT
"""vkcube through the layer, to a headless consumer and to a viewer that draws, and natively: frames a second,
and CPU time a frame of everybody. What start and end cost is left out by a second, short run."""
import json
import os
import subprocess
import time

from figures import merged, say
from processes import TOOLS, Room, cpu_us

SIZES = {"256x256": 2000, "1920x1080": 160, "3840x2160": 60, "7680x4320": 30}  # frames
WARM_UP = 6
LIMIT_S = 100


def cube(room, size, frames, command, environment):
    """Seconds, and CPU microseconds of the app."""
    width, height = size.split("x")
    start = time.monotonic()
    process = room.start(*command, "--present_mode", 1 if command[0] == "vkcube-wayland" else 0, "--width", width, "--height", height, "--c", frames,
                         environment=environment)
    end = start + LIMIT_S
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > end:
            raise RuntimeError("vkcube does not end")
        time.sleep(0.002)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"vkcube failed\n{room.logs()}")
    return time.monotonic() - start, (usage.ru_utime + usage.ru_stime) * 1e6


def run(way, size):
    frames = SIZES[size]
    screen = "8192x4608"
    with Room() as room:
        servers, environment, command = {}, {"DISABLE_VDMABUF": "1"}, ["vkcube"]
        if way == "weston":
            servers["display"], environment["WAYLAND_DISPLAY"] = room.weston(screen)
            command = ["vkcube-wayland"]
        else:
            servers["display"], number = room.x_server(screen)
            environment["DISPLAY"] = f":{number}"
        if way in ("headless", "drawing"):
            servers["broker"] = room.broker()
            stats = room.folder / "viewer.json"
            viewer = [TOOLS / "vdmabuf-viewer", "--no-broker", "--stats", stats]
            if way == "headless":
                viewer += ["--headless", "--refresh", "0"]
                servers["viewer"] = room.start(*viewer)
            else:
                # A display of its own, as the host has.
                shown, other = room.x_server(screen)
                servers["host's display"] = shown
                servers["viewer"] = room.start(*viewer, "--refresh", "0", environment={
                    "DISPLAY": f":{other}", "SDL_VIDEODRIVER": "x11", "DISABLE_VDMABUF": "1"})
            time.sleep(1.0)
            environment = {"DISPLAY": environment["DISPLAY"]}
            command = [TOOLS / "vdmabuf-run", "vkcube"]
        times = []
        for count in (WARM_UP, WARM_UP + frames):
            before = {name: cpu_us(process.pid) for name, process in servers.items()}
            seconds, app = cube(room, size, count, command, environment)
            time.sleep(0.1)
            after = {name: cpu_us(process.pid) - before[name] for name, process in servers.items()}
            times.append((seconds, {"app": app, **after}))
        (short, few), (long, many) = times
        cpu = {name: (many[name] - few[name]) / frames for name in many}
        result = {"fps": frames / (long - short), "cpu_us": cpu, "cpu_us_all": sum(cpu.values())}
        if "viewer" in servers:
            room.end(servers["viewer"])
            seen = json.loads(stats.read_text())
            result["copied_bytes"] = seen["cpu_copied_bytes_per_frame"]
        return result


WAYS = {"xvfb": "natively, Xvfb", "weston": "natively, Weston (pixman)", "headless": "layer, headless consumer",
        "drawing": "layer, viewer that draws on Xvfb"}


def measure(rounds, quick):
    sizes = ["256x256", "3840x2160"] if quick else list(SIZES)
    results = {}
    for size in sizes:
        collected = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                try:
                    collected[way].append(run(way, size))
                except (RuntimeError, subprocess.SubprocessError, json.JSONDecodeError) as error:
                    say(f"vkcube {size}, {way}: {error}")
        results[size] = {way: merged(r) for way, r in collected.items() if r}
        say(f"vkcube {size}: " + ", ".join(f"{way} {r['fps']['median']:.1f} frames/s" for way, r in results[size].items()))
    return results
