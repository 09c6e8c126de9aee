#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# newlib.sh path|build - the C library of the programs, built once for each user from Debian's newlib-source.
# `path` prints where it is or will be: the name has newlib's version and a key over all that changes the result.
# `build` makes it, if it is not there: in a folder beside, renamed at the end, so that an interrupted build leaves
# nothing that looks finished; a second build at the same time waits for the first.
set -eu
cd "$(dirname "$0")/.."

tarball=$(ls /usr/src/newlib/newlib-*.tar.* | tail -n 1)
version=${tarball##*/newlib-}
version=${version%.tar.*}
headers=apps/libc/include # of which these replace newlib's own
replaced='machine/_types.h sys/errno.h sys/fcntl.h sys/stat.h sys/dirent.h'
flags='-O2 -g0 -ffunction-sections -fdata-sections -fno-pic -fno-pie -fno-stack-protector -fcf-protection=none
    -fno-asynchronous-unwind-tables -U__linux__'
options='--target=x86_64-elf --disable-multilib --disable-libgloss --disable-newlib-supplied-syscalls
    --enable-newlib-io-long-long --enable-newlib-io-c99-formats --disable-newlib-wide-orient --disable-nls'
key=$({ echo "$version $flags $options"; gcc -dumpfullversion; gcc -dumpmachine; cd $headers && cat $replaced; } | sha256sum | cut -c1-12)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sheepskin
place=$cache/newlib-$version-$key

# Shows how far a make is by counting its lines; the whole text goes to the log.
progress() {
    awk -v log_file="$1" -v total="$2" -v tty="$([ -t 2 ] && echo 1 || echo 0)" '
    { print > log_file; percent = int(NR * 100 / total); if (percent > 99) percent = 99 }
    tty && percent != shown { printf "\r  NEWLIB   %d%%", percent; fflush() }
    !tty && percent >= shown + 20 { printf "  NEWLIB   %d%%\n", percent; fflush() }
    (tty && percent != shown) || percent >= shown + 20 { shown = percent }
    END { if (tty) printf "\r" }' >&2
}

build() {
    mkdir -p "$cache"
    exec 9> "$cache/lock"
    flock -n 9 || { echo '  NEWLIB   waits for a build that runs already' >&2; flock 9; }
    [ ! -e "$place/lib/libc.a" ] || return 0
    # Only the holder of the lock builds, so whatever lies here was left by a build that was interrupted.
    rm -rf "$cache"/building.*
    work=$cache/building.$$
    trap 'rm -rf "$work"' EXIT
    trap 'exit 130' INT TERM HUP
    echo "  NEWLIB   $version, once for this user (into $place)" >&2

    mkdir -p "$work/source" "$work/build"
    tar xf "$tarball" -C "$work/source" --strip-components=1
    mkdir "$work/include"
    (cd $headers && tar cf - $replaced) | tar xf - -C "$work/include"
    if ! (
        unset MAKEFLAGS MAKELEVEL MFLAGS
        cd "$work/build"
        ../source/configure $options --prefix=/ MAKEINFO=true CC_FOR_TARGET=gcc AS_FOR_TARGET=as LD_FOR_TARGET=ld \
            AR_FOR_TARGET=ar RANLIB_FOR_TARGET=ranlib NM_FOR_TARGET=nm STRIP_FOR_TARGET=strip \
            READELF_FOR_TARGET=readelf OBJDUMP_FOR_TARGET=objdump CFLAGS_FOR_TARGET="$(echo $flags) -I$work/include" > configure.log 2>&1 9>&- &&
            { { make -j"$(nproc)" all-target-newlib 2>&1 9>&- || echo failed > failed; } | progress make.log 1716; } &&
            [ ! -e failed ] && make install-target-newlib DESTDIR="$work/out" > install.log 2>&1 9>&-
    ); then
        cp "$work"/build/*.log "$cache/" || true
        tail -n 20 "$work"/build/*.log >&2
        echo "sheepskin: newlib could not be built; all of its output is in $cache/*.log" >&2
        exit 1
    fi
    mkdir -p "$work/done/lib"
    cp "$work"/out/x86_64-elf/lib/lib[cm].a "$work/done/lib/"
    cp -r "$work/out/x86_64-elf/include" "$work/done/"
    mv -T "$work/done" "$place"
    echo "  NEWLIB   done" >&2
}

case ${1-} in
path) echo "$place" ;;
build) build ;;
*) echo "usage: newlib.sh path|build" >&2; exit 2 ;;
esac
