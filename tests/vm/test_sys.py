# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""/proc, /sys, /dev and /etc: what programs for Linux find there is what Linux has, in its formats. One parser reads the guest's and the host's."""
import os
import re
import shutil
import struct
import subprocess

import pytest

import machine
from rows import BY_NAME, PLAIN

HEX = "[0-9a-f]"
MOUNT = r"\S+ /\S* \S+ (ro|rw)(,[^ ,]+)* 0 0"

# Files of /proc, and what each of their lines is on Linux; the test holds the host's own files against it as well.
PROC = {
    "self/maps": rf"(?=.{{73}}\S|\S+ \S+ \S+ \S+ \d+ $){HEX}{{8,}}-{HEX}{{8,}} [r-][w-][x-][ps] {HEX}{{8}} {HEX}{{2,}}:{HEX}{{2,}} \d+ +\S*",
    "self/status": r"\w+:\t.*",
    "self/stat": r"\d+ \([^\n]*\) [RSD]( -?\d+){49}",
    "self/statm": r"\d+( \d+){6}",
    "self/comm": r".{1,15}",
    "self/cmdline": r"([^\0]*\0)+",
    "self/environ": r"([^\0]*\0)*",
    "self/mounts": MOUNT,
    "mounts": MOUNT,
    "self/mountinfo": r"\d+ \d+ \d+:\d+ /\S* /\S* (ro|rw)(,\S+)? (\S+:\S+ )*- \S+ \S+ (ro|rw)(,\S+)?",
    "cpuinfo": r"|[A-Za-z_ ]+\t*:( .*)?|bogomips\t: .*|TLB size\t: .*",
    "meminfo": r"[\w()]+: +\d+( kB)?",
    "stat": r"(cpu |cpu\d+|intr|ctxt|btime|processes|procs_running|procs_blocked|softirq)( \d+)+",
    "uptime": r"\d+\.\d\d \d+\.\d\d",
    "loadavg": r"(\d+\.\d\d ){3}\d+/\d+ \d+",
    "version": r"Linux version \S+ \(\S+\) .*",
    "filesystems": r"(nodev)?\t\w+",
}
# Those that are lists of named values: a guest has no name that Linux lacks.
NAMED = {"self/status", "cpuinfo", "meminfo"}

# Attributes of Linux's Documentation/ABI/testing/sysfs-bus-pci, -virtio and what they hold; "?": not every device has it.
ABI_PCI = {
    "vendor": rf"0x{HEX}{{4}}\n", "device": rf"0x{HEX}{{4}}\n", "subsystem_vendor": rf"0x{HEX}{{4}}\n", "subsystem_device": rf"0x{HEX}{{4}}\n",
    "class": rf"0x{HEX}{{6}}\n", "revision": rf"0x{HEX}{{2}}\n", "irq": r"\d+\n", "enable": r"\d+\n", "numa_node": r"-?\d+\n",
    "resource": rf"((0x{HEX}{{16}}( |\n)){{3}}){{7,17}}", "config": r"(?s).{64,4096}", "modalias": r"pci:v[\dA-F]{8}d[\dA-F]{8}sv[\dA-F]{8}sd[\dA-F]{8}"
    r"bc[\dA-F]{2}sc[\dA-F]{2}i[\dA-F]{2}\n", "uevent": r"(DRIVER=\S+\n)?PCI_CLASS=[\dA-F]+\nPCI_ID=[\dA-F]{4}:[\dA-F]{4}\nPCI_SUBSYS_ID=[\dA-F]{4}:[\dA-F]{4}\n"
    r"PCI_SLOT_NAME=[\da-f.:]+\nMODALIAS=pci:\S+\n", "driver?": r"(\.\./)+bus/pci/drivers/[^/]+", "subsystem": r"(\.\./)+bus/pci", "remove": "", "rescan": "",
}
ABI_VIRTIO = {
    "device": rf"0x{HEX}{{4}}\n", "vendor": rf"0x{HEX}{{4}}\n", "status": rf"0x{HEX}{{8}}\n", "features": r"[01]{64}([01]{64})?\n",
    "modalias": r"virtio:d[\dA-F]{8}v[\dA-F]{8}\n", "uevent": r"(DRIVER=\S+\n)?MODALIAS=virtio:\S+\n",
    "driver?": r"(\.\./)+bus/virtio/drivers/[^/]+", "subsystem": r"(\.\./)+bus/virtio", "mount_tag?": r"[^\0]+\0",
}
OUR_OWN = {"features_offered", "queues", "spins"}


