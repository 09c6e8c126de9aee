/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_fs - walking, opening, attributes: tests of kernel/9p_fs.c. Names carry the client rule (C) or the hostile case (P) that they show. */
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

/* ---- walking ---- */

static unsigned deep_names(struct name *names)
{
    names[0] = name_of("dir");
    for (unsigned i = 1; i <= 40; i++)
        names[i] = name_of("deep");
    return 41;
}

static void walk_goes_16_names_at_a_time(void **state)
{
    (void)state;
    struct name names[41];
    struct qid qids[41];
    struct node node;
    unsigned n = deep_names(names);
    assert_int_equal(fs->ops->walk(&root, names, n, &node, qids), n);
    assert_int_equal(s.seen[P9_TWALK], 3);
    assert_int_equal(s.log_len, 3);
    assert_int_equal(node.qid.path, deep->ino);
    assert_int_equal(qids[0].path, dir->ino);
    put(&node);
    settle();
    assert_int_equal(fake_9p_fids(&s), 1);
}

static void walk_no_names_is_a_clone(void **state)
{
    (void)state;
    struct node node;
    assert_int_equal(fs->ops->walk(&root, NULL, 0, &node, NULL), 0);
    assert_int_equal(node.qid.path, root.qid.path);
    assert_int_not_equal(node.id, root.id);
    put(&node);
}

static void case_p19_p20_partial_walks(void **state)
{
    (void)state;
    struct name names[41];
    struct qid qids[41];
    struct node node = {.id = 12345};
    unsigned n = deep_names(names);
    for (unsigned i = 0; i < n; i++) {
        struct name good = names[i];
        names[i] = name_of("nope");
        int got = fs->ops->walk(&root, names, n, &node, qids);
        assert_int_equal(got, i ? (int)i : -ENOENT);
        assert_int_equal(node.id, 12345);
        names[i] = good;
        settle();
        assert_int_equal(fake_9p_fids(&s), 1);
    }
    struct name through_file[] = {name_of("file"), name_of("x")};
    assert_int_equal(fs->ops->walk(&root, through_file, 2, &node, qids), 1);
    assert_int_equal(qids[0].type, 0);
    struct name through_link[] = {name_of("link"), name_of("x")};
    assert_int_equal(fs->ops->walk(&root, through_link, 2, &node, qids), 1);
    assert_int_equal(qids[0].type, QID_SYMLINK);
}

static void case_p18_walked_further_than_asked(void **state)
{
    (void)state;
    static const u16 counts[] = {3, 16, 17, 65535};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        lie(P9_TWALK, lie_u16, AT(7, counts[i]));
        assert_int_equal(op_walk(), -EIO);
        settle();
        assert_int_equal(fake_9p_fids(&s), 1);
    }
    lie(P9_TWALK, lie_u16, AT(7, 0));
    assert_int_equal(op_walk(), -ENOENT);
    s.violation = NULL; /* this server made the fid and denied it: its own fault */
}

static void c16_long_names_take_more_messages(void **state)
{
    (void)state;
    char text[256];
    struct fake_file *at = top;
    struct name names[20];
    struct qid qids[20];
    struct node node;
    memset(text, 'n', 255);
    text[255] = 0;
    for (int i = 0; i < 20; i++) {
        at = fake_file(at, text, S_IFDIR | 0755, "", 0);
        names[i] = (struct name){text, 255};
    }
    assert_int_equal(fs->ops->walk(&root, names, 20, &node, qids), 20);
    assert_int_equal(node.qid.path, at->ino);
    put(&node);
}

/* ---- opening ---- */

static void open_read_close_takes_five_messages_and_three_waits(void **state)
{
    (void)state;
    static const u8 want[] = {P9_TWALK, P9_TLOPEN, P9_TGETATTR, P9_TREAD, P9_TCLUNK};
    struct p9_counters before = *p9_counters(client);
    assert_int_equal(op_read(), 0);
    assert_int_equal(p9_counters(client)->kicks - before.kicks, 3);
    later_rest(); /* Tclunk waits for the next kick, or for a rest */
    assert_int_equal(s.log_len, ARRAY_LEN(want));
    assert_memory_equal(s.log, want, sizeof want);
    const struct p9_counters *c = p9_counters(client);
    assert_int_equal(c->messages - before.messages, 5);
    assert_int_equal(c->waits - before.waits, 3);
    assert_int_equal(c->kicks - before.kicks, 4);
    assert_int_equal(c->by_type[P9_TREAD] - before.by_type[P9_TREAD], 1);
}

