# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""System calls: a program makes some 700 of them, good and bad, and the guest must answer each as Linux does on the same folder, mounted read-only."""
import os
import shlex
import signal
import subprocess

import pytest

import machine
import share as shares
from rows import PLAIN

# Groups of calls in guests/calls.c, each with the least number of rows that it prints, so that none is lost unseen.
SAME = {"reads": 50, "large-reads": 20, "vectors": 30, "descriptors": 70, "devices": 25, "opens": 35, "open-links": 15, "open-texts": 13, "opens-at": 12, "names": 45, "accesses": 35, "cwd": 30, "directories": 60, "memory": 40, "mappings": 30,
        "mapped-files": 30, "breaks": 10, "clocks": 43, "signals": 45, "more-signals": 22, "queued-signals": 26, "pipes": 20, "self": 30, "processor": 11, "waiting": 55, "selecting": 16, "identity": 60, "scheduling": 68, "futexes": 19, "timers": 75, "timer-signals": 50, "timer-numbers": 8, "timer-handlers": 34, "limits": 26}


def linux(program, group, share):
    """In a mount namespace of its own, where the share is read-only: some of the calls would change it."""
    here = shlex.quote(str(share))
    script = f"mount --bind {here} {here} && mount -o remount,ro,bind {here} && cd {here} && exec {shlex.quote(str(program))} {group}"
    namespace = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-rm"]
    if subprocess.run([*namespace, "true"], capture_output=True).returncode:
        pytest.skip("no mount namespaces here")
    return subprocess.run([*namespace, "sh", "-c", script], capture_output=True, check=True, timeout=60).stdout


def guest(program, group, share, *, options=(), **more):
    return machine.boot(PLAIN, [f"/prog/{program.name}", group], share=share,
                        options=["loglevel=warn", "mount=host:/host:ro", "mount=prog:/prog:ro", "cwd=/host", *options], extra=[
                            "-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog"],
                        **more)


@pytest.mark.parametrize("group", SAME)
@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_same_as_linux(compiler, group, guests, share):
    program = guests("calls", compiler)
    theirs = linux(program, group, share).splitlines()
    got = guest(program, group, share)
    assert got.status == ("exit", 0)
    assert got.out.splitlines() == theirs
    assert len(theirs) >= SAME[group]


def rows(got):
    return dict(line.rsplit(b" = ", 1) for line in got.out.splitlines())


def test_memory_is_never_writable_and_executable(guests, share):
    """The one deliberate difference."""
    got = guest(guests("calls"), "write-or-execute", share)
    assert list(rows(got).values()) == [b"EACCES", b"EACCES", b"0"]


def test_nothing_is_waited_for_in_vain(guests, share):
    got = guest(guests("calls"), "for-ever", share)
    assert [line.rsplit(b" = ", 1)[1] for line in got.out.splitlines()] == [b"EDEADLK", b"0", b"0", b"0", b"EDEADLK"]


def test_case_s18_out_of_memory_is_told(guests, share):
    got = guest(guests("calls"), "waste", share, memory="24M")
    assert got.status == ("exit", 137) and "out of memory; " in got.err


def test_behind_a_file_is_nothing(guests, share):
    got = guest(guests("calls"), "behind", share)
    assert list(rows(got)) == [b"p[PAGE]", b"p[PAGE + 1]"]
    assert got.status == ("exit", 128 + signal.SIGBUS) and "bus error" in got.err


def test_case_s17_descriptors_run_out(guests, share):
    got = guest(guests("calls"), "exhaust", share)
    assert got.status == ("exit", 0)
    assert [line.rsplit(b" = ", 1)[1] for line in got.out.splitlines()] == [b"EMFILE", b"EMFILE", b"EMFILE", b"255", b"4", b"0", b"7"]


SEED = "00112233445566778899aabbccddeeff"


@pytest.mark.parametrize("cpu,options,status", [
    ("qemu64", [], b"EAGAIN"), ("qemu64", [f"seed={SEED}"], b"32"), ("qemu64", [f"seed={SEED[:16]}"], b"EAGAIN"), ("max", [], b"32"),
], ids=["none", "seed", "short seed", "processor"])
def test_case_b14_random_numbers_need_a_source(cpu, options, status, guests, share):
    got = guest(guests("calls"), "chance", share, cpu=cpu, options=options)
    assert [line.rsplit(b" = ", 1)[1] for line in got.out.splitlines()][::2] == [status, b"32"]


def made_up(guests, *argv):
    program = guests("forge")
    return machine.boot(PLAIN, [f"/prog/{program.name}", *argv], share=program.parent, tag="prog", options=["loglevel=warn", "mount=prog:/prog:ro"])


def test_no_frame_gives_a_program_more_than_it_has(guests):
    got = made_up(guests, "flags")
    assert (got.status, got.out) == (("exit", 0), b"as they should be\n")


@pytest.mark.parametrize("address", ["800000000000", "8000000000000000", "ffff7fffffffffff", "ffffffff80100000", "fffffffffffffff8", "7ffffffff000"])
def test_case_s16_return_addresses_that_are_none(address, guests):
    assert made_up(guests, "rip", address).status == ("exit", 139)


@pytest.mark.parametrize("argv,status", [("trap", 133), ("at fffffffffffffff8", 139), ("stack fffffffffffff000 2000", 139), ("stack 10 1000", 139)])
def test_frames_and_stacks_that_are_none(argv, status, guests):
    assert made_up(guests, *argv.split()).status == ("exit", status)


@pytest.mark.parametrize("memory", ["128M", "24M"])
@pytest.mark.parametrize("seed", range(4))
def test_no_call_harms_the_kernel(seed, memory, guests, tmp_path):
    """Calls by lot may write over the program's own stack, so how it ends is open; that it ends, by itself, is not."""
    shares.fill_small(tmp_path)
    program = guests("storm")
    got = machine.boot(PLAIN, [f"/prog/{program.name}", str(seed + 1), "20000"], share=tmp_path, memory=memory, options=["loglevel=error", "mount=host:/host", "mount=prog:/prog:ro"],
                       extra=["-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog"])
    assert got.status in (("exit", 0), ("exit", 139), ("exit", 137))
