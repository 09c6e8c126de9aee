# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""machine - boots one row of the table and says what came out of it. Knows QEMU and the guest's channels; does not use the launcher."""
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections import namedtuple
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build"
QBOOT = "/usr/share/qemu/qboot.rom"
OVMF = "/usr/share/ovmf/OVMF.fd"
PLAIN_BYTES = re.compile(rb"[A-Za-z0-9_./:=,@+-]")
TIME_LIMIT = 60  # seconds until a machine is given up; OVMF on a busy machine may take ten

# status: the last word ("exit", 3); None when there was none. qemu: QEMU's own status. host: what QEMU, and who ran it, printed.
Result = namedtuple("Result", "out err words status qemu line host")


def has_property(device, name):
    """Whether this QEMU's device has it: in_order is there from QEMU 10 on."""
    return f" {name}=".encode() in subprocess.run(["qemu-system-x86_64", "-device", f"{device},help"], capture_output=True).stdout


class Hang(AssertionError):
    """The machine did not end by itself."""


def encode(word):
    """A word of the guest's command line."""
    word = os.fsencode(word)
    return "".join(chr(b) if PLAIN_BYTES.match(bytes([b])) else "%%%02X" % b for b in word) or "%"


def last_word(words):
    """("exit", 3), ("fail", 127) or ("panic", None), from the control channel's lines."""
    for word in reversed(words):
        kind, _, number = word.partition(" ")
        if kind in ("exit", "fail", "panic"):
            return kind, int(number) if number else None
    return None


def firmware(boot):
    rom = {"efi": OVMF, "pvh": QBOOT, "seabios": None}[boot]
    return ["-bios", rom] if rom and os.path.exists(rom) else []


def devices(row, share, tag, security):
    """The words of the row's devices, with the share's back end before them."""
    ninep = f"virtio-9p-pci,fsdev=share,mount_tag={tag}"
    words = row.devices.replace("{9p}", ninep).split()
    if not share:
        words = [w for i, w in enumerate(words) if ninep not in w and not (w == "-device" and ninep in words[i + 1])]
        return words
    path = os.fspath(share).replace(",", ",,")
    return ["-fsdev", f"local,id=share,path={path},security_model={security},multidevs=remap"] + words


def command(row, folder, argv, *, share, options=("loglevel=info",), memory="128M", cpu="max", extra=(), kernel=None, files=None,
            tag="host", append=None, security="none"):
    """QEMU's words. append: the whole guest command line, in place of the one that options and argv make."""
    words = ["qemu-system-x86_64", "-machine", row.machine, "-accel", "tcg", "-cpu", cpu, "-m", memory, "-nodefaults", "-no-user-config",
             "-no-reboot", "-display", "none", "-rtc", "base=utc"]
    words += firmware(row.boot)
    words += devices(row, share, tag, security)
    for i, channel in enumerate(("out", "err", "ctl")):
        words += ["-chardev", f"file,id={channel},path={folder}/{channel}", "-device", f"isa-debugcon,iobase={0xe9 + i},chardev={channel}"]
    words += ["-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    words += ["-kernel", str(kernel or BUILD / ("sheepskin.efi" if row.boot == "efi" else "kernel.elf"))]
    if files or row.boot != "efi" and not kernel:
        words += ["-initrd", str(files or BUILD / "initfs.cpio")]
    line = ["stdout=0xe9", "stderr=0xea", "ctl=0xeb", "exit=0xf4", "stdin=none", *options, "--", *map(encode, argv)]
    return words + ["-append", " ".join(line) if append is None else append, *extra]


def run(words, folder, time_limit=TIME_LIMIT, before=()):
    """Runs QEMU's words; before: a command that runs them, such as setpriv."""
    line = shlex.join([*before, *words])
    done = hang = None
    try:
        done = subprocess.run([*before, *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=time_limit)
    except subprocess.TimeoutExpired:
        hang = True
    got = {c: (Path(folder) / c).read_bytes() if (Path(folder) / c).exists() else b"" for c in ("out", "err", "ctl")}
    if hang:
        raise Hang(f"no end in {time_limit} s\n{line}\n--- log\n{got['err'].decode(errors='replace')}\n--- ctl\n{got['ctl']!r}")
    words = got["ctl"].decode(errors="replace").splitlines()
    print(f"{line}\n--- status {done.returncode}\n{done.stdout.decode(errors='replace')}--- log\n{got['err'].decode(errors='replace')}")
    return Result(got["out"], got["err"].decode(errors="replace"), words, last_word(words), done.returncode, line,
                  done.stdout.decode(errors="replace"))


def connect(path):
    """A socket that is connected to the one at path, on which QEMU may not listen yet."""
    end = time.monotonic() + TIME_LIMIT
    while True:
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(TIME_LIMIT)
        try:
            link.connect(str(path))
            return link
        except OSError:
            link.close()
            assert time.monotonic() < end, f"nobody listens on {path}"
            time.sleep(0.02)


def boot(row, argv=("hello", "/host"), *, time_limit=TIME_LIMIT, before=(), **more):
    """Boots `row` with a program; the arguments are command()'s. Prints what was run, which pytest shows when the test fails."""
    folder = tempfile.mkdtemp(prefix="sheepskin-boot-")
    os.chmod(folder, 0o777)
    try:
        return run(command(row, folder, argv, **more), folder, time_limit, before)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
