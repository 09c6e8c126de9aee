# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Disks: what a program reads and writes on /dev/vda is what it would on a file of the host, and what Linux's block devices answer."""
import errno
import json
import os
import random
import re
import shutil
import subprocess

import pytest

import machine
from live import Live
from rows import PLAIN

MIB = 1 << 20
DEVICE = ["-device", "virtio-blk-pci,drive=disk,addr=9{options}"]
NUMBERS = {"BLKROGET": (0x125e, 4), "BLKGETSIZE": (0x1260, 8), "BLKFLSBUF": (0x1261, 0), "BLKSSZGET": (0x1268, 4), "BLKBSZGET": (0x80081270, 4),
           "BLKGETSIZE64": (0x80081272, 8), "BLKIOMIN": (0x1278, 4), "BLKIOOPT": (0x1279, 4), "BLKALIGNOFF": (0x127a, 4), "BLKPBSZGET": (0x127b, 4),
           "BLKDISCARDZEROES": (0x127c, 4), "BLKROTATIONAL": (0x127e, 2), "HDIO_GETGEO": (0x301, 16)}
BLKDISCARD, BLKZEROOUT, BLKSECDISCARD = 0x1277, 0x127f, 0x127d
SYS = "/sys/block/vda"


def drive(image, options="", more=""):
    """A disk of this image; options of the device, and of the drive."""
    return ["-drive", f"file={image},format=raw,if=none,id=disk{more}", *[w.replace("{options}", options) for w in DEVICE]]


class Disk:
    """Runs scripts in a guest, and on the host."""

    def __init__(self, folder, program):
        self.folder = folder
        shutil.copy(program, folder / "disk")

    def script(self, lines):
        (self.folder / "script").write_text("".join(line + "\n" for line in lines))

    def guest(self, lines, extra, row=PLAIN, **more):
        """The answers, by line; those to the same question are a list."""
        self.script(lines)
        got = machine.boot(row, ["/host/disk", "/host/script", "/dev/vda"], share=self.folder, extra=extra, **more)
        assert got.status == ("exit", 0), got.err
        self.log = got.err
        return self.read(got.out.decode(), lines)

    def host(self, lines, path):
        self.script(lines)
        done = subprocess.run([self.folder / "disk", self.folder / "script", path], capture_output=True, text=True, check=True)
        return self.read(done.stdout, lines)

    @staticmethod
    def read(text, lines):
        told = [line.partition(": ") for line in text.splitlines()]
        assert [t[0].rstrip(":") for t in told] == lines
        return [re.sub(r"^E(\d+)$", lambda m: {errno.EOPNOTSUPP: "EOPNOTSUPP"}.get(int(m[1]), errno.errorcode[int(m[1])]), t[2]) for t in told]


@pytest.fixture
def disk(tmp_path, guests):
    folder = tmp_path / "share"
    folder.mkdir()
    return Disk(folder, guests("disk"))


def image(path, size=8 * MIB, seed=1):
    path.write_bytes(random.Random(seed).randbytes(size))
    return path


def moves(size, seed, n=250):
    """Reads and writes of all sizes, aligned and not, which a file and a disk must take alike."""
    rng = random.Random(seed)
    lines = ["open 2"]
    for i in range(n):
        length = rng.choice([1, 2, 511, 512, 513, 4095, 4096, 4097, 65536, rng.randrange(1, 9000), rng.randrange(1, 300000)])
        at = rng.randrange(0, size - length)
        at = at // 512 * 512 if rng.random() < 0.3 else at
        if rng.random() < 0.1:
            lines.append(f"align {rng.choice([0, 0, 1, 3, 511, 2048])}")
        lines.append(rng.choice([f"pread {at} {length}", f"pwrite {at} {length} {i}", f"preadv {at} {length}", f"map {at // 4096 * 4096} {length}"]))
        if rng.random() < 0.05:
            lines.append(rng.choice(["fsync 0", "fdatasync 0"]))
    return lines + ["align 7", f"pwrite 0 {5 * MIB} 77", f"pread 0 {size}", "lseek -5 2", "read 100", "read 100", f"pread {size - 10} 100", f"pread {size} 10", "fsync 0"]


