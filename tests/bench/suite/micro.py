# SPDX-License-Identifier: MIT
"""Single steps, beside the limits of the machine in the same run."""
import json
import subprocess

from figures import merged, say
from processes import RELEASE, Room

BENCH = RELEASE / "tests/bench"


def measure(rounds, quick):
    output = subprocess.run(
        [BENCH / "micro_bench", "--benchmark_format=json", f"--benchmark_repetitions={rounds}",
         "--benchmark_enable_random_interleaving=true", f"--benchmark_min_time={0.05 if quick else 0.3}"],
        check=True, capture_output=True, text=True).stdout
    steps = {}
    for one in json.loads(output)["benchmarks"]:
        if one["run_type"] == "iteration":
            scale = {"ns": 1e-3, "us": 1.0, "ms": 1e3}[one["time_unit"]]
            steps.setdefault(one["run_name"].replace("/manual_time", ""), []).append(one["real_time"] * scale)
    say("single steps: " + ", ".join(f"{name} {min(us):.3g} us" for name, us in steps.items()))
    sends = []
    for _ in range(rounds):
        with Room() as room:
            room.broker()
            sends.append(room.result(room.measure(
                BENCH / "send_latency_bench", "--producer", room.producers, "--consumer", room.consumers,
                "--rounds", 5 if quick else 20)))
    say("send to receive: " + ", ".join(f"{s['ratio']} of a bare socket's way" for s in sends))
    return {"steps_us": {name: merged(us) for name, us in steps.items()}, "send_to_receive": merged(sends)}
