# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The errno of each failing call: a program makes some 4,000 calls with odd paths and arguments, in the guest and on Linux on equal folders."""
import os
import re
import shlex
import subprocess

import pytest

import machine
from rows import PLAIN

# Where a guest differs from Linux, and why: a pattern of rows, and what the guest says.
QUIRKS = {
    "9p": [
        # The server opens what it works on, and refuses what is neither file nor directory.
        (r'(open_\w+|do_statfs|do_chmod|do_fchmodat2_nofollow)\("\.\./(ro/)?fifo"\)|mknodat\(AT_FDCWD, "d/(fifo|socket|null|block)".*', "ENXIO"),
        (r'open\("d/socket".*', "ENOENT"),  # so that there is none
        # An attribute without a value is one to be removed, for 9P.
        (r'setxattr\("f", "user.empty".*', "EOPNOTSUPP"), (r'getxattr\("f", "user.empty".*', "ENODATA"),
        # The server goes by the name of a directory, which a removed one has not.
        (r'openat\(gone_dir, "\."', "ENOENT"),
        # There are no messages for these.
        (r"fallocate\(file, 0, 0, 100\)", "EOPNOTSUPP"), (r'openat\(AT_FDCWD, "d", O_TMPFILE . O_WRONLY', "EOPNOTSUPP"),
    ],
    "tmpfs": [
        (r'open_\w+\("\.\./(ro/)?fifo"\)|do_statfs\("../ro/fifo"\)', "ENXIO"),  # a fifo is for two programs
        (r"fallocate\(file, 0, 0, 100\)", "EOPNOTSUPP"), (r'openat\(AT_FDCWD, "d", O_TMPFILE . O_WRONLY', "EOPNOTSUPP"),
    ],
}


def is_quirk(row, kind):
    call, _, result = row.rpartition(" = ")
    return any(re.match(pattern, call) and result == ours for pattern, ours in QUIRKS[kind])


def fill(folder):
    """What the program makes in its own folder, for the mount that it cannot write to."""
    (folder / "f").write_text("hello world")
    (folder / "d").mkdir()
    (folder / "full").mkdir()
    (folder / "full/x").write_text("x")
    for name, target in {"lf": "f", "ld": "d", "dang": "nowhere", "loop": "loop"}.items():
        (folder / name).symlink_to(target)
    os.mkfifo(folder / "fifo")


def folders(base):
    made = {name: base / name for name in ("share", "mnt", "ro")}
    for folder in made.values():
        folder.mkdir(parents=True)
    fill(made["ro"])
    os.mkfifo(made["share"] / "fifo")
    return made


def linux(program, made, kind):
    """In a mount namespace of its own, with the mounts that the guest has."""
    top, mnt, ro = (shlex.quote(str(made[name])) for name in ("share", "mnt", "ro"))
    script = f"""set -e
        {f"mount -t tmpfs none {top}" if kind == "tmpfs" else f"mount --bind {top} {top}"}
        cd {top} && mkdir mnt ro
        mount --bind {mnt} mnt && mount --bind {ro} ro && mount -o remount,ro,bind ro
        exec {shlex.quote(str(program))} {kind}"""
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    return subprocess.run([*namespace, "sh", "-c", script], capture_output=True, check=True, timeout=60).stdout


def guest(program, made, kind):
    top = {"9p": "/host", "tmpfs": "/tmp"}[kind]
    extra = []
    for tag, folder in {"mnt": made["mnt"], "ro": made["ro"], "prog": program.parent}.items():
        extra += ["-fsdev", f"local,id={tag},path={folder},security_model=none", "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]
    if kind == "9p":
        (made["share"] / "mnt").mkdir()
        (made["share"] / "ro").mkdir()
    mounts = ["mount=host:/host", f"mount=mnt:{top}/mnt", f"mount=ro:{top}/ro:ro", "mount=prog:/prog:ro"]
    return machine.boot(PLAIN, [f"/prog/{program.name}", kind], share=made["share"], options=["loglevel=warn", *mounts, f"cwd={top}"], extra=extra)


@pytest.mark.parametrize("kind", ["9p", "tmpfs"])
def test_errno_as_on_linux(kind, guests, tmp_path):
    program = guests("errno")
    theirs = linux(program, folders(tmp_path / "theirs"), kind).decode().splitlines()
    got = guest(program, folders(tmp_path / "ours"), kind)
    ours = got.out.decode().splitlines()
    assert got.status == ("exit", 0)
    different = [f"{a}   Linux: {b.rpartition(' = ')[2]}" for a, b in zip(ours, theirs) if a != b and not is_quirk(a, kind)]
    print(f"{len(theirs) - len(different)} of {len(theirs)} equal", *different, sep="\n")
    assert len(ours) == len(theirs) > (5000 if kind == "9p" else 4000) and not different
