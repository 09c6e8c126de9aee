/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_edit - the messages that change a share: tests of kernel/9p_edit.c. Sizes are those of the protocol's table of messages. */
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
#include "share.h"
#include "wire.h"

#define ROOT ((u32)root.id)

static struct fake_file *find(struct fake_file *in, const char *name)
{
    return fake_9p_child(in, name, strlen(name));
}

static struct node clone_root(void)
{
    struct node node;
    assert_int_equal(fs->ops->walk(&root, NULL, 0, &node, NULL), 0);
    return node;
}

static int create(const char *name, u32 flags, u32 mode, struct node *node)
{
    struct attr attr;
    *node = clone_root();
    int err = fs->ops->create(node, name_of(name), flags, mode, &attr);
    if (err == 0) {
        assert_int_equal(attr.mode, S_IFREG | mode);
        assert_int_equal(attr.size, 0);
        assert_int_equal(attr.qid.path, find(top, name)->ino);
    }
    return err;
}

/* ---- making ---- */

static void c07_create_is_always_exclusive(void **state)
{
    (void)state;
    static const u32 flags[] = {O_WRONLY, O_RDWR | O_TRUNC, O_WRONLY | O_CREAT, O_RDWR | O_CREAT | O_EXCL | O_APPEND};
    static const u32 sent[] = {0100301, 0101302, 0100301, 0102302};
    static const char *const names[] = {"n0", "n1", "n2", "n3"};
    for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
        struct node node;
        assert_int_equal(create(names[i], flags[i], 0640, &node), 0);
        assert_sent(P9_TLCREATE, 25 + 2, "4s444", (u32)node.id, names[i], sent[i], 0640u, ~0u);
        put(&node);
    }
    assert_no_fids();
}

static void a_created_file_is_open(void **state)
{
    (void)state;
    u8 *bytes = buffer(100);
    struct node node;
    assert_int_equal(create("fresh", O_RDWR, 0600, &node), 0);
    assert_true(node.open);
    assert_int_equal(node.qid.path, find(top, "fresh")->ino);
    memset(bytes, 'x', 100);
    assert_int_equal(write_at(&node, bytes, 100, 0), 100);
    memset(bytes, 0, 100);
    assert_int_equal(read_at(&node, bytes, 100, 50), 50);
    assert_int_equal(bytes[49], 'x');
    drop(bytes, 100);
    put(&node);
    assert_no_fids();
}

static void a_failed_create_leaves_the_directory(void **state)
{
    (void)state;
    struct node node, child;
    struct qid qid;
    struct name name = name_of("file");
    assert_int_equal(create("file", O_WRONLY, 0644, &node), -EEXIST);
    assert_false(node.open);
    assert_int_equal(node.qid.path, root.qid.path);
    assert_int_equal(fs->ops->walk(&node, &name, 1, &child, &qid), 1);
    put(&child);
    s.refuse = P9_TLCREATE;
    s.arg = ENOSPC;
    struct attr attr;
    assert_int_equal(fs->ops->create(&node, name_of("other"), O_WRONLY, 0644, &attr), -ENOSPC);
    s.refuse = 0;
    assert_int_equal(fs->ops->create(&node, name_of("other"), O_WRONLY, 0644, &attr), 0);
    put(&node);
    assert_no_fids();
}

static void what_was_created_is_a_file(void **state)
{
    (void)state;
    static const u8 types[] = {QID_DIR, QID_SYMLINK};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct node node = clone_root();
        struct attr attr;
        lie(P9_TLCREATE, lie_u8, AT(7, types[i]));
        assert_int_equal(fs->ops->create(&node, new_name(), O_WRONLY, 0644, &attr), -EIO);
        put(&node);
    }
    assert_no_fids();
}

