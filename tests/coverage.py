#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""coverage.py BUILD - runs what was built with counters in BUILD, and prints a table: lines and branches of each kernel file that were reached."""
import gzip
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def run(build):
    """All unit tests, each fuzz target over its corpus, the 9P client before a real server."""
    quiet = dict(cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for source in sorted((ROOT / "tests/unit").glob("*.c")):
        if subprocess.run([build / "unit" / source.stem], **quiet).returncode:
            sys.exit(f"coverage: the unit test {source.stem} fails")
    for program in sorted((build / "replay").iterdir()):
        corpus = ROOT / "tests/fuzz/corpus" / program.name
        if corpus.is_dir() and subprocess.run([program, corpus], **quiet).returncode:
            sys.exit(f"coverage: the corpus of {program.name} fails")
    env = dict(os.environ, P9CLIENT=str(build / "9pclient"), PYTHONDONTWRITEBYTECODE="1")
    if subprocess.run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/9p"], env=env, **quiet).returncode:
        print("coverage: the suite 9p fails, and is not all counted")


def reports(build):
    """What gcov knows of each kernel file."""
    with tempfile.TemporaryDirectory() as place:
        counters = sorted((build / "unit/obj/kernel").rglob("*.gcda"))
        subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--preserve-paths", *counters], cwd=place, check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for path in Path(place).glob("*.gcov.json.gz"):
            with gzip.open(path) as f:
                yield from json.load(f)["files"]


def is_clean(branch):
    return not branch["throw"]


def main():
    build = ROOT / sys.argv[1]
    if "--table" not in sys.argv:
        run(build)
    lines, branches = {}, {}
    for f in reports(build):
        name = os.path.relpath(ROOT / f["file"], ROOT)
        if not name.startswith("kernel/"):
            continue
        for line in f["lines"]:
            key = name, line["line_number"]
            lines[key] = max(lines.get(key, 0), line["count"])
            for i, b in enumerate(filter(is_clean, line["branches"])):
                branches[key + (i,)] = max(branches.get(key + (i,), 0), b["count"])
    missing = {}
    print(f"{'file':36} {'lines':>12} {'branches':>14}")
    for name in sorted({k[0] for k in lines}) + [None]:
        table = []
        for counted in (lines, branches):
            hits = [n > 0 for k, n in counted.items() if name in (None, k[0])]
            table.append(f"{sum(hits):5}/{len(hits):<5}{100 * sum(hits) / max(len(hits), 1):4.0f} %")
        print(f"{name or 'all':36} {table[0]} {table[1]}")
        missing[name] = sorted({k[1] for k, n in list(lines.items()) + list(branches.items()) if k[0] == name and not n})
    if "--missing" in sys.argv:
        for name in sys.argv[sys.argv.index("--missing") + 1:]:
            print(f"{name}: not reached, wholly or in part: {' '.join(map(str, missing.get(name, [])))}")


main()
