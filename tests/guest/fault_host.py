#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""fault_host.py SOCKET: a host for the driver's device that does what it is told to do wrong.

It serves one vhost-user connection. What a guest sends as a MESSAGE is an order to it, which
fault_test.cpp gives; see Host.ORDERS. What the driver sends is checked: a command that breaks the
contract ends this program with status 1.
"""
import array
import contextlib
import mmap
import os
import select
import socket
import struct
import sys
import time

OK, PENDING, UNSUPPORTED, NO_CHANNEL, NO_BUFFER, EXISTS, QUOTA, ADDRESS = 0, 1, 3, 4, 5, 6, 7, 8
OPEN, CLOSE, CREATE, DESTROY, MESSAGE = 1, 2, 3, 4, 5
EVT_MESSAGE, EVT_CLOSED, EVT_RELEASED, EVT_RESYNC = 1, 2, 3, 4
COMMANDS, EVENTS = 0, 1
PAGE = 4096
CHANNELS, BUFFERS = 64, 512
CONFIG = struct.pack('<HHIIIQQI3I', 1, 1, CHANNELS, BUFFERS, 65536, 256 << 20, 128 << 20, PAGE,
                     0, 0, 0)
FEATURES = 1 << 32 | 1 << 30  # VERSION_1, PROTOCOL_FEATURES
# MQ, REPLY_ACK, BACKEND_REQ, CONFIG, CONFIGURE_MEM_SLOTS
PROTOCOL_FEATURES = 1 << 0 | 1 << 3 | 1 << 5 | 1 << 9 | 1 << 15


def require(condition, what):
    if not condition:
        raise AssertionError(what)


class Region:
    def __init__(self, words, fd):
        self.gpa, self.size, self.address, offset = words
        start = offset & ~(PAGE - 1)
        self.skip = offset - start
        self.map = mmap.mmap(fd, self.size + self.skip, mmap.MAP_SHARED, offset=start)
        os.close(fd)


class Memory:
    """Guest memory, by guest-physical address or by the VMM's."""

    def __init__(self):
        self.regions = []

    def find(self, at, size, key='gpa'):
        for region in self.regions:
            begin = getattr(region, key)
            if begin <= at and at + size <= begin + region.size:
                return region.map, region.skip + at - begin
        return None

    def read(self, at, size, key='gpa'):
        place = self.find(at, size, key)
        require(place, f'read of {at:#x}')
        return bytes(place[0][place[1]:place[1] + size])

    def write(self, at, data, key='gpa'):
        place = self.find(at, len(data), key)
        require(place, f'write to {at:#x}')
        place[0][place[1]:place[1] + len(data)] = data


class Queue:
    """A split virtqueue. Chains are completed in order."""

    def __init__(self, memory):
        self.memory = memory
        self.size = self.next = 0
        self.rings = self.kick = self.call = None
        self.kicks = self.interrupts = 0

    def take(self):
        """The next chain: (head, readable parts, writable parts), or None."""
        if self.kick is None or not self.rings:
            return None
        table, _, avail = self.rings
        if struct.unpack('<H', self.memory.read(avail + 2, 2, 'address'))[0] == self.next:
            return None
        place = avail + 4 + 2 * (self.next % self.size)
        head = at = struct.unpack('<H', self.memory.read(place, 2, 'address'))[0]
        readable, writable = [], []
        while True:
            addr, length, flags, following = struct.unpack(
                '<QIHH', self.memory.read(table + 16 * at, 16, 'address'))
            (writable if flags & 2 else readable).append((addr, length))
            if not flags & 1:
                return head, readable, writable
            at = following

    def want_kicks(self, wanted):
        """VIRTQ_USED_F_NO_NOTIFY, or not."""
        self.memory.write(self.rings[1], struct.pack('<H', 0 if wanted else 1), 'address')

    def give_back(self, head, length):
        used = self.rings[1]
        index = struct.unpack('<H', self.memory.read(used + 2, 2, 'address'))[0]
        entry = used + 4 + 8 * (index % self.size)
        self.memory.write(entry, struct.pack('<II', head, length), 'address')
        self.memory.write(used + 2, struct.pack('<H', (index + 1) & 0xffff), 'address')
        self.next = (self.next + 1) & 0xffff

    def interrupt(self):
        """Unless the driver does not want to hear of it (VIRTQ_AVAIL_F_NO_INTERRUPT)."""
        unwanted = self.memory.read(self.rings[2], 2, 'address')[0] & 1
        if self.call is not None and not unwanted:
            self.interrupts += 1
            with contextlib.suppress(BlockingIOError):
                os.write(self.call, struct.pack('<Q', 1))


