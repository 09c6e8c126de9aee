/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* syscall - where a program's system calls come in. */
#include "syscall.h"
#include "arch.h"
#include "print.h"
#include "proc.h"

enum { NUMBERS = 512 };

#define TABLE_LINE(number, name) [number] = sys_##name,
static s64 (*const table[NUMBERS])(const u64 arg[6]) = {SYSCALLS(TABLE_LINE)};

/* One line for each number that a program asks for in vain. */
static s64 unknown(u32 number)
{
    static u8 told[NUMBERS / 8];
    u32 slot = MIN(number, (u32)NUMBERS - 1);
    if (!(told[slot / 8] & 1 << slot % 8))
        log_warn("%s: system call %u is not there (ENOSYS)", proc_current->name, number);
    told[slot / 8] |= (u8)(1 << slot % 8);
    return -ENOSYS;
}

void syscall_enter(struct arch_frame *frame)
{
    u32 number = (u32)frame->rax;
    u64 arg[6] = {frame->rdi, frame->rsi, frame->rdx, frame->r10, frame->r8, frame->r9};
    frame->rax = (u64)(number < NUMBERS && table[number] ? table[number](arg) : unknown(number));
}
