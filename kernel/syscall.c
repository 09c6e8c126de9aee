/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* syscall - where a program's system calls come in. */
#include "syscall.h"
#include "arch.h"
#include "later.h"
#include "print.h"
#include "proc.h"

enum { NUMBERS = 512 };

/* Most numbers are not there, so a number leads to a small place and that to a function. Place 0 is nobody's. */
#define PLACE(number, name)    PLACE_##number,
#define PLACE_OF(number, name) [number] = PLACE_##number,
#define FUNCTION(number, name) [PLACE_##number] = sys_##name,
enum { PLACE_NONE, SYSCALLS(PLACE) PLACES };
_Static_assert(PLACES <= 256, "a place is a byte");
static const u8 places[NUMBERS] = {SYSCALLS(PLACE_OF)};
static s64 (*const functions[PLACES])(const u64 arg[6]) = {SYSCALLS(FUNCTION)};

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

struct arch_frame *syscall_frame;

void syscall_enter(struct arch_frame *frame)
{
    syscall_frame = frame;
    u32 number = (u32)frame->rax;
    unsigned place = number < NUMBERS ? places[number] : PLACE_NONE;
    frame->rax = (u64)(place ? functions[place](frame->arg) : unknown(number));
    later_run();
    signal_deliver(frame);
}
