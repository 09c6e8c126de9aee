# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Bad conditions on the host: a disk that is full, rights that QEMU's user lacks, files that go or change in the middle, descriptors that run out. What the
guest is told is what Linux says to the same program in the same trouble, and the machine goes on."""
import os
import shutil
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import machine
from rows import PLAIN

NOBODY = 65534
FULL = 1 << 20  # bytes of the disk that is full, and of the largest file where there is a limit
AS_NOBODY = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"] if os.geteuid() == 0 else []


@pytest.fixture
def program(guests):
    return guests("trouble", "gcc", "-static")


@pytest.fixture
def place(base, request):
    """A folder for the folders of one test, which any user may enter."""
    folder = base / f"trouble-{abs(hash(request.node.name))}"
    folder.mkdir()
    yield folder
    shutil.rmtree(folder)


def host_acts(ctl, actions, ended):
    """Does what the program waits for, at each of its points."""
    for name, act in actions.items():
        while not (ctl / f"at-{name}").exists():
            if ended.is_set():
                return
            time.sleep(0.002)
        act()
        (ctl / f"go-{name}").touch()


def play(start, place, actions):
    """start(ctl) runs the program, on whatever system, while the host acts; returns what it printed."""
    ctl = place / "ctl"
    ctl.mkdir()
    ctl.chmod(0o777)
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        acting = pool.submit(host_acts, ctl, actions, ended)
        try:
            out = start(ctl)
        finally:
            ended.set()
            acting.result()
    shutil.rmtree(ctl)
    return out.decode().splitlines()


def on_linux(program, scene, folder, place, actions=None, before=()):
    def start(ctl):
        return subprocess.run([*before, program, scene, folder], env={"CTL": str(ctl), "PATH": os.environ["PATH"]}, stdout=subprocess.PIPE, check=True,
                              timeout=machine.TIME_LIMIT).stdout
    return play(start, place, actions or {})


def in_the_guest(program, scene, folder, place, images, actions=None, before=(), options=()):
    def share(tag, path, more=""):
        return ["-fsdev", f"local,id={tag},path={path},security_model=none,multidevs=remap{more}", "-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"]

    def start(ctl):
        got = machine.boot(PLAIN, [f"/prog/{program.name}", scene, "/host"], share=None, before=before, **images, options=[
            "loglevel=warn", "mount=host:/host", "mount=ctl:/ctl", "mount=prog:/prog:ro", *options], extra=[
            *share("host", folder), *share("ctl", ctl), *share("prog", program.parent, ",readonly=on")])
        assert got.status == ("exit", 0)
        return got.out
    return play(start, place, actions or {})


def values(lines):
    return {line.split()[0]: line.split()[1] for line in lines}


# ---- no room ----

def namespace():
    """What gives a command mounts of its own, if anything does here."""
    for words in (["unshare", "-m"], ["unshare", "-rm"]):
        done = subprocess.run([*words, "mount", "-t", "tmpfs", "tmpfs", "/mnt"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if done.returncode == 0:
            return words
    return None


NAMESPACE = namespace()


def small_disk(folder):
    """Runs a command while `folder` is a disk of FULL bytes, a quarter of them taken; what lies there at the end goes to folder.end."""
    script = (f'mount -t tmpfs -o size={FULL} tmpfs {folder} && head -c {FULL // 4} /dev/zero > {folder}/ballast && "$@"; s=$?; '
              f'cp -a {folder}/. {folder}.end; exit $s')
    return [*NAMESPACE, "sh", "-c", script, "sh"]


def small_files(folder):
    """Runs a command whose files cannot grow beyond FULL bytes."""
    (folder / "ballast").touch()
    return ["sh", "-c", f'trap "" XFSZ; ulimit -f {FULL // 512}; "$@"; s=$?; cp -a {folder}/. {folder}.end; exit $s', "sh"]


# Without mounts, as in some containers, the limit alone shows it.
@pytest.mark.parametrize("trouble", [small_files] + ([small_disk] if NAMESPACE else []))
def test_case_h5_h10_no_room(trouble, program, place, images):
    outs = {}
    for system, run in (("linux", on_linux), ("guest", lambda *a, **k: in_the_guest(*a, images, **k))):
        folder = place / system
        folder.mkdir()
        outs[system] = run(program, "full", folder, place, before=trouble(folder))
    assert outs["guest"] == outs["linux"]
    assert values(outs["guest"])["missing"] == values(outs["guest"])["wrong"] == "0"
    one, two = ((place / f"{system}.end/big").read_bytes() for system in outs)
    assert one == two and len(one) > FULL // 2


# ---- rights ----

def test_case_h8_rights_that_qemus_user_lacks(program, place, images):
    outs = []
    for system in (on_linux, lambda *a, **k: in_the_guest(*a, images, **k)):
        folder = place / f"denied-{len(outs)}"
        folder.mkdir()
        for name, mode in (("secret", 0o600 if AS_NOBODY else 0), ("public", 0o444)):
            (folder / name).write_text(name)
            (folder / name).chmod(mode)
        (folder / "closed").mkdir()
        (folder / "closed/x").touch()
        (folder / "closed").chmod(0o700 if AS_NOBODY else 0)
        (folder / "own").mkdir()
        (folder / "own").chmod(0o777)
        folder.chmod(0o755 if AS_NOBODY else 0o555)
        outs.append(system(program, "denied", folder, place, before=AS_NOBODY))
        (folder / "closed").chmod(0o700)
        folder.chmod(0o755)
        assert sorted(os.listdir(folder)) == ["closed", "own", "public", "secret"] and (folder / "public").read_text() == "public"
        assert "newer" in os.listdir(folder / "own")
    assert outs[1] == outs[0]
    assert sum("EACCES" in line for line in outs[1]) >= 6


# ---- what goes ----

def test_case_h2_h3_files_that_go_in_the_middle(program, place, images):
    outs = []
    for system in (on_linux, lambda *a, **k: in_the_guest(*a, images, **k)):
        folder = place / f"vanish-{len(outs)}"
        folder.mkdir()
        for name in ("gone", "cut", "other"):
            (folder / name).write_text(name[0] * 4000)
        (folder / "new").write_text("n" * 300)
        (folder / "dir").mkdir()
        (folder / "dir/x").touch()

        def act():
            (folder / "gone").unlink()
            os.truncate(folder / "cut", 500)
            (folder / "new").rename(folder / "other")
            shutil.rmtree(folder / "dir")
        outs.append(system(program, "vanish", folder, place, actions={"open": act}))
        assert sorted(os.listdir(folder)) == ["cut", "other", "then"]
    assert outs[1] == outs[0]


# ---- descriptors of the host ----

def few_files(n=300):
    return ["sh", "-c", f'ulimit -n {n}; exec "$@"', "sh"]


@pytest.mark.parametrize("limit", [300, 120])
def test_fewer_descriptors_than_open_files(limit, program, place, images):
    """QEMU closes files that were not used for a while and opens them again: the guest does not notice. Where that is not enough either, it is EMFILE, and
    once files are closed all is as before."""
    folder = place / "many"
    folder.mkdir()
    out = in_the_guest(program, "many", folder, place, images, before=few_files(limit))
    rounds = [[int(line.split()[1]) for line in out[i:i + 3]] for i in (0, 3, 6)]
    assert all(opened + refused == 240 and wrong == 0 for opened, refused, wrong in rounds) and out[9:] == ["then 0 ok"]
    assert rounds[2][0] >= rounds[0][0] > limit // 3
    assert limit < 300 or rounds == [[240, 0, 0]] * 3


def test_file_moved_that_qemu_had_closed(program, place, images):
    """QEMU finds it no more, as it goes by names: an error of that file; all others work."""
    folder = place / "moved"
    folder.mkdir()
    for i in range(240):
        (folder / f"f{i}").write_text(f"file {i:5}")

    def act():
        (folder / "f0").rename(folder / "elsewhere")
        (folder / "f1").unlink()
    out = in_the_guest(program, "moved", folder, place, images, actions={"open": act}, before=few_files(120))
    assert [line.split()[0] for line in out] == ["moved", "gone", "last", "again"]
    assert all(line.split()[2] in ("ok", "ENOENT", "EINVAL") for line in out[:2])
    assert out[2:] == ["last 10 ok", "again 0 ok"]


# ---- shares ----

def test_eight_shares(program, place, images):
    """The last one is read only: for it nothing is made."""
    extra, options = [], ["loglevel=warn", "mount=prog:/prog:ro"]
    for i in range(8):
        (place / f"s{i}").mkdir()
        extra += ["-fsdev", f"local,id=s{i},path={place}/s{i},security_model=none", "-device", f"virtio-9p-pci,fsdev=s{i},mount_tag=s{i}"]
        options.append(f"mount=s{i}:/s{i}" + (":ro" if i == 7 else ""))
    extra += ["-fsdev", f"local,id=prog,path={program.parent},security_model=none,readonly=on", "-device", "virtio-9p-pci,fsdev=prog,mount_tag=prog"]
    got = machine.boot(PLAIN, [f"/prog/{program.name}", "shares", "/"], share=None, options=options, extra=extra, **images)
    assert got.status == ("exit", 0)
    lines = got.out.decode().splitlines()
    assert lines[:8] == ["write 13 ok"] * 7 + ["write -1 EROFS"]
    links = ["EXDEV"] * 6 + ["EROFS", "ENOENT"]  # to the share that is read only, and from where there is no file
    assert lines[8:] == [line for error in links for line in ("rename -1 EXDEV", f"link -1 {error}", "same device 0 ok")]
    for i in range(7):
        assert os.listdir(place / f"s{i}") == ["mine"] and (place / f"s{i}/mine").read_text() == f"/s{i}/mine of {i}"
    assert os.listdir(place / "s7") == []


def test_unknown_tag(place, images):
    """The name that was asked for, and what would help; not a guest that runs without its files."""
    got = machine.boot(PLAIN, ["hello"], share=place, options=["loglevel=info", "mount=host:/host", "mount=nobody:/x"], **images)
    assert got.status == ("fail", 125)
    assert 'no share with the tag "nobody"' in got.err and "mount_tag=nobody" in got.err
