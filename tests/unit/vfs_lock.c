/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs_lock - locks: ranges against a model of single bytes, and what a server is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "fake_arch.h"
#include "mem.h"
#include "time.h"
#include "vfs.h"

enum { BYTES = 6, CELLS, FILES = 4 }; /* the last cell is all bytes behind the others */

/* A server of locks: what this kernel holds there, byte by byte, and what somebody else does. */
static struct {
    u8 ours[CELLS], theirs[CELLS];
    unsigned calls, refuse; /* refuse: so many requests more are answered EAGAIN */
    int error;              /* each is answered this, if not 0 */
} server;

static int server_lock(struct node *node, const struct file_lock *lock)
{
    u64 last = lock->len ? lock->start + lock->len - 1 : INT64_MAX;
    assert_non_null(node->fs);
    assert_true(lock->type <= F_UNLCK);
    server.calls++;
    if (server.error)
        return server.error;
    if (server.refuse && lock->type != F_UNLCK) {
        server.refuse--;
        return -EAGAIN;
    }
    for (u64 i = lock->start; i < CELLS && i <= last && lock->type != F_UNLCK; i++)
        if (server.theirs[i] == F_WRLCK || (server.theirs[i] == F_RDLCK && lock->type == F_WRLCK))
            return -EAGAIN;
    for (u64 i = lock->start; i < CELLS && i <= last; i++)
        server.ours[i] = lock->type;
    return 0;
}

static int server_getlock(struct node *node, struct file_lock *lock)
{
    (void)node;
    for (u64 i = lock->start; i < BYTES; i++)
        if (server.theirs[i] != F_UNLCK) {
            *lock = (struct file_lock){server.theirs[i], 77, i, 1};
            return 0;
        }
    lock->type = F_UNLCK;
    return 0;
}

static const struct fs_ops server_ops = {.type = "locking", .lock = server_lock, .getlock = server_getlock};
static const struct fs_ops local_ops = {.type = "local"};
static struct fs remote = {.ops = &server_ops}, local = {.ops = &local_ops};
static struct file files[FILES]; /* 0, 1, 2 are the same remote file, 3 another one */

static int begin(void **state)
{
    (void)state;
    memset(&server, 0, sizeof server);
    memset(server.ours, F_UNLCK, CELLS);
    memset(server.theirs, F_UNLCK, CELLS);
    for (unsigned i = 0; i < FILES; i++)
        files[i] = (struct file){
            .refs = 1, .flags = O_RDWR, .node = {.fs = &remote, .qid = {0, 0, i < 3 ? 5 : 6}, .open = true}};
    return 0;
}

static int end(void **state)
{
    (void)state;
    for (unsigned i = 0; i < FILES; i++) {
        vfs_unlock_process(&files[i], 1);
        vfs_unlock_process(&files[i], 2);
        vfs_unlock_file(&files[i]);
    }
    for (unsigned i = 0; i < CELLS; i++)
        assert_int_equal(server.ours[i], F_UNLCK);
    return 0;
}

static int lock_it(struct file *file, enum lock_kind kind, u64 process, u8 type, u64 start, u64 len)
{
    return vfs_lock(file, kind, process, &(struct file_lock){type, 0, start, len}, false);
}

/* ---- ranges against a model ---- */

/* Owners: process 1 by file 0, process 1 by file 1 (the same owner), process 2 by file 0, open file 0, open file 1, flock of file 0, flock of file 1. */
static const struct {
    unsigned file, model;
    enum lock_kind kind;
    u64 process;
} owners[] = {
    {0, 0, LOCK_PROCESS, 1}, {1, 0, LOCK_PROCESS, 1}, {0, 1, LOCK_PROCESS, 2}, {0, 2, LOCK_OFD, 1},
    {1, 3, LOCK_OFD, 1},     {0, 4, LOCK_FLOCK, 1},   {1, 5, LOCK_FLOCK, 1},
};
enum { MODELS = 6, FIRST_FLOCK = 4 };
static u8 model[MODELS][CELLS];

static bool meet(unsigned a, unsigned b)
{
    return a != b && (a >= FIRST_FLOCK) == (b >= FIRST_FLOCK);
}

