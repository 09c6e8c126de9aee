# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Every driver's device comes and goes while a program has a file of it open: by the program's own hand, and by the VMM."""
import shutil

import pytest

import machine
from live import Live, wait_for
from rows import PLAIN, Row

MIB = 1 << 20
WAYS = {"transitional": "", "legacy": ",disable-modern=on,disable-legacy=off", "modern": ",disable-legacy=on", "packed": ",disable-legacy=on,packed=on",
        "lines": "", "polled": ",disable-legacy=on", "polled-legacy": ",disable-modern=on,disable-legacy=off"}
OPTIONS = {"lines": ["virtio.irq=intx"], "polled": ["virtio.irq=poll"], "polled-legacy": ["virtio.irq=poll"]}


@pytest.fixture
def folders(tmp_path, guests):
    """The share with the program, the one that goes, and where the channels are; a disk."""
    host, second, channels = tmp_path / "host", tmp_path / "second", tmp_path / "channels"
    for folder in (host, second, channels):
        folder.mkdir()
    (second / "g").write_text("second\n")
    (tmp_path / "disk").write_bytes(bytes(MIB))
    shutil.copy(guests("comings"), host / "comings")
    return host, second, channels


def back_ends(second):
    return ["-blockdev", f"raw,node-name=disk,file.driver=file,file.filename={second.parent}/disk", "-fsdev", f"local,id=two,path={second},security_model=none",
            *(w for c in "pc" for w in ("-chardev", f"file,id={c},path=/dev/null"))]


def fields(line):
    return dict(word.split("=") for word in line.split(":")[1].split())


# What a program sees of each whose device is gone, as docs/devices.md has it.
GONE = {"use": "ENODEV", "read": "ENODEV", "write": "ENODEV", "poll": "18", "open": "ENOENT"}
SEEN = {"disk": GONE, "port": GONE, "console": GONE,
        "rng": {k: v for k, v in GONE.items() if k != "write"},
        "share": {"use": "EIO", "read": "EIO", "write": "EIO", "poll": "5", "open": "EIO"},
        "balloon": {"use": "ENODEV", "read": "ok", "write": "ok", "poll": "5", "open": "ok"}}


@pytest.mark.parametrize("way", WAYS)
def test_dr_cl_2_by_hand(way, folders):
    """unbind and bind on either bus, remove and rescan: again and again, and no page is lost."""
    host, second, channels = folders
    places = {"disk": 8, "rng": 9, "port": 10, "console": 11, "share": 12, "balloon": 13}
    more = WAYS[way]
    extra = [*back_ends(second), "-device", f"virtio-blk-pci,drive=disk,addr=8{more}", "-device", f"virtio-rng-pci,addr=9{more}",
             "-device", f"virtio-serial-pci,id=s,addr=a{more}", "-device", "virtserialport,bus=s.0,chardev=p,nr=1,name=org.example.1",
             "-device", f"virtio-serial-pci,id=t,max_ports=1,addr=b{more}", "-device", "virtconsole,bus=t.0,chardev=c,nr=0",
             "-device", f"virtio-9p-pci,fsdev=two,mount_tag=second,addr=c{more}", "-device", f"virtio-balloon-pci,addr=d{more}"]
    with Live(PLAIN, channels, ["/host/comings", "hand", "20" if way == "modern" else "6", *(f"{kind}=0000:00:{at:02x}.0" for kind, at in places.items())], share=host, extra=extra,
              options=["loglevel=warn", *OPTIONS.get(way, [])]) as m:
        m.do("balloon", value=104 * MIB)
        word, out, log = m.end()
    assert word == ("exit", 0), log
    lines = out.splitlines()
    assert len(lines) == 6 * 3 * 2 + 1 and lines[-1] == "end", out
    for line in lines[:-1]:
        kind, number = line.split()[:2]
        if "lost" in line:
            assert line.endswith("lost=0"), (line, log)
            continue
        said = fields(line)
        assert [said.pop(k) for k in ("before", "away", "again", "new")] == ["ok"] * 4, line
        assert said.pop("old") == SEEN[kind]["use"], line
        assert said == SEEN[kind], line
    assert "WRONG" not in out


