# SPDX-License-Identifier: MIT
"""From present until a consumer has the frame, at 60 frames a second, by present mode; natively the same
app on Xvfb, whose screen is the place to look."""
import peers
from figures import merged, say


def vdmabuf(mode):
    def start(room, size, seconds):
        consumer, command, environment, between = peers.vdmabuf(room, size, seconds)
        return consumer, [*command, "--mode", mode], environment, between
    return start


WAYS = [peers.Peer(mode, f"vdmabuf, {mode.upper()}", vdmabuf(mode)) for mode in ("fifo", "mailbox", "immediate")] + [
    peers.Peer("xvfb", "X11 (Xvfb, MIT-SHM)", peers.xvfb),
    peers.Peer("wayland", "Wayland, a compositor that does not draw", peers.wayland)]


def measure(rounds, quick):
    collected = {way.name: [] for way in WAYS}
    for number in range(rounds):
        for way in WAYS:
            collected[way.name].append(peers.run(way, "3840x2160", 1.5 if quick else 3, 60))
        say(f"latency, round {number + 1} of {rounds}: " + ", ".join(
            f"{name} {r[-1]['latency_us']['p50']} us" for name, r in collected.items()))
    return {way.name: {"text": way.text, **merged(collected[way.name])} for way in WAYS}
