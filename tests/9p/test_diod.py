# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Each message of 9P2000.L through the kernel's client to diod, and what it did to the folder, as the host sees it."""
import errno
import os
import random
import signal
import stat
import threading

import pytest

from diod import TYPES, Refused, refused

RDONLY, WRONLY, RDWR, CREAT, EXCL, TRUNC, APPEND, DIRECTORY = 0, 1, 2, 0o100, 0o200, 0o1000, 0o2000, 0o200000
NOFOLLOW, READONLY, NOREPLACE = 1, 1, 1
MODE, UID, GID, SIZE, ATIME, MTIME, ATIME_SET, MTIME_SET = 1, 2, 4, 8, 0x10, 0x20, 0x80, 0x100
RDLCK, WRLCK, UNLCK = 0, 1, 2
CURRENT = (1 << 64) - 1
ROOT = os.geteuid() == 0


def change(client, path, valid, mode=0, uid=0, gid=0, size=0, atime=(0, 0), mtime=(0, 0), flags=0):
    client.change(path, flags, valid, mode, uid, gid, size, *atime, *mtime)


def put(folder, name="f", data=b"hello"):
    (folder / name).write_bytes(data)
    return f"/s/{name}"


def content(client, path):
    client.open(99, path, RDONLY, 0)
    n, *data = words(client.read(99, 0, 65536))
    client.close(99)
    assert n == len(data[0] if data else b"")
    return data[0] if data else b""


def words(result):
    return result if isinstance(result, tuple) else (result,)


# ---- each message: what makes the client send it, and how the host sees that it was done ----

DEEDS = {}


def deed(function):
    DEEDS[function.__name__] = function
    return function


@deed
def Tversion(client, folder):
    assert client.list("/s", 4096)[0] == 2


@deed
def Tattach(client, folder):
    assert int(client.stat("/s", 0)[6]) == folder.stat().st_ino


@deed
def Twalk(client, folder):
    deep = folder / "/".join(f"d{i}" for i in range(40))
    deep.mkdir(parents=True)
    put(deep)
    assert content(client, "/s/" + str(deep.relative_to(folder)) + "/f") == b"hello"
    with refused(errno.ENOENT):
        client.stat("/s/d0/d1/nowhere/d3", 0)
    with refused(errno.ENOTDIR):
        client.stat("/s/" + str(deep.relative_to(folder)) + "/f/x", 0)


@deed
def Tlopen(client, folder):
    path = put(folder)
    client.open(1, path, RDONLY, 0)
    client.open(2, path, RDWR | TRUNC, 0)
    assert (folder / "f").read_bytes() == b""
    client.open(3, "/s", RDONLY | DIRECTORY, 0)
    for i in (1, 2, 3):
        client.close(i)


@deed
def Tlcreate(client, folder):
    client.open(1, "/s/new", CREAT | RDWR, 0o640)
    client.write(1, 0, b"made")
    assert client.read(1, 0, 10) == (4, b"made")
    client.close(1)
    assert (folder / "new").read_bytes() == b"made" and stat.S_IMODE((folder / "new").stat().st_mode) == 0o640
    with refused(errno.EEXIST):
        client.open(1, "/s/new", CREAT | EXCL | RDWR, 0o600)
    client.open(1, "/s/new", CREAT | RDWR, 0o777)  # a file that is there keeps content and rights
    client.close(1)
    assert (folder / "new").read_bytes() == b"made" and stat.S_IMODE((folder / "new").stat().st_mode) == 0o640


@deed
def Tread(client, folder):
    path = put(folder, data=bytes(range(256)))
    client.open(1, path, RDONLY, 0)
    assert client.read(1, 250, 100) == (6, bytes(range(250, 256)))
    assert client.read(1, 256, 100) == 0
    assert client.read(1, CURRENT, 3) == (3, b"\0\1\2")
    assert client.read(1, CURRENT, 3) == (3, b"\3\4\5")
    client.close(1)


