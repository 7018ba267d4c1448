#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""qmp.py SOCKET COMMAND...: what a user of a guest does, by QEMU's control socket.

  dump FILE           a picture of the screen: PNG, or PPM by the file's name
  keys A-B            keys by QEMU's names, down in this order, then up
  abs X Y             an absolute pointer, in 1/32768 of the screen
  rel X Y             a mouse, in its own units
  button NAME         pressed and released: left, right, wheel-up ...
  touch down|move|up FINGER [X Y]
"""
import json
import socket
import sys


class Qmp:
    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rw")
        self.lines.readline()
        self.run("qmp_capabilities")

    def run(self, command, **arguments):
        self.lines.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.lines.flush()
        while True:
            answer = json.loads(self.lines.readline())
            if "error" in answer:
                sys.exit(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return

    def send(self, *events):
        self.run("input-send-event", events=[{"type": kind, "data": data} for kind, data in events])


def axis(kind, x, y):
    return ((kind, {"axis": "x", "value": int(x)}), (kind, {"axis": "y", "value": int(y)}))


def touch(what, finger, x=0, y=0):
    kind = {"down": "begin", "move": "update", "up": "end"}[what]
    finger = int(finger)
    base = {"slot": finger, "tracking-id": -1 if what == "up" else finger, "axis": "x", "value": 0}
    events = [("mtt", base | {"type": kind})]
    if what != "up":
        events += [("mtt", base | {"type": "data", "axis": name, "value": int(value)})
                   for name, value in (("x", x), ("y", y))]
    return events


def main():
    qmp = Qmp(sys.argv[1])
    words = sys.argv[2:]
    while words:
        what = words.pop(0)
        take = lambda count: [words.pop(0) for _ in range(count)]
        if what == "dump":
            (name,) = take(1)
            qmp.run("screendump", filename=name, format="png" if name.endswith(".png") else "ppm")
        elif what == "keys":
            qmp.run("send-key", keys=[{"type": "qcode", "data": key} for key in take(1)[0].split("-")])
        elif what in ("abs", "rel"):
            qmp.send(*axis(what, *take(2)))
        elif what == "button":
            (name,) = take(1)
            for down in (True, False):
                qmp.send(("btn", {"button": name, "down": down}))
        elif what == "touch":
            how, finger = take(2)
            qmp.send(*touch(how, finger, *(take(2) if how != "up" else ())))
        else:
            sys.exit(__doc__)


main()
