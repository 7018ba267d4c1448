# SPDX-License-Identifier: MIT
"""A QEMU guest with a network of its user's, a virtio-gpu that VNC shows and our device: what is to run in it is
told it line by line."""
import contextlib
import json
import pathlib
import shlex
import socket
import subprocess
import threading
import time

from processes import FLIP, REPO, TOOLS, Room, free_port

BOOT_LIMIT_S = 120
ANSWER_LIMIT_S = 60
HOST = "10.0.2.2"  # as the guest sees it
GUEST_VNC = 5900


class Guest:
    """Its broker, and VNC's port on the host; ends with its room. `gpu`: more properties of the virtio-gpu."""

    def __init__(self, gpu=""):
        self.room = Room()
        self.clock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.connection = None
        self.pids = []
        self.clock.bind(("127.0.0.1", 0))
        threading.Thread(target=self.tell_time, daemon=True).start()
        try:
            self.boot(gpu)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # The guest switches itself off when there is nobody to listen to.
        for one in (self.connection, self.listener):
            if one:
                one.close()
        self.room.__exit__()
        self.clock.close()

    def tell_time(self):
        while True:
            try:
                _, who = self.clock.recvfrom(16)
                self.clock.sendto(str(time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000).encode(), who)
            except OSError:
                return

    def boot(self, gpu):
        room = self.room
        device = room.folder / "vm.sock"
        self.broker = room.start(TOOLS / "vdmabufd", "--vm", f"bench={device}")
        room.wait_for(device, self.broker)
        modules = subprocess.run([REPO / "scripts/guest/fetch-net-modules.sh", "6.12"], check=True,
                                 capture_output=True, text=True).stdout.strip()
        self.vnc, self.display_vnc = free_port(), free_port()
        words = ["-netdev", f"user,id=net,restrict=off,hostfwd=tcp:127.0.0.1:{self.vnc}-:{GUEST_VNC}",
                 "-device", "virtio-net-pci,netdev=net,romfile=", "-device", f"virtio-gpu-pci{gpu}",
                 "-vnc", f"127.0.0.1:{self.display_vnc - 5900}"]
        self.share = room.folder / "share"
        self.machine = room.start(
            REPO / "scripts/guest/boot.sh", "--vhost-user", device, "--share", self.share, "--mem", 1024,
            *(part for word in words for part in ("--qemu", word)), "--",
            pathlib.Path(__file__).with_name("in_guest.sh"), self.listener.getsockname()[1], modules)
        self.listener.settimeout(1)
        end = time.monotonic() + BOOT_LIMIT_S
        while not self.connection:
            try:
                self.connection, _ = self.listener.accept()
            except TimeoutError:
                if self.machine.poll() is not None or time.monotonic() > end:
                    raise RuntimeError(f"the guest does not come up\n{room.logs()}\n{self.output()}") from None
        self.connection.settimeout(ANSWER_LIMIT_S)
        self.answers = self.connection.makefile("r")

    def output(self):
        return "\n".join(log.read_text(errors="replace")[-800:] for log in sorted(self.share.glob("*.log")))

    def tell(self, line):
        """Runs a line of bash in the guest; returns what it printed."""
        try:
            self.connection.sendall(line.encode() + b"\n")
            status, _, text = self.answers.readline().partition(" ")
        except OSError:
            raise RuntimeError(f"the guest does not answer to: {line}\n{self.output()}") from None
        if status != "0":
            raise RuntimeError(f"in the guest ({status}): {line}\n{text}\n{self.output()}")
        return text.strip()

    def start(self, *command, environment=None):
        """Begins a command in the guest, which ends with the way()."""
        words = [f"{name}={value}" for name, value in (environment or {}).items()]
        self.pids.append(self.tell(shlex.join(["env", *words, *(str(part) for part in command)]) + " >&2 & echo $!"))

    @contextlib.contextmanager
    def way(self):
        """A room for processes of one way; those that it has started in the guest end with it too."""
        with Room() as room:
            try:
                yield room
            finally:
                if self.pids:
                    pids = " ".join(reversed(self.pids))
                    self.pids.clear()
                    self.tell(f"kill {pids} 2>/dev/null; for i in $(seq 50); do kill -0 {pids} 2>/dev/null || break; "
                              f"sleep 0.1; done; kill -9 {pids} 2>/dev/null; wait {pids} 2>/dev/null; true")

    def interrupts(self):
        """Of its virtio devices, up to now. Without a program, whose pages would come by virtio too."""
        return int(self.tell("n=0; while read -r -a w; do [[ ${w[*]} == *virtio* ]] || continue; for v in \"${w[@]:1}\"; do "
                             "[[ $v =~ ^[0-9]+$ ]] || break; ((n += v)); done; done </proc/interrupts; echo $n"))

    def ask_clock(self):
        """How far the host's clock is ahead of the guest's, and how wrong that may be: microseconds."""
        answer = json.loads(self.tell(f"{FLIP}/ask_clock {HOST}:{self.clock.getsockname()[1]}"))
        return answer["ahead_us"], answer["round_trip_us"] / 2
