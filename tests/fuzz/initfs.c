/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* initfs - any bytes as the cpio archive, of which every file is then listed and read. Fields are mostly hex digits, or nothing gets far. */
#include <stdlib.h>
#include <unistd.h>

#include "initfs.h"
#include "mem.h"
#include "vfs.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static char names[16][VFS_NAME_MAX + 2];
static unsigned nnames;

static bool take(void *ctx, const struct dirent_info *e)
{
    (void)ctx;
    if (nnames == ARRAY_LEN(names))
        return false;
    names[nnames][0] = '/';
    memcpy(names[nnames] + 1, e->name.s, e->name.len);
    names[nnames++][e->name.len + 1] = 0;
    return true;
}

static void read_all(const char *path)
{
    struct file *f;
    u64 pa = mem_pages(2, PAGE_SIZE);
    struct span room = {pa, 2 * PAGE_SIZE};
    if (vfs_open(NULL, path, 0, 0, &f) == 0) {
        vfs_read(f, &room, 1, 0);
        nnames = 0;
        vfs_readdir(f, 4096, take, NULL);
        vfs_put(f);
    }
    vfs_readlink(NULL, path, mem_virt(pa), PAGE_SIZE);
    mem_pages_free(pa, 2);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    static bool mounted;
    static u64 start;
    u8 *archive = malloc(len ? len : 1); /* stays, for what is in the tree points into it: leaks are not looked for */
    memcpy(archive, data, len);
    initfs_init(archive, len);
    if (!mounted)
        mounted = vfs_mount(vfs_find("initfs"), "/", 0) == 0;
    read_all("/");
    for (unsigned i = nnames; i-- > 2;)
        read_all(names[i]);
    if (!start)
        start = mem_free_count();
    if (mem_free_count() < start / 2)
        _exit(0); /* what is in the tree stays */
    return 0;
}
