# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""What was read ahead is handed to the program in whole pages: no program may see another difference than the time."""
import shutil

import pytest

import machine
from rows import PLAIN

SIZE = (2 << 20) + 777


def file_bytes():
    """What the program expects in the file."""
    words = ((at * 2654435761) & 0xffffffff for at in range(SIZE))
    return bytes((x >> 24 ^ x >> 11) & 255 for x in words)


@pytest.mark.parametrize("cache, memory, rounds", [("none", "128M", 6), ("readahead", "128M", 6), ("loose", "128M", 6), ("none", "9M", 4), ("readahead", "12M", 4)])
def test_a_program_reads_into_whole_pages(cache, memory, rounds, guests, tmp_path):
    """Read-only, unmapped, moved, thrown away, written from, beside the end of the file; with much memory and little, and none is lost."""
    shutil.copy(guests("handover"), tmp_path / "handover")
    (tmp_path / "file").write_bytes(file_bytes())
    got = machine.boot(PLAIN, ["/host/handover", "/host/file", "/host/copy", str(rounds)], share=tmp_path, memory=memory,
                       options=["loglevel=warn", f"mount=host:/host:cache={cache}"])
    assert (got.status, got.out, got.err) == (("exit", 0), b"0 wrong\n", "")
    assert (tmp_path / "copy").read_bytes() == file_bytes()
