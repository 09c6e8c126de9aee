/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* provoke - ways to fail on purpose, so that tests see how the kernel ends and what its page tables forbid. */
#include "provoke.h"
#include "arch.h"
#include "cmdline.h"
#include "print.h"

static void do_panic(void)
{
    panic("asked for");
}

static void read_null(void)
{
    arch_read8((void *)8);
}

static void write_text(void)
{
    arch_write8((void *)(uintptr_t)provoke, 0);
}

static void run_data(void)
{
    static u8 ret[] = {0xc3};
    ((void (*)(void))(uintptr_t)ret)();
}

/* Not a tail call: each level reads its own frame after the deeper ones. */
static u64 overflow(u64 depth)
{
    char here[512];
    print_text(here, sizeof here, "%lu", depth);
    return depth == ~0ull ? 0 : overflow(depth + 1) + (u8)here[0];
}

static void overflow_stack(void)
{
    overflow(0);
}

/* Runs over its array by as much as the compiler cannot know. */
static void smash(void)
{
    char here[16];
    u64 n = 0;
    cmdline_number("28", &n);
    memset(here, 0x55, n);
    log_debug("%c", here[0]);
}

static void shift_too_far(void)
{
    log_debug("%u", 1u << (arch_cycles() % 2 + 32));
}

static void hang(void)
{
    for (;;)
        arch_wait();
}

u64 provoke_until_device, provoke_until_queue;

/* "PREFIXn": the number. */
static bool count_after(const char *what, const char *prefix, u64 *n)
{
    size_t len = strlen(prefix);
    return strncmp(what, prefix, len) == 0 && cmdline_number(what + len, n);
}

void provoke(const char *what)
{
    static const struct {
        const char *name;
        void (*fn)(void);
    } ways[] = {{"panic", do_panic},
                {"null", read_null},
                {"write-text", write_text},
                {"run-data", run_data},
                {"stack", overflow_stack},
                {"smash", smash},
                {"undefined", shift_too_far},
                {"reset", (void (*)(void))arch_reset},
                {"hang", hang}};
    bool known = count_after(what, "needs-reset:", &provoke_until_device) ||
                 count_after(what, "queue-reset:", &provoke_until_queue);
    for (unsigned i = 0; i < ARRAY_LEN(ways); i++)
        if (strcmp(what, ways[i].name) == 0) {
            known = true;
            ways[i].fn(); /* not a tail call: it is to be seen in the backtrace */
        }
    if (!known)
        log_warn("provoke=%s is unknown; write one of the ways of docs/tour.md, such as provoke=panic", what);
}
