/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* efi_blobs - what the EFI application carries, and the last instructions that it runs. */

    .section .rodata
    .balign 16
    .globl efi_kernel, efi_kernel_end, efi_initfs, efi_initfs_end, efi_jump, efi_jump_end
    .hidden efi_kernel, efi_kernel_end, efi_initfs, efi_initfs_end, efi_jump, efi_jump_end
efi_kernel:
    .incbin KERNEL_ELF
efi_kernel_end:
    .balign 4096
efi_initfs:
    .incbin INITFS
efi_initfs_end:

/*
 * Copied into a page that both the firmware's tables and the new ones show at its physical address; position-independent.
 * rdi: new root table, rsi: the kernel's entry, rdx: struct boot, which becomes the kernel's rdi.
 */
efi_jump:
    cli
    cld
    mov %rdi, %cr3
    mov %rdx, %rdi
    xor %ebp, %ebp
    jmp *%rsi
efi_jump_end:

    .section .note.GNU-stack, "", @progbits
