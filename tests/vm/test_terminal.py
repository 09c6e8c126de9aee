# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The terminal: the same session with the same program, on Linux and in the guest."""
import fcntl
import os
import pty
import select
import shutil
import signal
import struct
import subprocess
import tempfile
import termios
import time
from pathlib import Path

import pytest

import machine

LAUNCHER = str(machine.BUILD / "sheepskin")
PATIENCE = 30  # seconds until something that does not come is given up


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *argv, rows=24, columns=80, env={}, **more):
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.before = termios.tcgetattr(self.theirs)
        self.seen, self.at = b"", 0
        self.program = subprocess.Popen(argv, stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, start_new_session=True,
                                        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0), cwd="/", env={"PATH": os.environ["PATH"], "TERM": "dumb", **env}, **more)

    def until(self, what):
        """Reads until `what` is there, behind all that was waited for before."""
        end = time.monotonic() + PATIENCE
        while what not in self.seen[self.at:]:
            ready, _, _ = select.select([self.ours], [], [], max(0, end - time.monotonic()))
            assert ready, f"{what!r} does not come: {self.seen!r}"
            self.seen += os.read(self.ours, 65536)
        self.at = self.seen.index(what, self.at) + len(what)

    def drive(self, session):
        for wait, send in session:
            self.until(wait)
            os.write(self.ours, send)

    def end(self):
        """Its status as a shell shows it; then all that it said is in `seen`."""
        status = self.program.wait(PATIENCE)
        while select.select([self.ours], [], [], 0)[0]:
            self.seen += os.read(self.ours, 65536)
        self.restored = termios.tcgetattr(self.theirs) == self.before
        os.close(self.ours)
        os.close(self.theirs)
        return status if status >= 0 else 128 - status


@pytest.fixture
def both():
    """both(session, argv...): drives it on Linux and in the guest; "{}" is the folder, which has the same path for both. Status and
    folder must be equal; with exact, what they showed too: editors skip a redraw when the next key is there already."""
    folder = Path(tempfile.mkdtemp(prefix="", dir="/tmp"))

    def run(session, *argv, fill=lambda folder: None, exact=False, **more):
        shown = []
        argv = [str(w).replace("{}", str(folder)) for w in argv]
        for launcher in ([], [LAUNCHER, "run", "-v", f"{folder}:{folder}", "-e", "TERM=dumb", "--"]):
            fill(folder)
            t = Terminal(*launcher, *argv, **more)
            t.drive([(w, s.replace(b"{}", bytes(folder))) for w, s in session])
            status = t.end()
            assert t.restored or not launcher
            shown.append((status, t.seen if exact else b"", {p.name: p.read_bytes() for p in folder.iterdir()}))
            shutil.rmtree(folder)
            folder.mkdir()
        assert shown[1] == shown[0]
        return shown[0][2]
    yield run
    shutil.rmtree(folder)


PROMPT = b"> "
KEYS = {
    "lines": (["lines"], [(PROMPT, b"wool\n"), (PROMPT, b"wolx\x7ff\n"), (PROMPT, b"one two\x17three\n"), (PROMPT, b"gone\x15kept\n"), (PROMPT, b"half\x04"), (PROMPT, b"\x04"),
                          (PROMPT, b"a\x16\x04b\r"), (PROMPT, b"two\nlines\n"), (b"lines\r\n", b""), (b"65 73 0a", b""), (PROMPT, b"\x04"), (PROMPT, b"in pieces\n")]),
    "pending": (["pending"], [(PROMPT, b"eight by\n")]),
    "a byte at a time": (["bytes", "1", "0", "6"], [(PROMPT, b"a"), (PROMPT, b"\x03"), (PROMPT, b"\x04"), (PROMPT, b"\r"), (PROMPT, b"\x1b[A"), (PROMPT, b"\x10\xff\x00")]),
    "three at a time": (["bytes", "3", "0", "2"], [(PROMPT, b"abc"), (PROMPT, b"defgh")]),
    "at least one, then a pause": (["bytes", "5", "1", "2"], [(PROMPT, b"ab"), (PROMPT, b"abcde")]),
    "none within a time": (["bytes", "0", "1", "3"], [(b"read 0", b"")]),
    "none at once": (["bytes", "0", "0", "2"], [(b"read 0", b"")]),
    "settings": (["settings"], [(PROMPT, b"unseex#n\n")]),
}


@pytest.mark.parametrize("name", KEYS)
def test_keys(name, both, guests):
    argv, session = KEYS[name]
    both(session, guests("keys", "gcc"), *argv, exact=True, rows=33, columns=101)


BUSYBOX = "/bin/busybox"
READY = b"\x1b[6n"  # ash asks where the cursor stands, and waits for keys
LONG = b"".join(b"line %d of the text\n" % i for i in range(100))


def text(folder):
    (folder / "text").write_bytes(LONG)


def test_vi_edits_a_file(both):
    """Typing, moving with arrow keys (an escape is told from them by time), deleting, searching, undoing, writing."""
    left = both([(b"1/100", b"iwool \x1b"), (b"Modified] 1/100", b"\x1b[B\x1b[B\x07"), (b"3/100", b"dd\x07"), (b"3/99", b"/line 40\n"), (b"line 40", b"x\x07"), (b"40/99", b"u"), (b"Undo", b"Onew line\x1b"),
                 (b"new line", b"\x07"), (b"/100", b"G\x07"), (b"100/100", b"dd"), (b"Delete", b":wq\n")], BUSYBOX, "vi", "{}/text", fill=text)
    assert left["text"] == b"wool line 0 of the text\nline 1 of the text\n" + LONG[LONG.index(b"line 3 "):LONG.index(b"line 40")] + b"new line\n" + LONG[LONG.index(b"line 40"):LONG.index(b"line 99")]


