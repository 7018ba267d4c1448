# SPDX-License-Identifier: MIT
"""Processes that are measured: their CPU time, and their end whatever happens."""
import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import tempfile
import time

REPO = pathlib.Path(__file__).resolve().parents[3]
RELEASE = REPO / "build/release"
TOOLS = RELEASE / "runtime/tools"
FLIP = RELEASE / "tests/bench/flip"


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def family(pid):
    """The process and all of its descendants."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += family(int(child))
    return found


def cpu_us(pid):
    """CPU time that the process and its descendants have used, threads that have ended included."""
    total = 0.0
    for member in family(pid):
        with contextlib.suppress(OSError):
            total += time.clock_gettime((~member << 3) | 2) * 1e6  # its CPUCLOCK_SCHED
    return total


class Room:
    """A folder and the processes that were started in it; all of them end with it."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="vdmabuf-bench-"))
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.folder)}
        for name in ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY", "ENABLE_VDMABUF", "DISABLE_VDMABUF"):
            self.environment.pop(name, None)
        self.processes = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            self.end(process)
        subprocess.run(["rm", "-rf", self.folder], check=False)

    def start(self, *command, environment=None, **options):
        path = self.folder / f"log-{len(self.processes)}"
        log = open(path, "wb")
        process = subprocess.Popen(
            [str(part) for part in command], env={**self.environment, **(environment or {})},
            start_new_session=True, **{"stdout": log, "stderr": log, **options})
        log.close()
        process.log = path
        self.processes.append(process)
        return process

    def measure(self, *command, **options):
        """As start(), for what prints a JSON object at its end (result())."""
        return self.start(*command, stdout=subprocess.PIPE, **options)

    def result(self, process, limit_s=120):
        text, _ = process.communicate(timeout=limit_s)
        if process.returncode != 0 or not text.strip():
            raise RuntimeError(f"{process.args[0]} failed ({process.returncode})\n{self.logs()}")
        return json.loads(text)

    def watch(self, consumer, between, count=lambda: 0, limit_s=120):
        """CPU microseconds of the processes between, by their names, seconds, and how much count() grows in one, while a
        consumer of flip/ measures."""
        end = time.monotonic() + limit_s
        while "measuring" not in consumer.log.read_text(errors="replace") and consumer.poll() is None:
            if time.monotonic() > end:
                raise RuntimeError(f"{consumer.args[0]} sees nothing\n{self.logs()}")
            time.sleep(0.005)
        before, start = {name: cpu_us(process.pid) for name, process in between.items()}, time.monotonic()
        counted = count()
        while "measured" not in consumer.log.read_text(errors="replace") and consumer.poll() is None:
            if time.monotonic() > end:
                raise RuntimeError(f"{consumer.args[0]} does not end\n{self.logs()}")
            time.sleep(0.005)
        passed = time.monotonic() - start
        used = {name: cpu_us(process.pid) - before[name] for name, process in between.items()}
        return used, passed, (count() - counted) / passed

    def logs(self):
        return "\n".join(log.read_text(errors="replace")[-600:] for log in sorted(self.folder.glob("log-*")))

    def end(self, process):
        if process.poll() is not None:
            return
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    def wait_for(self, path, process, limit_s=20):
        end = time.monotonic() + limit_s
        while not pathlib.Path(path).exists():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"{process.args[0]} does not serve\n{self.logs()}")
            time.sleep(0.02)

    # ---- servers

    def broker(self):
        process = self.start(TOOLS / "vdmabufd")
        self.wait_for(self.folder / "vdmabuf/consumer.sock", process)
        return process

    @property
    def producers(self):
        return self.folder / "vdmabuf/producer.sock"

    @property
    def consumers(self):
        return self.folder / "vdmabuf/consumer.sock"

    def x_server(self, size, *options):
        """An Xvfb whose screen is a file (screen). Returns it and its number."""
        reader, writer = os.pipe()
        process = self.start("Xvfb", "-displayfd", writer, "-screen", "0", f"{size}x24", "-fbdir", self.folder,
                             "-noreset", "-ac", *options, pass_fds=[writer])
        os.close(writer)
        with os.fdopen(reader) as pipe:
            number = pipe.readline().strip()
        if not number:
            raise RuntimeError("Xvfb does not start\n" + self.logs())
        return process, number

    @property
    def screen(self):
        return self.folder / "Xvfb_screen0"

    def weston(self, size):
        width, height = size.split("x")
        process = self.start("weston", "--backend=headless-backend.so", "--use-pixman", f"--width={width}",
                             f"--height={height}", "--socket=wl-weston", "--idle-time=0", "--no-config")
        self.wait_for(self.folder / "wl-weston", process)
        return process, "wl-weston"
