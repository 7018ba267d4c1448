#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The suite's own parts: frames that are counted do arrive, all of them, and CPU times are those of who ran."""
import sys

import peers

for peer in peers.PEERS:
    if peer.name not in ("vdmabuf", "vdmabuf_copying", "wayland", "xvfb"):
        continue
    seen = peers.run(peer, "256x256", 1, 50)
    print(peer.name, seen["fps"], seen["cpu_us"])
    if not 10 < seen["fps"] < 55:
        sys.exit(f"{peer.name}: {seen['fps']} frames/s of 50")
    # Who looks at a screen may miss some.
    if peer.name != "xvfb" and seen["skipped"]:
        sys.exit(f"{peer.name}: {seen['skipped']} frames did not arrive")
    if any(us <= 0 for us in seen["cpu_us"].values()):
        sys.exit(f"{peer.name}: somebody used no CPU time: {seen['cpu_us']}")
