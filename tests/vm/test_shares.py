# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The same edits under each of QEMU's security models, as root and as an ordinary user, and on shares that are read only: what the guest is told, what
it sees afterwards, and what lies on the host."""
import os
import shutil
import stat

import pytest

import machine
from rows import PLAIN

NOBODY = 65534
USERS = {"root": 0, "nobody": NOBODY} if os.geteuid() == 0 else {"self": os.geteuid()}
FILES = ("there", "chowned", "old", "gone", "cut", "aged", "tagged")


@pytest.fixture
def folder(base, request):
    """What is shared: one file for each edit, of the user that QEMU is to be."""
    place = base / f"shares-{abs(hash(request.node.name))}"
    place.mkdir()

    def fill(uid):
        for name in FILES:
            (place / name).write_text("before\n")
            (place / name).chmod(0o644)
        os.setxattr(place / "tagged", "user.tag", b"x")
        (place / "empty").mkdir()
        (place / "kept").mkdir()
        os.symlink("there", place / "hostlink")
        if os.geteuid() == 0:
            for path in [place, *place.iterdir()]:
                os.chown(path, uid, uid, follow_symlinks=False)
        return place
    yield fill
    shutil.rmtree(place)


def parts(out):
    return [dict(line.strip().split(" ", 1) for line in part.splitlines()) for part in out.decode().split("--\n")]


def run(guests, images, folder, uid, *, model="none", readonly=False, mount="/host"):
    """The guest's three parts: what each edit said, what it saw afterwards, and the messages it sent."""
    program = guests("deeds", "gcc", "-static")
    before = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"] if uid != os.geteuid() else []
    got = machine.boot(PLAIN, [f"/prog/{program.name}"], share=None, before=before, **images,
                       options=["loglevel=warn", f"mount=host:{mount}", "mount=prog:/prog:ro", "cwd=/host"], extra=[
        "-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog",
        "-fsdev", f"local,id=share,path={folder},security_model={model},multidevs=remap{',readonly=on' if readonly else ''}",
        "-device", "virtio-9p-pci,fsdev=share,mount_tag=host"])
    assert got.status == ("exit", 0)
    return parts(got.out)


def edits(model, uid):
    """What each edit says: everything works, but what the host's kernel does not let QEMU's user do."""
    said = dict.fromkeys("create private open chmod chown chgrp mkdir symlink link rename unlink rmdir mkfifo mknod truncate utimens setxattr getxattr "
                         "listxattr removexattr".split(), "ok")
    if not model.startswith("mapped") and uid != 0:
        said.update(chown="EPERM", chgrp="EPERM", mknod="EPERM")
    return said


def sights(model, uid):
    """name -> what stat and readlink tell the guest afterwards."""
    mapped = model.startswith("mapped")
    own = f"{uid}:{uid}"
    group = "0" if mapped else str(uid)  # chgrp to the guest's own group, which mapped models only write down
    chowned = "123:456" if mapped or uid == 0 else own
    return {
        "created": f"100640 {own} 6 1 0.0",
        "private": f"100600 {own} 6 1 0.0",
        "there": f"100711 {own} 7 1 0.0",
        "chowned": f"100644 {chowned} 7 1 0.0",
        "directory": f"40750 {own} 0 0 0.0",
        "kept": f"40755 {own} 0 0 0.0",
        "symlink": f"120777 {own} 7 1 0.0 created",
        "hostlink": "ELOOP" if mapped else f"120777 {own} 5 1 0.0 there",  # QEMU's word for links that it did not make
        "tagged": f"100644 {uid}:{group} 7 2 0.0",
        "linked": f"100644 {uid}:{group} 7 2 0.0",
        "cut": f"100644 {own} 3 1 0.0",
        "aged": f"100644 {own} 7 1 33.44",
        "fifo": f"10620 {own} 0 1 0.0",
        "null": f"20666 {own} 0 1 0.0",
    }


def without_nodes(texts):
    """QEMU since 7.2.4 makes no fifos and devices but in mapped models, and says ENXIO."""
    return {name: text for name, text in texts.items() if name not in ("mkfifo", "mknod", "fifo", "null")}


def host_mode(path):
    return oct(os.lstat(path).st_mode)


