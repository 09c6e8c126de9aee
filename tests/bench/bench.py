#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""bench - the same program over the same files in Sheepskin, in a Linux guest on the same machine, and on the host, in turn; times, and what they are to
each other. docs/performance.md tells how to read it.

usage: bench.py [--quick] [--runs N] [--scale N] [--guests NAME,...] [--share FOLDER] [--only WORD]"""
import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import chart
import guests
from guests import BUILD, FIRST, LAUNCHER, OUT

MEMORY = "512M"  # so that a guest that keeps pages can keep those of the whole file
MIB = 1 << 20
SYSTEMS = ("sheepskin", "sheepskin readahead", "sheepskin loose", "linux none", "linux loose", "host")
# Whose figures stand beside each other: those that promise the same, and what a user gets who asks for nothing.
BESIDE = {"linux none": "sheepskin", "linux loose": "sheepskin loose", "host": "sheepskin", "nothing": "sheepskin"}
FILES, LARGE, ENTRIES, WRITTEN, ANYWHERE = 2000, 256 * MIB, 20000, 128 * MIB, 4000
DEEP = "deep/2/3/4/5/6/7/8/9"  # a file in it is at depth 10
CLOCK = 1.05  # a guest's may be so much faster than the host's, or slower
DROP = {f"sheepskin {mode}": f"drop {mode}" for mode in ("readahead", "loose")}  # the line that empties caches, where it is another
IDLE, REST = "idle: host's processor time", 2  # seconds
KEEPS = ("again",)  # items that are to find what the one before has left in caches


def items(scale):
    """[(name, unit, line)]; the unit is what one of the counted things is, or MB/s."""
    files, entries, anywhere = (n // scale for n in (FILES, ENTRIES, ANYWHERE))
    large, written = (max(4, n // scale // MIB // 4 * 4) * MIB for n in (LARGE, WRITTEN))
    reads = [(f"read {name}", "MB/s", f"read data {size} {large}") for name, size in
             (("4 KiB", 4096), ("64 KiB", 65536), ("1 MiB", MIB), ("4 MiB", 4 * MIB))]
    return [*reads, ("read 1 MiB again", "MB/s", f"read data {MIB} {large}"),
            ("read 4 KiB anywhere", "us", f"random data 4096 {anywhere}"),
            ("stat", "us", f"stat small 0 {files}"), ("stat again", "us", f"stat small 0 {files}"),
            ("stat at depth 10", "us", f"stat {DEEP} 0 {files}"),
            ("open, read, close", "us", f"open small 0 {files}"), ("open, read, close again", "us", f"open small 0 {files}"),
            (f"readdir of {files}", "us", "list small"), (f"readdir of {entries}", "us", "list many"),
            ("list with attributes", "us", "list small 1"),
            ("write 64 KiB", "MB/s", f"write {{scratch}}/w 65536 {written}"), ("write 1 MiB", "MB/s", f"write {{scratch}}/w {MIB} {written}"),
            ("create, write, close", "us", f"create {{scratch}} 1000 {files}"), ("unlink", "us", f"unlink {{scratch}} 0 {files}")]


def fill(share, scale):
    (share / "first").write_bytes(FIRST)
    for folder, count, size in (("small", FILES, 1000), (DEEP, FILES, 10), ("many", ENTRIES, 0)):
        (share / folder).mkdir(parents=True)
        for i in range(count // scale):
            (share / folder / f"f{i:05}").write_bytes(b"x" * size)
    block = os.urandom(MIB)
    with open(share / "data", "wb") as f:
        for _ in range(max(4, LARGE // scale // MIB)):
            f.write(block)
    for _ in range(2):  # after that a page counts as used, which is work for the host's kernel, and nobody's here
        with open(share / "data", "rb", buffering=0) as f:
            while f.read(4 * MIB):
                pass
    for program in ("work", "work800"):
        shutil.copy(OUT / program, share)


def place():
    """Where there is room in memory: a disk's own time would hide everybody else's, above all in what is written."""
    shm = Path("/dev/shm")
    return shm if shm.is_dir() and shutil.disk_usage(shm).free > 4 * LARGE else OUT


def say(text):
    """Progress: one line that changes on a terminal, a line each elsewhere."""
    print(f"\r\033[K  {text}" if sys.stderr.isatty() else f"  {text}", end="" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)


class Bench:
    def __init__(self, options):
        self.options = options
        self.pin = guests.pin()
        self.kernel = None
        self.results = {}  # item: {"unit": ..., "samples": {system: [value of each run, in the same order]}}
        self.clock = {s: [0, 0] for s in options.guests}

    def commands(self, share):
        """{system: words}"""
        words = {"host": [OUT / "work", share]}
        for system in SYSTEMS[:3]:
            if system in self.options.guests:
                words[system] = guests.sheepskin(share, MEMORY, cache=system.partition(" ")[2])
        for cache in ("none", "loose"):
            if f"linux {cache}" in self.options.guests:
                words[f"linux {cache}"] = guests.linux(share, MEMORY, self.linux_kernel(), cache)
        return {s: self.pin + words[s] for s in self.options.guests}

    def linux_kernel(self):
        self.kernel = self.kernel or guests.linux_kernel()
        return self.kernel

    def add(self, item, unit, system, value):
        self.results.setdefault(item, {"unit": unit, "samples": {}})["samples"].setdefault(system, []).append(value)

    def wanted(self, item):
        return not self.options.only or re.search(self.options.only, item)

    def work(self, share):
        """All systems stand beside each other; each item is done by one after the other, so that what else the machine does meets them all."""
        sessions = {}
        try:
            for system, words in self.commands(share).items():
                say(f"starting: {system}")
                sessions[system] = guests.Session(words)
            for run in range(self.options.runs):
                for item, unit, line in items(self.options.scale):
                    if not self.wanted(item):
                        continue
                    say(f"run {run + 1} of {self.options.runs}: {item}")
                    for system, session in sessions.items():
                        self.one(session, system, item, unit, line)
                if self.wanted(IDLE):
                    say(f"run {run + 1} of {self.options.runs}: {IDLE}")
                    self.idle(sessions)
        finally:
            for session in sessions.values():
                session.end()

    def idle(self, sessions):
        """What the host's processors spend on guests that all sleep."""
        systems = [s for s in sessions if s != "host"]
        before = {s: sessions[s].cpu_ns() for s in systems}
        for system in systems:
            sessions[system].tell(f"rest . {1000 * REST}")
        for system in systems:
            sessions[system].answer()
            self.add(IDLE, "ms/s", system, max(sessions[system].cpu_ns() - before[system], 1) / 1e6 / REST)

    def one(self, session, system, item, unit, line):
        scratch = system.replace(" ", "-")
        if not item.endswith(KEEPS):
            session.ask(DROP.get(system, "drop"))
        start = time.perf_counter()
        _, (took, count, before_fsync) = session.ask(line.format(scratch=scratch))
        wall = 1e9 * (time.perf_counter() - start)
        self.clock[system][0] += took
        self.clock[system][1] += wall
        # One that is slow, so that its guest would win, is told at the end: in short works the way of the question counts as well.
        if took > wall * CLOCK:
            raise guests.Failed(f"{system}: {item} took {took / 1e6:.1f} ms by its own clock and {wall / 1e6:.1f} ms by the host's")
        rate = (lambda ns: count * 1e3 / ns) if unit == "MB/s" else (lambda ns: ns / 1e3 / count)
        self.add(item, unit, system, rate(took))
        if before_fsync:
            self.add(item + ", no fsync", unit, system, rate(before_fsync))

    # ---- starts ----

    def starts(self, share):
        for_bench = {"SHEEPSKIN_LIB": str(OUT / "lib")}
        ours = [LAUNCHER, "run", "-v", f"{share}:/host"]
        first, small, large = "start: first byte", "start: first byte, program off the share", "start: first byte, 800 KB program off the share"
        kinds = []
        for name in ("q35",) if self.options.quick else ("q35", "pc", "microvm"):
            item, machine = first if name == "q35" else f"{first}, {name}", ("--machine", name)
            if "sheepskin" in self.options.guests:
                kinds += [(item, "nothing", guests.null(share, *machine), None), (item, "sheepskin", [*ours, *machine, "--", "work", "/host"], for_bench)]
            if "linux none" in self.options.guests:
                kinds += [(item, "linux none", guests.linux(share, MEMORY, self.linux_kernel(), "none", "/work", *machine), None)]
        for item, program in ((small, "work"), (large, "work800")):
            if "sheepskin" in self.options.guests:
                kinds += [(item, "sheepskin", [*ours, "--", share / program, "/host"], None)]
            if "linux none" in self.options.guests:
                kinds += [(item, "linux none", guests.linux(share, MEMORY, self.linux_kernel(), "none", f"/host/{program}"), None)]
        if "sheepskin" in self.options.guests and not self.options.quick:
            efi = "start: first byte, EFI"
            line = guests.sheepskin(share, "128M", "cat", "--boot", "efi")
            kinds += [(efi, "nothing", guests.replaced(line, kernel=str(OUT / "null.efi"), serial="none"), None),
                      (efi, "sheepskin", [*ours, "--boot", "efi", "--", "cat", "/host/first"], None)]
        for run in range(self.options.starts):
            for item, system, words, env in kinds:
                if self.wanted(item):
                    say(f"start {run + 1} of {self.options.starts}: {system}, {item[7:]}")
                    self.add(item, "ms", system, 1000 * guests.first_byte(self.pin + words, b"." if system == "nothing" else FIRST, env))


