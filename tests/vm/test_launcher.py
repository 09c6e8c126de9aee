# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""sheepskin run: what its users see. Endings that the kernel cannot be asked for come from the canary."""
import os
import pty
import random
import shlex
import shutil
import signal
import subprocess
import time

import pytest

import machine
from test_programs import WORDS, linux

LAUNCHER = str(machine.BUILD / "sheepskin")


def one_line(done, status, *says):
    line, = done.stderr.decode().splitlines()
    assert done.returncode == status and done.stdout == b""
    assert line.startswith("sheepskin: ") and ";" in line and all(s in line for s in says)


# ---- the main job ----

@pytest.mark.parametrize("how", [[], ["--machine", "pc"], ["--machine", "microvm"], ["--boot", "efi"], ["--boot", "efi", "--machine", "pc"]], ids=" ".join)
def test_host_files_arrive_and_nothing_else(how, sheepskin, share):
    done = sheepskin("run", *how, "-v", f"{share}:/host", "cat", "/host/poem.txt", "/host/size-65536")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == (share / "poem.txt").read_bytes() + (share / "size-65536").read_bytes()


@pytest.mark.parametrize("name", ["q35", "pc", "microvm"])
def test_60_kb_of_arguments(name, sheepskin):
    words = ["x" * 59000, "last"]
    done = sheepskin("run", "--machine", name, "--", "/bin/busybox", "echo", *words)
    assert (done.returncode, done.stdout.decode().split()) == (0, words)


def test_verbose_tells_the_story_on_stderr(sheepskin, share):
    done = sheepskin("run", "--verbose", "-v", f"{share}:/host", "cat", "/host/poem.txt")
    assert done.stdout == (share / "poem.txt").read_bytes()
    for line in ("00:04.0 1af4:1049 virtio-pci", 'virtio0: 9p, tag "host"', "mount: host on /host type 9p"):
        assert line in done.stderr.decode()


def test_several_shares(sheepskin, share, small):
    done = sheepskin("run", "-v", f"{share}:/host", "-v", f"{small}:/deep/er:ro", "cat", "/host/poem.txt", "/deep/er/poem.txt")
    assert done.stdout == (share / "poem.txt").read_bytes() + b"baa\n"


def test_share_as_root(sheepskin, small):
    assert sheepskin("run", "-v", f"{small}:/", "cat", "/poem.txt").stdout == b"baa\n"


@pytest.mark.parametrize("name", ["with space", "comma,comma", "colon:colon", "Ünï 羊", "a=b", "quote'\"", "percent%41"])
def test_odd_folder_names(name, sheepskin, tmp_path):
    for place in (tmp_path / name,):
        place.mkdir()
        (place / "f").write_text(name)
        assert sheepskin("run", "-v", f"{place}:/{name.replace(':', ';')}", "cat", f"/{name.replace(':', ';')}/f").stdout.decode() == name


def test_relative_folders(sheepskin, small):
    assert sheepskin("run", "-v", "small:/host", "cat", "/host/poem.txt", cwd=small.parent).stdout == b"baa\n"


# ---- programs of the host ----

def test_program_by_path(sheepskin, guests):
    program = guests("args")
    assert sheepskin("run", program, "a", "").stdout.startswith(b"a\0\0\0")


def test_program_by_relative_path_and_link(sheepskin, guests, tmp_path):
    (tmp_path / "linked prog").symlink_to(guests("args"))
    assert sheepskin("run", "--", "./linked prog", "-v", cwd=tmp_path).stdout.startswith(b"-v\0\0")


def test_program_keeps_the_name_that_it_was_called_by(sheepskin, tmp_path):
    (tmp_path / "script").write_text("#!/bin/sh\n")
    (tmp_path / "script").chmod(0o755)
    assert sheepskin("run", "./script", cwd=tmp_path).stderr.startswith(b"sheepskin: ./script: a script")


def test_program_sees_no_more_of_its_folder(sheepskin, share, guests):
    """It comes through a share of its own that holds nothing else."""
    program = guests("cat")
    shutil.copy(program, share.parent / "alone")
    (share.parent / "secret-beside-it").write_text("wolf")
    done = sheepskin("run", share.parent / "alone", "/prog/secret-beside-it")
    assert done.returncode == 1 and b"wolf" not in done.stdout


