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
| glmark2-es2 `build` through the EGL library by \(.egl["1920x1080"].strategy) to a headless consumer, frames per second over native presentation to the same X server, at 1920x1080 | **\(.egl["1920x1080"].ratio | round2)**; \(.egl["1920x1080"].egl_fps) against \(.egl["1920x1080"].native_fps) frames/s | at least 0.95 |
| the same at 3840x2160 | **\(.egl["3840x2160"].ratio | round2)**; \(.egl["3840x2160"].egl_fps) against \(.egl["3840x2160"].native_fps) frames/s | at least 0.95 |
\(if .egl_guest then .egl_guest | to_entries | map("| in a guest of one processor, glmark2-es2 `build` at \(.key) by \(.value.strategy), \(.value.copied_bytes_per_frame) bytes of a frame copied by a CPU: frames per second over native presentation to the X server of that guest | **\(.value.ratio | round2)** (rounds: \(.value.ratios | map(round2 | tostring) | join(", "))); \(.value.egl_ms | round2) against \(.value.native_ms | round2) ms a frame | at least 1.2 |\n") | add else "" end)| time in vkQueuePresentKHR at 3840x2160 over that at 256x256 | **\(.present.ratio | round2)** (rounds: \(.present.ratios | map(round2 | tostring) | join(", "))); \(.present["3840x2160"].present_ns | us) against \(.present["256x256"].present_ns | us) | 0.9 to 1.1 |
\(.calls | map("| vkAcquireNextImageKHR and vkQueuePresentKHR on \(.on) at \(.size), beyond the driver'\''s own submissions in them | **\(.beyond_us | round2) µs** (\(.ratio | round2) times those) | at most 15 µs |") | join("\n"))
| a swapchain from each of \(.threads.count) threads over one from one thread: processor time that a frame costs its thread | **\(.threads.thread_time_ratio | round2)**; frames per second, through one broker and one consumer: \(.threads.throughput_ratio | round2) | no lock that they share |
\(if .viewer then .viewer as $v | ($v.submit | to_entries | map("| a frame of \(.key), received by an idle viewer with a window, until its drawing has been handed to the GPU, p99 | **\(.value.p99 | round2) µs** (p50 \(.value.p50 | round2) µs; a thread that sleeps runs \($v.wake.p50 | round2) µs after it was woken, p99 \($v.wake.p99 | round2) µs) | under 300 µs |") | join("\n")) + "\n| wake-ups of viewer and broker in \($v.still.seconds) s in which the picture stands still | **\($v.still.viewer_wakes)** and **\($v.still.broker_wakes)** | none |\n" else "" end)| sharing a 3840x2160 buffer and importing it on the other side | **\(.registration.median_us | round2) µs** (p90 \(.registration.p90_us | round2) µs) | under 2000 µs |
| in a guest, from ALLOC of a 3840x2160 buffer until the host has imported it and answered its first frame, by \(.guest_registration.path) | **\(.guest_registration.contiguous.median_us | round2) µs** (p90 \(.guest_registration.contiguous.p90_us | round2) µs), of which ALLOC, which zeroes the pages, \(.guest_registration.contiguous.alloc_median_us | round2) µs; \(.guest_registration.contiguous.runs) runs | at most 3000 µs |
| the same from memory in which no more than 64 KiB hang together (\(.guest_registration.fragmented.runs) runs), over the above | **\(.guest_registration.ratio | round2)** (\(.guest_registration.fragmented.median_us | round2) µs, ALLOC \(.guest_registration.fragmented.alloc_median_us | round2) µs) | at most 1.5 |
| the host'\''s part of it (export, import), by host pointer: 64 KiB pieces and 2 MiB pieces | \(.host_part.here["host-pointer"].fragmented.median_us | round2) µs and \(.host_part.here["host-pointer"].contiguous.median_us | round2) µs | |
| the host'\''s part by udmabuf | \(.host_part.uml.udmabuf.fragmented.median_us | round2) µs and \(.host_part.uml.udmabuf.contiguous.median_us | round2) µs | |
\(if .guest_udmabuf then .guest_udmabuf | "| a registration as above, by \(.path), in a QEMU guest of a guest: \(.fragmented.runs) runs over \(.contiguous.runs) runs | **\(.ratio | round2)** (\(.fragmented.median_us | round2) µs and \(.contiguous.median_us | round2) µs, emulated) | at most 1.5 |\n" else "" end)
How they are measured:

