/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* guard - the word between a function's arrays and its return address (-fstack-protector-strong). */
#include "guard.h"

#include "print.h"
#include "rand.h"

/* The names are the compiler's. */
u64 __stack_chk_guard;
_Noreturn void __stack_chk_fail(void);

/* The lowest byte is NUL, which no string that runs over can write and go on. */
__attribute__((no_stack_protector)) void guard_init(void)
{
    u64 chance = 0;
    rand_bytes(&chance, sizeof chance);
    __stack_chk_guard = chance << 8;
}

void __stack_chk_fail(void)
{
    panic("a function wrote over the end of its stack frame");
}
