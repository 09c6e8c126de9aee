/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs_lock - advisory locks on ranges of files: fcntl's by process or by open file, and flock's, which the others do not see.
 *
 * All locks of this kernel stand in one table. To a server the kernel is one client with one owner: each byte is locked there as strongly
 * as by the strongest lock here, whoever has it. Locks of one owner never overlap, and where two of one type touch they are one. */
#include "mem.h"
#include "time.h"
#include "vfs.h"

enum { LOCKS_MAX = 4096, GUEST = 1 /* the owner that servers see */ };
enum { SOONEST = 1000000, LATEST = 64000000 }; /* ns between two tries */
#define LAST ((u64)INT64_MAX)

struct lock {
    struct lock *next;
    struct file *file; /* taken through it; it lives longer than the lock */
    enum lock_kind kind;
    u64 process;
    u8 type;
    u64 start, last; /* bytes, both included */
};

static struct lock *locks;
static unsigned nlocks;

static bool same_object(const struct lock *a, const struct lock *b)
{
    return a->file->node.fs == b->file->node.fs && a->file->node.qid.path == b->file->node.qid.path &&
           (a->kind == LOCK_FLOCK) == (b->kind == LOCK_FLOCK);
}

static bool same_owner(const struct lock *a, const struct lock *b)
{
    return a->kind == b->kind && (a->kind == LOCK_PROCESS ? a->process == b->process : a->file == b->file);
}

static bool overlap(const struct lock *a, const struct lock *b)
{
    return a->start <= b->last && b->start <= a->last;
}

static bool touch(const struct lock *a, const struct lock *b)
{
    return overlap(a, b) || a->last + 1 == b->start || b->last + 1 == a->start;
}

/* The lock of somebody else that keeps `want` from being taken. */
static const struct lock *conflict(const struct lock *want)
{
    const struct lock *l = locks;
    while (l && !(same_object(l, want) && !same_owner(l, want) && overlap(l, want) &&
                  (l->type == F_WRLCK || want->type == F_WRLCK)))
        l = l->next;
    return want->type == F_UNLCK ? NULL : l;
}

/* ---- the table ---- */

static void insert(const struct lock *lock, struct lock *room)
{
    *room = *lock;
    room->next = locks;
    locks = room;
    nlocks++;
}

static void delete (struct lock **at)
{
    struct lock *l = *at;
    *at = l->next;
    nlocks--;
    mem_delete(l, sizeof *l);
}

/* Takes want's range out of *at, which overlaps it; what is left on the right of it goes to *room. false: nothing was left at *at. */
static bool carve(struct lock **at, const struct lock *want, struct lock **room)
{
    struct lock *l = *at, right = *l;
    right.start = want->last + 1;
    bool before = l->start<want->start, behind = l->last> want->last;
    if (before)
        l->last = want->start - 1;
    else if (behind)
        l->start = right.start;
    else
        delete (at);
    if (before && behind) {
        insert(&right, *room);
        *room = NULL;
    }
    return before || behind;
}

/* Makes the owner's locks on the range what `want` says. Rooms that were not used are NULL no more. */
static void set(struct lock want, struct lock *rooms[2])
{
    for (struct lock **at = &locks; *at;) {
        struct lock *l = *at;
        bool ours = same_object(l, &want) && same_owner(l, &want);
        if (ours && l->type == want.type && l->file == want.file && touch(l, &want)) {
            want.start = MIN(want.start, l->start);
            want.last = MAX(want.last, l->last);
            delete (at);
        } else if (!ours || !overlap(l, &want) || carve(at, &want, &rooms[1]))
            at = &l->next;
    }
    if (want.type != F_UNLCK) {
        insert(&want, rooms[0]);
        rooms[0] = NULL;
    }
}

/* ---- the server ---- */

/* How strongly byte `at` is locked now, and will be, when `want` is set; until: the last byte of which that is true. */
struct strength {
    u8 now, then;
    struct file *file; /* that the lock was taken through */
    u64 until;
};

/* Strongest first. */
static u8 stronger(u8 a, u8 b)
{
    return a == F_WRLCK || b == F_UNLCK ? a : b;
}

