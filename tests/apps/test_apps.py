# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Each program on Linux: against coreutils where there is one of the same name, else against what it promises."""
import hashlib
import os
import platform
import subprocess

import pytest

from conftest import APPS

BYTES = bytes(range(256)) * 5
SIZES = [0, 1, 55, 56, 63, 64, 65, 119, 120, 127, 128, 4096, 65536, 1024 * 1024, 1024 * 1024 + 1]


def same(ours, theirs):
    assert (ours.returncode, ours.stdout) == (theirs.returncode, theirs.stdout)


@pytest.fixture
def tree(tmp_path):
    """A folder with what folders can have."""
    (tmp_path / "a.txt").write_bytes(b"one two\nthree\n")
    (tmp_path / "no newline").write_bytes(b"end")
    (tmp_path / "empty").touch()
    (tmp_path / "Zebra").touch()
    (tmp_path / ".hidden").touch()
    (tmp_path / "Ünï 羊").write_text("é ü\n")
    (tmp_path / ("n" * 255)).touch()
    (tmp_path / "sub/deeper").mkdir(parents=True)
    (tmp_path / "sub/deeper/file").touch()
    (tmp_path / "link").symlink_to("a.txt")
    (tmp_path / "dirlink").symlink_to("sub")
    (tmp_path / "dangling").symlink_to("nowhere")
    (tmp_path / "loop").symlink_to("loop")
    os.mkfifo(tmp_path / "fifo")
    with open(tmp_path / "big", "wb") as f:
        f.truncate(5 << 30)
    for p in tmp_path.rglob("*"):
        os.utime(p, ns=(0, 1_000_000_000_123_456_789), follow_symlinks=False)
    return tmp_path


# ---- cat ----

