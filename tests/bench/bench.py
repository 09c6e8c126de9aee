#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""bench - from the start of QEMU to the first byte of a host file, through both doors, beside a guest that does nothing but send a byte.

usage: bench.py [RUNS]. Prints medians of RUNS (default 10) in milliseconds; for machines that are shared, also the least."""
import os
import re
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "build/bench"
LAUNCHER = ROOT / "build/sheepskin"
FILE = "poem.txt"
TIMEOUT = 60


def build_null():
    """The guest that does nothing: as a kernel, and as an EFI application."""
    OUT.mkdir(parents=True, exist_ok=True)
    source, obj, efi_obj, so = ROOT / "tests/bench/null.S", OUT / "null.o", OUT / "null.efi.o", OUT / "null.so"
    lib = re.search(r"^EFI_LIB := (.*)$", (ROOT / "build/config.mk").read_text(), re.M).group(1)
    for command in (
            ["gcc", "-c", source, "-o", obj],
            ["gcc", "-DEFI", "-c", source, "-o", efi_obj],
            ["ld", "-nostdlib", "-static", "-Ttext=0x100000", "-e", "null", "-z", "noexecstack", obj, "-o", OUT / "null.elf"],
            ["ld", "-nostdlib", "-shared", "-Bsymbolic", "-znocombreloc", "-T", f"{lib}/elf_x86_64_efi.lds", "-L", lib,
             f"{lib}/crt0-efi-x86_64.o", efi_obj, "-lefi", "-lgnuefi", "-o", so],
            ["objcopy", *(f"-j{s}" for s in (".text", ".sdata", ".data", ".rodata", ".dynamic", ".dynsym", ".rel*", ".rela*", ".reloc")),
             "--target", "efi-app-x86_64", "--subsystem=10", so, OUT / "null.efi"]):
        subprocess.run(command, check=True)


def cat_command(door, *more):
    return [LAUNCHER, "run", "--boot", door, *more, "-v", f"{ROOT}/demo:/host", "--", "cat", f"/host/{FILE}"]


def null_command(door):
    """The launcher's own line, with another kernel."""
    line = subprocess.run(cat_command(door, "--dry-run"), capture_output=True, text=True, check=True).stdout
    words = shlex.split(line)
    words[words.index("-kernel") + 1] = str(OUT / ("null.efi" if door == "efi" else "null.elf"))
    words[words.index("-serial") + 1] = "none"  # OVMF writes there too
    if "-initrd" in words:
        at = words.index("-initrd")
        del words[at:at + 2]
    return words


def time_first_byte(command, status, output):
    start = time.perf_counter()
    guest = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    first = os.read(guest.stdout.fileno(), 1)
    took = time.perf_counter() - start
    rest, _ = guest.communicate(timeout=TIMEOUT)
    assert (guest.returncode, first + rest) == (status, output), f"status {guest.returncode}, output {first + rest}"
    return took


def report(what, seconds):
    print(f"  {what:36} {1000 * statistics.median(seconds):7.0f} ms   least {1000 * min(seconds):5.0f} ms", flush=True)
    return statistics.median(seconds)


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    build_null()
    text = (ROOT / "demo" / FILE).read_bytes()
    print(f"start to first byte of a host file, median of {runs}:")
    for door in ("pvh", "efi"):
        # In turn, so that the load of the machine meets both. isa-debug-exit makes 1 of 0.
        pairs = [(time_first_byte(null_command(door), 1, b"."), time_first_byte(cat_command(door), 0, text)) for _ in range(runs)]
        null = report(f"{door}: guest that does nothing else", [p[0] for p in pairs])
        byte = report(f"{door}: sheepskin", [p[1] for p in pairs])
        print(f"  {door + ': difference':36} {1000 * (byte - null):7.0f} ms", flush=True)


main()
