#!/bin/sh
# SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause
# symbols.sh - turns `nm -n` of the kernel into the table by which it names functions in a backtrace: ascending
# addresses (their low 32 bits; the kernel lies in the top 2 GiB), then as many names, each ended by a zero byte.
exec awk '
BEGIN { n = 0 }
$2 ~ /^[tTwW]$/ { address[n] = substr($1, length($1) - 7); name[n++] = $3 }
END {
    print ".section .symbols,\"a\""
    print ".globl symbols_start, symbols_names, symbols_count"
    print ".balign 4"
    print "symbols_start:"
    for (i = 0; i < n; i++)
        print ".long 0x" address[i]
    print "symbols_count: .long " n
    print "symbols_names:"
    for (i = 0; i < n; i++)
        print ".asciz \"" name[i] "\""
    print ".section .note.GNU-stack,\"\",@progbits"
}'