class Tree:
    """What the program told: files by path as (type, mode, size, device, content), and facts."""

    def __init__(self, text):
        self.files, self.facts = {}, {}
        for line in text.splitlines():
            name, *rest = line.split("\t")
            if name == "=":
                self.facts.setdefault(rest[0], []).append(rest[1])
                continue
            kind, mode, size, device, content = rest
            assert kind not in ("differs", "none"), line
            self.files[name] = kind, int(mode, 8), int(size), device, bytes.fromhex(content).decode("latin1")

    def text(self, path):
        return self.files[path][4]

    def fact(self, name):
        value, = self.facts[name]
        return int(value, 16)

    def below(self, path):
        return {name[len(path) + 1:] for name in self.files if name.startswith(path + "/")}

    def real(self, path):
        """The path without links."""
        at = ""
        for name in path.strip("/").split("/"):
            at = os.path.normpath(f"{at}/{name}")
            if at in self.files and self.files[at][0] == "l":
                at = self.real(os.path.normpath(os.path.join(os.path.dirname(at), self.text(at))))
        return at


DEV = [f"/dev/{name}" for name in "null zero full random urandom tty console stdin stdout stderr fd".split()]
PROC_PATHS = [f"/proc/{name}" for name in PROC]
ENV = {"WOLF": "in a sheepskin", "FLEECE": ""}
ROW = BY_NAME["pvh-q35-root-port"]


@pytest.fixture(scope="module")
def both(base, guests):
    """(the guest's tree, the host's)."""
    folder = base / "sys"
    folder.mkdir()
    shutil.copy(guests("sys"), folder / "sys")
    second = base / "second"
    second.mkdir()
    extra = ["-fsdev", f"local,id=two,path={second},security_model=none", "-device", "virtio-9p-pci,fsdev=two,mount_tag=second,addr=8",
             "-device", "virtio-rng-pci,addr=9"]
    links = ["/proc/self", "/proc/self/exe", "/proc/self/cwd", "/proc/self/root"]
    options = ["mount=host:/host", "mount=second:/a%20b/c:ro", "cwd=/host", *(f"env={k}={v.replace(' ', '%20')}" for k, v in ENV.items())]
    got = machine.boot(ROW, ["/host/sys", *PROC_PATHS, *links, *DEV, "/proc/mounts", "/etc/passwd", "/etc/group", "+/sys"],
                       share=folder, extra=extra, options=options)
    assert got.status == ("exit", 0)
    devices = [f"+/sys/devices/{name}" for name in os.listdir("/sys/devices") if name.startswith("pci")] if os.path.isdir("/sys/devices") else []
    linux = subprocess.run([folder / "sys", *PROC_PATHS, *links, *DEV, *devices], cwd=folder, env=ENV, stdin=subprocess.DEVNULL, capture_output=True,
                           check=True, timeout=60).stdout
    # Not ours to judge: what the host has below its devices, and what it keeps to itself.
    linux = b"\n".join(line for line in linux.splitlines() if b"\tdiffers\t" not in line and b"\tnone\t" not in line)
    return Tree(got.out.decode()), Tree(linux.decode())


@pytest.fixture
def guest(both):
    return both[0]


@pytest.fixture
def linux(both):
    return both[1]


