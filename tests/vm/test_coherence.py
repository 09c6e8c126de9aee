# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What a guest sees of changes that the host makes under it: docs/coherence.md, row by row. A program waits for orders, in the guest and on Linux; between
two orders the test changes the folder."""
import itertools
import os
import shutil
import subprocess

import pytest

import machine

RDONLY, RDWR = os.O_RDONLY, os.O_RDWR


class Watcher:
    def __init__(self, words, folder):
        self.folder = folder
        self.program = subprocess.Popen([str(w) for w in words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __call__(self, what, slot=0, a=0, b=0, text="-"):
        self.program.stdin.write(f"{what} {slot} {a} {b} {text}\n")
        self.program.stdin.flush()
        return self.program.stdout.readline().rstrip("\n")

    def open(self, slot, name, flags=RDONLY):
        assert int(self("o", slot, flags, text=name)) > 2

    def end(self):
        self.program.stdin.close()
        self.program.stdout.close()
        return self.program.wait(machine.TIME_LIMIT)


@pytest.fixture(scope="module")
def watchers(guests, base):
    """(in the guest, on Linux), each with a folder of its own."""
    program, made = guests("watch"), []
    for name in ("ours", "theirs"):
        (base / f"watched-{name}").mkdir()
        made.append(base / f"watched-{name}")
    both = [Watcher([machine.BUILD / "sheepskin", "run", "-v", f"{made[0]}:/host", "--", program, "/host"], made[0]),
            Watcher([program, made[1]], made[1])]
    yield both
    assert [w.end() for w in both] == [0, 0]


@pytest.fixture
def same(watchers):
    """same(scenario) -> what the scenario saw, which must be the same on both sides."""
    def run(scenario):
        ours, theirs = (scenario(w, w.folder) for w in watchers)
        assert ours == theirs
        return ours
    return run


def test_an_open_file_shows_what_the_host_writes(same):
    def scenario(guest, folder):
        path = folder / "written"
        path.write_text("old bytes")
        guest.open(0, "written")
        seen = [guest("r", 0, 0, 100)]
        with open(path, "r+") as f:
            f.write("NEW")
        seen += [guest("r", 0, 0, 100), guest("s", text="written")]
        guest("c")
        return seen
    assert same(scenario)[:2] == ["old bytes", "NEW bytes"]


@pytest.mark.parametrize("size,more", [(0, 5), (5, 5), (4096, 1), (4096, 70000), (65536, 4096), (70000, 70000)])
def test_case_h4_a_file_that_grows_can_be_read_to_its_new_end(same, size, more):
    def scenario(guest, folder):
        path = folder / f"grown-{size}-{more}"
        path.write_bytes(b"a" * size)
        guest.open(0, path.name)
        seen = []
        for _ in range(3):  # each time by one who has just been at the end
            with open(path, "ab") as f:
                f.write(b"b" * more)
            seen += [guest("n", 0, 70000), guest("n", 0, 70000), guest("n", 0, 70000), guest("n", 0, 70000), guest("f"), guest("e")]
        guest("c")
        return seen
    total = size + 3 * more
    assert same(scenario)[-1] == str(total)


def test_case_h4_nothing_is_known_of_a_file_that_grows_at_once(same):
    """Opened, asked for its size, and read at once; but not by one who was told to read it."""
    def scenario(guest, folder):
        path = folder / "at-once"
        path.write_text("first")
        seen = []
        for i in range(20):
            guest.open(0, path.name)
            guest("f")
            with open(path, "a") as f:
                f.write(".")
            seen.append(guest("r", 0, 5, 100))
            guest("c")
        return seen
    assert same(scenario) == ["." * (i + 1) for i in range(20)]


def test_case_h2_a_file_that_is_cut_ends_where_it_ends(same):
    def scenario(guest, folder):
        path = folder / "cut"
        path.write_bytes(b"x" * 70000)
        guest.open(0, "cut")
        seen = [guest("n", 0, 4096)]
        os.truncate(path, 5000)
        seen += [guest("n", 0, 70000), guest("n", 0, 10), guest("f"), guest("r", 0, 0, 70000), guest("e")]
        os.truncate(path, 0)
        seen += [guest("r", 0, 0, 100), guest("f"), guest("s", text="cut")]
        guest("c")
        return seen
    assert same(scenario)[1:3] == ["xxxx...904", ""]


def test_case_h3_a_replaced_file_is_two(same):
    """The name leads to the new one; who has the old one open keeps it."""
    def scenario(guest, folder):
        (folder / "name").write_text("the old one")
        guest.open(0, "name", RDWR)
        (folder / "new").write_text("another")
        os.rename(folder / "new", folder / "name")
        guest.open(1, "name")
        seen = [guest("r", 0, 0, 100), guest("r", 1, 0, 100), guest("f", 0), guest("f", 1), guest("w", 0, 0, text="THE"), guest("r", 0, 0, 100)]
        seen += [(folder / "name").read_text()]
        guest("c", 0), guest("c", 1)
        return seen
    assert same(scenario) == ["the old one", "another", "size 11 links 0 mode 100644", "size 7 links 1 mode 100644", "3", "THE old one", "another"]


def test_case_h3_a_removed_file_stays_open(same):
    def scenario(guest, folder):
        (folder / "removed").write_text("still there")
        guest.open(0, "removed", RDWR)
        os.unlink(folder / "removed")
        seen = [guest("r", 0, 0, 100), guest("f"), guest("w", 0, 11, text="!"), guest("r", 0, 0, 100), guest("s", text="removed"), guest("o", 1, RDONLY, text="removed")]
        guest("c")
        return seen
    assert same(scenario) == ["still there", "size 11 links 0 mode 100644", "1", "still there!", "errno 2", "errno 2"]


@pytest.mark.parametrize("fate", ["removed", "replaced", "linked"])
def test_a_file_without_its_name_is_never_mistaken(fate, watchers):
    """Where QEMU goes by names (docs/coherence.md): what has the name now is not touched. That it cannot be made shorter is the difference from Linux."""
    guest = watchers[0]
    path = guest.folder / f"by-name-{fate}"
    path.write_text("the old one")
    guest.open(0, path.name, RDWR)
    if fate == "linked":
        os.link(path, guest.folder / "other-name")
    if fate == "removed":
        os.unlink(path)
    else:
        (guest.folder / "new").write_text("another, which must stay")
        os.rename(guest.folder / "new", path)
    assert guest("t", 0, 3) == {"removed": "errno 2", "replaced": "errno 116", "linked": "errno 116"}[fate]
    assert guest("t", 0, 11) == "0" and guest("t", 0, 5000) == "0"
    assert guest("f").startswith("size 5000 ")
    assert guest("r", 0, 0, 5000) == "the ...5000"
    guest("c")
    assert fate == "removed" or path.read_text() == "another, which must stay"


def test_names_are_looked_up_anew(same):
    """Neither that there is one, nor that there is none, is remembered."""
    def scenario(guest, folder):
        seen = []
        for _ in range(3):
            seen.append(guest("s", text="comes"))
            (folder / "comes").write_text("here")
            seen.append(guest("s", text="comes"))
            os.chmod(folder / "comes", 0o600)
            seen.append(guest("s", text="comes"))
            os.unlink(folder / "comes")
        return seen
    assert same(scenario)[:3] == ["errno 2", "size 4 links 1 mode 100644", "size 4 links 1 mode 100600"]


def test_what_a_name_is_may_change(same):
    def scenario(guest, folder):
        (folder / "x").mkdir()
        (folder / "x/f").write_text("in a directory")
        seen = [guest("s", text="x/f")]
        os.rename(folder / "x", folder / "y")
        seen.append(guest("s", text="x/f"))
        os.symlink("y", folder / "x")
        seen.append(guest("s", text="x/f"))
        os.unlink(folder / "x")
        (folder / "x").write_text("a file")
        seen += [guest("s", text="x/f"), guest("s", text="x")]
        os.unlink(folder / "x")
        return seen
    assert same(scenario)[1:4] == ["errno 2", "size 14 links 1 mode 100644", "errno 20"]


def test_case_h15_a_directory_that_the_host_renames_keeps_its_open_files(same):
    def scenario(guest, folder):
        (folder / "here").mkdir()
        (folder / "here/f").write_text("open")
        guest.open(0, "here/f")
        os.rename(folder / "here", folder / "there")
        seen = [guest("r", 0, 0, 100), guest("f"), guest("s", text="here/f"), guest("s", text="there/f")]
        guest("c")
        return seen
    assert same(scenario)[0] == "open"


def test_changes_are_made_in_what_a_path_means_now(same):
    """However often the last change in the directory of that name was made in another one."""
    def scenario(guest, folder):
        (folder / "turn").mkdir()
        seen = []
        for i in range(6):
            for name in ("a", "b"):
                (folder / "turn" / name).touch()
            seen.append(guest("u", text="turn/a"))
            os.rename(folder / "turn", folder / f"turned-{i}")
            if i % 2:
                (folder / f"new-{i}").mkdir()
                os.symlink(f"new-{i}", folder / "turn")
            else:
                (folder / "turn").mkdir()
            seen.append(guest("u", text="turn/b"))
            (folder / "turn/b").touch()
            seen.append(guest("u", text="turn/b"))
            seen.append(sorted(p.name for p in (folder / "turn").iterdir()))
        seen.append(sorted(str(p.relative_to(folder)) for p in folder.glob("turn*/*")))
        return seen
    assert same(scenario)[:4] == ["0", "errno 2", "0", []]


def test_a_directory_that_changes_while_it_is_listed(watchers):
    """In what order names come, and whether a new one does, is the host's file system's affair; what was there all the time comes once."""
    for guest in watchers:
        folder = guest.folder / "listed"
        folder.mkdir()
        for i in range(500):
            (folder / f"stays-{i}").touch()
            (folder / f"goes-{i}").touch()
        guest.open(0, "listed")
        seen = guest("d", 0, 2000).split()
        assert 0 < len(seen) < 100
        for i in range(500):
            os.unlink(folder / f"goes-{i}")
            (folder / f"comes-{i}").touch()
        while more := guest("d", 0, 2000).split():
            if more == ["0"]:
                break
            seen += more
        guest("c")
        assert len(seen) == len(set(seen))
        assert {n for n in seen if n.startswith("stays")} == {f"stays-{i}" for i in range(500)}
        guest.open(0, "listed")
        again = []
        while (more := guest("d", 0, 60000).split()) != ["0"]:
            again += more
        guest("c")
        assert sorted(again) == sorted(os.listdir(folder))


def test_a_mapped_file_is_a_copy(watchers):
    """The one difference from Linux: the bytes are those of the moment when it was mapped."""
    for guest, after in zip(watchers, ("old", "new")):
        path = guest.folder / "mapped"
        path.write_text("old")
        guest.open(0, "mapped")
        assert guest("m", 0, 4096) == "0"
        assert guest("p", 0, 0, 3) == "old"
        with open(path, "r+") as f:
            f.write("new")
        assert guest("p", 0, 0, 3) == after
        assert guest("r", 0, 0, 3) == "new"
        guest("c")


def test_the_host_sees_what_a_guest_writes_at_once(watchers):
    for guest in watchers:
        path = guest.folder / "by-guest"
        guest.open(0, "by-guest", os.O_CREAT | RDWR)
        assert path.read_text() == ""
        assert guest("w", 0, 0, text="bytes") == "5" and path.read_text() == "bytes"
        assert guest("t", 0, 2) == "0" and path.read_text() == "by"
        assert guest("k", text="made") == "0" and (guest.folder / "made").is_dir()
        guest("c")


@pytest.mark.parametrize("blocks", [2, 3, 40])
def test_what_was_read_ahead_is_not_used_when_something_was_heard(same, blocks):
    """The order to read on is such a hearing."""
    def scenario(guest, folder):
        path = folder / "long"
        path.write_bytes(b"old " * 50_000)
        guest.open(0, "long")
        seen = [guest("n", 0, 1000) for _ in range(blocks)]
        path.write_bytes(b"new " * 50_000)
        seen += [guest("n", 0, 1000) for _ in range(blocks)]
        path.write_bytes(b"end")
        seen.append(guest("n", 0, 1000))
        guest("c")
        return seen
    seen = same(scenario)
    assert all("old" in text for text in seen[:blocks]) and all("new" in text and "old" not in text for text in seen[blocks:-1])


def test_what_a_share_cannot_be_mounted_with(sheepskin, small):
    from rows import PLAIN
    good = machine.boot(PLAIN, ["cat", "/host/poem.txt"], share=small, options=["mount=host:/host:cache=none"])
    assert (good.status, good.out) == (("exit", 0), b"baa\n")
    both = machine.boot(PLAIN, ["cat", "/host/poem.txt"], share=small, options=["mount=host:/host:ro:cache=none"])
    assert (both.status, both.out) == (("exit", 0), b"baa\n")
    for wrong in ("cache=tight", "cache=", "cash=none", "rw"):
        bad = machine.boot(PLAIN, ["cat", "/host/poem.txt"], share=small, options=[f"mount=host:/host:{wrong}"])
        assert bad.status == ("fail", 125) and len([line for line in bad.err.splitlines() if wrong in line]) == 1


# ---- the modes ----

@pytest.fixture(scope="module", params=["none", "readahead", "loose"])
def kept(request, guests, base):
    """(mode, a watcher whose share is mounted so)."""
    folder = base / f"kept-{request.param}"
    folder.mkdir()
    guest = Watcher([machine.BUILD / "sheepskin", "run", "-v", f"{folder}:/host:cache={request.param}", "--", guests("watch"), "/host"], folder)
    yield request.param, guest
    assert guest.end() == 0


def test_what_a_mode_may_show_late_and_what_never(kept):
    mode, guest = kept
    late = mode == "loose"
    folder = guest.folder
    (folder / "file").write_text("12345")
    for i in range(100):
        (folder / f"n{i}").write_text("x")
    first = [guest("s", text="file"), guest("s", text="none")]
    assert first == ["size 5 links 1 mode 100644", "errno 2"]
    # What the host does: late in one mode only, and there as Linux does it.
    (folder / "file").write_text("1234567")
    (folder / "none").write_text("now")
    assert [guest("s", text="file"), guest("s", text="none")] == (first if late else ["size 7 links 1 mode 100644", "size 3 links 1 mode 100644"])
    # Attributes behind a listing are asked again when the guest was told something, which each order does.
    guest("d", text=".")
    for i in range(100):
        (folder / f"n{i}").write_text("x" * i)
        assert guest("s", text=f"n{i}") == f"size {i} links 1 mode 100644"
    # What the guest does itself is seen at once, by whatever name or descriptor.
    os.link(folder / "file", folder / "hard")
    assert guest("s", text="hard") == "size 7 links 2 mode 100644"
    guest.open(0, "hard", RDWR)
    assert guest("w", 0, 7, text="89") == "2"
    assert [guest("f"), guest("s", text="hard"), guest("s", text="file")] == ["size 9 links 2 mode 100644"] * 3
    assert (folder / "file").read_text() == "123456789"
    guest("c")


def messages(guest):
    """That this share has sent."""
    guest.open(9, "/sys/fs/9p/host/messages")
    count = int(guest("r", 9, 0, 20))
    assert guest.program.stdout.readline() == "\n"  # the file's own
    guest("c", 9)
    return count


def read_all(guest, name, size):
    """What of it is shown, and the messages that it took."""
    before = messages(guest)
    guest.open(0, name)
    seen = [guest("n", 0, 70000) for _ in range(-(-size // 70000) + 1)]
    guest("c")
    return seen, messages(guest) - before


@pytest.mark.parametrize("size", [12, 70000, 1 << 20])
def test_what_loose_keeps_of_files_is_not_asked_for_again(kept, size):
    mode, guest = kept
    (guest.folder / f"again-{size}").write_bytes(b"data" * (size // 4))
    first, _ = read_all(guest, f"again-{size}", size)
    assert first[-1] == "" and first[0].startswith("data")
    for _ in range(3):
        seen, took = read_all(guest, f"again-{size}", size)
        assert seen == first and (took == 3 if mode == "loose" else took > 3)
    if mode == "loose":
        guest.open(0, f"again-{size}")
        before = messages(guest)
        assert guest("m", 0, size) == "0" and guest("p", 0, size - 4, 4) == "data" and messages(guest) == before
        guest("c")


def test_what_the_guest_does_to_data_is_seen_at_once(kept):
    """By whatever way. Somebody has the file open all the while, and somebody opens it then."""
    _, guest = kept
    folder, written = guest.folder, "b" * 20000

    def write(flags, at):
        guest.open(1, "linked", flags)
        assert guest("w", 1, at, text="NEW") == "3"
        seen = guest("r", 0, at, 3)
        guest("c", 1)
        return seen

    def cut():
        guest.open(1, "linked", RDWR)
        assert guest("t", 1, 5) == "0"
        seen = guest("r", 0, 0, 100)
        guest("c", 1)
        return seen

    def replaced():
        assert guest("v") == "0"
        return guest("r", 0, 0, 3)
    ways = {"write": (lambda: write(RDWR, 7000), "NEW", 20000), "append": (lambda: write(RDWR | os.O_APPEND, 20000), "NEW", 20003), "cut": (cut, "aaaaa", 5),
            "opened": (lambda: write(RDWR | os.O_TRUNC, 0), "NEW", 3), "replaced": (replaced, "aaa", 20000)}
    for way, (change, shown, size) in ways.items():
        for name in ("data", "linked", "new"):
            (folder / name).unlink(missing_ok=True)
        guest.open(1, "data", RDWR | os.O_CREAT)
        for at in range(0, 20000, 2000):
            assert guest("w", 1, at, text="a" * 2000) == "2000"
        guest("c", 1)
        os.link(folder / "data", folder / "linked")
        (folder / "new").write_text(written)
        guest.open(0, "data")
        for _ in range(2):
            assert guest("r", 0, 0, 30000) == "aaaa...20000"
        assert change() == shown, way
        expected = (folder / "data").read_text()
        assert len(expected) == size and (expected == written) == (way == "replaced")
        for _ in range(2):
            guest.open(1, "data")
            got = "".join(guest("r", 1, at, 60) for at in range(0, size + 60, 60))
            assert got == expected, way
            guest("c", 1)
        guest("c")


def test_memory_that_files_took_is_given_back(guests, base):
    """A program that needs it has what it would have had."""
    from rows import PLAIN
    folder = base / "crowded"
    folder.mkdir()
    shutil.copy(guests("eat"), folder / "eat")
    for i in range(8):
        (folder / f"file-{i}").write_bytes(os.urandom(2 << 20))

    def boot(*words):
        got = machine.boot(PLAIN, ["/host/eat", *words], share=folder, memory="32M", options=["mount=host:/host:cache=loose"])
        assert got.status == ("exit", 0), got.err
        return [line.split() for line in got.out.decode().splitlines()]
    free = int(boot("free")[0][1])
    mib = free // 1024 - 2
    reads = [f"read:/host/file-{i}" for i in range(8)]
    told = boot(*reads, f"below:{free - 3000}", f"eat:{mib}", *reads)
    assert [line[1:] for line in told] == [["0", "bad"]] * 8 + [["reached"], ["0", "bad"]] + [["0", "bad"]] * 8


# ---- what a program may have heard ----

def test_whoever_heard_something_is_given_nothing_older(guests, base):
    """By whatever way: what was read ahead before is fetched anew. Where nothing can have been heard it is used."""
    from rows import PLAIN
    from test_block import drive
    folder = base / "heard"
    folder.mkdir()
    shutil.copy(guests("hear"), folder / "hear")
    (folder / "file").write_bytes(b"x" * (1 << 20))
    (folder / "disk").write_bytes(bytes(1 << 20))
    got = machine.boot(PLAIN, ["/host/hear", "/host/file"], share=folder, extra=drive(folder / "disk"))
    assert got.status == ("exit", 0), got.err
    told = {name: (hears == "1", int(n)) for name, hears, n in (line.split() for line in got.out.decode().splitlines())}
    least = told["nothing"][1]
    assert {name for name, (hears, n) in told.items() if not hears and n != least} == set()
    assert {name for name, (hears, n) in told.items() if hears and n <= least} == set()


# ---- how a mode is asked for ----

def mounts(*shares):
    """What a guest's /proc/mounts says of shares, given as the launcher takes them; or its one line of error."""
    words = [w for s in shares for w in ("-v", s)]
    done = subprocess.run([machine.BUILD / "sheepskin", "run", *words, "--", "cat", "/proc/mounts"], capture_output=True, text=True, timeout=machine.TIME_LIMIT)
    if done.returncode:
        assert len(done.stderr.splitlines()) == 1
        return done.returncode
    return {line.split()[1]: line.split()[3].split(",") for line in done.stdout.splitlines() if line.split()[2] == "9p"}


