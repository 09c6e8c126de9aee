/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_lock - locks on ranges of an open file, kept by the server: Tlock and Tgetlock. */
#include "9p.h"
#include "9p_client.h"
#include "print.h"
#include "rand.h"
#include "vfs.h"
#include "wire.h"

enum { SUCCESS, BLOCKED, ERROR, GRACE };

/* The range and whose it is. A pid means something in one guest only; the name in front of it tells guests apart. */
static void put_range(struct wire *w, const struct file_lock *lock)
{
    static char guest[32];
    u64 number;
    if (!guest[0]) {
        rand_bytes(&number, sizeof number);
        print_text(guest, sizeof guest, "sheepskin-%016lx", (unsigned long)number);
    }
    wire_put64(w, lock->start);
    wire_put64(w, lock->len);
    wire_put32(w, lock->pid);
    wire_put_string(w, guest, strlen(guest));
}

/* Some servers grant whatever is asked of a fid that is not open: they are not asked. */
int p9fs_lock(struct node *node, const struct file_lock *lock)
{
    static const int errors[] = {[SUCCESS] = 0, [BLOCKED] = -EAGAIN, [ERROR] = -ENOLCK, [GRACE] = -EAGAIN};
    struct p9_call call;
    if (!node->open)
        return -EBADF;
    p9_gather_flush(p9_of(node));
    struct wire w = p9_begin_on(&call, node, P9_TLOCK);
    wire_put8(&w, lock->type);
    wire_put32(&w, 0); /* neither BLOCK nor RECLAIM */
    put_range(&w, lock);
    int err = p9_exchange(&call, &w);
    if (err < 0)
        return err;
    u8 status = wire_get8(&w);
    return wire_ok(&w) && status < ARRAY_LEN(errors) ? errors[status] : p9_bad(&call, "no status of a lock");
}

int p9fs_getlock(struct node *node, struct file_lock *lock)
{
    struct p9_call call;
    if (!node->open)
        return -EBADF;
    struct wire w = p9_begin_on(&call, node, P9_TGETLOCK);
    wire_put8(&w, lock->type);
    put_range(&w, lock);
    int err = p9_exchange(&call, &w);
    if (err < 0)
        return err;
    struct file_lock found = {.type = wire_get8(&w)};
    found.start = wire_get64(&w);
    found.len = wire_get64(&w);
    found.pid = wire_get32(&w);
    u16 len;
    wire_get_string(&w, &len); /* which guest's: no program asks */
    if (!wire_ok(&w) || found.type > F_UNLCK || found.start > INT64_MAX || found.len > INT64_MAX - found.start)
        return p9_bad(&call, "no lock");
    if (found.type == F_UNLCK)
        found = (struct file_lock){F_UNLCK, lock->pid, lock->start, lock->len};
    *lock = found;
    return 0;
}