def test_program_inside_a_share(sheepskin, share, guests, base):
    program = guests("cat")
    done = sheepskin("run", "--verbose", "-v", f"{base}:/base", program, "/base/share/poem.txt")
    assert done.stdout.endswith((share / "poem.txt").read_bytes()) and b"/prog" not in done.stderr


@pytest.mark.parametrize("words", WORDS, ids=lambda w: repr(w)[:30])
def test_arguments(words, sheepskin, guests):
    """Byte for byte what the same program gets on Linux."""
    program = guests("args")
    ours = sheepskin("run", "--", program, *words).stdout
    assert ours.startswith(linux(program, *words)[1].split(b"\0\0")[0] if all(words) and words else b"".join(w + b"\0" for w in words))


def test_random_arguments_through_both_doors(sheepskin, guests):
    seed = random.randrange(1 << 32)
    print("seed", seed)
    r = random.Random(seed)
    words = [bytes(r.choices(range(1, 256), k=r.randrange(200))) for _ in range(60)]
    for how in ("pvh", "efi"):
        assert sheepskin("run", "--boot", how, guests("args"), *words).stdout.startswith(b"".join(w + b"\0" for w in words) + b"\0")


def test_environment(sheepskin, guests):
    out = sheepskin("run", "-e", "A=one two", "-e", "B=", "-e", "C=x=y", guests("args")).stdout
    assert set(out.split(b"\0")) >= {b"A=one two", b"B=", b"C=x=y"}


# ---- standard input ----

INPUTS = [b"", b"one line\n", b"\x10", b"\x10\x04\x10\x10\x04", bytes(range(256)) * 4, b"\x04\x03\x1a", b"no newline", b"\r\n\r\n"]


@pytest.mark.parametrize("data", INPUTS, ids=lambda d: repr(d)[:30])
def test_input_arrives(data, sheepskin):
    done = sheepskin("run", "cat", input=data)
    assert (done.returncode, done.stdout, done.stderr) == (0, data, b"")


@pytest.mark.parametrize("name,size", [("q35", 3_000_000), ("pc", 300_000), ("microvm", 10_000)])
def test_long_input(name, size, sheepskin):
    """By a console on virtio, but on microvm by the UART, which takes its time."""
    data = random.Random(1).randbytes(size)
    done = sheepskin("run", "--machine", name, "sha256sum", input=data)
    assert done.stdout == subprocess.run([machine.BUILD / "apps/sha256sum"], input=data, capture_output=True).stdout


def test_input_by_efi(sheepskin):
    """OVMF reads the serial line too: nothing of ours may reach it."""
    assert sheepskin("run", "--boot", "efi", "cat", input=b"\x1b\x1b[A\r wool \x10").stdout == b"\x1b\x1b[A\r wool \x10"


def test_input_beside_a_console_of_the_users(sheepskin, tmp_path):
    """Two consoles on virtio would be one too many: the input must not be looked for at the user's."""
    log = tmp_path / "console"
    done = sheepskin("run", "--chardev", f"file,id=c,path={log}", "--device", "virtio-serial-pci", "--device", "virtconsole,chardev=c", "--timeout", "20",
                     "/bin/bash-static", "-c", "read word; echo $word; echo baa >/dev/hvc0", input=b"wool\n")
    assert (done.returncode, done.stdout, log.read_bytes()) == (0, b"wool\n", b"baa\n")


def test_no_input(sheepskin):
    assert sheepskin("run", "cat").returncode == 0
    assert subprocess.run(["sh", "-c", 'exec "$0" run cat <&-', LAUNCHER], capture_output=True, timeout=60).returncode == 0