def better(unit):
    """1 where more is better, -1 where less is."""
    return 1 if unit == "MB/s" else -1


def ours(samples, system):
    """Which of ours stands beside that system: where the one that promises the same was not measured, the default."""
    mine = BESIDE.get(system)
    return mine if mine is None or mine in samples else "sheepskin"


def ratios(samples, unit, system):
    """How much better ours is, run by run; of starts beside nothing: how much longer, in ms."""
    pairs = list(zip(samples[ours(samples, system)], samples[system]))
    if system == "nothing":
        return [a - b for a, b in pairs]
    return [(a / b) ** better(unit) for a, b in pairs]


def number(x):
    return f"{x:.0f}" if abs(x) >= 100 else f"{x:.1f}" if abs(x) >= 10 else f"{x:.2f}"


def spread(values):
    return f"{number(statistics.median(values))} ({number(min(values))}..{number(max(values))})"


def summary(results):
    """Adds ratios to the results."""
    for result in results.values():
        samples = result["samples"]
        result["median"] = {s: statistics.median(v) for s, v in samples.items()}
        result["ratios"] = {s: ratios(samples, result["unit"], s) for s in samples if ours(samples, s) in samples}
    return results


def table(results):
    """The text: for each item the median of each system, with least and most, then sheepskin's pairs with the others."""
    lines = ["median (least..most) of each system; then how many times better sheepskin is, pair by pair (beside linux loose: sheepskin loose)"]
    for item, result in results.items():
        lines.append(f"{item}, {result['unit']}")
        for system, values in result["samples"].items():
            ratio = result["ratios"].get(system)
            what = "" if not ratio else f"+ {spread(ratio)} ms" if system == "nothing" else f"x {spread(ratio)}"
            lines.append(f"    {system:20} {spread(values):30} {what}".rstrip())
    return "\n".join(lines)


