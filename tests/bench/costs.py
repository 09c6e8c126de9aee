#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""costs - what each operation costs, counted and not timed: instructions and accesses to devices (by the plugin cost.c), 9P messages, waits and kicks (by
the kernel's counters).

usage: costs.py                    the costs, beside those of costs.toml; ends with 1 where they differ by more than chance does
       costs.py --write            puts into costs.toml, and the table of docs/performance.md, what differs
       costs.py --linux            the table of docs/performance.md: what they cost in a Linux guest, beside costs.toml; minutes
       costs.py --profile ITEM     which functions the instructions of an item, or of "start", are in"""
import bisect
import collections
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import guests
from guests import BUILD, OUT

TABLE = Path(__file__).resolve().with_name("costs.toml")
DOCUMENT = TABLE.parents[2] / "docs/performance.md"
TRIES = 3           # what is too much once, because the machine was busy, may be so no more in another guest
EXACT = 0.02        # of messages and waits: by operation, so that one more in fifty is seen
SOMETIMES = {"kicks": 0.2, "registers": 0.3}  # a kick that comes while the device is at work is spared
INSTRUCTIONS = 0.01
# What is translated for the first interrupts counts, and where they come in is chance. Of two answers that are on their way together, the second is there or
# not when the first is taken. How many pieces a buffer lies in goes by which pages were handed over. On a busy machine some more answers are looked for once
# in vain: up to 2 % of an operation, of large ones more, in all three guests.
CHANCE = {("start", "translated"): 0.03, ("read 64 KiB", "instructions"): 0.1, ("read 4 MiB", "instructions"): 0.1, ("write 4 MiB", "instructions"): 0.1,
          **{(item, "instructions"): 0.03 for item in
             ("open, read, close", "create, write, close", "the same, names sorted", "read 4 KiB", "read 4 KiB anywhere",
              "read 1 MiB", "write 64 KiB", "load 800 KB")}, ("write 1 MiB", "instructions"): 0.1}
# How often a known directory is walked to again goes by time.
CHANCE["unlink", "instructions"] = 0.05
TIME = {("unlink", what): 0.15 for what in ("waits", "Twalk", "Tclunk")}
# What the compiler decides, or how the emulator counts, and by how much, where they are others than the table was written with.
COMPILED, OTHER_COMPILER = {"instructions", "translated", "pages", "bytes", "memory"}, 0.1
MADE_BY = ("gcc", "qemu")
MEMORY = "128M"
# Microseconds that the guest sleeps after each store to a device, so that the answer is there when it looks: if it had to wait, how often it was woken
# would count too, and that is chance. A guest that is asked again, because something differs, sleeps longer each time: the machine may be busy.
NAP, LONGER = 400, 3
FEW, MANY = 20, 60
MIB = 1 << 20
KERNEL = 0xffffffff80000000
DEEP = "/1/2/3/4/5/6/7/8"

# name: (the work with few things, the work with more, how many more). The difference, by thing, is the cost: what a work costs once cancels out.
# Each folder is used for the first time where the name does not say "again".
ITEMS = {
    "stat": (f"stat a 0 {FEW}", f"stat b 0 {MANY}", MANY - FEW),
    "stat again": (f"stat a 0 {FEW}", f"stat b 0 {MANY}", MANY - FEW),
    "stat at depth 10": (f"stat a{DEEP} 0 {FEW}", f"stat b{DEEP} 0 {MANY}", MANY - FEW),
    "open, read, close": (f"open a 0 {FEW}", f"open b 0 {MANY}", MANY - FEW),
    "create, write, close": (f"create c 1000 {FEW}", f"create d 1000 {MANY}", MANY - FEW),
    "unlink": (f"unlink c 0 {FEW}", f"unlink d 0 {MANY}", MANY - FEW),
    "readdir, an entry": ("list e", "list f", 600),
    "list with attributes, an entry": ("list e 1", "list f 1", 600),
    "the same, names sorted": ("sorted e", "sorted f", 600),
    "read 1 MiB": (f"read data {MIB} {8 * MIB}", f"read data {MIB} {40 * MIB}", 32),
    "read 4 MiB": (f"read data {4 * MIB} {16 * MIB}", f"read data {4 * MIB} {80 * MIB}", 16),
    "read 4 KiB anywhere": (f"random data 4096 {FEW}", f"random data 4096 {MANY}", MANY - FEW),
    "read 4 KiB": (f"read data 4096 {MIB}", f"read data 4096 {2 * MIB}", MIB // 4096),
    "read 64 KiB": (f"read data 65536 {4 * MIB}", f"read data 65536 {8 * MIB}", 64),
    "write 64 KiB": (f"write w 65536 {4 * MIB}", f"write v 65536 {8 * MIB}", 64),
    "write 1 MiB": (f"write w {MIB} {8 * MIB}", f"write v {MIB} {40 * MIB}", 32),
    "write 4 MiB": (f"write w {4 * MIB} {8 * MIB}", f"write v {4 * MIB} {40 * MIB}", 8),
}


def fill(share):
    (share / "first").write_bytes(guests.FIRST)
    for folder, count in (("a", FEW), ("b", MANY)):
        deep = share / (folder + DEEP)
        deep.mkdir(parents=True)
        for i in range(count):
            (share / folder / f"f{i:05}").write_bytes(b"x" * 1000)
            (deep / f"f{i:05}").touch()
    for folder, count in (("c", 0), ("d", 0), ("e", 300), ("f", 900)):
        (share / folder).mkdir()
        for i in range(count):
            (share / folder / f"f{i:05}").touch()
    with open(share / "data", "wb") as f:
        f.truncate(80 * MIB)


def symbols(path):
    """[(address, name)], by address."""
    lines = subprocess.run(["nm", path], capture_output=True, text=True, check=True).stdout.splitlines()
    return sorted((int(f[0], 16), f[2]) for f in (line.split() for line in lines) if len(f) == 3)


def symbol(path, name, after=0):
    return next(address for address, n in symbols(path) if n == name and address > after)


class Counted:
    """A guest under the plugin, and what it has counted until its first bytes."""

    def __init__(self, share, program="work", nap=NAP, more="", words=()):
        self.file = tempfile.NamedTemporaryFile(prefix="sheepskin-costs-")
        kernel, elf = BUILD / "kernel.debug.elf", OUT / Path(program).name
        stubs = symbol(kernel, "trap_stubs")
        # PVH enters at the physical address, which is the low part of the kernel's own. Interrupts have vectors from 32 on, 16 bytes each.
        plugin = (f"{OUT}/cost.so,out={self.file.name},mark={symbol(kernel, 'pvh_entry') & 0x7fffffff:x},mark={symbol(kernel, 'proc_load'):x},"
                  f"mark={symbol(elf, 'mark'):x},nap={nap},"
                  f"interrupts={stubs + 32 * 16:x}:{stubs + 64 * 16:x}:{symbol(kernel, 'leave', stubs):x}{more}")
        line = guests.sheepskin(share, MEMORY, program)
        # Where memory begins and ends counts: it is at the same addresses each time.
        line = guests.replaced(line, append="norandmaps " + line[line.index("-append") + 1])
        self.session = guests.Session([*line, "-plugin", plugin, *words])
        counters = self.counters()
        entry, loading, first = self.marks()[:3]
        self.start, self.load = counters + self.between(entry, first), counters + self.between(loading, first)
        meminfo = dict(re.findall(r"(\w+): +(\d+) kB", self.session.ask("show /proc/meminfo")[0]))
        self.start["pages"] = (int(meminfo["MemTotal"]) - int(meminfo["MemFree"])) // 4

    def marks(self):
        lines = Path(self.file.name).read_text().splitlines()
        return [[int(n) for n in line.split()[1:]] for line in lines if not line.startswith("@")]

    def between(self, before, after):
        names = ("instructions", "in interrupts", "translated", "ports", "registers")
        return collections.Counter({name: b - a for name, a, b in zip(names, before, after)})

    def counters(self):
        """The kernel's own, now."""
        folder = "/sys/fs/9p/host"
        now = collections.Counter({t: int(n) for t, n in (line.split() for line in self.session.ask(f"show {folder}/by_type")[0].splitlines())})
        now["waits"] = int(self.session.ask(f"show {folder}/waits")[0])
        for line in self.session.ask("show /sys/bus/virtio/devices/virtio0/queues")[0].splitlines():
            _, _, _, requests, kicks, interrupts = map(int, line.split())
            now += collections.Counter(requests=requests, kicks=kicks, interrupts=interrupts)
        return now

    def work(self, line):
        before = self.counters()
        self.session.ask(line)
        after = self.counters()
        after.subtract(before)
        return after + self.between(*self.marks()[-2:])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.end()
        self.file.close()


