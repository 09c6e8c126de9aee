# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""A loader that lies: the kernel, unchanged, is entered with start information made by hand. It runs, or says in one line why not; it always ends."""
import re
import struct
from dataclasses import dataclass, field

import pytest

import machine
from rows import BY_NAME, PLAIN

MIB = 1 << 20
DATA = 64 * MIB  # where what is handed over lies; the machine has 128 MiB
RAM, RESERVED = 1, 2
LOW, HIGH = (0, 0x9fc00, RAM), (MIB, 127 * MIB, RAM)
MAGIC = 0x336ec578


@dataclass
class Start:
    """hvm_start_info, and what it points to; None: as it is in truth."""
    map: list = field(default_factory=lambda: [LOW, HIGH])
    magic: int = MAGIC
    version: int = 1
    options: bytes = b"loglevel=info"
    cmdline: int = None
    nr_modules: int = 1
    modlist: int = None
    module: tuple = None
    rsdp: int = 0
    map_at: int = None
    entries: int = None
    at: int = None


LINE = b"stdout=0xe9 stderr=0xea ctl=0xeb exit=0xf4 stdin=none %s -- hello\0"


def forged(start, kernel, files):
    """An ELF file for QEMU: the kernel's own segments, the data at DATA, and as its entry ten bytes that load ebx and jump to the kernel's."""
    line = start.options if b"--" in start.options else LINE % start.options
    map_at, line_at, list_at, code_at, files_at = DATA + 256, DATA + 65536, DATA + 128, DATA + 192, DATA + MIB
    module = start.module or (files_at, len(files))
    entry = note_entry(kernel)
    head = struct.pack("<IIIIQQQQII", start.magic, start.version, 0, start.nr_modules, list_at if start.modlist is None else start.modlist,
                       line_at if start.cmdline is None else start.cmdline, start.rsdp, map_at if start.map_at is None else start.map_at,
                       len(start.map) if start.entries is None else start.entries, 0)
    data = bytearray(MIB)
    for at, bytes_ in ((DATA, head), (list_at, struct.pack("<QQQQ", *module, 0, 0)), (line_at, line),
                       (code_at, b"\xbb" + struct.pack("<I", DATA if start.at is None else start.at) + b"\xb8" + struct.pack("<I", entry) + b"\xff\xe0"),
                       (map_at, b"".join(struct.pack("<QQII", *r, 0) for r in start.map))):
        data[at - DATA:at - DATA + len(bytes_)] = bytes_
    blob = bytes(data) + files
    segments = [(p, kernel[p[2]:p[2] + p[5]]) for p in program_headers(kernel) if p[0] == 1] + [((1, 7, 0, DATA, DATA, len(blob), len(blob), 4096), blob)]
    note = struct.pack("<III4sI", 4, 4, 18, b"Xen\0", code_at)
    out, headers, at = bytearray(4096), b"", 4096
    for p, content in segments:
        headers += struct.pack("<IIQQQQQQ", p[0], p[1], at, *p[3:7], 4096)
        out += content + bytes(-len(content) % 4096)
        at = len(out)
    headers += struct.pack("<IIQQQQQQ", 4, 4, 2048, 0, 0, len(note), len(note), 4)
    out[:64] = kernel[:24] + struct.pack("<QQQIHHHHHH", code_at, 64, 0, 0, 64, 56, len(segments) + 1, 0, 0, 0)
    out[64:64 + len(headers)] = headers
    out[2048:2048 + len(note)] = note
    return bytes(out)


def program_headers(elf):
    at, n = struct.unpack_from("<Q", elf, 32)[0], struct.unpack_from("<H", elf, 56)[0]
    return [struct.unpack_from("<IIQQQQQQ", elf, at + 56 * i) for i in range(n)]


def note_entry(elf):
    """XEN_ELFNOTE_PHYS32_ENTRY."""
    at, = (p[2] for p in program_headers(elf) if p[0] == 4)
    return struct.unpack_from("<I", elf, at + 16)[0]


def enter(start, share, tmp_path, memory="128M", **more):
    image = tmp_path / "forged.elf"
    image.write_bytes(forged(start, (machine.BUILD / "kernel.elf").read_bytes(), (machine.BUILD / "initfs.cpio").read_bytes()))
    return machine.boot(PLAIN, share=share, kernel=image, memory=memory, append="", **more)


