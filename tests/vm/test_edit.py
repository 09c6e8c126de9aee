# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Programs that change a folder: in the guest and on Linux, each on a copy of its own; results and the trees must be the same."""
import hashlib
import os
import struct
import subprocess

import pytest

import machine
from rows import PLAIN


def tree(folder):
    """{path: (type and mode, size, link target, content, links, mtime where it was set)} of everything below."""
    found = {}
    for base, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(base, name)
            st = os.lstat(path)
            regular = os.path.isfile(path) and not os.path.islink(path)
            content = hashlib.sha256(open(path, "rb").read()).hexdigest() if regular else None
            target = os.readlink(path) if os.path.islink(path) else None
            set_time = st.st_mtime_ns if st.st_mtime_ns < 1_200_000_000_000_000_000 else None
            found[os.path.relpath(path, folder)] = (oct(st.st_mode), st.st_size if not os.path.isdir(path) else 0, target, content, st.st_nlink if regular else 0, set_time)
    return found


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_edits_as_on_linux(compiler, guests, tmp_path):
    program = guests("edit", compiler)
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
    want = subprocess.run([program, "/dev/shm"], cwd=theirs, stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout
    got = machine.boot(PLAIN, [f"/prog/{program.name}", "/tmp"], share=ours, options=["loglevel=warn", "mount=host:/host", "mount=prog:/prog:ro", "cwd=/host"], extra=[
        "-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog"])
    assert got.status == ("exit", 0)
    assert got.out.decode().splitlines() == want.decode().splitlines()
    assert tree(ours) == tree(theirs)


def acl(*entries):
    """The bytes of an ACL: version 2, then tag, permissions and id of each entry."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def test_acls_as_on_linux(guests, tmp_path):
    """In a share with passthrough they are the host's; the host sees what the guest sets."""
    program, none = guests("acl"), 0xffffffff
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        folder.mkdir()
        for name in ("file", "plain"):
            (folder / name).write_text(name)
            (folder / name).chmod(0o640)
        for name in ("folder", "other"):
            (folder / name).mkdir(mode=0o750)
        (folder / "link").symlink_to("file")
        rights = acl((1, 6, none), (2, 4, 1234), (4, 4, none), (8, 6, 55), (16, 6, none), (32, 0, none))
        os.setxattr(folder / "file", "system.posix_acl_access", rights)
        os.setxattr(folder / "folder", "system.posix_acl_access", rights)
        os.setxattr(folder / "folder", "system.posix_acl_default", rights)
    want = subprocess.run([program], cwd=theirs, capture_output=True, check=True).stdout.decode().splitlines()
    extra = ["-fsdev", f"local,id=work,path={ours},security_model=passthrough", "-device", "virtio-9p-pci,fsdev=work,mount_tag=work"]
    got = machine.boot(PLAIN, [f"/host/{program.name}"], share=program.parent, options=["loglevel=warn", "mount=host:/host:ro", "mount=work:/work", "cwd=/work"], extra=extra)
    assert got.status == ("exit", 0)
    assert got.out.decode().splitlines() == want
    for name in ("file", "plain", "folder", "other"):
        assert {k: os.getxattr(ours / name, k) for k in os.listxattr(ours / name)} == {k: os.getxattr(theirs / name, k) for k in os.listxattr(theirs / name)}
        assert (ours / name).stat().st_mode == (theirs / name).stat().st_mode
