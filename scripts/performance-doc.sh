#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Writes docs/performance.md out of ./bench's results.
#
# Usage: scripts/performance-doc.sh RESULTS.json
set -euo pipefail
jq -r '
  def round2: . * 100 | round / 100;
  def us: . / 1000 | round2 | tostring + " µs";
"# Performance

Written by `./bench`. Ratios come from interleaved runs on one machine, so that they carry over to
others; the absolute figures beside them do not.

Machine: \(.machine.cpu), \(.machine.cores) cores, Linux \(.machine.kernel). Vulkan driver: \(.machine.vulkan_driver).

| claim | measured | wanted |
|---|---|---|
| vkcube at 3840x2160 through the layer to a headless consumer, frames per second over native presentation to the same X server | **\(.vkcube_4k.ratio | round2)** (rounds: \(.vkcube_4k.ratios | map(round2 | tostring) | join(", "))); \(.vkcube_4k.layer_fps | round2) against \(.vkcube_4k.native_fps | round2) frames/s | at least 1.3 |
| time in vkQueuePresentKHR at 3840x2160 over that at 256x256 | **\(.present.ratio | round2)** (rounds: \(.present.ratios | map(round2 | tostring) | join(", "))); \(.present["3840x2160"].present_ns | us) against \(.present["256x256"].present_ns | us) | 0.9 to 1.1 |
| sharing a 3840x2160 buffer and importing it on the other side | **\(.registration.median_us | round2) µs** (p90 \(.registration.p90_us | round2) µs) | under 2000 µs |
| in a guest, from ALLOC of a 3840x2160 buffer until the host has imported it and answered its first frame | **\(.guest_registration.contiguous.median_us | round2) µs** (p90 \(.guest_registration.contiguous.p90_us | round2) µs), of which ALLOC, which zeroes the pages, \(.guest_registration.contiguous.alloc_median_us | round2) µs; \(.guest_registration.contiguous.runs) runs; by \(.guest_registration.path) | at most 3000 µs |
| the same from memory in which no more than 64 KiB hang together (\(.guest_registration.fragmented.runs) runs), over the above | **\(.guest_registration.fragmented.median_us / .guest_registration.contiguous.median_us | round2)** (\(.guest_registration.fragmented.median_us | round2) µs, ALLOC \(.guest_registration.fragmented.alloc_median_us | round2) µs) | at most 1.5 |

How they are measured:

- vkcube runs in IMMEDIATE mode under a virtual X server, natively (the driver copies each frame to the
  server) and through the layer (the consumer takes each frame at once, imports by host pointer, copies
  nothing). A short run is subtracted, so that start and end do not count.
- vkQueuePresentKHR: wall time of the calling thread, medians over 2000 frames a round, with one empty submission as
  the app'\''s own work. All threads of the app are on one processor here: waking a thread on another one
  costs 5 to 50 µs in this virtual machine, as that happens to sleep, and hides everything else. vkAcquireNextImageKHR takes \(.present["3840x2160"].acquire_ns | us) and
  \(.present["256x256"].acquire_ns | us); an empty vkQueueSubmit of the app, for comparison, \(.present["3840x2160"].submit_ns | us)
  and \(.present["256x256"].submit_ns | us). A swapchain with images that are all with the host waits for one: that is pacing, not cost.
- Registration: from handing a buffer of ALLOC to the producer library until the consumer has imported it
  (mapping and vkAllocateMemory with the host pointer), over the Unix socket and the broker; the memory
  itself is allocated before.
- Registration in a guest: User Mode Linux on one processor, the driver, vdmabufd and vdmabuf-viewer
  --headless. Free memory is fragmented by taking all of it in pieces of 64 KiB and giving every other
  piece back."
' "$1"
