# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What the tests of whole machines share: the folder, programs built for it, the launcher."""
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import machine
import share as shares

HERE = Path(__file__).resolve().parent
# OVMF on a busy machine takes longer than a launcher's user would wait.
os.environ.setdefault("SHEEPSKIN_BOOT_TIMEOUT", str(machine.TIME_LIMIT - 5))
# What compilers from gcc 14 on do not take, older ones shall not take either.
REFUSED = ["implicit-function-declaration", "implicit-int", "int-conversion", "incompatible-pointer-types"]


@pytest.fixture(scope="session")
def base():
    """A folder that any user may enter; pytest's own are closed to all but its user, and some tests run QEMU as another."""
    folder = Path(tempfile.mkdtemp(prefix="sheepskin-vm-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def share(base):
    folder = base / "share"
    folder.mkdir()
    shares.fill(folder)
    return folder


@pytest.fixture(scope="session")
def images(base):
    """Kernel and initial files where any user may read them."""
    for name in ("kernel.elf", "initfs.cpio"):
        shutil.copy(machine.BUILD / name, base / name)
    return {"kernel": base / "kernel.elf", "files": base / "initfs.cpio"}


@pytest.fixture
def small(tmp_path):
    """A share with one file."""
    folder = tmp_path / "small"
    folder.mkdir()
    (folder / "poem.txt").write_text("baa\n")
    return folder


@pytest.fixture(scope="session")
def guests(base):
    """guests("args") -> the path of that static program, built with musl; guests("cat", "gcc", ...) with another compiler, or flags and libraries."""
    folder = base / "guests"
    folder.mkdir()

    def build(name, compiler="musl-gcc", *flags):
        out = folder / "-".join([name, compiler, *flags]).replace("/", "_")
        if not out.exists():
            source, = (HERE / "guests").glob(name + ".c*")
            newer = ["-Werror=" + what for what in REFUSED] if source.suffix == ".c" else []
            subprocess.run([compiler, "-O1", *newer, source, *(flags or ["-static"]), "-o", out], check=True)
        return out
    return build


@pytest.fixture(scope="session")
def canary(base):
    """canary(out=..., err=..., ctl=..., end=0) -> a folder with that guest as kernel.elf, as the launcher expects it."""
    folder = base / "canary"
    folder.mkdir()

    def build(out="", err="", ctl="", end=0):
        place = Path(tempfile.mkdtemp(dir=folder))
        place.chmod(0o755)
        words = [f'-D{k}="{v}"'.replace("\n", "\\n") for k, v in {"OUT": out, "ERR": err, "CTL": ctl}.items()]
        subprocess.run(["gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x100000,--build-id=none,-z,noexecstack", *words, f"-DEND={end}",
                        HERE / "guests/canary.S", "-o", place / "kernel.elf"], check=True)
        (place / "initfs.cpio").touch()
        return place
    return build


@pytest.fixture
def sheepskin(tmp_path):
    """sheepskin("run", ...) -> CompletedProcess of bytes. No file of the launcher's may be left when the test ends."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()

    def run(*args, lib=None, env=None, stdin=subprocess.DEVNULL, timeout=machine.TIME_LIMIT, **more):
        env = {**os.environ, "TMPDIR": str(temporary), **({"SHEEPSKIN_LIB": str(lib)} if lib else {}), **(env or {})}
        if "input" not in more:
            more["stdin"] = stdin
        done = subprocess.run([machine.BUILD / "sheepskin", *args], capture_output=True, env=env, timeout=timeout, **more)
        print(args, done)
        return done
    yield run
    assert list(temporary.iterdir()) == []