@pytest.mark.parametrize("order", list(itertools.permutations(["ro", "sync", "cache=loose"])))
def test_words_behind_a_share_come_in_any_order(order, small):
    assert mounts(f"{small}:/host:{':'.join(order)}") == {"/host": ["ro", "sync", "relatime", "cache=loose", "trans=virtio"]}


def test_each_share_has_its_own_mode(small, base):
    (base / "another").mkdir()
    got = mounts(f"{small}:/:cache=readahead", f"{base / 'another'}:/tmp/b:sync", f"{base}:/tmp/c:cache=none")
    assert got == {"/": ["rw", "relatime", "cache=readahead", "trans=virtio"], "/tmp/b": ["rw", "sync", "relatime", "trans=virtio"],
                   "/tmp/c": ["rw", "relatime", "trans=virtio"]}


@pytest.mark.parametrize("word", ["cache=", "cache=tight", "cache=Loose", "cache=loose,sync", "async", "sync=1", "mmap"])
def test_words_that_are_none_are_refused(word, small):
    assert mounts(f"{small}:/host:{word}") == 125


def test_the_root_has_a_mode_too(small, base):
    from rows import PLAIN
    shutil.copy(machine.BUILD / "apps/cat", base / "cat")

    def boot(words):
        return machine.boot(PLAIN, ["/cat", "/proc/mounts"], share=base, options=["root=host", "rootfstype=9p", *words])
    for words, options in ([], "rw,relatime"), (["ro", "rootflags=sync:cache=loose"], "ro,sync,relatime,cache=loose"), (["rootflags=cache=readahead"], "rw,relatime,cache=readahead"), \
            (["rw", "rootflags=trans=virtio,version=9p2000.L,msize=5000000,cache=mmap,posixacl,access=any"], "rw,relatime"), \
            (["rootflags=uname=root,cache=loose,ro,dfltuid=0,debug=0x04,aname=,nodevmap,noxattr"], "ro,relatime,cache=loose"):
        good = boot(words)
        assert good.status == ("exit", 0) and f"host / 9p {options},trans=virtio 0 0" in good.out.decode().splitlines()
        assert "unknown" not in good.err
    for wrong in ("cache=tight", "trans=tcp", "version=9p2000.u", "cash=none", "ro=1", "trans"):
        bad = boot([f"rootflags=uname=root,{wrong},posixacl"])
        assert bad.status == ("fail", 125) and len([line for line in bad.err.splitlines() if f'"{wrong}"' in line]) == 1, bad.err


def test_mount_takes_the_options_of_linux(guests, small, base):
    """As mount -t 9p gives them; a share that is there already has one mode at all its places."""
    told = {"": "", "cache=none": "", "cache=loose": ",cache=loose", "cache=fscache": ",cache=loose", "cache=mmap": "", "cache=readahead": ",cache=readahead",
            "trans=virtio,version=9p2000.L,msize=512000,cache=loose,access=any,uname=root": ",cache=loose", "cache=loose,cache=none": "", "cache=tight": None,
            "cache=": None, "cache": "", "cache=loose,trans=tcp": None, "version=9p2000.u": None, "+cache=loose": ",cache=loose"}
    done = subprocess.run([machine.BUILD / "sheepskin", "run", "-v", f"{small}:/host", "--", guests("mode"), "host", *told], capture_output=True, text=True,
                          timeout=machine.TIME_LIMIT)
    seen = dict(line.split(": ", 1) for line in done.stdout.splitlines())
    for word, mode in told.items():
        options = f"rw{',sync' if word[:1] == '+' else ''},relatime{mode},trans=virtio"
        assert seen[word] == ("Invalid argument" if mode is None else f"/host {options};/tmp/m {options};"), word
