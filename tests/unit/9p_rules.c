/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_rules - what the client and the paths above it make of whole operations: rules that only both together keep, and what each operation costs.
 *
 * The client rules are named by tests (cNN_...), of which tests/lint.py misses none: C1 C2 C6 C14 C15 in 9p.c; C3 C4 C5 C10 C11 C16 in 9p_fs.c; C7 C8 in
 * 9p_edit.c; C9 C12 in 9p_io.c; C13 in virtio_9p.c; C7 C16 here too. The fake server looks at C2 to C8 and C16 in every test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "9p_client.h"
#include "fake_arch.h"
#include "mem.h"
#include "share.h"
#include "wire.h"

static u8 *bytes;
enum { BYTES = 65536 };

static int mount_share(void **state)
{
    (void)state;
    mount_client(CACHE_NONE);
    bytes = buffer(BYTES);
    return 0;
}

static int begin(void **state)
{
    (void)state;
    fake_9p_forget(&s);
    return 0;
}

/* ---- what operations cost ---- */

static s64 span_io(s64 (*io)(struct file *, const struct span *, unsigned, u64), struct file *f, u64 len)
{
    struct span span = {mem_phys(bytes), len};
    return io(f, &span, 1, VFS_CURRENT);
}

static void read_file(void)
{
    struct file *f = opened("/s/file", O_RDONLY);
    assert_int_equal(span_io(vfs_read, f, BYTES), 12);
    vfs_put(f);
}

static void read_deep(void)
{
    struct file *f = opened("/s/d1/d2/d3/d4/d5/d6/f", O_RDONLY);
    assert_int_equal(span_io(vfs_read, f, BYTES), 4);
    vfs_put(f);
}

static void stat_file(void)
{
    struct attr attr;
    u64 dev;
    assert_int_equal(vfs_getattr_path(NULL, "/s/file", 0, &attr, &dev), 0);
}

static void stat_deep(void)
{
    struct attr attr;
    u64 dev;
    assert_int_equal(vfs_getattr_path(NULL, "/s/d1/d2/d3/d4/d5/d6/f", 0, &attr, &dev), 0);
}

static void create_file(void)
{
    struct file *f = opened("/s/new", O_WRONLY | O_CREAT | O_TRUNC);
    assert_int_equal(span_io(vfs_write, f, 100), 100);
    vfs_put(f);
}

static void create_exclusively(void)
{
    struct file *f = opened("/s/excl", O_WRONLY | O_CREAT | O_EXCL);
    assert_int_equal(span_io(vfs_write, f, 100), 100);
    vfs_put(f);
}

static void overwrite(void)
{
    struct file *f = opened("/s/new", O_WRONLY | O_CREAT | O_TRUNC);
    assert_int_equal(span_io(vfs_write, f, 100), 100);
    vfs_put(f);
}

static void make_directory(void)
{
    assert_int_equal(vfs_mkdir(NULL, "/s/newdir", 0755), 0);
}

static void rename_file(void)
{
    assert_int_equal(vfs_rename(NULL, "/s/new", NULL, "/s/newer", 0), 0);
}

/* There and back, which leaves all as it was. */
static void rename_between_directories(void)
{
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(vfs_rename(NULL, "/s/d1/d2/here", NULL, "/s/thousand/there", 0), 0);
        assert_int_equal(vfs_rename(NULL, "/s/thousand/there", NULL, "/s/d1/d2/here", 0), 0);
    }
}

static void remove_file(void)
{
    assert_int_equal(vfs_unlink(NULL, "/s/newer", false), 0);
}

static void remove_directory(void)
{
    assert_int_equal(vfs_unlink(NULL, "/s/newdir", true), 0);
}

static void make_symlink(void)
{
    assert_int_equal(vfs_symlink("file", NULL, "/s/newlink"), 0);
}

static void read_link(void)
{
    char target[16];
    assert_int_equal(vfs_readlink(NULL, "/s/link", target, sizeof target), 10);
}

static void change_mode(void)
{
    struct attr_change c = {.valid = CHANGE_MODE, .mode = 0600};
    assert_int_equal(vfs_change_path(NULL, "/s/file", 0, &c), 0);
}

static struct file *held; /* open since before the counting */

static void truncate_open(void)
{
    struct attr_change c = {.valid = CHANGE_SIZE, .size = 5};
    assert_int_equal(vfs_change(held, &c), 0);
}

static void sync_file(void)
{
    assert_int_equal(vfs_fsync(held, false), 0);
}

