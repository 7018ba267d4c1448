#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Counts the instructions that a frame costs our own code, and compares them with the record.

Usage: instruction_counts.py [--record] LAYER-LIBRARY PRESENT-PATH-TEST BROKER-PATH-TEST

Times are noisy and counts are not: a loop, an allocation or a second look at a message on the way
of a frame shows here at once. callgrind counts; what the kernel, the C library and the driver do
is left out. instruction_counts.json beside this file has the record, and by how much a count may
exceed it. --record writes it anew.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

FRAMES = 200  # as in the tests
RUNS = 5
READER = "Connection::Core::read_all"
RECORD = pathlib.Path(__file__).with_name("instruction_counts.json")


def instructions(profile, wanted):
    """Instructions of all functions of one object file, those they call not included."""
    names = {}  # callgrind writes a name once, and its number from then on
    total, inside, skip = 0, False, False
    for line in profile.read_text().splitlines():
        if line.startswith("ob="):
            number, name = re.match(r"ob=\((\d+)\)(?: (.*))?", line).groups()
            if name:
                names[number] = name
            inside = pathlib.Path(names[number]).resolve() == wanted
        elif line.startswith("cob="):
            number, name = re.match(r"cob=\((\d+)\)(?: (.*))?", line).groups()
            if name:
                names[number] = name
        elif line.startswith("calls="):
            skip = True  # the next line is what the callee cost
        elif cost := re.fullmatch(r"[0-9+*-]\S* (\d+)", line):
            if inside and not skip:
                total += int(cost.group(1))
            skip = False
    return total


def count(test, name, counted, option):
    with tempfile.TemporaryDirectory() as folder:
        profile = pathlib.Path(folder) / "profile"
        run = subprocess.run(
            ["valgrind", "--tool=callgrind", "--separate-threads=yes", option, f"--callgrind-out-file={profile}",
             test, f"--gtest_filter={name}"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=100, check=False)
        if run.returncode != 0:
            sys.exit(f"{name} failed under callgrind:\n{run.stdout[-4000:]}")
        wanted = pathlib.Path(counted).resolve()
        # How often the producer library's reader wakes up depends on how busy the machine is.
        threads = [one for one in profile.parent.glob("profile*") if READER not in one.read_text()]
        return round(sum(instructions(one, wanted) for one in threads) / FRAMES)


def main():
    arguments = sys.argv[1:]
    recording = arguments[:1] == ["--record"]
    if recording:
        arguments = arguments[1:]
    if len(arguments) != 3:
        sys.exit(__doc__)
    layer, present_path, broker_path = arguments
    record = json.loads(RECORD.read_text()) if RECORD.exists() else {"tolerance": 0.1, "instructions_per_frame": {}}
    recorded = record["instructions_per_frame"]
    # All threads of the app count; the broker's and the device's turns are switched on and off.
    paths = {
        "layer_and_producer": (present_path, "PresentPath.Frames", layer, "--instr-atstart=no"),
        "broker": (broker_path, "BrokerPath.Socket", broker_path, "--collect-atstart=no"),
        "broker_beside_64_idle_streams": (
            broker_path, "BrokerPath.SocketBesideIdleStreams", broker_path, "--collect-atstart=no"),
        "virtio_device": (broker_path, "DevicePath.Messages", broker_path, "--collect-atstart=no"),
    }
    counts = {}
    for name, path in paths.items():
        # Threads that meet at a lock on a busy machine add some: the lowest of a few counts.
        numbers = []
        while len(numbers) < RUNS and (recording or not numbers or excess(min(numbers), recorded[name], record)):
            numbers.append(count(*path))
        counts[name] = min(numbers)
    if recording:
        recorded.update(counts)
        RECORD.write_text(json.dumps(record, indent=2) + "\n")
    failed = False
    for name, number in counts.items():
        failed |= excess(number, recorded[name], record)
        print(f"{name}: {number} instructions a frame, {recorded[name]} in the record "
              f"({number / recorded[name] - 1:+.1%})")
    if failed:
        sys.exit(f"not within {record['tolerance']:.0%} above the record: find out why, or --record with a reason")


def excess(number, recorded, record):
    """Nothing at all means that nothing was seen."""
    return number < recorded / 10 or number > recorded * (1 + record["tolerance"])


if __name__ == "__main__":
    main()
