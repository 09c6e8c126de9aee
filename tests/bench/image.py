#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""image - what the kernel's image is made of, by part and by file, from the sizes of the object files.

usage: image.py            the tables of docs/performance.md, as they would be now
       image.py --write    puts them there"""
import collections
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "docs/performance.md"
BEGIN = "| part of the image | KiB | files |\n"
FILES = 12  # the largest that are named
PARTS = [  # (name, what its files begin with), the first that fits counts
    ("system calls", r"sys_|syscall"), ("drivers", r"drivers/"), ("9P client", r"9p"), ("virtio", r"virtio|virtq"),
    ("`/proc`, `/sys`", r"procfs|sysfs|attrfs|x86_64/cpuinfo"), ("files", r"vfs|devfs|tmpfs|initfs|pipefs|sparse|block|hvc"), ("PCI and ACPI", r"pci|acpi"),
    ("programs", r"proc|elf"), ("processor, doors", r"x86_64/|boot/"), ("start and services", r"")]


def sizes(build=ROOT / "build"):
    """{file: bytes}: code, constants and data; before the linker leaves out what nobody uses, and strings that are there twice."""
    objects = [*(build / "obj/kernel").rglob("*.o"), *(build / "obj/boot").glob("pvh*.o")]
    lines = subprocess.run(["size", *objects], capture_output=True, text=True, check=True).stdout.splitlines()[1:]
    found = collections.Counter()
    for line in lines:
        text, data, *_, name = line.split()
        found[re.sub(r"(\.S)?\.o$", "", str(Path(name).relative_to(build / "obj")).removeprefix("kernel/"))] += int(text) + int(data)
    return found


def parts(found):
    """[(part, bytes, number of files)], largest first."""
    total, count = collections.Counter(), collections.Counter()
    for name, size in found.items():
        part = next(p for p, begin in PARTS if re.match(begin, name))
        total[part] += size
        count[part] += 1
    return [(part, size, count[part]) for part, size in total.most_common()]


def tables():
    found = sizes()
    lines = [BEGIN.strip(), "|---|---|---|"]
    lines += [f"| {part} | {size / 1024:.1f} | {n} |" for part, size, n in parts(found)]
    lines += [f"| **all, linked and stripped** | {(ROOT / 'build/kernel.elf').stat().st_size / 1024:.1f} | {len(found)} |"]
    largest = ", ".join(f"`{name}` {size / 1024:.1f}" for name, size in found.most_common(FILES))
    return "\n".join(lines) + f"\n\nThe largest files, in KiB: {largest}."


def write():
    text = DOCUMENT.read_text()
    at = text.index(BEGIN)
    end = text.index("\n", text.index("The largest files, in KiB:", at))
    DOCUMENT.write_text(text[:at] + tables() + text[end:])


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        write()
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        print(tables())
