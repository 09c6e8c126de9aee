# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Every row of the table: the device is found where the row says, and files arrive whole through it."""
import hashlib

import pytest

import machine
import share as shares
from rows import BY_NAME, PLAIN, PLAIN_EFI, ROWS

FILES = ["poem.txt", "empty", shares.UTF8, "size-4097", "size-9000001"]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_row(row, share):
    got = machine.boot(row, ["sha256sum", *(f"/host/{name}" for name in FILES)], share=share)
    sums = "".join(f"{hashlib.sha256((share / name).read_bytes()).hexdigest()}  /host/{name}\n" for name in FILES)
    assert (got.status, got.out.decode()) == (("exit", 0), sums)
    assert f"{row.finds} virtio-pci" in got.err
    assert 'virtio0: 9p, tag "host"' in got.err or 'virtio1: 9p, tag "host"' in got.err
    assert "mount: host on /host type 9p" in got.err


@pytest.mark.parametrize("cpu,how", [("max", "moves"), ("max,tcg-cpuid=off", "rep movsb"), ("max,tcg-cpuid=off,erms=off", "moves"), ("qemu64", "moves")])
def test_memory_is_copied_by_what_is_quick(cpu, how, share):
    """String instructions where the processor says that they are quick, unless it is emulated. Both copy the same bytes, in the kernel and in a program."""
    got = machine.boot(PLAIN, ["sha256sum", "/host/size-9000001"], share=share, cpu=cpu, options=["loglevel=debug"])
    assert got.out.split()[:1] == [hashlib.sha256((share / "size-9000001").read_bytes()).hexdigest().encode()]
    assert f"memory is copied by {how}" in got.err


def described(got):
    """What the kernel was handed, from its log: {key: value}, and the memory ranges as (start, end, kind)."""
    facts, ranges = {}, []
    for line in got.err.splitlines():
        if line.startswith("boot: range "):
            where, _, kind = line[12:].partition(" kind ")
            start, size = (int(x, 16) for x in where.split("+"))
            ranges.append((start, start + size, int(kind)))
        elif line.startswith("boot: "):
            key, _, value = line[6:].partition(" ")
            facts[key] = value
    return facts, ranges


@pytest.mark.parametrize("name", ["q35", "pc"])
def test_both_doors_hand_over_the_same(name, share):
    """One struct boot from both: the same files, options, table root and, but for what the firmware keeps, the same memory."""
    memory = 256 << 20
    facts, ram = {}, {}
    for door in ("pvh", "efi"):
        got = machine.boot(BY_NAME[f"{door}-{name}-transitional"], ["hello", "/host"], share=share, options=["loglevel=debug"], memory="256M")
        assert got.status == ("exit", 0)
        facts[door], ranges = described(got)
        assert facts[door]["door"] == door
        assert all(start <= end for start, end, _ in ranges)
        ordered = sorted(r for r in ranges if r[0] < r[1])
        assert all(a[1] <= b[0] for a, b in zip(ordered, ordered[1:])), "ranges overlap"
        ram[door] = sum(end - start for start, end, kind in ranges if kind == 1)
        assert all(end <= memory for _, end, kind in ranges if kind == 1)
    for key in ("cmdline_len", "initfs", "framebuffer"):
        assert facts["pvh"][key] == facts["efi"][key]
    assert all(int(f["rsdp"], 16) for f in facts.values())
    assert memory - (1 << 20) < ram["pvh"] <= memory and memory - (16 << 20) < ram["efi"] <= memory
    assert int(facts["efi"]["kernel_pa"], 16) % 4096 == 0


def test_firmware_tells_the_time(share, guests):
    import time
    got = machine.boot(PLAIN_EFI, share=share, options=["loglevel=debug"])
    assert abs(int(described(got)[0]["wall_ns"]) / 1e9 - time.time()) < 100


def test_efi_records_a_framebuffer(small):
    got = machine.boot(PLAIN_EFI, share=small, options=["loglevel=debug"], extra=["-device", "VGA"])
    address, _, size = described(got)[0]["framebuffer"].partition(" ")
    width, height = map(int, size.split("x"))
    assert int(address, 16) and width >= 640 and height >= 480