@pytest.mark.parametrize("options", ["", ",disable-legacy=on,logical_block_size=4096,physical_block_size=4096", ",disable-legacy=on,queue-size=4,seg-max-adjust=off",
                                     ",disable-legacy=on,vectors=0,indirect_desc=off,event_idx=off"])
def test_dr_blk_5_any_bytes_as_on_a_file(options, disk, tmp_path):
    """Whole sectors only reach the device (QEMU refuses others), whatever a program names; nothing of it is lost or moved."""
    ours, theirs = image(tmp_path / "ours"), image(tmp_path / "theirs")
    lines = moves(8 * MIB, options)
    assert disk.guest(lines, drive(ours, options)) == disk.host(lines, theirs)
    assert ours.read_bytes() == theirs.read_bytes()


# What Linux 6.18 says of a loop device of 1 MiB; where it and virtio-blk differ, of a virtio disk.
ANSWERS = """
open 0x42: 0 | stat 0: 60600 254:0 0 | poll 0: 1 5
pread 1048566 100: 10 | pread 1048586 100: 0 | pwrite 1048566 100 1: 10 | pwrite 1048576 100 1: ENOSPC | pwrite 1048676 100 1: ENOSPC | pwrite 1048676 0 1: 0
lseek 1048577 0: EINVAL | lseek 10 2: EINVAL | lseek 0 3: EINVAL | lseek 0 4: EINVAL | lseek 0 2: 1048576 | lseek -1 2: 1048575 | lseek -1 0: EINVAL
ftruncate 10: EINVAL | fsync 0: 0 | fdatasync 0: 0 | ask 0x5401 36: ENOTTY | ask 0x541b 4: ENOTTY
range 0 512 DISCARD: 0 | range 1 512 DISCARD: EINVAL | range 0 1 DISCARD: EINVAL | range 1048576 512 DISCARD: EINVAL | range 1048064 1024 DISCARD: EINVAL
range 0 0 DISCARD: EINVAL | range 0x7ffffffffffffe00 512 DISCARD: EINVAL | range 0 0x7ffffffffffffe00 DISCARD: EINVAL
range 0 512 ZEROOUT: 0 | range 1 512 ZEROOUT: EINVAL | range 0 1 ZEROOUT: EINVAL | range 1048576 512 ZEROOUT: EINVAL | range 1048064 1024 ZEROOUT: EINVAL
range 0 0 ZEROOUT: EINVAL | range 512 1024 ZEROOUT: 0 | range 0 512 SECDISCARD: EOPNOTSUPP | range 1 1 SECDISCARD: EOPNOTSUPP
open 0x402: 0 | write 1 9: 1 | lseek 0 1: 1
open 0: 0 | range 0 512 DISCARD: EBADF | range 1 512 DISCARD: EBADF | range 0 512 ZEROOUT: EBADF | pwrite 0 1 1: EBADF | fsync 0: 0
open 0x4002: 0 | pread 0 512: 512 | pread 1 512: EINVAL | pread 0 100: EINVAL | preadv 0 512: 512 | pread 1048064 1024: 512 | pread 1048576 1024: 0
pread 1048577 1024: 0 | pwrite 1048064 1024 1: 512 | pwrite 1048576 1024 1: ENOSPC | pwrite 3 1024 1: EINVAL | pwrite 1048579 1024 1: ENOSPC | pread 1 0: 0
open 0x101002: 0 | write 700 9: 700 | open 0x10000: ENOTDIR
"""
ANSWERS = [tuple(a.strip().rsplit(": ", 1)) for line in ANSWERS.strip().splitlines() for a in line.split("|")]
ANSWERS = [(re.sub("[A-Z]{4,}", lambda m: str(globals()["BLK" + m[0]]), q), a) for q, a in ANSWERS]


def is_told(answer, want):
    """A count may have the hash of what was read behind it."""
    return answer.split(" ")[0] == want or answer == want