def test_vi_makes_a_file_and_leaves_one(both):
    assert both([(b"~", b"ifirst\nsecond\x1b"), (b"second", b":w {}/other\n"), (b"13C", b":q!\n")], BUSYBOX, "vi", "{}/new") == {"other": b"first\nsecond\n"}


def test_less_pages(both):
    both([(b"line 22", b" "), (b"line 45", b"G"), (b"line 99", b"g"), (b"line 22", b"q")], BUSYBOX, "less", "{}/text", fill=text)


def test_more_pages(both):
    both([(b"--More--", b"\n"), (b"--More--", b" "), (b"--More--", b"q")], BUSYBOX, "more", "{}/text", fill=text)


def test_ash_edits_its_line(both):
    both([(READY, b"cd {}\n"), (READY, b"echo wolf\x7fl\x1b[D\x1b[Dx\n"), (b"\nwoxll\r\n", b""), (READY, b"echo again > file\n"), (READY, b"\x1b[A\x1b[A\n"), (b"\nwoxll\r\n", b""), (READY, b"read -p name: x\n"), (b"\r\nname:", b"typed\n"),
          (READY, b"echo $x fi\t\n"), (b"\ntyped file", b""), (READY, b"exit 3\n")], BUSYBOX, "ash", "-i")


def test_bash_edits_its_line(both):
    both([(b"# ", b"cd {}\n"), (b"# ", b"echo wolf\x7fl\x02\x02x\n"), (b"\nwoxll\r\n", b""), (b"# ", b"\x10\x01: \x0b\n"), (b"# ", b"echo wool > file\n"), (b"# ", b"read -p name: x < /dev/tty\n"), (b"\r\nname:", b"sheep\n"),
          (b"# ", b"echo $x fi\t\n"), (b"\nsheep file", b""), (b"# ", b"read -p key: -s -n 3 y\n"), (b"\r\nkey:", b"abc"), (b"# ", b"echo $y\n"), (b"\nabc\r\n", b""), (b"# ", b"\x04")], "/bin/bash-static", "--norc", "-i")


# ---- ends ----

def test_interrupt_ends_the_program(guests):
    t = Terminal(LAUNCHER, "run", "cat")
    t.drive([(b"", b"wool\n"), (b"wool\r\nwool", b"\x03")])
    assert t.end() == 130 and t.restored


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_terminal_is_given_back_when_the_launcher_is_ended(sig, guests):
    t = Terminal(LAUNCHER, "run", guests("keys", "gcc"), "leave")
    t.until(PROMPT)
    assert termios.tcgetattr(t.theirs) != t.before
    t.program.send_signal(sig)
    assert t.end() == 128 + sig and t.restored


def test_terminal_is_given_back_when_qemu_dies(guests):
    t = Terminal(LAUNCHER, "run", guests("keys", "gcc"), "leave")
    t.until(PROMPT)
    qemu, = (Path("/proc") / str(t.program.pid) / "task" / str(t.program.pid) / "children").read_text().split()
    os.kill(int(qemu), signal.SIGKILL)
    assert t.end() == 254 and t.restored
    assert b"no word" in t.seen


def test_terminal_is_given_back_after_a_time_out(guests):
    t = Terminal(LAUNCHER, "run", "--timeout", "3", guests("keys", "gcc"), "leave")
    t.until(PROMPT)
    assert t.end() == 124 and t.restored


def test_terminal_is_given_back_when_the_program_does_not(both, guests):
    t = Terminal(LAUNCHER, "run", guests("keys", "gcc"), "bytes", "0", "0", "1")
    assert t.end() == 0 and t.restored


ANY = "tty 1 " + 36 * "00" + "\n"


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_guest_sets_no_more_than_a_terminal_s_rules(sig, canary):
    """Neither speed nor bits nor hang-up of the user's line; and the user has it back."""
    t = Terminal(LAUNCHER, "run", "x", env={"SHEEPSKIN_LIB": str(canary(ctl=f"sheepskin 1\nrun\ntty 9 x\ntty 0\n{ANY}exit\n", err="up", end=2))})
    t.until(b"up")
    end = time.monotonic() + PATIENCE
    while termios.tcgetattr(t.theirs)[3] and time.monotonic() < end:
        os.sched_yield()
    now = termios.tcgetattr(t.theirs)
    assert (now[0], now[1], now[3]) == (0, 0, 0)
    assert now[2] == t.before[2] and now[4:6] == t.before[4:6]
    t.program.send_signal(sig)
    assert t.end() == 128 + sig and t.restored


def test_a_guest_that_sets_and_writes_for_ever(canary):
    """It cannot keep the launcher from looking at the clock, or at its user."""
    t = Terminal(LAUNCHER, "run", "--timeout", "2", "x", env={"SHEEPSKIN_LIB": str(canary(out=".", ctl=f"sheepskin 1\nrun\n{ANY}", end=3))})
    end = time.monotonic() + PATIENCE
    while t.program.poll() is None and time.monotonic() < end:
        if select.select([t.ours], [], [], 0.1)[0]:
            t.seen += os.read(t.ours, 65536)
    assert t.end() == 124 and t.restored
