/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/*
 * canary - a guest of a few instructions, by which the harness and the launcher are tested without the kernel: it says OUT, ERR
 * and CTL on the three channels and then ends as END tells: 0 by the exit port, 1 by a triple fault, 2 not at all; 3: says it all again, for ever.
 */
    .code32
    .section .note.Xen, "a", @note
    .long 4, 4, 18                  /* XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long _start

    .text
    .globl _start
_start:
    mov $_start, %esp               /* grows down below the image */
    mov $out, %esi
    mov $0xe9, %dx
    call send
    mov $err, %esi
    mov $0xea, %dx
    call send
    mov $ctl, %esi
    mov $0xeb, %dx
    call send
    mov $END, %eax
    cmp $3, %eax
    je _start
    cmp $1, %eax
    ja stop
    je fault
    mov $0xf4, %dx
    out %al, %dx
stop:
    cli
    hlt
    jmp stop
fault:
    lidt nothing
    ud2

send:                               /* esi: text, dx: port */
    lodsb
    test %al, %al
    jz 1f
    out %al, %dx
    jmp send
1:  ret

nothing:
    .long 0, 0
out:
    .asciz OUT
err:
    .asciz ERR
ctl:
    .asciz CTL
    .section .note.GNU-stack, "", @progbits
