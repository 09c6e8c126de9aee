# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""linuxcosts - what the same operations cost a Linux guest: instructions by the plugin, those of interrupts among them, messages, kicks and interrupts by
QEMU's trace events. For documents, not for tests: minutes."""
import re
import tempfile
from pathlib import Path

import costs
import guests
from guests import OUT

# unlinkat has no event. Twalk, Tgetattr and so on have one when they are asked, and one named _return when they are answered.
REQUEST = re.compile(r"^(?:\d+@[\d.]+:)?v9fs_(?!\w*_return|rerror)\w+", re.M)


class Linux:
    def __init__(self, share, cache, kernel):
        self.file, self.log = (tempfile.NamedTemporaryFile(prefix="sheepskin-costs-") for _ in range(2))
        words = guests.linux(share, costs.MEMORY, kernel, cache)
        words += ["-plugin", f"{OUT}/cost.so,out={self.file.name},mark={costs.symbol(OUT / 'work', 'mark'):x},nap={costs.NAP}", "-D", self.log.name]
        for event in ("v9fs_*", "virtio_notify", "virtio_queue_notify"):
            words += ["-trace", event]
        self.session = guests.Session(words)

    def instructions(self):
        return [int(line.split()[1]) for line in Path(self.file.name).read_text().splitlines() if not line.startswith("@")]

    def events(self):
        text = Path(self.log.name).read_text(errors="replace")
        return len(REQUEST.findall(text)), len(re.findall(r"virtio_queue_notify ", text)), len(re.findall(r"virtio_notify ", text))

    def work(self, line, cold):
        if cold:
            self.session.ask("drop")
        before = self.events()
        self.session.ask(line)
        begin, end = self.instructions()[-2:]
        return [end - begin, *(b - a for a, b in zip(before, self.events()))]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.end()
        self.file.close()
        self.log.close()


def measure(cache, kernel):
    """{item: [instructions, messages, kicks, interrupts] of one operation}"""
    found = {}
    with tempfile.TemporaryDirectory(prefix="sheepskin-costs-") as folder:
        costs.fill(Path(folder))
        with Linux(Path(folder), cache, kernel) as guest:
            for item, (few, more, n) in costs.ITEMS.items():
                for line in (few, more) if "again" in item else ():
                    guest.session.ask(line)
                a, b = (guest.work(line, "again" not in item) for line in (few, more))
                found[item] = [(y - x) / n for x, y in zip(a, b)]
                found[item][1] += item == "unlink"
    return found


def cells(values):
    return " | ".join(f"{round(v):,}" if i == 0 else f"{v:.2f}".rstrip("0").rstrip(".") for i, v in enumerate(values))


def table():
    """The table of docs/performance.md."""
    kernel = guests.linux_kernel()
    none, loose, ours = measure("none", kernel), measure("loose", kernel), costs.read_table()
    lines = ["| | sheepskin: instructions | messages | kicks | Linux none: instructions | messages | kicks | interrupts | Linux loose: instructions | "
             "messages | kicks | interrupts |", "|---" * 12 + "|"]
    for item in costs.ITEMS:
        cost = ours[item]
        mine = [cost.get("instructions", 0), sum(c for what, c in cost.items() if what.startswith("T")), cost.get("kicks", 0)]
        lines.append(f"| {item} | {cells(mine)} | {cells(none[item])} | {cells(loose[item])} |")
    return "\n".join(lines)