static void mkdir_symlink_mknod_link(void **state)
{
    (void)state;
    struct node node = must_walk("file");
    assert_int_equal(fs->ops->mkdir(&root, name_of("d"), 02755), 0);
    assert_sent(P9_TMKDIR, 21 + 1, "4s44", ROOT, "d", 02755u, ~0u);
    assert_int_equal(find(top, "d")->mode, S_IFDIR | 02755);
    assert_int_equal(fs->ops->symlink(&root, name_of("sym"), "../else where", 13), 0);
    assert_sent(P9_TSYMLINK, 19 + 3 + 13, "4ss4", ROOT, "sym", "../else where", ~0u);
    assert_int_equal(fs->ops->mknod(&root, name_of("null"), S_IFCHR | 0666, 1, 3), 0);
    assert_sent(P9_TMKNOD, 29 + 4, "4s4444", ROOT, "null", S_IFCHR | 0666u, 1u, 3u, ~0u);
    assert_int_equal(fs->ops->mknod(&root, name_of("pipe"), S_IFIFO | 0600, 0, 0), 0);
    assert_int_equal(find(top, "pipe")->mode, S_IFIFO | 0600);
    assert_int_equal(fs->ops->link(&root, name_of("hard"), &node), 0);
    assert_sent(P9_TLINK, 17 + 4, "44s", ROOT, (u32)node.id, "hard");
    assert_int_equal(find(top, "hard")->ino, file->ino);
    put(&node);
    assert_no_fids();
}

static void a_link_target_of_4095_bytes(void **state)
{
    (void)state;
    static char target[4096], name[256];
    memset(target, 't', 4095);
    memset(name, 'n', 255);
    u64 pages = mem_free_count();
    for (int i = 0; i < 3; i++) {
        assert_int_equal(fs->ops->symlink(&root, name_of(name), target, 4095), i ? -EEXIST : 0);
        assert_sent(P9_TSYMLINK, 19 + 255 + 4095, "4ss4", ROOT, name, target, ~0u);
    }
    assert_int_equal(mem_free_count(), pages);
}

static void c08_ids_are_the_servers(void **state)
{
    (void)state;
    make_client();
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    assert_sent(P9_TATTACH, 23 + 4 + 0, "44ss4", ROOT, ~0u, "root", "", ~0u);
    assert_int_equal(op_mkdir(), 0); /* the gid of every new object is ~0, or the server complains */
    assert_int_equal(op_symlink(), 0);
    assert_int_equal(op_mknod(), 0);
    assert_int_equal(op_create(), 0);
}

/* ---- moving and removing ---- */

static void rename_and_unlink(void **state)
{
    (void)state;
    struct node to = must_walk("dir");
    assert_int_equal(fs->ops->rename(&root, name_of("file"), &to, name_of("moved")), 0);
    assert_sent(P9_TRENAMEAT, 19 + 4 + 5, "4s4s", ROOT, "file", (u32)to.id, "moved");
    assert_null(find(top, "file"));
    assert_int_equal(fs->ops->unlink(&to, name_of("moved"), false), 0);
    assert_sent(P9_TUNLINKAT, 17 + 5, "4s4", (u32)to.id, "moved", 0u);
    assert_int_equal(fs->ops->unlink(&to, name_of("moved"), false), -ENOENT);
    assert_int_equal(fs->ops->unlink(&root, name_of("dir"), false), -EISDIR);
    assert_int_equal(fs->ops->unlink(&root, name_of("dir"), true), -ENOTEMPTY);
    assert_int_equal(fs->ops->mkdir(&root, name_of("d"), 0755), 0);
    assert_int_equal(fs->ops->unlink(&root, name_of("d"), true), 0);
    assert_sent(P9_TUNLINKAT, 17 + 1, "4s4", ROOT, "d", 0x200u);
    assert_int_equal(s.seen[P9_TRENAME] + s.seen[P9_TREMOVE], 0);
    put(&to);
    assert_no_fids();
}

static void a_server_without_renameat(void **state)
{
    (void)state;
    struct node to = must_walk("dir");
    s.lacks = P9_TRENAMEAT;
    assert_int_equal(fs->ops->rename(&root, name_of("file"), &to, name_of("moved")), 0);
    assert_non_null(find(dir, "moved"));
    assert_int_equal(fs->ops->rename(&to, name_of("moved"), &root, name_of("file")), 0);
    u32 fid;
    memcpy(&fid, s.sent[P9_TRENAME] + 7, 4);
    assert_sent(P9_TRENAME, 17 + 4, "44s", fid, ROOT, "file");
    assert_true(fid != ROOT && fid != (u32)to.id);
    assert_non_null(find(top, "file"));
    assert_int_equal(s.seen[P9_TRENAMEAT], 1); /* asked once */
    assert_int_equal(s.seen[P9_TRENAME], 2);
    assert_int_equal(fs->ops->rename(&to, name_of("moved"), &root, name_of("file")), -ENOENT);
    put(&to);
    assert_no_fids();
}

