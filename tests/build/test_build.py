# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""The build itself: what make leaves alone, what it installs, what it says when something is missing."""
import json
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build"
# What a shell has, not what the make has that runs these tests.
ENV = {k: v for k, v in os.environ.items() if not k.startswith("MAKE") and k != "MFLAGS"}


def sh(*command, cwd=ROOT, **more):
    env = dict(ENV, **more.pop("env", {}))
    return subprocess.run([str(c) for c in command], cwd=cwd, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, **more)


def test_nothing_is_done_twice():
    assert sh("make").stdout == "make: Nothing to be done for 'all'.\n"


def test_a_header_rebuilds_what_includes_it():
    dry = sh("make", "-n", "-W", "kernel/pci.h").stdout
    assert "kernel/pci.c" in dry and "kernel/print.c" not in dry


def test_help_names_each_target():
    text = sh("make", "help").stdout
    for target in ("run", "test", "bench", "install", "clean", "lint", "format"):
        assert f"make {target}" in text


@pytest.mark.parametrize("seconds", ["0", "x", "-1"])
def test_a_fuzzer_that_would_never_end_is_not_started(seconds):
    done = sh(ROOT / "tests/fuzz/fuzz.py", seconds, "any")
    assert done.returncode == 1 and f"T={seconds} is no number of seconds; " in done.stderr


def test_compile_commands():
    entries = json.loads((BUILD / "compile_commands.json").read_text())
    assert {"kernel/pci.c", "boot/efi.c", "apps/cat.c", "tools/sheepskin.c"} <= {e["file"] for e in entries}
    assert all(set(e) == {"directory", "file", "command"} for e in entries)


def test_install_puts_all_below_destdir(tmp_path):
    assert sh("make", "install", f"DESTDIR={tmp_path}", "PREFIX=/opt/s").returncode == 0
    files = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {"opt/s/bin/sheepskin", "opt/s/share/man/man1/sheepskin.1", *(f"opt/s/lib/sheepskin/{f}" for f in ("kernel.elf", "sheepskin.efi", "initfs.cpio"))}
    line = sh(tmp_path / "opt/s/bin/sheepskin", "run", "--dry-run", "hello", cwd="/").stdout
    assert f"{tmp_path}/opt/s/lib/sheepskin/kernel.elf" in os.path.normpath(line.replace("/bin/..", "")) and str(ROOT) not in line


@pytest.mark.parametrize("app,status", [("cat /host/poem.txt", 0), ("cat /host/missing", 1), ("no-such-app", 127)])
def test_make_run_ends_with_the_status_of_the_program(app, status):
    name, _, args = app.partition(" ")
    done = sh("make", "run", f"APP={name}", f"ARGS={args}")
    assert done.returncode == status
    assert done.stdout == ((ROOT / "demo/poem.txt").read_text() if status == 0 else "")


def test_make_run_tells_the_story_of_the_boot():
    done = sh("make", "run")
    assert re.search(r"^00:04\.0 1af4:1049 virtio-pci$", done.stderr, re.M)
    assert re.search(r'^virtio0: 9p, tag "host"$', done.stderr, re.M)
    assert "poem.txt" in done.stdout and (ROOT / "demo/poem.txt").read_text() in done.stdout


def test_initial_files_are_the_same_bytes_each_time(tmp_path):
    programs = sorted(str(p) for p in (BUILD / "apps").iterdir())
    for out in ("a", "b"):
        assert sh(ROOT / "tools/cpio", out, BUILD / "obj/kernel.names", *programs, cwd=tmp_path).returncode == 0
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == (BUILD / "initfs.cpio").read_bytes()
    assert (tmp_path / "a").stat().st_size % 4096 == 0


def test_functions_have_names_and_addresses():
    table = (BUILD / "obj/kernel.names").read_bytes()
    end, count = struct.unpack_from("<2I", table)
    addresses = struct.unpack_from(f"<{count}I", table, 8)
    names = table[8 + 4 * count:].decode().split("\0")[:-1]
    assert list(addresses) == sorted(addresses) and len(names) == count > 100
    nm = dict(reversed(line.split()[::2]) for line in sh("nm", BUILD / "kernel.debug.elf").stdout.splitlines() if " T " in line)
    assert addresses[names.index("kmain")] == int(nm["kmain"], 16) & 0xffffffff
    assert end == int(nm["text_end"], 16) & 0xffffffff


def test_the_parts_of_the_image_are_those_of_the_document():
    """To a tenth, or a KiB."""
    text = (ROOT / "docs/performance.md").read_text()
    told = {part: float(kib) for part, kib in re.findall(r"^\| (.*?) \| ([\d.]+) \| \d+ \|$", text, re.M)}
    now = {part: float(kib) for part, kib in re.findall(r"^\| (.*?) \| ([\d.]+) \| \d+ \|$", sh(ROOT / "tests/bench/image.py").stdout, re.M)}
    assert set(now) <= set(told) and len(now) > 8
    wrong = [part for part, kib in now.items() if abs(kib - told[part]) > max(1, kib / 10)]
    assert not wrong, "tests/bench/image.py --write"


# ---- packages ----

@pytest.fixture
def empty_system(tmp_path):
    """A PATH on which there is a shell with its basic tools, and nothing that building needs."""
    for tool in ("sh", "cat", "rm", "mktemp", "tail", "env"):
        (tmp_path / tool).symlink_to(shutil.which(tool))

    def add(name, script):
        (tmp_path / name).write_text("#!/bin/sh\n" + script)
        (tmp_path / name).chmod(0o755)
    return tmp_path, add


