# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What operations cost, against the table of what they may; and the instrument that counts and times them."""
import collections
import json
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

BENCH = Path(__file__).resolve().parents[1] / "bench"
sys.path.insert(0, str(BENCH))
import bench
import costs


# ---- costs ----

def test_no_operation_costs_more_than_the_table_says():
    _, more, less = costs.check(costs.read_table())
    assert not more, "dearer than tests/bench/costs.toml:\n" + "\n".join(more)
    assert not less, "cheaper, which is good: tests/bench/costs.py --write\n" + "\n".join(less)


def test_a_table_is_read_as_it_was_written(tmp_path, monkeypatch):
    monkeypatch.setattr(costs, "TABLE", tmp_path / "costs.toml")
    assert costs.read_table() == {}
    cost = {"stat": {"instructions": 4000, "waits": 2, "kicks": 2.02, "Twalk": 1}, "list with attributes, an entry": {"waits": 0.017}}
    costs.write_table(cost)
    assert costs.read_table() == cost


def test_the_document_has_the_table():
    assert costs.document(costs.read_table()) in costs.DOCUMENT.read_text(), "tests/bench/costs.py --write"


@pytest.mark.parametrize("what,old,new,more,less", [
    ("instructions", 4000, 4039, 0, 0), ("instructions", 4000, 4041, 1, 0), ("instructions", 4000, 3959, 0, 1),
    ("Twalk", 1, 2, 1, 0), ("Twalk", 1, 0.95, 0, 1), ("waits", 0.017, 1.017, 1, 0), ("kicks", 3, 3.1, 0, 0), ("kicks", 3, 4, 1, 0)])
def test_what_differs_from_the_table(what, old, new, more, less):
    found = costs.compare({"stat": {what: new}}, {"stat": {what: old}})
    assert [len(lines) for lines in found] == [more, less]


@pytest.mark.parametrize("what,new,more,less", [("instructions", 4390, 0, 0), ("instructions", 4410, 1, 0), ("instructions", 3590, 0, 1), ("pages", 4390, 0, 0),
                                                ("waits", 4390, 1, 0), ("waits", 3590, 0, 1)])
def test_another_compiler_may_make_more_or_fewer_instructions_but_no_messages(what, new, more, less):
    found = costs.compare({"image": {"gcc": 14}, "start": {what: new}}, {"image": {"gcc": 12}, "start": {what: 4000}})
    assert [len(lines) for lines in found] == [more, less]


def test_another_emulator_may_count_ports_otherwise():
    of_7, of_10 = ({"image": {"gcc": 12, "qemu": qemu}, "start": {"ports": n, "waits": 3}} for qemu, n in ((7, 63), (10, 16)))
    assert costs.compare(of_10, of_7) == ([], [])
    assert costs.compare({**of_7, "start": {"ports": 16, "waits": 3}}, of_7) == ([], ["start: ports 63 -> 16"])


def test_a_message_or_an_operation_that_the_table_does_not_know_is_too_much():
    assert costs.compare({"stat": {"Twalk": 1, "Tgetattr": 1}}, {"stat": {"Twalk": 1}})[0] == ["stat: Tgetattr 0 -> 1"]
    assert costs.compare({"stat": {"Twalk": 1}}, {})[0] == ["stat: Twalk 0 -> 1"]


def test_what_is_chance_in_one_guest_is_no_difference(monkeypatch):
    """Work that is put off may fall into one item or into the next."""
    seen = iter([{"stat": {"instructions": n, **more}} for n, more in ((4100, {"Tclunk": 1}), (3900, {}), (4000, {}))])
    naps = []
    monkeypatch.setattr(costs, "measure", lambda nap: naps.append(nap) or next(seen))
    monkeypatch.setattr(costs, "costs_of", lambda raw: raw)
    found, *differences = costs.check({"stat": {"instructions": 4000}})
    assert differences == [[], []] and found["stat"] == {"instructions": 3900}
    seen = iter([{"stat": {"instructions": n}} for n in (4100, 4200, 4300)])
    assert costs.check({"stat": {"instructions": 4000}}) == ({"stat": {"instructions": 4100}}, ["stat: instructions 4000 -> 4100"], [])
    assert naps[2] < naps[3] < naps[4] and naps[:2] == naps[2:4], "a busy machine needs longer for its answers"


