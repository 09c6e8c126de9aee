/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* crt0 - where the kernel enters a program (x86-64 psABI, 3.4.1): argc, argv, envp, auxv lie at the stack pointer. */
    .globl _start
    .type _start, @function
    .section .text._start, "ax"
_start:
    xor %ebp, %ebp          /* the outermost frame, for whoever walks frames */
    mov %rsp, %rdi
    and $-16, %rsp
    call start
    ud2
    .size _start, . - _start
    .section .note.GNU-stack, "", @progbits