/* What the model says of a request; it is made so when it may. */
static int model_lock(unsigned owner, u8 type, u64 start, u64 len)
{
    u64 stop = len ? start + len : CELLS;
    unsigned m = owners[owner].model;
    for (unsigned other = 0; other < MODELS; other++)
        for (u64 i = start; i < stop && type != F_UNLCK; i++)
            if (meet(other, m) && model[other][i] != F_UNLCK && (type == F_WRLCK || model[other][i] == F_WRLCK))
                return -EAGAIN;
    memset(model[m] + start, type, stop - start);
    return 0;
}

/* The server has each byte as strong as the strongest; nobody can take what the model says he cannot. */
static void check(unsigned long row)
{
    for (unsigned i = 0; i < CELLS; i++) {
        u8 strongest = F_UNLCK;
        for (unsigned m = 0; m < MODELS; m++)
            if (model[m][i] == F_WRLCK || strongest == F_UNLCK)
                strongest = model[m][i];
        if (server.ours[i] != strongest)
            fail_msg("%lu: the server has byte %u as %u, not %u", row, i, server.ours[i], strongest);
        struct file_lock found = {F_WRLCK, 0, i, 1};
        vfs_getlock(&files[2], LOCK_OFD, 9, &found);
        u8 held = F_UNLCK;
        for (unsigned m = 0; m < FIRST_FLOCK; m++)
            held = model[m][i] != F_UNLCK ? model[m][i] : held;
        if ((found.type == F_UNLCK) != (held == F_UNLCK))
            fail_msg("%lu: byte %u is told as %u, not %u", row, i, found.type, held);
        if (found.type != F_UNLCK && (found.start > i || (found.len && found.start + found.len <= i)))
            fail_msg("%lu: byte %u is not in what stands in its way", row, i);
    }
}

static void request(unsigned long row, unsigned owner, u8 type, u64 start, u64 len)
{
    bool whole = owners[owner].kind == LOCK_FLOCK;
    start = whole ? 0 : start;
    len = whole ? 0 : len;
    int want = model_lock(owner, type, start, len);
    int got = lock_it(&files[owners[owner].file], owners[owner].kind, owners[owner].process, type, start, len);
    if (whole && want < 0)
        memset(model[owners[owner].model], F_UNLCK, CELLS); /* flock loses what it had */
    if (got != want)
        fail_msg("%lu: owner %u type %u [%lu,+%lu): %d, not %d", row, owner, type, (unsigned long)start,
                 (unsigned long)len, got, want);
    check(row);
}

static void random_requests_against_bytes(void **state)
{
    (void)state;
    memset(model, F_UNLCK, sizeof model);
    u32 seed = 1;
    for (unsigned long row = 0; row < 60000; row++) {
        u32 r[4];
        for (unsigned i = 0; i < 4; i++) {
            seed = seed * 1664525 + 1013904223;
            r[i] = seed >> 8;
        }
        u64 start = r[2] % BYTES, len = r[3] % (BYTES + 1 - start);
        request(row, r[0] % ARRAY_LEN(owners), r[1] % 4 == 3 ? F_UNLCK : (u8)(r[1] % 4), start, len);
    }
}

/* Each pair of ranges and types of one owner, with a reader beside it. */
static void each_pair_of_ranges(void **state)
{
    unsigned long row = 0;
    for (u32 k = 0; k < 3 * 3 * BYTES * BYTES * (BYTES + 1) * (BYTES + 1); k++) {
        u32 n = k;
        u8 t1 = (u8)(n % 3), t2 = (u8)((n /= 3) % 3);
        u64 s1 = (n /= 3) % BYTES, s2 = (n /= BYTES) % BYTES, l1 = (n /= BYTES) % (BYTES + 1), l2 = n / (BYTES + 1);
        if (l1 > BYTES - s1 || l2 > BYTES - s2)
            continue;
        begin(NULL);
        memset(model, F_UNLCK, sizeof model);
        request(row, 3, F_RDLCK, 2, 2);
        request(row, 0, t1, s1, l1);
        request(row, 0, t2, s2, l2);
        request(row++, 1, F_UNLCK, 1, 4);
        end(state);
    }
}