NATIVE = "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"
KINDS = ("disk", "rng", "port", "console", "share", "balloon")
# What each is plugged as; what belongs on it comes behind it.
PLUGGED = {"disk": dict(driver="virtio-blk-pci", drive="disk"), "rng": dict(driver="virtio-rng-pci", **{"max-bytes": 8, "period": 60000}),
           "port": dict(driver="virtio-serial-pci"), "console": dict(driver="virtio-serial-pci", max_ports=1),
           "share": dict(driver="virtio-9p-pci", fsdev="two", mount_tag="second"), "balloon": dict(driver="virtio-balloon-pci")}
BEHIND = {"port": dict(driver="virtserialport", bus="port.0", chardev="p", nr=1, name="org.example.1"),
          "console": dict(driver="virtconsole", bus="console.0", chardev="c", nr=0)}


@pytest.mark.parametrize("packed", [False, True], ids=["split", "packed"])
def test_dr_cl_2_by_the_vmm(packed, folders):
    """Plugged and pulled behind PCI Express ports, six kinds in turn, while the program reads, writes or sleeps in a read."""
    host, second, channels = folders
    rounds = 4
    ports = " ".join(f"-device pcie-root-port,id=rp{i},chassis={i + 1},addr={8 + i:x}" for i in range(len(KINDS)))
    row = Row("ports", "pvh", "q35", f"{NATIVE} -device {{9p}},addr=4 {ports}", "")
    words = [f"{kind}=0000:{i + 1:02x}:00.0" for i, kind in enumerate(KINDS)]
    with Live(row, channels, ["/host/comings", "plug", str(rounds), *words], share=host, extra=back_ends(second), options=["loglevel=warn", "mount=host:/host"]) as m:
        def until(line, n):
            wait_for(lambda: ("\n" + m.text()).count("\n" + line) >= n, m.runs)
        for n in range(1, rounds + 1):
            for i, kind in enumerate(KINDS):
                until(f"plug {kind}\n", n)
                m.do("device_add", **PLUGGED[kind], id=kind, bus=f"rp{i}", packed=packed)
                if kind in BEHIND:
                    m.do("device_add", **BEHIND[kind], id=kind + "-port")
                if kind == "balloon":
                    m.do("balloon", value=104 * MIB)
                until(f"unplug {kind}\n", n)
                m.do("device_del", id=kind)
                until(f"gone {kind}:", n)
        word, out, log = m.end()
    assert word == ("exit", 0), log
    assert out.endswith("lost=0\nend\n"), out
    for line in out.splitlines():
        if line.startswith("here"):
            assert fields(line) == {"use": "ok"}, line
        if line.startswith("gone"):
            said, kind = fields(line), line.split()[1].rstrip(":")
            assert said.pop("first") == SEEN[kind]["use"] and said == SEEN[kind], line
    assert log == ""


@pytest.mark.parametrize("way", ["transitional", "modern", "legacy"])
def test_changes_of_polled_devices(way, folders):
    """No interrupt tells that a disk grew, a port came, the balloon has another size: it is noticed all the same, while nobody uses the devices."""
    host, second, channels = folders
    more = WAYS[way]
    extra = [*back_ends(second), "-device", f"virtio-blk-pci,drive=disk,addr=8{more}", "-device", f"virtio-serial-pci,id=s,addr=a{more}",
             "-device", f"virtio-balloon-pci,addr=d{more}"]
    with Live(PLAIN, channels, ["/host/comings", "watch"], share=host, extra=extra, options=["loglevel=debug", "virtio.irq=poll"]) as m:
        m.until("await disk")
        m.do("block_resize", **{"node-name": "disk", "size": 2 * MIB})
        m.until("await port")
        m.do("device_add", driver="virtserialport", bus="s.0", chardev="p", nr=2, name="org.example.2")
        m.until("await balloon")
        m.do("balloon", value=104 * MIB)
        m.until("await memory")
        m.do("balloon", value=128 * MIB)
        word, out, log = m.end()
    assert word == ("exit", 0), log
    assert log.count("0 vectors, polled") == 4 and "now 4096 blocks" in log and "the host has 0 pages" in log and "sheepskin: virtio" not in log


