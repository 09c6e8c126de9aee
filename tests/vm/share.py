# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""share - the folder that has what folders can have."""
import os
import random

DEPTH = 40
ENTRIES = 5000
SPARSE = 5 << 30
OLD = 1_000_000_000_123_456_789  # nanoseconds: one time for all, so that two runs see the same
LONG = "n" * 255
UTF8 = "Ünï 羊 🐑.txt"


def pattern(size, seed):
    return random.Random(seed).randbytes(size)


def depth_path():
    return "/".join(f"d{i}" for i in range(DEPTH))


def fill(root):
    (root / "poem.txt").write_text("The wolf took off\nits fleece of PCI\nand read a file.\n")
    (root / "empty").touch()
    (root / "two words.txt").write_text("two words\n")
    (root / " leading and trailing ").write_text("blanks\n")
    (root / UTF8).write_text("wool\n")
    (root / LONG).write_text("long\n")
    (root / "quote'\"$`\\%41.txt").write_text("quotes\n")
    for size in (1, 4095, 4096, 4097, 65536, 1 << 20, (4 << 20) + 1, 9_000_001):
        (root / f"size-{size}").write_bytes(pattern(size, size))
    with open(root / "sparse", "wb") as f:
        f.truncate(SPARSE)
        f.seek(SPARSE - 4)
        f.write(b"end\n")
    many = root / "many"
    many.mkdir()
    for i in range(ENTRIES):
        (many / f"entry-{i:04}").touch()
    deep = root / depth_path()
    deep.mkdir(parents=True)
    (deep / "treasure").write_text("deep\n")
    links(root)
    os.mkfifo(root / "fifo")
    (root / "secret").write_text("secret\n")
    (root / "secret").chmod(0)
    age(root)


def fill_small(root):
    """Some of it, for a guest that may do with it what it likes."""
    for name in ("poem.txt", "sparse", "size-9000001"):
        (root / name).write_bytes(pattern(5000, 1))
    (root / "d0").mkdir()
    (root / "many").mkdir()
    for i in range(50):
        (root / "many" / f"entry-{i}").touch()
    os.mkfifo(root / "fifo")
    (root / "link-loop").symlink_to("link-loop")
    (root / "link-dir").symlink_to("d0")


def links(root):
    for name, target in {"link": "poem.txt", "link-dir": "d0/d1", "link-absolute": "/host/poem.txt", "link-link": "link", "link-up": "../host/poem.txt",
                         "link-loop": "link-loop", "loop-a": "loop-b", "loop-b": "loop-a", "link-out": "/etc/hostname", "link-out-up":
                         "../../../../../../../../etc/hostname", "link-dangling": "nowhere", "link-slash": "d0/"}.items():
        (root / name).symlink_to(target)
    for i in range(39):
        (root / f"chain-{i}").symlink_to(f"chain-{i + 1}")
    (root / "chain-39").symlink_to("poem.txt")
    (root / "chain-too-long").symlink_to("chain-0")


def age(root):
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            os.utime(os.path.join(folder, name), ns=(OLD, OLD), follow_symlinks=False)
        os.utime(folder, ns=(OLD, OLD))