static void get_value(void)
{
    assert_int_equal(vfs_getxattr(NULL, NULL, "/s/file", 0, "user.v", bytes, 100), 5);
}

static void set_value(void)
{
    assert_int_equal(vfs_setxattr(NULL, NULL, "/s/file", 0, "user.v", bytes, 5, 0), 0);
}

static void list_directory(void)
{
    unsigned n = 0;
    struct file *f = opened("/s/dir", O_RDONLY | O_DIRECTORY);
    while (vfs_readdir(f, 32768, count_entry, &n) > 0)
        ;
    assert_int_equal(n, 8);
    vfs_put(f);
}

static struct fake_file *thousand;
enum { THOUSAND = 1000 };

static void make_thousand(void)
{
    static char names[THOUSAND][16];
    thousand = fake_file(top, "thousand", S_IFDIR | 0755, "", 0);
    for (unsigned i = 0; i < THOUSAND; i++) {
        snprintf(names[i], sizeof names[i], "name%u", i);
        fake_file(thousand, names[i], S_IFREG | 0600, "abc", i);
    }
}

/* What was listed, by the names that it was listed with. */
struct listed {
    unsigned n;
    char names[THOUSAND + 2][VFS_NAME_MAX + 1];
};
static struct listed listed;

static bool note_entry(void *ctx, const struct dirent_info *e)
{
    struct listed *l = ctx;
    memcpy(l->names[l->n], e->name.s, e->name.len);
    l->names[l->n++][e->name.len] = 0;
    return true;
}

static struct file *list_thousand(void)
{
    struct file *f = opened("/s/thousand", O_RDONLY | O_DIRECTORY);
    memset(&listed, 0, sizeof listed);
    while (vfs_readdir(f, 65536, note_entry, &listed) > 0)
        ;
    assert_int_equal(listed.n, THOUSAND + 2);
    return f;
}

static void check_entry(const struct file *at, const char *path, const char *name)
{
    struct attr attr;
    u64 dev;
    if (name[0] == '.')
        return;
    struct fake_file *f = fake_9p_child(thousand, name, strlen(name));
    assert_int_equal(vfs_getattr_path(at, path, VFS_NOFOLLOW, &attr, &dev), 0);
    assert_int_equal(attr.size, f->size);
    assert_int_equal(attr.qid.path, f->ino);
}

static void list_with_attributes(void)
{
    struct file *f = list_thousand();
    for (unsigned i = 0; i < listed.n; i++)
        check_entry(f, listed.names[i], listed.names[i]);
    vfs_put(f);
}

static void list_with_attributes_by_path(void)
{
    char path[300];
    vfs_put(list_thousand());
    for (unsigned i = 0; i < listed.n; i++) {
        snprintf(path, sizeof path, "/s/thousand/%s", listed.names[i]);
        check_entry(NULL, path, listed.names[i]);
    }
}

/* As chdir() does, and back. What starts there is as from any other directory, and the root outlives it. */
static void work_in_the_root(void)
{
    struct attr attr;
    u64 dev;
    for (unsigned i = 0; i < 3; i++) {
        struct file *dir = opened("/s", O_PATH | O_DIRECTORY);
        assert_int_equal(vfs_getattr_path(dir, "file", 0, &attr, &dev), 0);
        assert_int_equal(vfs_mkdir(dir, "passing", 0755), 0);
        assert_int_equal(vfs_unlink(dir, "passing", true), 0);
        struct file *same = opened("/s/.", O_PATH | O_DIRECTORY);
        vfs_put(dir);
        assert_int_equal(vfs_getattr(same, &attr, &dev), 0);
        assert_int_equal(attr.mode & S_IFMT, S_IFDIR);
        assert_int_equal(vfs_unmount(NULL, "/s"), -EBUSY);
        vfs_put(same);
    }
}

static void lock_file(void)
{
    struct file_lock lock = {.type = F_WRLCK};
    assert_int_equal(vfs_lock(held, LOCK_PROCESS, 1, &lock, false), 0);
}

/* 1 MiB of a file of almost 3, in pieces; in a way in which no piece follows another if not on end. */
static void read_pieces(u64 size, bool on_end)
{
    struct file *f = opened("/s/big", O_RDONLY);
    for (u64 i = 0; i < (1 << 20) / size; i++) {
        struct span span = {mem_phys(bytes), size};
        assert_int_equal(vfs_read(f, &span, 1, on_end ? VFS_CURRENT : i * 37 % 256 * size), size);
    }
    vfs_put(f);
}

static void read_4k_on_end(void)
{
    read_pieces(4096, true);
}

static void read_64k_on_end(void)
{
    read_pieces(BYTES, true);
}