def test_answers_are_linuxs(disk, tmp_path):
    questions = [q for q, _ in ANSWERS]
    told = disk.guest(questions, drive(image(tmp_path / "i", MIB), more=",discard=unmap"))
    assert [(q, a) for (q, a), t in zip(ANSWERS, told) if not is_told(t, a)] == []


def test_dr_blk_9_a_read_only_disk(disk, tmp_path):
    """RO is accepted, and nothing that writes is sent."""
    img = image(tmp_path / "i", MIB)
    before = img.read_bytes()
    lines = ["open 2", "pread 0 512", "pwrite 0 512 1", "pwrite 1048576 1 1", f"range 0 512 {BLKDISCARD}", f"range 1 512 {BLKZEROOUT}", f"range 0 512 {BLKZEROOUT}", "fsync 0",
             "ask 0x125e 4", f"show {SYS}/ro"]
    told = disk.guest(lines, drive(img, more=",readonly=on"))
    assert told[2:] == ["EPERM", "EPERM", "EPERM", "EINVAL", "EPERM", "0", "01000000", b"1\n".hex()]
    assert img.read_bytes() == before and "read-only" in disk.log


def test_questions_and_files_of_sys(disk, tmp_path):
    """The disk's topology by ioctl() and in /sys, with Linux's names and formats."""
    options = ",serial=wolf in a sheepskin,logical_block_size=1024,physical_block_size=4096,min_io_size=8192,opt_io_size=65536,heads=5,secs=16,cyls=99,bootindex=1"
    lines = ["open 0", *[f"ask {n:#x} {size}" for n, size in NUMBERS.values()]]
    values = {"size": "16384", "ro": "0", "removable": "0", "dev": "254:0", "alignment_offset": "0", "cache_type": "write back", "queue/logical_block_size": "1024",
              "queue/hw_sector_size": "1024", "queue/physical_block_size": "4096", "queue/minimum_io_size": "8192", "queue/optimal_io_size": "65536",
              "queue/write_cache": "write back", "queue/rotational": "1", "queue/zoned": "none", "queue/fua": "0", "queue/discard_granularity": "1024", "queue/max_segments": "126",
              "queue/discard_max_bytes": str(0x3fffff << 9 >> 10 << 10), "queue/write_zeroes_max_bytes": str(0x3fffff << 9 >> 10 << 10)}
    shown = [f"show {SYS}/{name}" for name in values] + [f"show {SYS}/serial", f"show {SYS}/uevent", "show /sys/class/block/vda/dev", "show /sys/dev/block/254:0/device/driver/../../drivers/virtio_blk/virtio1/block/vda/size"]
    told = disk.guest(lines + shown, drive(image(tmp_path / "i"), options))
    asked = dict(zip(NUMBERS, (int.from_bytes(bytes.fromhex(t), "little") if t else None for t in told[1:len(lines)])))
    assert asked == {"BLKROGET": 0, "BLKGETSIZE": 16384, "BLKFLSBUF": None, "BLKSSZGET": 1024, "BLKBSZGET": 4096, "BLKGETSIZE64": 8 * MIB, "BLKIOMIN": 8192, "BLKIOOPT": 65536,
                     "BLKALIGNOFF": 0, "BLKPBSZGET": 4096, "BLKDISCARDZEROES": 0, "BLKROTATIONAL": 1, "HDIO_GETGEO": 5 | 16 << 8 | 99 << 16}
    texts = [bytes.fromhex(t).decode() for t in told[len(lines):]]
    assert texts[:len(values)] == [v + "\n" for v in values.values()]
    assert texts[len(values):] == ["wolf in a sheepskin", "MAJOR=254\nMINOR=0\nDEVNAME=vda\nDEVTYPE=disk\nDISKSEQ=1\n", "254:0\n", "16384\n"]


