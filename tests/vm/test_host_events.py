# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What may befall the host while a guest runs, by the number of the hostile case: errors, short counts and slow answers put into QEMU's own system calls, a
share that goes, QEMU killed or stopped. The guest is told what happened, no more is lost than that, and it goes on."""
import errno
import os
import shutil
import socket
import stat
import subprocess
import time

import pytest

import machine
from rows import PLAIN
from test_events import Monitor, waiting  # noqa: F401 (a fixture)
from test_host_trouble import NAMESPACE, in_the_guest, on_linux, place, program, values  # noqa: F401

HERE = machine.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SIZE = 100_000


def byte_at(i):
    return (i * 7 + i // 251) & 0xff


def content(size):
    return bytes(byte_at(i) for i in range(size))


@pytest.fixture
def folder(place):
    made = place / "share"
    made.mkdir()
    (made / "data").write_bytes(content(SIZE))
    (made / "other").write_text("other")
    return made


@pytest.fixture(scope="session")
def shim(base):
    library = base / "shim.so"
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", HERE / "shim.c", "-ldl", "-o", library], check=True)

    def words(what, file, nth=0, seconds=0):
        return ["env", f"LD_PRELOAD={library}", f"SHIM={what}", f"SHIM_FILE={file}", f"SHIM_NTH={nth}", f"SHIM_SECONDS={seconds}"]
    return words


def strace(call, what, file):
    """Each `call` on `file`, by whatever thread of QEMU, is tampered with."""
    return ["strace", "-f", "-qq", "-o", "/dev/null", "-P", str(file), "-e", f"trace={call}", "-e", f"inject={call}:{what}"]


def can_strace():
    return subprocess.run(["strace", "-f", "-o", "/dev/null", "-e", "trace=preadv", "-e", "inject=preadv:error=EIO", "true"], capture_output=True).returncode == 0


WHOLE = ["read 10000 ok"] * 10 + ["other 0 ok"]
WRITTEN = ["write 10000 ok"] * 5 + ["wrong 0 ok", "fsync 0 ok", "other 0 ok"]


# ---- errors of the host's system calls ----

@pytest.mark.parametrize("nth", [1, 4])
def test_case_h6_the_nth_read_fails(nth, program, folder, place, images, shim):
    out = in_the_guest(program, "reads", folder, place, images, before=shim(errno.EIO, folder / "data", nth))
    want = list(WHOLE)
    want[nth - 1:nth] = ["read -1 EIO", "again 10000 ok"]
    assert out == want


def test_case_h6_each_read_of_one_file_fails(program, folder, place, images, shim):
    """By strace on QEMU, where tracing is allowed; the other file is as it was."""
    before = strace("preadv", "error=EIO", folder / "data") if can_strace() else shim(errno.EIO, folder / "data")
    out = in_the_guest(program, "reads", folder, place, images, before=before)
    assert out == ["read -1 EIO", "again -1 EIO"] * 10 + ["other 0 ok"]


@pytest.mark.parametrize("what,said", [(errno.EINTR, ["read 10000 ok"]), (errno.EAGAIN, ["read -1 EAGAIN", "again 10000 ok"])])
def test_case_h7_a_read_is_interrupted(what, said, program, folder, place, images, shim):
    out = in_the_guest(program, "reads", folder, place, images, before=shim(what, folder / "data", 3))
    assert out == WHOLE[:2] + said + WHOLE[3:]


@pytest.mark.parametrize("scene,want", [("reads", WHOLE), ("writes", WRITTEN)])
def test_case_h7_reads_and_writes_are_short(scene, want, program, folder, place, images, shim):
    """Each of them; what a program is told is what there is."""
    if scene == "writes":
        (folder / "data").write_bytes(b"")
    out = in_the_guest(program, scene, folder, place, images, before=shim("short", folder / "data"))
    assert out == want


@pytest.mark.parametrize("error", ["EDQUOT", "EFBIG", "ENOSPC", "EIO"])
def test_case_h5_h10_writes_fail(error, program, folder, place, images, shim):
    """From the second one on, for ever; what was written before is there."""
    (folder / "data").write_bytes(b"")
    out = in_the_guest(program, "writes", folder, place, images, before=shim(getattr(errno, error), folder / "data", -2))
    assert out == ["write 10000 ok"] + [f"write -1 {error}", f"again -1 {error}"] * 4 + ["wrong 1 ok", "fsync 0 ok", "other 0 ok"]
    assert (folder / "data").read_bytes() == content(10_000)


def test_case_h14_an_answer_takes_5_seconds(program, folder, place, images, shim):
    """Slow is not dead: nothing is reset, no read is lost."""
    start = time.monotonic()
    out = in_the_guest(program, "reads", folder, place, images, before=shim("delay", folder / "data", 2, seconds=5))
    assert out == WHOLE and time.monotonic() - start >= 5


# ---- programs that change while they are loaded ----

LARGE = 3 << 20  # a program that is not read whole: first its head, then its pieces
BROKEN = {("exit", 128 + s) for s in (4, 5, 7, 8, 11)}


@pytest.mark.parametrize("what,nth,size,ends", [
    ("cut", 1, 0, {("fail", 126)}), ("noise", 1, 0, {("fail", 126)}), (errno.EIO, 1, 0, {("fail", 125)}),
    ("cut", 2, LARGE, {("fail", 125), ("fail", 126)}), ("noise", 2, LARGE, BROKEN), ("noise", 1, LARGE, {("fail", 126)}),
    (errno.EIO, 1, LARGE, {("fail", 125)}), (errno.EIO, 2, LARGE, {("fail", 125)}),
], ids=["cut", "other bytes", "no bytes", "cut behind its head", "other bytes behind its head", "other head", "no head", "no bytes behind its head"])
def test_case_l26_a_program_that_changes_while_it_is_loaded(what, nth, size, ends, tmp_path, shim):
    shutil.copy(machine.BUILD / "apps/cat", tmp_path / "program")
    with open(tmp_path / "program", "ab") as program:
        program.truncate(max(size, program.tell()))
    got = machine.boot(PLAIN, ["/host/program", "/host/program"], share=tmp_path, options=["loglevel=warn"], before=shim(what, tmp_path / "program", nth))
    assert got.status in ends and got.err.count("\n") >= 1 and "panic" not in got.err


# ---- shares that go, and what is in them ----

def test_case_h1_the_share_is_removed(program, place, images):
    outs = []
    for run in (on_linux, lambda *a, **k: in_the_guest(*a, images, **k)):
        folder = place / f"removed-{len(outs)}"
        folder.mkdir()
        (folder / "data").write_bytes(content(2000))
        outs.append(run(program, "removed", folder, place, actions={"open": lambda: shutil.rmtree(folder)}))
    assert outs[1] == outs[0]
    assert outs[1][:3] == ["read 1000 ok"] * 2 + ["right 1 ok"] and "open -1 ENOENT" in outs[1]


def test_case_h17_what_is_no_file_is_not_opened(program, folder, place, images):
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(str(folder / "socket"))
    wanted = [("fifo", "10000"), ("socket", "140000")]
    if os.geteuid() == 0:
        os.mknod(folder / "zero", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
        os.mknod(folder / "disk", 0o666 | stat.S_IFBLK, os.makedev(7, 200))
        wanted += [("zero", "20000"), ("disk", "60000")]
    out = in_the_guest(program, "special", folder, place, images)
    assert out == sum(([f"{name} {mode}", "read -1 ENXIO", "write -1 ENXIO", "both -1 ENXIO", "truncate 1 ok"] for name, mode in wanted), []) + ["other 0 ok"]


def test_case_h18_100000_names(program, place, images):
    """Some of 255 bytes, some that are no UTF-8."""
    many, count, total = os.fsencode(place / "many"), 100_000, 0
    os.mkdir(many)
    for i in range(count):
        name = b"%d" % i
        if i % 7 == 0:
            name += b"\xff\xfe\x80" + bytes([128 + i % 127])
        if i % 10 == 0:
            name += b"\xe4" * (255 - len(name))
        os.close(os.open(os.path.join(many, name), os.O_CREAT | os.O_WRONLY, 0o644))
        number = 5381
        for byte in name:
            number = (number * 33 + byte) & (1 << 64) - 1
        total = (total + number) & (1 << 64) - 1
    assert in_the_guest(program, "names", place / "many", place, images) == [f"{count} {total}"]


@pytest.mark.skipif(not NAMESPACE, reason="no mounts here")
def test_case_h16_two_file_systems_under_one_share(program, folder, place, images):
    """The first file of each has one number on the host; with multidevs=remap the guest, to which both are one device, sees two."""
    script = f'for d in a b; do mkdir {folder}/$d && mount -t tmpfs tmpfs {folder}/$d && touch {folder}/$d/file; done; exec "$@"'
    before = [*NAMESPACE, "sh", "-c", script, "sh"]
    assert on_linux(program, "inodes", folder, place, before=before)[2:] == ["same device 0 ok", "same inode 1 ok"]
    shutil.rmtree(folder / "a")
    shutil.rmtree(folder / "b")
    assert in_the_guest(program, "inodes", folder, place, images, before=before) == ["a 0 ok", "b 0 ok", "same device 1 ok", "same inode 0 ok"]


# ---- the machine itself ----

def test_case_h11_qemu_is_killed_while_it_writes(program, folder, tmp_path):
    """The file is the beginning of what was written, at least as much of it as was made sure; nothing else is touched."""
    (folder / "data").unlink()
    words = machine.command(PLAIN, tmp_path, [f"/prog/{program.name}", "killed", "/host"], share=folder, options=["loglevel=warn", "mount=host:/host", "mount=prog:/prog:ro"],
                            extra=["-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog"])
    guest = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    end = time.monotonic() + machine.TIME_LIMIT
    while not (tmp_path / "out").exists() or (tmp_path / "out").read_bytes().count(b"sure") < 3:
        assert time.monotonic() < end and guest.poll() is None
        time.sleep(0.005)
    guest.kill()
    guest.wait()
    sure = int((tmp_path / "out").read_text().splitlines()[-1].split()[1])
    written = (folder / "data").read_bytes()
    assert len(written) >= sure >= 3 * 16 * 50_000
    assert written == content(len(written))
    assert sorted(os.listdir(folder)) == ["data", "other"] and (folder / "other").read_text() == "other"


def test_case_h12_stopped_for_a_minute(program, folder, tmp_path, shim):
    """With a read under way. A stopped machine's clock stands still: the request is not given up, nothing is mounted again."""
    words = machine.command(PLAIN, tmp_path, [f"/prog/{program.name}", "reads", "/host"], share=folder, options=["loglevel=warn", "mount=host:/host", "mount=prog:/prog:ro"], extra=[
        "-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog",
        "-qmp", f"unix:{tmp_path}/qmp,server=on,wait=off"])
    guest = subprocess.Popen([*shim("delay", folder / "data", 2, seconds=5), *words], stdin=subprocess.DEVNULL)
    monitor = Monitor(tmp_path / "qmp")
    end = time.monotonic() + machine.TIME_LIMIT
    while not (folder / "data.now").exists():
        assert time.monotonic() < end and guest.poll() is None
        time.sleep(0.01)
    assert "return" in monitor.do("stop")
    time.sleep(60)
    assert "return" in monitor.do("cont")
    guest.wait(machine.TIME_LIMIT)
    assert (tmp_path / "out").read_text().splitlines() == WHOLE
    assert ((tmp_path / "err").read_text(), (tmp_path / "ctl").read_text().splitlines()[-1]) == ("", "exit 0")


def test_case_h13_a_machine_with_a_share_does_not_migrate(waiting):  # noqa: F811
    """QEMU refuses, the guest goes on, and the documents say so."""
    monitor, go = waiting
    answer = monitor.do("migrate", uri="exec:cat>/dev/null")
    assert "VirtFS" in answer["error"]["desc"]
    assert go() == ("exit 7", "")
    assert "migrat" in (ROOT / "docs/coherence.md").read_text()