static void counters_do_not_depend_on_the_order_of_replies(void **state)
{
    (void)state;
    for (enum fake_order order = FAKE_FIRST; order <= FAKE_ALL; order++) {
        s.order = order;
        struct p9_counters before = *p9_counters(client);
        assert_int_equal(op_read(), 0);
        assert_int_equal(op_getattr(), 0);
        assert_int_equal(p9_counters(client)->waits - before.waits, 4);
        assert_int_equal(p9_counters(client)->kicks - before.kicks, 4);
    }
}

static void what_the_server_hears_of_open_flags(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        u32 flags, sent;
    } table[] = {
        {"file", O_RDONLY, 0104000}, /* never blocking, no bound of 2 GiB */
        {"file", O_WRONLY, 0104001},
        {"file", O_RDWR, 0104002},
        {"file", O_RDWR | O_CREAT, 0104002}, /* it is there already */
        {"file", O_WRONLY | O_TRUNC, 0105001},
        {"file", O_WRONLY | O_APPEND, 0106001},
        {"file", O_WRONLY | O_SYNC, 04114001},
        {"file", O_WRONLY | O_DSYNC, 0114001},
        {"file", O_RDONLY | O_NOATIME, 01104000},
        {"file", O_RDONLY | O_NOFOLLOW, 0104000}, /* ours: the server never follows */
        {"file", O_RDONLY | O_CLOEXEC | O_NOCTTY, 0104000},
        {"file", O_RDWR | O_DIRECT, 0104002}, /* there is no cache to go round; alignment is the host's affair */
        {"dir", O_RDONLY | O_DIRECTORY, 0304000},
        {"dir", O_RDONLY, 0104000},
    };
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct node node = must_open_with(table[i].name, table[i].flags);
        assert_sent(P9_TLOPEN, 15, "44", (u32)node.id, table[i].sent);
        put(&node);
    }
    assert_no_fids();
}

static void open_truncates_in_one_message(void **state)
{
    (void)state;
    struct attr attr;
    struct node node = must_walk("big");
    assert_int_equal(fs->ops->open(&node, O_RDWR | O_TRUNC, &attr), 0);
    assert_int_equal(attr.size, 0);
    assert_int_equal(big->size, 0);
    assert_int_equal(s.seen[P9_TSETATTR], 0);
    put(&node);
}

static void c04_c05_fids_are_used_once_they_are_there_and_opened_once(void **state)
{
    (void)state; /* the server looks: see make_fid and do_lopen in the fake */
    for (enum fake_order order = FAKE_FIRST; order <= FAKE_ALL; order++) {
        s.order = order;
        for (size_t i = 0; i < OPS; i++)
            assert_int_equal(ops[i].run(), 0);
        assert_null(s.violation);
    }
    struct node node = must_walk("file");
    u32 sent = s.log_len;
    struct p9_call call;
    struct wire w = p9_begin_on(&call, &node, P9_TGETATTR); /* and it does look: */
    wire_put64(&w, 0);
    p9_send(&call, &w);
    s.fids[(u32)node.id].visible = false;
    assert_int_equal(p9_finish(&call, &w), 0);
    assert_int_equal(s.log_len, sent + 1);
    assert_non_null(s.violation);
    s.violation = NULL;
    s.fids[(u32)node.id].visible = true;
    put(&node);
}

static void c10_the_type_is_asked_of_the_object(void **state)
{
    (void)state;
    struct attr attr;
    struct node node = must_walk("file");
    lie(P9_TLOPEN, lie_u8, AT(7, QID_DIR)); /* open and getattr differ: the attributes decide */
    assert_int_equal(fs->ops->open(&node, O_RDONLY, &attr), 0);
    assert_int_equal(attr.mode & S_IFMT, S_IFREG);
    put(&node);
}

static void c11_no_open_fid_outlives_its_file(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(op_read(), 0);
        later_rest();
        unsigned open = 0;
        for (unsigned fid = 0; fid < FAKE_FIDS; fid++)
            open += s.fids[fid].file && s.fids[fid].open;
        assert_int_equal(open, 0);
    }
}

static void case_h17_fifos_and_devices_are_not_opened(void **state)
{
    (void)state;
    static const u32 types[] = {S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK};
    struct attr attr;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        fifo->mode = types[i] | 0666;
        struct node node = must_walk("fifo");
        assert_int_equal(fs->ops->open(&node, O_RDONLY, &attr), -ENXIO);
        put(&node);
    }
}

