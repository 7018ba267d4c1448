# SPDX-License-Identifier: MIT
"""A viewer that draws 4K frames on an Xvfb, against one copy of an image to a swapchain by the same driver:
CPU time a frame of the process and of its X server."""
import time

from figures import merged, say
from processes import FLIP, TOOLS, Room, cpu_us

SIZE = "3840x2160"


def copy(seconds):
    with Room() as room:
        server, display = room.x_server(SIZE)
        process = room.measure(FLIP / "copy_bench", "--size", SIZE, "--seconds", seconds,
                               environment={"DISPLAY": f":{display}", "DISABLE_VDMABUF": "1"})
        time.sleep(0.6)
        used, start = cpu_us(server.pid), time.monotonic()
        time.sleep(seconds * 0.7)
        used, passed = cpu_us(server.pid) - used, time.monotonic() - start
        made = room.result(process)
        return {"fps": made["fps"], "process_us": made["cpu_us_per_frame"], "display_us": used / passed / made["fps"]}


def draw(seconds):
    with Room() as room:
        room.broker()
        server, display = room.x_server(SIZE)
        viewer = room.start(TOOLS / "vdmabuf-viewer", "--no-broker", "--refresh", "0", "--fullscreen", environment={
            "DISPLAY": f":{display}", "SDL_VIDEODRIVER": "x11", "DISABLE_VDMABUF": "1"})
        time.sleep(0.7)
        producer = room.measure(FLIP / "flip_vdmabuf", "--path", room.producers, "--size", SIZE, "--seconds",
                                seconds + 1.5)
        time.sleep(1.2)
        before, start = [cpu_us(p.pid) for p in (viewer, server)], time.monotonic()
        time.sleep(seconds * 0.7)
        used, passed = [cpu_us(p.pid) - b for p, b in zip((viewer, server), before)], time.monotonic() - start
        made = room.result(producer)
        fps = made["frames"] / made["seconds"]
        return {"fps": fps, "process_us": used[0] / passed / fps, "display_us": used[1] / passed / fps}


def measure(rounds, quick):
    seconds = 1.5 if quick else 3
    copies, draws, ratios = [], [], []
    for _ in range(max(2, rounds)):
        copies.append(copy(seconds))
        draws.append(draw(seconds))
        cost = [one["process_us"] + one["display_us"] for one in (copies[-1], draws[-1])]
        ratios.append(cost[1] / cost[0])
    say("a viewer that draws over one copy: " + ", ".join(f"{ratio:.2f}" for ratio in ratios))
    return {"copy": merged(copies), "viewer": merged(draws), "ratio": merged(ratios)}
