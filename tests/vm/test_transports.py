# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""How a device is reached and how it calls: legacy registers and modern ones, vectors, the interrupt line, polling; what the guest's counters say of it."""
import hashlib

import machine
import pytest
from rows import BY_NAME, PLAIN, Row

LINE, POLLED = 0xfffe, 0xffff
QUEUES = "/sys/bus/virtio/devices/virtio0/queues"


def row_with(options, base=PLAIN, before=""):
    return Row("x", base.boot, base.machine, f"{before}-device {{9p}},addr=4{options}", "00:04.0")


def counters(got):
    """vector, requests, kicks, interrupts of queue 0."""
    index, _, vector, *rest = map(int, got.out.split()[-6:])
    assert index == 0
    return (vector, *rest)


def boot(row, share, *options):
    """Reads a file that takes many messages, then says what it took."""
    got = machine.boot(row, ["sha256sum", "/host/size-9000001"], share=share, options=["loglevel=debug", *options])
    want = hashlib.sha256((share / "size-9000001").read_bytes()).hexdigest()
    assert (got.status, got.out.decode()) == (("exit", 0), f"{want}  /host/size-9000001\n")
    return machine.boot(row, ["cat", "/host/poem.txt", QUEUES], share=share, options=["loglevel=warn", *options])


@pytest.mark.parametrize("kind", ["disable-legacy=on", "disable-modern=on"])
@pytest.mark.parametrize("vectors, expected", [("0", LINE), ("1", 0), ("2", 1), ("33", 1)])
def test_dr_mx_1_vectors(kind, vectors, expected, share):
    """A vector for the queue, one for everything, or the interrupt line, where firmware tells it (PVH's does on q35)."""
    vector, requests, kicks, interrupts = counters(boot(row_with(f",{kind},vectors={vectors}"), share))
    assert vector == expected
    assert 0 < interrupts <= requests and 0 < kicks <= requests


@pytest.mark.parametrize("name", ["seabios-pc-transitional", "seabios-q35-transitional", "efi-q35-transitional"])
def test_lines_that_firmware_leads(name, share):
    vector, _, _, interrupts = counters(boot(row_with(",vectors=0", BY_NAME[name]), share))
    assert vector == LINE and interrupts > 0


@pytest.mark.parametrize("way, expected", [("msix", 1), ("intx", LINE), ("poll", POLLED)])
def test_virtio_irq(way, expected, share):
    vector, _, _, interrupts = counters(boot(PLAIN, share, f"virtio.irq={way}"))
    assert vector == expected and (interrupts > 0) == (way != "poll")


def test_no_line_and_no_vector(share):
    """microvm's lines are told in AML only: the device is polled."""
    vector, requests, _, interrupts = counters(boot(row_with(",vectors=0", BY_NAME["pvh-microvm-modern"]), share))
    assert vector == POLLED and requests and not interrupts


def test_two_devices_on_one_line(share):
    """Slots four apart have the same line."""
    other = "-device virtio-rng-pci,addr=8,vectors=0 "
    got = machine.boot(row_with(",vectors=0", before=other), ["cat", "/host/poem.txt", "/sys/bus/virtio/devices/virtio0/queues"], share=share)
    assert got.out.startswith((share / "poem.txt").read_bytes()) and "masked" not in got.err
    assert counters(got)[0] == LINE


def test_dr_lg_1_case_r23_legacy_recovery(tmp_path):
    """A legacy device cannot say that it needs a reset: it is silent, and then the session goes on behind its reset, with files open."""
    (tmp_path / "file").write_bytes(bytes(range(256)) * 4000)
    got = machine.boot(row_with(",disable-modern=on"), ["sha256sum", "/host/file"], share=tmp_path,
                       options=["provoke=needs-reset:6", "loglevel=warn", "virtio.silence=20"])
    assert (got.status, got.out.decode().split()[0]) == (("exit", 0), hashlib.sha256((tmp_path / "file").read_bytes()).hexdigest())
    assert "virtio0: it is silent" in got.err and '"host" was mounted again' in got.err


@pytest.mark.parametrize("before, where", [("", ",addr=4"), ("-device pci-bridge,id=b,chassis_nr=1,addr=5 ", ",bus=b,addr=3")])
def test_case_c17_legacy_reads_and_writes(before, where, guests, tmp_path):
    row = Row("x", PLAIN.boot, PLAIN.machine, f"{before}-device {{9p}},disable-modern=on,disable-legacy=off{where}", "")
    data = bytes(range(256)) * 5000
    (tmp_path / "in").write_bytes(data)
    (tmp_path / "mill").write_bytes(guests("mill").read_bytes())
    (tmp_path / "mill").chmod(0o755)
    got = machine.boot(row, ["/host/mill"], share=tmp_path, options=["cwd=/host"])
    assert got.status == ("exit", 0) and (tmp_path / "out").read_bytes() == data.translate(bytes(b ^ 0x5a for b in range(256)))


def test_case_c17_legacy_where_there_are_no_ports(small):
    """microvm has no ports behind PCI: one line says what is missing."""
    got = machine.boot(row_with(",disable-modern=on,disable-legacy=off", BY_NAME["pvh-microvm-modern"]), ["hello"], share=small)
    assert got.status == ("exit", 0) and "nor the registers of a legacy one" in got.err