static void read_4k_anywhere(void)
{
    read_pieces(4096, false);
}

static void write_small(void)
{
    struct file *f = opened("/s/new", O_WRONLY | O_CREAT | O_TRUNC);
    fs->cache = CACHE_READAHEAD;
    for (unsigned i = 0; i < 500; i++)
        assert_int_equal(span_io(vfs_write, f, 100), 100);
    assert_int_equal(vfs_flush(f, true), 0);
    fs->cache = CACHE_NONE;
    vfs_put(f);
}

static void read_whole(void)
{
    u64 got = 0;
    struct file *f = opened("/s/big", O_RDONLY);
    for (s64 n = 1; n > 0; got += (u64)n)
        n = span_io(vfs_read, f, BYTES);
    assert_int_equal(got, 3000000);
    vfs_put(f);
}

static const struct cost {
    const char *what;
    void (*run)(void);
    unsigned messages, waits, in_order; /* waits where the server works in order */
} costs[] = {
    {"open + read + close", read_file, 5, 3, 2},
    {"the same at depth 7", read_deep, 5, 3, 2},
    {"stat", stat_file, 3, 2, 1},
    {"stat at depth 7", stat_deep, 3, 2, 1},
    {"set an attribute", set_value, 6, 5, 5},
    {"get an attribute", get_value, 5, 3, 3},
    {"create + write + close", create_file, 5, 4, 4}, /* floor 4, 3: whether it is there is asked first */
    {"create exclusively + write + close", create_exclusively, 4, 3, 3},
    {"overwrite + close", overwrite, 5, 3, 3},
    {"overwrite by 500 writes + close", write_small, 5, 3, 3},
    {"mkdir", make_directory, 2, 2, 2}, /* set-group-id goes on, so that the parent is asked for it */
    {"rename", rename_file, 1, 1, 1},
    {"ten renames between two directories", rename_between_directories, 14, 12, 12}, /* and the ends of two fids */
    {"unlink", remove_file, 1, 1, 1},
    {"rmdir", remove_directory, 1, 1, 1},
    {"symlink", make_symlink, 1, 1, 1},
    {"readlink", read_link, 3, 2, 1},
    {"chmod", change_mode, 4, 3, 2},       /* the type goes along, and has to be asked for */
    {"ftruncate", truncate_open, 4, 3, 3}, /* floor 1, 1: whether the name is still the file's is asked first */
    {"fsync", sync_file, 1, 1, 1},
    {"1 MiB in pieces of 4 KiB", read_4k_on_end, 8, 5, 4}, /* two of the reads bring it, and two more what follows */
    {"1 MiB in pieces of 64 KiB", read_64k_on_end, 8, 5, 4},
    {"256 pieces of 4 KiB anywhere", read_4k_anywhere, 260, 258, 257},
    {"3 MB in pieces of 64 KiB", read_whole, 10, 7, 6}, /* 51, 49, 48 if each was asked for */
    {"list", list_directory, 6, 4, 3},
    {"work in the root", work_in_the_root, 21, 18, 15},
    {"lock", lock_file, 1, 1, 1},
    {"list + stat of 1,000", list_with_attributes, 3006, 32, 30},
    {"the same by path", list_with_attributes_by_path, 3006, 30, 28},
};

static void count_costs(bool in_order)
{
    static const char *const names[] = {"d1", "d2", "d3", "d4", "d5", "d6"};
    struct fake_file *at = top;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        at = fake_file(at, names[i], S_IFDIR | 0755, "", 0);
        if (i == 1)
            fake_file(at, "here", S_IFREG | 0644, "", 0);
    }
    fake_file(at, "f", S_IFREG | 0644, "deep", 4);
    make_thousand();
    held = opened("/s/file", O_RDWR);
    bool differs = false;
    s.serial = in_order;
    for (int i = 0; i < 20; i++) /* and it is known whether the server works in order */
        stat_file();
    assert_int_equal(p9_counters(client)->in_order, s.serial);
    for (size_t i = 0; i < ARRAY_LEN(costs); i++) {
        settle();
        struct p9_counters before = *p9_counters(client);
        unsigned log = s.log_len;
        costs[i].run();
        later_rest();
        u64 messages = p9_counters(client)->messages - before.messages,
            waits = p9_counters(client)->waits - before.waits;
        if (messages == costs[i].messages && waits == (s.serial ? costs[i].in_order : costs[i].waits))
            continue;
        differs = true;
        printf("%s: %u messages, %u waits:", costs[i].what, (unsigned)messages, (unsigned)waits);
        while (log < s.log_len)
            printf(" %u", s.log[log++]);
        printf("\n");
    }
    vfs_put(held);
    assert_false(differs);
}

