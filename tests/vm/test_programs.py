# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Programs: other C libraries, arguments, statuses, faults; and files that are no programs for us."""
import os
import random
import re
import shutil
import struct
import subprocess

import pytest

import machine
from rows import PLAIN, PLAIN_EFI

FAULTS = ["null", "kernel", "direct-map", "odd-address", "write-constant", "write-code", "run-data", "run-stack", "divide", "ud2", "int3"]
PRIVILEGED = ["cli", "sti", "hlt", "in", "out", "rdmsr", "wrmsr", "mov-cr3", "lidt", "swapgs", "sysret", "iret", "int-21h"]
STATUSES = sorted({0, 1, 2, 42, 100, 124, 125, 126, 127, 128, 137, 254, 255} | set(random.Random(0).sample(range(256), 7)))


def run(folder, *argv, row=PLAIN, **more):
    return machine.boot(row, argv, share=folder, options=more.pop("options", ["loglevel=warn"]), **more)


def linux(*argv):
    """Status as a shell would show it, and output."""
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    return done.returncode if done.returncode >= 0 else 128 - done.returncode, done.stdout


@pytest.mark.parametrize("build", [["musl-gcc"], ["gcc"], ["gcc", "-static-pie", "-fPIE"]], ids=" ".join)
def test_c_libraries(build, guests, share):
    program = guests("cat", *build)
    got = machine.boot(PLAIN, [f"/prog/{program.name}", "/host/poem.txt", "/host/size-65536"], share=share,
                       options=["loglevel=warn", "mount=host:/host", "mount=prog:/prog:ro"], extra=[
                           "-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog"])
    assert got.status == ("exit", 0)
    assert got.out == b"hello 3 1.000\n" + (share / "poem.txt").read_bytes() + (share / "size-65536").read_bytes()


def test_cxx(sheepskin, tmp_path):
    subprocess.run(["g++", "-static", "-O1", os.path.join(os.path.dirname(__file__), "guests/throw.cc"), "-o", tmp_path / "throw"], check=True)
    assert sheepskin("run", tmp_path / "throw").stdout == b"C++ throws and catches caught\n"


@pytest.mark.parametrize("status", STATUSES)
def test_status(status, guests):
    program = guests("fault")
    assert run(program.parent, f"/host/{program.name}", str(status)).status == ("exit", status)


def check_fault(how, guests):
    """It ends as on Linux, with the same output before, and a line in the log."""
    program = guests("fault")
    status, out = linux(program, how)
    got = run(program.parent, f"/host/{program.name}", how)
    assert (got.status, got.out) == (("exit", status), out)
    assert status > 128 and "sheepskin: " in got.err


@pytest.mark.parametrize("how", FAULTS)
def test_fault_ends_the_program_as_on_linux(how, guests):
    check_fault(how, guests)


def test_case_s14_a_stack_that_overflows(guests):
    check_fault("stack", guests)


@pytest.mark.parametrize("how", PRIVILEGED)
def test_case_s15_what_only_a_kernel_may_do(how, guests):
    check_fault(how, guests)


def random_words(seed, count, longest):
    r = random.Random(seed)
    return [bytes(r.choices(range(1, 256), k=r.randrange(longest))) for _ in range(count)]


WORDS = [
    [b""], [b"", b"", b"x", b""], [b"two words", b'"quoted"', b"'single'", b"back\\slash", b"$HOME `id` ; & | > <"], [b"--", b"-x", b"--", b"="],
    ["Ünï 羊 🐑".encode(), b"\xff\xfe\x80"], [b"%41", b"%", b"%%", b"%zz", b"100%"], [b"a\nb\tc\r", b"\x01\x7f", b" ", b"\n"],
    [bytes(range(1, 256))], [b"mount=x:/y", b"loglevel=debug", b"root=z"], [b"x"] * 900, [b"y" * 3000],
    random_words(1, 40, 60), random_words(2, 300, 30), random_words(3, 5, 4000),
]


def check_arguments(row, words, guests):
    program = guests("args")
    got = run(program.parent, f"/host/{program.name}", *words, row=row)
    assert got.status == ("exit", 0)
    assert got.out.startswith(b"".join(w + b"\0" for w in words) + b"\0")


@pytest.mark.parametrize("words", WORDS, ids=lambda w: repr(w)[:30])
def test_arguments(words, guests):
    check_arguments(PLAIN, words, guests)


@pytest.mark.parametrize("words", [sum(WORDS[:9], []), random_words(4, 200, 40), random_words(5, 4, 5000)], ids=["odd", "many", "long"])
def test_arguments_by_efi(words, guests):
    check_arguments(PLAIN_EFI, words, guests)


def test_environment(guests):
    program = guests("args")
    got = run(program.parent, f"/host/{program.name}", options=["env=A=1", "env=B=" + machine.encode("two words ü")])
    assert set(got.out.split(b"\0")) >= {b"A=1", "B=two words ü".encode()}


