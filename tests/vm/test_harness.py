# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The harness itself, before anything is believed that it says: with guests whose behaviour is known."""
import pytest

import machine
from rows import PLAIN, ROWS, Row

CANARY = Row("canary", "pvh", "q35", "-device {9p},addr=4", "")


def test_it_sees_what_a_guest_says(canary):
    lib = canary("out\nput", "error\n", "sheepskin 1\nrun\nexit 42\n")
    got = machine.boot(CANARY, share=None, kernel=lib / "kernel.elf", time_limit=30)
    assert (got.out, got.err, got.words, got.status, got.qemu) == (b"out\nput", "error\n", ["sheepskin 1", "run", "exit 42"], ("exit", 42), 1)


@pytest.mark.parametrize("machine_name", sorted({row.machine for row in ROWS}))
def test_it_sees_a_guest_on_every_machine(canary, machine_name):
    got = machine.boot(CANARY._replace(machine=machine_name), share=None, kernel=canary(ctl="exit 7\n") / "kernel.elf", time_limit=30)
    assert got.status == ("exit", 7)


def test_an_end_without_a_word_is_no_status(canary):
    got = machine.boot(CANARY, share=None, kernel=canary(ctl="sheepskin 1\n", end=1) / "kernel.elf", time_limit=30)
    assert got.status is None and got.qemu == 0


def test_a_hang_is_seen(canary):
    with pytest.raises(machine.Hang, match="still here"):
        machine.boot(CANARY, share=None, kernel=canary(err="still here", end=2) / "kernel.elf", time_limit=1)


def test_rows_have_names_of_their_own():
    assert len({row.name for row in ROWS}) == len(ROWS) and PLAIN in ROWS


def test_words_are_encoded():
    assert [machine.encode(w) for w in ("a/b", "", "two words", "%", "ü", "'")] == ["a/b", "%", "two%20words", "%25", "%C3%BC", "%27"]
