# SPDX-License-Identifier: MIT
"""In a User Mode Linux guest, which runs at nearly the machine's own speed without KVM: what the driver's
calls cost, and vkcube shown on the host against the same without a consumer there."""
import json
import subprocess
import time

from figures import merged, say
from processes import FLIP, RELEASE, REPO, TOOLS, Room, cpu_us

FRAMES = {"500x500": 1500, "1920x1080": 500}
WARM_UP = 30
# vdmabuf-run, guest_micro_bench or -, frames of the short run and of the long one, width, height.
IN_GUEST = r"""
cube() {
  start=$(date +%s%N)
  "$run" vkcube --present_mode 0 --width "$width" --height "$height" --c "$1" >/dev/null 2>&1 || exit 1
  echo $((($(date +%s%N) - start) / 1000))
}
run=$0 micro=null width=$4 height=$5
[ "$1" = - ] || micro=$("$1") || exit 1
cube "$2" >/dev/null || exit 1 # reads what the others find in memory
short=$(cube "$2") || exit 1
long=$(cube "$3") || exit 1
echo "{\"micro\": $micro, \"short\": $short, \"long\": $long}"
"""


def run(size, shown):
    with Room() as room:
        socket = room.folder / "vm.sock"
        broker = room.start(TOOLS / "vdmabufd", "--vm", f"bench={socket}")
        room.wait_for(socket, broker)
        if shown:
            room.start(TOOLS / "vdmabuf-viewer", "--no-broker", "--headless", "--refresh", "0")
        share = room.folder / "share"
        share.mkdir()
        micro = RELEASE / "tests/bench/guest_micro_bench" if shown else "-"
        frames = FRAMES[size]
        boot = subprocess.run(
            [REPO / "scripts/guest/boot.sh", "--vmm", "uml", "--mem", "768", "--vhost-user", socket, "--share", share,
             "--timeout", "120", "--", "bash", "-c", IN_GUEST, TOOLS / "vdmabuf-run", micro, str(WARM_UP),
             str(WARM_UP + frames), *size.split("x")],
            env=room.environment, capture_output=True, text=True, check=False)
        log = share / "guest-output.log"
        if boot.returncode != 0:
            raise RuntimeError(f"the guest failed ({boot.returncode}): {boot.stderr[-800:]}"
                               f"{log.read_text()[-800:] if log.exists() else ''}")
        seen = json.loads(log.read_text().strip().splitlines()[-1])
        if seen["long"] <= seen["short"]:
            raise RuntimeError(f"the machine was busy: {frames} frames more took no longer")
        return frames / (seen["long"] - seen["short"]) * 1e6, seen["micro"]


def run_many(count, seconds):
    """So many guests at once: the broker's CPU time a frame."""
    with Room() as room:
        sockets = [room.folder / f"vm{i}.sock" for i in range(count)]
        broker = room.start(TOOLS / "vdmabufd", *(
            part for i, socket in enumerate(sockets) for part in ("--vm", f"guest{i}={socket}")))
        for socket in sockets:
            room.wait_for(socket, broker)
        room.start(TOOLS / "vdmabuf-viewer", "--no-broker", "--headless", "--refresh", "0")
        guests, shares = [], []
        for i, socket in enumerate(sockets):
            share = room.folder / f"share{i}"
            share.mkdir()
            shares.append(share)
            guests.append(room.start(
                REPO / "scripts/guest/boot.sh", "--vmm", "uml", "--mem", "256", "--vhost-user", socket, "--share", share,
                "--timeout", "60", "--", "sh", "-c", 'touch "$0/up"; exec "$@"', share,
                FLIP / "flip_vdmabuf", "--size", "256x256", "--rate", "60", "--seconds", seconds + 4))
        for guest, share in zip(guests, shares):
            room.wait_for(share / "up", guest, 60)
        time.sleep(1)
        used, start = cpu_us(broker.pid), time.monotonic()
        time.sleep(seconds)
        used, passed = cpu_us(broker.pid) - used, time.monotonic() - start
        fps = 0
        for guest, share in zip(guests, shares):
            if guest.wait(60) != 0:
                raise RuntimeError(f"a guest failed\n{room.logs()}")
            made = json.loads((share / "guest-output.log").read_text().strip().splitlines()[-1])
            fps += made["frames"] / made["seconds"]
        return {"fps": fps, "broker_cpu_us_per_frame": used / passed / fps}


def measure(rounds, quick):
    results, micro = {}, []
    for size in list(FRAMES)[:1] if quick else FRAMES:
        shown, alone, ratios = [], [], []
        for number in range(2 if quick else rounds + 4):
            try:
                # In turns, and each first as often: what the machine does meanwhile falls on both.
                order = (True, False) if number % 2 == 0 else (False, True)
                seen = {with_consumer: run(size, with_consumer) for with_consumer in order}
                (fps, steps), (without, _) = seen[True], seen[False]
            except RuntimeError as error:
                say(f"left out: {error}")
                continue
            shown.append(fps)
            micro.append(steps)
            alone.append(without)
            ratios.append(fps / without)
        if not ratios:
            raise RuntimeError(f"vkcube at {size} in a guest: no round could be used")
        say(f"vkcube {size} in a guest, shown over not shown: " + ", ".join(f"{ratio:.3f}" for ratio in ratios))
        results[size] = {"shown_fps": merged(shown), "alone_fps": merged(alone), "ratio": merged(ratios)}
    guests = []
    for count in (1, 2) if quick else (1, 2, 4):
        guests.append({"n": count, **merged([run_many(count, 2) for _ in range(1 if quick else 3)])})
    say("broker's CPU time a frame: " + ", ".join(
        f"{p['n']} guests {p['broker_cpu_us_per_frame']['median']:.1f} us" for p in guests))
    return {"vkcube": results, "guests": guests, "micro_us": merged(micro)}
