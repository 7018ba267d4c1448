# SPDX-License-Identifier: MIT
"""Apps through the layer or the EGL library, to a headless consumer and to a viewer that draws, and natively: frames
a second, and CPU time a frame of everybody. What start and end cost is left out by a second, short run."""
import json
import os
import subprocess
import time

from figures import merged, say
from processes import TOOLS, Room, cpu_us

WARM_UP = 6
LIMIT_S = 100


class App:
    """x11() and wayland(): its command without a limit to its speed, for a width, a height and a number of frames.
    `frames`: by size, so many as take a second or two. `rounds`: at most."""

    def __init__(self, name, x11, wayland, frames, rounds):
        self.name, self.x11, self.wayland, self.frames, self.rounds = name, x11, wayland, frames, rounds


def cube(program, mode):
    return lambda width, height, frames: [program, "--present_mode", mode, "--width", width, "--height", height, "--c", frames]


def glmark2(program):
    return lambda width, height, frames: [program, "-s", f"{width}x{height}", "-b", f"build:nframes={frames}"]


GLMARK2_FRAMES = {"256x256": 1500, "1920x1080": 200, "3840x2160": 50, "7680x4320": 16}
APPS = [
    App("vkcube", cube("vkcube", 0), cube("vkcube-wayland", 1),
        {"256x256": 2000, "1920x1080": 160, "3840x2160": 60, "7680x4320": 30}, 2),
    App("glmark2-es2", glmark2("glmark2-es2"), glmark2("glmark2-es2-wayland"), GLMARK2_FRAMES, 2),
    App("glmark2 (Zink with us)", glmark2("glmark2"), None, GLMARK2_FRAMES, 1),
]


def run_app(room, command, environment):
    """Seconds, and CPU microseconds of the app."""
    start = time.monotonic()
    process = room.start(*command, environment=environment)
    end = start + LIMIT_S
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > end:
            raise RuntimeError(f"{command} does not end")
        time.sleep(0.002)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise RuntimeError(f"{command} failed\n{room.logs()}")
    return time.monotonic() - start, (usage.ru_utime + usage.ru_stime) * 1e6


def run(app, way, size):
    frames, command = app.frames[size], app.x11
    screen = "8192x4608"
    with Room() as room:
        servers, environment, runner = {}, {"DISABLE_VDMABUF": "1"}, []
        if way == "weston":
            servers["display"], environment["WAYLAND_DISPLAY"] = room.weston(screen)
            command = app.wayland
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
            runner = [TOOLS / "vdmabuf-run"]
        times = []
        for count in (WARM_UP, WARM_UP + frames):
            before = {name: cpu_us(process.pid) for name, process in servers.items()}
            seconds, used = run_app(room, [*runner, *command(*size.split("x"), count)], environment)
            time.sleep(0.1)
            after = {name: cpu_us(process.pid) - before[name] for name, process in servers.items()}
            times.append((seconds, {"app": used, **after}))
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
    results = {}
    for app in APPS[:1] if quick else APPS:
        for size in ["256x256", "3840x2160"] if quick else app.frames:
            collected = {way: [] for way in WAYS if app.wayland or way != "weston"}
            for _ in range(min(rounds, app.rounds)):
                for way, figures in collected.items():
                    try:
                        figures.append(run(app, way, size))
                    except (RuntimeError, subprocess.SubprocessError, json.JSONDecodeError) as error:
                        say(f"{app.name} {size}, {way}: {error}")
            seen = {way: merged(r) for way, r in collected.items() if r}
            results.setdefault(app.name, {})[size] = seen
            say(f"{app.name} {size}: " + ", ".join(f"{way} {r['fps']['median']:.1f} frames/s" for way, r in seen.items()))
    return results
