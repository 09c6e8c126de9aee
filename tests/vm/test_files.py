# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Files: each program in the guest prints byte for byte what the same program prints on Linux on the same folder."""
import os
import subprocess

import pytest

import machine
import share as shares
from rows import PLAIN

DEEP = shares.depth_path()
ALL = ["poem.txt", "empty", "two words.txt", " leading and trailing ", shares.UTF8, shares.LONG, "quote'\"$`\\%41.txt"]
LINKS = ["link", "link-dir", "link-link", "link-loop", "loop-a", "link-dangling", "link-slash", "chain-39", "chain-1", "chain-too-long"]

# Each row: a program and its arguments, run in the share's folder on both sides.
SAME = [
    ["ls"], ["ls", "-l"], ["ls", "-a"], ["ls", "-la", "d0"], ["ls", "-R", "d0"], ["ls", "-l", "many"], ["ls", "nowhere", "poem.txt"],
    ["ls", "-l", "link-dir"], ["ls", "link-dir/"], ["ls", DEEP],
    ["stat", *ALL], ["stat", "-L", *LINKS], ["stat", *LINKS], ["stat", "sparse", "fifo", "secret", "many", ".", "d0/..", "many/../d0/."],
    ["stat", f"{DEEP}/treasure", "nowhere", "poem.txt/", "poem.txt/x", "link-loop/x", "link-dir/d2", "x" * 256],
    ["cat", *ALL], ["cat", "link", "chain-1", f"{DEEP}/treasure", "link-slash/../poem.txt"], ["cat", "link-loop", "poem.txt"], ["cat", "chain-too-long"],
    ["cat", "d0"], ["cat", "nowhere"], ["cat", "link-dangling"], ["cat", "poem.txt/"], ["cat", ""],
    ["cat", "size-65536", "size-4097"], ["cat", "--", "poem.txt"],
    ["wc", *ALL, "size-65536"], ["wc", "size-4194305"], ["hello"], ["hello", "d0"], ["hello", "nowhere"],
    ["sha256sum", *(f"size-{n}" for n in (1, 4095, 4096, 4097, 65536, 1048576, 4194305, 9000001)), "empty", "nowhere"],
]


def linux(argv, cwd):
    return subprocess.run([machine.BUILD / "apps" / argv[0], *argv[1:]], cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, env={}, timeout=60)


def comparable(text):
    """The greeting names who runs the program: that is to differ."""
    return [line for line in text.splitlines() if b"runs me." not in line]


@pytest.mark.parametrize("argv", SAME, ids=lambda argv: " ".join(argv)[:60])
def test_same_as_on_linux(argv, share):
    theirs = linux(argv, share)
    ours = machine.boot(PLAIN, argv, share=share, options=["mount=host:/host", "cwd=/host", "loglevel=warn"])
    assert ours.status == ("exit", theirs.returncode)
    assert comparable(ours.out) == comparable(theirs.stdout)
    assert comparable(ours.err.encode()) == comparable(theirs.stderr)


def guest(share, *argv, **more):
    return machine.boot(PLAIN, argv, share=share, options=["loglevel=warn"], **more)


def test_links_lead_nowhere_outside_the_share(share):
    """An absolute target starts at the guest's own root, and .. ends there: the host's files are not to be had."""
    name = os.path.realpath("/etc/hostname")
    assert os.path.exists(name)
    for link in ("link-out", "link-out-up"):
        got = guest(share, "cat", f"/host/{link}")
        assert (got.status, got.out) == (("exit", 1), b"") and "No such file" in got.err


def test_absolute_link_within_the_share(share):
    for link in ("link-absolute", "link-up"):
        assert guest(share, "cat", f"/host/{link}").out == (share / "poem.txt").read_bytes()


def test_dotdot_stays_inside(share):
    got = guest(share, "cat", "/host/../../../host/poem.txt", "/../host/d0/d1/../../poem.txt")
    assert got.out == 2 * (share / "poem.txt").read_bytes()


def test_fifo_is_refused_at_once(share):
    got = guest(share, "cat", "/host/fifo")
    assert got.status == ("exit", 1) and got.out == b"" and "/host/fifo" in got.err


def test_end_of_the_sparse_file(share, guests):
    """5 GiB: the size, and the last bytes by a seek beyond 4 GiB."""
    program = guests("tail")
    got = machine.boot(PLAIN, [f"/prog/{program.name}", "/host/sparse"], share=share, options=["mount=host:/host", "mount=prog:/prog:ro"], extra=[
        "-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog"])
    assert (got.status, got.out) == (("exit", 0), b"%d end\n" % shares.SPARSE)


def test_unreadable_file(share, base):
    """QEMU as an ordinary user: root may read everything. What that user needs is copied to where it may go."""
    before = []
    if os.geteuid() == 0:
        before = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
    files = {}
    for name in ("kernel.elf", "initfs.cpio"):
        files[name] = base / name
        files[name].write_bytes((machine.BUILD / name).read_bytes())
    got = machine.boot(PLAIN, ["cat", "/host/secret", "/host/poem.txt"], share=share, kernel=files["kernel.elf"], files=files["initfs.cpio"], before=before)
    assert got.status == ("exit", 1) and got.out == (share / "poem.txt").read_bytes()
    assert "/host/secret: Permission denied" in got.err


def test_initial_files_and_devices(share):
    got = guest(share, "ls", "/", "/bin", "/dev")
    assert got.status == ("exit", 0)
    for name in (b"host", b"sys", b"cat", b"hello", b"null", b"zero", b"console"):
        assert name in got.out.split()
    assert guest(share, "cat", "/dev/null").out == b""


def test_the_machine_can_be_looked_at(share):
    got = guest(share, "lspci")
    assert got.status == ("exit", 0) and b"00:04.0" in got.out and b"1af4:1009" in got.out
    got = guest(share, "lsvirtio")
    assert got.status == ("exit", 0) and b"virtio0" in got.out and b"VERSION_1" in got.out
