# SPDX-License-Identifier: MIT
"""Medians of rounds, with their spread."""
import statistics
import sys
import time

START = time.monotonic()


def say(text):
    print(f"[{time.monotonic() - START:6.1f} s] {text}", file=sys.stderr, flush=True)


def spread(values):
    values = sorted(values)
    return {"median": round(statistics.median(values), 3), "min": round(values[0], 3), "max": round(values[-1], 3),
            "rounds": len(values)}


def merged(rounds):
    """The rounds of one thing as one: numbers by their spread, histograms by their sums."""
    first = rounds[0]
    if isinstance(first, dict):
        if first and all(key.isdigit() for key in first) or any(not r and isinstance(r, dict) for r in rounds):
            total = {}
            for one in rounds:
                for key, count in one.items():
                    total[key] = total.get(key, 0) + count
            return total
        return {key: merged([r[key] for r in rounds if key in r]) for key in first}
    if isinstance(first, (int, float)) and not isinstance(first, bool):
        return spread(rounds)
    return first
