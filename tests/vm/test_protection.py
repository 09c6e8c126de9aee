# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What protects the kernel from its own faults, and programs from those who know where things stand."""
import re

import pytest

import machine
import share as shares
from rows import PLAIN

CHECKED = {"kernel": machine.BUILD / "checked/kernel.elf", "files": machine.BUILD / "initfs.cpio"}


@pytest.mark.parametrize("image", [{}, CHECKED], ids=["released", "checked"])
@pytest.mark.parametrize("what,says", [("smash", "wrote over the end of its stack frame"), ("undefined", "undefined behaviour")])
def test_faults_of_the_kernel_are_caught(what, says, image, small):
    got = machine.boot(PLAIN, share=small, options=[f"provoke={what}", "loglevel=warn"], **image)
    assert got.status == ("panic", None)
    assert says in got.err


def layout(program, *options):
    got = machine.boot(PLAIN, [f"/host/{program.name}"], share=program.parent, options=["loglevel=warn", "mount=host:/host:ro", *options])
    assert got.status == ("exit", 0)
    text = got.out.decode()
    return dict(re.findall(r"^(stack|strings|heap|map|code) 0x([0-9a-f]+)$", text, re.M)), re.findall(r"^rights (\S+)$", text, re.M)


@pytest.mark.parametrize("how,moves", [("-static", {"stack", "strings", "heap", "map"}), ("-static-pie", {"stack", "strings", "heap", "map", "code"})], ids=["fixed", "pie"])
def test_address_space_layout_is_random(how, moves, guests):
    program = guests("layout", "gcc", how)
    first, second = layout(program)[0], layout(program)[0]
    assert set(first) == {"stack", "strings", "heap", "map", "code"}
    assert {name for name in first if first[name] != second[name]} == moves
    assert layout(program, "norandmaps") == layout(program, "norandmaps")


def test_nothing_is_writable_and_executable(guests):
    rights = layout(guests("layout", "gcc", "-static-pie"))[1]
    assert len(rights) >= 4 and any("x" in r for r in rights)
    assert not [r for r in rights if "w" in r and "x" in r]


@pytest.mark.parametrize("program,argv", [("pointers", []), ("storm", ["11", "20000"]), ("storm", ["12", "20000"])], ids=["pointers", "storm1", "storm2"])
def test_calls_lead_to_no_undefined_behaviour(program, argv, guests, tmp_path):
    """The kernel with every check that the compiler has; what it traps ends in a panic."""
    shares.fill_small(tmp_path)
    program = guests(program)
    got = machine.boot(PLAIN, [f"/prog/{program.name}", *argv], share=tmp_path, options=["loglevel=error", "mount=host:/host", "mount=prog:/prog:ro", "cwd=/host"], **CHECKED,
                       extra=["-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog"])
    assert got.status in (("exit", 0), ("exit", 139), ("exit", 137))
