# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Devices that come and go while a program has files open on them: by the program's own hand in /sys, and by the VMM, behind a PCI Express port."""
import json
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

import machine
from rows import PLAIN, Row

NATIVE = "-global ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"
PORT = "-device pcie-root-port,id=rp,chassis=1,addr=5"
ROUNDS = 20


@pytest.fixture
def folders(tmp_path, guests):
    """The share with the program, and the one that goes."""
    host, second = tmp_path / "host", tmp_path / "second"
    for folder in (host, second):
        folder.mkdir()
    (host / "f").write_text("first\n")
    (second / "g").write_text("second\n")
    shutil.copy(guests("life"), host / "life")
    return host, second


def second_share(folder):
    return ["-fsdev", f"local,id=two,path={folder},security_model=none"]


def test_by_hand(folders):
    """unbind, bind, remove and rescan: what is open says EIO as Linux's 9P does when its transport is gone, and stays so; what is mounted anew works."""
    host, second = folders
    extra = [*second_share(second), "-device", "virtio-9p-pci,fsdev=two,mount_tag=second,addr=8", "-device", "virtio-rng-pci,addr=9"]
    got = machine.boot(PLAIN, ["/host/life", "bind", "virtio1", "0000:00:08.0"], share=host, extra=extra, options=["loglevel=warn"])
    assert got.status == ("exit", 0), got.err
    *rounds, errors = re.split(r"== \w+\n", got.out.decode())[1:]
    assert len(rounds) == 3
    for text in rounds:
        said = dict(line.split(": ") for line in text.splitlines())
        gone = {"read open", "write open", "sync open", "list open", "open", "read old"}
        assert {k for k, v in said.items() if v == "EIO"} == gone, said
        assert said.pop("mount there") == "ENOENT" and said.pop("umount busy") == "EBUSY" and said.pop("umount twice") == "EINVAL"
        assert {v for k, v in said.items() if k not in gone} == {"ok"}, said
    lines = [line.split(": ") for line in errors.splitlines()]
    assert lines[:-3] == [["unbind nothing", "ENODEV"], ["unbind another's", "ENODEV"], ["bind what is bound", "EBUSY"], ["bind to another", "ENODEV"],
                          ["remove maybe", "EINVAL"], ["read unbind", "EACCES"], ["mount nothing", "ENOENT"], ["mount unknown", "ENODEV"],
                          ["mount nowhere", "ENOENT"]]
    assert lines[-3:] == [["lost", "0"]] * 3


def test_by_a_shell(folders):
    """What a person types."""
    host, second = folders
    shutil.copy("/bin/busybox", host / "busybox")
    script = r"""
        exec 3< /second/g
        echo 0000:00:08.0 > /sys/bus/pci/drivers/virtio-pci/unbind; echo unbind $?
        read line <&3; echo read $?
        test -e /sys/bus/virtio/devices/virtio1; echo there $?
        echo 0000:00:08.0 > /sys/bus/pci/drivers/virtio-pci/bind; echo bind $?
        read tag < /sys/bus/virtio/devices/virtio1/mount_tag; echo $tag
        echo 0000:00:08.0 > /sys/bus/pci/drivers/virtio-pci/unbnd; echo slip $?
        read line < /host/f; echo $line"""
    extra = [*second_share(second), "-device", "virtio-9p-pci,fsdev=two,mount_tag=second,addr=8"]
    got = machine.boot(PLAIN, ["/host/busybox", "sh", "-c", script], share=host, extra=extra,
                       options=["loglevel=error", "mount=host:/host", "mount=second:/second"])
    assert got.out.decode().splitlines() == ["unbind 0", "read 1", "there 1", "bind 0", "second", "slip 1", "first"], got.err
    assert "unbnd: Permission denied" in got.err


class Monitor:
    def __init__(self, path):
        self.socket = machine.connect(path)
        self.file = self.socket.makefile("rw")
        self.events = []
        self.file.readline()
        self.do("qmp_capabilities")

    def line(self):
        message = json.loads(self.file.readline())
        if "event" in message:
            self.events.append(message)
        return message

    def send(self, command, **arguments):
        self.file.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
        self.file.flush()

    def do(self, command, **arguments):
        self.send(command, **arguments)
        while True:
            message = self.line()
            if "event" not in message:
                assert "return" in message, message
                return message["return"]

    def wait_for(self, event, device):
        while not any(e["event"] == event and e["data"].get("device") == device for e in self.events):
            assert "error" not in self.line()
        self.events.clear()


def wait_until(true, process):
    end = time.monotonic() + machine.TIME_LIMIT
    while not true():
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize("boot,cold", [("pvh", False), ("pvh", True), ("seabios", False), ("efi", True)])
def test_by_the_vmm(boot, cold, folders, tmp_path):
    """The program reads in a loop from a share that is taken away and given back, twenty times; firmware or none, there from the start or not."""
    host, second = folders
    hot = "virtio-9p-pci,fsdev=two,mount_tag=second,bus=rp,id=hot"
    row = Row("port", boot, "q35", f"{NATIVE} -device {{9p}},addr=4 {PORT}" + (f" -device {hot}" if cold else ""), "")
    rounds = ROUNDS if boot == "pvh" else 6
    words = machine.command(row, tmp_path, ["/host/life", "plug", str(rounds), str(int(cold))], share=host, options=["loglevel=warn", "mount=host:/host"],
                            extra=["-qmp", f"unix:{tmp_path}/qmp,server=on,wait=off"])
    at = words.index("-device")
    words[at:at] = second_share(second)
    out = Path(tmp_path / "out")
    with open(tmp_path / "qemu", "wb") as log, subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log) as process:
        try:
            wait_until((tmp_path / "qmp").exists, process)
            monitor = Monitor(tmp_path / "qmp")

            def asked(word):
                return out.read_text().split("\n").count(word) if out.exists() else 0
            for i in range(rounds):
                if i or not cold:
                    wait_until(lambda i=i: asked("plug") == i + (not cold), process)
                    monitor.do("device_add", driver="virtio-9p-pci", fsdev="two", mount_tag="second", bus="rp", id="hot")
                wait_until(lambda i=i: asked("unplug") == i + 1, process)
                monitor.send("device_del", id="hot")
                if i + 1 < rounds:  # behind the last one the machine ends
                    monitor.wait_for("DEVICE_DELETED", "hot")
            process.wait(machine.TIME_LIMIT)
        finally:
            process.kill()
    err = (tmp_path / "err").read_text()
    said = [line for line in out.read_text().splitlines() if line not in ("plug", "unplug")]
    assert said == ["read: EIO", "attribute: ENODEV", "open: EIO", "other share: ok", "umount: ok"] * rounds + ["lost: 0", "end"], err
    assert "exit 0" in (tmp_path / "ctl").read_text()


def test_reset_between_coming_and_going(folders):
    """With two shares, one of whose devices breaks at some request: it is recovered, or unbound before that, and nobody hears of it but in the log."""
    host, second = folders
    extra = [*second_share(second), "-device", "virtio-9p-pci,fsdev=two,mount_tag=second,addr=8", "-device", "virtio-rng-pci,addr=9"]
    recovered, honest = 0, None
    for n in (10**6, 1, 2, *range(12, 76, 8)):
        got = machine.boot(PLAIN, ["/host/life", "bind", "virtio1", "0000:00:08.0"], share=host, extra=extra,
                           options=["loglevel=warn", f"provoke=needs-reset:{n}"])
        honest = honest or got.out
        assert (got.status, got.out) == (("exit", 0), honest), (n, got.err)
        recovered += "was mounted again" in got.err
    assert recovered >= 4
