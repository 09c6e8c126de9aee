# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Machines over every switch that QEMU has for a virtio device and we have for a driver, two by two: files are read, written, made and listed, and
the features that were agreed on are the ones that the row asks for."""
import pytest

import machine
import share as shares
from pairs import rows
from rows import Row

SIZE = 3_000_001
INDIRECT, EVENT_IDX, VERSION_1, ACCESS_PLATFORM, PACKED, IN_ORDER, RING_RESET = 28, 29, 32, 33, 34, 35, 40

SWITCHES = {
    "machine": ["q35", "pc", "microvm", "q35-efi"],
    "transport": ["modern", "transitional", "legacy"],
    "vectors": ["0", "1", "2", "33"],
    "packed": ["off", "on"],
    "indirect_desc": ["on", "off"],
    "event_idx": ["on", "off"],
    "queue_reset": ["on", "off"],
    "in_order": ["off", "on"] if machine.has_property("virtio-9p-pci", "in_order") else ["off"],
    "platform": ["none", "iommu_platform", "intel-iommu"],
    "place": ["root", "port", "bridge"],
    "function": ["0", "3"],
    "page-per-vq": ["off", "on"],
    "modern-pio-notify": ["off", "on"],
    "security": ["none", "passthrough", "mapped-xattr", "mapped-file"],
    "msize": ["4096", "8192", "65536", "4186112"],
    "memory": ["16M", "128M", "3G", "8G"],
    "cpu": ["qemu64", "max", "Nehalem", "max,-rdrand,-rdseed,-smap,-smep,-xsave"],
    "declined": ["", "-packed", "-indirect_desc,-event_idx", "-ring_reset,-event_idx", "-indirect_desc"],
}


def allowed(row):
    """What QEMU itself refuses, or what there is not. A row may lack switches."""
    def has(name, *values):
        return row.get(name) in values
    if has("transport", "legacy") and (has("packed", "on") or has("in_order", "on") or has("platform", "iommu_platform", "intel-iommu") or has("place", "port")
                                       or has("page-per-vq", "on") or has("modern-pio-notify", "on") or has("queue_reset", "off")):
        return False
    if has("platform", "iommu_platform", "intel-iommu") and has("transport", "transitional"):
        return False
    if has("platform", "intel-iommu") and has("machine", "pc", "microvm"):
        return False
    if has("place", "port") and (has("machine", "pc") or has("transport", "transitional") or has("function", "3")):
        return False
    if has("transport", "legacy") and has("machine", "microvm"):  # has no I/O ports behind PCI
        return False
    if has("memory", "16M") and has("machine", "q35-efi"):  # OVMF needs more
        return False
    return True


TABLE = rows(SWITCHES, allowed, at_least=128)


def name_of(row):
    return "-".join(row[s].replace(",", "+") if s in ("machine", "transport", "place", "security", "memory") else s[:3] + row[s] for s in SWITCHES if row[s] not in ("none", ""))


def device(row):
    words = ["{9p}", "vectors=" + row["vectors"]]
    for name in ("packed", "indirect_desc", "event_idx", "queue_reset", "page-per-vq", "modern-pio-notify", *(["in_order"] if row["in_order"] == "on" else [])):
        words.append(f"{name}={row[name]}")
    words.append({"modern": "disable-legacy=on", "transitional": "disable-legacy=off", "legacy": "disable-legacy=off,disable-modern=on"}[row["transport"]])
    if row["platform"] != "none":
        words.append("iommu_platform=on")
    return ",".join(words)


def placed(row):
    """The words for QEMU's devices: the share's, what it is behind, and what it shares its slot with."""
    bus = {"root": "", "port": "-device pcie-root-port,id=up,chassis=1,addr=5 ", "bridge": "-device pci-bridge,id=up,chassis_nr=1,addr=5 "}[row["place"]]
    where = ",bus=up" if bus else ""
    slot = {"root": "4", "port": "0", "bridge": "3"}[row["place"]]
    sibling = f"-device pci-testdev{where},addr={slot}.0,multifunction=on " if row["function"] != "0" else ""
    iommu = "-device intel-iommu,intremap=off " if row["platform"] == "intel-iommu" else ""
    return f"{iommu}{bus}{sibling}-device {device(row)}{where},addr={slot}.{row['function']}"


def expected(row):
    """Feature bits that the row settles: {bit: accepted}."""
    modern = row["transport"] != "legacy"
    declined = row["declined"].split(",")
    on = {bit: row[switch] == "on" and "-" + name not in declined for bit, switch, name in (
        (INDIRECT, "indirect_desc", "indirect_desc"), (EVENT_IDX, "event_idx", "event_idx"), (PACKED, "packed", "packed"),
        (IN_ORDER, "in_order", "in_order"), (RING_RESET, "queue_reset", "ring_reset"))}
    return {**on, VERSION_1: modern, ACCESS_PLATFORM: row["platform"] != "none", PACKED: modern and on[PACKED], RING_RESET: modern and on[RING_RESET]}


MACHINES = {"q35": ("pvh", "q35"), "pc": ("pvh", "pc"), "microvm": ("pvh", "microvm,pcie=on,auto-kernel-cmdline=off"), "q35-efi": ("efi", "q35")}


@pytest.mark.parametrize("row", TABLE, ids=name_of)
def test_every_switch(row, guests, base, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mill")
    data = shares.pattern(SIZE, 7)
    program = guests("mill")
    (folder / "in").write_bytes(data)
    (folder / "mill").write_bytes(program.read_bytes())
    for name in ("in", "mill"):
        (folder / name).chmod(0o755)
    boot, kind = MACHINES[row["machine"]]
    options = ["mount=host:/host", "cwd=/host", "loglevel=info", "9p.msize=" + row["msize"], *([f"virtio.features={row['declined']}"] if row["declined"] else [])]
    got = machine.boot(Row("", boot, kind, placed(row), ""), ["/host/mill"], share=folder, options=options, memory=row["memory"], cpu=row["cpu"],
                       security=row["security"])
    assert got.status == ("exit", 0)
    lines = got.out.decode().splitlines()
    assert lines[-1] == "ground"
    assert (folder / "out").read_bytes() == bytes(data).translate(bytes(b ^ 0x5a for b in range(256)))
    names = {f"renamed-{i}" if i % 3 else str(i) for i in range(30) if i % 3 or i % 2 == 0}
    assert [line[5:] for line in lines if line.startswith("name ")] == sorted(names)
    assert {p.name for p in (folder / "small").iterdir()} - {".virtfs_metadata"} == names
    bits = next(line[9:] for line in lines if line.startswith("features "))
    assert {bit: bits[bit] == "1" for bit in expected(row)} == expected(row)
