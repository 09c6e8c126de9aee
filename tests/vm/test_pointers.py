# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Bad pointers in every system call: each answers as on Linux, and the kernel goes on."""
import re
import subprocess
from pathlib import Path

import machine
from rows import PLAIN

SYSCALLS = Path(__file__).resolve().parents[2] / "kernel/syscall.h"


def test_every_call_is_tried(guests):
    numbers = {int(n) for n in re.findall(r"X\((\d+), \w+\)", SYSCALLS.read_text())}
    tried = {int(n) for n in subprocess.run([guests("pointers"), "list"], capture_output=True, check=True).stdout.split()}
    assert numbers - tried == set(), "guests/pointers.c does not know these system calls"


def test_bad_pointers_as_on_linux(guests, tmp_path):
    program = guests("pointers")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
    want = subprocess.run([program], cwd=theirs, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60).stdout.decode().splitlines()
    run = machine.boot(PLAIN, [f"/prog/{program.name}"], share=ours, options=["loglevel=warn", "mount=host:/host", "mount=prog:/prog:ro", "cwd=/host"], extra=[
        "-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog"])
    got = run.out.decode().splitlines()
    different = [f"{a}   Linux: {b.rpartition(' = ')[2]}" for a, b in zip(got, want) if a != b]
    print(f"{len(want) - len(different)} of {len(want)} equal", *different, sep="\n")
    assert run.status == ("exit", 0)
    assert len(got) == len(want) > 1800 and not different
