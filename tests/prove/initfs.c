/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* initfs - a cpio archive of any bytes.
 *
 * flags header: -eva-auto-loop-unroll 20 -eva-slevel 8
 * flags entry: -eva-auto-loop-unroll 20 -eva-slevel 40 -eva-alloc-builtin fresh -eva-split-return-function find_byte:full
 * plant header: kernel/initfs.c: len - at < HEADER || -> len - at < HEADER - 1 ||
 * plant entry: kernel/initfs.c: > MIN(left, VFS_PATH_MAX) -> > MIN(left + 1, VFS_PATH_MAX)
 * plant entry: kernel/initfs.c: return MIN(ALIGN_UP(data + field[FILESIZE], 4), len); -> return ALIGN_UP(data + field[FILESIZE], 4);
 */
#define memchr find_byte
#include "kernel/initfs.c"

int vfs_register(struct fs *fs)
{
    (void)fs;
    return 0;
}

struct fs *vfs_find(const char *tag)
{
    (void)tag;
    return NULL;
}

u64 mem_to_spans(const struct span *spans, unsigned n, u64 skip, const void *src, u64 len)
{
    (void)spans, (void)n, (void)skip, (void)src;
    return len;
}

/* Too little for an entry, or for its name: the header is anything. */
void prove_header(void)
{
    static u8 archive[HEADER];
    for (size_t len = 0; len <= HEADER; len++) {
        int err = 0;
        any_bytes(archive, sizeof archive);
        must(read_entry(archive + HEADER - len, len, 0, &err) <= len);
    }
}

/* A header of anything but the length of the name, behind which are at most three bytes, and any of them. */
enum { NAME = 4, ROOM = HEADER + 2 + NAME + 4 };

static void entry(unsigned name_size, unsigned len)
{
    static u8 archive[ROOM];
    int err = 0;
    root.children = NULL;
    linked = NULL;
    any_bytes(archive, sizeof archive);
    u8 *at = archive + sizeof archive - len;
    memset(at + MAGIC + NAMESIZE * DIGITS, '0', DIGITS);
    at[MAGIC + NAMESIZE * DIGITS + DIGITS - 1] = (u8)('0' + name_size);
    must(read_entry(at, len, 0, &err) <= len);
}

void prove_entry(void)
{
    for (unsigned name_size = 1; name_size <= NAME; name_size++)
        for (unsigned len = HEADER; len <= ROOM; len++)
            entry(name_size, len);
}