@deed
def Twrite(client, folder):
    path = put(folder)
    client.open(1, path, RDWR, 0)
    assert client.write(1, 3, b"p\0me") == 4
    assert client.write(1, 1 << 33, b"far") == 3
    client.close(1)
    with open(folder / "f", "rb") as f:
        assert f.read(8) == b"help\0me\0"
        f.seek(1 << 33)
        assert f.read() == b"far"
    client.open(1, put(folder, "log"), WRONLY | APPEND, 0)
    (folder / "log").write_bytes(b"by the host,")
    client.write(1, CURRENT, b"by the guest")
    client.close(1)
    assert (folder / "log").read_bytes() == b"by the host,by the guest"


@deed
def Tclunk(client, folder):
    client.open(1, put(folder), RDONLY, 0)
    before = client.fids("share")
    client.close(1)
    assert client.fids("share") == before - 1


@deed
def Tmkdir(client, folder):
    client.mkdir("/s/d", 0o750)
    assert stat.S_IMODE((folder / "d").stat().st_mode) == 0o750
    with refused(errno.EEXIST):
        client.mkdir("/s/d", 0o750)


@deed
def Tsymlink(client, folder):
    target = "some/where " + "x" * 4000
    client.symlink(target, "/s/link")
    assert os.readlink(folder / "link") == target


@deed
def Treadlink(client, folder):
    target = "t" * 4095
    os.symlink(target, folder / "link")
    assert client.readlink("/s/link") == (4095, target.encode())
    with refused(errno.EINVAL):
        client.readlink(put(folder))


@deed
def Tmknod(client, folder):
    client.mknod("/s/fifo", stat.S_IFIFO | 0o620, 0, 0)
    st = (folder / "fifo").stat()
    assert stat.S_ISFIFO(st.st_mode) and stat.S_IMODE(st.st_mode) == 0o620
    if ROOT:
        client.mknod("/s/null", stat.S_IFCHR | 0o600, 1, 3)
        assert os.stat(folder / "null").st_rdev == os.makedev(1, 3)
        assert client.stat("/s/null", 0)[7:9] == (b"1", b"3")
    else:
        with refused(errno.EPERM):
            client.mknod("/s/null", stat.S_IFCHR | 0o600, 1, 3)


@deed
def Tlink(client, folder):
    client.link(put(folder), "/s/second")
    assert (folder / "second").samefile(folder / "f") and int(client.stat("/s/f", 0)[4]) == 2
    with refused(errno.EEXIST):
        client.link("/s/f", "/s/second")


def move(client, folder):
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    put(folder, "a/old")
    put(folder, "b/there", b"replaced")
    client.rename("/s/a/old", "/s/b/new", 0)
    assert (folder / "b/new").read_bytes() == b"hello" and not (folder / "a/old").exists()
    client.rename("/s/b/new", "/s/b/there", 0)
    assert (folder / "b/there").read_bytes() == b"hello" and os.listdir(folder / "b") == ["there"]
    client.rename("/s/b", "/s/c", 0)
    assert os.listdir(folder / "c") == ["there"]
    with refused(errno.ENOENT):
        client.rename("/s/b", "/s/d", 0)
    with refused(errno.EEXIST):
        client.rename("/s/a", "/s/c", NOREPLACE)
    with refused(errno.ENOTEMPTY):
        client.rename("/s/a", "/s/c", 0)


@deed
def Trenameat(client, folder):
    """diod does not know this one; what is in its place does the work."""
    move(client, folder)


@deed
def Trename(client, folder):
    move(client, folder)