@pytest.mark.parametrize("name", PROC)
def test_formats_of_proc(name, both):
    for tree in both:
        if name == "mounts":  # the link was read; what it leads to is self/mounts
            assert tree.files["/proc/mounts"][0] == "l" and tree.text("/proc/mounts") == "self/mounts"
            continue
        text = tree.text(f"/proc/{name}")
        assert tree.files[f"/proc/{name}"][0] == "-" and tree.files[f"/proc/{name}"][2] == 0
        lines = [text] if "\0" in text else text.split("\n")[:-1] if text else []
        assert "\0" in text or not text or text.endswith("\n")
        for line in lines:
            assert re.fullmatch(PROC[name], line), (tree is both[0], line)


@pytest.mark.parametrize("name", sorted(NAMED))
def test_named_values_are_linuxs(name, guest, linux):
    ours, theirs = ([line.split(":")[0].strip() for line in tree.text(f"/proc/{name}").splitlines()] for tree in (guest, linux))
    assert [n for n in ours if n in theirs] == [n for n in theirs if n in ours][:len(ours)] and set(ours) <= set(theirs)


def fields(tree, name):
    return {k: v.split() for k, _, v in (line.partition(":") for line in tree.text(f"/proc/{name}").splitlines())}


def test_the_program_tells_of_itself(guest):
    arguments = guest.text("/proc/self/cmdline").split("\0")
    assert arguments[0] == "/host/sys" and arguments[1:-1] == [*PROC_PATHS, "/proc/self", "/proc/self/exe", "/proc/self/cwd", "/proc/self/root", *DEV,
                                                               "/proc/mounts", "/etc/passwd", "/etc/group", "+/sys"]
    assert guest.text("/proc/self/environ") == "".join(f"{k}={v}\0" for k, v in ENV.items())
    assert guest.text("/proc/self/comm") == "sys\n"
    assert [guest.text(f"/proc/self/{name}") for name in ("exe", "cwd", "root")] == ["/host/sys", "/host", "/"]
    assert int(guest.text("/proc/self")) == guest.fact("pid") == int(fields(guest, "self/status")["Pid"][0])


def test_memory_is_where_maps_says(both):
    for tree in both:
        named = []
        for line in tree.text("/proc/self/maps").splitlines():
            where, rights, *_ = line.split()
            start, end = (int(x, 16) for x in where.split("-"))
            assert start < end and start % 4096 == end % 4096 == 0
            assert not named or start >= named[-1][1]
            assert "w" not in rights or "x" not in rights
            named.append((start, end, rights, line[73:]))
        exe = tree.text("/proc/self/exe")
        for fact, rights, name in [("&local", "rw-p", "[stack]"), ("argv[0]", "rw-p", "[stack]"), ("envp[0]", "rw-p", "[stack]"), ("&main", "r-xp", exe),
                                   ("brk", "rw-p", "[heap]")]:
            assert [(r, n) for s, e, r, n in named if s <= tree.fact(fact) < e] == [(rights, name)], fact
        assert [r for s, e, r, n in named if s <= tree.fact("&bytes") < e] == ["rw-p"]


def test_sizes_agree(guest):
    stat = guest.text("/proc/self/stat").rsplit(") ")[1].split()
    vsize, rss = int(stat[20]), int(stat[21])
    status = {k: int(v[0]) for k, v in fields(guest, "self/status").items() if k.startswith("Vm")}
    assert 0 < rss * 4096 < vsize
    assert vsize == status["VmSize"] * 1024 == int(guest.text("/proc/self/statm").split()[0]) * 4096
    memory = {k: int(v[0]) for k, v in fields(guest, "meminfo").items()}
    assert 100 << 10 < memory["MemTotal"] < 128 << 10 and 0 < memory["MemFree"] < memory["MemTotal"]
    assert 0 < float(guest.text("/proc/uptime").split()[0]) < machine.TIME_LIMIT


