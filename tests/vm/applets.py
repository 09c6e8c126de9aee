# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
"""applets - what busybox is asked to do on the meadow: a line is the arguments as a shell splits them; a pair has the input, too."""
import bz2
import gzip
import io
import lzma
import os
import random
import subprocess
import tarfile
import zipfile

OLD = 1_000_000_000_123_456_789  # nanoseconds
LINES = "".join(f"{i * 7919 % 101} {w} {w[::-1]}\n" for i, w in enumerate("fleece wool ram ewe lamb wolf flock hill pen crook bell dog".split() * 5))


def fill(root):
    """The meadow: every kind of file that an applet can meet, all of it old."""
    (root / "poem.txt").write_text("The wolf took off\nits fleece of PCI\nand read a file.\n")
    (root / "lines").write_text(LINES)
    (root / "empty").touch()
    (root / "no-newline").write_text("last line")
    (root / "dos.txt").write_bytes(b"one\r\ntwo\r\n")
    (root / "tabs").write_text("a\tb\tc\n1\t2\t3\n\tx\t y\n")
    (root / "two words").write_text("two words\n")
    (root / "bytes").write_bytes(bytes(range(256)) * 5)
    (root / "random").write_bytes(random.Random(1).randbytes(300_001))
    (root / "sparse").touch()
    os.truncate(root / "sparse", 1 << 20)
    (root / "sub/deep/er").mkdir(parents=True)
    (root / "sub/a").write_text("a wolf\n")
    (root / "sub/b").write_text("b lamb\n")
    (root / "sub/deep/c").write_text("c\n" * 1000)
    (root / "sub2").mkdir()
    (root / "sub2/a").write_text("a lamb\n")
    (root / "sub2/b").write_text("b lamb\n")
    (root / "none").mkdir()
    for name, target in {"link": "poem.txt", "dlink": "sub", "dangling": "nowhere", "loop": "loop", "sub/up": "../poem.txt"}.items():
        (root / name).symlink_to(target)
    (root / "hard1").write_text("one file\n")
    os.link(root / "hard1", root / "hard2")
    (root / "script").write_text("#!/bin/sh\n")
    (root / "script").chmod(0o755)
    (root / "mode").write_text("x\n")
    (root / "mode").chmod(0o640)
    os.mkfifo(root / "fifo")
    os.setxattr(root / "sub/a", "user.colour", b"black")
    packed(root)
    for folder, _, names in os.walk(root, topdown=False):
        for name in names:
            os.utime(os.path.join(folder, name), ns=(OLD, OLD), follow_symlinks=False)
        os.utime(folder, ns=(OLD, OLD))


def packed(root):
    data = (root / "lines").read_bytes()
    (root / "l.gz").write_bytes(gzip.compress(data, mtime=0))
    (root / "l.bz2").write_bytes(bz2.compress(data))
    (root / "l.xz").write_bytes(lzma.compress(data))
    (root / "l.lzma").write_bytes(lzma.compress(data, lzma.FORMAT_ALONE))
    (root / "bad.gz").write_bytes(gzip.compress(data, mtime=0)[:-20])
    with tarfile.open(root / "t.tar", "w") as tar:
        for name, kind, content in [("t", tarfile.DIRTYPE, b""), ("t/file", tarfile.REGTYPE, b"from the archive\n"), ("t/link", tarfile.SYMTYPE, b""),
                                    ("t/hard", tarfile.LNKTYPE, b""), ("t/" + "n" * 120, tarfile.REGTYPE, b"long\n")]:
            info = tarfile.TarInfo(name)
            info.type, info.size, info.mtime, info.mode = kind, len(content), 1_100_000_000, 0o755 if kind == tarfile.DIRTYPE else 0o640
            info.linkname = {tarfile.SYMTYPE: "file", tarfile.LNKTYPE: "t/file"}.get(kind, "")
            tar.addfile(info, io.BytesIO(content))
    with zipfile.ZipFile(root / "z.zip", "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(zipfile.ZipInfo("zipped/lines", (2001, 2, 3, 4, 5, 6)), data)
    subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "-F", root / "c.cpio"], cwd=root, input=b"sub\nsub/a\nlink\nhard1\nhard2\nnone\n", check=True)
    (root / "a.diff").write_text("--- poem.txt\n+++ poem.txt\n@@ -1,3 +1,3 @@\n The wolf took off\n-its fleece of PCI\n+its fleece of virtio\n and read a file.\n")
    (root / "wrong.diff").write_text("--- poem.txt\n+++ poem.txt\n@@ -1,2 +1,2 @@\n No such line\n-nor this\n+at all\n")
    (root / "u.uu").write_text("begin 644 decoded\n#86)C\n`\nend\n")
    (root / "sums").write_text("d41d8cd98f00b204e9800998ecf8427e  empty\nd41d8cd98f00b204e9800998ecf8427e  poem.txt\n")


