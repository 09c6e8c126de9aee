/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* entry - where the processor comes in: from the EFI door, by traps and by system calls; and the way out to a program. */

#define KERNEL_DATA 16
#define USER_DATA   27
#define USER_CODE   35
#define STACK       16384

/* Stacks grow down into their guard pages, which paging.c leaves unmapped. */
    .section .bss.pages, "aw", @nobits
    .balign 4096
    .globl kernel_stack_guard, kernel_stack_top, fault_stack_guard, fault_stack_top
kernel_stack_guard:
    .skip 4096 + STACK
kernel_stack_top:
fault_stack_guard:
    .skip 4096 + 4096
fault_stack_top:

    .section .bss
    .balign 8
program_sp:
    .skip 8

    .section .text.entry, "ax"
    .globl kernel_entry
kernel_entry:                   /* rdi: struct boot, mapped */
    mov $kernel_stack_top, %rsp
    xor %ebp, %ebp
    call kmain
    ud2

/* struct arch_frame from r9 down to r15; vector, error and the five words of the processor stand above already. */
    .macro SAVE
    push %r9
    push %r8
    push %r10
    push %rdx
    push %rsi
    push %rdi
    push %rax
    push %rcx
    push %r11
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    .endm

    .macro RESTORE
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    pop %r11
    pop %rcx
    pop %rax
    pop %rdi
    pop %rsi
    pop %rdx
    pop %r10
    pop %r8
    pop %r9
    .endm

    .text
/* 16 bytes for each vector. Vectors 8, 10-14, 17, 21, 29, 30 come with an error code. */
    .balign 16
    .globl trap_stubs
trap_stubs:
    .set vector, 0
    .rept 64
    .balign 16
    .if !(vector == 8 || (vector >= 10 && vector <= 14) || vector == 17 || vector == 21 || vector == 29 || vector == 30)
    push $0
    .endif
    push $vector
    jmp trap_common
    .set vector, vector + 1
    .endr

trap_common:
    SAVE
    push $2                     /* no direction; no AC either, which a program may set and which suspends SMAP */
    popfq
    mov $KERNEL_DATA, %eax      /* a trap from a program empties ss, and for an emulator the same code with another ss is other code */
    mov %eax, %ss
    mov %rsp, %rdi
    xor %ebp, %ebp
    call trap_handle
leave:
    RESTORE
    add $16, %rsp               /* vector, error */
    iretq

    .globl syscall_entry
syscall_entry:                  /* rcx: return address, r11: flags; the flags of SYSCALL_MASK are clear */
    mov %rsp, program_sp(%rip)
    mov $kernel_stack_top, %rsp
    push $USER_DATA
    push program_sp(%rip)
    push %r11
    push $USER_CODE
    push %rcx
    push $0
    push $-1
    SAVE
    mov %rsp, %rdi
    xor %ebp, %ebp
    call syscall_enter
    cmpq $-1, 15 * 8(%rsp)       /* sigreturn: the way back of a trap, with all registers */
    jne leave
    btq $47, 17 * 8(%rsp)        /* sysret to a non-canonical address would fault in ring 0 */
    jc leave
    RESTORE
    mov 16(%rsp), %rcx
    mov 32(%rsp), %r11
    mov 40(%rsp), %rsp
    sysretq

    .globl arch_enter_program
arch_enter_program:             /* rdi: entry, rsi: stack */
    mov $kernel_stack_top, %rsp
    push $USER_DATA
    push %rsi
    push $0x202                 /* interrupts on */
    push $USER_CODE
    push %rdi
    mov $USER_DATA, %eax
    mov %eax, %ds
    mov %eax, %es
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    fninit                      /* whatever the firmware left there; a processor's reset leaves all x87 errors unmasked */
    push $0x1f80
    ldmxcsr (%rsp)
    pop %rax
    .irp reg, eax, ebx, ecx, edx, esi, edi, ebp, r8d, r9d, r10d, r11d, r12d, r13d, r14d, r15d
    xor %\reg, %\reg
    .endr
    iretq

    .section .note.GNU-stack, "", @progbits
