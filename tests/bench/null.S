/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* null - a guest that sends a byte by its first instructions and ends: what of a boot is QEMU's and the firmware's own time. */

#ifndef EFI                 /* its address does not fit into an image that may lie anywhere */
    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18          /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long null
#endif

    .text
    .code32
    .globl null, efi_main
null:
efi_main:                   /* the same instructions mean the same in 64-bit mode */
    mov $0xe9, %edx         /* isa-debugcon */
    mov $'.', %al
    out %al, %dx
    mov $0xf4, %edx         /* isa-debug-exit */
    xor %eax, %eax
    out %al, %dx
1:  hlt
    jmp 1b

    .section .note.GNU-stack, "", @progbits
