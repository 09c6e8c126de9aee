# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""Programs that no one here wrote: each runs on Linux and in the guest, on a folder of its own; status, output and folder must be equal."""
import os
import sqlite3
import signal
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
BASH = "/bin/bash-static"


def tree(folder):
    """Names, types, modes and contents."""
    found = {}
    for path in sorted(folder.rglob("*")):
        st = path.lstat()
        found[str(path.relative_to(folder))] = (oct(st.st_mode), os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None)
    return found


def all_signals_at_default():
    """As in the guest; some who start tests have SIGINT and SIGQUIT ignored."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)


@pytest.fixture
def both(sheepskin, tmp_path):
    """both(program, args...): "{}" in an argument is the folder. fill(folder) makes what lies there. Returns what both gave: the output."""
    def run(program, *args, fill=lambda folder: None, input=b"", lines=0):
        folders = [tmp_path / "linux", tmp_path / "guest"]
        for folder in folders:
            folder.mkdir()
            fill(folder)
        linux = subprocess.run([program, *[a.replace("{}", str(folders[0])) for a in args]], input=input, capture_output=True, timeout=60,
                               env={"PATH": "/bin", "LC_ALL": "C"}, umask=0o022, preexec_fn=all_signals_at_default)
        guest = sheepskin("run", "-v", f"{folders[1]}:/host", "-e", "PATH=/bin", "-e", "LC_ALL=C", "--", program, *[a.replace("{}", "/host") for a in args], input=input)
        print(linux)
        same = str(folders[0]).encode()
        assert guest.stdout == linux.stdout.replace(same, b"/host")
        assert (guest.stderr if linux.returncode >= 0 else b"") == linux.stderr.replace(same, b"/host")
        assert guest.returncode == (linux.returncode if linux.returncode >= 0 else 128 - linux.returncode)
        assert tree(folders[1]) == tree(folders[0])
        return linux.stdout
    return run


# ---- bash, with what it has built in ----

SCRIPTS = {
    "loops": "for i in 1 2 3; do echo $i; done; for ((i = 0; i < 3; i++)); do echo $i; done; n=3; while ((n--)); do echo $n; done; until ((++n > 2)); do echo $n; done",
    "read a file": "for i in 1 2 3; do echo \"line $i of it\"; done > lines; while read -r a b rest; do echo \"[$a][$b][$rest]\"; done < lines",
    "read input": "while IFS=, read -r -d ';' a b; do echo \"$b $a\"; done; read -N 3 x; echo \"$x\"",
    "read by bytes": "read -n 2 a; read -n 2 b; read c; echo \"$a/$b/$c\"; read -t 0; echo $?; read -t 1 d; echo \"$? $d\"",
    "read its own script's input": "mapfile -t all; echo ${#all[@]} ${all[-1]}",
    "arrays": "a=(x y 'z w'); a+=(last); echo ${#a[@]} \"${a[2]}\" ${a[@]:1:2} ${!a[@]}; unset 'a[1]'; echo ${a[@]}; declare -A m=([one]=1 [two]=2); echo ${m[two]} ${#m[@]}",
    "printf": "printf '%05d|%-6s|%x|%o|%e|%q|%b|%c\\n' 42 ab 255 8 1.5 'a b' 'x\\ty' zz; printf -v v '%(%Y-%m-%d)T' 86400; echo $v; printf '%s-' a b c",
    "patterns": "[[ foobar123 =~ ^foo(bar)([0-9]+)$ ]] && echo ${BASH_REMATCH[1]} ${BASH_REMATCH[2]}; [[ x.c == *.[ch] ]] && echo c; shopt -s extglob; [[ aab == +(a)b ]] && echo ext",
    "arithmetic": "echo $((7 * 6)) $((2 ** 40)) $((-7 / 2)) $((-7 % 3)) $((0x1f)) $((8#17)) $((1 << 62)) $((3 > 2 ? 1 : 0)); let 'x = 5, y = x++'; echo $x $y; echo $((1 / 0))",
    "here-documents": "v=wool; read -r x << END\nfrom $v $((1 + 1))\nEND\necho \"$x\"; mapfile m <<- 'END'\n\ta $v\n\tb\n\tEND\necho \"${m[@]}\"; read -r y <<< \"$v\"; echo $y",
    "a long here-document": "printf -v long '%070000d' 7; read -r x << END\n$long\nEND\necho ${#x}; read -r y <<< \"${long:0:60000}\"; echo ${#y}",
    "redirections": "echo one > f; echo two >> f; echo three 1>&2 2> e; { echo a; echo b; } > g; exec 5> h; echo five >&5; exec 5>&-; exec 6<> f; read -r x <&6; echo $x; echo new >&6; exec 6>&-",
    "noclobber": "set -C; echo 1 > f; echo 2 > f; echo $?; echo 3 >| f; read -r x < f; echo $x; echo y > no/such/file; echo $?; read z < missing; echo $?",
    "exec to a file": "echo before; exec > out 2> err; echo within; echo wrong >&2; cd nosuchfolder",
    "globs": "touch() { for f; do : > $f; done; }; touch b a .h c.txt 'two words' '*'; echo *; echo .*; echo *.txt; echo nothing*; shopt -s nullglob dotglob; echo nothing* [ab]*; echo *",
    "deep globs": ": > x; shopt -s globstar; echo **; echo \"$PWD\"/*; GLOBIGNORE=x; echo *; set -f; echo *",
    "tests": ": > f; echo text > g; for t in -e -f -d -s -r -w -x -L -h -p -S -b -c; do [ $t f ] && echo $t f; [ $t g ] && echo $t g; [ $t . ] && echo $t .; done; [ f -ef ./f ] && echo same; [ -t 0 ] || echo no terminal; [ /dev/null -ef f ] || echo other; [ -c /dev/null ] && echo c",
    "traps": "trap 'echo bye $?' EXIT; trap 'echo wrong $BASH_COMMAND' ERR; trap 'echo -n .' DEBUG; false; true; trap - DEBUG; f() { trap 'echo back' RETURN; return 3; }; f; exit 5",
    "functions": "f() { local x=$1; ((x <= 1)) && echo 1 && return; f $((x - 1)); echo $x; }; f 4; g() { printf '%s\\n' \"${FUNCNAME[@]}\"; }; g; declare -f f; unset -f f; f",
    "text": "x=hello; echo ${x^^} ${x/l/L} ${x//l/L} ${#x} ${x:1:3} ${x: -2} ${x#he} ${x%lo} ${x##*l} ${y:-default} ${x@Q} ${x/#h/J}; echo {a..e} {1..10..3} {x,y}{1,2}",
    "options": "set -eu; set -- a -b c; while getopts ab: o -a -b x; do echo $o $OPTARG; done; shift 2; echo $# $@; echo $unset; echo not here",
    "errors": "cd nowhere; echo $?; . ./nowhere; echo $?; eval 'if'; echo $?; kill -0 99999; echo $?; return; exit 300",
    "sourcing": "echo 'x=sourced; echo in $1; return 4' > lib; . ./lib arg; echo $? $x; source lib; echo 'echo $0 $# $FOO' > script; FOO=bar . ./script",
    "folders": "echo $PWD; cd /; pwd; cd - ; pushd /dev > /dev/null; dirs -l; popd; pwd -P; cd /dev/../dev/.; echo $PWD $OLDPWD; umask 077; : > \"$1/private\"; umask; umask -S",
    "limits": "ulimit -n 50; ulimit -n; ulimit -Sn 20; ulimit -Sn; ulimit -s; ulimit -c 0; ulimit -c; ulimit -n 5; exec 4< /dev/null; exec 5< /dev/null; echo $?",
    "many files": "for i in {1..300}; do echo $i > file$i; done; n=0; for f in file*; do read -r x < $f; ((n += x)); done; echo $n",
    "large text": "for i in {1..3000}; do echo \"line $i\"; done > big; n=0; while read -r _ i; do ((n += i)); done < big; echo $n; x=$(( n )); mapfile -s 10 -n 2 m < big; echo \"${m[@]}\"",
    "case and select": "for x in a 1 -; do case $x in [a-z]) echo letter;;& [0-9]) echo digit;; *) echo other;; esac; done; PS3='? '; select w in wolf sheep; do echo $w; break; done",
    "time zone": "TZ=UTC0 printf '%(%c %Z)T\\n' 1000000000; echo $((SECONDS < 50)) $((EPOCHSECONDS > 1600000000)) $UID $EUID; times > /dev/null; echo $?",
    "signals": "trap 'echo usr1 $?' USR1; trap 'echo term; exit 3' TERM; trap '' HUP; kill -USR1 $$; kill -HUP $$; trap -p; echo next; trap - USR1; kill -s TERM $$; echo not here",
    "a signal that ends it": "echo before; kill -USR1 $$; echo not here",
    "process": "echo $(($$ > 0)) $(($PPID >= 0)) $!; wait; echo $?; jobs; kill -l 15; hash; type echo; type -t if; command -v echo; enable -n let; type -t let; echo $BASH_SUBSHELL",
}


@pytest.mark.parametrize("name", SCRIPTS)
def test_bash(name, both):
    both(BASH, "--norc", "-c", 'cd "$1" || exit; ' + SCRIPTS[name], "script", "{}", input=b"one,two;three,four;xyz\nmore\nlast\n")


def test_bash_runs_a_script_of_the_share(both):
    script = "#!/bin/bash\ncd \"$1\"\n" + "\n".join(f"echo {i} >> out" for i in range(2000)) + "\nexit 7\n"
    both(BASH, "{}/script", "{}", fill=lambda folder: (folder / "script").write_text(script))


def test_bash_reads_its_commands_from_input(both):
    assert both(BASH, "-s", "{}", input=b"cd $1\necho hello > f\nread x\nnext line\necho got $x\n") == b"got next line\n"


# ---- libraries ----

def test_lua(both, guests):
    program = guests("lua", "gcc", "-static", "-llua5.4", "-lm")
    both(program, "{}/lua.lua", "{}", fill=lambda folder: (folder / "lua.lua").write_text((HERE / "scripts/lua.lua").read_text()), input=b"first\nlast")


STATEMENTS = [
    "CREATE TABLE flock(id INTEGER PRIMARY KEY, name TEXT, weight REAL, note BLOB)",
    "WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 5000) INSERT INTO flock SELECT i, 'sheep ' || i, i * 0.5, zeroblob(i % 50) FROM c",
    "CREATE INDEX by_name ON flock(name)", "SELECT count(*), sum(weight), max(name) FROM flock", "SELECT id, weight FROM flock WHERE name = 'sheep 777'",
    "BEGIN; DELETE FROM flock WHERE id % 2; SELECT count(*) FROM flock; ROLLBACK; SELECT count(*) FROM flock",
    "BEGIN; UPDATE flock SET weight = weight + 1 WHERE id < 1000; SAVEPOINT s; DELETE FROM flock; ROLLBACK TO s; COMMIT",
    "SELECT no_such_column FROM flock", "INSERT INTO flock VALUES(1, 'double', 0, NULL)", "DELETE FROM flock WHERE id > 3000", "VACUUM", "PRAGMA integrity_check", "PRAGMA page_count",
    "CREATE TEMP TABLE t AS SELECT name FROM flock ORDER BY weight DESC", "SELECT * FROM t LIMIT 3", "ATTACH DATABASE '{}/other' AS other", "CREATE TABLE other.copy AS SELECT * FROM flock",
    "SELECT count(*) FROM other.copy JOIN flock USING(id)", "SELECT name FROM flock ORDER BY random() LIMIT 0", "DROP TABLE other.copy", "PRAGMA wal_checkpoint",
]


@pytest.fixture
def sqlite(guests):
    return guests("sqlite", "gcc", "-static", "-lsqlite3", "-lm")


@pytest.mark.parametrize("mode", ["DELETE", "TRUNCATE", "MEMORY", "WAL"])
def test_sqlite(mode, both, sqlite, tmp_path):
    """Both write the same bytes. The write-ahead log without other users needs no memory that is shared."""
    both(sqlite, "{}/database", "PRAGMA locking_mode = " + ("EXCLUSIVE" if mode == "WAL" else "NORMAL"), "PRAGMA journal_mode = " + mode, *STATEMENTS)
    db = sqlite3.connect(tmp_path / "guest/database")
    assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert db.execute("SELECT count(*), sum(id) FROM flock").fetchall() == [(3000, 3000 * 3001 // 2)]


def test_sqlite_goes_on_where_the_host_stopped(both, sqlite, tmp_path):
    """The host's database, and a journal that a crash of the host's left behind, which the guest rolls back."""
    def fill(folder):
        db = sqlite3.connect(folder / "database")
        db.executescript("CREATE TABLE t(x, y UNIQUE); BEGIN")
        db.executemany("INSERT INTO t VALUES(?, ?)", [(i, f"host {i * 7919 % 5000}") for i in range(5000)])
        db.commit()
        db.close()
        db = sqlite3.connect(folder / "database", isolation_level=None)
        db.executescript("PRAGMA cache_size = 5; BEGIN; UPDATE t SET x = -1")
        journal = (folder / "database-journal").read_bytes(), (folder / "database").read_bytes()
        db.execute("ROLLBACK")
        db.close()
        (folder / "database").write_bytes(journal[1])
        (folder / "database-journal").write_bytes(journal[0])
    out = both(sqlite, "{}/database", "SELECT count(*), sum(x) FROM t", "PRAGMA integrity_check", "UPDATE t SET y = 'guest ' || x WHERE x % 3 = 0",
               "SELECT y FROM t WHERE y LIKE 'guest 42%' ORDER BY y LIMIT 4", fill=fill)
    assert out.startswith(b"5000|%d\nok\n" % sum(range(5000)))
    assert sqlite3.connect(tmp_path / "guest/database").execute("SELECT count(*) FROM t WHERE y LIKE 'guest%'").fetchone() == (1667,)


def test_sqlite_with_a_shared_log_is_told_why_not(sheepskin, sqlite, tmp_path):
    folder = tmp_path / "share"
    folder.mkdir()
    done = sheepskin("run", "-v", f"{folder}:/host", sqlite, "/host/database", "PRAGMA journal_mode = WAL", "CREATE TABLE t(x)")
    assert done.returncode == 1 and b"error: disk I/O error" in done.stdout
    assert done.stderr.endswith(b": no file in memory to write there (mmap, MAP_SHARED); let it use read and write\n") and done.stderr.count(b"\n") == 1


@pytest.mark.parametrize("compiler", ["musl-gcc", "gcc"])
def test_c_library(compiler, both, guests):
    assert both(guests("library", compiler), "{}").count(b"\n") > 40


def test_cxx_streams(both, guests):
    both(guests("streams", "g++", "-static", "-std=c++17"), "{}", input=b"wool\n\n" + b"x" * 5000)


# ---- what there is not ----

PROCESS = "second process here (fork); start the other program by itself, with sheepskin run"
REFUSED = {
    "fork": ("Function not implemented", PROCESS),
    "vfork": ("Function not implemented", PROCESS),
    "spawn": ("Function not implemented", PROCESS),
    "thread": ("Function not implemented", "threads here (clone); let it run with one, or take a build without them"),
    "exec": ("Function not implemented", "other program in its place (execve); start that one by itself, with sheepskin run"),
    "socket": ("Address family not supported by protocol", "network here (socket); bring what it needs as files"),
    "shared": ("No such device", "file in memory to write there (mmap, MAP_SHARED); let it use read and write"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused_in_one_line(what, sheepskin, guests):
    program = guests("ask", "gcc")
    error, line = REFUSED[what]
    done = sheepskin("run", "--", program, what)
    assert (done.returncode, done.stdout.decode()) == (0, f"{error}\n" * 2)
    assert done.stderr.decode() == f"sheepskin: {program.name[:15]}: no {line}\n"


@pytest.mark.parametrize("what,answer", [("unix", "Address family not supported by protocol"), ("peer", "Socket operation on non-socket")])
def test_refused_without_a_word(what, answer, sheepskin, guests):
    """C libraries ask so for services that may be absent anywhere, and shells whether their input is a network's."""
    done = sheepskin("run", "--", guests("ask", "gcc"), what, input=b"")
    assert (done.stdout.decode(), done.stderr) == (f"{answer}\n" * 2, b"")


