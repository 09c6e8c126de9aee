# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Rings and features, switched by the device and by the command line: files arrive whole both ways, and what each operation costs is known."""
import re

import pytest

import machine
from rows import PLAIN

# What the device is given, what the kernel is told, and the ring features (28 to 40) that come of it on QEMU 7.2.
RINGS = {
    "split": ("", [], {28, 29, 32, 40}),
    "split-no-event-idx": ("event_idx=off", [], {28, 32, 40}),
    "packed": ("packed=on", [], {28, 29, 32, 34, 40}),
    "packed-no-event-idx": ("packed=on,event_idx=off", [], {28, 32, 34, 40}),
    "packed-chains": ("packed=on,indirect_desc=off,disable-legacy=on", [], {29, 32, 34, 40}),
    "dr_rf_2_dr_rf_4_packed-platform": ("packed=on,iommu_platform=on,disable-legacy=on", [], {28, 29, 32, 33, 34, 40}),
    "switched-off": ("packed=on", ["virtio.features=-packed,-event_idx,-indirect_desc,-ring_reset"], {32}),
    "of-one-type": ("packed=on", ["virtio.features=rng:-event_idx", "virtio.features=9p:-packed"], {28, 29, 32, 40}),
}

IN_ORDER = machine.has_property("virtio-9p-pci", "in_order")
if IN_ORDER:
    RINGS |= {
        "split-in-order": ("in_order=on", [], {28, 29, 32, 35, 40}),
        "split-in-order-chains": ("in_order=on,indirect_desc=off", [], {29, 32, 35, 40}),
        "packed-in-order": ("packed=on,in_order=on", [], {28, 29, 32, 34, 35, 40}),
        "packed-in-order-chains": ("packed=on,in_order=on,indirect_desc=off,event_idx=off", [], {32, 34, 35, 40}),
    }
EACH = ["", "packed=on", *(["in_order=on", "packed=on,in_order=on"] if IN_ORDER else [])]

CONTENT = bytes((i * 7 + i // 251) % 256 for i in range(5 << 20))  # as guests/rings.c writes it


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "many").mkdir()
    (tmp_path / "poem.txt").write_text("baa\n")
    for i in range(200):
        (tmp_path / "many" / f"{i}").touch()
    return tmp_path


def boot(folder, guests, device, options=(), program=("/host/rings", "/host"), row=PLAIN):
    target = folder / "rings"
    if not target.exists():
        target.write_bytes(guests("rings").read_bytes())
        target.chmod(0o755)
    row = row._replace(devices=row.devices + ("," + device if device else ""))
    return machine.boot(row, program, share=folder, options=["loglevel=info", *options])


@pytest.mark.parametrize("name", RINGS)
def test_files_arrive_whole(name, folder, guests):
    device, options, features = RINGS[name]
    got = boot(folder, guests, device, options)
    assert got.status == ("exit", 0)
    assert (folder / "kept").read_bytes() == CONTENT
    costs = {op: tuple(map(int, rest)) for op, *rest in (line.split() for line in got.out.decode().splitlines())}
    assert costs["stat"][0] <= 3 and costs["small"][0] <= 5
    for op, (requests, kicks, interrupts) in costs.items():
        print(name, op, requests, kicks, interrupts)
        assert kicks <= requests and interrupts <= requests
    seen = boot(folder, guests, device, options, ["cat", "/sys/bus/virtio/devices/virtio0/features"]).out.decode().strip()
    assert {i for i, bit in enumerate(seen) if bit == "1" and 28 <= i} == features


def test_a_feature_that_nobody_knows_is_named(folder, guests):
    got = boot(folder, guests, "", ["virtio.features=-paked"], ["hello"])
    assert got.status == ("exit", 0)
    assert len(re.findall(r'virtio.features: "-paked" is not \+ or - before one of indirect_desc .* ring_reset', got.err)) == 1
    assert "is unknown, and left alone" not in got.err


@pytest.mark.parametrize("device", EACH)
def test_dr_qr_2_dr_cc_6_a_queue_is_reset_while_the_device_goes_on(device, folder, guests):
    got = boot(folder, guests, device, ["provoke=queue-reset:7"])
    assert got.status == ("exit", 0)
    assert "its queue was reset, and is up again" in got.err and "mounted again" not in got.err
    assert (folder / "kept").read_bytes() == CONTENT


@pytest.mark.parametrize("device", EACH)
def test_a_ring_after_a_reset_of_its_device(device, folder, guests):
    got = boot(folder, guests, device, ["provoke=needs-reset:30"])
    assert got.status == ("exit", 0)
    assert "mounted again" in got.err
    assert (folder / "kept").read_bytes() == CONTENT


def test_dr_rf_2_behind_an_iommu_that_is_off(folder, guests):
    """The device's addresses are to be translated by an IOMMU, which nobody switched on: they are physical ones."""
    row = PLAIN._replace(machine="q35,kernel-irqchip=split", devices="-device intel-iommu,device-iotlb=on " + PLAIN.devices)
    got = boot(folder, guests, "packed=on,iommu_platform=on,disable-legacy=on,ats=on", row=row)
    assert got.status == ("exit", 0)
    assert (folder / "kept").read_bytes() == CONTENT
