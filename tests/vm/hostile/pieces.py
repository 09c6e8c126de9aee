# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""pieces - lies about what has several messages in flight: what is read ahead of a program that reads on end, and writes of many parts. Messages are small
here, so that there are many: a program that reads STEP bytes at a time never asks for more himself, so that larger reads were sent ahead of him."""
import errno
import struct

from . import server
from .function import NEEDS_RESET, Function
from .lies import Lie
from .server import Node

STEP, PART = 64 << 10, 128 << 10
CONTENT = bytes((i * 2654435761 >> 7) & 255 for i in range(251)) * 14000  # 3.5 MB, of no period that a page has
PIECES = {}


class Piece(Lie):
    """change(function, queue, reply) puts the reply to each such message where it likes; times: only the first ones, from the `first`-th on."""

    def __init__(self, name, text, message, change, first=0, times=1 << 30):
        lie = self

        class Kind:
            seen = 0

            def finish(self, queue, chain, reply):
                if not (reply.name == message and reply.node and reply.node.lie is lie and (message != "read" or is_ahead(reply))):
                    return super().finish(queue, chain, reply)
                self.seen += 1
                if first < self.seen <= first + times:
                    return change(self, queue, reply)
                super().finish(queue, chain, reply)

        super().__init__(name, text, Kind, make=lambda: Node(bytearray(CONTENT)), into=PIECES)

    def install(self, ninep):
        super().install(ninep)
        ninep.msize = PART + 4096


def is_ahead(reply):
    return struct.unpack_from("<IQI", reply.request.data)[2] > STEP


def ahead(name, text, **when):
    return lambda change: Piece(name, text, "read", change, **when)


def part(name, text, **when):
    return lambda change: Piece(name, text, "write", change, **when)


def answer(self, queue, reply):
    Function.finish(self, queue, reply.chain, reply)


def fail(reply, number, junk=b""):
    reply.type, reply.body = server.RLERROR, struct.pack("<I", number) + junk


def backwards(self, queue, reply):
    """What came within some milliseconds is answered, the last one first."""
    if not getattr(self, "held", None):
        self.held = []
        self.loop.later(0.005, lambda: let_go(self, queue))
    self.held.append(reply)


def let_go(self, queue):
    held, self.held = self.held, []
    for reply in reversed(held if queue.alive() else []):
        answer(self, queue, reply)


ahead("ahead_backwards", "Of the pieces that are in flight the last one is answered first.")(backwards)
part("parts_backwards", "Of the parts that are in flight the last one is answered first.")(backwards)


def cut(how):
    def change(self, queue, reply):
        data = reply.body[4:]
        data = data[:how(len(data))]
        reply.body = struct.pack("<I", len(data)) + data
        answer(self, queue, reply)
    return change


ahead("ahead_half", "A piece has half of what was asked for, and a byte.")(cut(lambda n: n // 2 + 1))
ahead("ahead_one_byte", "A piece has one byte.")(cut(lambda n: 1))
ahead("ahead_nothing", "A piece has no bytes, in the middle of the file.")(cut(lambda n: 0))
ahead("ahead_all_but_one", "A piece lacks its last byte.")(cut(lambda n: n - 1))


@ahead("ahead_fails", "A piece fails with EIO.")
def _(self, queue, reply):
    fail(reply, errno.EIO)
    answer(self, queue, reply)


@ahead("ahead_fails_with_data", "A piece fails with EIO, and 100,000 bytes come with it.")
def _(self, queue, reply):
    fail(reply, errno.EIO, b"\xff" * 100000)
    answer(self, queue, reply)


@ahead("ahead_fails_by_turns", "Every other piece fails.")
def _(self, queue, reply):
    if self.seen % 2:
        fail(reply, errno.EINTR)
    answer(self, queue, reply)


for count, words in (PART + 1, "one more than was asked for"), (0xffffffff, "2^32-1"):
    @ahead(f"ahead_count_{count:#x}", f"A piece's count is {words}.")
    def _(self, queue, reply, count=count):
        reply.body = struct.pack("<I", count) + reply.body[4:]
        answer(self, queue, reply)


@ahead("ahead_count_10", "A piece's count is 10; all of its bytes arrive.")
def _(self, queue, reply):
    reply.body = struct.pack("<I", 10) + reply.body[4:]
    answer(self, queue, reply)


@ahead("ahead_tag", "A piece has another message's tag.")
def _(self, queue, reply):
    reply.tag ^= 1
    answer(self, queue, reply)


@ahead("ahead_type", "Rwrite answers a Tread.")
def _(self, queue, reply):
    reply.type = server.T["write"] + 1
    answer(self, queue, reply)


@ahead("ahead_less_used", "The used length is one byte less than a piece's size.")
def _(self, queue, reply):
    reply.written = len(reply.encode()) - 1
    answer(self, queue, reply)


@ahead("ahead_not_written", "Of a piece only the head is written; the used length is that of all of it.")
def _(self, queue, reply):
    data = reply.encode()
    reply.chain.write(data[:11])
    queue.put(reply.chain.head, len(data))


@ahead("ahead_reset_once", "NEEDS_RESET, with four pieces in flight.", first=2, times=1)
def _(self, queue, reply):
    self.values["device_status"] |= NEEDS_RESET


@ahead("ahead_reset_often", "NEEDS_RESET in the place of every third piece, ten times.")
def _(self, queue, reply):
    if self.seen % 3 or self.seen > 30:
        answer(self, queue, reply)
    else:
        self.values["device_status"] |= NEEDS_RESET


@ahead("ahead_used_twice", "A piece is used twice, once.", first=1, times=1)
def _(self, queue, reply):
    answer(self, queue, reply)
    queue.put(reply.chain.head, 11)


@ahead("ahead_used_id", "A piece's used id is one that nobody has, once.", first=1, times=1)
def _(self, queue, reply):
    queue.put(reply.chain.head + queue.size // 2 & queue.size - 1, 11)


@ahead("ahead_used_len", "The used length is one byte more than a piece's room, once.", first=1, times=1)
def _(self, queue, reply):
    queue.put(reply.chain.head, reply.chain.room + 1)


# ---- writes ----

@part("parts_short", "Every third part is taken by half.")
def _(self, queue, reply):
    if self.seen % 3 == 0:
        reply.body = struct.pack("<I", max(struct.unpack("<I", reply.body)[0] // 2, 1))
    answer(self, queue, reply)


@part("parts_one_byte", "Of the second part one byte is taken.", first=1, times=1)
def _(self, queue, reply):
    reply.body = struct.pack("<I", 1)
    answer(self, queue, reply)


for name, number in ("eio", errno.EIO), ("enospc", errno.ENOSPC), ("eintr", errno.EINTR):
    @part(f"parts_{name}", f"The third part fails with {name.upper()}, and each that follows.", first=2)
    def _(self, queue, reply, number=number):
        fail(reply, number)
        answer(self, queue, reply)


@part("parts_count", "The third part's count is one more than was sent.", first=2, times=1)
def _(self, queue, reply):
    reply.body = struct.pack("<I", struct.unpack("<I", reply.body)[0] + 1)
    answer(self, queue, reply)


@part("parts_count_0", "The third part's count is 0.", first=2, times=1)
def _(self, queue, reply):
    reply.body = struct.pack("<I", 0)
    answer(self, queue, reply)


@part("parts_type", "Rread answers the third part.", first=2, times=1)
def _(self, queue, reply):
    reply.type = server.T["read"] + 1
    answer(self, queue, reply)


@part("parts_reset", "NEEDS_RESET in the place of the third part's answer.", first=2, times=1)
def _(self, queue, reply):
    self.values["device_status"] |= NEEDS_RESET


@part("parts_used_twice", "The second part is used twice.", first=1, times=1)
def _(self, queue, reply):
    answer(self, queue, reply)
    queue.put(reply.chain.head, 11)


@part("parts_backwards_and_one_fails", "The last one comes first, and the third fails.")
def _(self, queue, reply):
    if self.seen == 3:
        fail(reply, errno.EIO)
    backwards(self, queue, reply)
