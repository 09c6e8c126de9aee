#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""seeds.py TARGET FOLDER - inputs for a fuzz target that are as an honest host would have them, so that it need not find these by chance."""
import random
import struct
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def elf():
    """The first page of each program, behind the size of the file."""
    for p in sorted((ROOT / "build/apps").iterdir()):
        yield struct.pack("<Q", p.stat().st_size) + p.read_bytes()[:1024]


def entry(name, data=b"", mode=0o100644, ino=1, nlink=1):
    fields = [ino, mode, 0, 0, nlink, 7, len(data), 0, 0, 0, 0, len(name) + 1, 0]
    head = b"070701" + b"".join(b"%08x" % f for f in fields) + name.encode() + b"\0"
    return head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4)


def initfs():
    tail = entry("TRAILER!!!")
    yield entry("bin/hello", b"x" * 50, 0o100755) + tail
    yield entry("d", mode=0o40755) + entry("d/a", b"one") + entry("l", b"d/a", 0o120777) + entry("d/../x", b"y") + tail
    yield entry("a", ino=5, nlink=2) + entry("b", b"both", ino=5, nlink=2) + entry("c", ino=5, nlink=2) + tail
    yield entry(".", mode=0o40755) + entry("dev/null", mode=0o20666) + entry("a", b"1") + entry("a", b"22") + entry("a/b", b"3") + tail


def cmdline():
    yield b"mount=host:/host loglevel=debug -- cat /host/two%20words.txt %"
    yield b"virtio.features=-packed,-event_idx 9p.msize=65536 seed=00ff exit=0x501 quiet\t-- sh -c echo%0a%25"
    yield b"a=0x7fffffffffffffff b=18446744073709551615 c=18446744073709551616 -- %00 %zz %4"


def pci_function(vendor, device, pciclass, header=0, bars=(), caps=0x40, sub=0x1af41100):
    """The 64 bytes that stand for all of a function's configuration: what is a capability there is what lies at that place in them."""
    b = bytearray(64)
    struct.pack_into("<HHHHII", b, 0, vendor, device, 7, 0x10, pciclass << 8, header << 16)
    for i, v in enumerate(bars):
        struct.pack_into("<I", b, 0x10 + 4 * i, v)
    struct.pack_into("<I", b, 0x2c, sub)
    b[0x34] = caps
    return bytes(b)


def pci():
    host = pci_function(0x8086, 0x29c0, 0x060000, caps=0)
    virtio = pci_function(0x1af4, 0x1049, 0x000200, bars=(0xfe000000, 0, 0xc, 0x40, 0xc001))
    bridge = bytearray(pci_function(0x1b36, 0x000c, 0x060400, header=0x81, bars=(0xfe001000, 0, 0x00020100, 0x01f101f1, 0xfff0fff0, 0x0001fff1)))
    yield host + virtio
    yield host + bytes(64 * 7) + virtio + bytes(64 * 7) + bytes(bridge)
    yield host + bytes(bridge) * 8 + virtio * 4


def table(kind, content):
    content = content + bytes(len(content) % 2)
    return bytes([kind, len(content) // 2]) + content


def acpi():
    fadt = bytearray(244 - 36 + 24)
    for at, size, v in ((48, 4, 0xb2), (52, 1, 2), (64, 4, 0x604), (76, 4, 0x608), (112, 4, 1 << 10), (128, 1, 0x0f)):
        fadt[at - 36:at - 36 + size] = v.to_bytes(size, "little")
    for at, port in ((116, 0xcf9), (172, 0x604), (208, 0x608), (244, 0x600)):
        fadt[at - 36:at - 36 + 12] = struct.pack("<BBBBQ", 1, 8, 0, 1, port)
    mcfg = bytes(8) + struct.pack("<QHBBI", 0xe0000000, 0, 0, 255, 0) + struct.pack("<QHBBI", 0xd0000000, 1, 0, 15, 0)
    s5 = b"\x08_S5_\x12\x06\x04\x0a\x05\x0a\x00\x00\x00"
    cba = b"\x14\x0b_CBA\x00\xa4\x0c\x00\x00\x00\xe0" + b"\x08_CBA\x0e" + struct.pack("<Q", 0xe0000000)
    yield table(2, s5 + cba) + table(0, bytes(fadt)) + table(1, mcfg)
    fadt[112 - 36 + 2] = 0x10
    yield table(2, s5) + table(0, bytes(fadt)) + table(3, bytes(44))
    yield table(2, cba) + table(0, bytes(100))


def pvh():
    for version in (0, 1):
        info = struct.pack("<IIIIQQQQII", 0x336ec578, version, 0, 1, 3 << 62 | 0x100, 3 << 62 | 0x200, 0xf5a10, 3 << 62 | 0x400, 3, 0)
        b = bytearray(0x500)
        b[:len(info)] = info
        b[0x100:0x120] = struct.pack("<QQQQ", 0x8000000 if version else 0x100800, 12345, 0, 0)
        b[0x200:0x220] = b"loglevel=info -- hello".ljust(32, b"\0")
        for i, (base, size, kind) in enumerate(((0, 0x9fc00, 1), (0x100000, 64 << 20, 1), (0x3ff0000, 0x10000, 2))):
            struct.pack_into("<QQII", b, 0x400 + 24 * i, base, size, kind, 0)
        yield bytes(b)


def choices():
    """For targets that take their input as a row of choices, of which zeroes and small ones are the honest ones: long rows of mostly those."""
    r = random.Random(9)
    for most in (1, 2, 8, 64, 256):
        for length in (64, 512, 2000):
            yield bytes(r.randrange(256) if r.randrange(most) == 0 and most > 1 else r.randrange(most) for _ in range(length))
            yield bytes(0xff if r.randrange(8) else r.randrange(256) for _ in range(length))


def main():
    target, folder = sys.argv[1], Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(globals().get(target, choices)()):
        (folder / f"seed{i:02}").write_bytes(seed)


main()
