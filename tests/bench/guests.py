# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""guests - the systems that are compared: each starts the same program over the same folder and does what it is told line by line."""
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
OUT = BUILD / "bench"
LAUNCHER = BUILD / "sheepskin"
FIRST = b"the first bytes of a host file\n"
PATIENCE = 600  # seconds for one piece of work on a machine that is busy,
LIMIT = 60      # and for a start

# What a careful user of Linux gives it for a quick start and cheap system calls; and no string instructions, which QEMU's TCG is slow at: with them
# its page cache is four times slower.
LINUX_LINE = ("console=ttyS0 quiet loglevel=0 panic=-1 mitigations=off clearcpuid=erms,fsrm,rep_good no5lvl tsc=reliable no_timer_check audit=0 "
              "random.trust_cpu=on rcupdate.rcu_expedited=1 cryptomgr.notests rdinit=/init --")


class Failed(Exception):
    """A guest did not do what it was told."""


CPUS = sorted(os.sched_getaffinity(0))


def pin():
    """The words before a command that keep it on one CPU; whoever measures stays off it. Nothing where there is only one."""
    if len(CPUS) < 2 or not shutil.which("taskset"):
        return []
    os.sched_setaffinity(0, CPUS[:-1])
    return ["taskset", "-c", str(CPUS[-1])]


def sheepskin(share, memory, program="work", *more, cache=None):
    """QEMU's words by which the launcher runs the program; cache: the share's mode, where it is not the default."""
    line = subprocess.run([LAUNCHER, "run", "--dry-run", *more, "--memory", memory, "-v", f"{share}:/host", "--", program, "/host"],
                          env=None if "efi" in more else dict(os.environ, SHEEPSKIN_LIB=str(OUT / "lib")), capture_output=True, text=True, check=True).stdout
    line = line.replace("mount=host:/host ", f"mount=host:/host:cache={cache} ") if cache else line
    return shlex.split(line)


def replaced(words, **values):
    """The words with other values of options; None: without the option."""
    words = list(words)
    for option, value in values.items():
        if "-" + option not in words:
            words += [] if value is None else ["-" + option, value]
            continue
        at = words.index("-" + option)
        words[at:at + 2] = [] if value is None else ["-" + option, value]
    return words


def build():
    """What is measured, as its sources are now."""
    parts = ("work", "work800", "init", "cost.so", "lib/kernel.elf", "lib/initfs.cpio")
    if subprocess.run(["make", "-s", "-C", ROOT, "all", *(f"build/bench/{part}" for part in parts)], stdout=sys.stderr, check=False).returncode:
        sys.exit("what is measured could not be built; make's message is above")


def initramfs(kernel):
    """The Linux guest's only files: the modules and the order to load them in, the program, and what starts it."""
    tree = OUT / "initramfs"
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    for path in [*kernel.glob("*.ko"), kernel / "order", OUT / "init", OUT / "work"]:
        shutil.copy(path, tree)
    names = "".join(p.name + "\n" for p in sorted(tree.iterdir()))
    image = OUT / "initramfs.cpio"
    with open(image, "wb") as out:
        subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"], cwd=tree, input=names.encode(), stdout=out, check=True)
    return image


def linux_kernel():
    """The folder with Linux's kernel and modules; fetched when it is first asked for."""
    found = subprocess.run([Path(__file__).with_name("linux.sh")], stdout=subprocess.PIPE, text=True, check=True)
    kernel = Path(found.stdout.strip())
    initramfs(kernel)
    return kernel


def linux(share, memory, kernel, cache, program="/work", *more):
    """The same machine's words with Linux in it, which has no debug ports and so prints to the UART."""
    words = replaced(sheepskin(share, memory, "work", *more), kernel=str(kernel / "vmlinux"), initrd=str(OUT / "initramfs.cpio"),
                     append=f"{LINUX_LINE} /host {cache} {program} /host -d")
    kept = []
    for option, value in zip(words[1:-1], words[2:]):
        if option.startswith("-") and not value.startswith("isa-debugcon") and not re.match(r"file,id=c\d", value):
            kept += [option] if value.startswith("-") else [option, value]
    return [words[0], *kept]


def null(share, *more):
    """A guest that ends by its first instructions: what of a boot is QEMU's and the firmware's own time."""
    return replaced(sheepskin(share, "128M", "work", *more), kernel=str(OUT / "null.elf"), initrd=None)


def first_byte(words, expected, env=None, limit=LIMIT, tries=2):
    """Seconds from the start of a command to the first byte of its output, which must be what was expected. One that hangs is started again, once: Linux
    does on microvm now and then."""
    start = time.perf_counter()
    guest = subprocess.Popen([str(w) for w in words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=dict(os.environ, **env) if env else None)
    hung = threading.Event()
    timer = threading.Timer(limit, lambda: (hung.set(), guest.kill()))
    timer.start()
    try:
        text = os.read(guest.stdout.fileno(), 1)
        took = time.perf_counter() - start
        while len(text) < len(expected) and (more := os.read(guest.stdout.fileno(), len(expected) - len(text))):
            text += more
    finally:
        timer.cancel()
        guest.terminate()  # which the launcher passes on
        _, errors = guest.communicate()
    if hung.is_set() and tries > 1:
        return first_byte(words, expected, env, limit, tries - 1)
    if hung.is_set():
        raise Failed(f"no first byte in {limit} s, twice: {shlex.join(map(str, words))[:200]}")
    if text != expected:
        raise Failed(f"{text!r} in place of {expected!r}: {errors.decode(errors='replace')}")
    return took


class Session:
    """A running system that has said its first bytes."""

    def __init__(self, words):
        self.process = subprocess.Popen([str(w) for w in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.text = b""
        self.until(FIRST)

    def until(self, end):
        while end not in self.text:
            more = os.read(self.process.stdout.fileno(), 65536)
            self.text += more
            failed = re.search(rb"^! (.*)\n", self.text, re.M)
            if failed or not more:
                self.end()
                raise Failed((failed.group(1) if failed else self.text + self.errors).decode(errors="replace"))
        before, _, self.text = self.text.partition(end)
        return before

    def tell(self, line):
        self.process.stdin.write(line.encode() + b"\n")

    def ask(self, line):
        self.tell(line)
        return self.answer()

    def cpu_ns(self):
        """What the host's processors have spent on it."""
        return sum(int(p.read_text().split()[0]) for p in Path(f"/proc/{self.process.pid}/task").glob("*/schedstat"))

    def answer(self):
        """(text before the answer, [numbers])."""
        before = self.until(b"= ")
        return before.decode(), [int(n) for n in self.until(b"\n").split()]

    def end(self):
        self.process.kill()
        _, self.errors = self.process.communicate()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end()