static void a_server_without_unlinkat(void **state)
{
    (void)state;
    s.lacks = P9_TUNLINKAT;
    assert_int_equal(op_unlink(), 0);
    assert_sent(P9_TREMOVE, 11, "4", ROOT + 1);
    assert_int_equal(op_unlink(), 0);
    assert_int_equal(s.seen[P9_TUNLINKAT], 1);
    assert_int_equal(s.seen[P9_TREMOVE], 2);
    assert_int_equal(s.seen[P9_TCLUNK], 0); /* Tremove ended the fids */
    assert_int_equal(fs->ops->unlink(&root, name_of("nope"), false), -ENOENT);
    assert_int_equal(fs->ops->unlink(&root, name_of("dir"), false), -EISDIR);
    assert_int_equal(fs->ops->unlink(&root, name_of("file"), true), -ENOTDIR);
    assert_int_equal(s.seen[P9_TREMOVE], 2);
    assert_int_equal(fs->ops->unlink(&root, name_of("dir"), true), -ENOTEMPTY); /* which ended the fid too */
    assert_int_equal(fs->ops->mkdir(&root, name_of("d"), 0755), 0);
    assert_int_equal(fs->ops->unlink(&root, name_of("d"), true), 0);
    assert_no_fids();
}

/* Trename and Tremove under every lie. */
static void bad_answers_to_rename_and_remove(void **state)
{
    (void)state;
    static const struct {
        mangle_fn mangle;
        u64 arg;
    } lies[] = {{lie_written, 0}, {lie_written, 6}, {lie_size, 6},   {lie_tag, 0},
                {lie_type, 0},    {lie_type, 121},  {lie_beyond, 0}, {lie_one_short, 0},
                {lie_error, 0},   {lie_error, 512}, {lie_error, ~0u}};
    static const struct {
        u8 lacks, type;
        s64 (*run)(void);
    } which[] = {{P9_TRENAMEAT, P9_TRENAME, op_rename}, {P9_TUNLINKAT, P9_TREMOVE, op_unlink}};
    for (size_t w = 0; w < ARRAY_LEN(which); w++) {
        s.lacks = which[w].lacks;
        for (size_t i = 0; i < ARRAY_LEN(lies); i++) {
            lie(which[w].type, lies[i].mangle, lies[i].arg);
            assert_int_equal(which[w].run(), -EIO);
            s.mangle = NULL;
            assert_int_equal(which[w].run(), 0);
            assert_no_fids();
        }
        lie(which[w].type, lie_error, ENOTEMPTY);
        assert_int_equal(which[w].run(), -ENOTEMPTY);
        s.mangle = NULL;
    }
}

/* ---- attributes ---- */

static void setattr_sends_what_is_valid(void **state)
{
    (void)state;
    struct attr_change c = {
        .valid = 0x1ff,
        .mode = 04711,
        .uid = 5,
        .gid = 6,
        .size = 0x123456789,
        .atime = {1, 2},
        .mtime = {(u64)-3, 999999999}, /* before 1970 */
    };
    struct node node = must_walk("file");
    c.valid &= ~(u32)CHANGE_SIZE;
    assert_int_equal(fs->ops->setattr(&node, &c), 0);
    assert_sent(P9_TSETATTR, 67, "4444488888", (u32)node.id, 0x1f7u, S_IFREG | 04711u, 5u, 6u, 0x123456789ull, 1ull,
                2ull, -3ull, 999999999ull);
    assert_int_equal(file->mode, S_IFREG | 04711);
    assert_int_equal(file->uid, 5);
    c = (struct attr_change){.valid = CHANGE_SIZE, .size = 3};
    assert_int_equal(fs->ops->setattr(&node, &c), 0);
    assert_sent(P9_TSETATTR, 67, "4444488888", (u32)node.id, 8u, 0u, 0u, 0u, 3ull, 0ull, 0ull, 0ull, 0ull);
    assert_int_equal(file->size, 3);
    static const u32 bits[] = {CHANGE_MODE,  CHANGE_UID,   CHANGE_GID,       CHANGE_SIZE,     CHANGE_ATIME,
                               CHANGE_MTIME, CHANGE_CTIME, CHANGE_ATIME_SET, CHANGE_MTIME_SET};
    for (unsigned i = 0; i < ARRAY_LEN(bits); i++)
        assert_int_equal(bits[i], 1u << i);
    put(&node);
}

