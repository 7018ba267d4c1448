# SPDX-License-Identifier: MIT
"""Pictures on their way to a consumer: vdmabuf, and what else brings them there.

The app has nothing to draw, it flips through pictures; the consumer looks at three pixels of each
frame, where a peer shows it. What is measured is the way."""
import contextlib
import subprocess
import time

from figures import merged, say
from processes import FLIP, TOOLS, Room, cpu_us, free_port


class Peer:
    """One way. start() makes its servers and returns the consumer, the producer's command and environment,
    and the processes in between by their names. `copies`: the app copies each picture into its buffer, where
    there was another one."""

    def __init__(self, name, text, start, copies=False):
        self.name, self.text, self.start, self.copies = name, text, start, copies


def vdmabuf(room, size, seconds):
    broker = room.broker()
    consumer = room.measure(FLIP / "see_vdmabuf", "--path", room.consumers, "--seconds", seconds)
    return consumer, [FLIP / "flip_vdmabuf", "--path", room.producers], {}, {"broker": broker}


def see_wayland(room, seconds):
    consumer = room.measure(FLIP / "see_wayland", "--path", "wl-see", "--seconds", seconds)
    room.wait_for(room.folder / "wl-see", consumer)
    return consumer


def wayland(room, size, seconds):
    return see_wayland(room, seconds), [FLIP / "flip_wayland"], {"WAYLAND_DISPLAY": "wl-see"}, {}


def waypipe(*options):
    def start(room, size, seconds, display=None):
        consumer = None
        if display is None:
            consumer, display = see_wayland(room, seconds), "wl-see"
        socket = room.folder / "waypipe.sock"
        client = room.start("waypipe", *options, "-s", socket, "client", environment={"WAYLAND_DISPLAY": display})
        room.wait_for(socket, client)
        server = room.start("waypipe", *options, "-s", socket, "--display", "wl-pipe", "server", "--", "sleep", "1000")
        room.wait_for(room.folder / "wl-pipe", server)
        return consumer, [FLIP / "flip_wayland"], {"WAYLAND_DISPLAY": "wl-pipe"}, {
            "waypipe client": client, "waypipe server": server}
    return start


def weston(room, size, seconds):
    process, display = room.weston(size)
    return None, [FLIP / "flip_wayland"], {"WAYLAND_DISPLAY": display}, {"weston": process}


def waypipe_weston(room, size, seconds):
    process, display = room.weston(size)
    consumer, command, environment, between = waypipe("-c", "none")(room, size, seconds, display)
    return consumer, command, environment, {**between, "weston": process}


def xvfb(room, size, seconds):
    server, number = room.x_server(size)
    consumer = room.measure(FLIP / "see_framebuffer", "--path", room.screen, "--seconds", seconds)
    return consumer, [FLIP / "flip_x11", "--mode", "shm"], {"DISPLAY": f":{number}"}, {"Xvfb": server}


def x11_tcp(room, size, seconds):
    server, number = room.x_server(size, "-listen", "tcp")
    consumer = room.measure(FLIP / "see_framebuffer", "--path", room.screen, "--seconds", seconds)
    return consumer, [FLIP / "flip_x11", "--mode", "socket"], {"DISPLAY": f"127.0.0.1:{number}"}, {"Xvfb": server}


