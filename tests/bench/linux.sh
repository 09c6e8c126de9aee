#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# linux.sh - prints the folder with Debian's kernel (vmlinux: started by PVH it saves the seconds in which a vmlinuz unpacks itself) and the
# modules that 9P over virtio needs (*.ko; order: what is loaded before what). Fetched where they are not there yet, once for this user,
# from the package, of which nothing is installed. Without Debian, put a kernel and its modules into the folder of the message.
set -eu
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sheepskin
wanted='9p 9pnet_virtio virtio_pci'

# What a module needs comes before it. In a shell of its own, for the sake of the variables.
order() (
    for module; do
        file=$(find "$work/lib" -name "$module.ko")
        [ -n "$file" ] || continue # built in
        order $(tr '\0' '\n' < "$file" | sed -n 's/^depends=//p' | tr ',-' ' _')
        [ -e "$work/done/$module.ko" ] || { cp "$file" "$work/done/" && echo "$module.ko" >> "$work/done/order"; }
    done
)

newest() {
    apt-cache depends linux-image-amd64 2> /dev/null | sed -n 's/^ *Depends: \(linux-image-[0-9].*\)/\1/p' | head -n 1
}

package=$(newest)
if [ -z "$package" ] && [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    apt-get -q update > /dev/null 2>&1 || true
    package=$(newest)
fi
if [ -z "$package" ]; then
    # What was fetched once is good without a package list.
    place=$(ls -d "$cache"/linux-image-* 2> /dev/null | tail -n 1)
    [ -n "$place" ] || { echo "sheepskin: there is no package list (apt-get update), and no vmlinux, *.ko and order in $cache/linux-image-mine" >&2; exit 1; }
    echo "$place"
    exit 0
fi
place=$cache/$package
if [ ! -e "$place/vmlinux" ]; then
    mkdir -p "$cache"
    work=$(mktemp -d "$cache/linux.XXXXXX")
    trap 'rm -rf "$work"' EXIT
    echo "  FETCH    $package (70 MB), once for this user (into $place)" >&2
    (cd "$work" && apt-get -q download "$package" > log 2>&1) || { cat "$work/log" >&2; exit 1; }
    patterns=$(for m in $wanted 9pnet netfs fscache virtio 'virtio_*'; do echo "./lib/modules/*/$m.ko"; done)
    dpkg-deb --fsys-tarfile "$work"/*.deb | tar x -C "$work" --wildcards ./boot/'vmlinuz-*' $patterns
    mkdir "$work/done"
    : > "$work/done/order"
    order $wanted
    image=$(ls "$work"/boot/vmlinuz-*)
    # The kernel proper is an xz stream in it.
    at=$(LC_ALL=C grep -abo -m 1 -P '\xfd7zXZ\x00' "$image" | head -n 1 | cut -d: -f1)
    tail -c +$((at + 1)) "$image" | xz -dc --single-stream > "$work/done/vmlinux" 2> "$work/log" || true # what follows the stream is no error
    readelf -h "$work/done/vmlinux" > "$work/log" 2>&1 || { cat "$work/log" >&2; exit 1; }
    mv -T "$work/done" "$place"
fi
echo "$place"
