# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""QEMU's other virtio devices, used by programs through /dev."""
import os
import re
import shutil

import pytest

import machine
from rows import PLAIN

RNG = ["-device", "virtio-rng-pci"]
NO_SOURCE = {"cpu": "qemu64", "memory": "64M"}  # a processor without RDRAND; machine.py gives no seed


@pytest.fixture(scope="module")
def act(base, guests):
    """act(step, ..., extra=[...]) -> ({step: what the program told of it}, Result)."""
    folder = base / "actor"
    folder.mkdir()
    shutil.copy(guests("actor"), folder / "actor")

    def run(*steps, **more):
        got = machine.boot(PLAIN, ["/host/actor", *steps], share=folder, options=["loglevel=info"], **more)
        assert got.status == ("exit", 0)
        return told(got.out.decode()), got
    return run


def told(out):
    return {step: what for step, _, what in (line.partition(": ") for line in out.splitlines())}


# ---- rng ----

def test_case_b14_getrandom_asks_the_rng_device(act):
    """On a processor without a random source nothing else is secret; and no two machines get the same."""
    steps = ["chance 32", "stat /dev/hwrng", "open /dev/hwrng r", "read 3 1000", "open /dev/random r", "read 4 8"]
    first, second = (act(*steps, extra=RNG, **NO_SOURCE)[0] for _ in range(2))
    assert re.fullmatch(r"[0-9a-f]{64}= 32", first["chance 32"]) and first["chance 32"] != second["chance 32"]
    assert first["stat /dev/hwrng"] == "20600 10,183 = 0"
    assert first["read 3 1000"].endswith("= 1000") and first["read 3 1000"] != second["read 3 1000"]
    assert first["read 4 8"].endswith("= 8") and first["read 4 8"] != second["read 4 8"]


def test_case_b14_without_any_source_there_is_no_random_number(act):
    got, _ = act("chance 32", "open /dev/hwrng r", "open /dev/random r", "read 3 8", **NO_SOURCE)
    assert got == {"chance 32": "-11", "open /dev/hwrng r": "-2", "open /dev/random r": "= 3", "read 3 8": "-11"}


def test_dr_rng_2_a_throttled_device_gives_little_at_a_time(act):
    """Eight bytes in a second: a read gets what there is, at least one byte; a secret takes a while."""
    got, _ = act("chance 16", "open /dev/hwrng r", "read 3 500", "open /dev/hwrng rn", extra=["-device", "virtio-rng-pci,max-bytes=8,period=1000"], **NO_SOURCE)
    assert got["chance 16"].endswith("= 16")
    assert 1 <= int(got["read 3 500"].rpartition("= ")[2]) < 500


def test_case_r21_a_device_with_nothing_to_give(act, tmp_path):
    """Its source is a pipe that nobody writes to: nothing waits for ever, nothing is made up, and the machine goes on."""
    os.mkfifo(tmp_path / "dry")
    source = os.open(tmp_path / "dry", os.O_RDWR)
    got, result = act("chance 16", "open /dev/hwrng rn", "read 3 10", "poll 3 0", "list /dev",
                      extra=["-object", f"rng-random,id=dry,filename={tmp_path}/dry", "-device", "virtio-rng-pci,rng=dry"], **NO_SOURCE)
    os.close(source)
    assert (got["chance 16"], got["read 3 10"], got["poll 3 0"]) == ("-11", "-11", "= 0") and "hwrng" in got["list /dev"]


def test_several_rng_devices(act):
    got, result = act("open /dev/hwrng r", "read 3 100", extra=RNG * 3)
    assert got["read 3 100"].endswith("= 100") and "FAILED" not in result.err