def take_away(client, folder):
    path = put(folder)
    client.open(1, path, RDWR, 0)
    client.unlink(path)
    assert not (folder / "f").exists()
    assert client.read(1, 0, 10) == (5, b"hello")
    assert client.write(1, 5, b" still") == 6 and client.read(1, 0, 20) == (11, b"hello still")
    client.close(1)
    (folder / "d").mkdir()
    put(folder, "d/x")
    with refused(errno.ENOTEMPTY):
        client.rmdir("/s/d")
    with refused(errno.EISDIR):
        client.unlink("/s/d")
    with refused(errno.ENOTDIR):
        client.rmdir("/s/d/x")
    os.symlink("x", folder / "d/link")
    client.unlink("/s/d/link")
    client.unlink("/s/d/x")
    client.rmdir("/s/d")
    assert os.listdir(folder) == []
    with refused(errno.ENOENT):
        client.unlink("/s/d")


@deed
def Tunlinkat(client, folder):
    """Nor this one."""
    take_away(client, folder)


@deed
def Tremove(client, folder):
    take_away(client, folder)


@deed
def Tgetattr(client, folder):
    path = put(folder, data=b"x" * 10000)
    os.utime(folder / "f", ns=(1_000_000_001, 2_000_000_003))
    st = (folder / "f").stat()
    want = (st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_size, st.st_ino, 0, 0, st.st_blocks, 1, 1, 2, 3)
    assert tuple(map(int, client.stat(path, 0)[1:])) == want
    client.open(1, path, RDONLY, 0)
    assert tuple(map(int, client.fstat(1)[1:])) == want
    client.close(1)
    os.symlink("f", folder / "link")
    assert int(client.stat("/s/link", NOFOLLOW)[1]) == os.lstat(folder / "link").st_mode
    assert tuple(map(int, client.stat("/s/link", 0)[1:])) == want


@deed
def Tsetattr(client, folder):
    path = put(folder)
    change(client, path, MODE, mode=0o4711)
    assert stat.S_IMODE((folder / "f").stat().st_mode) == 0o4711
    change(client, path, SIZE, size=3)
    assert (folder / "f").read_bytes() == b"hel"
    change(client, path, ATIME | ATIME_SET | MTIME | MTIME_SET, atime=(11, 22), mtime=(33, 44))
    assert ((folder / "f").stat().st_atime_ns, (folder / "f").stat().st_mtime_ns) == (11 * 10**9 + 22, 33 * 10**9 + 44)
    change(client, path, MTIME)
    assert (folder / "f").stat().st_mtime > 10**9 and (folder / "f").stat().st_atime_ns == 11 * 10**9 + 22
    uid, gid = (12, 34) if ROOT else (os.getuid(), os.getgid())
    change(client, path, UID | GID, uid=uid, gid=gid)
    assert ((folder / "f").stat().st_uid, (folder / "f").stat().st_gid) == (uid, gid)
    client.open(1, path, RDWR, 0)
    client.fchange(1, SIZE, 0, 0, 0, 1 << 40, 0, 0, 0, 0)
    assert (folder / "f").stat().st_size == 1 << 40
    client.close(1)
    with refused(errno.ENOENT):
        change(client, "/s/nowhere", MODE, mode=0)


@deed
def Tstatfs(client, folder):
    _, _, bsize, blocks, _, files, namelen = map(int, client.statfs("/s"))
    st = os.statvfs(folder)
    assert (bsize, blocks, files, namelen) == (st.f_bsize, st.f_blocks, st.f_files, st.f_namemax)


@deed
def Tfsync(client, folder):
    client.open(1, put(folder), RDWR, 0)
    client.write(1, 0, b"HELLO")
    assert client.fsync(1, 0) == client.fsync(1, 1) == 0
    client.close(1)


@deed
def Treaddir(client, folder):
    names = {f"name {i:04} {'n' * (i % 200)}".encode() for i in range(1000)}
    for name in names:
        (folder / name.decode()).touch()
    for room in (1, 4096, 1 << 20):
        n, *got = client.list("/s", room)
        assert n == len(got) == len(names) + 2 and set(got) == names | {b".", b".."}


