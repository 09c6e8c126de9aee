# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""sheepskin diff: programs do in the guest what they do on Linux, each on its own copy of a folder; and the command itself."""
import os
import random
import shlex
import shutil
import subprocess

import pytest

import applets
import machine
from share import age

BUSYBOX = "/bin/busybox"
CASES = [(applet, *([row, b""] if isinstance(row, str) else row)) for applet, rows in applets.APPLETS.items() for row in rows]

# Seeds of guests/fileops.c, 200 operations each; as many in one boot as stand in one row.
SEEDS = [range(i, i + 8) for i in range(1, 41, 8)]

# (operations, seed:steps left out) that once differed, minimised by minimise.py.
FOUND = [
    (40, "1:0-15,17-38"),  # getdents of what was opened to write
    (154, "78:0-80,82-137,139-147,149-152"),  # a position behind what was appended, when the file grew again
    (140, "18:0-121,123-129,131-137"),  # the same, when it was cut
    (60, "17:0-9,11-27,29-58"),  # sendfile from a file into itself
    (121, "57:0-114,116-119"),  # mkdir within a set-group-id directory
    (46, "7000:0-44"),  # fstatfs, and with it posix_fallocate, of a file without a name
    (197, "92:0-195"),  # which of two names Linux complains of first
]


@pytest.fixture(scope="session")
def meadow(base):
    folder = base / "meadow"
    folder.mkdir()
    applets.fill(folder)
    return folder


@pytest.fixture
def diff(sheepskin):
    """diff(folder, ..., argv...) -> what differed."""
    def run(folder, *argv, **more):
        return sheepskin("diff", "--timeout", "60", "-v", f"{folder}:/host", *argv, **more)
    return run


def same(done):
    assert (done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")) == (0, "", "")


def ignored(applet):
    return ["--ignore", applets.IGNORED[applet]] if applet in applets.IGNORED else []


@pytest.mark.parametrize("applet,args,data", CASES, ids=lambda x: x[:60] if isinstance(x, str) else "")
def test_busybox(applet, args, data, diff, meadow):
    same(diff(meadow, *ignored(applet), "--", BUSYBOX, applet, *shlex.split(args), input=data))


@pytest.mark.parametrize("applet,args", [(a, row) for a, rows in applets.SPECIAL.items() for row in rows], ids=lambda x: x)
def test_special_files_are_the_servers_to_refuse(applet, args, diff, meadow):
    """Newer servers make them; then all is as on Linux."""
    done = diff(meadow, "--", BUSYBOX, applet, *shlex.split(args))
    assert done.returncode == 0 or done.returncode == 1 and b"No such device or address" in done.stdout


@pytest.fixture
def nobody(base, tmp_path):
    """nobody(folder, argv...): the same as an ordinary user, to whom what it needs is copied."""
    if os.geteuid():
        return lambda folder, *argv: subprocess.run([machine.BUILD / "sheepskin", "diff", "-v", f"{folder}:/host", "--", *argv], stdin=subprocess.DEVNULL, capture_output=True)
    place = base / "nobody"
    place.mkdir(exist_ok=True)
    for name in ("sheepskin", "kernel.elf", "initfs.cpio"):
        shutil.copy(machine.BUILD / name, place)
    temporary = place / "tmp"
    temporary.mkdir(exist_ok=True)
    temporary.chmod(0o1777)

    def run(folder, *argv):
        return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", f"TMPDIR={temporary}", place / "sheepskin", "diff", "-v",
                               f"{folder}:/host", "--", *argv], stdin=subprocess.DEVNULL, capture_output=True)
    return run


@pytest.fixture(scope="session")
def fenced(base):
    """A folder in which an ordinary user may not do all: modes that deny its owner, who the copies' owner is."""
    folder = base / "fenced"
    folder.mkdir()
    (folder / "poem.txt").write_text("The wolf\n")
    (folder / "mode").write_text("closed\n")
    (folder / "sub").mkdir()
    (folder / "sub/a").write_text("a wolf\n")
    (folder / "none").mkdir()
    age(folder)
    (folder / "mode").chmod(0o004)
    (folder / "sub").chmod(0o555)
    return folder


@pytest.mark.parametrize("args", applets.DENIED)
def test_busybox_as_an_ordinary_user(args, nobody, fenced):
    same(nobody(fenced, BUSYBOX, *shlex.split(args)))


