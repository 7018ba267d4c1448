# SPDX-License-Identifier: MIT
"""What more streams, more images and larger buffers cost the broker."""
import pathlib
import time

from figures import merged, say
from processes import FLIP, Room, cpu_us, family

RATE = 60  # frames a second of every active stream


def memory_kib(process):
    """Private memory of the process and its children."""
    total = 0
    for pid in family(process.pid):
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith(("Private_Clean:", "Private_Dirty:")):
                total += int(line.split()[1])
    return total


def run(seconds, streams=1, idle=0, size="1920x1080", images=3, rate=RATE):
    """The broker's CPU time and memory with so many streams, and what the first one saw."""
    with Room() as room:
        broker = room.broker()
        before_kib = memory_kib(broker)
        consumer = room.measure(FLIP / "see_vdmabuf", "--path", room.consumers, "--seconds", seconds + 3)
        time.sleep(0.2)
        producer = room.measure(
            FLIP / "flip_vdmabuf", "--path", room.producers, "--size", size, "--images", images, "--streams", streams,
            "--idle", idle, "--rate", rate * streams, "--seconds", seconds + 1.5)
        # Until all have announced themselves: pictures are filled first.
        deadline = time.monotonic() + 60
        while cpu_us(producer.pid) < 1000 or (rate and not settled(room, producer)):
            if time.monotonic() > deadline:
                raise RuntimeError("the streams do not come up")
            time.sleep(0.05)
        if not rate:  # as fast as it goes takes all of a processor as well; small pictures are filled soon
            time.sleep(0.5)
        start, used = time.monotonic(), cpu_us(broker.pid)
        time.sleep(seconds)
        used, passed = cpu_us(broker.pid) - used, time.monotonic() - start
        kib = memory_kib(broker) - before_kib
        made = room.result(producer)
        room.end(consumer)
        frames = made["frames"] / made["seconds"] * passed
        result = {"broker_cpu_us_per_second": used / passed, "broker_kib": kib}
        if frames:
            result["broker_cpu_us_per_frame"] = used / frames
            result["fps"] = frames / passed
        return result


def settled(room, producer):
    """Filling the pictures takes all of a processor; what follows does not."""
    before = cpu_us(producer.pid)
    time.sleep(0.15)
    return cpu_us(producer.pid) - before < 0.1e6


def measure(rounds, quick):
    seconds = 1.0 if quick else 1.5
    points = {
        "active": [({"streams": n, "size": "256x256"}, n) for n in ((1, 16) if quick else (1, 4, 16, 64))],
        "idle": [({"streams": 1, "idle": n, "size": "256x256"}, n) for n in ((0, 64) if quick else (0, 16, 64))],
        "only_idle": [({"streams": 0, "idle": n, "size": "256x256"}, n) for n in (0, 64)],
        "images": [({"images": n}, n) for n in ((2, 8) if quick else (2, 4, 8))],
        "buffer_mib": [({"size": size, "images": 2}, mib) for mib, size in
                       ((1, "512x512"), (16, "2048x2048"), (64, "4096x4096"), (256, "8192x8192"))[::3 if quick else 1]],
    }
    results = {}
    for name, series in points.items():
        collected = {number: [] for _, number in series}
        for _ in range((rounds + 1) // 2):
            for options, number in series:
                try:
                    collected[number].append(run(seconds, **options))
                except RuntimeError as error:
                    say(f"scale {name} {number}: {error}")
        results[name] = [{"n": number, **merged(r)} for number, r in collected.items() if r]
        say(f"scale, {name}: broker's CPU " + ", ".join(
            f"{p['n']}: " + (f"{p['broker_cpu_us_per_frame']['median']:.1f} us a frame"
                             if "broker_cpu_us_per_frame" in p else
                             f"{p['broker_cpu_us_per_second']['median']:.1f} us a second") for p in results[name]))
    # Turn and turn about, as a difference that can be measured would be small; at full speed, as a frame at 60
    # frames/s costs by how deep the machine sleeps in between.
    ratios = []
    for _ in range(2 if quick else 8):
        none, many = (run(seconds, size="256x256", idle=n, rate=0)["broker_cpu_us_per_frame"] for n in (0, 64))
        ratios.append(many / none)
    results["idle_ratio"] = merged(ratios)
    say("scale, 64 idle streams beside one over none: " + ", ".join(f"{ratio:.2f}" for ratio in ratios))
    return results
