#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# deps.sh - sees that what the given sets (build run test bench fuzz prove lint) need is installed. Probes files and commands, not
# packages; calls apt-get only when something is missing, and never touches what is there.
set -eu

# set, what to look for (a command, or a file by its path or pattern), Debian package
table='
build gcc                              gcc
build ld                               binutils
build /usr/include/stdio.h             libc6-dev
build /usr/include/efi/efi.h           gnu-efi
build /usr/src/newlib/newlib-*.tar.*   newlib-source
build xz                               xz-utils
build cpio                             cpio
run   qemu-system-x86_64               qemu-system-x86
run   /usr/share/ovmf/OVMF.fd          ovmf
test  /usr/bin/python3                 python3
test  /usr/lib/python3/dist-packages/pytest  python3-pytest
test  /usr/lib/python3/dist-packages/xdist   python3-pytest-xdist
test  /usr/include/cmocka.h            libcmocka-dev
test  musl-gcc                         musl-tools
test  /usr/sbin/diod                   diod
test  g++                              g++
test  /bin/bash-static                 bash-static
test  /usr/lib/x86_64-linux-gnu/liblua5.4.a    liblua5.4-dev
test  /usr/lib/x86_64-linux-gnu/libsqlite3.a   libsqlite3-dev
test  /bin/busybox                     busybox-static
test  /sbin/e2fsck                     e2fsprogs
test  /usr/include/pciaccess.h         libpciaccess-dev
test  strace                           strace
test  /usr/include/zlib.h              zlib1g-dev
prove frama-c                          frama-c-base
bench /usr/bin/python3                 python3
bench musl-gcc                         musl-tools
bench dpkg-deb                         dpkg
bench readelf                          binutils
bench taskset                          util-linux
fuzz  clang                            clang
fuzz  /usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a  libclang-rt-dev
fuzz  /usr/include/cmocka.h            libcmocka-dev
lint  /usr/bin/python3                 python3
lint  clang-format                     clang-format
'

# True when the file or command is there.
there() {
    case $1 in
    /*) set -- $1 && [ -e "$1" ] ;; # unquoted: the pattern is expanded
    *) command -v "$1" > /dev/null ;;
    esac
}

missing=
while read -r set probe package; do
    case " $* " in
    *" $set "*)
        # Two sets may want the same package.
        case "$missing " in *" $package "*) continue ;; esac
        [ -z "$set" ] || there "$probe" || missing="$missing $package"
        ;;
    esac
done << END
$table
END
[ -n "$missing" ] || exit 0

install="apt-get install -y --no-install-recommends$missing"
if ! command -v apt-get > /dev/null; then
    echo "sheepskin: these Debian packages, or what your system calls them, are missing:$missing" >&2
    exit 1
elif [ "$(id -u)" = 0 ]; then
    as_root=
elif sudo -n true 2> /dev/null; then
    as_root='sudo -n'
else
    echo "sheepskin: packages are missing, and only root can install them; paste this line:" >&2
    echo "  sudo $install" >&2
    exit 1
fi

run_install() {
    $as_root env LC_ALL=C DEBIAN_FRONTEND=noninteractive $install < /dev/null 2>&1
}

# Names the packages that this release does not have, from what apt-get said.
tell_unknown() {
    unknown=
    while read -r line; do
        case $line in
        "E: Unable to locate package "* | "E: Package '"*"' has no installation candidate")
            name=${line#E: Unable to locate package }
            name=${name#E: Package \'}
            name=${name%%\'*}
            case " $unknown " in *" $name "*) ;; *) unknown="$unknown $name" ;; esac
            ;;
        esac
    done < "$log"
    [ -n "$unknown" ] && echo "sheepskin: this system's package lists do not have:$unknown" >&2
}

echo "  INSTALL $missing" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# Package lists may be absent or older than the mirror: fetched only when the installation fails without.
if ! run_install > "$log"; then
    $as_root apt-get -q update >> "$log" 2>&1 < /dev/null || true
    if ! run_install >> "$log"; then
        tell_unknown && exit 1
        tail -n 20 "$log" >&2
        echo "sheepskin: packages could not be installed; this is the command: $install" >&2
        exit 1
    fi
fi