def measure(nap=NAP):
    """{(name, which): Counter} of one guest for all the items, and one for the program that is loaded."""
    raw = {}
    with tempfile.TemporaryDirectory(prefix="sheepskin-costs-") as folder:
        share = Path(folder)
        fill(share)
        with Counted(share, nap=nap) as guest:
            raw["start", 1] = guest.start
            guest.work(f"stat e 0 {FEW}")  # the client tries its server out
            for name, (few, more, _) in ITEMS.items():
                raw[name, 0], raw[name, 1] = guest.work(few), guest.work(more)
        shutil.copy(OUT / "work800", share)
        with Counted(share, str(share / "work800"), nap) as guest:
            raw["load 800 KB", 1] = guest.load
    return raw


def of_several(pick, seen):
    """The costs of some guests in one: of each number what pick() takes of theirs."""
    whats = {name: dict.fromkeys(what for costs in seen for what in costs[name]) for name in seen[0]}
    return {name: {what: cost for what in whats[name] if (cost := pick(costs[name].get(what, 0) for costs in seen))} for name in whats}


def compiler():
    """The version of the GCC that the kernel's files were made by."""
    lines = subprocess.run(["readelf", "-p", ".comment", BUILD / "obj/kernel/9p.o"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"GCC: \(.*\) (\d+)", lines)[1])


