# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Memory that the host asks for and gives back, by QEMU's balloon."""
import shutil

import pytest

from live import Live, wait_for
from rows import PLAIN

MIB = 1 << 20


@pytest.fixture
def balloon(tmp_path, guests):
    """balloon(words for eat, options of the device) -> a machine of 128 MiB that runs."""
    folder, channels = tmp_path / "share", tmp_path / "channels"
    folder.mkdir()
    channels.mkdir()
    shutil.copy(guests("eat"), folder / "eat")
    made = []

    def start(words, options=""):
        made.append(Live(PLAIN, channels, ["/host/eat", *words.split()], share=folder, extra=["-device", f"virtio-balloon-pci,id=balloon,addr=9{options}"]))
        return made[0]
    yield start
    for m in made:
        m.__exit__()


def actual(m):
    return m.do("query-balloon")["actual"]


@pytest.mark.parametrize("options", ["", ",disable-legacy=on", ",disable-modern=on,disable-legacy=off"])
def test_the_host_takes_and_gives_back(options, balloon):
    """Half of the memory goes to the host and comes back, and programs have what is left; the host is told how much it has."""
    m = balloon("free below:70000 eat:30 eat:100 above:110000 eat:80 free", options)
    m.until("free ")
    m.do("balloon", value=64 * MIB)
    m.until("below:70000 reached")
    wait_for(lambda: actual(m) == 64 * MIB, m.runs)
    m.until("eat:100 ")
    m.do("balloon", value=128 * MIB)
    wait_for(lambda: actual(m) == 128 * MIB, m.runs)
    word, out, log = m.end()
    assert word == ("exit", 0)
    assert "eat:30 0 bad\neat:100 no memory\n" in out and "eat:80 0 bad\n" in out
    assert "virtio1: balloon\n" in log and "the host has 16384 pages" in log and "the host has 0 pages" in log


def test_the_host_wants_everything(balloon):
    """It gets what can be spared; the program goes on, and all comes back."""
    m = balloon("free below:9000 free eat:3 above:100000 eat:80")
    m.until("free ")
    m.do("balloon", value=1)
    m.until("eat:3 0 bad")
    assert 4 * MIB < actual(m) < 32 * MIB
    m.do("balloon", value=1 << 40)
    word, out, log = m.end()
    assert word == ("exit", 0) and out.endswith("eat:80 0 bad\n")


def test_memory_comes_back_when_there_is_none(balloon):
    """DEFLATE_ON_OOM: a program that needs more than there is gets what the host had, and the host sees it."""
    m = balloon("free below:50000 eat:80 free above:127000", ",deflate-on-oom=on")
    m.until("free ")
    m.do("balloon", value=40 * MIB)
    m.until("eat:80 0 bad")
    assert 80 * MIB <= actual(m) < 128 * MIB  # and it stays so until the host asks for another size
    m.do("balloon", value=128 * MIB)
    assert m.end()[0] == ("exit", 0)


def test_without_that_there_is_no_memory(balloon):
    m = balloon("free below:50000 eat:80 above:100000 eat:80")
    m.until("free ")
    m.do("balloon", value=40 * MIB)
    m.until("eat:80 no memory")
    m.do("balloon", value=128 * MIB)
    word, out, log = m.end()
    assert word == ("exit", 0) and out.endswith("eat:80 0 bad\n")


def test_statistics(balloon):
    """What the guest tells of its memory, asked for again and again."""
    m = balloon("free below:70000 above:110000")
    m.until("free ")
    path = "/machine/peripheral/balloon"
    m.do("qom-set", path=path, property="guest-stats-polling-interval", value=1)

    def stats():
        got = m.do("qom-get", path=path, property="guest-stats")
        return got["last-update"] and got["stats"]
    first = wait_for(stats, m.runs)
    assert 100 * MIB < first["stat-free-memory"] < first["stat-total-memory"] <= 128 * MIB
    assert first["stat-available-memory"] == first["stat-free-memory"]
    m.do("balloon", value=64 * MIB)
    wait_for(lambda: (s := stats()) and s["stat-free-memory"] < 64 * MIB and s["stat-total-memory"] <= 64 * MIB, m.runs)
    m.do("balloon", value=128 * MIB)
    assert m.end()[0] == ("exit", 0)
