#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# config.sh - prints what the Makefile must know of this machine, as make variables. Cheap: it runs at each make.
set -eu
cd "$(dirname "$0")/.."

for EFI_LIB in /usr/lib /usr/lib/x86_64-linux-gnu /usr/lib/gnuefi /usr/lib/x86_64-linux-gnu/gnuefi; do
    [ ! -e "$EFI_LIB/crt0-efi-x86_64.o" ] || break
done
echo "EFI_LIB := $EFI_LIB"
echo "NEWLIB := $(tools/newlib.sh path)"
echo "GCC_INCLUDE := $(gcc -print-file-name=include)"
