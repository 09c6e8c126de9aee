/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs - programs at work on a share whose server lies: in types, in object numbers, in what is there and what is done. */
#include <stdlib.h>
#include <unistd.h>

#include "9p_client.h"
#include "fake_acpi.h"
#include "fake_arch.h"
#include "mem.h"
#include "share.h"
#include "tmpfs.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static const u8 *at, *end;

static u8 next(void)
{
    return at < end ? *at++ : 0;
}

/* Most answers are honest; in the others a few bytes are not. */
static void mangle(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r)
{
    u8 how = next();
    (void)server;
    if (how < 0xc0 || r->len < 7)
        return;
    if (how & 0x20) { /* an error, or none */
        r->len = r->written = how & 1 ? 11 : 7;
        put32(r->bytes, r->written);
        r->bytes[4] = how & 1 ? P9_RLERROR : req->type + 1;
        put32(r->bytes + 7, 1 + next() % 40);
        return;
    }
    for (unsigned i = how & 7; i && r->len > 7; i--)
        r->bytes[7 + next() % (r->len - 7)] = next();
}

static const char *path(void)
{
    static const char *const paths[] = {"/",        "/file", "/dir",    "/dir/deep", "/dir/a",  "/link",      "/fifo",
                                        "/big",     "/new",  "/d",      "/d/e",      "/dir/..", "file",       "deep",
                                        "a",        "new",   "../file", "/dir/",     "/link/x", "x/y",        "/tmp/f",
                                        "/tmp/dir", "/tmp",  "/d/e/f",  "/dir/deep", ".",       "deep/../..", "/link2"};
    return paths[next() % ARRAY_LEN(paths)];
}

enum { OPEN = 6 };
static struct file *files[OPEN];

static void open_one(void)
{
    static const u32 flags[] = {
        O_RDONLY, O_RDWR,           O_RDWR | O_APPEND, O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_EXCL,
        O_PATH,   O_RDWR | O_TRUNC, O_DIRECTORY};
    unsigned i = next() % OPEN;
    struct file *base = files[next() % OPEN];
    if (files[i]) {
        vfs_unlock_process(files[i], 1);
        if (base == files[i])
            base = NULL;
        vfs_put(files[i]);
        files[i] = NULL;
    }
    if (vfs_open(base, path(), flags[next() % ARRAY_LEN(flags)], 0644, &files[i]) < 0)
        files[i] = NULL;
}

static void use(struct file *f, struct span *room)
{
    struct file_lock lock = {.type = next() % 3, .start = next() % 8, .len = next() % 8};
    struct attr_change change = {.valid = next() & 1 ? CHANGE_SIZE : CHANGE_MODE, .size = next(), .mode = next()};
    struct attr attr;
    u64 dev, offset = next() & 1 ? VFS_CURRENT : next();
    unsigned n = 0;
    switch (next() % 11) {
    case 0:
        vfs_read(f, room, 1, offset);
        break;
    case 1:
        vfs_write(f, room, 1, offset);
        break;
    case 2:
    case 3:
        if (!(f->flags & O_PATH))
            vfs_lock(f, next() % 3, 1, &lock, false);
        break;
    case 4:
        if (!(f->flags & O_PATH))
            vfs_getlock(f, LOCK_OFD, 1, &lock);
        break;
    case 5:
        vfs_set_flags(f, next() & 1 ? O_APPEND : 0);
        break;
    case 6:
        vfs_readdir(f, PAGE_SIZE, count_entry, &n);
        break;
    case 7:
        vfs_seek(f, next(), next() % 5);
        break;
    case 8:
        vfs_change(f, &change);
        break;
    case 9:
        vfs_getattr(f, &attr, &dev);
        break;
    default:
        vfs_fsync(f, false);
    }
}

static void use_path(const struct file *base)
{
    static char target[VFS_PATH_MAX];
    struct attr attr;
    struct fs_stat stat;
    u64 dev;
    const char *one = path(), *two = path();
    switch (next() % 10) {
    case 0:
        vfs_rename(base, one, base, two, next() & 1);
        break;
    case 1:
        vfs_unlink(base, one, next() & 1);
        break;
    case 2:
        vfs_mkdir(base, one, 0755);
        break;
    case 3:
        vfs_symlink(two, base, one);
        break;
    case 4:
        vfs_link(base, one, base, two, 0);
        break;
    case 5:
        vfs_readlink(base, one, target, sizeof target);
        break;
    case 6:
        vfs_getattr_path(base, one, next() & 1 ? VFS_NOFOLLOW : 0, &attr, &dev);
        break;
    case 7:
        vfs_access(base, one, 0, next() & 7);
        break;
    case 8:
        vfs_statfs_path(base, one, &stat);
        break;
    default:
        vfs_mknod(base, one, S_IFREG | 0644, 0, 0);
    }
}

static void set_up(void)
{
    start(NULL);
    tmpfs_init();
    if (vfs_mount(fs, "/", 0) < 0 || vfs_mount(vfs_find("tmpfs"), "/tmp", 0) < 0)
        abort();
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    static struct span room;
    if (!client) {
        set_up();
        room = (struct span){mem_pages(1, PAGE_SIZE), 100};
    }
    at = data;
    end = data + len;
    s.mangle = mangle;
    while (at < end) {
        struct file *f = files[next() % OPEN];
        switch (next() % 3) {
        case 0:
            open_one();
            break;
        case 1:
            use_path(f);
            break;
        default:
            if (f)
                use(f, &room);
        }
    }
    s.mangle = NULL;
    for (unsigned i = 0; i < OPEN; i++) {
        if (files[i])
            vfs_put(files[i]);
        files[i] = NULL;
    }
    if (vfs_files())
        abort();
    if (fake_9p_fids(&s) > 1000 || mem_free_count() < mem_total_count() / 4)
        _exit(0); /* what bad answers to Tclunk cost */
    return 0;
}