@deed
def Txattrwalk(client, folder):
    path = put(folder)
    os.setxattr(folder / "f", "user.wool", b"grey\0")
    os.setxattr(folder / "f", "user.teeth", b"x" * 3000)
    assert client.getxattr(path, "user.wool", 0) == 5
    assert client.getxattr(path, "user.wool", 100) == (5, b"grey\0")
    assert client.getxattr(path, "user.teeth", 3000) == (3000, b"x" * 3000)
    assert set(client.getxattr(path, "", 1000)[1].split(b"\0")) == {b"user.wool", b"user.teeth", b""}
    with refused(errno.ERANGE):
        client.getxattr(path, "user.wool", 4)
    with refused(errno.ENODATA):
        client.getxattr(path, "user.none", 100)


@deed
def Txattrcreate(client, folder):
    path = put(folder)
    client.setxattr(path, "user.wool", b"white", 0)
    assert os.getxattr(folder / "f", "user.wool") == b"white"
    with refused(errno.EEXIST):
        client.setxattr(path, "user.wool", b"black", 1)
    with refused(errno.ENODATA):
        client.setxattr(path, "user.none", b"black", 2)
    client.setxattr(path, "user.wool", b"black", 2)
    assert os.getxattr(folder / "f", "user.wool") == b"black"
    client.setxattr(path, "user.wool", b"", 2)
    assert os.listxattr(folder / "f") == []


@deed
def Tflush(client, folder):
    """An open that waits for a writer is taken back, before one comes or not; the session goes on. Where diod misses the moment, a writer comes."""
    os.mkfifo(folder / "fifo")
    for i in range(8):
        writer = threading.Timer(0.2, lambda: os.close(os.open(folder / "fifo", os.O_RDWR | os.O_NONBLOCK)))
        writer.start()
        try:
            client.flush("/s/fifo")
        except Refused as e:
            assert e.errno == errno.EINTR
        writer.join()
    assert client.fids("share") == 1
    assert content(client, put(folder)) == b"hello"


@deed
def Tlock(client, folder):
    client.open(1, put(folder), RDWR, 0)
    for kind in (RDLCK, UNLCK, WRLCK, UNLCK):
        assert client.lock(1, kind, 0, 0) == 0
    client.close(1)


@deed
def Tgetlock(client, folder):
    client.open(1, put(folder), RDWR, 0)
    assert client.getlock(1, WRLCK, 0, 0) == UNLCK
    client.close(1)


def test_every_message_has_its_deed():
    assert set(DEEDS) == set(TYPES.values())


@pytest.mark.parametrize("message", DEEDS)
def test_message(message, client, folder):
    DEEDS[message](client, folder)
    sent = client.sent()
    assert sent[message] >= 1
    assert sent["Tversion"] == sent["Tattach"] == 1


# ---- sessions ----

def test_server_that_wants_authentication(serve, clients):
    """No message tries again or works around it; the caller hears EPERM."""
    client = clients()
    serve().connect(client)
    with refused(errno.EPERM):
        client.mount("share", "/s", 0)
    assert client.sent() == {"Tversion": 1, "Tattach": 1} and client.fids("share") == 0


def test_share_that_the_server_does_not_have(server, clients, folder):
    client = clients()
    for tag, aname, error in (("above", "/", errno.EPERM), ("below", folder / "nowhere", errno.ENOENT)):
        server.connect(client, tag, aname)
        with refused(error):
            client.mount(tag, "/s", 0)
    server.connect(client, "good")
    client.mount("good", "/s", 0)


def test_c1_small_messages(client, folder, place):
    """diod takes 64 KiB a message where we ask for 4 MiB; a big file goes through all the same, piece by piece."""
    data = random.Random(1).randbytes((3 << 20) + 7)
    (place / "data").write_bytes(data)
    client.open(1, "/s/big", CREAT | RDWR, 0o600)
    assert client.pour(1, 5, place / "data") == len(data)
    assert (folder / "big").read_bytes() == bytes(5) + data
    assert client.drain(1, 5, len(data) + 100, place / "back") == len(data)
    assert (place / "back").read_bytes() == data
    client.close(1)
    assert client.sent()["Twrite"] >= len(data) // 65536