static void what_operations_cost(void **state)
{
    (void)state;
    count_costs(false);
}

/* On another share, in the place of the first. */
static void what_they_cost_where_the_server_works_in_order(void **state)
{
    (void)state;
    assert_int_equal(vfs_unmount(NULL, "/s"), 0);
    make_client();
    assert_int_equal(vfs_mount(fs, "/s", 0), 0);
    root = vfs_mount_get(1)->root;
    count_costs(true);
}

/* ---- rules that paths and client keep together ---- */

/* Somebody makes the file behind every answer that it is not there, and removes it behind every answer that it is: so many times. */
static unsigned races;
static struct fake_file *racer;

static void race(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r)
{
    (void)server;
    bool missing = req->type == P9_TWALK && r->bytes[4] == P9_RLERROR;
    bool there = req->type == P9_TLCREATE && r->bytes[4] == P9_RLERROR;
    if (!races || !(missing || there))
        return;
    races--;
    if (there) {
        top->children = racer->next;
        return;
    }
    racer = fake_file(NULL, "racer", S_IFREG | 0604, "theirs", 6);
    racer->parent = top;
    racer->next = top->children;
    top->children = racer;
}

static void c07_somebody_else_is_quicker(void **state)
{
    (void)state;
    struct file *f;
    s.mangle = race;
    races = 1; /* it is there when we make it: what is there is opened, and keeps its mode */
    assert_int_equal(vfs_open(NULL, "/s/racer", O_RDWR | O_CREAT, 0777, &f), 0);
    assert_int_equal(span_io(vfs_read, f, 100), 6);
    assert_memory_equal(bytes, "theirs", 6);
    assert_int_equal(racer->mode, S_IFREG | 0604);
    assert_int_equal(s.seen[P9_TLCREATE], 1);
    vfs_put(f);
    top->children = racer->next;
    races = 2; /* it is gone again: made after all */
    assert_int_equal(vfs_open(NULL, "/s/racer", O_RDWR | O_CREAT, 0640, &f), 0);
    assert_int_equal(span_io(vfs_read, f, 100), 0);
    vfs_put(f);
    assert_int_equal(vfs_unlink(NULL, "/s/racer", false), 0);
    fake_9p_forget(&s); /* who wants to be the only one is told by the server that he is not */
    assert_int_equal(vfs_open(NULL, "/s/file", O_RDWR | O_CREAT | O_EXCL, 0640, &f), -EEXIST);
    assert_int_equal(vfs_open(NULL, "/s/link", O_RDWR | O_CREAT | O_EXCL, 0640, &f), -EEXIST);
    assert_int_equal(vfs_open(NULL, "/s/dir", O_RDWR | O_CREAT | O_EXCL, 0640, &f), -EEXIST);
    assert_int_equal(s.seen[P9_TLCREATE], 3);
    assert_int_equal(vfs_open(NULL, "/s", O_RDWR | O_CREAT | O_EXCL, 0640, &f), -EEXIST); /* a mount point */
    assert_int_equal(vfs_open(NULL, "/s/dir/..", O_RDWR | O_CREAT | O_EXCL, 0640, &f), -EEXIST);
    assert_int_equal(vfs_open(NULL, "/s/dir/new/", O_RDWR | O_CREAT | O_EXCL, 0640, &f), -EISDIR);
    assert_int_equal(vfs_open(NULL, "/s/file/new", O_RDWR | O_CREAT | O_EXCL, 0640, &f), -ENOTDIR);
    assert_int_equal(vfs_open(NULL, "/s/none/new", O_RDWR | O_CREAT | O_EXCL, 0640, &f), -ENOENT);
    assert_int_equal(vfs_open(NULL, "/new", O_RDWR | O_CREAT | O_EXCL, 0640, &f), -EROFS);
    assert_int_equal(s.seen[P9_TLCREATE], 3);
    races = ~0u; /* and it ends, whatever the server says */
    fake_9p_forget(&s);
    assert_int_equal(vfs_open(NULL, "/s/racer", O_RDWR | O_CREAT, 0640, &f), -EEXIST);
    assert_in_range(s.seen[P9_TLCREATE], 2, 20);
}

static void c07_what_exists_is_never_created(void **state)
{
    (void)state;
    struct file *f = opened("/s/dir/a", O_WRONLY | O_CREAT | O_TRUNC);
    vfs_put(f);
    f = opened("/s/dir/a", O_WRONLY | O_CREAT | O_APPEND);
    vfs_put(f);
    assert_int_equal(s.seen[P9_TLCREATE], 0);
    assert_int_equal(fake_9p_child(dir, "a", 1)->mode, S_IFREG | 0644);
}

