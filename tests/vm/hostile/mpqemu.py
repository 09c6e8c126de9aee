# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""mpqemu - QEMU's side of a function that lives in another process: messages over a socket, the guest's memory as files, and a loop with timers.

A message: int cmd, 4 bytes of padding, u64 size, then size bytes; files come with its first byte. Reads and writes are answered by a RET of 8 bytes, and
until then the guest's processor stands still: what is done before the answer has happened, for the guest, when its store is over."""
import heapq
import itertools
import mmap
import os
import select
import socket
import struct
import time

SYNC_SYSMEM, RET, CONFIG_WRITE, CONFIG_READ, BAR_WRITE, BAR_READ, SET_IRQFD, DEVICE_RESET = range(8)
HEADER = struct.Struct("<i4xQ")
ANSWER = struct.Struct("<i4xQQ")
CONFIG = struct.Struct("<IIi")
BAR = struct.Struct("<QQI?3x")
SECTIONS = struct.Struct("<8Q8Q8q")


class Gone(Exception):
    """QEMU has ended."""


class Memory:
    """The guest's memory, by guest-physical address."""

    def __init__(self):
        self.sections, self.files = [], {}

    def sync(self, data, fds):
        numbers = SECTIONS.unpack(data)
        self.sections = []
        for i, fd in enumerate(fds):
            about = os.fstat(fd)
            key = about.st_dev, about.st_ino
            if key not in self.files:
                self.files[key] = mmap.mmap(fd, about.st_size)
            os.close(fd)
            self.sections.append((numbers[i], numbers[8 + i], numbers[16 + i], self.files[key]))

    def find(self, pa, length):
        for start, size, offset, file in self.sections:
            if start <= pa and length <= size - (pa - start):
                return file, pa - start + offset
        raise ValueError(f"the guest has no memory at {pa:#x}+{length:#x}")

    def read(self, pa, length):
        file, at = self.find(pa, length)
        return file[at:at + length]

    def write(self, pa, data):
        file, at = self.find(pa, len(data))
        file[at:at + len(data)] = data

    def get(self, pa, form):
        return struct.unpack(form, self.read(pa, struct.calcsize(form)))[0]

    def put(self, pa, form, *values):
        self.write(pa, struct.pack(form, *values))


class Link:
    """The socket of one function. The function has read_config(addr, size), write_config(addr, size, value), read_bar and write_bar with (pa, size...)
    and reset(); QEMU tells every link the same memory."""

    def __init__(self, sock, function, memory):
        self.sock, self.function, self.memory = sock, function, memory

    def receive(self, size):
        data = self.sock.recv(size, socket.MSG_WAITALL) if size else b""
        if len(data) < size:
            raise Gone
        return data

    def serve(self):
        try:
            head, fds, _, _ = socket.recv_fds(self.sock, HEADER.size, 8)
            if not head:
                raise Gone
            cmd, size = HEADER.unpack(head + self.receive(HEADER.size - len(head)))
            answer = self.act(cmd, self.receive(size), fds)
            if answer is not None:
                self.sock.sendall(ANSWER.pack(RET, 8, answer & (1 << 64) - 1))
        except (ConnectionError, BrokenPipeError):
            raise Gone from None

    def act(self, cmd, data, fds):
        """The answer, or None for what has none."""
        if cmd == SYNC_SYSMEM:
            self.memory.sync(data, fds)
            return None
        if cmd == SET_IRQFD:  # of no use without hardware virtualisation
            for fd in fds:
                os.close(fd)
            return None
        if cmd in (CONFIG_READ, CONFIG_WRITE):
            addr, value, size = CONFIG.unpack(data)
            if cmd == CONFIG_READ:
                return self.function.read_config(addr, size)
            self.function.write_config(addr, size, value)
        elif cmd in (BAR_READ, BAR_WRITE):
            pa, value, size, memory = BAR.unpack(data)
            if cmd == BAR_READ:
                return self.function.read_bar(pa, size)
            self.function.write_bar(pa, size, value & (1 << 8 * size) - 1)
        else:
            self.function.power_on()
        return 0


class Loop:
    """Serves links until QEMU ends, and calls what was put off with later()."""

    def __init__(self):
        self.links, self.timers, self.order = {}, [], itertools.count()
        self.poll = select.poll()

    def add(self, link):
        self.links[link.sock.fileno()] = link
        self.poll.register(link.sock, select.POLLIN)

    def later(self, seconds, function):
        heapq.heappush(self.timers, (time.monotonic() + seconds, next(self.order), function))

    def run(self):
        while True:
            wait = max(0, self.timers[0][0] - time.monotonic()) * 1000 if self.timers else None
            for fd, _ in self.poll.poll(wait):
                try:
                    self.links[fd].serve()
                except Gone:
                    return
            while self.timers and self.timers[0][0] <= time.monotonic():
                heapq.heappop(self.timers)[2]()
