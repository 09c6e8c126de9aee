# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Recovery (rule C12): QEMU's device is broken at the N-th request, its reset forgets the whole session, and the program goes on with its files."""
import hashlib

import machine
from rows import PLAIN

AGAIN = 'sheepskin: 9p: "host" was mounted again'


def broken_at(n, share, *argv):
    return machine.boot(PLAIN, argv, share=share, options=[f"provoke=needs-reset:{n}", "loglevel=warn"])


def test_reading_goes_on_at_every_message(tmp_path):
    """A request of six bytes breaks QEMU's device; from the third one on there is a mount to be had again. Some N lie behind the program's end."""
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "big").write_bytes(bytes(range(256)) * 4000)
    (tmp_path / "a" / "b" / "small").write_bytes(b"small\n")
    want = "".join(f"{hashlib.sha256((tmp_path / f).read_bytes()).hexdigest()}  /host/{f}\n" for f in ("big", "a/b/small"))
    mounted_again = 0
    for n in range(3, 15):
        got = broken_at(n, tmp_path, "sha256sum", "/host/big", "/host/a/b/small")
        assert (got.status, got.out.decode()) == (("exit", 0), want), n
        mounted_again += AGAIN in got.err
        assert "without an interrupt" not in got.err
    assert mounted_again >= 10


def test_writing_fails_once_and_goes_on(guests, tmp_path):
    """What was under way when it happened may fail with EIO, once; nothing else does, and what was written lies on the host."""
    (tmp_path / "again").write_bytes(guests("again").read_bytes())
    (tmp_path / "again").chmod(0o755)
    said, mounted_again = [], 0
    for n in range(8, 38):
        file = tmp_path / "file"
        file.unlink(missing_ok=True)
        got = broken_at(n, tmp_path, "/host/again", "/host/file")
        lines = got.out.decode().splitlines()
        assert got.status == ("exit", 0), got.err
        assert lines[-1:] == ["5 of 5"] and len(lines) <= 2 and all("EIO" in line for line in lines[:-1]), (n, lines)
        assert file.read_text() == "1\n2\n3\n4\n5\n"
        said += lines[:-1]
        mounted_again += AGAIN in got.err
    assert mounted_again >= 15
    assert {"pwrite: EIO"} <= set(said) <= {"open: EIO", "pwrite: EIO"}