def test_what_does_not_differ_stays_in_the_table_as_it_was():
    table = {"stat": {"instructions": 4000, "kicks": 3, "Twalk": 2, "Tversion": 1}}
    assert costs.merged({"stat": {"instructions": 4030, "kicks": 3.05, "Twalk": 1}, "new": {"waits": 1}}, table) == \
        {"stat": {"instructions": 4000, "kicks": 3, "Twalk": 1}, "new": {"waits": 1}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("costs")
    costs.fill(folder)
    return folder


def test_each_instruction_is_counted(folder):
    with costs.Counted(folder) as guest:
        _, few, more = (guest.work(f"spin . {n}") for n in (10, 1000, 21000))
    # A heartbeat's are counted apart.
    assert abs(more["instructions"] - few["instructions"] - 2 * 20000) <= 200


def test_the_kernels_counters_are_what_qemu_has_seen(folder, tmp_path):
    """Without naps: with interrupts."""
    log = tmp_path / "trace"
    words = ["-D", str(log), *(w for event in ("v9fs_*", "virtio_notify", "virtio_queue_notify") for w in ("-trace", event))]
    with costs.Counted(folder, nap=0, words=words) as guest:
        for line in ("stat b 0 60", "open b 0 60", "list f 1", "create c 1000 20", "unlink c 0 20", "read data 65536 8388608", "write w 65536 8388608"):
            cost = guest.work(line)
            # One more may be on its way when the work begins.
            assert cost["interrupts"] <= cost["requests"] + 1, line
        counted = guest.counters()
    seen = collections.Counter(re.findall(r"^(?:\d+@[\d.]+:)?(v9fs_\w+|virtio_\w+)", log.read_text(), re.M))
    types = {t: n for t, n in counted.items() if t.startswith("T")}
    # One event of QEMU's has another name, and one message no event.
    assert {t: seen["v9fs_" + t[1:].replace("lopen", "open")] for t in types if t != "Tunlinkat"} == {t: n for t, n in types.items() if t != "Tunlinkat"}
    assert sum(types.values()) == counted["requests"]
    # QEMU looks once by itself when the device is started. It may find two kicks at once, and interrupt again before the guest has taken the first.
    assert 0 < seen["virtio_queue_notify"] - 1 <= counted["kicks"] <= counted["requests"]
    assert 0 < counted["interrupts"] <= seen["virtio_notify"]


# ---- times ----

def test_a_start_that_hangs_is_tried_again_once(tmp_path):
    once = ["sh", "-c", "if [ -e been ]; then echo .; fi; touch been; exec sleep 1000"]
    once[2] = f"cd {tmp_path}; {once[2]}"
    assert bench.guests.first_byte(once, b".", limit=5) > 0
    with pytest.raises(bench.guests.Failed, match="no first byte in 0.5 s, twice"):
        bench.guests.first_byte(["sleep", "1000"], b".", limit=0.5)


def test_an_item_that_there_is_not_is_an_error(tmp_path):
    done = subprocess.run([sys.executable, BENCH / "bench.py", "--only", "nosuch", "--scale", "100", "--runs", "1", "--starts", "0", "--guests", "host",
                           "--share", tmp_path, "--out", tmp_path / "out"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 1 and "no item matches 'nosuch'" in done.stderr and not (tmp_path / "out/bench.json").exists()


def test_all_is_measured_in_small(tmp_path):
    """Without Linux, which has to be fetched."""
    done = subprocess.run([sys.executable, BENCH / "bench.py", "--quick", "--scale", "100", "--runs", "2", "--starts", "1", "--guests", "sheepskin,host",
                           "--share", tmp_path, "--out", tmp_path / "out"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "out/bench.json").read_text())["items"]
    works = [name for name, _, _ in bench.items(100)]
    assert set(works) < set(results)
    assert all(0 < ms < 2000 for ms in results[bench.IDLE]["samples"]["sheepskin"])
    for name in works:
        assert {s: len(v) for s, v in results[name]["samples"].items()} == {"sheepskin": 2, "host": 2}
        assert all(v > 0 for values in results[name]["samples"].values() for v in values) and len(results[name]["ratios"]["host"]) == 2
        assert name in done.stdout and name in (tmp_path / "out/bench.md").read_text()
    assert set(results["start: first byte"]["samples"]) == {"nothing", "sheepskin"}
    texts = [e.text for e in ET.parse(tmp_path / "out/bench.svg").iter("{http://www.w3.org/2000/svg}text")]
    assert set(works) < set(texts)
    assert "run 2 of 2: unlink" in done.stderr
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_modes_of_caching_stand_beside_each_other():
    samples = {"sheepskin": [2], "sheepskin loose": [5], "linux none": [10], "linux loose": [10]}
    assert bench.summary({"stat": {"unit": "us", "samples": samples}})["stat"]["ratios"] == {"linux none": [5], "linux loose": [2]}


def test_a_mode_of_caching_begins_with_nothing_kept(folder):
    with bench.guests.Session(bench.guests.sheepskin(folder, "128M", cache="loose")) as guest:
        for line in ("stat b 0 60", "drop loose", "stat b 0 60", "rest . 1"):
            assert guest.ask(line)[1][0] >= 0
        assert guest.cpu_ns() > 0


def test_ratios_are_pair_by_pair():
    samples = {"sheepskin": [2, 30, 4], "host": [1, 10, 8], "nothing": [1, 20, 3]}
    assert bench.ratios(samples, "MB/s", "host") == [2, 3, 0.5]
    assert bench.ratios(samples, "us", "host") == [0.5, pytest.approx(1 / 3), 2]
    assert bench.ratios(samples, "ms", "nothing") == [1, 10, 1]


def test_the_table_has_median_least_and_most():
    results = bench.summary({"stat": {"unit": "us", "samples": {"sheepskin": [20, 10, 40], "host": [2, 2, 4]}}})
    text = bench.table(results)
    assert "20.0 (10.0..40.0)" in text and "2.00 (2.00..4.00)" in text and "x 0.10 (0.10..0.20)" in text


def test_a_guest_whose_clock_is_slow_is_told(tmp_path):
    class Liar:
        def ask(self, line):
            return "", [10 ** 12, 1, 0]

    class Nobody:
        clock = collections.defaultdict(lambda: [0, 0])
    with pytest.raises(bench.guests.Failed, match="by its own clock"):
        bench.Bench.one(Nobody(), Liar(), "liar", "stat", "us", "stat")