def emulator():
    line = subprocess.run(["qemu-system-x86_64", "--version"], capture_output=True, text=True, check=True).stdout
    return int(re.search(r"version (\d+)", line)[1])


def costs_of(raw):
    """{name: {what: how many}}: of one operation."""
    kernel = BUILD / "kernel.debug.elf"
    costs = {"image": {"gcc": compiler(), "qemu": emulator(), "bytes": (BUILD / "kernel.elf").stat().st_size, "memory": symbol(kernel, "image_end") - symbol(kernel, "image_start")}}
    for name in ("start", "load 800 KB", *ITEMS):
        n = ITEMS[name][2] if name in ITEMS else 1
        total = collections.Counter(raw[name, 1])
        total.subtract(raw.get((name, 0), {}))
        whats = ["instructions", "waits", "kicks", "ports", "registers", *(("translated", "pages") if name == "start" else ())]
        whats += sorted(t for t in total if t.startswith("T"))
        cost = {what: round(total[what] / n, 0 if n > 1 and what == "instructions" else 3) for what in whats}
        costs[name] = {what: int(c) if c == int(c) else c for what, c in cost.items() if c}
    return costs


def differs(name, what, old, new, others=()):
    """More than chance explains, and what was made by others."""
    if what == "ports" and "qemu" in others:
        return False  # a string that goes to a port counts as one, or by its bytes
    part = CHANCE.get((name, what), INSTRUCTIONS)
    if what in COMPILED and others:
        part = max(part, OTHER_COMPILER)
    return abs(new - old) > max(TIME.get((name, what), SOMETIMES.get(what, EXACT)), part * old)


def compare(costs, table):
    """What is more than the table says, and what is less: two lists of lines."""
    more, less = [], []
    others = [maker for maker in MADE_BY if len({c.get("image", {}).get(maker) for c in (costs, table)}) > 1]
    for name in costs | table:
        new, old = costs.get(name, {}), table.get(name, {})
        for what in (new | old).keys() - set(MADE_BY):
            a, b = old.get(what, 0), new.get(what, 0)
            if differs(name, what, a, b, others):
                (more if b > a else less).append(f"{name}: {what} {a} -> {b}")
    return more, less


def merged(costs, table):
    """The costs, but what the table says where they do not differ from it: so small steps do not add up unseen."""
    return {name: {what: c if what not in table.get(name, {}) or differs(name, what, table[name][what], c) else table[name][what]
                   for what, c in cost.items()} for name, cost in costs.items()}


def read_table():
    return tomllib.loads(TABLE.read_text()) if TABLE.exists() else {}


def write_table(costs):
    text = "# What an operation costs. Made by tests/bench/costs.py --write, checked by make test; docs/performance.md tells what the words mean.\n"
    for name, cost in costs.items():
        text += f'\n["{name}"]\n' + "".join(f"{what} = {c}\n" for what, c in cost.items())
    TABLE.write_text(text)


