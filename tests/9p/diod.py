# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""diod - a 9P2000.L server that nobody here wrote, and build/9pclient, which is the kernel's client as a program of the host."""
import os
import re
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

BUILD = Path(__file__).resolve().parents[2] / "build"
CLIENT = os.environ.get("P9CLIENT", BUILD / "9pclient")  # another one: with counters
DIOD = "/usr/sbin/diod"
PATIENCE = 30  # seconds that a server has to start, and a client to answer

# Types of messages as kernel/9p.h has them; nothing else may ever be sent.
TYPES = {int(n): "T" + name.lower() for name, n in re.findall(r"P9_T(\w+) = (\d+)", (BUILD.parent / "kernel/9p.h").read_text())}


class Refused(OSError):
    """A call's -errno."""


def encode(word):
    data = word if isinstance(word, bytes) else str(word).encode()
    return b"".join(b"%c" % b if 32 < b < 127 and b != 37 else b"%%%02X" % b for b in data) or b"%"


def decode(word):
    return b"" if word == b"%" else re.sub(rb"%(..)", lambda m: bytes([int(m[1], 16)]), word)


class Client:
    """client.open(...), client.mkdir(...): each is a line to build/9pclient. Returns its number, and the words behind it if there are any."""

    def __init__(self):
        self.process = subprocess.Popen([CLIENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __getattr__(self, name):
        return lambda *words: self.command(name, *words)

    def command(self, *words):
        self.process.stdin.write(b" ".join(map(encode, words)) + b"\n")
        self.process.stdin.flush()
        guard = threading.Timer(PATIENCE, self.process.kill)
        guard.start()
        line = self.process.stdout.readline().split()
        guard.cancel()
        assert line, f"the client ended at {words}, or never answered"
        result = int(line[0])
        if result < 0:
            raise Refused(-result, os.strerror(-result), str(words))
        return (result, *map(decode, line[1:])) if line[1:] else result

    def sent(self, tag="share"):
        """{"Twalk": 3, ...}: what was sent so far."""
        _, *counts = self.counters(tag)
        by_type = {i: int(n) for i, n in enumerate(counts) if int(n)}
        assert set(by_type) <= set(TYPES)
        return {TYPES[i]: n for i, n in by_type.items()}

    def end(self):
        """A client that a sanitizer stopped, or that leaked, did not end well."""
        self.process.stdin.close()
        assert self.process.wait() == 0


class Server:
    """diod over a folder, on a socket of its own. As an ordinary user it serves all as that user."""

    def __init__(self, folder, exported, *options, rights=""):
        self.socket, self.exported = folder / "socket", exported
        users = ["-N"] if os.geteuid() == 0 else ["-S"]
        self.log = open(folder / "diod.log", "w+")
        (folder / "diod.conf").write_text('exports = { { path="%s", opts="%s" } }\n' % (exported, rights))
        self.command = [DIOD, "-f", *users, "-c", folder / "diod.conf", "-L", "stderr", "-l", self.socket, *options]
        self.start()

    def start(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=self.log)
        end = time.monotonic() + PATIENCE
        while not self.listens() and self.process.poll() is None and time.monotonic() < end:
            time.sleep(0.01)

    def start_again(self):
        """Another process at the same place, which knows nothing of the first one's sessions."""
        self.process.kill()
        self.process.wait()
        self.socket.unlink()
        self.start()

    def listens(self):
        with socket.socket(socket.AF_UNIX) as s:
            return s.connect_ex(str(self.socket)) == 0

    def connect(self, client, tag="share", aname=None):
        client.connect(tag, self.socket, self.exported if aname is None else aname)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


def refused(number):
    """with refused(errno.ENOENT): ..."""
    return pytest.raises(Refused, match=rf"\[Errno {number}\]")