@pytest.mark.parametrize("name", ["pc", "q35"])
def test_esp(name, small, tmp_path):
    """From a folder that stands for an EFI system partition, with no options at all: the default program lists the share."""
    place = tmp_path / "esp/EFI/BOOT"
    place.mkdir(parents=True)
    (place / "BOOTX64.EFI").write_bytes((machine.BUILD / "sheepskin.efi").read_bytes())
    log = tmp_path / "log"
    words = ["qemu-system-x86_64", "-machine", name, "-accel", "tcg", "-m", "128M", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none",
             "-bios", machine.OVMF, "-drive", f"format=raw,file=fat:rw:{tmp_path}/esp", "-serial", f"file:{log}",
             "-fsdev", f"local,id=share,path={small},security_model=none", "-device", "virtio-9p-pci,fsdev=share,mount_tag=host"]
    got = machine.run(words, tmp_path)
    text = log.read_bytes()
    assert b"Hello! I am a program on newlib" in text and b"poem.txt" in text and text.rstrip().endswith(b"baa")
    assert got.qemu == 0


@pytest.mark.parametrize("cpu", ["qemu64", "max,-rdrand,-rdseed", "max,-smep,-smap,-umip", "max,-invtsc", "max,-nx", "max,-pdpe1gb", "Nehalem"])
def test_case_b14_processors(cpu, share):
    assert machine.boot(PLAIN, ["cat", "/host/poem.txt"], share=share, cpu=cpu).out == (share / "poem.txt").read_bytes()


@pytest.mark.parametrize("memory", ["8M", "16M", "3G"])
def test_case_b5_memory_sizes(memory, share):
    assert machine.boot(PLAIN, ["cat", "/host/size-65536"], share=share, memory=memory).out == (share / "size-65536").read_bytes()


@pytest.mark.parametrize("extra", ["-device virtio-9p-pci,fsdev=share,mount_tag=other,addr=9", "-device virtio-9p-pci,fsdev=share,mount_tag=host,addr=9",
                                   "-device virtio-balloon-pci -device virtio-rng-pci -device virtio-serial-pci -device e1000",
                                   "-device virtio-9p-pci,fsdev=share,mount_tag=legacy,addr=9,disable-modern=on,disable-legacy=off",
                                   "-smp 4"])
def test_other_devices_do_no_harm(extra, share):
    got = machine.boot(PLAIN, ["cat", "/host/poem.txt"], share=share, extra=extra.split())
    assert (got.status, got.out) == (("exit", 0), (share / "poem.txt").read_bytes())


def test_two_shares_with_one_tag(small):
    """The second one can be reached by no name, and the user hears of it."""
    got = machine.boot(PLAIN, ["ls", "/host"], share=small, extra=["-device", "virtio-9p-pci,fsdev=share,mount_tag=host,addr=9"])
    warning, = [line for line in got.err.splitlines() if line.startswith("sheepskin: another")]
    assert got.status == ("exit", 0) and '"host"' in warning and "mount_tag=" in warning


def test_several_shares(share, small):
    extra = ["-fsdev", f"local,id=two,path={small},security_model=none", "-device", "virtio-9p-pci,fsdev=two,mount_tag=second"]
    got = machine.boot(PLAIN, ["cat", "/host/poem.txt", "/a/b/poem.txt"], share=share, extra=extra, options=["mount=host:/host", "mount=second:/a/b:ro"])
    assert got.out == (share / "poem.txt").read_bytes() + b"baa\n"


def test_share_as_root(small):
    got = machine.boot(PLAIN, ["cat", "/poem.txt"], share=small, options=["root=host", "rootfstype=9p"])
    assert (got.status, got.out) == (("exit", 0), b"baa\n")


def test_plain_line_by_hand(small, tmp_path):
    """A short QEMU line without channels and options: all output comes on the serial port, and the machine switches itself off."""
    log = tmp_path / "log"
    words = ["qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-accel", "tcg", "-kernel", str(machine.BUILD / "kernel.elf"),
             "-initrd", str(machine.BUILD / "initfs.cpio"), "-append", "-- cat /host/poem.txt", "-serial", f"file:{log}",
             "-virtfs", f"local,path={small},mount_tag=host,security_model=none"]
    assert machine.run(words, tmp_path).qemu == 0
    assert log.read_bytes().replace(b"\r", b"").endswith(b"baa\n")
