# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Runs QEMU with devices that lie, or that do not: virtio-9p PCI functions which this process is (x-pci-proxy-dev).

    python3 tests/vm/hostile --list
    python3 tests/vm/hostile --device LIE[+LIE...][,KEY=VALUE...] ... -- qemu-system-x86_64 -M microvm,pcie=on -m 128M ...

Each --device is one function; without a lie (--device honest) it tells the truth. A lie is a name of --list, the part before its first "_" if no other begins
so, or a pattern such as case_p*. Keys: tag (the mount tag, "hostile"), addr (slot), share (a folder that is copied into memory), packed=1 (offers packed rings).
Lies about single files stand in the folder /lie of the share, by name. QEMU's memory must be a file that both processes map; that option is added."""
import argparse
import fnmatch
import os
import shutil
import signal
import socket
import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from hostile import mpqemu, server  # noqa: E402
from hostile.function import Function  # noqa: E402
from hostile.lies import LIES  # noqa: E402
from hostile.pieces import PIECES  # noqa: E402

ALL = {**LIES, **PIECES}


def find_lies(pattern):
    names = [n for n in ALL if fnmatch.fnmatchcase(n, pattern)]
    names = names or [n for n in ALL if n.startswith(pattern.rstrip("_") + "_")] or [n for n in ALL if n.startswith(f"case_{pattern}_")]
    if not names:
        sys.exit(f"hostile: there is no lie {pattern}; --list shows them all")
    return [ALL[n] for n in names]


def parse_device(word):
    first, *rest = word.split(",")
    keys = dict(r.split("=", 1) if "=" in r else (r, None) for r in rest)
    if set(keys) - {"tag", "addr", "share", "packed"} or None in keys.values():
        sys.exit(f"hostile: {word}: the keys are tag=NAME, addr=SLOT, share=DIR and packed=1")
    if not Path(keys.get("share", ".")).is_dir():
        sys.exit(f"hostile: {word}: {keys['share']} is no folder; share=DIR names one that exists")
    found = [] if first in ("", "honest") else [lie for p in first.split("+") for lie in find_lies(p)]
    return found, keys


def make_function(found, keys, memory, loop):
    root = server.copy_of(keys["share"]) if "share" in keys else server.Node({b"poem.txt": server.Node(bytearray(b"baa\n"))})
    ninep = server.Server(root)
    kinds = [lie.kind for lie in found if lie.kind]
    for lie in found:
        lie.install(ninep)
    kind = type("Hostile", (*kinds, Function), {}) if kinds else Function
    return kind(ninep, memory, loop, keys.get("tag", "hostile"), bool(keys.get("packed")))


def memory_options(words):
    size = next((words[i + 1] for i, w in enumerate(words[:-1]) if w == "-m"), "128M")
    return ["-object", f"memory-backend-memfd,id=hostile-memory,size={size},share=on", "-machine", "memory-backend=hostile-memory"]


def main():
    parser = argparse.ArgumentParser(prog="hostile", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="the lies, and what each of them is")
    parser.add_argument("--device", action="append", default=[], metavar="LIES,KEY=VALUE", help="a function that lies so; honest: none")
    parser.add_argument("command", nargs="*", help="QEMU and its options, behind --")
    options = parser.parse_args()
    if options.list:
        for lie in ALL.values():
            print(f"{lie.name}\n    {lie.text}")
        return
    if not options.command:
        parser.error("QEMU's command is missing; give it behind --")
    if not shutil.which(options.command[0]):
        sys.exit(f"hostile: there is no command {options.command[0]}")
    memory, loop, words, ours = mpqemu.Memory(), mpqemu.Loop(), [], []
    for found, keys in map(parse_device, options.device or ["honest"]):
        here, there = socket.socketpair()
        loop.add(mpqemu.Link(here, make_function(found, keys, memory, loop), memory))
        os.set_inheritable(there.fileno(), True)
        ours.append(there)
        words += ["-device", f"x-pci-proxy-dev,fd={there.fileno()}" + (f",addr={keys['addr']}" if "addr" in keys else "")]
    # QEMU is the parent, so that who started us can end it; the functions end with their sockets.
    if os.fork():
        os.execvp(options.command[0], options.command + memory_options(options.command) + words)
    for sock in ours:
        sock.close()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    loop.run()


main()