def many(folder):
    """30 disks behind one bridge, 20 shares behind another, four functions of everything else in one slot; QEMU's words, and the shares' tags."""
    words, shares = [], [f"s{i}" for i in range(20)]
    for i in range(30):
        (folder / f"disk{i}").write_bytes(b"disk %02d\n" % i + bytes(65536 - 8))
        words += ["-blockdev", f"raw,node-name=d{i},file.driver=file,file.filename={folder}/disk{i}", "-device", f"virtio-blk-pci,drive=d{i},bus=b1,addr={i + 1:x}"]
    for i, tag in enumerate(shares):
        (folder / tag).mkdir()
        (folder / tag / "f").write_text(f"share {i:02}\n")
        words += ["-fsdev", f"local,id={tag},path={folder / tag},security_model=none", "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag},bus=b2,addr={i + 1:x}"]
    for i in range(2):
        words += ["-device", f"virtio-rng-pci,addr=a.{i},multifunction=on", "-device", f"virtio-serial-pci,id=v{i},addr=a.{i + 2},multifunction=on",
                  "-chardev", f"file,id=c{i},path={folder}/console{i}", "-device", f"virtconsole,chardev=c{i},bus=v{i}.0,nr=0",
                  "-chardev", f"file,id=p{i},path={folder}/port{i}", "-device", f"virtserialport,chardev=p{i},bus=v{i}.0,nr=1,name=port{i}"]
    return [*words, "-device", "virtio-balloon-pci,addr=b"], shares


@pytest.mark.parametrize("boot", ["pvh", "seabios"])
def test_many_devices(boot, folders, tmp_path, guests):
    """There are not vectors enough for all: they share one, or a line, or are polled. All of them work."""
    host = folders[0]
    shutil.copy(guests("actor"), host / "actor")
    words, shares = many(tmp_path)
    row = Row("many", boot, "q35", "-device {9p},addr=4 -device pci-bridge,id=b1,chassis_nr=1,addr=5 -device pci-bridge,id=b2,chassis_nr=2,addr=6", "")
    disks = [f"/dev/vd{c}" for c in [*map(chr, range(ord("a"), ord("z") + 1)), "aa", "ab", "ac", "ad"]]
    files = [*disks, *(f"/{tag}/f" for tag in shares)]
    steps = [step for path in files for step in (f"open {path} r", "read 3 8", "close 3")]
    steps += ["open /dev/hwrng r", "read 3 16", "close 3"]
    steps += [step for path in ("/dev/hvc0", "/dev/hvc1", "/dev/virtio-ports/port0", "/dev/virtio-ports/port1") for step in (f"open {path} w", "write 3 hello", "close 3")]
    got = machine.boot(row, ["/host/actor", *steps], share=host, extra=words, memory="256M",
                       options=["loglevel=debug", "mount=host:/host", *(f"mount={tag}:/{tag}" for tag in shares)])
    assert got.status == ("exit", 0), got.err
    told = [line.rpartition(": ")[2] for line in got.out.decode().splitlines()]
    assert len(told) == len(steps)
    assert told[1:150:3] == [f"disk {i:02}\\x0a= 8" for i in range(30)] + [f"share {i:02}= 8" for i in range(20)]
    assert told[151].endswith("= 16") and told[154::3] == ["= 5"] * 4
    assert [(tmp_path / name).read_text() for name in ("console0", "console1", "port0", "port1")] == ["hello"] * 4
    complaints = [line for line in got.err.splitlines() if line.startswith("sheepskin: virtio")]
    assert all(line.endswith("polling it") for line in complaints), complaints  # a line that stays quiet is found out
    ways = [line.partition(": ")[2] for line in got.err.splitlines() if "vectors" in line]
    assert len(ways) == 56 and "2 vectors" in ways and any(way.endswith(("polled", "its line")) for way in ways)