MANY = [(MIB * (2 + i // 2), MIB // 2, RAM) if i % 2 else (MIB * (2 + i // 2) + MIB // 2, MIB // 2, RESERVED) for i in range(120)]
GOOD = {
    "in_truth": Start(),
    "case_b1_ram_over_ram": Start(map=[LOW, HIGH, (2 * MIB, 8 * MIB, RAM), (MIB, 127 * MIB, RAM), (0, 128 * MIB, RAM)]),
    "case_b1_reserved_over_ram": Start(map=[LOW, HIGH, (32 * MIB, 16 * MIB, RESERVED), (40 * MIB, 16 * MIB, RESERVED)]),
    "case_b2_ranges_that_wrap": Start(map=[LOW, HIGH, ((1 << 64) - 4096, 8192, RAM), ((1 << 64) - 1, 1 << 63, RESERVED), (1 << 63, 1 << 63, RAM)]),
    "case_b3_unsorted_and_empty": Start(map=[HIGH, (0, 0, RAM), (77 * MIB, 0, RESERVED), LOW, (5, 0, RAM)]),
    "case_b3_more_than_fit": Start(map=[LOW, HIGH] + [(0x100000000 + i * MIB * 2, MIB, RESERVED) for i in range(1000)]),
    "case_b3_more_than_there_are": Start(entries=0xffffffff),
    "case_b3_in_pieces": Start(map=[LOW, (MIB, MIB, RAM), *MANY, (62 * MIB, 66 * MIB, RAM)]),
    "case_b4_no_memory_above_1_mib": Start(map=[LOW]),
    "case_b4_none_of_it_is_free": Start(map=[LOW, (MIB, 127 * MIB, RESERVED)]),
    "case_b5_a_little": Start(map=[LOW, (MIB, 3 * MIB // 2, RAM)]),
    "case_b5_64_tib_that_are_not_there": Start(map=[LOW, HIGH, (1 << 32, 64 << 40, RAM)]),
    "case_b5_more_than_there_is": Start(map=[LOW, (MIB, 1 << 30, RAM)]),
    "case_b5_all_that_there_could_be": Start(map=[LOW, (MIB, (1 << 64) - MIB, RAM)]),
    "case_b6_all_is_said_to_be_free": Start(map=[(0, 128 * MIB, RAM)]),
    "case_b7_rsdp_0": Start(rsdp=0),
    "case_b7_rsdp_is_none": Start(rsdp=DATA),
    "case_b7_rsdp_beyond_memory": Start(rsdp=0x7ffffff0),
    "case_b7_rsdp_beyond_all": Start(rsdp=(1 << 64) - 8),
    "case_b11_any_number_of_modules": Start(nr_modules=0xffffffff),
}
# What the line speaks of.
BAD = {
    "case_b4_no_memory_at_all": (Start(map=[]), "memory"),
    "case_b4_no_memory_that_is_free": (Start(map=[(0, 128 * MIB, RESERVED)]), "memory"),
    "case_b4_64_kib": (Start(map=[(0, 65536, RAM)]), "memory"),
    "case_b9_version_0": (Start(version=0), "memory"),
    "case_b3_map_out_of_reach": (Start(map_at=1 << 40), "memory"),
    "case_b11_no_modules": (Start(nr_modules=0), "hello"),
    "case_b11_list_beyond_memory": (Start(modlist=1 << 40), "hello"),
    "case_b11_module_beyond_all": (Start(module=((1 << 64) - 4096, 8192)), "hello"),
    "case_b10_too_many_words": (Start(options=b"x " * 30000), "fewer"),
}
# No word reaches the channels, because none names them: the serial port has the log, and the machine switches itself off.
SILENT = {
    "case_b9_another_magic_number": (Start(magic=MAGIC + 1), b"memory"),
    "case_b9_start_info_out_of_reach": (Start(at=0xfffff000), b"memory"),
    "case_b10_no_command_line": (Start(cmdline=0), b"Hello!"),
    "case_b10_empty": (Start(options=b"--\0"), b"Hello!"),
    "case_b10_out_of_reach": (Start(cmdline=1 << 62), b"Hello!"),
    "case_b10_64_kib_without_an_end": (Start(options=b"--" + b"x" * 200000), b"sheepskin: "),
}


def test_case_b6_case_b10_the_command_line_is_the_kernels_own_code(small, tmp_path):
    """Words are ended and decoded, but not where they stand."""
    kernel = (machine.BUILD / "kernel.elf").read_bytes()
    code, = (p for p in program_headers(kernel) if p[0] == 1 and p[1] & 1)
    runs = sorted(re.finditer(rb"[^\0]*[ \t\r\n][^\0]*", kernel[code[2]:code[2] + code[5]]), key=lambda m: -len(re.findall(rb"[ \t\r\n]", m[0])))
    for run in runs[:12]:
        serial = tmp_path / "serial"
        enter(Start(cmdline=code[4] + run.start()), small, tmp_path, extra=["-serial", f"file:{serial}"], time_limit=20)
        assert b"Hello!" in serial.read_bytes()


@pytest.mark.parametrize("name", GOOD)
def test_runs(name, small, tmp_path):
    got = enter(GOOD[name], small, tmp_path)
    assert got.status == ("exit", 0) and b"Hello!" in got.out
    assert "pvh door" in got.err


@pytest.mark.parametrize("name", BAD)
def test_is_told(name, small, tmp_path):
    start, says = BAD[name]
    got = enter(start, small, tmp_path)
    assert got.status and got.status[0] == "fail" and got.status[1] in (125, 127)
    line, = [x for x in got.err.splitlines() if ";" in x]
    assert says in line


@pytest.mark.parametrize("name", SILENT)
def test_ends(name, small, tmp_path):
    start, says = SILENT[name]
    serial = tmp_path / "serial"
    enter(start, small, tmp_path, extra=["-serial", f"file:{serial}"], time_limit=20)
    assert says in serial.read_bytes()


def test_case_b10_longer_than_qemus_loader_takes(small, tmp_path):
    """It writes over its own list of the memory; the user hears what to do."""
    serial = tmp_path / "serial"
    machine.boot(BY_NAME["seabios-q35-modern"], ["cat", "x" * 6000], share=small, extra=["-serial", f"file:{serial}"], time_limit=20)
    assert b"-bios qboot.rom" in serial.read_bytes()