@pytest.mark.parametrize("number", [425, 500, 100000])
def test_unknown_call_in_one_line(number, sheepskin, guests):
    program = guests("ask", "gcc")
    done = sheepskin("run", "--", program, str(number))
    assert done.stdout == b"Function not implemented\n" * 2
    assert done.stderr.decode() == f"sheepskin: {program.name[:15]}: system call {number} is not there (ENOSYS)\n"


NO_FORK, NO_EXEC = "fork: Function not implemented", "line 1: %s: Function not implemented"


@pytest.mark.parametrize("command,status,says", [
    ("/bin/cat; echo not reached", 254, NO_FORK), ("/bin/cat", 126, NO_EXEC % "/bin/cat"), ("nosuchcommand; echo not reached", 254, NO_FORK), ("(echo inner)", 254, NO_FORK),
    ("x=$(echo inner)", 254, NO_FORK), ("echo a | read b", 254, NO_FORK), ("sleep 1 &", 254, NO_FORK)], ids=lambda x: str(x))
def test_bash_says_what_it_could_not_run(command, status, says, sheepskin):
    """Its own words and status, and our line, once."""
    done = sheepskin("run", "--", BASH, "-c", command)
    line = PROCESS if says == NO_FORK else REFUSED["exec"][1]
    assert (done.returncode, done.stdout) == (status, b"")
    assert done.stderr.decode() == f"sheepskin: bash-static: no {line}\n{BASH}: {says}\n"
