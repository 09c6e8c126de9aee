# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Locks of one program through several open files: what each of thousands of requests answers, in the guest and on Linux."""
import subprocess

import pytest

import machine
from rows import PLAIN


@pytest.mark.parametrize("folder", ["/host", "/tmp"])
def test_locks_as_on_linux(folder, guests, tmp_path):
    program = guests("locks")
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for made in (ours, theirs):
        made.mkdir()
    want = subprocess.run([program], cwd=theirs, capture_output=True, check=True, timeout=60).stdout.decode().splitlines()
    got = machine.boot(PLAIN, [f"/prog/{program.name}"], share=ours, options=["loglevel=warn", "mount=host:/host", "mount=prog:/prog:ro", f"cwd={folder}"], extra=[
        "-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog"])
    lines = got.out.decode().splitlines()
    different = [f"{k}: {a}   Linux: {b}" for k, (a, b) in enumerate(zip(lines, want)) if a != b]
    print(f"{len(want) - len(different)} of {len(want)} equal", *different[:40], sep="\n")
    assert got.status == ("exit", 0) and len(lines) == len(want) > 13000 and not different
