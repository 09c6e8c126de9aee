/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pvh - the PVH door: from 32 bits without paging (Xen's x86/HVM direct boot ABI) to pvh_main() in the high half. */

#define KERNEL_BASE 0xffffffff80000000
#define PHYS(x)     ((x) - KERNEL_BASE)

    .section .note.Xen, "a"
    .balign 4
    .long 4, 4, 18              /* sizes of name and value; XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long PHYS(pvh_entry)

/*
 * First page tables: the first GiB three times, at 0, in the physical map and at -2 GiB.
 *
 *   pml4[0], [256], [511] -> pdpt      pdpt[0], [510] -> pd      pd[i] = i * 2 MiB
 *
 * Where the processor has pages of a GiB, pdpt[0] and [510] are it themselves.
 */
    .section .bss.pages, "aw", @nobits
    .balign 4096
pvh_pml4:
    .skip 4096
pvh_pdpt:
    .skip 4096
pvh_pd:
    .skip 4096

    .section .rodata
    .balign 8
pvh_gdt:
    .quad 0
    .quad 0x00af9b000000ffff    /* 8: code, 64 bits */
    .quad 0x00cf93000000ffff    /* 16: data */
pvh_gdtr:
    .word 23
    .long PHYS(pvh_gdt)

    .section .text.entry, "ax"
    .code32
    .globl pvh_entry
pvh_entry:                      /* ebx: physical address of hvm_start_info */
    cld
    mov %cr4, %eax
    or $0x220, %eax             /* PAE; SSE */
    mov %eax, %cr4
    xorps %xmm0, %xmm0
    mov $PHYS(pvh_pml4), %edi   /* in a very small machine the initial files may have been put over them */
1:  movaps %xmm0, (%edi)
    movaps %xmm0, 16(%edi)
    movaps %xmm0, 32(%edi)
    movaps %xmm0, 48(%edi)
    add $64, %edi
    cmp $PHYS(pvh_pd), %edi
    jne 1b
    mov $PHYS(pvh_pdpt) + 3, %eax
    mov %eax, PHYS(pvh_pml4)
    mov %eax, PHYS(pvh_pml4) + 256 * 8
    mov %eax, PHYS(pvh_pml4) + 511 * 8
    mov %ebx, %esi
    mov $0x80000001, %eax       /* which each processor with 64 bits has */
    cpuid
    mov $0x83, %eax             /* present, writable, large */
    bt $26, %edx
    jc 2f
1:  mov %eax, (%edi)            /* pvh_pd */
    movl $0, 4(%edi)
    add $8, %edi
    add $0x200000, %eax
    cmp $0x40000083, %eax
    jne 1b
    mov $PHYS(pvh_pd) + 3, %eax
2:  mov %eax, PHYS(pvh_pdpt)
    mov %eax, PHYS(pvh_pdpt) + 510 * 8
    mov $PHYS(pvh_pml4), %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx       /* EFER.LME */
    rdmsr
    or $0x100, %eax
    wrmsr
    mov %cr0, %eax
    or $0x80010001, %eax        /* PG, WP, PE */
    mov %eax, %cr0
    lgdt PHYS(pvh_gdtr)
    ljmp $8, $PHYS(3f)
    .code64
3:  mov $16, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov $kernel_stack_top, %rsp
    xor %ebp, %ebp
    mov %esi, %edi
    push $0                     /* pvh_main() never returns; backtraces end here */
    movabs $pvh_main, %rax
    jmp *%rax