def test_dr_blk_6_dr_blk_7_discard_and_zeroes_reach_the_image(disk, tmp_path):
    """Segments within the limits, no unmap in a discard (QEMU refuses both); the ranges become holes or zeroes, and nothing around them."""
    img = image(tmp_path / "i", 16 * MIB)
    before, blocks = img.read_bytes(), os.stat(img).st_blocks
    lines = ["open 2", f"range {MIB} {4 * MIB} {BLKDISCARD}", f"range {8 * MIB + 512} 1024 {BLKZEROOUT}", f"range {9 * MIB} {MIB} {BLKZEROOUT}", f"pread {9 * MIB - 1} 4", "fsync 0"]
    told = disk.guest(lines, drive(img, ",disable-legacy=on,max-write-zeroes-sectors=129,max-discard-sectors=1025", more=",discard=unmap"))
    assert told[1:4] == ["0"] * 3 and told[5] == "0"
    want = bytearray(before)
    want[8 * MIB + 512:8 * MIB + 1536] = bytes(1024)
    want[9 * MIB:10 * MIB] = bytes(MIB)
    after = img.read_bytes()
    assert after[:MIB] == want[:MIB] and after[5 * MIB:] == want[5 * MIB:]
    assert os.stat(img).st_blocks <= blocks - 3 * MIB // 512  # given back to the host


def test_zeroes_where_the_device_has_no_way(disk, tmp_path):
    img = image(tmp_path / "i")
    want = bytearray(img.read_bytes())
    want[512:512 + 3 * MIB] = bytes(3 * MIB)
    told = disk.guest(["open 2", f"range 512 {3 * MIB} {BLKZEROOUT}", f"range 0 512 {BLKDISCARD}", f"show {SYS}/queue/discard_max_bytes"],
                      drive(img, ",write-zeroes=off,discard=off"))
    assert told == ["0", "0", "EOPNOTSUPP", b"0\n".hex()]
    assert img.read_bytes() == want