class Host:
    def __init__(self):
        self.memory = Memory()
        self.queues = [Queue(self.memory) for _ in range(2)]
        self.generation = 1
        self.reset()

    def reset(self):
        self.forget()
        self.events = []  # (bytes, used length) that wait for a buffer of the driver
        self.mute_until = 0
        self.restart_at = 0
        self.statuses = {}  # command type: (status, how many more)
        self.keep = 0  # so many DESTROYs are PENDING
        self.bad_length = None

    def forget(self):
        self.channels = set()
        self.buffers = {}  # (channel, id): runs
        self.pending = []

    def restart(self):
        self.forget()
        self.generation += 1
        self.event(EVT_RESYNC, 0, struct.pack('<Q', self.generation))

    # ---- Events

    def event(self, kind, channel, body):
        raw = struct.pack('<IIII', kind, 16 + len(body), channel, 0) + body
        self.events.append((raw, len(raw)))

    def say(self, channel, data):
        self.event(EVT_MESSAGE, channel, data)

    def deliver(self):
        queue = self.queues[EVENTS]
        done = waits = False
        while self.events and queue.rings:
            chain = queue.take()
            if not chain and waits:
                break
            waits = not chain
            if waits:  # the driver is to say when it has buffers; it may have just got them
                queue.want_kicks(True)
                continue
            head, _, writable = chain
            raw, length = self.events.pop(0)
            self.memory.write(writable[0][0], raw[:writable[0][1]])
            queue.give_back(head, length)
            done = True
        if queue.rings and not self.events:
            queue.want_kicks(False)
        if done:
            queue.interrupt()

    # ---- Commands

    def serve(self):
        queue = self.queues[COMMANDS]
        done = False
        while time.monotonic() >= self.mute_until and (chain := queue.take()):
            head, readable, writable = chain
            status = self.execute(b''.join(self.memory.read(*part) for part in readable))
            self.memory.write(writable[0][0], struct.pack('<II', status, 0))
            length, self.bad_length = 8 if self.bad_length is None else self.bad_length, None
            queue.give_back(head, length)
            done = True
        if done:
            queue.interrupt()
        self.deliver()

    def execute(self, raw):
        kind, size, channel, reserved = struct.unpack('<IIII', raw[:16])
        require(size == len(raw) and not reserved and channel, f'header {raw[:16].hex()}')
        status, more = self.statuses.get(kind, (OK, 0))
        if more:
            self.statuses[kind] = (status, more - 1)
            return status
        if kind == OPEN:
            require(size == 40, 'size of CHANNEL_OPEN')
            if channel in self.channels:
                return EXISTS
            if len(self.channels) >= CHANNELS:
                return QUOTA
            self.channels.add(channel)
            return OK
        if kind == DESTROY:
            return self.destroy(channel, raw[16:])
        if channel not in self.channels:
            return NO_CHANNEL
        if kind == CLOSE:
            self.channels.remove(channel)
            self.buffers = {key: runs for key, runs in self.buffers.items() if key[0] != channel}
            return OK
        if kind == CREATE:
            return self.create(channel, raw)
        if kind == MESSAGE:
            self.obey(channel, raw[16:])
            return OK
        return UNSUPPORTED

    def create(self, channel, raw):
        identity = raw[16:32]
        size, count, reserved = struct.unpack('<QII', raw[32:48])
        require(len(raw) == 48 + 16 * count and any(identity) and not reserved, 'BUFFER_CREATE')
        runs = [struct.unpack_from('<QQ', raw, 48 + 16 * i) for i in range(count)]
        require(sum(length for _, length in runs) == size, 'size of a buffer')
        for gpa, length in runs:
            require(length and gpa % PAGE == 0 and length % PAGE == 0, f'run {gpa:#x} {length:#x}')
            if not self.memory.find(gpa, length):
                return ADDRESS
        if (channel, identity) in self.buffers:
            return EXISTS
        if len(self.buffers) + len(self.pending) >= BUFFERS:
            return QUOTA
        self.buffers[channel, identity] = runs
        return OK

    def destroy(self, channel, identity):
        if (channel, identity) not in self.buffers:
            return NO_BUFFER if channel in self.channels else NO_CHANNEL
        del self.buffers[channel, identity]
        if not self.keep:
            return OK
        self.keep -= 1
        self.pending.append((channel, identity))
        return PENDING

    # ---- Orders

    def obey(self, channel, message):
        word, _, rest = message.partition(b' ')
        order = self.ORDERS.get(word.decode(errors='replace'))
        if order:
            order(self, channel, rest)

    def echo(self, channel, rest):
        self.say(channel, rest)

    def flood(self, channel, rest):
        count, size = map(int, rest.split())
        for i in range(count):
            self.say(channel, str(i).encode().ljust(size, b'\0'))

    def close(self, channel, rest):
        self.event(EVT_CLOSED, channel, struct.pack('<II', int(rest), 0))
        self.channels.remove(channel)

    def resync(self, _, rest):
        for _ in range(int(rest)):
            self.restart()

    def lose(self, _, rest):
        """All is forgotten at once, and RESYNC comes later."""
        self.forget()
        self.restart_at = time.monotonic() + float(rest)

    def hold(self, _, rest):
        self.keep = int(rest)

    def release(self, _, __):
        for channel, identity in self.pending:
            self.event(EVT_RELEASED, channel, identity)
        self.pending = []

    def mute(self, _, rest):
        self.mute_until = time.monotonic() + float(rest)

    def status(self, _, rest):
        kind, status, count = map(int, rest.split())
        self.statuses[kind] = (status, count)

    def raw_event(self, _, rest):
        """Any bytes as an event, with any used length."""
        data, _, length = rest.partition(b' ')
        raw = bytes.fromhex(data.decode())
        self.events.append((raw, int(length or len(raw))))

    def length(self, _, rest):
        self.bad_length = int(rest)

    def count(self, channel, _):
        self.say(channel, f'{len(self.channels)} {len(self.buffers)} {len(self.pending)}'.encode())

    def traffic(self, channel, _):
        """Kicks and interrupts of all queues until now."""
        self.say(channel, '{} {}'.format(sum(queue.kicks for queue in self.queues),
                                         sum(queue.interrupts for queue in self.queues)).encode())

    def at(self, channel, identity, offset):
        for gpa, length in self.buffers[channel, bytes.fromhex(identity.decode())]:
            if offset < length:
                return gpa + offset
            offset -= length
        raise AssertionError('an offset outside of the buffer')

    def peek(self, channel, rest):
        identity, offset, size = rest.split()
        self.say(channel, self.memory.read(self.at(channel, identity, int(offset)), int(size)))

    def poke(self, channel, rest):
        identity, offset, data = rest.split()
        self.memory.write(self.at(channel, identity, int(offset)), data)
        self.say(channel, b'done')

    ORDERS = {
        'echo': echo, 'flood': flood, 'close': close, 'resync': resync, 'lose': lose, 'hold': hold,
        'release': release, 'mute': mute, 'status': status, 'raw': raw_event, 'length': length,
        'count': count, 'traffic': traffic, 'peek': peek, 'poke': poke,
    }

    # ---- vhost-user

    def handle(self, request, payload, fds):
        """One message of the front end. What is returned is the reply, if it has one."""
        def word():
            return struct.unpack_from('<Q', payload)[0]
        if request == 1:  # GET_FEATURES
            return struct.pack('<Q', FEATURES)
        if request == 15:  # GET_PROTOCOL_FEATURES
            return struct.pack('<Q', PROTOCOL_FEATURES)
        if request == 17:  # GET_QUEUE_NUM
            return struct.pack('<Q', len(self.queues))
        if request == 36:  # GET_MAX_MEM_SLOTS
            return struct.pack('<Q', 64)
        if request == 24:  # GET_CONFIG
            offset, size, _ = struct.unpack_from('<III', payload)
            return payload[:12] + CONFIG[offset:offset + size].ljust(size, b'\0')
        if request == 5:  # SET_MEM_TABLE
            count = struct.unpack_from('<I', payload)[0]
            self.memory.regions = [Region(struct.unpack_from('<QQQQ', payload, 8 + 32 * i), fds[i])
                                   for i in range(count)]
        elif request == 37:  # ADD_MEM_REG
            self.memory.regions.append(Region(struct.unpack_from('<QQQQ', payload, 8), fds[0]))
        elif request == 38:  # REM_MEM_REG
            gpa, size = struct.unpack_from('<QQ', payload, 8)
            self.memory.regions = [region for region in self.memory.regions
                                   if (region.gpa, region.size) != (gpa, size)]
        elif request == 8:  # SET_VRING_NUM
            index, size = struct.unpack('<II', payload)
            self.queues[index].size = size
        elif request == 9:  # SET_VRING_ADDR
            index, _, table, used, avail, _ = struct.unpack('<IIQQQQ', payload)
            self.queues[index].rings = (table, used, avail)
        elif request == 10:  # SET_VRING_BASE: the driver begins anew
            index, base = struct.unpack('<II', payload)
            self.queues[index].next = base
            self.reset()
        elif request == 11:  # GET_VRING_BASE: the driver ends
            index = struct.unpack('<II', payload)[0]
            queue = self.queues[index]
            queue.kick = queue.rings = None
            return struct.pack('<II', index, queue.next)
        elif request == 12:  # SET_VRING_KICK
            queue = self.queues[word() & 0xff]
            queue.kick = fds[0] if fds else None
            if fds:
                os.set_blocking(fds[0], False)
        elif request == 13:  # SET_VRING_CALL
            self.queues[word() & 0xff].call = fds[0] if fds else None
        return None

    def wake(self):
        """What is due by now. Says whether something was."""
        now = time.monotonic()
        heard = self.mute_until and now >= self.mute_until
        if heard:
            self.mute_until = 0
        restarts = self.restart_at and now >= self.restart_at
        if restarts:
            self.restart_at = 0
            self.restart()
        return heard or restarts

    def run(self, connection):
        acknowledge = False
        while True:
            kicks = [queue.kick for queue in self.queues if queue.kick is not None]
            due = [at - time.monotonic() for at in (self.mute_until, self.restart_at) if at]
            limit = max(min(due), 0) if due else None
            ready, _, _ = select.select([connection, *kicks], [], [], limit)
            kicked = [kick for kick in kicks if kick in ready]
            for queue in self.queues:
                if queue.kick in kicked:
                    with contextlib.suppress(BlockingIOError):
                        queue.kicks += struct.unpack('<Q', os.read(queue.kick, 8))[0]
            if self.wake() or kicked:
                self.serve()
            if connection not in ready:
                continue
            header, fds = receive(connection)
            if not header:
                return
            request, flags, size = struct.unpack('<III', header)
            payload = b''
            while len(payload) < size:
                payload += connection.recv(size - len(payload))
            reply = self.handle(request, payload, fds)
            if request == 16:  # SET_PROTOCOL_FEATURES
                acknowledge = bool(struct.unpack('<Q', payload)[0] & 1 << 3)
            if reply is None and flags & 8 and acknowledge:
                reply = struct.pack('<Q', 0)
            if reply is not None:
                connection.sendall(struct.pack('<III', request, 5, len(reply)) + reply)
            if request in (12, 18):  # SET_VRING_KICK, SET_VRING_ENABLE
                self.serve()


def receive(connection):
    header, control, _, _ = connection.recvmsg(12, socket.CMSG_SPACE(4 * 32))
    fds = array.array('i')
    for level, kind, data in control:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            fds.frombytes(data[:len(data) - len(data) % fds.itemsize])
    return header, list(fds)


def main():
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen(1)
        connection, _ = listener.accept()
    Host().run(connection)


if __name__ == '__main__':
    main()