/* What is open is a file or a directory; of all else the server is asked. */
static void a_mode_goes_out_with_the_type(void **state)
{
    (void)state;
    static const struct attr_change c = {.valid = CHANGE_MODE, .mode = 0750};
    struct node node = must_open_with("file", O_RDWR);
    unsigned sent = s.log_len;
    assert_int_equal(fs->ops->setattr(&node, &c), 0);
    assert_int_equal(s.log_len, sent + 4); /* whose name it is, but no type */
    assert_int_equal(file->mode, S_IFREG | 0750);
    put(&node);
    struct fake_file *of[] = {file, dir, fifo};
    for (size_t i = 0; i < ARRAY_LEN(of); i++) {
        u32 type = of[i]->mode & S_IFMT;
        node = must_walk(of[i]->name);
        assert_int_equal(fs->ops->setattr(&node, &c), 0);
        assert_int_equal(of[i]->mode, type | 0750);
        put(&node);
    }
}

static unsigned others;

/* Another file has the name: what a clone of the open fid is asked for is that one's. */
static void another_one(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r)
{
    (void)server;
    enum { QID_PATH = 20 };
    if (req->type == P9_TGETATTR && ++others % 2)
        r->bytes[QID_PATH] ^= 1;
}

static void another_file_with_the_name_is_left_alone(void **state)
{
    (void)state;
    struct node node = must_open_with("file", O_RDWR);
    struct attr_change shorter = {.valid = CHANGE_SIZE, .size = 1}, mode = {.valid = CHANGE_MODE, .mode = 0600},
                       longer = {.valid = CHANGE_SIZE, .size = 100};
    unsigned changes = s.seen[P9_TSETATTR];
    s.mangle = another_one;
    others = 0;
    assert_int_equal(fs->ops->setattr(&node, &shorter), -ESTALE);
    others = 0;
    assert_int_equal(fs->ops->setattr(&node, &mode), -ESTALE);
    others = 0;
    assert_int_equal(fs->ops->setattr(&node, &longer), 0); /* by its last byte */
    s.mangle = NULL;
    assert_int_equal(s.seen[P9_TSETATTR], changes);
    assert_int_equal(file->size, 100);
    put(&node);
}

static void fsync_has_datasync(void **state)
{
    (void)state;
    struct node node = must_open_with("file", O_RDWR);
    assert_int_equal(fs->ops->fsync(&node, false), 0);
    assert_sent(P9_TFSYNC, 15, "44", (u32)node.id, 0u);
    assert_int_equal(fs->ops->fsync(&node, true), 0);
    assert_sent(P9_TFSYNC, 15, "44", (u32)node.id, 1u);
    put(&node);
}

/* ---- all of them ---- */

static void errors_go_up_and_leave_nothing(void **state)
{
    (void)state;
    static const u32 errors[] = {EPERM,  ENOENT, EACCES, EEXIST, EXDEV,     ENOTDIR,
                                 EINVAL, ENOSPC, EROFS,  EMLINK, ENOTEMPTY, 122};
    static const struct {
        u8 type;
        s64 (*run)(void);
    } verbs[] = {{P9_TLCREATE, op_create},  {P9_TWRITE, op_write}, {P9_TMKDIR, op_mkdir},     {P9_TSYMLINK, op_symlink},
                 {P9_TMKNOD, op_mknod},     {P9_TLINK, op_link},   {P9_TRENAMEAT, op_rename}, {P9_TUNLINKAT, op_unlink},
                 {P9_TSETATTR, op_setattr}, {P9_TFSYNC, op_fsync}};
    for (size_t v = 0; v < ARRAY_LEN(verbs); v++)
        for (size_t e = 0; e < ARRAY_LEN(errors); e++) {
            s.refuse = verbs[v].type;
            s.arg = errors[e];
            assert_int_equal(verbs[v].run(), -(s64)errors[e]);
            s.refuse = 0;
            assert_no_fids();
        }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, finish)
    const struct CMUnitTest tests[] = {
        T(c07_create_is_always_exclusive),
        T(a_created_file_is_open),
        T(a_failed_create_leaves_the_directory),
        T(what_was_created_is_a_file),
        T(mkdir_symlink_mknod_link),
        T(a_link_target_of_4095_bytes),
        T(c08_ids_are_the_servers),
        T(rename_and_unlink),
        T(a_server_without_renameat),
        T(a_server_without_unlinkat),
        T(bad_answers_to_rename_and_remove),
        T(setattr_sends_what_is_valid),
        T(a_mode_goes_out_with_the_type),
        T(another_file_with_the_name_is_left_alone),
        T(fsync_has_datasync),
        T(errors_go_up_and_leave_nothing),
        T(nothing_but_9p2000l_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
