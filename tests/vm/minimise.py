#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""minimise PROGRAM COUNT SEED - leaves steps out of guests/fileops.c's sequence while host and guest still differ; prints the row to keep."""
import subprocess
import sys
import tempfile
from pathlib import Path

BUILD = Path(__file__).resolve().parents[2] / "build"


def ranges(numbers):
    """[1, 2, 3, 7] -> "1-3,7"."""
    words = []
    for n in sorted(numbers):
        if words and words[-1][1] == n - 1:
            words[-1][1] = n
        else:
            words.append([n, n])
    return ",".join(f"{a}-{b}" if a < b else str(a) for a, b in words)


def differs(program, count, seed, skipped):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([BUILD / "sheepskin", "diff", "--timeout", "60", "-v", f"{folder}:/host", "--", program, str(count), word(seed, skipped)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
    return done.stdout if done.returncode == 1 else ""


def word(seed, skipped):
    return f"{seed}:{ranges(skipped)}" if skipped else str(seed)


def minimise(fails, steps):
    """The steps without which it would not fail: halves, quarters... are left out as long as that works."""
    size = len(steps) // 2
    while size:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size:]
            if fails(fewer):
                steps = fewer
            else:
                at += size
        size //= 2
    return steps


def main():
    program, count, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    every = set(range(count))
    if not differs(program, count, seed, []):
        sys.exit("host and guest do the same")
    steps = minimise(lambda kept: bool(differs(program, count, seed, every - set(kept))), list(range(count)))
    count = max(steps) + 1
    skipped = set(range(count)) - set(steps)
    with tempfile.TemporaryDirectory() as folder:
        print(subprocess.run([program, str(count), word(seed, skipped)], cwd=folder, capture_output=True, text=True).stdout, end="")
    print(differs(program, count, seed, skipped), end="")
    print(f'    ({count}, "{word(seed, skipped)}"),')


if __name__ == "__main__":
    main()
