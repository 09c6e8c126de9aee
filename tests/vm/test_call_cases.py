# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""System calls that no honest program makes, by the number of their hostile case. One boot makes them all; each answer is Linux's, and the kernel goes on."""
import os
import struct
import subprocess

import pytest

import machine
from rows import PLAIN

# The group of guests/cases.c, and how many answers it gives.
SAME = {
    "case_s1_pointers_to_nowhere": ("s1", 160), "case_s2_ranges_across_the_end_of_memory": ("s2", 16), "case_s3_lengths_that_nothing_has": ("s3", 44),
    "case_s4_lengths_are_cut_at_2_gib": ("s4", 8), "case_s5_vectors": ("s5", 15), "case_s6_paths_without_an_end": ("s6", 14),
    "case_s7_what_overwrites_its_own_path": ("s7", 11), "case_s8_descriptors_that_are_none": ("s8", 100), "case_s9_numbers_that_are_no_calls": ("s9", 14),
    "case_s10_positions": ("s10", 25), "case_s11_mappings": ("s11", 20), "case_s12_memory_that_is_not_its_own": ("s12", 28), "case_s13_brk": ("s13", 12),
    "case_s15_flags_at_a_call": ("s15", 8),
}


def groups(out):
    """{group: its lines}"""
    found = {}
    for line in out.decode().splitlines():
        if line.startswith("== "):
            lines = found[line[3:]] = []
        else:
            lines.append(line)
    return found


def in_the_guest(program, folder, *argv, **more):
    return machine.boot(PLAIN, [f"/prog/{program.name}", *argv], share=folder, options=["loglevel=warn", "mount=host:/host", "mount=prog:/prog:ro", "cwd=/host"], extra=[
        "-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog"], **more)


@pytest.fixture(scope="module")
def both(guests, base):
    program, outs = guests("cases"), []
    for system in ("linux", "guest"):
        folder = base / f"cases-{system}"
        folder.mkdir()
        if system == "linux":
            outs.append(subprocess.run([program, "all"], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, check=True, timeout=60).stdout)
        else:
            got = in_the_guest(program, folder, "all")
            assert got.status == ("exit", 0), got.err
            outs.append(got.out)
    return [groups(out) for out in outs]


@pytest.mark.parametrize("name", SAME)
def test_as_on_linux(name, both):
    group, least = SAME[name]
    theirs, ours = (system[group] for system in both)
    assert ours == theirs
    assert len(theirs) >= least


def test_case_s11_nothing_is_writable_and_executable(guests, tmp_path):
    lines = groups(in_the_guest(guests("cases"), tmp_path, "s11-w^x").out)["s11-w^x"]
    assert [line.rpartition(" = ")[2] for line in lines] == ["EACCES", "EACCES"]


def test_case_s18_more_memory_than_there_is(guests, tmp_path):
    got = in_the_guest(guests("cases"), tmp_path, "s18", memory="24M")
    assert got.status == ("exit", 0)
    assert [line.rpartition(" = ")[2] for line in groups(got.out)["s18"]] == ["ENOMEM"] * 4 + ["1", "1", "100"]
