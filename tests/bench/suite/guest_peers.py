# SPDX-License-Identifier: MIT
"""Ways out of a QEMU guest: ours, and what else shows a guest's windows on its host. The same app at the same
sizes in the same guest; the consumers are those of peers.py, on the host."""
import contextlib
import os
import subprocess

import peers
from figures import merged, say
from guest_machine import GUEST_VNC, HOST, Guest
from processes import FLIP, free_port

SIZES = ("640x480", "1920x1080")
PATIENCE_S = 20  # an emulated guest takes its time to begin


class Way(peers.Peer):
    """start() returns the consumer, the producer's command and environment in the guest, and what is in between on the
    host beside QEMU."""


def until(condition):
    return f"for i in $(seq 200); do {condition} && break; sleep 0.1; done; {condition}"


def see(room, program, seconds, path):
    return room.measure(FLIP / program, "--path", path, "--seconds", seconds, "--patience", PATIENCE_S)


def vdmabuf(guest, room, size, seconds):
    consumer = see(room, "see_vdmabuf", seconds, guest.room.consumers)
    return consumer, [FLIP / "flip_vdmabuf"], {}, {"broker": guest.broker}


def virtio_gpu(guest, room, size, seconds):
    consumer = see(room, "see_vnc", seconds, f"127.0.0.1:{guest.display_vnc}")
    return consumer, [FLIP / "flip_kms", "--path", "/dev/dri/card0"], {}, {}


def x11vnc(guest, room, size, seconds):
    guest.start("Xvfb", ":7", "-screen", "0", f"{size}x24", "-noreset", "-ac")
    guest.tell(until("[ -S /tmp/.X11-unix/X7 ]"))
    guest.start("x11vnc", "-display", ":7", "-rfbport", GUEST_VNC, "-nopw", "-quiet", "-forever", "-shared",
                "-defer", "1", "-wait", "1")
    guest.tell(until(f"(exec 4<>/dev/tcp/127.0.0.1/{GUEST_VNC}) 2>/dev/null"))
    consumer = see(room, "see_vnc", seconds, f"127.0.0.1:{guest.vnc}")
    return consumer, [FLIP / "flip_x11", "--mode", "shm"], {"DISPLAY": ":7"}, {}


def waypipe(guest, room, size, seconds):
    consumer = see(room, "see_wayland", seconds, "wl-see")
    room.wait_for(room.folder / "wl-see", consumer)
    pipe = room.folder / "waypipe.sock"
    client = room.start("waypipe", "-c", "none", "-s", pipe, "client", environment={"WAYLAND_DISPLAY": "wl-see"})
    room.wait_for(pipe, client)
    port = free_port()
    relay = room.start("socat", f"TCP-LISTEN:{port},bind=127.0.0.1,nodelay,fork", f"UNIX-CONNECT:{pipe}")
    guest.tell("rm -f /run/pipe /run/user/0/wl-pipe*")
    guest.start("socat", "UNIX-LISTEN:/run/pipe,fork", f"TCP:{HOST}:{port},nodelay")
    guest.tell(until("[ -S /run/pipe ]"))
    guest.start("waypipe", "-c", "none", "-s", "/run/pipe", "--display", "wl-pipe", "server", "--", "sleep", "1000")
    guest.tell(until("[ -S /run/user/0/wl-pipe ]"))
    return consumer, [FLIP / "flip_wayland"], {"WAYLAND_DISPLAY": "wl-pipe"}, {
        "waypipe client": client, "socat": relay}


def x11_tcp(guest, room, size, seconds):
    server, number = room.x_server(size, "-listen", "tcp")
    consumer = see(room, "see_framebuffer", seconds, room.screen)
    return consumer, [FLIP / "flip_x11", "--mode", "socket"], {"DISPLAY": f"{HOST}:{number}"}, {"Xvfb": server}


WAYS = [
    Way("vdmabuf", "vdmabuf", vdmabuf),
    Way("virtio_gpu", "virtio-gpu (2D), flipped by KMS, QEMU's VNC", virtio_gpu),
    Way("x11vnc", "Xvfb and x11vnc in the guest", x11vnc),
    Way("waypipe", "waypipe over TCP, uncompressed", waypipe),
    Way("x11_tcp", "X11 by a remote DISPLAY over TCP", x11_tcp),
    Way("vdmabuf_copying", "vdmabuf; the app copies", vdmabuf, True),
    Way("virtio_gpu_copying", "virtio-gpu (2D), QEMU's VNC; the app copies", virtio_gpu, True),
    Way("waypipe_copying", "waypipe over TCP, uncompressed; the app copies", waypipe, True),
]
BLOB = [Way("virtio_gpu_blob", "virtio-gpu (blob), flipped by KMS, QEMU's VNC", virtio_gpu)]


def run(guest, way, size, seconds, rate):
    with guest.way() as room:
        ahead, wrong = guest.ask_clock()
        consumer, command, environment, between = way.start(guest, room, size, seconds)
        guest.start(*command, "--size", size, "--seconds", 100, "--rate", rate, "--copy", int(way.copies),
                    "--ahead", ahead, environment=environment)
        used, passed, interrupts = room.watch(consumer, {"QEMU, with the app": guest.machine, **between}, guest.interrupts)
        seen = room.result(consumer)
        if not seen["frames"]:
            raise RuntimeError(f"nothing was seen\n{room.logs()}\n{guest.output()}")
        later, _ = guest.ask_clock()
        return {**peers.figures(seen, None, used, passed), "interrupts": interrupts / seen["fps"],
                "clock_wrong_us": max(wrong, abs(later - ahead))}


def measure_guest(guest, ways, sizes, rounds, quick):
    seconds = 1.2 if quick else 1.8
    for size in sizes:
        collected = {way.name: {} for way in ways}
        for number in range(rounds):
            for way in ways:
                for kind, rate in (("fast", 0), ("paced", 10)):
                    if rate and (number or quick and way.copies):
                        continue
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        try:
                            collected[way.name].setdefault(kind, []).append(run(guest, way, size, seconds, rate))
                        except RuntimeError as error:
                            say(f"{way.name}, {size}: {error}")
            say(f"out of a guest, {size}, round {number + 1}: frames/s " + ", ".join(
                f"{name} {kinds['fast'][-1]['fps']:.1f}" for name, kinds in collected.items() if kinds.get("fast")))
        yield size, {way.name: {"text": way.text, **{kind: merged(r) for kind, r in collected[way.name].items() if r}}
                     for way in ways}


def measure(rounds, quick):
    sizes = SIZES[:1] if quick else SIZES
    rounds = 1 if quick else 2
    ways = [way for way in WAYS if not quick or way.name in ("vdmabuf", "virtio_gpu", "waypipe")]
    with Guest() as guest:
        results = dict(measure_guest(guest, ways, sizes, rounds, quick))
    if os.path.exists("/dev/udmabuf"):
        with Guest(gpu=",blob=on") as guest:
            for size, ways in measure_guest(guest, BLOB, sizes, rounds, quick):
                results[size].update(ways)
    return results