/* ---- who keeps what for how long ---- */

static void closing_any_descriptor_drops_a_process_locks(void **state)
{
    (void)state;
    assert_int_equal(lock_it(&files[0], LOCK_PROCESS, 1, F_WRLCK, 0, 3), 0);
    assert_int_equal(lock_it(&files[0], LOCK_OFD, 1, F_WRLCK, 4, 1), 0);
    assert_int_equal(lock_it(&files[0], LOCK_FLOCK, 1, F_WRLCK, 0, 0), 0);
    vfs_unlock_process(&files[3], 1); /* another file */
    assert_int_equal(lock_it(&files[1], LOCK_PROCESS, 2, F_RDLCK, 0, 1), -EAGAIN);
    vfs_unlock_process(&files[1], 1); /* the same one, another description */
    assert_int_equal(lock_it(&files[1], LOCK_PROCESS, 2, F_RDLCK, 0, 3), 0);
    assert_int_equal(lock_it(&files[1], LOCK_PROCESS, 2, F_RDLCK, 4, 1), -EAGAIN);
    assert_int_equal(lock_it(&files[1], LOCK_FLOCK, 1, F_RDLCK, 0, 0), -EAGAIN);
    vfs_unlock_file(&files[0]);
    assert_int_equal(lock_it(&files[1], LOCK_PROCESS, 2, F_RDLCK, 4, 1), 0);
    assert_int_equal(lock_it(&files[1], LOCK_FLOCK, 1, F_RDLCK, 0, 0), 0);
}

static void an_o_path_drops_nothing(void **state)
{
    (void)state;
    assert_int_equal(lock_it(&files[0], LOCK_PROCESS, 1, F_WRLCK, 0, 0), 0);
    files[1].flags = O_PATH;
    vfs_unlock_process(&files[1], 1);
    assert_int_equal(lock_it(&files[2], LOCK_PROCESS, 2, F_WRLCK, 0, 0), -EAGAIN);
}

static void who_stands_in_the_way(void **state)
{
    (void)state;
    struct file_lock l = {F_WRLCK, 0, 0, 0};
    assert_int_equal(lock_it(&files[0], LOCK_PROCESS, 1, F_RDLCK, 3, 0), 0);
    assert_int_equal(vfs_getlock(&files[1], LOCK_PROCESS, 2, &l), 0);
    assert_true(l.type == F_RDLCK && l.pid == 1 && l.start == 3 && l.len == 0);
    l = (struct file_lock){F_RDLCK, 0, 0, 0};
    assert_int_equal(vfs_getlock(&files[1], LOCK_PROCESS, 2, &l), 0);
    assert_int_equal(l.type, F_UNLCK);
    l = (struct file_lock){F_WRLCK, 0, 0, 3};
    server.theirs[1] = F_WRLCK;
    assert_int_equal(vfs_getlock(&files[1], LOCK_PROCESS, 1, &l), 0);
    assert_true(l.type == F_WRLCK && l.pid == 77 && l.start == 1 && l.len == 1);
    assert_int_equal(lock_it(&files[0], LOCK_OFD, 1, F_WRLCK, 2, 1), 0);
    l = (struct file_lock){F_WRLCK, 0, 2, 1};
    assert_int_equal(vfs_getlock(&files[1], LOCK_PROCESS, 1, &l), 0);
    assert_true(l.type == F_WRLCK && l.pid == ~0u && l.start == 2 && l.len == 1);
}

/* ---- waiting ---- */

static void waiting_for_itself_ends(void **state)
{
    (void)state;
    struct file_lock l = {F_WRLCK, 0, 0, 0};
    assert_int_equal(lock_it(&files[0], LOCK_OFD, 1, F_WRLCK, 0, 1), 0);
    assert_int_equal(vfs_lock(&files[1], LOCK_OFD, 1, &l, true), -EDEADLK);
    assert_int_equal(vfs_lock(&files[1], LOCK_PROCESS, 1, &l, true), -EDEADLK);
    assert_int_equal(vfs_lock(&files[0], LOCK_OFD, 1, &l, true), 0);
    assert_int_equal(lock_it(&files[0], LOCK_FLOCK, 1, F_WRLCK, 0, 0), 0);
    assert_int_equal(vfs_lock(&files[1], LOCK_FLOCK, 1, &l, true), -EDEADLK);
}