def deps(path, *sets):
    return sh("/bin/sh", ROOT / "tools/deps.sh", *sets, env={"PATH": str(path)})


def test_nothing_is_touched_when_all_is_there():
    assert sh("tools/deps.sh", "build", "run", "test", "bench", "lint").stderr == ""


def test_without_root_the_line_to_paste_is_shown(empty_system):
    path, add = empty_system
    add("apt-get", "echo called >> $0.log")
    add("id", "echo 1000")
    done = deps(path, "build")
    assert done.returncode != 0 and not (path / "apt-get.log").exists()
    assert re.search(r"^  sudo apt-get install -y --no-install-recommends gcc binutils", done.stderr, re.M)


def test_root_installs_only_what_is_missing_and_updates_only_then(empty_system):
    path, add = empty_system
    add("id", "echo 0")
    add("gcc", "")
    add("apt-get", 'echo "$DEBIAN_FRONTEND: $*" >> $0.log\n[ "$1" = -q ] && echo > $0.updated\n[ -e $0.updated ]')
    assert deps(path, "build").returncode == 0
    calls = (path / "apt-get.log").read_text().splitlines()
    assert [c.split()[1] for c in calls] == ["install", "-q", "install"]
    assert calls[0].startswith("noninteractive: install -y --no-install-recommends binutils") and "gcc" not in calls[0].split()


def test_sudo_is_used_when_it_asks_nothing(empty_system):
    path, add = empty_system
    add("id", "echo 1000")
    add("apt-get", "echo called >> $0.log")
    add("sudo", 'echo "$*" >> $0.log\nshift\n[ "$1" = true ] || exec "$@"')
    assert deps(path, "run").returncode == 0
    assert all(line.startswith("-n ") for line in (path / "sudo.log").read_text().splitlines())
    assert (path / "apt-get.log").exists()


def test_an_installation_that_fails_says_so(empty_system):
    path, add = empty_system
    add("id", "echo 0")
    add("apt-get", "echo E: no route to the mirror; exit 100")
    done = deps(path, "lint")
    assert done.returncode != 0 and "E: no route" in done.stderr and "could not be installed" in done.stderr


def test_a_package_that_the_release_does_not_have_is_one_line(empty_system):
    path, add = empty_system
    add("id", "echo 0")
    add("apt-get", """echo Reading; echo E: Unable to locate package frama-c-base; echo "E: Package 'xz-utils' has no installation candidate"; exit 100""")
    done = deps(path, "build")
    lines = done.stderr.splitlines()
    assert done.returncode != 0 and "INSTALL" in lines[0]
    assert lines[1:] == ["sheepskin: this system's package lists do not have: frama-c-base xz-utils"]


def test_no_apt_names_the_packages(empty_system):
    path, _ = empty_system
    done = deps(path, "build")
    assert done.returncode != 0 and "newlib-source" not in done.stderr.split("missing:")[0] and "gcc" in done.stderr


# ---- the C library's cache ----

def newlib(*args, env):
    return sh("tools/newlib.sh", *args, env=env)


def test_the_library_is_found_where_the_cache_is(tmp_path):
    here = newlib("path", env={"XDG_CACHE_HOME": str(tmp_path)}).stdout
    assert re.fullmatch(rf"{tmp_path}/sheepskin/newlib-[\d.]+-[0-9a-f]{{12}}\n", here)
    home = newlib("path", env={"XDG_CACHE_HOME": "", "HOME": str(tmp_path)}).stdout
    assert home.startswith(f"{tmp_path}/.cache/sheepskin/newlib-")


def test_another_compiler_is_another_library(tmp_path):
    (tmp_path / "gcc").write_text("#!/bin/sh\necho 99.1.0\n")
    (tmp_path / "gcc").chmod(0o755)
    env = {"XDG_CACHE_HOME": "/c"}
    assert newlib("path", env=env).stdout != newlib("path", env=dict(env, PATH=f"{tmp_path}:{ENV['PATH']}")).stdout


def test_a_build_that_fails_leaves_no_library(tmp_path):
    """The compiler here can say its version and nothing more."""
    (tmp_path / "gcc").write_text('#!/bin/sh\ncase $1 in -dump*) echo 99 ;; *) echo no >&2; exit 1 ;; esac\n')
    (tmp_path / "gcc").chmod(0o755)
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": f"{tmp_path}:{ENV['PATH']}"}
    done = newlib("build", env=env)
    assert done.returncode != 0 and "newlib could not be built" in done.stderr
    assert not [p for p in (tmp_path / "cache/sheepskin").iterdir() if p.is_dir()]


def test_what_is_there_is_not_built_again(tmp_path):
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    place = Path(newlib("path", env=env).stdout.strip())
    (place / "lib").mkdir(parents=True)
    (place / "lib/libc.a").touch()
    left = tmp_path / "sheepskin/building.1"
    left.mkdir()
    done = newlib("build", env=env)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("function", ["split_publish", "split_arm", "packed_publish", "packed_arm"])
def test_dr_sb_2_dr_pq_12_dr_rf_5_a_fence_is_an_instruction(function):
    """A store before a load to the same device's memory needs one; how it went without, two threads cannot always show."""
    code = sh("objdump", "-d", "--no-show-raw-insn", f"--disassemble={function}", BUILD / "kernel.debug.elf").stdout
    assert len(re.findall(r"\bmfence\b|\block ", code)) == 1
