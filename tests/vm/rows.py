# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""rows - the table of machines. A row: how it boots, QEMU's -machine, where the share's device stands, and the lspci line that proves it."""
from collections import namedtuple

Row = namedtuple("Row", "name boot machine devices finds")

# {9p} is the share's device with its back end and tag; what follows it is up to the row.
PLACES = {
    "transitional": ("-device {9p},addr=4", "00:04.0 1af4:1009"),
    "modern": ("-device {9p},addr=4,disable-legacy=on", "00:04.0 1af4:1049"),
    "root-port": ("-device pcie-root-port,id=rp,chassis=1,addr=5 -device {9p},bus=rp", "01:00.0 1af4:1049"),
    "bridge": ("-device pci-bridge,id=bridge,chassis_nr=1,addr=5 -device {9p},bus=bridge,addr=3", "01:03.0 1af4:1009"),
    "bridge-in-bridge": ("-device pci-bridge,id=outer,chassis_nr=1,addr=5 -device pci-bridge,id=inner,chassis_nr=2,bus=outer,addr=1 "
                         "-device {9p},bus=inner,addr=2,disable-legacy=on", "02:02.0 1af4:1049"),
    "function": ("-device virtio-rng-pci,addr=4.0,multifunction=on -device {9p},addr=4.3", "00:04.3 1af4:1009"),
}

MACHINES = {
    "pc": ("pc", "transitional modern bridge bridge-in-bridge function"),
    "q35": ("q35", "transitional modern root-port bridge bridge-in-bridge function"),
    "microvm": ("microvm,pcie=on,auto-kernel-cmdline=off", "transitional modern root-port bridge function"),
}

# pvh: by qboot, which assigns hardly anything; seabios: by the firmware that QEMU takes by itself (SeaBIOS, but for microvm on Debian 12); efi: OVMF.
BOOTS = {"pvh": "pc q35 microvm", "seabios": "pc q35 microvm", "efi": "pc q35"}

ROWS = [Row(f"{boot}-{name}-{place}", boot, MACHINES[name][0], *PLACES[place])
        for boot, names in BOOTS.items() for name in names.split() for place in MACHINES[name][1].split()
        if not (boot != "pvh" and place == "bridge-in-bridge")]

BY_NAME = {row.name: row for row in ROWS}
PLAIN = BY_NAME["pvh-q35-transitional"]
PLAIN_EFI = BY_NAME["efi-q35-transitional"]