def test_folder_that_cannot_be_copied(nobody, base):
    folder = base / "closed"
    folder.mkdir()
    (folder / "secret").touch(0o000)
    done = nobody(folder, BUSYBOX, "true")
    assert done.returncode == 125 and b"readable" in done.stderr.splitlines()[-1]


# ---- our own programs, and those of the tests ----

OWN = ["ls", "ls -l", "ls -la sub", "ls -R sub", "ls nowhere poem.txt", "ls -l dlink", "cat poem.txt lines", "cat nowhere sub", "cat", "stat poem.txt sub link fifo empty", "stat -L link dangling",
       "stat nowhere poem.txt/x", "wc poem.txt lines random", "wc nowhere", "wc", "sha256sum random empty", "sha256sum nowhere sub", "hello sub", "hello nowhere"]


@pytest.mark.parametrize("args", OWN)
def test_own_programs(args, diff, meadow):
    same(diff(meadow, "--ignore", "runs me", "--", *args.split(), input=b"some input\n"))


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_edit(compiler, diff, guests, small):
    same(diff(small, "--", guests("edit", compiler)))


# ---- files by lot ----

@pytest.mark.parametrize("seeds", SEEDS, ids=str)
def test_random_operations(seeds, diff, guests, tmp_path):
    (tmp_path / "field").mkdir()
    same(diff(tmp_path / "field", "--", guests("fileops", "gcc"), "200", *map(str, seeds)))


@pytest.mark.parametrize("mode", ["readahead", "loose", "readahead:sync"])
def test_random_operations_whatever_is_kept(mode, sheepskin, guests, tmp_path):
    """The guest is alone there, so that all modes show the same."""
    (tmp_path / "field").mkdir()
    seeds = (str(i) for i in range(100, 116))
    same(sheepskin("diff", "--timeout", "60", "-v", f"{tmp_path / 'field'}:/host:cache={mode}", "--", guests("fileops", "gcc"), "200", *seeds))


@pytest.mark.parametrize("mode", ["cache=readahead", "cache=loose", "sync:cache=loose"])
def test_random_operations_in_each_mode(mode, sheepskin, guests, tmp_path):
    """What the guest itself does it sees, whatever is read ahead, gathered or kept."""
    (tmp_path / "field").mkdir()
    same(sheepskin("diff", "--timeout", "60", "-v", f"{tmp_path / 'field'}:/host:{mode}", "--", guests("fileops", "gcc"), "200", *map(str, range(41, 61))))


def test_soak(diff, guests, tmp_path):
    """100,000 operations in one boot; the program itself compares fids and free memory before and after."""
    (tmp_path / "field").mkdir()
    same(diff(tmp_path / "field", "--timeout", "500", "--", guests("fileops", "gcc"), "-q", "200", "1000..1499", timeout=600))


def test_new_random_operations(diff, guests, tmp_path):
    (tmp_path / "field").mkdir()
    seeds = [str(random.randrange(1 << 40)) for _ in range(5)]
    print(f"to mend one: tests/vm/minimise.py FILEOPS 200 SEED, with one of {seeds}")
    same(diff(tmp_path / "field", "--", guests("fileops", "gcc"), "200", *seeds))


@pytest.mark.parametrize("count,word", FOUND)
def test_found_by_lot(count, word, diff, guests, tmp_path):
    (tmp_path / "field").mkdir()
    same(diff(tmp_path / "field", "--", guests("fileops", "gcc"), str(count), word))


# ---- the command ----

@pytest.mark.parametrize("words,says", [
    ([], "no program"), (["nosuch"], "nosuch"), (["/no/where"], "/no/where"), (["/etc/passwd"], "executable"), (["--ignore", "[", "--", "ls"], "regular expression"),
    (["--dry-run", "ls"], "--dry-run"), (["-v", "/:/", "ls"], "another place"), (["-v", "nowhere:/x", "ls"], "nowhere"), (["--qemu", "/no/qemu", "ls"], "/no/qemu"),
    (["--memory", "1M", "ls"], "--memory"), (["--timeout", "0.5", BUSYBOX, "sleep", "9"], "time-out"),
])
def test_what_cannot_run(words, says, sheepskin):
    done = sheepskin("diff", *words)
    assert (done.returncode, done.stdout) == (125, b"")
    assert says in done.stderr.decode() and done.stderr.startswith(b"sheepskin: ")


def test_what_runs_on_one_side_only_could_not_run(sheepskin):
    done = sheepskin("diff", "/usr/bin/env")
    assert done.returncode == 125 and b"static" in done.stderr