static void waiting_for_another_client_asks_again(void **state)
{
    (void)state;
    u64 before = time_ns();
    server.refuse = 10;
    assert_int_equal(vfs_lock(&files[0], LOCK_PROCESS, 1, &(struct file_lock){F_WRLCK, 0, 0, 0}, true), 0);
    assert_int_equal(server.calls, 11);
    assert_true(time_ns() - before > 9000000); /* not by turning on the spot */
}

/* ---- what fails ---- */

static void a_refused_upgrade_keeps_what_was_there(void **state)
{
    (void)state;
    assert_int_equal(lock_it(&files[0], LOCK_PROCESS, 1, F_RDLCK, 0, 2), 0);
    server.theirs[4] = F_RDLCK;
    assert_int_equal(lock_it(&files[0], LOCK_PROCESS, 1, F_WRLCK, 0, 0), -EAGAIN);
    static const u8 want[CELLS] = {F_RDLCK, F_RDLCK, F_UNLCK, F_UNLCK, F_UNLCK, F_UNLCK, F_UNLCK};
    assert_memory_equal(server.ours, want, CELLS);
    server.error = -ENOLCK;
    assert_int_equal(vfs_lock(&files[0], LOCK_PROCESS, 1, &(struct file_lock){F_WRLCK, 0, 0, 2}, true), -ENOLCK);
    server.error = 0;
    server.theirs[4] = F_UNLCK;
    assert_int_equal(lock_it(&files[0], LOCK_PROCESS, 1, F_WRLCK, 0, 0), 0);
}

static void a_file_system_without_locks_has_ours(void **state)
{
    (void)state;
    files[0].node.fs = files[1].node.fs = &local;
    assert_int_equal(lock_it(&files[0], LOCK_OFD, 1, F_WRLCK, 0, 0), 0);
    assert_int_equal(lock_it(&files[1], LOCK_OFD, 1, F_RDLCK, 7, 1), -EAGAIN);
    struct file_lock l = {F_WRLCK, 0, 1ul << 62, 1};
    assert_int_equal(vfs_getlock(&files[1], LOCK_OFD, 1, &l), 0);
    assert_int_equal(l.type, F_WRLCK);
    assert_int_equal(lock_it(&files[0], LOCK_OFD, 1, F_UNLCK, 0, 0), 0);
    assert_int_equal(vfs_getlock(&files[1], LOCK_OFD, 1, &l), 0);
    assert_int_equal(l.type, F_UNLCK);
    assert_int_equal(server.calls, 0);
}

static void locks_end_somewhere_and_are_given_back(void **state)
{
    (void)state;
    u64 before = 0;
    files[0].node.fs = &local;
    for (unsigned round = 0; round < 3; round++) {
        unsigned n = 0;
        while (lock_it(&files[0], LOCK_OFD, 1, F_WRLCK, 2 * n, 1) == 0)
            n++;
        assert_true(n >= 1024);
        assert_int_equal(lock_it(&files[0], LOCK_OFD, 1, F_WRLCK, 2 * n, 1), -ENOLCK);
        assert_int_equal(lock_it(&files[0], LOCK_OFD, 1, F_UNLCK, 0, 1), 0);
        vfs_unlock_file(&files[0]);
        if (round == 0)
            before = mem_free_count();
        assert_int_equal(mem_free_count(), before);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {
        T(random_requests_against_bytes),
        T(each_pair_of_ranges),
        T(closing_any_descriptor_drops_a_process_locks),
        T(an_o_path_drops_nothing),
        T(who_stands_in_the_way),
        T(waiting_for_itself_ends),
        T(waiting_for_another_client_asks_again),
        T(a_refused_upgrade_keeps_what_was_there),
        T(a_file_system_without_locks_has_ours),
        T(locks_end_somewhere_and_are_given_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