def test_read_only_mount_sends_nothing_that_writes(server, clients, folder):
    client = clients()
    server.connect(client)
    client.mount("share", "/s", READONLY)
    path = put(folder)
    (folder / "d").mkdir()
    client.open(1, path, RDONLY, 0)
    for attempt in [
            lambda: client.open(2, path, RDWR, 0), lambda: client.open(2, path, WRONLY, 0), lambda: client.open(2, path, RDONLY | TRUNC, 0),
            lambda: client.open(2, "/s/new", CREAT | RDWR, 0o600), lambda: client.mkdir("/s/new", 0o700), lambda: client.symlink("x", "/s/new"),
            lambda: client.mknod("/s/new", stat.S_IFIFO | 0o600, 0, 0), lambda: client.link(path, "/s/new"), lambda: client.rename(path, "/s/new", 0),
            lambda: client.unlink(path), lambda: client.rmdir("/s/d"), lambda: change(client, path, MODE, mode=0),
            lambda: client.fchange(1, SIZE, 0, 0, 0, 0, 0, 0, 0, 0), lambda: client.setxattr(path, "user.x", b"x", 0)]:
        with refused(errno.EROFS):
            attempt()
    assert set(client.sent()) == {"Tversion", "Tattach", "Twalk", "Tlopen", "Tgetattr", "Tclunk"}
    assert content(client, path) == b"hello"


def test_server_that_is_read_only(serve, clients, folder):
    client, path = clients(), put(folder)
    serve("-n", rights="ro").connect(client)
    client.mount("share", "/s", 0)
    for attempt in [lambda: client.open(2, path, RDWR, 0), lambda: client.open(2, "/s/new", CREAT | RDWR, 0o600), lambda: client.mkdir("/s/new", 0o700),
                    lambda: change(client, path, MODE, mode=0), lambda: client.unlink(path), lambda: client.rename(path, "/s/new", 0),
                    lambda: client.link(path, "/s/new"), lambda: client.symlink("x", "/s/new"), lambda: client.setxattr(path, "user.x", b"x", 0)]:
        with refused(errno.EROFS):
            attempt()
    assert content(client, path) == b"hello"
    assert client.fids("share") == 1


def test_server_that_dies(client, server, folder):
    """Whatever is asked then is EIO; nothing waits for ever."""
    client.open(1, put(folder), RDWR, 0)
    server.process.kill()
    server.process.wait()
    for attempt in [lambda: client.read(1, 0, 5), lambda: client.write(1, 0, b"x"), lambda: client.stat("/s/f", 0), lambda: client.mkdir("/s/d", 0o700),
                    lambda: client.list("/s", 4096), lambda: client.fsync(1, 0)]:
        with refused(errno.EIO):
            attempt()
    client.close(1)


def test_server_that_is_another_one(client, server, folder):
    """Rule C12: open files go on being read where they were, also under a new name; what is another file by now is lost, and not mistaken for the old one."""
    client.open(1, put(folder, data=bytes(range(250)) * 400), RDWR, 0)
    client.open(2, put(folder, "moves"), RDONLY, 0)
    client.open(3, put(folder, "replaced"), RDONLY, 0)
    client.open(4, "/s", RDONLY | DIRECTORY, 0)
    assert client.read(1, CURRENT, 1000) == (1000, bytes(range(250)) * 4)
    client.rename("/s/moves", "/s/moved", 0)
    put(folder, "other", b"other")
    (folder / "other").rename(folder / "replaced")
    for _ in range(3):
        server.start_again()
        assert client.read(1, CURRENT, 1000) == (1000, bytes(range(250)) * 4)
        assert client.read(2, 0, 10) == (5, b"hello")
        with refused(errno.EIO):
            client.read(3, 0, 10)
        assert client.write(1, 99990, b"0123456789") == 10
        client.mkdir("/s/d", 0o700)
        client.rmdir("/s/d")
        assert content(client, "/s/replaced") == b"other"
    for i in (1, 2, 3, 4):
        client.close(i)
    assert (folder / "f").stat().st_size == 100000 and client.fids("share") == 1


