#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""fuzz.py SECONDS TARGET... - runs each fuzz target that long, from the inputs of tests/fuzz/corpus on; what it finds besides goes to build/fuzz.
fuzz.py merge TARGET... - takes what was found into tests/fuzz/corpus, as few and as small inputs as reach the same."""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build/fuzz"
CORPUS = ROOT / "tests/fuzz/corpus"
LONGEST = 2048  # bytes of an input
# A kernel whose memory is full of what it keeps for ever ends its process with this status, and the next one starts.
ENV = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")


def places(name):
    """Where new inputs go, and where the old ones are."""
    found, corpus = BUILD / f"{name}.corpus", CORPUS / name
    if not found.is_dir():
        subprocess.run([sys.executable, ROOT / "tests/fuzz/seeds.py", name, found], check=True)
    return found, corpus


def libfuzzer(name, *args):
    return subprocess.run([BUILD / name, *args], cwd=ROOT, env=ENV, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace")


def fuzz(name, seconds):
    found, corpus = places(name)
    before = len(list(found.iterdir()))
    for old in BUILD.glob(f"{name}.crash-*"):
        old.unlink()
    # In another process each time, because what the kernel keeps for ever fills its memory.
    done = libfuzzer(name, "-fork=1", f"-max_total_time={seconds}", "-timeout=20", f"-max_len={LONGEST}", f"-artifact_prefix={BUILD / name}.", found,
                     *([corpus] if corpus.is_dir() else []))
    (BUILD / f"{name}.log").write_text(done.stdout)
    states = re.findall(r"^#(\d+): cov: (\d+) ft: (\d+)", done.stdout, re.M)
    runs, edges, features = states[-1] if states else (0, 0, 0)
    print(f"  FUZZ     {name}: {runs} executions, {edges} edges, {features} features, {len(list(found.iterdir())) - before} new inputs", flush=True)
    if not done.returncode:
        return True
    print("\n".join(done.stdout.splitlines()[-60:]))
    for crash in BUILD.glob(f"{name}.*-*"):
        print(f"  {name} fails; see it again: make build/replay/{name} && build/replay/{name} {crash.relative_to(ROOT)}")
    return False


def merge(name):
    found, corpus = places(name)
    new = BUILD / f"{name}.merged"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    done = libfuzzer(name, "-set_cover_merge=1", "-use_counters=0", f"-max_len={LONGEST}", "-timeout=20", new, found, *([corpus] if corpus.is_dir() else []))
    if done.returncode:
        print("\n".join(done.stdout.splitlines()[-40:]))
        return False
    shutil.rmtree(corpus, ignore_errors=True)
    shutil.move(new, corpus)
    files = list(corpus.iterdir())
    print(f"  CORPUS   {name}: {len(files)} inputs, {sum(f.stat().st_size for f in files)} bytes", flush=True)
    return True


def main():
    what, names = sys.argv[1], sys.argv[2:]
    if what != "merge" and not (what.isdigit() and int(what)):  # to libfuzzer 0 is for ever
        sys.exit(f"T={what} is no number of seconds; give one above 0")
    good = [merge(n) if what == "merge" else fuzz(n, int(what)) for n in names]
    sys.exit(0 if all(good) else 1)


main()