@pytest.mark.parametrize("size", SIZES)
def test_cat_copies_bytes(app, tmp_path, size):
    data = (BYTES * (size // len(BYTES) + 1))[:size]
    (tmp_path / "x").write_bytes(data)
    done = app("cat", "x")
    assert (done.returncode, done.stdout, done.stderr) == (0, data, b"")


def test_cat_takes_standard_input(app, tmp_path):
    assert app("cat", input=BYTES).stdout == BYTES
    assert app("cat", "-", input=BYTES).stdout == BYTES
    (tmp_path / "x").write_bytes(b"x")
    assert app("cat", "x", "-", "x", input=b"-").stdout == b"x-x"


def test_cat_goes_on_after_what_is_missing(app, tmp_path):
    (tmp_path / "y").write_bytes(b"y")
    done = app("cat", "x", "y")
    assert (done.returncode, done.stdout, done.stderr) == (1, b"y", b"cat: x: No such file or directory\n")


def test_cat_of_a_folder_and_a_loop(app, tree):
    assert app("cat", ".").stderr == b"cat: .: Is a directory\n"
    assert app("cat", "loop").stderr == b"cat: loop: Too many symbolic links\n"
    assert app("cat", "n" * 256).stderr.endswith(b": File or path name too long\n")


def test_cat_after_two_dashes(app, tmp_path):
    (tmp_path / "-x").write_bytes(b"dash")
    assert app("cat", "--", "-x").stdout == b"dash"
    assert app("cat", "-x").returncode == 1


def test_output_that_cannot_be_written(tree):
    for command in (["cat", "a.txt"], ["ls"], ["stat", "a.txt"], ["wc", "a.txt"], ["sha256sum", "a.txt"], ["hello"], ["lspci"], ["lsvirtio"]):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([APPS / command[0], *command[1:]], cwd=tree, stdout=full, stderr=subprocess.PIPE, timeout=60)
        if command[0] == "lspci" and b"No such file" in done.stderr:
            continue
        assert done.returncode == 1 and b": write error" in done.stderr, command


# ---- ls ----

@pytest.mark.parametrize("options", [[], ["-a"], ["-R"], ["-1"], ["-aR"], ["-R", "-a"]])
@pytest.mark.parametrize("paths", [[], ["."], ["sub"], ["dirlink"], ["a.txt"], ["sub", "a.txt", ".", "dangling"], ["sub/"], ["nowhere", "sub"]])
def test_ls_is_as_coreutils(app, host, tree, options, paths):
    same(app("ls", *options, *paths), host("ls", *options, *paths))


def test_ls_long(app, tree):
    os.chmod(tree / "a.txt", 0o4751)
    lines = app("ls", "-la").stdout.decode().splitlines()
    uid, gid, when = os.getuid(), os.getgid(), "2001-09-09T01:46:40Z"
    assert f"-rwsr-x--x   1 {uid:5} {gid:5} {14:11} {when} a.txt" in lines
    assert any(line.endswith(f" {5 << 30} {when} big") for line in lines)
    assert any(line.startswith("lrwxrwxrwx") and line.endswith("link -> a.txt") for line in lines)
    assert any(line.startswith("p") and line.endswith("fifo") for line in lines)
    assert len(lines) == len(os.listdir(tree)) + 2


def test_ls_long_does_not_follow_what_is_named(app, tree):
    assert app("ls", "-l", "dirlink").stdout.endswith(b"dirlink -> sub\n")


def test_ls_of_many_names(app, host, tmp_path):
    for i in range(5000):
        (tmp_path / f"{i:05}-{'x' * (i % 200)}").touch()
    same(app("ls"), host("ls"))


def test_ls_of_deep_folders(app, host, tmp_path):
    (tmp_path / "/".join(["d"] * 40)).mkdir(parents=True)
    same(app("ls", "-R"), host("ls", "-R"))


def test_ls_status(app, tree):
    assert app("ls", "nix").returncode == 2
    assert app("ls", "-Z").returncode == 2
    if os.getuid():
        os.chmod(tree / "sub", 0)
        assert app("ls", "-R", ".").returncode == 1


# ---- stat ----

def test_stat_of_a_file(app, tree):
    os.chmod(tree / "a.txt", 0o640)
    assert app("stat", "a.txt").stdout.decode().splitlines() == [
        "  File: a.txt", "  Type: regular file", "  Size: 14", "  Mode: 0640 (-rw-r-----)",
        f" Owner: {os.getuid()}:{os.getgid()}", " Links: 1", "Modify: 2001-09-09T01:46:40.123456789Z"]


@pytest.mark.parametrize("name,kind", [("sub", "directory"), ("link", "symbolic link"), ("fifo", "fifo"),
                                       ("empty", "regular empty file"), ("dangling", "symbolic link"), ("/dev/null", "character device")])
def test_stat_tells_the_type(app, tree, name, kind):
    assert f"  Type: {kind}\n" in app("stat", name).stdout.decode()


def test_stat_follows_when_asked(app, tree):
    assert b"  Size: 14\n" in app("stat", "-L", "link").stdout
    assert b"  File: link -> a.txt\n" in app("stat", "link").stdout
    assert app("stat", "-L", "dangling").returncode == 1


def test_stat_of_a_size_beyond_32_bits(app, tree):
    assert b"  Size: 5368709120\n" in app("stat", "big").stdout


def test_stat_of_what_is_missing(app, tree):
    done = app("stat", "nix", "empty")
    assert done.returncode == 1 and done.stderr == b"stat: cannot stat 'nix': No such file or directory\n" and b"File: empty" in done.stdout
    assert app("stat").returncode == 1


# ---- wc ----

@pytest.mark.parametrize("args", [["a.txt"], ["a.txt", "no newline", "empty"], ["-l", "a.txt"], ["-w", "a.txt"], ["-c", "a.txt"],
                                  ["-lc", "a.txt", "empty"], ["-c", "big"], ["-c", "big", "a.txt"], ["a.txt", "-"], ["-"], [], ["-l"],
                                  ["sub", "a.txt"], ["nix", "a.txt"], ["empty"]])
def test_wc_is_as_coreutils(app, host, tree, args):
    same(app("wc", *args, input=b"in put\n\n x"), host("wc", *args, input=b"in put\n\n x"))


def test_wc_counts_words_over_buffer_borders(app, tmp_path):
    data = b"a" * (1024 * 1024 - 1) + b"b c\n" + b" " * (1024 * 1024) + b"d"
    (tmp_path / "x").write_bytes(data)
    assert app("wc", "x").stdout.split() == [b"1", b"3", b"%d" % len(data), b"x"]


# ---- sha256sum ----

@pytest.mark.parametrize("size", SIZES)
def test_sha256sum(app, tmp_path, size):
    data = (BYTES * (size // len(BYTES) + 1))[:size]
    (tmp_path / "x").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest().encode()
    assert app("sha256sum", "x").stdout == digest + b"  x\n"
    assert app("sha256sum", input=data).stdout == digest + b"  -\n"


def test_sha256sum_is_as_coreutils(app, host, tree):
    (tree / "we\\ird\nname").write_bytes(b"x")
    names = ["a.txt", "we\\ird\nname", "-", "nix", "sub", "Ünï 羊"]
    same(app("sha256sum", *names, input=BYTES), host("sha256sum", *names, input=BYTES))


# ---- hello, and the two that show the machine ----

def test_hello_shows_the_folder_and_its_first_text(app, tree):
    text = app("hello", ".").stdout.decode()
    assert platform.system() in text.splitlines()[0]
    assert "a.txt" in text and "link -> a.txt" in text and ".hidden" not in text
    assert text.endswith("\n./a.txt:\n\none two\nthree\n")


def test_hello_leaves_out_what_is_no_text(app, tmp_path):
    (tmp_path / "a").write_bytes(b"\0\1\2")
    (tmp_path / "b").write_bytes(b"")
    (tmp_path / "c").mkdir()
    (tmp_path / "d").write_text("Grüße\n")
    assert app("hello").stdout.decode().endswith("\n./d:\n\nGrüße\n")


def test_hello_of_what_is_missing(app):
    done = app("hello", "nix")
    assert done.returncode == 1 and done.stderr == b"hello: nix: No such file or directory\n"


@pytest.mark.parametrize("name,folder", [("lspci", "/sys/bus/pci/devices"), ("lsvirtio", "/sys/bus/virtio/devices")])
def test_machine_is_shown(app, name, folder):
    done = app(name)
    if os.path.isdir(folder):
        assert done.returncode == 0
        for device in os.listdir(folder):
            assert device in done.stdout.decode()
    else:
        assert b"no virtio devices" in done.stdout or done.returncode == 1


# ---- the library below ----

def test_programs_are_static_and_need_no_executable_stack():
    for program in APPS.iterdir():
        text = subprocess.run(["readelf", "-lW", program], capture_output=True, text=True, check=True).stdout
        assert "INTERP" not in text and "EXEC" in text
        assert not any("RWE" in line for line in text.splitlines()), program


def test_errors_have_their_names(app, tmp_path):
    (tmp_path / "file").touch()
    assert app("cat", "file/x").stderr == b"cat: file/x: Not a directory\n"
    if os.getuid():
        os.chmod(tmp_path / "file", 0)
        assert app("cat", "file").stderr == b"cat: file: Permission denied\n"
