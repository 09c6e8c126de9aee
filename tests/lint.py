# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""lint - the rules of design and style that a machine can check; each rule is one test."""
import fnmatch
import re
import subprocess
from pathlib import Path

import conformance as table

MAX_FUNCTION = 80
MAX_FILE = 500
MAX_KERNEL = 16000
MAX_MAKEFILE = 250
CLANG_FORMAT = "14"  # the version whose look is ours; others differ in small things
LICENCE = "SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause"

CHECKS = []


def check(function):
    CHECKS.append(function)
    return function


class Tree:
    def __init__(self, root):
        self.root = root
        self.files = sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and not p.is_symlink() and
                            not p.relative_to(root).parts[0] in ("build", ".git", "demo") and "__pycache__" not in p.parts and
                            p.relative_to(root).parts[:3] != ("tests", "fuzz", "corpus"))
        self.text = {}
        for name in self.files:
            try:
                self.text[name] = (root / name).read_text()
            except UnicodeDecodeError:
                pass

    def c(self, prefix=""):
        return [f for f in self.text if f.startswith(prefix) and f.endswith((".c", ".h"))]

    def sources(self):
        """Everything that is written in a programming language."""
        ends = (".c", ".h", ".S", ".py", ".sh", ".ld", ".mk")
        return [f for f in self.text if f.endswith(ends) or f == "Makefile" or self.text[f].startswith("#!")]


def layers(tree):
    """[(group, [pattern...])...], lowest first."""
    rows = []
    for line in tree.text["kernel/LAYERS"].splitlines():
        if line.strip() and not line.startswith("#"):
            group, *patterns = line.split()
            rows.append((group, patterns))
    return rows


def row_of(rows, name):
    """The row of a file by its path below kernel/, without the ending."""
    for i, (_, patterns) in enumerate(rows):
        if any(fnmatch.fnmatchcase(name, p) for p in patterns):
            return i
    return None


@check
def layering(tree):
    """A kernel file includes only headers of lower rows of kernel/LAYERS, and those of its own module."""
    rows = layers(tree)
    for f in tree.c("kernel/"):
        name = f[len("kernel/"):-2]
        mine = row_of(rows, name)
        if mine is None:
            yield f"{f}: is in no row of kernel/LAYERS"
            continue
        for header in re.findall(r'^\s*#\s*include\s+"([^"]+)\.h"', tree.text[f], re.M):
            folder = name.rsplit("/", 1)[0] + "/" if "/" in name else ""
            target = folder + header if folder + header in [h[len("kernel/"):-2] for h in tree.c("kernel/")] else header
            theirs = row_of(rows, target)
            same_module = target.split("_")[0] == name.split("_")[0] or (folder and target.startswith(folder))
            if theirs is None:
                yield f'{f}: includes "{header}.h", which is in no row of kernel/LAYERS'
            elif same_module and mine == theirs or target == name:
                continue
            elif theirs >= mine:
                yield f'{f}: includes "{header}.h", which is not of a lower row'
            elif {rows[mine][0], rows[theirs][0]} == {"files", "devices"}:
                yield f'{f}: includes "{header}.h": files and devices never include each other'


@check
def headers_stand_low(tree):
    """A kernel header includes nothing but base.h."""
    for f in tree.c("kernel/"):
        if f.endswith(".h") and f != "kernel/base.h":
            for header in re.findall(r'^\s*#\s*include\s+["<]([^">]+)[">]', tree.text[f], re.M):
                if header != "base.h":
                    yield f"{f}: includes {header}"


@check
def drivers_are_leaves(tree):
    """A file in kernel/drivers/ has no header."""
    for f in tree.c("kernel/drivers/"):
        if f.endswith(".h"):
            yield f"{f}: a driver is one file, and nobody includes it"