# What differs by nature is left out of the comparison, by lines that match.
IGNORED = {
    "df": "^(Filesystem|[^ ]+ +[0-9]| +[0-9]|[^ ]+$)",  # the device's name, and the numbers move
    "stat": "IO Block|Inode|^Change|^ Birth|^Access: 20|^Modify: 20|ID:",  # the copies' own inodes, devices and making; how much is best read at once
    "mktemp": "XX|/tmp/tmp|m[.]",
    "nproc": "^[0-9]+$",  # another machine
    "uname": "sheepskin|Linux [^ ]+ ",
    "free": "[0-9]",
    "uptime": "[0-9]",
    "ps": "[0-9]",
    "hostname": "^[a-z0-9-]+$",
    "dmesg": ".",
    "date": "20[2-9][0-9]",
    "sed": "can't move",  # names a file drawn by lot
}

APPLETS = {
    "cat": ["poem.txt", "poem.txt - lines", "-n poem.txt no-newline", "-A bytes", "-v dos.txt", "-b empty poem.txt", "link", "nowhere", "sub", "poem.txt/x",
            "dangling", "loop", "random", "-", ("-e", b"in\tput\n"), ("- poem.txt", b"input\n")],
    "ls": ["-la sub", "-lan sub/deep", "-1", "-R sub", "-ld . none", "-l nowhere poem.txt", "-F", "-p", "-lh random", "-S", "-t sub", "-r", "-lL link", "-ls",
           "-A none", "dlink", "dlink/", "-l dlink", "poem.txt/", "loop", "-d */", "-x", "--full-time poem.txt sub", "-lc sub/a nowhere/x", "-lu sub/b"],
    "cp": ["poem.txt new", "-a sub copy", "-a sub2/. none/all", "-r sub none", "-p mode new", "-d link new", "link new", "-l poem.txt new", "-s poem.txt new", "nowhere new", "sub new",
           "poem.txt sub nowhere", "-f poem.txt mode", "poem.txt poem.txt", "-R sub sub/deep/in", "sparse new", "random empty none", "poem.txt nowhere/x", "poem.txt none/",
           "poem.txt poem.txt/x", "-a hard1 hard2 none", "-u poem.txt lines", "-n poem.txt lines", "-T sub none", "-i -f poem.txt mode"],
    "mv": ["poem.txt new", "sub new", "sub none", "poem.txt sub", "sub2 sub", "nowhere x", "poem.txt lines", "sub poem.txt", "sub sub/deep/in", "-n poem.txt lines",
           "poem.txt lines none", "link new", "fifo none/", "poem.txt none/x/y", "-f hard1 hard2", "dangling new", "none sub", "sub/deep none"],
    "rm": ["poem.txt", "-rf sub", "-r sub sub2", "sub", "nowhere", "-f nowhere", "link", "-r dlink", "-r dlink/", "poem.txt/x", "-rf .", "hard1", "fifo", "-rf . none", "-f"],
    "mkdir": ["new", "-p a/b/c", "-p sub/deep/new/er", "sub", "-p sub", "nowhere/new", "-m 700 new", "-p poem.txt/x", "-m 1777 new new2", "-p -m 711 x/y", "new/", "."],
    "rmdir": ["none", "sub", "nowhere", "-p sub/deep/er", "poem.txt", "none/", "dlink", ".", "--ignore-fail-on-non-empty sub"],
    "ln": ["poem.txt new", "-s poem.txt new", "-s nowhere new", "nowhere new", "-s x poem.txt", "-sf x poem.txt", "-f lines poem.txt", "sub new", "-s ../poem.txt sub", "-sn x dlink",
           "-snf x dlink", "poem.txt lines none", "-s '' new", "link new", "poem.txt sub/a/x"],
    "find": [".", ". -type f -name '*.txt'", ". -type d", "sub -newer nowhere", ". -size +100k", ". -links 2", ". -perm 640", "nowhere", "sub -delete", ". -type l -print0",
             "-L . -type f -maxdepth 1", ". -mtime +100", ". -name a -o -name b", ". -empty", "sub -depth", ". -newer poem.txt", ". -samefile hard1", ". ! -user 0", ". -type p",
             ". -regex '.*/[ab]'", ". -path './sub/*' -prune -o -print", "sub -mindepth 2", "poem.txt/x", ". -user 0 -group 0 -type d", ". -xdev -name c"],
    "grep": ["wolf poem.txt", "-r wolf sub sub2", "-rl lamb sub sub2", "-c e lines", "-n ram lines", "-v e poem.txt", "-i WOLF poem.txt", "-E 'w(o|i)' lines", "-F . poem.txt", "-o '[0-9]*' lines",
             "nothing poem.txt", "wolf nowhere", "-s wolf nowhere", "-q wolf poem.txt", "-rn c sub/deep", "-A1 -B1 fleece poem.txt", "-w ram lines", "-x 'last line' no-newline",
             "-L wolf poem.txt lines", "wolf sub", "-h a sub/a sub2/a", "-m 2 wool lines", ("wolf", b"a wolf\na lamb\n"), "-e '[' poem.txt", "wolf random"],
    "egrep": ["'^(The|and)' poem.txt"], "fgrep": ["PCI poem.txt"],
    "sed": ["s/wolf/ram/ poem.txt", "-n 2p poem.txt", "-i s/wolf/ram/ poem.txt", "-i.bak s/e/E/g lines poem.txt", "'$d' lines", "y/abc/xyz/ lines", "-e '1i top' -e '$a bottom' poem.txt",
            "s/x/y/ nowhere", "-n '/wolf/,/ram/p' lines", "'w new' poem.txt", "r\\ poem.txt", "-s -n '$=' poem.txt lines", "'2q' poem.txt", "-E 's/(.)(.)/\\2\\1/g' poem.txt",
            "'r poem.txt' sub/a", "-i s/a/b/ sub", "-n l tabs", "'N;P;D' lines", "-z s/o/0/g poem.txt", ("s/^/> /", b"a\nb")],
    "awk": ["'{print $2}' lines", "'BEGIN{print 1/3, 2**10, length(\"wool\")}'", "'{s+=$1} END{print s, NR}' lines", "-F'\t' '{print $2 FS $1}' tabs", "'/wolf/{print NR\": \"$0}' poem.txt",
            "'{a[$2]++} END{print a[\"wolf\"]}' lines", "'{print > \"out.\" ($1 % 3)}' lines", "'{print >> \"poem.txt\"}' sub/a", "'BEGIN{while((getline l < \"poem.txt\") > 0) print toupper(l)}'",
            "'BEGIN{printf \"%5.2f|%x|%s\\n\", 3.14159, 255, \"x\"}'", "'{print}' nowhere", "'BEGIN{print substr(\"sheep\",2,3), index(\"wool\",\"o\"), sin(1), exp(1)}'", "'{gsub(/o/,\"0\")}1' poem.txt",
            "-v x=5 'BEGIN{exit x}'", "'BEGIN {print > \"nowhere/x\"}'", "'{' poem.txt", ("'{print NF}'", b"a b c\n\nx\n")],
    "sort": ["lines", "-n lines", "-r lines", "-k2 lines", "-u lines", "-k1,1n -k2r lines", "-t'\t' -k2 tabs", "nowhere", "-o lines lines", "-c lines", "-z bytes", "-f poem.txt", "sub",
             "-m sub/a sub2/a", "-s -k3 lines", ("", b"c\nb\na"), "-o nowhere/x lines", "-h lines", "-R empty"],
    "uniq": ["lines", "-c sub/deep/c", "-d sub/deep/c", "-u poem.txt", "sub/deep/c new", "nowhere", "-f1 lines", "-i poem.txt", "lines nowhere/x"],
    "wc": ["poem.txt lines random", "-l lines", "-c sparse", "-w poem.txt", "-L lines", "nowhere poem.txt", "sub", ("", b"one two\n"), "empty", "-m bytes"],
    "head": ["lines", "-n 3 lines", "-c 5 poem.txt", "-n -50 lines", "poem.txt sub/a", "nowhere", "-q poem.txt sub/a", "-v poem.txt", "-c 10 sub", "-n 0 lines"],
    "tail": ["lines", "-n 3 lines", "-c 5 poem.txt", "-n +55 lines", "poem.txt sub/a", "nowhere", "-c +300000 random", "-n 1 no-newline", "sub", ("-n 2", b"a\nb\nc\n"), "-c 4 sparse"],
    "cut": ["-d' ' -f2 lines", "-c1-3 poem.txt", "-f1,3 tabs", "-b 2 lines", "-f2 nowhere", "-s -f2 poem.txt", "-d' ' -f2- --output-delimiter=: lines"],
    "tr": [("a-z A-Z", b"wool\n"), ("-d o", b"wool\n"), ("-s l", b"wolllf\n"), ("-cd '[:alpha:]'", b"w0o1\n"), ("'\\n' ' '", b"a\nb\n"), ("-s '[:space:]' x", b"a  b\t\n")],
    "od": ["poem.txt", "-c bytes", "-x poem.txt", "-t x1z poem.txt", "-An -tu1 -N 20 bytes", "-j 100 -N 10 bytes", "nowhere", "-b empty", "-j 9999999 poem.txt"],
    "hexdump": ["poem.txt", "-C bytes", "-v -n 64 sparse", "-s 250 -C bytes", "nowhere", "-C sparse", "-e '8/1 \"%02x \" \"\\n\"' -n 32 bytes"],
    "xxd": ["poem.txt", "-l 20 bytes", "-p poem.txt", "-s 16 bytes", "nowhere", ("-r -p", b"776f6f6c0a\n"), "-c 8 poem.txt"],
    "hd": [],
    "md5sum": ["poem.txt random", "-c sums", "nowhere", "sub", "sparse", ("", b"wool")],
    "sha1sum": ["poem.txt random", "nowhere", "empty -"], "sha256sum": ["poem.txt random", "nowhere", "sub", "-c sums"], "sha512sum": ["poem.txt random", "nowhere"],
    "sha3sum": ["random", "-a 512 poem.txt"], "crc32": ["poem.txt", "random", "nowhere"],
    "cmp": ["poem.txt poem.txt", "poem.txt lines", "-l sub/a sub2/a", "-s poem.txt lines", "poem.txt nowhere", "random sparse", "poem.txt sub", ("- poem.txt", b"The")],
    "diff": ["poem.txt poem.txt", "poem.txt lines", "-r sub sub2", "-rq sub sub2", "sub/a sub2/a", "-u sub/a sub2/a", "poem.txt nowhere", "-N -u poem.txt nowhere", "-b dos.txt poem.txt",
             "-r sub sub", "bytes random", "-s hard1 hard2", "poem.txt sub"],
    "du": ["-s .", "sub", "-a sub", "-k random", "nowhere", "-h random", "-s -l .", "-c sub sub2", "-d 1 .", "-L dlink", "-sx sub"],
    "df": ["", ".", "-h poem.txt", "-i .", "nowhere", "-P -k ."],
    "stat": ["poem.txt", "-c '%n %s %F %a %h %u %g' poem.txt sub link fifo empty", "-L link", "nowhere", "-c '%Y %y' poem.txt", "-f -c %l .", "poem.txt/x", "-c %N link dangling", "loop", "-L loop",
             "-c '%A %f %b %B' sparse random", "-t nowhere", "sub"],
    "touch": ["new", "-d '2001-02-03 04:05:06' new poem.txt", "-r poem.txt new", "-c nowhere", "-d @1234567890 sub", "nowhere/x", "poem.txt", "poem.txt/x", "-h -d @1000 link", "-t 200102030405 new",
              "-d @1000 link", "-m -d @5000 mode", "-a -d @6000 mode", "new/", "-d @-5 mode"],
    "truncate": ["-s 5 poem.txt", "-s 100 new", "-s +10 poem.txt", "-s 1G new", "-c -s 5 nowhere", "-s 5 sub", "-s 5 nowhere/x", "-s 0 random", "-s -1 poem.txt", "-s 5 link"],
    "dd": ["if=poem.txt of=new", "if=random of=new bs=1000", "if=random bs=7 skip=3 count=5", "if=poem.txt of=lines conv=notrunc", "if=poem.txt of=lines seek=1 bs=4", "if=nowhere",
           "if=poem.txt of=nowhere/x", "if=/dev/zero of=new bs=64k count=5", "if=poem.txt of=new conv=swab,sync bs=16", "if=random of=new bs=1M seek=3", "if=poem.txt of=poem.txt conv=notrunc",
           "if=lines of=new oflag=append conv=notrunc", "if=random of=new conv=fsync", "if=/dev/zero of=/dev/null count=100", ("of=new", b"input"), "if=random iflag=skip_bytes skip=299990",
           "if=sub", "if=random of=new count=1 bs=4096 skip=100", "if=poem.txt of=sub", "if=/dev/full of=new count=1", "if=poem.txt of=/dev/full"],
    "tar": ["cf new.tar sub poem.txt", "cvf new.tar sub", "tf t.tar", "tvf t.tar", "xf t.tar", "xvf t.tar -C none", "xf t.tar t/file", "xOf t.tar t/file", "cf new.tar nowhere", "tf nowhere", "tf poem.txt",
            "cf - sub/a", "xf t.tar -C nowhere", "cf new.tar --exclude a sub", "cf - .", "cf new.tar link dangling fifo hard1 hard2", "xkf t.tar", "xf t.tar nothing",
            "cf new.tar -C sub a b", "chf new.tar dlink", "xpf t.tar --strip-components 1"],
    "gzip": ["lines", "-k random", "-c poem.txt", "nowhere", "sub", "-d l.gz", "-t l.gz", "-t bad.gz", "-9 -k lines", "l.gz", ("-c", b"wool"), "-f hard1", "link"],
    "gunzip": ["l.gz", "-k l.gz", "-c l.gz", "bad.gz", "poem.txt", "nowhere", "-t l.gz"], "zcat": ["nowhere"],
    "bzip2": ["lines", "-k random", "-c poem.txt", "-d l.bz2", "nowhere"], "bunzip2": ["l.bz2", "-c l.bz2", "poem.txt", "-k l.bz2"], "bzcat": ["l.bz2"],
    "xz": ["-d l.xz", "-dc l.xz", "-dk l.xz", "-d nowhere", "-d poem.txt"], "unxz": ["l.xz"], "xzcat": ["l.xz"], "unlzma": ["l.lzma", "-c l.lzma"], "lzcat": ["l.lzma"], "lzma": ["-d l.lzma"],
    "lzop": ["lines", "-c poem.txt", "-k random"], "unzip": ["z.zip", "-l z.zip", "-p z.zip", "z.zip -d none", "nowhere", "poem.txt", "-t z.zip"],
    "cpio": [("-o -H newc", b""), "-i -F c.cpio", "-idm -F c.cpio", "-t -F c.cpio", "-itv -F c.cpio", "-i -F poem.txt", "-i -F nowhere", "-idu -F c.cpio sub/a", ("-p none", b"sub\nsub/a\npoem.txt\n"), ("-pdm none", b"sub/deep/c\nlink\n"),
             ("-o -H newc", b"nowhere\n")],
    "ar": ["-t nowhere", "-p poem.txt", "r new.a poem.txt", "-t t.tar"],
    "date": ["", "-u -d @0", "-r poem.txt", "-u -d '2001-02-03 04:05:06' +%s", "+%Z", "-r nowhere", "-u -d @1234567890 '+%a %b %e %H:%M:%S %Y %j %U'", "-R -d @0", "-I -d @0", "-d nonsense"],
    "cal": ["2 2020", "-m 1 1999", "2001", "13 2000"],
    "uname": ["-s", "-m", "-a", "-z", "-sm"], "arch": [""],
    "env": ["", "-i", "A=1 B=2"], "printenv": [],
    "printf": ["'%d %s\\n' 5 x", "'%05.1f|%-5s|%x\\n' 3.14159 ab 255", "'\\101\\n'", "%d x", "'%b' 'a\\tb\\n'", "'%s\\n' a b c", "'%c%c\\n' xyz abc", "", "'%q\\n' x"],
    "echo": ["hello world", "-n no newline", "-e 'a\\tb\\n\\0101'", "", "-E '\\t'"],
    "seq": ["5", "2 2 10", "10 -3 0", "-w 8 11", "-s, 1 5", "x", "1 0.5 3", "3 1"],
    "expr": ["1 + 2", "7 '*' 6", "5 / 0", "abc : 'a\\(.\\)'", "1 '<' 2", "length wool", "substr wool 2 2", "0", "x + 1", "'' '|' y", "index wool o", "5 % 3 = 2"],
    "test": ["-f poem.txt", "-d sub", "-e nowhere", "-L link", "-s empty", "-x script", "-x poem.txt", "poem.txt -nt sub", "hard1 -ef hard2", "1 -lt 2", "a = b", "-z ''", "-p fifo", "-r poem.txt",
             "-w poem.txt -a -d none", "1 -lt x", "-u mode", "-h dangling", "'(' 1 = 1 ')'", "!", "-t 0"],
    "[": ["-f poem.txt ]", "-f poem.txt"], "true": ["", "x"], "false": [""],
    "realpath": ["poem.txt", "link", "dlink/a", "dangling", "nowhere", "loop", "sub/../poem.txt", ".", "nowhere/x", "poem.txt/x", "dlink/../poem.txt"],
    "readlink": ["link", "-f link", "-f dlink/deep", "poem.txt", "nowhere", "-f nowhere", "-f nowhere/x", "-n link", "-f loop", "-f dlink/.."],
    "mktemp": ["", "-d", "-u m.XXXXXX", "-p nowhere", "nowhere/m.XXXXXX", "m.XX", "-t -u m.XXXXXX"],
    "chmod": ["600 poem.txt", "u+x,g-r poem.txt", "-R o-r sub", "4755 script", "a+X sub poem.txt", "+t none", "nowhere", "600 nowhere", "0 poem.txt", "u=rw,go= mode", "-v 600 poem.txt", "-c 640 mode", "600 link",
              "600 dangling", "g+s none", "u+s,g+s mode", "xyz poem.txt", "600 poem.txt/x", "=r poem.txt"],
    "chown": ["1000 poem.txt", "1000:1000 poem.txt", ":5 poem.txt", "-R 1000:5 sub", "-h 1000 link", "0 nowhere", "1000 link", "nosuchuser poem.txt", "-v 1 mode", "1000 dangling", "1000 poem.txt/x"],
    "chgrp": ["5 poem.txt", "-R 5 sub", "5 nowhere", "-h 7 link"],
    "basename": ["/a/b/c.txt", "/a/b/c.txt .txt", "/", "a/"], "dirname": ["/a/b/c.txt", "x", "/", "a/b/"],
    "fold": ["-w 10 poem.txt", "-s -w 7 lines", "-b -w 3 bytes"], "nl": ["poem.txt", "-ba tabs", "-w 3 -s: poem.txt", "nowhere"],
    "paste": ["poem.txt lines", "-s poem.txt", "-d, sub/a sub/b", "poem.txt nowhere"], "rev": ["poem.txt", "no-newline", "nowhere"], "tac": ["poem.txt", "lines", "no-newline", "nowhere"],
    "shuf": ["-e one", "-n 0 lines", "-i 5-5", "nowhere"], "strings": ["random", "-n 8 bytes", "-t x poem.txt", "nowhere"],
    "tee": [("new", b"wool\n"), ("-a poem.txt", b"more\n"), ("nowhere/x new", b"wool\n"), ("", b"x"), ("sub", b"x")],
    "expand": ["tabs", "-t 4 tabs"], "unexpand": ["-a lines", "poem.txt"], "dos2unix": ["dos.txt", "nowhere", ("", b"a\r\n")], "unix2dos": ["poem.txt", "-u dos.txt"],
    "uuencode": ["poem.txt name", "-m random name", "nowhere x"], "uudecode": ["u.uu", "-o new u.uu", "poem.txt", "nowhere"],
    "base64": ["poem.txt", "-w 20 random", ("-d", b"d29vbAo="), "nowhere", ("-d", b"*")],
    "factor": ["12 97 1234567890123", "0", "x"], "bc": [("", b"2^100\nscale=20\n1/7\n"), ("-l", b"s(1)\n")], "dc": [("", b"2 3 * p\n"), ("-e '5 v p'", b"")],
    "link": ["poem.txt new", "nowhere new", "poem.txt lines"], "unlink": ["poem.txt", "sub", "nowhere", "link"],
    "mkfifo": ["fifo", "nowhere/x"], "mknod": ["fifo p", "nowhere/x p"],
    "sync": ["", "-d poem.txt", "nowhere"], "usleep": ["1000"], "sleep": ["0.01", "x"], "fallocate": ["-l 100 new", "-l 5000 -o 10 new", "-l 100 nowhere/x", "-o 300000 -l 10 random", "-l -5 new"],
    "shred": ["-z -n 0 poem.txt", "-u -n 1 mode", "nowhere"], "getopt": ["-o ab: -- -a -b x y", "ab: -a -b", "-l long -o x -- --long -x", "-o a -- -z"],
    "id": ["-u", "-g", "-G", "nosuchuser"], "tty": ["", "-s"], "nproc": [""], "pwd": ["", "-P"], "which": ["nowhere", ""], "logname": [], "hostname": [""],
    "patch": ["-p0 -i a.diff", "-p0 -i wrong.diff", "-R -p0 -i a.diff", "-i nowhere", ("-p0", b"--- new\n+++ new\n@@ -0,0 +1 @@\n+born\n"), "--dry-run -p0 -i a.diff"],
    "ed": [("poem.txt", b"1,$p\n2d\nw\nq\n"), ("-s poem.txt", b"$a\nmore\n.\nw new\nq\n"), ("nowhere", b"a\nx\n.\nw\nq\n"), ("poem.txt", b"/fleece/s/PCI/ISA/p\nwq\n")],
    "ts": [("x", b"a\nb\n")], "ascii": [""], "yes": [], "mkpasswd": ["-m sha512 -S saltsalt wool", "-m md5 -S saltsalt wool"], "ipcalc": ["-bnm 10.1.2.3/8", "-p 10.0.0.1 255.255.0.0"],
    "more": ["poem.txt"], "less": ["poem.txt"], "w": [], "free": ["", "-m"], "uptime": [""], "cttyhack": [], "busybox": ["--list"], "ubirename": [], "nologin": [],
    "ash": ["-c 'for i in 1 2 3; do echo $i; done'", "-c 'read x < poem.txt; echo \"$x\"'", "-c 'echo hi > new; echo more >> new; cat=1; echo $cat'", "-c 'cd sub && pwd && echo *'", "-c 'echo *; echo sub/*/*'",
            "-c '[ -f poem.txt ] && echo yes; [ -d nowhere ] || echo no'", "-c 'while read a b; do echo \"$b $a\"; done < lines'", "-c 'exec 3< poem.txt; read -r x <&3; read -r y <&3; echo $y'",
            "-c 'echo x > nowhere/y; echo $?'", "-c 'set -C; echo x > poem.txt'", "-c 'umask 077; : > private; umask'", "-c 'exit 7'", "-c 'x=$((6*7)); printf \"%d\\n\" $x; echo ${x#4}'", "nowhere.sh",
            "-c 'kill -9 $$'", "-c 'kill -TERM $$'", "-c 'trap \"echo bye\" EXIT; echo hi'", "-c 'cd nowhere; pwd; cd poem.txt'", ("", b"echo from input\nexit 3\n")],
}

# What the server refuses in the guest: QEMU since 2023 makes no special files, and changes none that are there.
SPECIAL = {"mkfifo": ["new", "-m 600 new"], "mknod": ["new p", "new c 1 3", "new b 7 0"], "cp": ["-a fifo new"], "chmod": ["600 fifo"]}

# As an ordinary user, in a folder that denies its owner things.
DENIED = ["cat mode", "ls -l shut", "cp poem.txt shut/x", "rm poem.txt", "mkdir new", "touch poem.txt", "mv poem.txt new", "ln poem.txt new", "chmod 600 poem.txt", "rmdir none",
          "find shut", "dd if=poem.txt of=new", "tar cf new.tar sub", "grep -r wolf mode shut", "truncate -s 0 poem.txt", "md5sum mode poem.txt", "cat shut/secret", "sed -i s/a/b/ poem.txt", "stat shut/secret"]
