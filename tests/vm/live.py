# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""live - a machine that is talked to while it runs: its output as it comes, and QEMU's QMP."""
import json
import socket
import subprocess
import time

import machine


def wait_for(what, alive=lambda: True):
    end = time.monotonic() + machine.TIME_LIMIT
    while not (got := what()):
        assert time.monotonic() < end and alive()
        time.sleep(0.01)
    return got


class Live:
    """With Live(row, folder, argv, ...) as m: the arguments are machine.command()'s; `folder` is for the channels."""

    def __init__(self, row, folder, argv, extra=(), **more):
        self.folder = folder
        words = machine.command(row, folder, argv, extra=[*extra, "-qmp", f"unix:{folder}/qmp,server=on,wait=off"], **more)
        self.guest = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        self.socket = socket.socket(socket.AF_UNIX)
        wait_for(self.connected, self.runs)
        self.lines = self.socket.makefile("rw")
        self.lines.readline()
        self.do("qmp_capabilities")

    def connected(self):
        try:
            self.socket.connect(f"{self.folder}/qmp")
        except OSError:
            return False
        return True

    def runs(self):
        return self.guest.poll() is None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.guest.kill()
        self.guest.wait()
        self.socket.close()

    def do(self, command, **arguments):
        print(json.dumps({"execute": command, "arguments": arguments}), file=self.lines, flush=True)
        while True:
            answer = json.loads(self.lines.readline())
            if "event" not in answer:
                assert "return" in answer, answer
                return answer["return"]

    def text(self, channel="out"):
        path = self.folder / channel
        return path.read_bytes().decode(errors="replace") if path.exists() else ""

    def until(self, word, channel="out"):
        wait_for(lambda: word in self.text(channel), lambda: self.runs() or word in self.text(channel))

    def end(self):
        """The last word, the output and the log."""
        self.guest.wait(machine.TIME_LIMIT)
        return machine.last_word(self.text("ctl").splitlines()), self.text(), self.text("err")