@pytest.mark.parametrize("user", USERS)
@pytest.mark.parametrize("model", ["none", "passthrough", "mapped-xattr", "mapped-file"])
def test_edits_under(model, user, guests, images, folder):
    uid = USERS[user]
    place = folder(uid)
    said, seen, _ = run(guests, images, place, uid, model=model)
    assert seen.pop("readdir") == "ok"
    keep = without_nodes if not model.startswith("mapped") else dict
    assert keep(said) == keep(edits(model, uid))
    assert keep(seen) == keep(sights(model, uid))
    assert (said["mkfifo"], "fifo" in seen) in (("ok", True), ("ENXIO", False))
    assert sorted(set(seen) - {".virtfs_metadata"}) == sorted(n for n in os.listdir(place) if n != ".virtfs_metadata")
    if model.startswith("mapped"):
        mapped_on_the_host(place, model, uid)
    else:
        real_on_the_host(place, uid)


def plain_on_the_host(place):
    """What is the same in all models."""
    assert (place / "created").read_text() == "hello\n" and (place / "linked").samefile(place / "tagged")
    assert (place / "cut").read_text() == "bef" and (place / "aged").stat().st_mtime_ns == 33 * 10**9 + 44
    assert (place / "kept/new").read_text() == "before\n" and not (place / "old").exists()
    assert not (place / "gone").exists() and not (place / "empty").exists()
    assert os.getxattr(place / "there", "user.wool") == b"white" and "user.tag" not in os.listxattr(place / "tagged")


def real_on_the_host(place, uid):
    plain_on_the_host(place)
    assert host_mode(place / "created") == "0o100640" and host_mode(place / "directory") == "0o40750" and host_mode(place / "there") == "0o100711"
    assert os.readlink(place / "symlink") == "created"
    owner = (place / "chowned").stat()
    assert (owner.st_uid, owner.st_gid) == ((123, 456) if uid == 0 else (uid, owner.st_gid))


def mapped_on_the_host(place, model, uid):
    """Rights, owners and kinds stand beside the files, which are plain ones of QEMU's user."""
    plain_on_the_host(place)
    assert host_mode(place / "created") == "0o100600" and host_mode(place / "directory") == "0o40700" and host_mode(place / "there") == "0o100644"
    assert (place / "chowned").stat().st_uid == uid
    for name in ("symlink", "fifo", "null"):
        assert stat.S_ISREG(os.lstat(place / name).st_mode)
    assert (place / "symlink").read_text().rstrip("\0") == "created"
    if model == "mapped-xattr":
        assert int.from_bytes(os.getxattr(place / "there", "user.virtfs.mode"), "little") == 0o100711
    else:
        assert f"virtfs.mode={0o100711}" in (place / ".virtfs_metadata/there").read_text().split()


# ---- read only ----

WRITERS = {"Tlcreate", "Twrite", "Tmkdir", "Tsymlink", "Tlink", "Tmknod", "Trename", "Trenameat", "Tunlinkat", "Tremove", "Tsetattr", "Txattrcreate"}


def snapshot(place):
    return {p.name: (host_mode(p), os.lstat(p).st_uid, p.read_bytes() if p.is_file() else b"", os.lstat(p).st_mtime_ns) for p in place.iterdir()}


def refusals(said):
    """Every edit is EROFS; what only reads is not."""
    assert (said.pop("getxattr"), said.pop("listxattr")) == ("ENODATA", "ok")
    assert set(said.values()) == {"EROFS"}


def test_case_h9_read_only_by_the_host(guests, images, folder):
    place = folder(os.geteuid())
    before = snapshot(place)
    said, seen, _ = run(guests, images, place, os.geteuid(), readonly=True)
    refusals(said)
    assert snapshot(place) == before and set(before) | {"readdir"} == set(seen)


def test_read_only_by_the_guest(guests, images, folder):
    """A share that QEMU would let it write: nothing that writes is sent."""
    place = folder(os.geteuid())
    before = snapshot(place)
    said, seen, sent = run(guests, images, place, os.geteuid(), mount="/host:ro")
    refusals(said)
    assert snapshot(place) == before and set(before) | {"readdir"} == set(seen)
    assert not WRITERS & set(sent) and "Twalk" in sent


def test_read_only_by_the_launcher(sheepskin, guests, folder):
    """:ro is both: QEMU's, for a guest that does not keep to it, and the guest's."""
    place = folder(os.geteuid())
    before = snapshot(place)
    got = sheepskin("run", "-v", f"{place}:/host:ro", "--", guests("deeds", "gcc", "-static"), "/host")
    assert got.returncode == 0
    said, _, sent = parts(got.stdout)
    refusals(said)
    assert snapshot(place) == before and not WRITERS & set(sent)
    line = sheepskin("run", "--dry-run", "-v", f"{place}:/host:ro", "--", "hello").stdout.decode()
    assert "readonly=on" in line and "mount=host:/host:ro" in line