def markdown(results):
    """The same, shorter, for documents."""
    systems = [s for s in SYSTEMS if any(s in r["samples"] for r in results.values())]
    others = [s for s in systems if s in BESIDE]
    lines = ["| | " + " | ".join([*systems, *(f"beside {s}" for s in others)]) + " |", "|---" * (1 + len(systems) + len(others)) + "|"]
    for item, result in results.items():
        cells = [f"{item}, {result['unit']}", *(number(result["median"][s]) if s in result["median"] else "" for s in systems),
                 *("x " + spread(result["ratios"][s]) if s in result["ratios"] else "" for s in others)]
        if "nothing" in result["ratios"]:
            cells[1] += f" (a guest that ends at once: {number(result['median']['nothing'])}, + {spread(result['ratios']['nothing'])})"
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def machine(bench):
    version = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    return {"qemu": version, "host": platform.release(), "cpu": model.group(1) if model else platform.machine(), "cpus": len(guests.CPUS),
            "linux": bench.kernel.name if bench.kernel else None, "pinned": bool(bench.pin), "runs": bench.options.runs, "scale": bench.options.scale,
            "load": os.getloadavg()[0], "clock": {s: round(a / b, 3) for s, (a, b) in bench.clock.items() if b}}


def arguments(words):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a fourth of the work, two runs: less than two minutes")
    parser.add_argument("--runs", type=int, help="how often each work is done (5)")
    parser.add_argument("--starts", type=int, help="how often each system is started (10)")
    parser.add_argument("--scale", type=int, help="so many times less work")
    parser.add_argument("--guests", type=lambda s: s.split(","), default=list(SYSTEMS), help=", ".join(SYSTEMS))
    parser.add_argument("--share", help="where the files are made; in memory (/dev/shm) if not given")
    parser.add_argument("--out", type=Path, default=OUT, help="where bench.json, bench.md and bench.svg go")
    parser.add_argument("--only", metavar="REGEX", help="only such items")
    options = parser.parse_args(words)
    if set(options.guests) - set(SYSTEMS):
        parser.error("guests are: " + ", ".join(SYSTEMS))
    options.runs = options.runs or (2 if options.quick else 5)
    options.starts = options.starts if options.starts is not None else (2 if options.quick else 10)
    options.scale = options.scale or (4 if options.quick else 1)
    return options


def main():
    options = arguments(sys.argv[1:])
    bench = Bench(options)
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(prefix="share-", dir=options.share or place()) as folder:
            say("making the files")
            fill(Path(folder), options.scale)
            for system in options.guests:
                (Path(folder) / system.replace(" ", "-")).mkdir()
            bench.starts(Path(folder))
            bench.work(Path(folder))
            say("")
    except guests.Failed as e:
        sys.exit(f"bench: {e}")
    results = summary(bench.results)
    if not results:
        sys.exit(f"bench: no item matches '{options.only}'; docs/performance.md has their names")
    print(table(results))
    about = machine(bench)
    for system, part in about["clock"].items():
        seconds = bench.clock[system][1] / 1e9
        if system != "host" and (part * CLOCK < 1 and seconds > 5 or part < 0.75 and seconds > 0.5):
            print(f"{system}: its clock has seen {part:.2f} of the host's time only; its times are too good")
    (options.out / "bench.json").write_text(json.dumps({"machine": about, "items": results}, indent=1) + "\n")
    (options.out / "bench.md").write_text(markdown(results))
    (options.out / "bench.svg").write_text(chart.draw(results, about))
    print(f"{options.out}/bench.json, bench.md, bench.svg; load of the machine at the end: {about['load']:.1f}")


if __name__ == "__main__":
    main()
