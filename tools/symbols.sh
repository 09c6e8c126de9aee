#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# symbols.sh - turns `nm -n` of the kernel into the file by which it names functions in a backtrace: the address where its code ends, by which it knows
# that the file is its own, and their number; as many ascending addresses (the low 32 bits of each: the kernel lies in the top 2 GiB), then
# as many names, each ended by a zero byte.
exec awk '
BEGIN { n = 0 }
$2 ~ /^[tTwW]$/ { address[n] = substr($1, length($1) - 7); name[n++] = $3 }
$3 == "text_end" { end = substr($1, length($1) - 7) }
END {
    print ".long 0x" end ", " n
    for (i = 0; i < n; i++)
        print ".long 0x" address[i]
    for (i = 0; i < n; i++)
        print ".asciz \"" name[i] "\""
}'
