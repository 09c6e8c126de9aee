# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""rings - virtqueues as a device sees them: split (virtio 1.x, 2.7) and packed (2.8)."""
import struct

DESC = struct.Struct("<QIHH")  # split: addr len flags next; packed: addr len id flags
NEXT, WRITE, INDIRECT, AVAIL, USED = 1, 2, 4, 1 << 7, 1 << 15


class Chain:
    """One request: what it reads and what it may write. descriptors: (addr, len, writable)."""

    def __init__(self, memory, head, descriptors, count=1):
        self.memory, self.head, self.count = memory, head, count
        self.readable = [(pa, n) for pa, n, writable in descriptors if not writable]
        self.writable = [(pa, n) for pa, n, writable in descriptors if writable]
        self.room = sum(n for _, n in self.writable)
        self.mixed = [d[2] for d in descriptors] != sorted(d[2] for d in descriptors)

    def request(self):
        return b"".join(self.memory.read(pa, n) for pa, n in self.readable)

    def write(self, data):
        """As much as there is room for."""
        for pa, n in self.writable:
            self.memory.write(pa, data[:n])
            data = data[n:]


class Queue:
    def __init__(self, function, index):
        self.function, self.memory, self.index = function, function.memory, index
        self.size, self.enable, self.notify_off, self.vector = function.queue_max, 0, index, 0xffff
        self.desc = self.driver = self.device = 0
        self.taken = self.used = 0

    def alive(self):
        """Not before a reset."""
        return self.function.queues.get(self.index) is self

    def table(self, pa, length, packed):
        """The descriptors of an indirect table."""
        rows = list(DESC.iter_unpack(self.memory.read(pa, length)))
        if packed:
            return [(addr, n, bool(flags & WRITE)) for addr, n, _, flags in rows]
        out, i = [], 0
        while True:
            addr, n, flags, follows = rows[i]
            out.append((addr, n, bool(flags & WRITE)))
            if not flags & NEXT:
                return out
            i = follows


class SplitQueue(Queue):
    def descriptor(self, i):
        return DESC.unpack(self.memory.read(self.desc + 16 * i, 16))

    def chain(self, head):
        out, i = [], head
        while True:
            addr, n, flags, follows = self.descriptor(i)
            out += self.table(addr, n, False) if flags & INDIRECT else [(addr, n, bool(flags & WRITE))]
            if not flags & NEXT:
                return Chain(self.memory, head, out)
            i = follows

    def take(self):
        while self.alive() and self.memory.get(self.driver + 2, "<H") != self.taken:
            head = self.memory.get(self.driver + 4 + 2 * (self.taken % self.size), "<H")
            self.taken = self.taken + 1 & 0xffff
            self.memory.put(self.device + 4 + 8 * self.size, "<H", self.taken)  # avail_event: tell of every request
            yield self.chain(head)

    def element(self, head, length):
        """A used element, not yet published."""
        self.memory.put(self.device + 4 + 8 * (self.used % self.size), "<II", head, length)
        self.used = self.used + 1 & 0xffff

    def publish(self, idx=None):
        self.memory.put(self.device + 2, "<H", self.used if idx is None else idx & 0xffff)

    def put(self, head, length):
        self.element(head, length)
        self.publish()


class PackedQueue(Queue):
    """Positions go round; wrap is the counter's bit for each side."""

    def __init__(self, function, index):
        super().__init__(function, index)
        self.take_wrap = self.used_wrap = True
        self.counts = {}  # id -> descriptors in the ring

    def take(self):
        while self.alive():
            out, n = [], 0
            while True:
                at, wrap = self.taken + n, self.take_wrap
                if at >= self.size:
                    at, wrap = at - self.size, not wrap
                addr, length, id, flags = DESC.unpack(self.memory.read(self.desc + 16 * at, 16))
                if n == 0 and (bool(flags & AVAIL) != wrap or bool(flags & USED) == wrap):
                    return
                n += 1
                out += self.table(addr, length, True) if flags & INDIRECT else [(addr, length, bool(flags & WRITE))]
                if not flags & NEXT:
                    break
            self.taken += n
            if self.taken >= self.size:
                self.taken, self.take_wrap = self.taken - self.size, not self.take_wrap
            self.counts[id] = n
            yield Chain(self.memory, id, out, n)

    def element(self, head, length):
        flags = AVAIL | USED if self.used_wrap else 0
        self.memory.put(self.desc + 16 * self.used + 8, "<IH", length, head & 0xffff)
        self.memory.put(self.desc + 16 * self.used + 14, "<H", flags | WRITE)
        self.used += self.counts.get(head, 1)
        if self.used >= self.size:
            self.used, self.used_wrap = self.used - self.size, not self.used_wrap

    def publish(self, idx=None):
        """Each element is published by its flags."""

    def put(self, head, length):
        self.element(head, length)