@check
def special_code_has_its_place(tree):
    """volatile and assembly stand only in base.h, the processor's files and virtq*."""
    for f in tree.c("kernel/"):
        if not re.match(r"kernel/(base\.h$|x86_64/|virtq)", f):
            for i, line in enumerate(tree.text[f].splitlines(), 1):
                code = re.sub(r'"(\\.|[^"\\])*"|//.*|/\*.*?(\*/|$)', '""', line)
                if re.search(r"\b(volatile|asm|__asm__|__sync_\w+|__atomic_\w+)\b", code):
                    yield f"{f}:{i}: {line.strip()}"


@check
def no_ifdef(tree):
    """A feature is a file: the kernel has no #if but the guards of headers."""
    for f in tree.c("kernel/"):
        for i, line in enumerate(tree.text[f].splitlines(), 1):
            if re.match(r"\s*#\s*(if|ifdef|elif)\b", line) or re.match(r"\s*#\s*ifndef\b", line) and not f.endswith(".h"):
                yield f"{f}:{i}: {line.strip()}"


@check
def client_rules(tree):
    """Each of the rules C1 to C16 of the 9P client is in the name of a unit test."""
    tests = " ".join(t for f in tree.c("tests/unit/") for t in re.findall(r"^static void (\w+)\(void \*\*state\)", tree.text[f], re.M))
    for n in range(1, 17):
        if not re.search(rf"(\b|_)c{n:02}_", tests):
            yield f"tests/unit: no test named c{n:02}_..."


@check
def function_length(tree):
    """A function has at most 80 lines. Our format puts its braces alone into column 1."""
    for f in tree.c():
        lines = tree.text[f].splitlines()
        start = None
        for i, line in enumerate(lines):
            if line == "{":
                start = i
            elif line == "}" and start is not None:
                if i - start + 1 > MAX_FUNCTION:
                    yield f"{f}:{start}: {lines[start - 1].strip()} has {i - start + 1} lines"
                start = None


@check
def file_length(tree):
    """A source file has at most 500 lines; tests are tables, and may be longer."""
    for f in tree.sources():
        if f.startswith("tests/"):
            continue
        n = tree.text[f].count("\n")
        if n > MAX_FILE:
            yield f"{f}: {n} lines"


@check
def budgets(tree):
    """The kernel stays under 16,000 lines of code, the Makefile under 250. Comments, blank lines and lone braces are free."""
    kernel = 0
    for name in tree.c("kernel/"):
        if name.endswith(".c"):
            code = re.sub(r"/\*.*?\*/", lambda m: "\n" * m.group().count("\n"), tree.text[name], flags=re.S)
            kernel += sum(bool(re.search(r"[^\s{};]", line)) for line in code.splitlines())
    if kernel >= MAX_KERNEL:
        yield f"the .c files of kernel/ have {kernel} lines of code"
    makefile = tree.text["Makefile"].count("\n")
    if makefile >= MAX_MAKEFILE:
        yield f"Makefile has {makefile} lines"


@check
def licence(tree):
    """Each source file says its licence in the first lines."""
    for f in tree.sources():
        if LICENCE not in "\n".join(tree.text[f].splitlines()[:3]):
            yield f"{f}: no SPDX line"


@check
def first_sentence(tree):
    """The second line of a C file is its name and what it is."""
    for f in tree.c():
        second = (tree.text[f].splitlines() + ["", ""])[1]
        if not re.match(r"/\* [\w/.-]+ - \S", second):
            yield f"{f}: the second line is not /* name - what it is."


@check
def white_space(tree):
    """No blanks at line ends, no tabs in C, a newline at the end."""
    for f in tree.sources() + [f for f in tree.text if f.endswith(".md")]:
        text = tree.text[f]
        if text and not text.endswith("\n"):
            yield f"{f}: no newline at the end"
        for i, line in enumerate(text.splitlines(), 1):
            if line != line.rstrip():
                yield f"{f}:{i}: blanks at the end"
            if "\t" in line and f.endswith((".c", ".h")):
                yield f"{f}:{i}: a tab"