- vkcube runs in IMMEDIATE mode under a virtual X server, natively (the driver copies each frame to the
  server) and through the layer (the consumer takes each frame at once, imports by host pointer, copies
  nothing). A short run is subtracted, so that start and end do not count.
- glmark2-es2 draws with llvmpipe, natively and through the EGL library turn and turn about; the ratio is the
  median of those of the pairs.
- glmark2-es2 in a guest: QEMU with TCG (no KVM), Mesa 22.3.6, llvmpipe draws into buffers of vgem; natively before and
  after each run through the EGL library. Emulated, drawing takes most of a frame: without presenting at all
  (`--off-screen`) the ratios would be 1.34 and 1.4.
- vkQueuePresentKHR: wall time of the calling thread, medians over 2000 frames a round, with one empty submission as
  the app'\''s own work. All threads of the app are on one processor here: waking a thread on another one
  costs 5 to 50 µs in this virtual machine, as that happens to sleep, and hides everything else. vkAcquireNextImageKHR takes \(.present["3840x2160"].acquire_ns | us) and
  \(.present["256x256"].acquire_ns | us); an empty vkQueueSubmit of the app, for comparison, \(.present["3840x2160"].submit_ns | us)
  and \(.present["256x256"].submit_ns | us). A swapchain with images that are all with the host waits for one: that is pacing, not cost.
- vkAcquireNextImageKHR and vkQueuePresentKHR: wall time of the calling thread for both, on one processor, less that of
  the same submissions made by the program itself, frame by frame in turns; each present with an id, a
  damaged rectangle, a mode and a present fence, MAILBOX. The consumer takes each frame at once. Weston and
  Xvfb run beside it.
- Threads: each has a device and a queue of its own, of one instance, and so one connection to the host; a
  thread that waits for a lock of others would call the system for it.
- An idle viewer: 10 frames a second come to a window on Xvfb, everybody sleeps in between; from the message in
  the viewer until vkQueueSubmit has returned, p99 of 200 frames, median of the rounds. The baseline is two threads and a condition
  variable, woken as often. Wake-ups are the voluntary context switches of all threads (proc(5)).
- Registration: from handing a buffer of ALLOC to the producer library until the consumer has imported it
  (mapping and vkAllocateMemory with the host pointer), over the Unix socket and the broker; the memory
  itself is allocated before.
- Registration in a guest: User Mode Linux on one processor, the driver, vdmabufd and vdmabuf-viewer
  --headless. All free memory is taken and a frame'\''s worth given back: in pieces of 2 MiB, or in pieces
  of 64 KiB with held ones between them, turn and turn about; the ratio is the median of those of the pairs. A
  program that draws with the CPU maps its buffer besides: \(.guest_registration.contiguous.map_median_us | round2) µs and \(.guest_registration.fragmented.map_median_us | round2) µs, in
  User Mode Linux, whose mappings are the host'\''s.
- By host pointer, each run is a mapping of its own in the consumer, at 1.5 µs: no way was found to get the
  pieces of a file next to each other with fewer calls. A udmabuf is one descriptor, however many runs it has.
- By udmabuf, in one piece: this machine'\''s kernel has no udmabuf, so a User Mode Linux guest that has it plays the host, with
  vdmabufd, vdmabuf-viewer and Mesa 25, and runs a QEMU guest (TCG) with Debian'\''s kernel and the driver. Everything there is several
  times slower than on a machine, guest and host alike: the ratio is what counts.
- The host'\''s part by udmabuf: User Mode Linux with Mesa 25, as this machine'\''s kernel has no udmabuf; system calls
  are several times slower there."
' "$1"
