# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A machine that runs, seen and disturbed from outside."""
import json
import re
import subprocess
import time

import pytest

import machine
from rows import PLAIN


class Monitor:
    """QEMU's QMP."""

    def __init__(self, path):
        self.socket = machine.connect(path)
        self.lines = self.socket.makefile("rw")
        self.lines.readline()
        self.do("qmp_capabilities")

    def do(self, command, **arguments):
        print(json.dumps({"execute": command, "arguments": arguments}), file=self.lines, flush=True)
        while True:
            answer = json.loads(self.lines.readline())
            if "return" in answer or "error" in answer:
                return answer


@pytest.fixture
def waiting(guests, share, tmp_path):
    """A guest whose program waits for /host/go: (QMP, let it go and return what came of it)."""
    small = tmp_path / "small"
    small.mkdir()
    (small / "wait").write_bytes(guests("wait").read_bytes())
    (small / "wait").chmod(0o755)
    folder = tmp_path / "channels"
    folder.mkdir()
    words = machine.command(PLAIN, folder, ["/host/wait", "/host/go"], share=small, options=["loglevel=warn"], extra=["-qmp", f"unix:{tmp_path}/qmp,server=on,wait=off"])
    guest = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    monitor = Monitor(tmp_path / "qmp")
    end = time.monotonic() + machine.TIME_LIMIT
    while not (folder / "out").exists() or b"waiting" not in (folder / "out").read_bytes():
        assert time.monotonic() < end and guest.poll() is None
        time.sleep(0.02)

    def go():
        (small / "go").touch()
        guest.wait(machine.TIME_LIMIT)
        return (folder / "ctl").read_text().splitlines()[-1], (folder / "err").read_text()
    yield monitor, go
    guest.kill()
    guest.wait()


def test_an_nmi_does_no_harm(waiting):
    monitor, go = waiting
    for _ in range(3):
        assert "return" in monitor.do("inject-nmi")
    word, log = go()
    assert word == "exit 7"
    assert "panic" not in log


def test_the_processor_protects_the_kernel(waiting):
    """What docs/trust.md says is on where the processor has it: control registers as QEMU shows them while a program runs."""
    monitor, go = waiting
    text = monitor.do("human-monitor-command", **{"command-line": "info registers"})["return"]
    value = {name: int(digits, 16) for name, digits in re.findall(r"\b(CR0|CR4|EFER)\s*=\s*([0-9a-f]+)", text)}
    for name, register, bit in (("WP", "CR0", 16), ("UMIP", "CR4", 11), ("SMEP", "CR4", 20), ("SMAP", "CR4", 21), ("NXE", "EFER", 11)):
        assert value[register] >> bit & 1, name
    assert go()[0] == "exit 7"