@check
def formatting(tree):
    """clang-format would change nothing (`make format`)."""
    version = subprocess.run(["clang-format", "--version"], capture_output=True, text=True).stdout
    if f"version {CLANG_FORMAT}." not in version:
        print(f"  (formatting is checked by clang-format {CLANG_FORMAT} only; here is {version.strip()})")
        return
    for f in tree.c():
        done = subprocess.run(["clang-format", "--dry-run", "-Werror", f], cwd=tree.root, capture_output=True, text=True)
        if done.returncode:
            yield f"{f}: make format"


@check
def tour(tree):
    """docs/tour.md names every source file of the system once, by its path."""
    text = tree.text.get("docs/tour.md")
    if text is None:
        yield "docs/tour.md: is missing"
        return
    named = re.findall(r"`((?:boot|kernel|apps|tools)/[\w./-]+\.(?:c|h|S|sh))`", text)
    wanted = [f for f in tree.text if re.match(r"(boot|kernel|apps|tools)/", f) and f.endswith((".c", ".h", ".S", ".sh"))]
    # A header goes without saying where the .c of that name is named.
    for f in wanted:
        if not (f.endswith(".h") and f[:-2] + ".c" in wanted) and named.count(f) != 1:
            yield f"docs/tour.md: names {f} {named.count(f)} times"
    for f in sorted(set(named) - set(wanted)):
        yield f"docs/tour.md: names {f}, which does not exist"


@check
def trust(tree):
    """docs/trust.md names files and functions that there are: `FILE`: `FUNCTION`, `FUNCTION`."""
    for line in tree.text.get("docs/trust.md", "").splitlines():
        at = None
        cells = line.split("|") if line.startswith("|") else []
        for name in re.findall(r"`([\w./]+)`", " ".join(cells[2:3] + cells[4:5])):
            if "/" in name:
                at = name
                if at not in tree.text:
                    yield f"docs/trust.md: names {at}, which does not exist"
            elif at in tree.text and "." not in name and not re.search(rf"\b{name}\(|\b(SYSCALL|ATTRFS_SHOW)\({name}\)", tree.text[at]):
                yield f"docs/trust.md: names {name} of {at}, which is not there"


@check
def copies_are_calls(tree):
    """What the host wrote is fetched by memcpy() once (docs/trust.md), so the compiler must not see into it: it could fetch again what it knows to be a copy."""
    flags = " ".join(re.findall(r"^K_(?:FLAGS|GUARD) := (.*(?:\\\n.*)*)", tree.text["Makefile"], re.M))
    if "-ffreestanding" not in flags or re.search(r"-flto|-fbuiltin|-fwhole-program", flags):
        yield "Makefile: K_FLAGS must have -ffreestanding, and nothing that inlines across files"
    for f in tree.c("kernel/"):
        if re.search(r"__builtin_(mem|str)\w+", tree.text[f]) or (f != "kernel/string.c" and re.search(r"^\w.*\bmemcpy\(.*\)$", tree.text[f], re.M)):
            yield f"{f}: memory is copied by the functions of kernel/string.c"


@check
def conformance(tree):
    """Each id in a test's name is one of tests/conformance.py; docs/conformance.md is the newest, with nothing open in it."""
    yield from table.unknown(tree.root)
    if tree.text.get(table.DOCUMENT) != table.document(tree.root):
        yield f"{table.DOCUMENT}: tests/conformance.py --write"
    yield from (f"tests/conformance.py: {key} has neither test nor reason" for key in table.still_open(tree.root))


def run(root):
    tree = Tree(Path(root))
    passed = failed = 0
    for rule in CHECKS:
        complaints = list(rule(tree))
        if complaints:
            failed += 1
            print(f"  lint {rule.__name__}: {rule.__doc__}")
            for text in complaints:
                print(f"    {text}")
        else:
            passed += 1
    return passed, failed
