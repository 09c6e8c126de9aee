#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""prove.py [UNIT[.CASE]...] - proves by Frama-C's Eva that the parsers of the host's bytes make no run-time error, whatever the bytes are.

Each function prove_CASE of tests/prove/UNIT.c is one analysis: it calls the kernel's own source with unknown input. A line of the head comment

    plant CASE: FILE: OLD -> NEW

is a mistake that must not go unseen: it is made in a copy of FILE, and the same analysis must then have an alarm there. `also FILE` is a source
that is analysed with the unit, `flags CASE: ...` what Eva is told besides."""
import os
import re
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = ROOT / "tests/prove"
BUILD = ROOT / "build/prove"
TIMEOUT = 300  # seconds for one analysis
FLAGS = ["-machdep", "gcc_x86_64", "-c11", "-eva", "-eva-slevel", "12", "-eva-split-return", "auto", "-eva-no-results",
         "-eva-no-show-progress", "-eva-no-alloc-returns-null"]


class Unit:
    def __init__(self, path):
        self.name = path.stem
        text = path.read_text()
        self.cases = re.findall(r"^void prove_(\w+)\(void\)$", text, re.M)
        self.also = re.findall(r"^ \* also (\S+)$", text, re.M)
        self.flags = {case: flags.split() for case, flags in re.findall(r"^ \* flags (\w+): (.+)$", text, re.M)}
        self.plants = [(case, file, old, new) for case, file, old, new in re.findall(r"^ \* plant (\w+): (\S+): (.+?) -> (.+)$", text, re.M)]


def analyse(unit, case, tree, more=()):
    """[what is wrong...], statements reached and all of them. Nothing wrong: the case is proved."""
    share = subprocess.run(["frama-c", "-print-share-path"], capture_output=True, text=True).stdout.strip()
    include = " ".join(f"-I{p}" for p in (f"{share}/libc", tree / "kernel", tree, tree / "tests/prove"))
    command = ["frama-c", *FLAGS, "-eva-slevel-function", f"prove_{case}:5000", *unit.flags.get(case, []), *more, f"-cpp-extra-args=-nostdinc {include} -include any.h -D_Alignof=__alignof__", "-main", f"prove_{case}",
               tree / f"tests/prove/{unit.name}.c", tree / "tests/prove/below.c", *(tree / f for f in unit.also)]
    try:
        done = subprocess.run(command, cwd=tree, capture_output=True, text=True, timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        return [f"not done in {TIMEOUT} s"], (0, 0)
    out = done.stdout + done.stderr
    wrong = [re.sub(r"\s+", " ", m) for m in re.findall(r"^\[eva:alarm\] (.+(?:\n  .+)*)", out, re.M)]
    wrong += re.findall(r"Neither code nor specification for function (?:\w+)", out)
    wrong += re.findall(r"^.*NON TERMINATING FUNCTION.*$|^.*\[kernel\] (?:User|Frama-C) .*$|^.*: user error: .*$", out, re.M)
    reached = re.search(r"(\d+) statements reached \(out of (\d+)\)", out)
    if done.returncode or not reached:
        wrong += out.strip().splitlines()[-5:]
    elif not wrong and not re.search(r"^  0 alarms generated", out, re.M):
        wrong.append("the summary does not say that there are no alarms")
    if os.environ.get("PROVE_LOG"):
        print(out)
    return wrong, tuple(map(int, reached.groups())) if reached else (0, 0)


def planted(unit, number):
    """A copy of what is analysed with one mistake in it; None: the line is not there any more."""
    _, file, old, new = unit.plants[number]
    tree = BUILD / f"{unit.name}.{number}"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(ROOT / "kernel", tree / "kernel")
    shutil.copytree(ROOT / "boot", tree / "boot")
    shutil.copytree(HERE, tree / "tests/prove")
    text = (tree / file).read_text()
    if text.count(old) != 1:
        return None
    (tree / file).write_text(text.replace(old, new))
    return tree


def prove(unit, case):
    start = time.monotonic()
    wrong, (reached, statements) = analyse(unit, case, ROOT)
    seconds = time.monotonic() - start
    print(f"  PROVE    {unit.name} {case}: {'proved' if not wrong else f'{len(wrong)} alarms'}, "
          f"{reached} of {statements} statements, {seconds:.1f} s", flush=True)
    for w in wrong:
        print(f"    {w}", flush=True)
    return not wrong


def plant(unit, number):
    case, file, old, new = unit.plants[number]
    tree = planted(unit, number)
    wrong = tree and analyse(unit, case, tree, ["-eva-stop-at-nth-alarm", "1"])[0]
    found = bool(wrong) and any(re.search(r"^\S+:\d+: Warning", w) for w in wrong)
    if found:
        shutil.rmtree(tree)
    else:
        what = "would go unseen" if tree else "cannot be made: the line is not there, or more than once"
        print(f"  PLANT    {unit.name} {case}: {file}: {old} -> {new} {what}{': ' + wrong[0] if wrong else ''}", flush=True)
    return found


def run(wanted=(), plants=None):
    """(passed, failed), or None where there is no Frama-C. plants: how many of each unit are made, if not all."""
    if not shutil.which("frama-c"):
        print("  (nothing is proved: Frama-C is not installed; Debian 12 has it as frama-c-base, and `make prove` installs it)")
        return None
    units = [Unit(p) for p in sorted(HERE.glob("*.c"))]
    unknown = set(wanted) - {name for u in units if u.cases for name in (u.name, *(f"{u.name}.{case}" for case in u.cases))}
    if unknown:
        sys.exit(f"no unit, nor case of one: {' '.join(sorted(unknown))}; the units are: {' '.join(u.name for u in units if u.cases)}")
    jobs = []
    with ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        for u in units:
            for case in u.cases:
                if not wanted or u.name in wanted or f"{u.name}.{case}" in wanted:
                    jobs.append(pool.submit(prove, u, case))
                    jobs += [pool.submit(plant, u, i) for i, p in enumerate(u.plants[:plants]) if p[0] == case]
    passed = sum(j.result() for j in jobs)
    return passed, len(jobs) - passed


if __name__ == "__main__":
    result = run(sys.argv[1:])
    if result:
        print(f"{result[0]} passed, {result[1]} failed")
    sys.exit(1 if result and result[1] else 0)