def test_the_processor(guest):
    cpu = fields(guest, "cpuinfo")
    assert cpu["processor\t"] == ["0"] and guest.text("/proc/cpuinfo").endswith("\n\n")
    assert {"fpu", "sse2", "syscall", "lm", "cx16", "hypervisor"} <= set(cpu["flags\t\t"])


def test_mounts(guest):
    mounts = [line.split() for line in guest.text("/proc/self/mounts").splitlines()]
    assert {(m[0], m[1], m[2], m[3].split(",")[0]) for m in mounts} == {
        ("initfs", "/", "initfs", "ro"), ("devtmpfs", "/dev", "devtmpfs", "rw"), ("proc", "/proc", "proc", "ro"), ("sysfs", "/sys", "sysfs", "rw"),
        ("tmpfs", "/tmp", "tmpfs", "rw"), ("host", "/host", "9p", "rw"), ("second", "/a\\040b/c", "9p", "ro")}
    assert all("trans=virtio" in m[3] for m in mounts if m[2] == "9p")
    info = [line.split() for line in guest.text("/proc/self/mountinfo").splitlines()]
    assert [(i[4], i[-3], i[-2]) for i in info] == [(m[1], m[2], m[0]) for m in mounts]
    ids = {i[0]: i[4] for i in info}
    assert len(ids) == len(info) and all(ids[i[1]] == "/" for i in info)
    types = {"/": 0x01021994, "/dev": 0x01021994, "/tmp": 0x01021994, "/proc": 0x9fa0, "/sys": 0x62656572, "/host": 0x01021997}
    assert {m: guest.fact(f"statfs {m}") for m in types} == types
    assert {line.split("\t")[1] for line in guest.text("/proc/filesystems").splitlines()} >= {m[2] for m in mounts}


def test_devices_have_linuxs_numbers(guest, linux):
    for path in DEV:
        ours, theirs = guest.files[path], linux.files.get(path)
        assert ours[0] == ("l" if ours[4] else "c")
        if theirs and theirs[0] == ours[0]:  # some containers have other consoles
            assert (ours[0], ours[2], ours[4]) == (theirs[0], theirs[2], theirs[4])
            assert path == "/dev/console" or (ours[1], ours[3]) == (theirs[1], theirs[3])


def test_what_is_done_with_them(guest, linux):
    for name in linux.facts:
        if name.startswith(("reopened", "written", "other", "first", "closed", "listed", "self listed", "pieces")):
            expected = linux.facts[name]
            assert guest.facts[name] == (expected if name != "listed" else [f"{3 + 20 + 1:x}"]), name
    assert guest.fact("write to /proc") == 1


def test_users_have_names(guest):
    assert [line.split(":")[:4] for line in guest.text("/etc/passwd").splitlines()] == [["root", "x", "0", "0"], ["nobody", "x", "65534", "65534"]]
    assert [line.split(":")[:3] for line in guest.text("/etc/group").splitlines()] == [["root", "x", "0"], ["nogroup", "x", "65534"]]


def check_device(tree, path, abi, own=frozenset()):
    """The attributes are those of the table, all of them, in Linux's formats."""
    names = {n for n in tree.below(path) if "/" not in n}
    for name, form in abi.items():
        optional, name = name.endswith("?"), name.rstrip("?")
        if name not in names:
            assert optional, f"{path}/{name} is missing"
            continue
        kind, mode, size, _, content = tree.files[f"{path}/{name}"]
        assert re.fullmatch(form, content), (path, name, content)
        assert kind == ("l" if name in ("driver", "subsystem") else "-")
        if name == "config":  # on Linux an ordinary user reads the first 64 bytes
            assert size in (256, 4096) and len(content) in ((size,) if own else (size, 64))
        else:
            assert size == (0 if kind == "l" else 4096)
        assert kind == "l" or mode & 0o444 or mode in (0o200, 0o220) and name in ("remove", "rescan")
    known = {n.rstrip("?") for n in abi} | own
    assert {n for n in names if tree.files[f"{path}/{n}"][0] != "d"} <= known or not own
    return names


