# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What waiting costs, counted: a guest with nothing to do leaves its host alone, and a batch of answers wakes it once."""
import re
import subprocess
import threading
from pathlib import Path

import pytest

import live
import machine
from rows import PLAIN

QUIET = 4  # interrupts in seconds of waiting, of which some come with looking at their number
AWAKE = 30  # how often the emulator's threads may wake in two seconds; a timer that nobody hears makes it 70


def wakes(process):
    """How often the threads of the launcher's emulator have slept and been woken."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    states = [t.read_text() for child in children for t in Path(f"/proc/{child}/task").glob("*/status")]
    return sum(int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", text, re.M)[1]) for text in states)


@pytest.mark.parametrize("name,path,more", [
    ("q35", "/dev/tty", []), ("pc", "/dev/tty", []), ("microvm", "/dev/tty", []),
    ("q35", "/dev/hvc0", ["--device", "virtio-serial-pci", "--chardev", "file,id=c,path=/dev/null", "--device", "virtconsole,chardev=c"])])
def test_an_idle_guest_takes_no_interrupts(guests, share, name, path, more):
    """A sleep of three seconds, two with a time-out, a second until a signal, and input: by the UART, which ends it; none by a console on virtio."""
    ends = path == "/dev/tty"
    words = [machine.BUILD / "sheepskin", "run", "--machine", name, *more, "-v", f"{share}:/host", "--", guests("idle"), path]
    guest = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    got, awake = [], {}
    for line in guest.stdout:
        got.append(line.strip())
        if line.startswith(("nanosleep:", "poll:", "select:")):
            awake[line.partition(":")[0]] = wakes(guest)
        if line.startswith("reading"):
            if not ends:
                break
            threading.Timer(1.5, lambda: (guest.stdin.write("x"), guest.stdin.close())).start()
    guest.kill()
    guest.wait()
    took = {what: int(n) for what, n in re.findall(r"^(\w+): (\d+)$", "\n".join(got), re.M)}
    assert set(took) == {"nanosleep", "poll", "select", "signal", *(["read"] if ends else [])}
    assert all(n <= QUIET for n in took.values()), took
    assert awake["poll"] - awake["nanosleep"] <= AWAKE and awake["select"] - awake["poll"] <= AWAKE, awake
    assert "poll until a signal: -1" in got and (not ends or "read: 1 x" in got)


def test_a_batch_takes_one_interrupt(guests, share, tmp_path):
    """With messages of a page of data eight of them are in flight for each part of a read."""
    small = tmp_path / "small"
    small.mkdir()
    (small / "hostile").write_bytes(guests("hostile").read_bytes())
    (small / "hostile").chmod(0o755)
    (small / "data").write_bytes(bytes(4 << 20))
    show = ["show", "/sys/bus/virtio/devices/virtio0/queues"]
    for ring in "split", "packed":
        got = machine.boot(PLAIN, ["/host/hostile", *show, "read", "/host/data", *show], share=small,
                           options=["loglevel=warn", "9p.msize=8192", f"virtio.features={'+' if ring == 'packed' else '-'}packed"])
        first, last = ([int(n) for n in line.split(" = ")[1].split()] for line in got.out.decode().splitlines() if line.startswith("show"))
        messages, interrupts = last[3] - first[3], last[5] - first[5]
        assert messages > 1024 and interrupts < messages / 8 * 1.25, (ring, messages, interrupts)