# ---- what cannot be run ----

def elf(machine_type=62, kind=2, bits=2, magic=b"\x7fELF"):
    return magic + bytes([bits, 1, 1]) + bytes(9) + struct.pack("<HHIQQQIHHHHHH", kind, machine_type, 1, 0x400000, 64, 0, 0, 64, 56, 0, 0, 0, 0) + bytes(4096)


@pytest.fixture(scope="module")
def wrong(base):
    """A share with files that are no programs for us."""
    folder = base / "wrong"
    folder.mkdir()
    (folder / "empty").touch()
    (folder / "text").write_text("I am a wolf\n" * 100)
    (folder / "script").write_text("#!/bin/sh\necho hi\n")
    (folder / "arm").write_bytes(elf(machine_type=183))
    (folder / "i386").write_bytes(elf(machine_type=3, bits=1))
    (folder / "object").write_bytes(elf(kind=1))
    (folder / "cut").write_bytes((machine.BUILD / "apps/cat").read_bytes()[:6000])
    (folder / "folder").mkdir()
    greedy = bytearray((machine.BUILD / "apps/cat").read_bytes())
    segments, = struct.unpack_from("<Q", greedy, 32)
    last = max(at for at in range(segments, segments + 56 * greedy[56], 56) if greedy[at:at + 4] == b"\1\0\0\0")
    struct.pack_into("<Q", greedy, last + 40, 1 << 46)
    (folder / "greedy").write_bytes(greedy)
    subprocess.run(["gcc", "-w", machine.Path(__file__).parent / "guests/cat.c", "-o", folder / "dynamic"], check=True)
    for f in folder.iterdir():
        f.chmod(0o755)
    return folder


# The status, and what the line must speak of.
@pytest.mark.parametrize("name,status,says", [
    ("/host/empty", 126, "ELF"), ("/host/text", 126, "ELF"), ("/host/script", 126, "ELF"), ("/host/arm", 126, "arm"), ("/host/i386", 126, "i386"),
    ("/host/object", 126, "object"), ("/host/cut", 126, "cut"), ("/host/dynamic", 126, "static"), ("/host/folder", 126, "folder"),
    ("/host/greedy", 125, "memory"), ("/host/nowhere", 127, "nowhere"), ("/nowhere/x", 127, "/nowhere/x"), ("nosuchapp", 127, "nosuchapp"), ("/host/text/x", 127, "/host/text/x"),
])
def test_bad_program(name, status, says, wrong):
    got = run(wrong, name)
    assert (got.status, got.out) == (("fail", status), b"")
    lines = got.err.splitlines()
    assert len(lines) == 1 and lines[0].startswith("sheepskin: ") and says in lines[0] and ";" in lines[0]


def one_line(got, status, *says):
    assert got.status == ("fail", status)
    line, = [x for x in got.err.splitlines() if "sheepskin: " in x]
    assert all(s in line for s in says) and ";" in line


def test_no_share():
    one_line(machine.boot(PLAIN, share=None, options=["mount=host:/host", "loglevel=warn"]), 125, "share", "virtio")


def test_no_virtio_device_at_all():
    one_line(machine.boot(PLAIN._replace(devices=""), share=None, options=["mount=host:/host", "loglevel=warn"]), 125, "share", "virtio-9p")


def test_unknown_tag(small):
    one_line(machine.boot(PLAIN, share=small, options=["mount=other:/host", "loglevel=warn"]), 125, "other", "mount_tag")


@pytest.mark.parametrize("option", ["root=", "root", "mount=:/host"])
def test_tag_missing(option, small):
    one_line(machine.boot(PLAIN, share=small, options=[option, "loglevel=warn"]), 125, "tag", "mount=TAG:/path")


@pytest.mark.parametrize("memory", ["2M", "3M"])
def test_case_b5_too_little_memory(memory, small):
    """Below what programs and files need the kernel says so, or all goes well; nothing hangs and nothing ends without a word."""
    got = machine.boot(PLAIN, share=small, memory=memory, time_limit=30)
    if got.status != ("exit", 0):
        one_line(got, 125, "memory")


def test_case_b5_files_over_the_kernels_code(small, tmp_path):
    """QEMU puts the initial files there in a small machine, as far as 60 KiB behind the image's begin; what says so stands in front."""
    files = (machine.BUILD / "initfs.cpio").read_bytes()
    (tmp_path / "files").write_bytes(files + bytes((800 << 10) - len(files)))
    one_line(machine.boot(PLAIN, share=small, memory="2M", files=tmp_path / "files", options=["loglevel=warn"], time_limit=30), 125, "memory")


# ---- pages of the initial files themselves ----

