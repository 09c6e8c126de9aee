# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""QEMU's other virtio devices, used by programs through /dev."""
import os
import re
import shutil
import subprocess
import threading
import time

import pytest

import machine
from rows import PLAIN
from test_events import Monitor

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


@pytest.mark.parametrize("ring", ["packed=on", "packed=on,indirect_desc=off",
                                  *(["in_order=on", "packed=on,in_order=on"] if machine.has_property("virtio-rng-pci", "in_order") else [])])
def test_a_ring_for_one_request(ring, act):
    """QEMU 10 loses what stands in a packed ring in order when it is full."""
    got, _ = act("open /dev/hwrng r", "read 3 1000", extra=["-device", f"virtio-rng-pci,{ring}"], **NO_SOURCE)
    assert got["read 3 1000"].endswith("= 1000")


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


# ---- console ----

class Host:
    """The host's end of a port: a socket that QEMU listens on."""

    def __init__(self, path):
        self.socket = machine.connect(path)

    def send(self, data):
        self.socket.sendall(data)

    def get(self, n):
        data = b""
        while len(data) < n:
            piece = self.socket.recv(n - len(data))
            assert piece, f"closed after {data!r}"
            data += piece
        return data

    def close(self):
        self.socket.close()


class Running:
    """A machine that runs an actor with ports, and QEMU's QMP."""

    def __init__(self, folder, row, steps, extra, sockets=(), **more):
        self.end = time.monotonic() + machine.TIME_LIMIT
        self.folder = folder
        words = machine.command(row, folder, ["/host/actor", *steps], options=["loglevel=info"],
                                extra=[*extra, *(w for s in sockets for w in ("-chardev", f"socket,id={s},path={folder}/{s},server=on,wait=off")),
                                       "-qmp", f"unix:{folder}/qmp,server=on,wait=off"], **more)
        self.guest = subprocess.Popen(words, stdin=subprocess.DEVNULL)
        self.qmp = Monitor(folder / "qmp")

    def host(self, name):
        return Host(self.folder / name)

    def until(self, step):
        """Waits until the program has told of that step."""
        while f"{step}: " not in (self.folder / "out").read_text():
            assert time.monotonic() < self.end and self.guest.poll() is None, (self.folder / "err").read_text()
            time.sleep(0.02)

    def finish(self):
        self.guest.wait(machine.TIME_LIMIT)
        log = (self.folder / "err").read_text()
        print(log)
        assert (self.folder / "ctl").read_text().splitlines()[-1] == "exit 0", log
        return told((self.folder / "out").read_text()), log


@pytest.fixture
def start(base, act, tmp_path):
    running = []

    def run(*steps, row=PLAIN, **more):
        running.append(Running(tmp_path, row, steps, share=base / "actor", **more))
        return running[-1]
    yield run
    for machine_ in running:
        machine_.guest.kill()
        machine_.guest.wait()


def port(name, n, **more):
    return ["-device", ",".join([f"virtserialport,chardev={name},nr={n},name=org.example.{n}", *(f"{k}={v}" for k, v in more.items())])]


SERIAL = ["-device", "virtio-serial-pci,id=serial,addr=7"]
NAME1, NAME2 = "/dev/virtio-ports/org.example.1", "/dev/virtio-ports/org.example.2"


def test_ports_by_name(start):
    """Bytes both ways, more than any buffer holds; the program sees the end when the host closes, as on Linux."""
    run = start("list /dev/virtio-ports", f"link {NAME1}", f"stat {NAME1}", f"open {NAME1} rw", f"open {NAME1} rw", "until 3 5", "echo 3", "poll 3 0", "size 3",
                extra=SERIAL + port("a", 1) + port("b", 2), sockets="ab")
    a = run.host("a")
    data = os.urandom(300000)
    threading.Thread(target=a.send, args=(data,)).start()
    assert a.get(len(data)) == data
    a.close()
    got, _ = run.finish()
    assert sorted(got["list /dev/virtio-ports"].split()[:-2]) == ["org.example.1", "org.example.2"]
    assert got[f"link {NAME1}"] == "../vport1p1= 11"
    assert got[f"stat {NAME1}"] == "20600 242,1 = 0"
    assert "-16" in (run.folder / "out").read_text()  # EBUSY: a port is one program's
    assert (got["echo 3"], got["poll 3 0"], got["size 3"]) == ("= 300000", "= 17", "-25")  # POLLIN, POLLHUP; ENOTTY


def test_the_other_side_comes_and_goes(start):
    """Reads tell the end, writes that must not wait EAGAIN; when somebody comes back, both work again."""
    run = start(f"open {NAME1} rwn", "poll 3 0", "read 3 10", "write 3 lost", "until 3 4", "read 3 11", "write 3 hello", "until 3 1", "read 3 12", "until 3 16", "read 3 13",
                "until 3 4", "write 3 again", "close 3", f"open {NAME1} rw", "read 3 14", extra=SERIAL + port("a", 1), sockets="a")
    run.until("write 3 lost")
    a = run.host("a")
    assert a.get(5) == b"hello"
    a.send(b"baa")
    run.until("read 3 12")
    a.close()
    run.until("read 3 13")
    a = run.host("a")
    assert a.get(5) == b"again"
    run.until(f"open {NAME1} rw")
    a.send(b"wolf")
    got, _ = run.finish()
    assert [got[s] for s in ("poll 3 0", "read 3 10", "write 3 lost", "read 3 11", "write 3 hello", "read 3 12", "read 3 13", "write 3 again", "read 3 14")] == \
        ["= 17", "= 0", "-11", "-11", "= 5", "baa= 3", "= 0", "= 5", "wolf= 4"]