def test_ignore_goes_with_diff_only(sheepskin):
    assert sheepskin("run", "--ignore", "x", "hello").returncode == 125


@pytest.mark.parametrize("compiler", ["gcc", "musl-gcc"])
def test_each_difference_is_told(compiler, diff, guests, tmp_path):
    """guests/twoface.c does all things otherwise in the guest."""
    folder = tmp_path / "field"
    folder.mkdir()
    for name in ("mode", "owner", "time", "contents", "size", "attribute", "target", "type", "links"):
        (folder / name).write_text(name)
    age(folder)
    done = diff(folder, "--", guests("twoface", compiler))
    assert done.returncode == 1
    assert done.stdout.decode().splitlines() == [
        'stdout differs at byte 21: host "I am on the host\\n", guest "I am on the guest\\n"',
        'stderr differs at byte 0: host the end, guest "an error\\n"',
        'status: host 1, guest 2',
        'tree: "attribute": user.colour: host "black", guest "white"',
        'tree: "contents": links: host 2, guest 1',
        'tree: "contents": contents differ at byte 7',
        'tree: only in the guest: "guest\'s"',
        'tree: only on the host: "host\'s"',
        'tree: "linked": the same file as: host "contents", guest "linked"',
        'tree: "linked": size: host 8, guest 6',
        'tree: "mode": mode: host 0600, guest 0640',
        'tree: "size": the same file as: host "size", guest "linked"',
        'tree: "size": size: host 4, guest 6',
        'tree: "target": target: host "here", guest "there"',
        'tree: "time": modification time: host 1000, guest 1001',
        'tree: "type": type: host a file, guest a folder',
    ]


def without_mounts(*argv):
    """As root without the right to mount; an ordinary user has a name space of its own for that, or the same."""
    before = [] if os.geteuid() else ["setpriv", "--bounding-set=-sys_admin"]
    return subprocess.run([*before, machine.BUILD / "sheepskin", "diff", *argv], stdin=subprocess.DEVNULL, capture_output=True, timeout=machine.TIME_LIMIT)


@pytest.mark.parametrize("args", ["cat poem.txt nowhere", "cp -a sub new", "rm -r sub", "pwd -x"])
def test_without_mounts_relative_paths_do(args, meadow):
    same(without_mounts("-v", f"{meadow}:/host", "--", BUSYBOX, *args.split()))


def test_own_programs_without_mounts(meadow):
    same(without_mounts("-v", f"{meadow}:/host", "ls", "-l", "sub"))


def test_several_folders(sheepskin, meadow, small):
    """Each writable one is copied and compared, in the first one the program starts."""
    done = sheepskin("diff", "-v", f"{small}:/deep/er", "-v", f"{meadow}:/host:ro", "--", BUSYBOX, "cp", "/host/poem.txt", "/deep/er/copy")
    same(done)
    same(sheepskin("diff", "-v", f"{small}:/deep/er", "-v", f"{meadow}:/host:ro", "--", BUSYBOX, "rm", "poem.txt", "/host/poem.txt"))
    assert (small / "poem.txt").exists() and not (small / "copy").exists()


def test_variables_and_arguments(sheepskin, guests):
    same(sheepskin("diff", "-e", "A=one two", "-e", "B=", "--ignore", "AT_", "--", guests("args"), "a", "", "b c", "\x01\xff"))


def test_folders_stay_as_they_are(diff, meadow):
    before = subprocess.run(["tar", "cf", "-", "."], cwd=meadow, capture_output=True, check=True).stdout
    same(diff(meadow, "--", BUSYBOX, "rm", "-rf", "."))
    same(diff(meadow, "--", BUSYBOX, "rm", "-rf", "sub", "poem.txt"))
    assert subprocess.run(["tar", "cf", "-", "."], cwd=meadow, capture_output=True, check=True).stdout == before


# ---- what is another machine's: held against what is known of it ----

def test_busybox_df_tells_the_hosts_numbers(sheepskin, small):
    name, blocks, _, free, *_ = sheepskin("run", "-v", f"{small}:/host", BUSYBOX, "df", "-k", "/host").stdout.decode().splitlines()[1].split()
    theirs = os.statvfs(small)
    assert name == "host" and abs(int(blocks) - theirs.f_blocks * theirs.f_frsize // 1024) < 8192
    assert abs(int(free) - theirs.f_bavail * theirs.f_frsize // 1024) < (1 << 20)
