# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The file system in memory: tens of thousands of operations drawn by lot, in the guest's /tmp and on Linux's tmpfs; and memory that is full."""
import os
import re
import shlex
import subprocess

import pytest

import machine
from rows import PLAIN

SEEDS = ["101", "102", "103"]


def linux(program, folder, *argv):
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    script = f"mount -t tmpfs none {shlex.quote(str(folder))} && cd {shlex.quote(str(folder))} && exec {shlex.quote(str(program))} {shlex.join(argv)}"
    return subprocess.run([*namespace, "sh", "-c", script], capture_output=True, check=True, timeout=100).stdout.decode().splitlines()


def guest(program, *argv):
    got = machine.boot(PLAIN, [f"/prog/{program.name}", *argv], share=program.parent, options=["loglevel=warn", "mount=host:/prog:ro", "cwd=/tmp"], time_limit=100)
    assert got.status == ("exit", 0)
    return got.out.decode().splitlines()


def test_operations_as_on_linux(guests, tmp_path):
    program = guests("fileops", "gcc")
    ours, theirs = guest(program, "15000", *SEEDS), linux(program, tmp_path, "15000", *SEEDS)
    # Linux's tmpfs has attributes with names only since 6.6.
    different = [f"{a}   Linux: {b}" for a, b in zip(ours, theirs) if a != b and not re.match(r"\S+ \w*xattr", a)]
    print(f"{len(theirs) - len(different)} of {len(theirs)} equal", *different[:20], sep="\n")
    assert len(ours) == len(theirs) == 45000 and not different


def test_full_memory_ends_in_no_space(guests):
    lines = guest(guests("full"))
    assert lines == ["a file until ENOSPC", "names until ENOSPC", "room again: as much as before"]