static void open_errors_leave_the_node(void **state)
{
    (void)state;
    struct attr attr;
    struct node node = must_walk("file");
    file->error = -EACCES;
    assert_int_equal(fs->ops->open(&node, O_RDONLY, &attr), -EACCES);
    assert_false(node.open);
    file->error = 0;
    assert_int_equal(fs->ops->open(&node, O_RDONLY, &attr), 0);
    put(&node);
}

static void case_p22_qid_changes_between_walk_and_open(void **state)
{
    (void)state;
    struct attr attr;
    struct node node = must_walk("file");
    lie(P9_TLOPEN, lie_u8, AT(7 + 5, 77));
    assert_int_equal(fs->ops->open(&node, O_RDONLY, &attr), 0);
    put(&node);
}

static void case_p23_any_iounit(void **state)
{
    (void)state;
    static const u32 units[] = {0, 1, 0xffffffff, 5000000};
    u8 *bytes = buffer(3000000);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        lie(P9_TLOPEN, lie_u32, AT(20, units[i]));
        struct node node = must_open("big");
        fake_9p_forget(&s);
        assert_int_equal(read_at(&node, bytes, 3000000, 0), 3000000);
        assert_int_equal(s.seen[P9_TREAD], 1);
        assert_pattern(bytes, 3000000, 0);
        put(&node);
    }
    make_client();
    s.msize_max = 65536;
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    for (size_t i = 0; i < ARRAY_LEN(units); i++) { /* whatever it is, a message stays within msize */
        lie(P9_TLOPEN, lie_u32, AT(20, units[i]));
        struct node node = must_open("big");
        assert_int_equal(read_at(&node, bytes, 3000000, 0), 3000000);
        assert_in_range(s.last_read_count, 1, s.msize - 24);
        assert_pattern(bytes, 3000000, 0);
        put(&node);
    }
    drop(bytes, 3000000);
}

/* ---- attributes ---- */

static void getattr_gives_the_servers_values(void **state)
{
    (void)state;
    struct attr a;
    struct node node = must_walk("big");
    assert_int_equal(fs->ops->getattr(&node, &a), 0);
    assert_int_equal(a.mode, S_IFREG | 0644);
    assert_int_equal(a.uid, 1000);
    assert_int_equal(a.gid, 1001);
    assert_int_equal(a.nlink, 3);
    assert_int_equal(a.size, 3000000);
    assert_int_equal(a.blocks, 5860);
    assert_int_equal(a.rdev_major, 8);
    assert_int_equal(a.rdev_minor, 1);
    assert_int_equal(a.qid.path, big->ino);
    assert_int_equal(a.atime.sec, 1700000000);
    assert_int_equal(a.mtime.nsec, 1);
    assert_int_equal(a.ctime.sec, 1700000002);
    assert_int_equal(a.blksize, 65536); /* not the msize that QEMU gives */
    put(&node);
}

enum { VALID = 7, ATTR_MODE = 28, ATTR_SIZE = 56, ATTR_MTIME_NSEC = 104 };
static u64 lie_value;

LIE(lie_u64)
{
    struct wire w = wire_over(r->bytes + server->arg, 8);
    wire_put64(&w, lie_value);
}

static int getattr_under(u64 offset, u64 value, struct attr *a)
{
    lie_value = value;
    lie(P9_TGETATTR, lie_u64, offset);
    struct node node = must_walk("big");
    int err = fs->ops->getattr(&node, a);
    put(&node);
    return err;
}

static void c10_case_p36_only_valid_fields_count(void **state)
{
    (void)state;
    struct attr a;
    assert_int_equal(getattr_under(VALID, 0, &a), -EIO);
    assert_int_equal(getattr_under(VALID, 1, &a), 0);
    assert_int_equal(a.size, 0);
    assert_int_equal(a.uid, 0);
    assert_int_equal(a.nlink, 1);
    assert_int_equal(a.mtime.sec, 0);
    assert_int_equal(a.rdev_major, 0);
}

static void case_p36_sizes_beyond_63_bits(void **state)
{
    (void)state;
    struct attr a;
    assert_int_equal(getattr_under(ATTR_SIZE, 1ull << 63, &a), -EOVERFLOW);
    assert_int_equal(getattr_under(ATTR_SIZE, ~0ull, &a), -EOVERFLOW);
    assert_int_equal(getattr_under(ATTR_SIZE, INT64_MAX, &a), 0);
    assert_int_equal(a.size, INT64_MAX);
    u64 before = mem_free_count();
    struct node node = must_open("file"); /* it is as large as can be, and 12 bytes come */
    u8 *bytes = buffer(4096);
    assert_int_equal(read_at(&node, bytes, 4096, 0), 12);
    assert_true(before - mem_free_count() < 16);
    put(&node);
    drop(bytes, 4096);
}

