# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Damaged programs: one that works, with a field or two changed, goes through the real loader. It is refused in one line, with the status that a shell gives,
before anything of it runs; Linux kills many of them only once they run."""
import struct
import subprocess

import pytest

import machine
from rows import PLAIN

EHDR = {"class": (4, "B"), "data": (5, "B"), "ident_version": (6, "B"), "type": (16, "H"), "machine": (18, "H"), "version": (20, "I"), "entry": (24, "Q"),
        "phoff": (32, "Q"), "phentsize": (54, "H"), "phnum": (56, "H")}
PHDR = {"type": (0, "I"), "flags": (4, "I"), "offset": (8, "Q"), "vaddr": (16, "Q"), "filesz": (32, "Q"), "memsz": (40, "Q"), "align": (48, "Q")}
LOAD, INTERP, TLS = 1, 3, 7
TEXT, DATA = 0, 1  # the segments of PT_LOAD, in their order
KERNEL = 0xffffffff80100000


class Program(bytearray):
    """An ELF file; p[field] of its header, p[n, field] of its n-th segment that is loaded, p[-1, field] of its last program header."""

    def place(self, key):
        if isinstance(key, str):
            return EHDR[key]
        n, field = key
        heads = [64 + 56 * i for i in range(self.count)]
        at = heads[-1] if n < 0 else [h for h in heads if self[h:h + 4] == b"\1\0\0\0"][n]
        return at + PHDR[field][0], PHDR[field][1]

    def put(self, changes):
        for at, kind, value in [(*self.place(key), value) for key, value in changes.items()]:
            struct.pack_into("<" + kind, self, at, value)
        return self

    def get(self, key):
        at, kind = self.place(key)
        return struct.unpack_from("<" + kind, self, at)[0]


def program():
    p = Program((machine.BUILD / "apps/cat").read_bytes())
    p.count = struct.unpack_from("<H", p, 56)[0]
    return p


def extra_header(p, *fields):
    """One program header more, where there is room behind the last one."""
    struct.pack_into("<IIQQQQQQ", p, 64 + 56 * p.count, *fields)
    p.count += 1
    return p.put({"phnum": p.count})


def two_tls(p):
    return extra_header(extra_header(p, TLS, 4, 0, 0x400000, 0, 16, 16, 8), TLS, 4, 0, 0x400000, 0, 16, 16, 8)


# What is done to the program; the status; what the line speaks of.
CASES = {
    "case_l1_empty": (lambda p: b"", 126, "ELF"),
    "case_l2_one_byte": (lambda p: p[:1], 126, "ELF"),
    "case_l3_40_bytes": (lambda p: p[:40], 126, "ELF"),
    "case_l4_another_magic": (lambda p: b"\x7fELG" + p[4:], 126, "ELF"),
    "case_l5_32_bits": (lambda p: p.put({"class": 1}), 126, "32-bit"),
    "case_l5_big_endian": (lambda p: p.put({"data": 2}), 126, "another machine"),
    "case_l5_version_9": (lambda p: p.put({"ident_version": 9}), 126, "version"),
    "case_l5_version_99": (lambda p: p.put({"version": 99}), 126, "version"),
    "case_l6_object": (lambda p: p.put({"type": 1}), 126, "object"),
    "case_l6_core": (lambda p: p.put({"type": 4}), 126, "core"),
    "case_l7_arm": (lambda p: p.put({"machine": 183}), 126, "another machine"),
    "case_l8_entry_0": (lambda p: p.put({"entry": 0}), 126, "entry"),
    "case_l8_entry_not_canonical": (lambda p: p.put({"entry": 1 << 47}), 126, "entry"),
    "case_l8_entry_in_the_kernel": (lambda p: p.put({"entry": KERNEL}), 126, "entry"),
    "case_l9_headers_beyond_the_file": (lambda p: p.put({"phoff": len(p) + 8}), 126, "damaged"),
    "case_l9_headers_at_2_64": (lambda p: p.put({"phoff": (1 << 64) - 8}), 126, "damaged"),
    "case_l10_header_size_0": (lambda p: p.put({"phentsize": 0}), 126, "damaged"),
    "case_l10_header_size_57": (lambda p: p.put({"phentsize": 57}), 126, "damaged"),
    "case_l11_no_headers": (lambda p: p.put({"phnum": 0}), 126, "damaged"),
    "case_l11_65535_headers": (lambda p: p.put({"phnum": 65535}), 126, "damaged"),
    "case_l12_cut_in_the_text": (lambda p: p[:6000], 126, "cut"),
    "case_l13_more_in_the_file": (lambda p: p.put({(TEXT, "memsz"): 100}), 126, "more bytes"),
    "case_l14_file_size_2_62": (lambda p: p.put({(DATA, "filesz"): 1 << 62, (DATA, "memsz"): 1 << 62}), 126, "cut"),
    "case_l14_memory_2_46": (lambda p: p.put({(DATA, "memsz"): 1 << 46}), 125, "memory"),
    "case_l14_memory_2_64": (lambda p: p.put({(DATA, "memsz"): (1 << 64) - 1}), 126, "outside"),
    "case_l15_in_the_kernel": (lambda p: p.put({(DATA, "vaddr"): KERNEL}), 126, "outside"),
    "case_l15_at_0": (lambda p: p.put({(TEXT, "vaddr"): 0}), 126, "outside"),
    "case_l15_round_2_64": (lambda p: p.put({(DATA, "vaddr"): (1 << 64) - 4096 + p.get((DATA, "vaddr")) % 4096}), 126, "outside"),
    "case_l16_offset_does_not_fit": (lambda p: p.put({(TEXT, "vaddr"): p.get((TEXT, "vaddr")) + 8}), 126, "does not fit"),
    "case_l17_overlap": (lambda p: p.put({(DATA, "vaddr"): p.get((TEXT, "vaddr")) + p.get((DATA, "offset")) % 4096}), 126, "overlap"),
    "case_l19_nothing_to_load": (lambda p: p.put({(DATA, "type"): 4}).put({(TEXT, "type"): 4}), 126, "nothing to load"),
    "case_l20_entry_in_the_data": (lambda p: p.put({"entry": p.get((DATA, "vaddr"))}), 126, "entry"),
    "case_l21_writable_and_executable": (lambda p: p.put({(DATA, "flags"): 7}), 126, "writable and executable"),
    "case_l23_interpreter": (lambda p: p.put({(-1, "type"): INTERP}), 126, "static"),
    "case_l24_two_tls": (two_tls, 126, "thread-local"),
    "case_l24_tls_alignment_2_40": (lambda p: extra_header(p, TLS, 4, 0, 0x400000, 0, 16, 16, 1 << 40), 126, "thread-local"),
    "case_l25_header_only": (lambda p: p[:64], 126, "damaged"),
}


def load(folder, content, *args, memory="128M", options=("loglevel=warn",)):
    (folder / "program").write_bytes(content)
    (folder / "program").chmod(0o755)
    return machine.boot(PLAIN, ["/host/program", *args], share=folder, memory=memory, options=list(options))


def refused(got, status, says):
    assert (got.status, got.out) == (("fail", status), b"")
    line, = got.err.splitlines()
    assert line.startswith("sheepskin: /host/program: ") and says in line and ";" in line


@pytest.mark.parametrize("name", CASES)
def test_refused(name, small):
    change, status, says = CASES[name]
    refused(load(small, change(program())), status, says)


def test_as_it_is(small):
    assert load(small, program(), "/host/poem.txt").out == b"baa\n"


def test_case_l18_alignments_that_are_none(small):
    got = load(small, program().put({(TEXT, "align"): 3, (DATA, "align"): 1 << 63}), "/host/poem.txt")
    assert (got.status, got.out) == (("exit", 0), b"baa\n")


def test_case_l22_an_executable_stack_is_none(guests, tmp_path):
    """The program that asks for it runs; what it puts on its stack does not."""
    fault = guests("fault", "gcc", "-static", "-z", "execstack")
    assert "RWE" in next(x for x in subprocess.run(["readelf", "-lW", fault], capture_output=True, text=True).stdout.splitlines() if "GNU_STACK" in x)
    assert load(tmp_path, fault.read_bytes(), "7").status == ("exit", 7)
    assert load(tmp_path, fault.read_bytes(), "run-stack").status == ("exit", 139)


def test_case_l27_sparse_files(small):
    """2 GiB of nothing, as a file without a head, behind a program, and in one of its segments: what is read is what is needed and there is memory for."""
    size = 2 << 30
    with open(small / "sparse", "wb") as f:
        f.truncate(size)
    (small / "sparse").chmod(0o755)
    got = machine.boot(PLAIN, ["/host/sparse"], share=small, options=["loglevel=warn"])
    assert got.status == ("fail", 126) and "ELF" in got.err
    for change, status in ({}, ("exit", 0)), ({(DATA, "filesz"): size - 65536, (DATA, "memsz"): size - 65536}, ("fail", 125)):
        with open(small / "program", "wb") as f:
            f.write(program().put(change))
            f.truncate(size)
        (small / "program").chmod(0o755)
        got = machine.boot(PLAIN, ["/host/program", "/host/poem.txt"], share=small, options=["loglevel=warn"])
        assert got.status == status and (got.status[1] == 0 or "memory" in got.err)


@pytest.mark.parametrize("words", [["x"] * 3000, ["y" * 30] * 2100], ids=["many", "long"])
def test_case_l28_arguments_that_do_not_fit(words, small):
    got = load(small, program(), *words)
    assert got.status == ("fail", 125) and "give fewer" in got.err and len(got.err.splitlines()) == 1
