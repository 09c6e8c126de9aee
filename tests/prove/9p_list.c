/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_list - directory entries.
 *
 * flags entry: -eva-split-return-function next_entry:full
 * flags listing: -eva-split-return-function next_entry:full
 * plant entry: kernel/9p_list.c: l->left < ENTRY) -> l->left < ENTRY - 1)
 * plant entry: kernel/9p_list.c: len > l->left - ENTRY || -> len > l->left - ENTRY + 1 ||
 * plant entry: kernel/9p_list.c: len > VFS_NAME_MAX || -> len > VFS_NAME_MAX + 1 ||
 * plant listing: kernel/9p_list.c: l->left -= ENTRY + len; -> l->left -= len;
 */
#include "kernel/9p_list.c"

#include "replies.h"

u64 mem_free_count(void)
{
    return any_u64();
}

u32 p9_io(const struct p9 *c)
{
    (void)c;
    return PAGE_SIZE;
}

u64 arch_cycles(void)
{
    return any_u64();
}

/* The name is all there, and no longer than names are. */
static bool look(void *ctx, const struct dirent_info *e)
{
    (void)ctx;
    must(e->name.len >= 1);
    must(e->name.len <= VFS_NAME_MAX);
    return any_bool();
}

/* One entry at the end of its memory, with room for less and for more than the longest name. */
void prove_entry(void)
{
    static u8 bytes[284];
    for (unsigned len = 0; len <= sizeof bytes; len += len == 40 ? 236 : 1) {
        struct dirent_info e;
        struct listing l = {bytes + sizeof bytes - len, len};
        any_bytes(bytes, sizeof bytes);
        if (next_entry(&l, &e) > 0) {
            must(e.name.len >= 1);
            must(e.name.len <= VFS_NAME_MAX);
            must(l.left <= sizeof bytes - ENTRY - 1);
        }
    }
}

/* Two entries with each length of their names, too long ones too. A third one has no room. */
enum { NAMES = 8, LISTING = 2 * ENTRY + NAMES };

static void two(u8 one, u8 other)
{
    static u8 bytes[LISTING];
    struct p9_list list = {.n = 1, .pieces = {{(u64)bytes, 1, LISTING}}, .begin = any_u64()};
    any_bytes(bytes, sizeof bytes);
    bytes[ENTRY - 2] = one;
    bytes[ENTRY - 1] = 0;
    bytes[ENTRY + one + ENTRY - 2] = other;
    bytes[ENTRY + one + ENTRY - 1] = 0;
    give_entries(&list, look, NULL);
}

void prove_listing(void)
{
    for (u8 one = 0; one <= NAMES; one++)
        for (u8 other = 0; other <= NAMES - one + 1; other++)
            two(one, other);
}