def x11grab(room, size, seconds):
    server, number = room.x_server(size)
    grabber = room.start("ffmpeg", "-nostdin", "-loglevel", "error", "-f", "x11grab", "-framerate", "240", "-video_size", size,
                         "-i", f":{number}", "-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "bgr0", "pipe:1", stdout=subprocess.PIPE)
    consumer = room.measure(FLIP / "see_pipe", "--size", size, "--seconds", seconds, stdin=grabber.stdout)
    grabber.stdout.close()
    return consumer, [FLIP / "flip_x11", "--mode", "shm"], {"DISPLAY": f":{number}"}, {
        "Xvfb": server, "ffmpeg": grabber}


def x11vnc(room, size, seconds):
    server, number = room.x_server(size)
    port = free_port()
    vnc = room.start("x11vnc", "-display", f":{number}", "-rfbport", port, "-localhost", "-nopw", "-quiet", "-forever",
                     "-defer", "1", "-wait", "1", "-shared")
    consumer = room.measure(FLIP / "see_vnc", "--path", f"127.0.0.1:{port}", "--seconds", seconds, "--patience", 10)
    return consumer, [FLIP / "flip_x11", "--mode", "shm"], {"DISPLAY": f":{number}"}, {"Xvfb": server, "x11vnc": vnc}


def vdmabuf_pipewire(room, size, seconds):
    broker, daemon = room.broker(), room.start("pipewire")
    room.wait_for(room.folder / "pipewire-0", daemon)
    consumer = room.measure(FLIP / "see_pipewire", "--path", "vdmabuf.flip", "--seconds", seconds)
    viewer = room.start(TOOLS / "vdmabuf-viewer", "--no-broker", "--headless", "--refresh", "0", "--pipewire")
    return consumer, [FLIP / "flip_vdmabuf", "--path", room.producers], {}, {
        "broker": broker, "viewer": viewer, "PipeWire": daemon}


PEERS = [
    Peer("vdmabuf", "vdmabuf, by its broker", vdmabuf),
    Peer("wayland", "Wayland, a compositor that does not draw: the limit", wayland),
    Peer("waypipe", "waypipe, uncompressed, to that compositor", waypipe("-c", "none")),
    Peer("waypipe_lz4", "waypipe, LZ4, to that compositor", waypipe("-c", "lz4")),
    Peer("vdmabuf_copying", "vdmabuf; the app copies", vdmabuf, True),
    Peer("wayland_copying", "that compositor; the app copies", wayland, True),
    Peer("waypipe_copying", "waypipe, uncompressed, to that compositor; the app copies", waypipe("-c", "none"), True),
    Peer("weston_copying", "Weston (headless, pixman), frames taken; the app copies", weston, True),
    Peer("waypipe_weston_copying", "waypipe, uncompressed, to Weston, frames taken; the app copies", waypipe_weston,
         True),
    Peer("xvfb", "X11 (Xvfb, MIT-SHM)", xvfb),
    Peer("x11_tcp", "X11 by a remote DISPLAY over TCP", x11_tcp),
    Peer("x11grab", "ffmpeg x11grab of Xvfb", x11grab),
    Peer("vdmabuf_pipewire", "vdmabuf-viewer --pipewire, headless", vdmabuf_pipewire),
    Peer("x11vnc", "x11vnc of Xvfb, raw", x11vnc),
]


def figures(seen, made, used, passed):
    """One round: what the consumer saw (`seen`) of what the app made, and CPU time a frame of everybody."""
    frames_per_second = seen["fps"] if seen else made["frames"] / made["seconds"]
    cpu = {"app": made["cpu_us_per_frame"]} if made else {}
    if frames_per_second > 0:
        cpu.update({name: us / passed / frames_per_second for name, us in used.items()})
    if seen:
        cpu["consumer"] = seen["cpu_us_per_frame"]
    result = {"fps": frames_per_second, "cpu_us": cpu, "cpu_us_all": sum(cpu.values())}
    # The consumer polls a screen in some: its cost is not the way's.
    result["cpu_us_way"] = sum(us for name, us in cpu.items() if name != "consumer")
    if seen:
        result["skipped"] = seen["skipped"]
        result["latency_us"] = seen["latency_us"]
        result["histogram"] = seen["histogram"]
    return result


def run(peer, size, seconds, rate=0):
    with Room() as room:
        consumer, command, environment, between = peer.start(room, size, seconds)
        time.sleep(0.3)
        producer = room.measure(*command, "--size", size, "--seconds", seconds + (20 if consumer else 1.5), "--rate", rate,
                                "--copy", int(peer.copies), environment=environment)
        if consumer:
            used, passed, _ = room.watch(consumer, between)
            producer.terminate()
            seen = room.result(consumer)
            if not seen["frames"]:
                raise RuntimeError(f"nothing was seen\n{room.logs()}")
            return figures(seen, room.result(producer), used, passed)
        time.sleep(0.6)  # start and first frames
        before, start = {name: cpu_us(process.pid) for name, process in between.items()}, time.monotonic()
        time.sleep(seconds - 0.5)
        used = {name: cpu_us(process.pid) - before[name] for name, process in between.items()}
        passed = time.monotonic() - start
        return figures(None, room.result(producer), used, passed)


def measure(rounds, quick):
    size = "3840x2160"
    seconds = 1.2 if quick else 1.8
    results = {"size": size, "ways": {}}
    peers = [p for p in PEERS if not quick or p.name not in ("waypipe_lz4", "x11vnc")]
    for kind, rate in (("fast", 0), ("paced", 20)):
        collected = {peer.name: [] for peer in peers}
        for number in range(rounds if rate == 0 else (rounds + 1) // 2):
            for peer in peers:
                if rate and "weston" in peer.name:
                    continue  # nobody sees when it shows a frame
                try:
                    collected[peer.name].append(run(peer, size, seconds, rate))
                except (RuntimeError, subprocess.TimeoutExpired) as error:
                    say(f"{peer.name}: {error}")
            fps = {name: round(r[-1]["fps"], 1) for name, r in collected.items() if r}
            say(f"peers, {kind}, round {number + 1}: frames/s {fps}")
        for peer in peers:
            if collected[peer.name]:
                way = results["ways"].setdefault(peer.name, {"text": peer.text})
                way[kind] = merged(collected[peer.name])
    ways = results["ways"]
    for name in ("", "_copying"):
        with contextlib.suppress(KeyError):
            ours, theirs = ways["vdmabuf" + name]["fast"], ways["waypipe" + name]["fast"]
            results["over_waypipe" + name] = {
                "fps": ours["fps"]["median"] / theirs["fps"]["median"],
                "cpu": ours["cpu_us_all"]["median"] / theirs["cpu_us_all"]["median"],
                "cpu_beside_app": (ours["cpu_us_all"]["median"] - ours["cpu_us"]["app"]["median"]) /
                                  (theirs["cpu_us_all"]["median"] - theirs["cpu_us"]["app"]["median"])}
    return results