def test_hot_plugged_ports(start):
    """A port that comes later has its name at once; one that goes leaves ENODEV to who has it open, asleep in a read or not, and the rest goes on."""
    run = start(f"await {NAME2}", f"open {NAME2} rw", "read 3 10", "read 3 11", "poll 3 0", "write 3 x", f"gone {NAME2}", f"open {NAME1} rw", "write 4 still",
                f"await {NAME2}", f"open {NAME2} rw", "until 5 4", "read 5 12", extra=SERIAL + port("a", 1), sockets="abc")
    a, b = run.host("a"), run.host("b")
    add = dict(driver="virtserialport", id="second", chardev="b", nr=2, name="org.example.2")
    assert "return" in run.qmp.do("device_add", **add)
    b.send(b"first")
    run.until("read 3 10")
    assert "return" in run.qmp.do("device_del", id="second")
    assert a.get(5) == b"still"
    assert "return" in run.qmp.do("device_add", **add | {"chardev": "c"})
    c = run.host("c")
    c.send(b"new")
    got, log = run.finish()
    out = (run.folder / "out").read_text()
    assert got["read 3 10"] == "first= 5" and got["read 3 11"] == "-19" and got["poll 3 0"] == "= 24" and got["write 3 x"] == "-19"
    assert got["write 4 still"] == "= 5" and got["read 5 12"] == "new= 3" and out.count(f"await {NAME2}: = 0") == 2
    assert "sheepskin: virtio" not in log


def test_a_host_that_does_not_read(start):
    """What fits goes out; a program that must not wait hears EAGAIN; when the host reads, nothing is lost."""
    run = start(f"open {NAME1} rwn", "until 3 4", *(f"fill 3 {32768 - i}" for i in range(40)), "poll 3 0", "until 3 4", "write 3 end", extra=SERIAL + port("a", 1), sockets="a")
    a = run.host("a")
    run.until("poll 3 0")
    got = (run.folder / "out").read_text()
    sent = sum(int(n) for n in re.findall(r"^fill 3 \d+: = (\d+)$", got, re.M))
    assert 0 < sent < 40 * 32768 and "fill 3 32729: -11" in got and "poll 3 0: = 0" in got
    assert a.get(sent + 3) == b"x" * sent + b"end"
    run.finish()


def test_hvc(start):
    """A console port is a raw terminal, its vport nobody's; what is typed is there."""
    run = start("stat /dev/hvc0", "open /dev/hvc0 rw", "tty 3", "size 3", "open /dev/vport1p0 rw", "write 3 hello", "read 3 100", "poll 3 0",
                extra=SERIAL + ["-device", "virtconsole,chardev=a,nr=0"], sockets="a")
    a = run.host("a")
    assert a.get(5) == b"hello"
    a.send(b"typed")
    got, _ = run.finish()
    assert got["stat /dev/hvc0"] == "20600 229,0 = 0" and got["tty 3"] == "0 = 0" and got["size 3"] == "0x0 = 0"
    assert (got["open /dev/vport1p0 rw"], got["read 3 100"], got["poll 3 0"]) == ("-6", "typed= 5", "= 4")


@pytest.mark.parametrize("vectors", [0, 1, 2, 4])
def test_ports_whatever_the_interrupts(start, vectors):
    run = start(f"open {NAME1} rw", "until 3 4", "echo 3", extra=["-device", f"virtio-serial-pci,vectors={vectors},addr=7"] + port("a", 1), sockets="a")
    a = run.host("a")
    for i in range(20):
        a.send(b"%d" % (10 + i))
        assert a.get(2) == b"%d" % (10 + i)
    a.close()
    assert run.finish()[0]["echo 3"] == "= 40"


@pytest.mark.parametrize("serial", ["virtio-serial-pci,max_ports=1", "virtio-serial-pci"])
def test_the_console_of_a_machine_without_a_uart(serial, act, base, tmp_path):
    """All that the kernel and the program say comes there, from the kernel's first word on, and what is typed goes to the program."""
    log = tmp_path / "console"
    words = ["qemu-system-x86_64", "-M", "microvm,pcie=on,isa-serial=off,auto-kernel-cmdline=off", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none", "-accel", "tcg",
             "-m", "64M", "-cpu", "max", "-kernel", str(machine.BUILD / "kernel.elf"), "-initrd", str(machine.BUILD / "initfs.cpio"), "-append", "-- cat /dev/console",
             "-device", serial, "-chardev", f"socket,id=a,path={tmp_path}/a,server=on,wait=off,logfile={log}", "-device", "virtconsole,chardev=a", "-bios", machine.QBOOT,
             "-device", "isa-debug-exit,iobase=0xf4,iosize=1"]
    guest = subprocess.Popen(words, stdin=subprocess.DEVNULL)
    try:
        a = Host(tmp_path / "a")
        a.send(b"wolf\n")
        text = b""
        while b"wolf\n" not in text:
            text += a.get(1)
    finally:
        guest.kill()
        guest.wait()
    assert log.read_bytes().startswith(b"sheepskin: pvh door")