static struct strength strength_at(const struct lock *want, u64 at, u64 until)
{
    struct strength s = {F_UNLCK, want->type, want->file, until};
    for (const struct lock *l = locks; l; l = l->next) {
        if (l->file->node.fs != want->file->node.fs || l->file->node.qid.path != want->file->node.qid.path ||
            l->last < at)
            continue;
        if (l->start > at) {
            s.until = MIN(s.until, l->start - 1);
            continue;
        }
        s.until = MIN(s.until, l->last);
        s.now = stronger(l->type, s.now);
        if (!same_object(l, want) || !same_owner(l, want))
            s.then = stronger(l->type, s.then);
        else if (want->type == F_UNLCK)
            s.file = l->file;
    }
    return s;
}

/* Tells the server what changes in [start, last] when `want` is set, or (back) did not come to be set. */
static int tell(const struct lock *want, u64 start, u64 last, bool back)
{
    struct strength s;
    for (u64 at = start; at <= last; at = s.until + 1) {
        s = strength_at(want, at, last);
        u8 type = back ? s.now : s.then;
        if (s.now == s.then)
            continue;
        u64 len = s.until == LAST ? 0 : s.until - at + 1;
        int err = want->file->node.fs->ops->lock(&s.file->node, &(struct file_lock){type, GUEST, at, len});
        if (err < 0 && !back && type != F_UNLCK) {
            if (at > start)
                tell(want, start, at - 1, true);
            return err;
        }
    }
    return 0;
}

/* ---- taking and giving back ---- */

static int take(const struct lock *want)
{
    struct lock *rooms[2] = {mem_new(sizeof *want), mem_new(sizeof *want)};
    int err = rooms[0] && rooms[1] && (nlocks < LOCKS_MAX || want->type == F_UNLCK) ? 0 : -ENOLCK;
    if (err == 0 && want->file->node.fs->ops->lock)
        err = tell(want, want->start, want->last, false);
    if (err == 0)
        set(*want, rooms);
    mem_delete(rooms[0], sizeof *want);
    mem_delete(rooms[1], sizeof *want);
    return err;
}

/* Gives back whole locks: that takes no memory. */
static void release(const struct file *file, enum lock_kind kind, u64 process)
{
    struct lock by = {.file = (struct file *)(uintptr_t)file, .kind = kind, .process = process, .type = F_UNLCK};
    for (struct lock **at = &locks; *at;) {
        if (!same_object(*at, &by) || !same_owner(*at, &by)) {
            at = &(*at)->next;
            continue;
        }
        by.start = (*at)->start;
        by.last = (*at)->last;
        if (file->node.fs->ops->lock)
            tell(&by, by.start, by.last, false);
        delete (at);
    }
}

void vfs_unlock_process(struct file *file, u64 process)
{
    if (locks && !(file->flags & O_PATH))
        release(file, LOCK_PROCESS, process);
}

void vfs_unlock_file(struct file *file)
{
    if (!locks)
        return;
    release(file, LOCK_OFD, 0);
    release(file, LOCK_FLOCK, 0);
}

static struct lock lock_of(struct file *file, enum lock_kind kind, u64 process, const struct file_lock *lock)
{
    u64 last = lock->len && lock->len - 1 <= LAST - lock->start ? lock->start + lock->len - 1 : LAST;
    return (struct lock){
        .file = file, .kind = kind, .process = process, .type = lock->type, .start = lock->start, .last = last};
}

int vfs_lock(struct file *file, enum lock_kind kind, u64 process, const struct file_lock *lock, bool wait)
{
    struct lock want = lock_of(file, kind, process, lock);
    for (u64 pause = SOONEST;; pause = MIN(2 * pause, LATEST)) {
        const struct lock *other = conflict(&want);
        int err = other ? -EAGAIN : take(&want);
        if (err == -EAGAIN && kind == LOCK_FLOCK)
            release(file, kind, process); /* flock gives back what it had before it takes another one */
        if (err != -EAGAIN || !wait)
            return err;
        if (other && other->process == process)
            return -EDEADLK; /* it would wait for itself */
        time_sleep(pause);
    }
}

int vfs_getlock(struct file *file, enum lock_kind kind, u64 process, struct file_lock *lock)
{
    struct lock want = lock_of(file, kind, process, lock);
    const struct lock *l = conflict(&want);
    const struct fs_ops *ops = file->node.fs->ops;
    lock->pid = GUEST;
    if (!l && ops->getlock)
        return ops->getlock(&file->node, lock);
    lock->type = F_UNLCK;
    if (l)
        *lock = (struct file_lock){.type = l->type,
                                   .pid = l->kind == LOCK_PROCESS ? (u32)l->process : ~0u,
                                   .start = l->start,
                                   .len = l->last == LAST ? 0 : l->last - l->start + 1};
    return 0;
}