def test_server_that_is_slow(client, server, folder):
    """Stopped in the middle and woken again: the answers come late, and are the right ones."""
    client.open(1, put(folder, data=b"x" * 1000), RDWR, 0)
    os.kill(server.process.pid, signal.SIGSTOP)
    waker = threading.Timer(0.2, os.kill, (server.process.pid, signal.SIGCONT))
    waker.start()
    assert client.read(1, 0, 2000) == (1000, b"x" * 1000)
    waker.join()
    client.close(1)


# ---- more than one ----

def test_two_clients_exclude_each_other(server, clients, folder):
    path = put(folder)
    both = [clients(), clients()]
    for c in both:
        server.connect(c)
        c.mount("share", "/s", 0)
        c.open(1, path, RDWR, 0)
    one, two = both
    one.lock(1, WRLCK, 0, 0)
    for kind in (RDLCK, WRLCK):
        with refused(errno.EAGAIN):
            two.lock(1, kind, 0, 0)
    assert two.getlock(1, WRLCK, 0, 0) == WRLCK
    one.lock(1, UNLCK, 0, 0)
    for c in both:
        c.lock(1, RDLCK, 0, 0)
    with refused(errno.EAGAIN):
        two.lock(1, WRLCK, 0, 0)
    one.close(1)  # which gives its lock back
    assert one.fids("share") == 1
    two.lock(1, WRLCK, 0, 0)


def test_two_shares_of_one_client(serve, clients, folder, place):
    """Names lead into either; a link or a move between them is EXDEV, and their sessions know nothing of each other."""
    client, server = clients(), serve("-n")
    for name in ("one", "two"):
        server.connect(client, name)
        client.mount(name, f"/{name}", 0)
    client.mkdir("/one/d", 0o700)
    assert client.list("/two/d", 4096)[0] == 2
    for attempt in [lambda: client.rename("/one/d", "/two/e", 0), lambda: client.link("/one/d", "/two/e")]:
        with refused(errno.EXDEV):
            attempt()
    assert "Tmkdir" in client.sent("one") and "Tmkdir" not in client.sent("two")


def test_many_files_at_once(client, folder):
    for i in range(300):
        put(folder, f"f{i}", b"%d" % i)
        client.open(i, f"/s/f{i}", RDWR, 0)
    for i in range(300):
        client.write(i, 10, b"w")
    for i in reversed(range(300)):
        assert client.read(i, 0, 20)[1] == (b"%d" % i).ljust(10, b"\0") + b"w"
        client.close(i)
    assert client.fids("share") == 1


def test_what_the_host_does_meanwhile(client, folder):
    """No cache stands between: the next question has the next answer."""
    path = put(folder)
    client.open(1, path, RDONLY, 0)
    (folder / "f").write_bytes(b"longer than it was")
    assert client.read(1, 0, 100) == (18, b"longer than it was")
    os.truncate(folder / "f", 2)
    assert client.read(1, 0, 100) == (2, b"lo")
    os.rename(folder / "f", folder / "g")
    with refused(errno.ENOENT):
        client.stat(path, 0)
    assert client.read(1, 0, 100) == (2, b"lo")
    os.unlink(folder / "g")
    assert client.read(1, 0, 100) == (2, b"lo")
    put(folder, data=b"another")
    assert client.read(1, 0, 100) == (2, b"lo") and content(client, path) == b"another"
    client.close(1)


def test_fifos_are_refused_at_once(client, folder):
    """With nobody at the other end, and with a server that may wait for one."""
    os.mkfifo(folder / "fifo")
    for flags in (RDONLY, RDWR, WRONLY):
        with pytest.raises(Refused) as e:
            client.open(1, "/s/fifo", flags, 0)
        assert e.value.errno == errno.ENXIO