def functions(tree):
    return [p for p in tree.files if re.fullmatch(rf"/sys/devices/pci{HEX}{{4}}:{HEX}{{2}}(/{HEX}{{4}}:{HEX}{{2}}:{HEX}{{2}}\.[0-7])+", p)]


def test_attributes_of_functions(guest, linux):
    for tree in (guest, linux):
        for path in functions(tree):
            check_device(tree, path, ABI_PCI, {"-"} if tree is guest else frozenset())
            for child in tree.below(path):
                if re.fullmatch(r"virtio\d+", child):
                    check_device(tree, f"{path}/{child}", ABI_VIRTIO, OUR_OWN if tree is guest else frozenset())
    assert len(functions(guest)) >= 6


def test_one_truth_in_all_files_of_a_function(guest, linux):
    """config, resource and uevent tell the same as the files with one number each."""
    for tree in (guest, linux):
        for path in functions(tree):
            number = {n: int(tree.text(f"{path}/{n}"), 16) for n in ("vendor", "device", "subsystem_vendor", "subsystem_device", "class", "revision")}
            config = tree.text(f"{path}/config").encode("latin1")
            vendor, device = struct.unpack_from("<HH", config, 0)
            assert (vendor, device, config[8], struct.unpack("<I", config[8:12])[0] >> 8) == (number["vendor"], number["device"], number["revision"], number["class"])
            event = dict(line.split("=", 1) for line in tree.text(f"{path}/uevent").splitlines())
            assert event["PCI_ID"] == f"{vendor:04X}:{device:04X}" and event["PCI_CLASS"] == f"{number['class']:X}"
            assert event["PCI_SLOT_NAME"] == os.path.basename(path) and event["MODALIAS"] + "\n" == tree.text(f"{path}/modalias")
            assert event["MODALIAS"].startswith(f"pci:v{vendor:08X}d{device:08X}sv{number['subsystem_vendor']:08X}sd{number['subsystem_device']:08X}bc")
            if f"{path}/driver" in tree.files:
                assert event["DRIVER"] == os.path.basename(tree.text(f"{path}/driver"))
            for i, line in enumerate(tree.text(f"{path}/resource").splitlines()[:6]):
                start, end, flags = (int(x, 16) for x in line.split())
                bar, = struct.unpack_from("<I", config, 0x10 + 4 * i)
                if start and config[14] & 0x7f == 0:
                    assert start < end and flags & 0x40000 and flags & 0xf == bar & 0xf and bool(flags & 0x100) == bool(bar & 1)
                    assert bool(flags & 0x100000) == (bar & 7 == 4)


def test_buses_lead_to_devices(guest):
    """Every link of /sys leads somewhere, by the way that Linux has it."""
    for path, (kind, _, _, _, target) in guest.files.items():
        if kind == "l" and path.startswith("/sys"):
            assert guest.real(path) in guest.files, path
    port = next(p for p in functions(guest) if guest.text(f"{p}/class") == "0x060400\n")
    shares = {guest.text(f"{guest.real(f'/sys/bus/virtio/devices/{v}')}/mount_tag")[:-1]: guest.real(f"/sys/bus/virtio/devices/{v}")
              for v in ("virtio0", "virtio1", "virtio2") if f"{guest.real(f'/sys/bus/virtio/devices/{v}')}/mount_tag" in guest.files}
    assert set(shares) == {"host", "second"}
    assert re.fullmatch(rf"{port}/0000:01:00\.0/virtio\d", shares["host"])
    assert re.fullmatch(r"/sys/devices/pci0000:00/0000:00:08\.0/virtio\d", shares["second"])
    for bus, n in (("pci", len(functions(guest))), ("virtio", 3)):
        assert len(guest.below(f"/sys/bus/{bus}/devices")) == n
        for name in guest.below(f"/sys/bus/{bus}/devices"):
            assert os.path.basename(guest.real(f"/sys/bus/{bus}/devices/{name}")) == name
    for share in shares.values():
        driver = guest.real(f"{share}/driver")
        assert guest.real(f"{driver}/{os.path.basename(share)}") == share
        assert guest.text(f"{share}/device") == "0x0009\n" and guest.text(f"{share}/vendor") == "0x1af4\n"
        assert guest.text(f"{share}/status") == "0x0000000f\n" and guest.text(f"{share}/features")[0] == guest.text(f"{share}/features")[32] == "1"
    assert len(guest.text(f"{os.path.dirname(shares['host'])}/config")) == 4096  # express, and reached by memory
    assert len(guest.text(f"{port}/resource").splitlines()) == 17