def test_programs_have_the_pages_of_the_initial_files_and_those_never_change(guests, tmp_path):
    """Where their writer put them on whole pages; a program of any other archive is copied. It does the same on the host."""
    program = guests("lent")
    archives = {"ours": tmp_path / "ours", "cpio's": tmp_path / "others"}
    subprocess.run([machine.BUILD.parent / "tools/cpio", "ours", machine.BUILD / "obj/kernel.names", program], cwd=tmp_path, check=True)
    (tmp_path / "bin").mkdir()
    shutil.copy(program, tmp_path / "bin")
    with open(archives["cpio's"], "wb") as out:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc"], cwd=tmp_path, input=b"bin\nbin/" + program.name.encode() + b"\n", stdout=out, check=True)
    own = {}
    for name, files in archives.items():
        got = machine.boot(PLAIN, [program.name, "/bin/" + program.name, "/host/copy"], share=tmp_path, files=files, options=["loglevel=warn"])
        assert (got.status, got.out.splitlines()[0], got.err) == (("exit", 0), b"0 wrong", "")
        assert (tmp_path / "copy").read_bytes() == b"".join(4096 * bytes([c]) for c in b"0123450wwx")
        own[name] = int(got.out.splitlines()[1])
    assert own["ours"] + 40 < own["cpio's"]
    (tmp_path / "copy").unlink()
    assert subprocess.run([program, program, tmp_path / "copy"], capture_output=True).stdout.startswith(b"0 wrong\n")
    assert (tmp_path / "copy").read_bytes() == b"".join(4096 * bytes([c]) for c in b"0123450wwx")


# ---- options ----

def test_unknown_options_are_named():
    got = machine.boot(PLAIN, ["ls", "/"], share=None, options=["console=ttyS0", "moun=host:/host", "quiet", "loglevel=loud", "virtio.irq=msi", "provoke=foo"])
    assert got.status == ("exit", 0) and b"bin" in got.out
    for line in ("option console=ttyS0 is unknown", "option moun=host:/host is unknown", "option quiet is unknown", "loglevel=loud is unknown; choose", "virtio.irq=msi is unknown; choose one of: msix, intx, poll",
                 "provoke=foo is unknown; "):
        assert got.err.count(line) == 1
    warned = machine.boot(PLAIN, ["ls"], share=None, options=["loglevel=warn", "quiet", "virtio.irq=msi"]).err
    assert "virtio.irq=msi is unknown; choose one of" in warned and "quiet" not in warned


def test_options_of_the_tour_are_known(small):
    text = (machine.BUILD.parent / "docs/tour.md").read_text().partition("## Options of the kernel")[2]
    keys = set(re.findall(r"[`[ ]([a-z0-9.]+)(?=[=\]`])", " ".join(re.findall(r"^\| (`.*?) \| ", text, re.M))))
    assert keys >= {"mount", "root", "ro", "norandmaps", "virtio.features", "9p.msize", "provoke"}
    assert "is unknown, and" not in machine.boot(PLAIN, ["ls"], share=small, options=sorted(keys)).err


# ---- ends of the kernel itself ----

@pytest.mark.parametrize("what,says", [("panic", "asked for"), ("null", "page fault"), ("write-text", "page fault"), ("run-data", "page fault"), ("stack", "stack overflow")])
def test_panic(what, says, small):
    got = machine.boot(PLAIN, share=small, options=[f"provoke={what}", "loglevel=warn"])
    assert got.status == ("panic", None)
    assert says in got.err


@pytest.mark.parametrize("what,first", [("panic", ["do_panic"]), ("null", [])])
def test_panic_shows_the_way_there(what, first, small):
    got = machine.boot(PLAIN, share=small, options=[f"provoke={what}", "loglevel=warn"])
    names = [line.split()[1].partition("+")[0] for line in got.err.partition("panic: ")[2].splitlines()[1:] if "+0x" in line]
    assert names[:len(first) + 2] == [*first, "provoke", "kmain"], got.err


@pytest.mark.parametrize("damage", ["another kernel's", "cut", "too many", "none"])
def test_names_that_are_not_to_be_had_are_addresses(damage, small, tmp_path):
    files, table = (machine.BUILD / "initfs.cpio").read_bytes(), (machine.BUILD / "obj/kernel.names").read_bytes()
    count = int.from_bytes(table[4:8], "little")
    other = {"another kernel's": bytes([table[0] ^ 1]) + table[1:], "cut": table[:8 + 4 * count] + b"x" * (len(table) - 8 - 4 * count),
             "too many": table[:4] + b"\xff" * 4 + table[8:], "none": table}[damage]
    assert table in files
    files = files.replace(table, other)
    (tmp_path / "files").write_bytes(files.replace(b"kernel.names", b"kernel.nothing"[:12]) if damage == "none" else files)
    got = machine.boot(PLAIN, share=small, options=["provoke=panic", "loglevel=warn"], files=tmp_path / "files")
    assert got.status == ("panic", None) and "asked for" in got.err and "kmain" not in got.err
    assert "0xffffffff801" in got.err or damage == "cut"