def test_input_of_a_dialogue(tmp_path):
    """What the program prints comes before the input that answers it: no byte waits for more."""
    with subprocess.Popen([LAUNCHER, "run", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as p:
        for word in (b"first\n", b"second\n", b"x"):
            p.stdin.write(word)
            p.stdin.flush()
            assert p.stdout.read(len(word)) == word
        p.stdin.close()
        assert p.stdout.read() == b"" and p.wait(60) == 0


def test_terminal_is_told(guests):
    ours, theirs = pty.openpty()
    try:
        with subprocess.Popen([LAUNCHER, "run", guests("tty")], stdin=theirs, stdout=theirs) as p:
            os.close(theirs)
            seen = b""
            while b"size" not in seen or not seen.endswith(b"\n"):
                seen += os.read(ours, 1000)
            assert p.wait(60) == 0
        assert b"input 1 output 1" in seen
    finally:
        os.close(ours)


def test_pipe_is_no_terminal(sheepskin, guests):
    assert sheepskin("run", guests("tty"), input=b"").stdout.startswith(b"input 0 output 0")


# ---- endings ----

@pytest.mark.parametrize("status", [0, 1, 100, 124, 125, 126, 127, 128, 254, 255])
def test_status(status, sheepskin, guests):
    done = sheepskin("run", guests("fault"), str(status))
    assert (done.returncode, done.stderr) == (status, b"")


def test_fault(sheepskin, guests):
    done = sheepskin("run", guests("fault"), "null")
    assert done.returncode == 139 and done.stdout == b"before\n" and b"sheepskin: " in done.stderr


def test_not_found(sheepskin):
    one_line(sheepskin("run", "nosuchapp"), 127, "nosuchapp", "with a / in it")
    one_line(sheepskin("run", "/no/such/app"), 127, "/no/such/app")


def test_not_executable(sheepskin, share, tmp_path):
    one_line(sheepskin("run", share / "poem.txt"), 126, "poem.txt", "executable")
    one_line(sheepskin("run", share), 126, "share")
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")
    script.chmod(0o755)
    one_line(sheepskin("run", script), 126, "script", "ELF", "interpreter")


def test_panic_is_not_a_status_of_255(sheepskin, canary):
    done = sheepskin("run", "x", lib=canary(err="why\n", ctl="sheepskin 1\npanic\n"))
    assert done.returncode == 255 and b"why\n" in done.stderr and b"panicked" in done.stderr


@pytest.mark.parametrize("ctl", ["sheepskin 1\n", "sheepskin 1\nrun\n", ""])
@pytest.mark.parametrize("end", [0, 1])
def test_end_without_a_word(ctl, end, sheepskin, canary):
    """A triple fault, or the exit port, with no status told: QEMU's own 0 proves nothing, and its 1 neither."""
    if end == 0 and not ctl:
        return
    done = sheepskin("run", "x", lib=canary(out="half", ctl=ctl, end=end))
    assert done.returncode == 254 and done.stdout == b"half" and b"qemu-system-x86_64 " in done.stderr


def test_no_sign_of_life(sheepskin, canary):
    """... says so, and shows the line that reproduces it, which a shell takes as it stands."""
    start = time.monotonic()
    done = sheepskin("run", "a b", "c'd", lib=canary(err="noise\n", end=2), env={"SHEEPSKIN_BOOT_TIMEOUT": "1"})
    assert time.monotonic() - start < 20
    assert done.returncode == 254 and b"no sign of life" in done.stderr
    words = shlex.split(done.stderr.decode().splitlines()[-1])
    assert words[0] == "qemu-system-x86_64" and words[-1].endswith("-- a%20b c%27d")


def test_hang_before_the_program(sheepskin, canary):
    for limit in "1", "4", "16":  # a machine that is busy may take a while for the first word
        done = sheepskin("run", "x", lib=canary(ctl="sheepskin 1\n", end=2), env={"SHEEPSKIN_BOOT_TIMEOUT": limit})
        if b"no sign of life" not in done.stderr:
            break
    assert done.returncode == 254 and b"no program running" in done.stderr


def test_last_word_counts_even_if_the_machine_goes_on(sheepskin, canary):
    assert sheepskin("run", "x", lib=canary(ctl="sheepskin 1\nrun\nexit 3\n", end=2)).returncode == 3


@pytest.mark.parametrize("ctl,status", [("sheepskin 1\n", 254), ("sheepskin 1\nrun\nexit 3\n", 3), ("exit 3\nsheepskin 1\nrun\n", 3), ("x" * 300, 254)])
def test_a_guest_that_says_its_words_for_ever(ctl, status, sheepskin, canary):
    """Each word counts once: none of them puts off the end."""
    env = {"SHEEPSKIN_BOOT_TIMEOUT": "1"} if status == 254 else {}  # who has been heard must not be given up because the machine was busy
    done = sheepskin("run", "x", lib=canary(ctl=ctl, end=3), env=env, timeout=30)
    assert done.returncode == status


def test_time_out(sheepskin, canary):
    one_line(sheepskin("run", "--timeout", "1.5", "x", lib=canary(ctl="sheepskin 1\nrun\n", end=2)), 124, "1.5")


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_leaves_nothing(sig, canary, tmp_path, guests):
    env = {**os.environ, "SHEEPSKIN_LIB": str(canary(out="up", ctl="sheepskin 1\nrun\n", end=2)), "TMPDIR": str(tmp_path)}
    with subprocess.Popen([LAUNCHER, "run", guests("args")], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=env) as p:
        assert p.stdout.read(2) == b"up"
        assert len(os.listdir(tmp_path)) == 1
        child, = children(p.pid)
        p.send_signal(sig)
        assert p.wait(10) == -sig
    assert os.listdir(tmp_path) == [] and not os.path.exists(f"/proc/{child}")


def test_killed_launcher_takes_qemu_along(canary):
    env = {**os.environ, "SHEEPSKIN_LIB": str(canary(out="up", ctl="sheepskin 1\nrun\n", end=2))}
    with subprocess.Popen([LAUNCHER, "run", "x"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=env) as p:
        assert p.stdout.read(2) == b"up"
        child, = children(p.pid)
        p.kill()
        p.stdout.read()
    deadline = time.monotonic() + 10
    while alive(child) and time.monotonic() < deadline:
        os.sched_yield()
    assert not alive(child)


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children") as f:
        return f.read().split()


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_reader_that_goes_away(share, tmp_path):
    """As `sheepskin run ... | head -c 1`: the launcher dies of SIGPIPE, with nothing left behind."""
    with subprocess.Popen([LAUNCHER, "run", "-v", f"{share}:/host", "cat", "/host/size-9000001"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as p:
        p.stdout.read(1)
        p.stdout.close()
        assert p.wait(60) == -signal.SIGPIPE


def test_output_that_cannot_be_written(share):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([LAUNCHER, "run", "-v", f"{share}:/host", "cat", "/host/poem.txt"], stdin=subprocess.DEVNULL, stdout=full,
                              stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 125 and done.stderr.startswith(b"sheepskin: cannot write the program's output: No space left")


def test_output_that_is_closed(share):
    """Nobody's output is not an empty one: a program that writes is told about; one that writes nothing runs."""
    run = f"{LAUNCHER} run -v {share}:/host"
    done = subprocess.run(f"{run} cat /host/poem.txt >&-", shell=True, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 125 and done.stderr.startswith(b"sheepskin: cannot write the program's output: Bad file descriptor")
    assert subprocess.run(f"{run} cat /dev/null >&-", shell=True, stdin=subprocess.DEVNULL, timeout=60).returncode == 0


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"], ["run", "--dry-run", "hello"]], ids=" ".join)
def test_words_of_the_launcher_that_cannot_be_written(words):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([LAUNCHER, *words], stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 125 and done.stderr == b"sheepskin: cannot write to standard output: No space left on device; send it to another place\n"


def test_a_processor_that_cannot_go_on(tmp_path, sheepskin):
    """KVM stops the machine for good, and QEMU goes on waiting."""
    qemu = tmp_path / "qemu"
    qemu.write_text("#!/bin/sh\necho 'KVM internal error. Suberror: 1' >&2\nexec sleep 1000\n")
    qemu.chmod(0o755)
    done = sheepskin("run", "--qemu", qemu, "hello", timeout=30)
    assert done.returncode == 254 and b"KVM internal error" in done.stderr and b"sheepskin: KVM cannot go on with the guest; use --accel tcg" in done.stderr


# ---- wrong usage, missing things ----

@pytest.mark.parametrize("args,says", [
    ([], "run"), (["walk"], "run"), (["run"], "program"), (["run", "--machine", "z80", "hello"], "z80"), (["run", "--boot", "tape", "hello"], "tape"),
    (["run", "-v", "/tmp", "hello"], "/tmp"), (["run", "-v", "/tmp:host", "hello"], "/tmp:host"), (["run", "-v", ":/host", "hello"], ":/host"),
    (["run", "-v", "/tmp:/host:cache=los", "hello"], "cache=los"), (["run", "-v", "/tmp:/host:or", "hello"], "or"), (["run", "-v", "/tmp:/host:", "hello"], "/tmp:/host:"),
    (["run", "-v", "/no/such:/host", "hello"], "/no/such"), (["run", "-v", "/etc/passwd:/host", "hello"], "/etc/passwd"),
    (["run", "-v", "/tmp:/a", "-v", "/:/a", "hello"], "/a"), (["run", "--timeout", "soon", "hello"], "soon"), (["run", "--timeout", "0", "hello"], "0"),
    (["run", "--memory", "lots", "hello"], "lots"), (["run", "--memory", "1M", "hello"], "1M"), (["run", "--memory", "16M", "--boot", "efi", "hello"], "16M"),
    (["run", "-e", "NAME", "hello"], "NAME"), (["run", "--boot", "efi", "--machine", "microvm", "hello"], "microvm"),
    (["run", "--qemu", "/no/qemu", "hello"], "/no/qemu"), (["run", "--", "hello", "x" * 70000], "arguments"), (["run", ""], "program"),
], ids=lambda x: " ".join(x)[:40] if isinstance(x, list) else "")
def test_wrong_usage(args, says, sheepskin):
    one_line(sheepskin(*args), 125, says)


# ---- little memory ----

@pytest.mark.parametrize("memory", ["2M", "1536K"])
@pytest.mark.parametrize("name", ["q35", "pc", "microvm"])
def test_a_small_machine_shows_a_file_of_the_host(name, memory, share, sheepskin):
    done = sheepskin("run", "--machine", name, "--memory", memory, "-v", f"{share}:/host", "cat", "/host/poem.txt")
    assert (done.returncode, done.stdout, done.stderr) == (0, (share / "poem.txt").read_bytes(), b"")


def test_the_smallest_memory_is_told_and_is_enough(share, sheepskin):
    done = sheepskin("run", "--memory", "1025K", "-v", f"{share}:/host", "cat", "/host/poem.txt")
    one_line(done, 125, "1025K is too little to start in; give at least")
    least = done.stderr.split()[-1].decode()
    assert sheepskin("run", "--memory", least, "-v", f"{share}:/host", "cat", "/host/poem.txt").stdout == (share / "poem.txt").read_bytes()


def test_below_4_mib_only_the_program_itself_is_there(share, sheepskin):
    assert sheepskin("run", "--memory", "4M", "ls", "/bin").stdout.split()[:3] == [b"cat", b"hello", b"ls"]
    assert sheepskin("run", "--memory", "3M", "ls", "/", "/prog").stdout.split() == [b"/:", b"dev", b"proc", b"prog", b"sys", b"tmp", b"/prog:", b"ls"]
    done = sheepskin("run", "--memory", "3M", "no-such")
    assert done.returncode == 127 and b"no-such: no such program" in done.stderr
    one_line(sheepskin("run", "--dry-run", "--memory", "2M", "cat"), 125, "4M")


@pytest.mark.parametrize("more", [2 ** 20, 2 ** 30])
def test_a_kernel_too_large_for_the_memory_is_not_started(more, tmp_path, sheepskin):
    """Loaders would put the initial files over it, and nobody would be left to say so."""
    kernel = bytearray((machine.BUILD / "kernel.elf").read_bytes())
    headers, count = int.from_bytes(kernel[32:40], "little"), int.from_bytes(kernel[56:58], "little")
    loads = [at for at in range(headers, headers + 56 * count, 56) if kernel[at] == 1]
    kernel[loads[-1] + 40:loads[-1] + 48] = more.to_bytes(8, "little")  # bytes in memory
    (tmp_path / "kernel.elf").write_bytes(kernel)
    shutil.copy(machine.BUILD / "initfs.cpio", tmp_path)
    one_line(sheepskin("run", "--memory", "2M", "hello", lib=tmp_path), 125, "2M is too little to start in; give at least")


@pytest.mark.parametrize("args,says", [(["--wolf"], "--wolf"), (["-x"], "-x"), (["--verbose=1"], "--verbose=1"), (["--boot"], "--boot"), (["-v"], "-v")],
                         ids=" ".join)
def test_option_that_is_not_understood(args, says, sheepskin):
    one_line(sheepskin("run", *args), 125, f"'{says}'", "--help")


@pytest.mark.parametrize("places,says", [(["/a", "/a/"], "/a"), (["/a", "//b/./../a"], "/a"), (["/dev/"], "/dev"), (["/proc"], "/proc"), (["/sys"], "/sys"), (["/prog"], "/prog")],
                         ids=" ".join)
def test_places_that_are_taken(places, says, sheepskin, small):
    one_line(sheepskin("run", *[w for p in places for w in ("-v", f"{small}:{p}")], "hello"), 125, f" {says}")


@pytest.mark.parametrize("guest,path", [("/a/", "/a"), ("//a/./b/../c", "/a/c"), ("/..", ""), ("/a/..", "")], ids=repr)
def test_spellings_of_a_place(guest, path, sheepskin, small):
    assert sheepskin("run", "-v", f"{small}:{guest}", "cat", f"{path}/poem.txt").stdout == b"baa\n"


def test_most_arguments(sheepskin, guests):
    """What does not fit is refused: a program never sees a part of its arguments."""
    words = [b"%d" % i for i in range(1024)]
    assert sheepskin("run", guests("args"), *words[:-1]).stdout.startswith(b"".join(w + b"\0" for w in words[:-1]) + b"\0")
    one_line(sheepskin("run", guests("args"), *words), 125, "arguments")


def test_most_options(sheepskin, small):
    def shares(n):
        return [w for i in range(n) for w in ("-v", f"{small}:/{i or ''}:ro")]
    done = sheepskin("run", *shares(20), *["-e", "A=b"] * 32, "cat", "/19/poem.txt", input=b"")
    assert (done.stdout, done.stderr) == (b"baa\n", b"")
    one_line(sheepskin("run", *shares(21), "hello"), 125, "20 shares")


def test_missing_files(sheepskin, tmp_path):
    one_line(sheepskin("run", "hello", lib=tmp_path), 125, "kernel.elf", "make")


def test_qemu_that_fails(sheepskin):
    """Its own message is passed on, for only it knows the cause; otherwise its noise is dropped."""
    done = sheepskin("run", "--memory", "99999999G", "hello")
    assert done.returncode == 125 and len(done.stderr.splitlines()) >= 2 and b"qemu" in done.stderr
    assert sheepskin("run", "--qemu", "/bin/false", "hello").returncode == 125


def test_help_and_version(sheepskin):
    for args in (["--help"], ["run", "--help"], ["-h"], ["run", "-h"]):
        done = sheepskin(*args)
        assert done.returncode == 0 and b"sheepskin run" in done.stdout and done.stderr == b""
    assert sheepskin("--version").stdout.startswith(b"sheepskin ")


def test_dry_run_prints_a_line_that_works(sheepskin, share):
    done = sheepskin("run", "--dry-run", "-v", f"{share}:/host", "cat", "/host/two words.txt")
    assert done.returncode == 0 and done.stderr == b"" and len(done.stdout.splitlines()) == 1
    again = subprocess.run(["sh", "-c", done.stdout], stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert again.stdout == b"two words\n" and b"exit 0" in again.stderr


def test_dry_run_by_efi_names_the_application(sheepskin):
    words = shlex.split(sheepskin("run", "--dry-run", "--boot", "efi", "--machine", "pc", "hello").stdout.decode())
    assert words[words.index("-kernel") + 1].endswith("/sheepskin.efi") and words[words.index("-bios") + 1].endswith("OVMF.fd")


def test_installed(tmp_path, small):
    """As `make install` lays it out: the files are found beside the launcher."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib/sheepskin").mkdir(parents=True)
    shutil.copy(LAUNCHER, tmp_path / "bin")
    for name in ("kernel.elf", "initfs.cpio"):
        shutil.copy(machine.BUILD / name, tmp_path / "lib/sheepskin")
    done = subprocess.run([tmp_path / "bin/sheepskin", "run", "-v", f"{small}:/host", "cat", "/host/poem.txt"], stdin=subprocess.DEVNULL,
                          capture_output=True, timeout=60, cwd="/")
    assert (done.stdout, done.stderr) == (b"baa\n", b"")