static void case_p21_directory_or_file(void **state)
{
    (void)state;
    lie(P9_TGETATTR, lie_u32, AT(ATTR_MODE, S_IFREG | 0644));
    assert_int_equal(op_getattr(), -EIO);
    assert_int_equal(op_open(), 0);
    lie(P9_TGETATTR, lie_u32, AT(ATTR_MODE, S_IFDIR | 0755));
    assert_int_equal(op_open(), -EIO);
}

static void case_p39_statfs_with_any_block_size(void **state)
{
    (void)state;
    struct fs_stat st;
    assert_int_equal(fs->ops->statfs(&root, &st), 0);
    assert_int_equal(st.type, 0x01021997);
    assert_int_equal(st.bsize, 4096);
    assert_int_equal(st.blocks, 1000);
    assert_int_equal(st.fsid, 6000);
    assert_int_equal(st.namelen, 255);
    lie(P9_TSTATFS, lie_u32, AT(11, 0));
    assert_int_equal(fs->ops->statfs(&root, &st), 0);
    assert_int_equal(st.bsize, 1);
    lie(P9_TSTATFS, lie_u32, AT(11, 0xffffffff));
    assert_int_equal(fs->ops->statfs(&root, &st), 0);
    assert_int_equal(st.bsize, 0xffffffff);
}

static int readlink_of(const char *target, u64 len, char *buf, size_t size)
{
    link_file->data = target;
    link_file->size = len;
    struct node node = must_walk("link");
    int got = fs->ops->readlink(&node, buf, size);
    put(&node);
    return got;
}

static void c03_case_p37_link_targets(void **state)
{
    (void)state;
    static char target[4096], buf[4096];
    for (size_t i = 0; i < sizeof target; i++)
        target[i] = (char)('a' + i % 26);
    for (u64 len = 240; len < 260; len++) { /* around the end of the head's room */
        assert_int_equal(readlink_of(target, len, buf, sizeof buf), len);
        assert_memory_equal(buf, target, len);
    }
    assert_int_equal(readlink_of(target, 4096, buf, sizeof buf), 4096);
    assert_memory_equal(buf, target, 4096);
    assert_int_equal(readlink_of(target, 4096, buf, 4095), -ENAMETOOLONG);
    assert_int_equal(readlink_of(target, 0, buf, sizeof buf), -EIO);
    assert_int_equal(readlink_of("a\0b", 3, buf, sizeof buf), -EIO);
    lie(P9_TREADLINK, lie_u16, AT(7, 65535));
    assert_int_equal(readlink_of(target, 100, buf, sizeof buf), -EIO);
    lie(P9_TREADLINK, lie_u16, AT(7, 500)); /* what was not sent is not given */
    assert_int_equal(readlink_of(target, 100, buf, sizeof buf), -EIO);
    assert_int_equal(readlink_of(target, 300, buf, sizeof buf), -EIO);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, finish)
    const struct CMUnitTest tests[] = {
        T(walk_goes_16_names_at_a_time),
        T(walk_no_names_is_a_clone),
        T(case_p19_p20_partial_walks),
        T(case_p18_walked_further_than_asked),
        T(c16_long_names_take_more_messages),
        T(open_read_close_takes_five_messages_and_three_waits),
        T(counters_do_not_depend_on_the_order_of_replies),
        T(what_the_server_hears_of_open_flags),
        T(open_truncates_in_one_message),
        T(c04_c05_fids_are_used_once_they_are_there_and_opened_once),
        T(c10_the_type_is_asked_of_the_object),
        T(c11_no_open_fid_outlives_its_file),
        T(case_h17_fifos_and_devices_are_not_opened),
        T(open_errors_leave_the_node),
        T(case_p22_qid_changes_between_walk_and_open),
        T(case_p23_any_iounit),
        T(getattr_gives_the_servers_values),
        T(c10_case_p36_only_valid_fields_count),
        T(case_p36_sizes_beyond_63_bits),
        T(case_p21_directory_or_file),
        T(case_p39_statfs_with_any_block_size),
        T(c03_case_p37_link_targets),
        T(nothing_but_9p2000l_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