def test_dr_blk_8_errors_of_the_host_are_the_programs(disk, tmp_path):
    """An error of the host's disk is EIO for what it concerns, what stands before it is counted, and the disk goes on."""
    img = image(tmp_path / "i")
    rules = [{"event": "none", "iotype": "read", "sector": 3 * MIB // 512, "errno": 5}, {"event": "none", "iotype": "write", "sector": 4 * MIB // 512, "errno": 28},
             {"event": "none", "iotype": "flush", "errno": 5, "once": True}]
    node = {"driver": "blkdebug", "node-name": "disk", "image": {"driver": "file", "filename": str(img)}, "inject-error": rules}
    extra = ["-blockdev", json.dumps(node), *[w.replace("{options}", ",request-merging=off,werror=report,rerror=report") for w in DEVICE]]
    lines = ["open 2", f"pread 0 {8 * MIB}", f"pread {3 * MIB} 10", "pread 0 512", f"pwrite {4 * MIB} 512 1", f"pwrite {4 * MIB - 600} 1000 1", "fsync 0", "fsync 0", f"pread {4 * MIB} 4096"]
    told = disk.guest(lines, extra)
    short = int(told[1].split()[0])
    assert 0 < short <= 3 * MIB and short % 512 == 0
    assert told[2] == "EIO" and told[3].startswith("512 ") and told[4] == "EIO"
    assert told[5] in ("EIO", "600") and told[6:8] == ["EIO", "0"] and told[8].startswith("4096 ")


def test_case_r23_needs_reset_under_a_disk(disk, tmp_path):
    """QEMU's device is broken by a malformed request; it is brought up again and what was asked for is done."""
    img = image(tmp_path / "i", MIB)
    other = image(tmp_path / "other", MIB)
    lines = ["open 2", *[f"pread {i * 700} 4096" for i in range(200)], *[f"pwrite {i * 700} 3000 {i}" for i in range(100)], f"pread 0 {MIB}", "fsync 0"]
    expected = disk.host(lines, other)
    for n in (100, 200, 350):
        got = disk.guest(lines, drive(img, ",disable-legacy=on"), options=["loglevel=info", f"provoke=needs-reset:{n}"])
        assert got == expected or n > 100 and got[-2:] == expected[-2:]
        assert disk.log.count("virtio1: it needs a reset; it was reset") == 1
    assert img.read_bytes() == other.read_bytes()


def busybox(disk, words, extra):
    shutil.copy(shutil.which("busybox"), disk.folder / "busybox")
    got = machine.boot(PLAIN, ["/host/busybox", *words], share=disk.folder, extra=extra)
    assert got.status == ("exit", 0), words
    return got.out


# What is asked of the disk in the guest, and of an equal file on the host.
READERS = ["dd bs=1000 skip=7 count=500 if=@", "hexdump -C -n 300 -s 70000 @", "cmp @ /host/copy", "tail -c 10000 @"]


def test_busyboxs_applets(disk, tmp_path):
    """dd, hexdump, cmp, blockdev and blkdiscard as Debian ships them."""
    img, copy = image(tmp_path / "i"), image(disk.folder / "copy")
    before, extra = img.read_bytes(), drive(img, more=",discard=unmap")
    for words in READERS:
        want = subprocess.run(["busybox", *words.replace("@", str(img)).replace("/host/copy", str(copy)).split()], capture_output=True, check=True).stdout
        assert busybox(disk, words.replace("@", "/dev/vda").split(), extra) == want, words
    assert busybox(disk, ["blockdev", "--getsize64", "/dev/vda"], extra) == b"8388608\n"
    busybox(disk, "dd if=/host/copy of=/dev/vda bs=4000 count=100 seek=3 conv=notrunc,fsync".split(), extra)
    busybox(disk, "blkdiscard -o 1048576 -l 2097152 /dev/vda".split(), extra)
    after = img.read_bytes()
    assert after[:MIB] == before[:12000] + before[:400000] + before[412000:MIB]
    assert after[3 * MIB:] == before[3 * MIB:] and after[MIB:3 * MIB] == bytes(2 * MIB)


def test_a_file_system_made_in_the_guest(disk, tmp_path):
    """On the second of two disks: e2fsck on the host finds no fault in it, and the first disk is as it was."""
    first, second = image(tmp_path / "first", MIB), image(tmp_path / "second", 16 * MIB)
    before = first.read_bytes()
    busybox(disk, ["mke2fs", "-F", "/dev/vdb"], drive(first) + ["-drive", f"file={second},format=raw,if=none,id=second", "-device", "virtio-blk-pci,drive=second,addr=10"])
    checked = subprocess.run(["/sbin/e2fsck", "-fn", second], capture_output=True, text=True)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert first.read_bytes() == before


def test_block_sizes_that_are_none(disk, tmp_path):
    """Block sizes that are none are refused by name, and the machine goes on."""
    disk.script(["up"])
    got = machine.boot(PLAIN, ["cat", "/host/script"], share=disk.folder, extra=drive(image(tmp_path / "i"), ",logical_block_size=8192,physical_block_size=8192"))
    assert got.status == ("exit", 0) and got.out == b"up\n"
    assert "its block size is no power of two from 512 to 4096" in got.err


def test_dr_blk_9_the_host_changes_the_size(disk, tmp_path):
    """The capacity is read again when the device says so: a disk that grew has room, one that shrank has its end earlier."""
    lines = ["open 2", f"until {12 * MIB}", f"pwrite {11 * MIB} 4096 3", f"show {SYS}/size", f"until {4 * MIB}", f"pread {4 * MIB - 100} 1000", f"pwrite {5 * MIB} 1 1", "until 0", "pread 0 1",
             "pwrite 0 1 1", "fsync 0"]
    disk.script(lines)
    (tmp_path / "channels").mkdir()
    with Live(PLAIN, tmp_path / "channels", ["/host/disk", "/host/script", "/dev/vda"], share=disk.folder, extra=drive(image(tmp_path / "i"))) as m:
        for size in (12, 4, 0):
            m.until(f"until {size * MIB}:")
            m.do("block_resize", device="disk", size=size * MIB)
        word, out, log = m.end()
    told = disk.read(out, lines)
    assert word == ("exit", 0)
    assert told[2:4] == ["4096", f"{12 * MIB // 512}\n".encode().hex()]
    assert told[5].startswith("100 ") and told[6] == "ENOSPC" and told[8].startswith("0 ") and told[9:] == ["ENOSPC", "0"]
    assert log.count("vda: now") == 3