/* What a server would only answer with an error of its own is not sent to it. */
static void c16_case_p34_bad_names_are_not_sent(void **state)
{
    (void)state;
    static char name[300];
    struct file *f;
    struct attr_change c = {.valid = CHANGE_MODE};
    memset(name, 'n', sizeof name - 1);
    memcpy(name, "/s/", 3);
    assert_int_equal(vfs_open(NULL, name, O_WRONLY | O_CREAT, 0644, &f), -ENAMETOOLONG);
    assert_int_equal(vfs_mkdir(NULL, name, 0755), -ENAMETOOLONG);
    assert_int_equal(vfs_mknod(NULL, name, S_IFIFO, 0, 0), -ENAMETOOLONG);
    assert_int_equal(vfs_symlink("x", NULL, name), -ENAMETOOLONG);
    assert_int_equal(vfs_link(NULL, "/s/file", NULL, name, 0), -ENAMETOOLONG);
    assert_int_equal(vfs_rename(NULL, "/s/file", NULL, name, 0), -ENAMETOOLONG);
    assert_int_equal(vfs_rename(NULL, name, NULL, "/s/x", 0), -ENAMETOOLONG);
    assert_int_equal(vfs_unlink(NULL, name, false), -ENAMETOOLONG);
    assert_int_equal(vfs_change_path(NULL, name, 0, &c), -ENAMETOOLONG);
    assert_int_equal(vfs_mkdir(NULL, "", 0755), -ENOENT);
    assert_int_equal(vfs_mkdir(NULL, "/s/.", 0755), -EEXIST);
    assert_int_equal(vfs_mkdir(NULL, "/s/..", 0755), -EEXIST);
    assert_int_equal(vfs_mkdir(NULL, "/s/dir/..", 0755), -EEXIST);
    assert_true(vfs_unlink(NULL, "/s/dir/.", true) < 0);
    assert_true(vfs_rename(NULL, "/s/dir/..", NULL, "/s/x", 0) < 0);
    for (unsigned type = 0; type < 128; type++)
        if (s.seen[type] && type != P9_TWALK && type != P9_TCLUNK)
            fail_msg("message %u was sent", type);
}

/* All of 9P2000.L but Tauth, and nothing else. The last test with this client: it remembers what this server lacks. */
static void every_message_and_no_other(void **state)
{
    struct p9_call call;
    for (size_t i = 0; i < OPS; i++)
        assert_int_equal(ops[i].run(), 0);
    s.lacks = P9_TRENAMEAT;
    assert_int_equal(op_rename(), 0);
    s.lacks = P9_TUNLINKAT;
    assert_int_equal(op_unlink(), 0);
    s.lacks = 0;
    struct wire w = p9_begin_on(&call, &root, P9_TGETATTR);
    wire_put64(&w, 0x7ff);
    p9_send(&call, &w);
    assert_int_equal(p9_cancel(&call, &w), 0);
    static const u8 all[] = {P9_TSTATFS,   P9_TLOPEN,   P9_TLCREATE, P9_TSYMLINK,   P9_TMKNOD,       P9_TRENAME,
                             P9_TREADLINK, P9_TGETATTR, P9_TSETATTR, P9_TXATTRWALK, P9_TXATTRCREATE, P9_TREADDIR,
                             P9_TFSYNC,    P9_TLOCK,    P9_TGETLOCK, P9_TLINK,      P9_TMKDIR,       P9_TRENAMEAT,
                             P9_TUNLINKAT, P9_TVERSION, P9_TATTACH,  P9_TFLUSH,     P9_TWALK,        P9_TREAD,
                             P9_TWRITE,    P9_TCLUNK,   P9_TREMOVE};
    for (size_t i = 0; i < sizeof all; i++)
        if (!fake_9p_ever[all[i]])
            fail_msg("message %u was not sent", all[i]);
    nothing_but_9p2000l_was_sent(state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, begin, keeps_rules)
    const struct CMUnitTest tests[] = {
        T(what_operations_cost),
        T(c07_somebody_else_is_quicker),
        T(c07_what_exists_is_never_created),
        T(c16_case_p34_bad_names_are_not_sent),
        T(every_message_and_no_other),
        T(what_they_cost_where_the_server_works_in_order),
    };
    return cmocka_run_group_tests(tests, mount_share, NULL);
}
