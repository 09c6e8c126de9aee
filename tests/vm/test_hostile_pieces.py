# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Devices that lie about what has several messages in flight (tests/vm/hostile/pieces.py): pieces that are read ahead, whose pages become the program's, and
writes of many parts. A program that asks gets what it asked for, or a named error; nobody hears of a piece that he did not ask for."""
import functools
import re

import pytest

import test_hostile_device as devices
from hostile.pieces import CONTENT, PIECES
from test_hostile_device import Row, bad_reply

pytestmark = devices.pytestmark
SUM = sum(byte * ((at + 1) % 65521) for at, byte in enumerate(CONTENT))
ALL = f"steps: end after {len(CONTENT)} bytes, sum {SUM}"
SOME = rf"steps: end after {len(CONTENT)} bytes, sum \d+"  # whose bytes the device may change at any time
WRITTEN = "3145728: all is there"
AGAIN = '9p: "{tag}" was mounted again'

# lie -> what the program is told, and the line in the log.
READS = {
    "ahead_backwards": (ALL, None),
    "ahead_half": (ALL, None),
    "ahead_one_byte": (ALL, None),
    "ahead_nothing": (ALL, None),
    "ahead_all_but_one": (ALL, None),
    "ahead_fails": (ALL, None),
    "ahead_fails_with_data": (ALL, None),
    "ahead_fails_by_turns": (ALL, None),
    "ahead_count_0x20001": (ALL, bad_reply(116, "more data than asked or sent")),
    "ahead_count_0xffffffff": (ALL, bad_reply(116, "more data than asked or sent")),
    "ahead_count_10": (ALL, None),
    "ahead_tag": (ALL, bad_reply(116, "another tag")),
    "ahead_type": (ALL, bad_reply(116, "another type")),
    "ahead_less_used": (ALL, bad_reply(116, "its size is not what arrived")),
    "ahead_not_written": (SOME, None),
    "ahead_reset_once": (ALL, AGAIN),
    "ahead_reset_often": (ALL, None),
    "ahead_used_twice": (ALL, AGAIN),
    "ahead_used_id": (ALL, AGAIN),
    "ahead_used_len": (ALL, AGAIN),
}
PART = 128 << 10
REST = 3145728 - 2 * PART
WRITES = {
    "parts_backwards": (WRITTEN, None),
    "parts_short": (WRITTEN, None),
    "parts_one_byte": (WRITTEN, None),
    "parts_eio": (f"{2 * PART}, -1 EIO: what was said is there", None),
    "parts_enospc": (f"{2 * PART}, -1 28: what was said is there", None),
    "parts_eintr": (f"{2 * PART}, -1 4: what was said is there", None),
    "parts_count": (f"{2 * PART}, {REST}: all is there", bad_reply(118, "more written than sent")),
    "parts_count_0": (f"{2 * PART}, {REST}: all is there", bad_reply(118, "nothing written")),
    "parts_type": (f"{2 * PART}, {REST}: all is there", bad_reply(118, "another type")),
    "parts_reset": (f"{2 * PART}, {REST}: all is there", AGAIN),
    "parts_used_twice": (r"(-1 EIO|\d+), \d+: all is there", AGAIN),
    "parts_backwards_and_one_fails": (f"{2 * PART}, {REST}: all is there", None),
}
ROWS = [Row(lie, "steps" if lie in READS else "fill", *row) for lie, row in {**READS, **WRITES}.items()]
KINDS = {"split": ("", ""), "packed": (",packed=1", ""), "readahead": ("", ":cache=readahead"), "loose": ("", ":cache=loose")}


@functools.cache
def boots(kind):
    keys, words = KINDS[kind]
    return [devices.boot(rows, keys=keys, words=words) for rows in (ROWS[:len(READS)], ROWS[len(READS):])]


@pytest.mark.parametrize("kind", KINDS)
def test_machine_is_up_beside_liars(kind):
    for found in boots(kind):
        devices.check_up(found)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("row", ROWS, ids=[row.lie for row in ROWS])
def test_piece(row, kind):
    found = boots(kind)[row.lie not in READS]
    names = found.names[row.lie]
    said = found.said[f"{row.verb} /{names['tag']}/lie/{row.lie}"]
    assert re.fullmatch(row.says, said), devices.lines_of(found, row)
    if row.log:
        assert any(re.fullmatch("(sheepskin: )?" + row.log.format(**names), line) for line in devices.lines_of(found, row)), devices.lines_of(found, row)
    assert len(devices.lines_of(found, row)) <= devices.LINES_AT_MOST + 30 * ("often" in row.lie)


def test_every_piece_has_its_row():
    assert {row.lie for row in ROWS} == set(PIECES)