def document(table):
    """The table of docs/performance.md."""
    def number(n):
        return f"{round(n, 3):,}" if isinstance(n, float) else f"{n:,}"
    lines = ["| | instructions | messages | waits | kicks |", "|---|---|---|---|---|"]
    for name in ("start", "load 800 KB", *ITEMS):
        cost = table[name]
        messages = sum(c for what, c in cost.items() if what.startswith("T"))
        lines.append(f"| {name} | " + " | ".join(number(n) for n in (cost["instructions"], messages, cost.get("waits", 0), cost["kicks"])) + " |")
    return "\n".join(lines) + "\n"


def write_document(table):
    text, new = DOCUMENT.read_text(), document(table)
    at = text.index(new.split("\n", 1)[0])
    DOCUMENT.write_text(text[:at] + new + text[text.index("\n\n", at) + 1:])


def check(table, tries=TRIES):
    """(costs, more, less) after as many tries as it takes to find no difference, or all: what is more, or less, is so in each of the guests."""
    seen = []
    for i in range(tries):
        seen.append(costs_of(measure(NAP * LONGER ** i)))
        more, less = compare(of_several(min, seen), table)[0], compare(of_several(max, seen), table)[1]
        if not more and not less:
            break
    return of_several(min, seen), more, less


def counted_by_function(sections):
    """({function: instructions executed}, {function: translated}) of kernel and program."""
    tables = [symbols(BUILD / "kernel.debug.elf"), symbols(OUT / "work")]
    executed, translated = collections.Counter(), collections.Counter()
    for line in "".join(sections).splitlines():
        address, ran, made = int(line.split()[1], 16), int(line.split()[2]), int(line.split()[3])
        # The kernel begins at its physical address, which is the low part of its own.
        table, address = (tables[0], address | KERNEL) if address >> 63 or address >> 20 == 1 else (tables[1], address)
        at = bisect.bisect(table, (address, "~")) - 1
        function = table[at][1] if at >= 0 else hex(address)
        executed[function] += ran
        translated[function] += made
    return executed, translated


def profile(name):
    """Prints the functions of kernel and program by the instructions that they take in the item's larger work, or in the whole start."""
    with tempfile.TemporaryDirectory(prefix="sheepskin-costs-") as folder:
        fill(Path(folder))
        with Counted(Path(folder), more=",profile=on") as guest:
            if name != "start":
                few, more, _ = ITEMS[name]
                guest.work(few)
                guest.work(more)
            sections = re.split(r"^\w+ \d.*\n", Path(guest.file.name).read_text(), flags=re.M)
    executed, translated = counted_by_function(sections[1:3] if name == "start" else sections[-2:])
    print("  executed             translated")
    for function, count in executed.most_common(400 if name == "start" else 40):
        print(f"{count:10}  {100 * count / executed.total():5.1f} %  {translated[function]:10}  {function}")
    print(f"{executed.total():10}           {translated.total():10}  instructions")


def show(costs, table):
    for name, cost in costs.items():
        print(name)
        for what, c in cost.items():
            old = table.get(name, {}).get(what, 0)
            print(f"    {what:14} {c:10}" + (f"   table: {old}" if old != c else ""))


def main():
    words = sys.argv[1:]
    if words[:1] == ["--profile"] and len(words) == 2 and words[1] not in ("start", *ITEMS):
        sys.exit(f"{words[1]!r} is no item; choose one of: " + "; ".join(("start", *ITEMS)))
    if words not in ([], ["--linux"], ["--write"]) and not (words[0] == "--profile" and len(words) == 2):
        sys.exit(__doc__ + "\nitems: " + "; ".join(("start", *ITEMS)))
    guests.build()
    if words[:1] == ["--profile"]:
        return profile(words[1])
    if words == ["--linux"]:
        import linuxcosts
        return print(linuxcosts.table())
    if words == ["--write"]:
        # The least, as in check(): a busy machine makes more of it, never less.
        costs = of_several(min, [costs_of(measure()) for _ in range(TRIES)])
        write_table(merged(costs, read_table()))
        return write_document(read_table())
    table = read_table()
    costs, more, less = check(table)
    show(costs, table)
    for line in more + less:
        print(line, file=sys.stderr)
    sys.exit(1 if more or less else 0)


if __name__ == "__main__":
    sys.modules["costs"] = sys.modules[__name__]  # which linuxcosts asks
    main()