def test_a_library_for_linuxs_sysfs(small, guests):
    """libpciaccess, which nobody here wrote, finds each function with its numbers, BARs, buses and driver."""
    shutil.copy(guests("pciaccess", "gcc", "-static", "-Wl,--whole-archive", "-lpciaccess", "-Wl,--no-whole-archive", "-lz"), small / "program")
    got = machine.boot(ROW, ["/host/program"], share=small)
    assert got.status == ("exit", 0)
    lines = {line.split()[0]: line for line in got.out.decode().splitlines()}
    assert "1af4:1049" in lines["0000:01:00.0"] and "driver 1 config 0 256 same 1" in lines["0000:01:00.0"] and "mem64+16384" in lines["0000:01:00.0"]
    assert "8086:29c0" in lines["0000:00:00.0"] and "class 060000" in lines["0000:00:00.0"] and "driver 0" in lines["0000:00:00.0"]
    assert "class 060400" in lines["0000:00:05.0"] and lines["0000:00:05.0"].endswith("buses 0 1 1")
    assert all("same 1" in line for line in lines.values()) and len(lines) >= 5


# What Debian's busybox asks these folders for.
APPLETS = {
    ("df",): r"Filesystem .*\n(tmpfs .* /tmp\n)?host +\d+ +\d+ +\d+ +\d+% /host\n",
    ("mount",): r"(?s)initfs on / type initfs \(ro,relatime\)\n.*host on /host type 9p \(rw,relatime,trans=virtio.*\)\n",
    ("free",): r" +total +used +free .*\nMem: +\d+ +\d+ +\d+ +0 +0 +\d+\nSwap: +0 +0 +0\n",
    ("uptime",): r" \d\d:\d\d:\d\d up 0 min, .*load average: 0.00, 0.00, 0.00\n",
    ("id",): r"uid=0\(root\) gid=0\(root\).*\n",
    ("whoami",): "root\n",
    ("ps",): r"PID +USER +COMMAND\n +1 root +/host/busybox ps\n",
    ("nproc",): "1\n",
    ("find", "/etc", "-user", "root", "-name", "pass*"): "/etc/passwd\n",
    ("ls", "-l", "/etc/group"): r"-rw-r--r-- +1 root +root +\d+ Jan  1  1970 /etc/group\n",
    ("readlink", "-f", "/sys/bus/virtio/devices/virtio0/driver"): "/sys/bus/virtio/drivers/virtio_9p\n",
    ("stat", "-f", "-c", "%T", "/proc", "/sys", "/dev"): r"proc\nsysfs\ntmpfs\n",
    ("cat", "/dev/stdin"): "",
}


@pytest.mark.parametrize("argv", APPLETS, ids=" ".join)
def test_applets(argv, small):
    shutil.copy("/bin/busybox", small / "busybox")
    got = machine.boot(PLAIN, ["/host/busybox", *argv], share=small, options=["loglevel=warn"])
    assert got.status == ("exit", 0)
    assert re.fullmatch(APPLETS[argv], got.out.decode()), got.out.decode()
