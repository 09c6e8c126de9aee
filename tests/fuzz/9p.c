/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p - a server that answers anything: right in size, type and tag most of the time, or no check behind those would be reached. */
#include "fake_acpi.h"
#include "fake_arch.h"
#include "mem.h"
#include "share.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static const u8 *at, *end;

static u8 next(void)
{
    return at < end ? *at++ : 0;
}

/* The first byte: so many bytes of the reply, from the place that the second one names, are others; or the whole of it is. */
static void mangle(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r)
{
    u8 how = next();
    (void)server;
    if (how & 0x80 && req->type != P9_TVERSION) {
        r->len = r->written = 7 + next();
        for (u64 i = 7; i < r->len; i++)
            r->bytes[i] = next();
        put32(r->bytes, r->written);
    } else if (how & 0x40) {
        r->written = next();
    }
    u8 from = how & 15 ? next() : 0;
    for (unsigned i = 0; i < (how & 15u); i++)
        r->bytes[from + i] = next();
}

static void use(struct node *node)
{
    static char buf[VFS_PATH_MAX];
    struct span room = {mem_pages(4, PAGE_SIZE), 4 * PAGE_SIZE};
    struct attr attr;
    struct fs_stat stat;
    unsigned n = 0;
    fs->ops->getattr(node, &attr);
    fs->ops->readlink(node, buf, sizeof buf);
    fs->ops->statfs(node, &stat);
    if (fs->ops->open(node, 0, &attr) == 0) {
        fs->ops->read(node, &room, 1, next());
        fs->ops->readdir(node, next(), PAGE_SIZE, count_entry, &n);
    }
    fs->ops->clunk(node);
    mem_pages_free(room.pa, 4);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    static const char *const names[] = {"file", "big", "dir", "link", "fifo", "deep", "none"};
    struct node node;
    if (!client)
        start(NULL);
    at = data;
    end = data + len;
    s.mangle = mangle;
    while (at < end)
        if (walk1(names[next() % ARRAY_LEN(names)], &node) == 1)
            use(&node);
    s.mangle = NULL;
    settle();
    if (fake_9p_fids(&s) > 1000) /* what bad answers to Tclunk cost */
        start(NULL);
    return 0;
}
