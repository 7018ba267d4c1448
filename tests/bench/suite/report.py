#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""report.py RESULTS.json PICTURES-DIR: the part of docs/performance.md that comes from the suite, on standard
output; its plots, as SVG, in PICTURES-DIR."""
import json
import pathlib
import subprocess
import sys


def number(value):
    """Three digits that count."""
    if value == 0:
        return "0"
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3
    return f"{value:.{digits}f}"


def with_spread(value):
    if not isinstance(value, dict):
        return number(value)
    if value["rounds"] == 1:
        return number(value["median"])
    return f"{number(value['median'])} ({number(value['min'])}–{number(value['max'])})"


def median(value):
    return value["median"] if isinstance(value, dict) else value


def table(head, rows):
    return "\n".join(["| " + " | ".join(head) + " |", "|" + "---|" * len(head)] +
                     ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def verdict(text, value, wanted, good):
    return [text, f"**{value}**", wanted, "yes" if good else "**no**"]


# ---- tables

def targets(r):
    rows = []
    if send := r.get("micro", {}).get("send_to_receive"):
        ratio = send["ratio"]
        rows.append(verdict("send to receive through the broker, over half a round trip of a bare Unix socket",
                            with_spread(ratio), "at most 2", median(ratio) <= 2))
    ways = r.get("peers", {})
    if over := ways.get("over_waypipe"):
        rows.append(verdict("frames per second at 4K over waypipe's; the app flips through pictures that stay in their buffers",
                            number(over["fps"]), "at least 20", over["fps"] >= 20))
        rows.append(verdict("CPU time a frame of that, all processes, over waypipe's", number(over["cpu"]), "at most 0.1",
                            over["cpu"] <= 0.1))
    if over := ways.get("over_waypipe_copying"):
        limit = ways["ways"]["wayland_copying"]["fast"]["fps"]["median"] / ways["ways"]["waypipe_copying"]["fast"]["fps"]["median"]
        rows.append([f"frames per second at 4K over waypipe's; the app copies each picture into its buffer, which bounds it: "
                     f"{number(limit)} by a compositor on the same kernel that does not draw", f"**{number(over['fps'])}**", "–", "–"])
        rows.append([f"CPU time a frame of that, all processes, over waypipe's (without the app's own: "
                     f"{number(over['cpu_beside_app'])})", f"**{number(over['cpu'])}**", "–", "–"])
    if drawing := r.get("drawing"):
        rows.append(verdict("CPU time a frame of a viewer that draws at 4K, over one copy by the same software driver",
                            with_spread(drawing["ratio"]), "at most 1.2", median(drawing["ratio"]) <= 1.2))
    for size, one in r.get("guest", {}).get("vkcube", {}).items():
        rows.append(verdict(f"vkcube at {size} in a guest, shown on the host, over the same without a consumer "
                            f"({number(median(one['shown_fps']))} and {number(median(one['alone_fps']))} frames/s)",
                            with_spread(one["ratio"]), "at least 0.95", median(one["ratio"]) >= 0.95))
    if scale := r.get("scale"):
        most, ratio = scale["idle"][-1]["n"], scale["idle_ratio"]
        rows.append(verdict(f"broker's CPU time a frame with {most} idle streams beside the active one, over none, at full speed",
                            with_spread(ratio), "1, give or take what is measurable", ratio["min"] <= 1.02 and ratio["median"] < 1.1))
        idle = scale["only_idle"][-1]
        rows.append(verdict(f"broker's CPU time a second with {idle['n']} idle streams alone",
                            with_spread(idle["broker_cpu_us_per_second"]) + " µs", "nothing",
                            median(idle["broker_cpu_us_per_second"]) < 100))
    return table(["target", "measured", "wanted", "met"], rows)


def micro(r):
    names = {
        "encode_present": "PRESENT: encode", "validate_present/damage:0": "PRESENT: validate, without damage",
        "validate_present/damage:16": "PRESENT: validate, 16 rectangles",
        "vring_pop_push": "vring: take a chain out, give it back",
        "run_merging/run_kib:4": "guest-physical runs of 4 KiB of a 4K buffer: check and join",
        "run_merging/run_kib:64": "the same, runs of 64 KiB", "run_merging/run_kib:2048": "the same, runs of 2 MiB",
        "map_4k/run_kib:4": "map a 4K buffer whose runs are of 4 KiB, and unmap it",
        "map_4k/run_kib:64": "the same, runs of 64 KiB", "map_4k/run_kib:2048": "the same, runs of 2 MiB",
        "map_4k/run_kib:32400": "the same, one run", "memcpy_4k": "*limit:* memcpy of as many bytes",
        "socket_one_way": "*limit:* half a round trip of a Unix socket, two threads",
        "eventfd_one_way": "*limit:* half a round trip of two eventfds, two threads"}
    steps = r["steps_us"]
    rows = [[text, with_spread(steps[name])] for name, text in names.items() if name in steps]
    send = r["send_to_receive"]
    for key, text in (("send_to_receive", "send to receive, from `present()` until the consumer has the frame"),
                      ("socket_one_way", "*limit:* half a round trip of a bare Unix socket, two processes"),
                      ("bare_relay", "*limit:* by a relay in another process that does nothing else, epoll on both ways"),
                      ("shortest_relay", "*limit:* by a relay that can wait for one socket only, recv on both ways")):
        rows.append([f"{text}: median, p99", f"{with_spread(send[key]['p50'])}, {with_spread(send[key]['p99'])}"])
    for name, text in (("ioctl", "in a guest: an ioctl that does nothing (INFO)"),
                       ("alloc", "in a guest: ALLOC of a 4K buffer"), ("share", "in a guest: SHARE of it"),
                       ("unshare", "in a guest: UNSHARE of it"),
                       ("round_trip", "in a guest: from `present()` until the host's answer is there")):
        if guest := r.get("guest_us", {}).get(name):
            rows.append([text, with_spread(guest)])
    return table(["step", "µs: median (lowest–highest round)"], rows)


def peers(r):
    rows = []
    for way in r["ways"].values():
        fast, paced = way.get("fast"), way.get("paced")
        if not fast:
            continue
        others = {name: us for name, us in fast["cpu_us"].items() if name not in ("app", "consumer")}
        late = paced["latency_us"] if paced and "latency_us" in paced else None
        rows.append([way["text"], with_spread(fast["fps"]), with_spread(fast["cpu_us"]["app"]),
                     ", ".join(f"{name} {number(median(us))}" for name, us in others.items()) or "–",
                     with_spread(fast["cpu_us"]["consumer"]) if "consumer" in fast["cpu_us"] else "–",
                     f"{number(median(late['p50']))}, {number(median(late['p99']))}" if late else "–"])
    return table(["way", "frames/s", "CPU µs a frame: app", "what is between", "consumer",
                  "latency at 20 frames/s, µs: median, p99"], rows)


def guest_peers(r):
    rows, wrong = [], 0
    for size, ways in r.items():
        for way in ways.values():
            fast, paced = way.get("fast"), way.get("paced")
            if not fast:
                continue
            wrong = max(wrong, fast["clock_wrong_us"]["max"])
            others = {name: us for name, us in fast["cpu_us"].items() if not name.startswith(("QEMU", "consumer"))}
            late = paced["latency_us"] if paced else None
            rows.append([size, way["text"], with_spread(fast["fps"]),
                         number(median(fast["cpu_us"]["QEMU, with the app"]) / 1000),
                         ", ".join(f"{name} {number(median(us) / 1000)}" for name, us in others.items()) or "–",
                         number(median(fast["cpu_us"]["consumer"]) / 1000),
                         f"{number(median(fast['interrupts']))}, {number(median(paced['interrupts'])) if paced else '–'}",
                         number(median(paced["cpu_us_all"]) / 1000) if paced else "–",
                         f"{number(median(late['p50']))}, {number(median(late['p99']))}" if late else "–"])
    return table(["size", "way", "frames/s", "CPU ms a frame: QEMU, with the app", "host, between", "consumer",
                  "interrupts of virtio a frame, and at 10 frames/s", "CPU ms a frame of all, at 10 frames/s", "latency at 10 frames/s, µs: median, p99"], rows) + (
        f"\nThe guest's clock is set against the host's before each row and asked again after it: wrong by "
        f"{number(wrong)} µs at most.\n")


def apps(r):
    names = {"xvfb": "natively, Xvfb", "weston": "natively, Weston (pixman)", "headless": "with us, headless consumer",
             "drawing": "with us, viewer that draws on an Xvfb"}
    rows = []
    for app, sizes in r.items():
        for size, ways in sizes.items():
            for way, one in ways.items():
                cpu = ", ".join(f"{name} {number(max(0, median(us)) / 1000)}" for name, us in one["cpu_us"].items())
                copied = with_spread(one["copied_bytes"]) if "copied_bytes" in one else "not counted"
                rows.append([app, size, names[way], with_spread(one["fps"]), cpu, copied])
    return table(["app", "size", "way", "frames/s", "CPU ms a frame", "bytes a frame copied by a CPU between app and draw"],
                 rows)


def scale(r):
    texts = {"active": "active streams, 60 frames/s each", "idle": "idle streams beside one active",
             "only_idle": "idle streams alone", "images": "images of a stream, 1080p", "buffer_mib": "MiB a buffer"}
    rows = []
    for name, text in texts.items():
        for point in r[name]:
            frame = point.get("broker_cpu_us_per_frame")
            rows.append([f"{point['n']} {text}", with_spread(frame) if frame else "–",
                         with_spread(point["broker_cpu_us_per_second"]), with_spread(point["broker_kib"])])
    return table(["", "broker's CPU µs a frame", "broker's CPU µs a second", "broker's memory beyond none, KiB"], rows)


def latency(r):
    rows = [[way["text"]] + [number(median(way["latency_us"][part])) for part in ("p10", "p50", "p90", "p99", "max")]
            for way in r.values()]
    native = r.get("xvfb")
    if native:
        rows += [[f"{way['text']}: added over X11"] +
                 [number(median(way["latency_us"][part]) - median(native["latency_us"][part]))
                  for part in ("p10", "p50", "p90", "p99", "max")]
                 for name, way in r.items() if name in ("fifo", "mailbox", "immediate")]
    return table(["", "p10", "median", "p90", "p99", "most, µs"], rows)


# ---- plots

def plot(path, script, data):
    """Data comes as blocks of lines; `$d0`, `$d1` ... in the script."""
    blocks = "".join(f"$d{i} << END\n{block}\nEND\n" for i, block in enumerate(data))
    text = (f"set terminal svg size 940,420 font 'sans,12' background 'white'\nset output '{path}'\n"
            f"set border 3\nset tics nomirror\nset grid ytics lc rgb '#dddddd'\n{blocks}{script}\n")
    subprocess.run(["gnuplot"], input=text, text=True, check=True)


def quoted(text):
    return '"' + text.replace('"', "'") + '"'


def plots(r, folder):
    folder.mkdir(parents=True, exist_ok=True)
    made = {}
    if ways := r.get("peers", {}).get("ways"):
        rows = [(way["text"], way["fast"]) for way in ways.values() if "fast" in way]
        bars = "\n".join(f"{i} {median(fast['fps'])} {quoted(text)}" for i, (text, fast) in enumerate(rows))
        plot(folder / "ways.svg", "set title 'frames per second that reach a consumer, 3840x2160'\nset logscale x\n"
             "set xrange [1:2000000]\nset yrange [-0.6:%d] reverse\nset lmargin 58\nunset key\nset style fill solid\n"
             "plot $d0 using ($2/2):1:($2/2):(0.35):ytic(3) with boxxyerror lc rgb '#4477aa', "
             "$d0 using 2:1:(sprintf(' %%.0f', $2)) with labels left" % len(rows), [bars])
        made["peers"] = "ways.svg"
    if late := r.get("latency"):
        data = []
        for way in late.values():
            counts = {float(bound): count for bound, count in way["histogram"].items()}
            total = sum(counts.values())
            data.append("\n".join(f"{bound} {100 * counts[bound] / total}" for bound in sorted(counts)))
        lines = ", ".join(f"$d{i} using 1:2 with linespoints lw 2 pt 7 ps 0.4 title {quoted(way['text'])}"
                          for i, way in enumerate(late.values()))
        plot(folder / "latency.svg", "set title 'from present until a consumer has the frame, 60 frames/s, 3840x2160'\n"
             "set logscale x\nset xlabel 'µs'\nset ylabel 'frames, %'\nplot " + lines, data)
        made["latency"] = "latency.svg"
    if many := r.get("scale"):
        data = ["\n".join(f"{max(1, p['n'])} {median(p['broker_cpu_us_per_frame'])}" for p in many[name])
                for name in ("active", "idle")]
        plot(folder / "scale.svg", "set title \"broker's CPU time a frame\"\nset logscale x 2\nset xlabel 'streams'\n"
             "set ylabel 'µs'\nset yrange [0:*]\nplot $d0 with linespoints lw 2 pt 7 title 'active streams', "
             "$d1 with linespoints lw 2 pt 7 title 'idle streams beside one active'", data)
        made["scale"] = "scale.svg"
    return made


def main():
    r = json.loads(pathlib.Path(sys.argv[1]).read_text())
    folder = pathlib.Path(sys.argv[2])
    made = plots(r, folder)

    def picture(name, text):
        return f"\n![{text}]({folder.name}/{made[name]})\n" if name in made else ""

    versions = ", ".join(f"{name} {version}" for name, version in r.get("versions", {}).items())
    print(f"\n## Targets\n\n{targets(r)}")
    print(f"Medians of interleaved rounds; in brackets the lowest and the highest one. {versions}.")
    if "micro" in r:
        print(f"\n## Single steps\n\n{micro({**r['micro'], 'guest_us': r.get('guest', {}).get('micro_us', {})})}")
    if "peers" in r:
        print(f"\n## Ways to a consumer\n\n{peers(r['peers'])}{picture('peers', 'frames per second by way')}\n"
              + (pathlib.Path(__file__).with_name("peers.md").read_text()))
    if "guest_peers" in r:
        print(f"\n## Ways out of a guest\n\n{guest_peers(r['guest_peers'])}\n"
              + (pathlib.Path(__file__).with_name("guest_peers.md").read_text()))
    if "apps" in r:
        print(f"\n## Apps\n\n{apps(r['apps'])}\n" + pathlib.Path(__file__).with_name("apps.md").read_text())
    if "latency" in r:
        print(f"\n## Latency by present mode\n\n{latency(r['latency'])}{picture('latency', 'latency histograms')}")
    if many := r.get("guest", {}).get("guests"):
        print("\n## Guests\n\nEach shows 256x256 at 60 frames/s (User Mode Linux).\n\n" + table(
            ["guests", "frames/s, all", "broker's CPU µs a frame"],
            [[str(p["n"]), with_spread(p["fps"]), with_spread(p["broker_cpu_us_per_frame"])] for p in many]))
    if "scale" in r:
        print(f"\n## Scale\n\n{scale(r['scale'])}{picture('scale', 'CPU time by streams')}")
    print("\n" + pathlib.Path(__file__).with_name("findings.md").read_text().strip())


if __name__ == "__main__":
    main()
