/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* share - what the tests of the 9P client stand on: a share, a client of it, lies to tell, and operations that they spoil. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "share.h"
#include "fake_arch.h"
#include "initfs.h"
#include "later.h"
#include "mem.h"
#include "wire.h"

struct fake_9p s;
struct fake_file *top, *file, *big, *dir, *deep, *link_file, *fifo;
struct fs *fs;
struct node root;
struct p9 *client;

/* ---- what each test stands on ---- */

static struct fake_file *add_tree(void)
{
    top = fake_file(NULL, "", S_IFDIR | 0755, "", 0);
    file = fake_file(top, "file", S_IFREG | 0644, "hello, world", 12);
    big = fake_file(top, "big", S_IFREG | 0644, NULL, 3000000);
    dir = fake_file(top, "dir", S_IFDIR | 0755, "", 0);
    static const char *const letters[] = {"a", "b", "c", "d", "e"};
    for (size_t i = 0; i < ARRAY_LEN(letters); i++)
        fake_file(dir, letters[i], S_IFREG | 0644, "x", 1);
    link_file = fake_file(top, "link", S_IFLNK | 0777, "dir/target", 10);
    fifo = fake_file(top, "fifo", S_IFIFO | 0644, "", 0);
    fake_9p_set_value(top, "user.always", "value", 5);
    deep = dir;
    for (int i = 0; i < 40; i++)
        deep = fake_file(deep, "deep", S_IFDIR | 0755, "", 0);
    return top;
}

/* A client that has sent nothing yet. */
void make_client(void)
{
    static unsigned n;
    static char tag[32];
    snprintf(tag, sizeof tag, "share%u", n++);
    fake_9p_kill(&s);
    later_rest(); /* what the client before put off */
    fake_reset();
    fake_9p_init(&s, add_tree());
    client = p9_new(&s.link, tag);
    fs = vfs_find(tag);
    assert_non_null(client);
    assert_non_null(fs);
}

int start(void **state)
{
    (void)state;
    make_client();
    assert_int_equal(s.log_len, 0);
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    fake_9p_forget(&s);
    return 0;
}

int finish(void **state)
{
    (void)state;
    fake_9p_kill(&s);
    later_rest();
    if (s.violation)
        fail_msg("the client broke a rule: %s", s.violation);
    return 0;
}

void mount_client(u8 cache)
{
    make_client();
    assert_int_equal(initfs_init(NULL, 0), 0);
    assert_int_equal(vfs_mount(vfs_find("initfs"), "/", 0), 0);
    fs->cache = cache;
    assert_int_equal(vfs_mount(fs, "/s", 0), 0);
    root = vfs_mount_get(1)->root;
}

int keeps_rules(void **state)
{
    (void)state;
    s.mangle = NULL;
    s.order = FAKE_FIRST;
    assert_no_fids();
    if (s.violation)
        fail_msg("the client broke a rule: %s", s.violation);
    return 0;
}

struct file *opened(const char *path, u32 flags)
{
    struct file *f = NULL;
    int err = vfs_open(NULL, path, flags, 0644, &f);
    if (err)
        fail_msg("%s: %d", path, err);
    return f;
}

struct name name_of(const char *text)
{
    return (struct name){text, (u16)strlen(text)};
}

int walk1(const char *text, struct node *out)
{
    struct qid qid;
    struct name name = name_of(text);
    return fs->ops->walk(&root, &name, 1, out, &qid);
}

struct node must_walk(const char *text)
{
    struct node node;
    assert_int_equal(walk1(text, &node), 1);
    return node;
}

struct node must_open_with(const char *text, u32 flags)
{
    struct attr attr;
    struct node node = must_walk(text);
    assert_int_equal(fs->ops->open(&node, flags, &attr), 0);
    assert_true(node.open);
    return node;
}

struct node must_open(const char *text)
{
    return must_open_with(text, O_RDONLY);
}

struct name new_name(void)
{
    static char texts[4][16];
    static unsigned n;
    char *text = texts[n % 4];
    snprintf(text, sizeof texts[0], "new%u", n++);
    return name_of(text);
}

void put(struct node *node)
{
    fs->ops->clunk(node);
}

/* Lets the answers to Tclunk come, by some other exchange. */
void settle(void)
{
    struct attr attr;
    enum fake_order order = s.order;
    s.order = FAKE_FIRST;
    s.mangle = NULL;
    for (int i = 0; i < 2; i++) { /* what had no room rides with the second */
        later_rest();
        assert_int_equal(fs->ops->getattr(&root, &attr), 0);
    }
    s.order = order;
}

s64 read_at(struct node *node, void *bytes, u64 len, u64 offset)
{
    struct span span = {mem_phys(bytes), len};
    return fs->ops->read(node, &span, 1, offset);
}

s64 write_at(struct node *node, const void *bytes, u64 len, u64 offset)
{
    struct span span = {mem_phys(bytes), len};
    return fs->ops->write(node, &span, 1, offset);
}

static u8 expected[FAKE_SENT];

void assert_sent(u8 type, u32 size, const char *format, ...)
{
    va_list args;
    struct wire w = wire_over(expected, sizeof expected);
    wire_put32(&w, size);
    wire_put8(&w, type);
    memcpy(wire_take(&w, 2), s.sent[type] + 5, 2); /* the tag is what it is */
    va_start(args, format);
    for (; *format; format++) {
        if (*format == 's') {
            const char *text = va_arg(args, const char *);
            wire_put_string(&w, text, strlen(text));
        } else if (*format == 'd') {
            const void *data = va_arg(args, const void *);
            u64 len = va_arg(args, u64);
            memcpy(wire_take(&w, len), data, len);
        } else {
            u64 v = *format == '8' ? va_arg(args, u64) : va_arg(args, u32);
            memcpy(wire_take(&w, (size_t)(*format - '0')), &v, (size_t)(*format - '0'));
        }
    }
    va_end(args);
    assert_int_equal(w.p - expected, size);
    assert_int_equal(s.sent_len[type], size);
    assert_memory_equal(s.sent[type], expected, size);
}

void assert_no_fids(void)
{
    settle();
    assert_int_equal(fake_9p_fids(&s), 1);
}

void nothing_but_9p2000l_was_sent(void **state)
{
    (void)state;
    static const u8 known[] = {8,  12, 14, 16, 18, 20,  22,  24,  26,  30,  32,  40,  50, 52,
                               54, 70, 72, 74, 76, 100, 104, 108, 110, 116, 118, 120, 122};
    for (unsigned type = 0; type < 256; type++)
        if (fake_9p_ever[type] && !memchr(known, (int)type, sizeof known))
            fail_msg("message %u was sent", type);
}

void assert_pattern(const u8 *bytes, u64 len, u64 offset)
{
    for (u64 i = 0; i < len; i++)
        if (bytes[i] != fake_byte(offset + i))
            fail_msg("byte %llu is wrong", (unsigned long long)(offset + i));
}

u8 *buffer(size_t len)
{
    u64 pa = mem_pages(len / PAGE_SIZE + 1, PAGE_SIZE);
    assert_true(pa != 0);
    memset(mem_virt(pa), 0xee, len);
    return mem_virt(pa);
}

void drop(u8 *bytes, size_t len)
{
    mem_pages_free(mem_phys(bytes), len / PAGE_SIZE + 1);
}

/* ---- lies: what a test does to replies of type s.lie, with s.arg ---- */

void set_size(struct fake_reply *r, u32 size)
{
    struct wire w = wire_over(r->bytes, 4);
    wire_put32(&w, size);
}

bool lied(struct fake_9p *server, const struct p9_request *req)
{
    return req->type == server->lie;
}

LIE(lie_written) /* the link says that arg bytes arrived */
{
    r->written = (u32)server->arg;
    r->len = MIN(r->len, server->arg);
}

LIE(lie_cut) /* a reply of arg bytes that says so */
{
    r->len = r->written = (u32)server->arg;
    set_size(r, r->written);
}

LIE(lie_one_short)
{
    r->len = --r->written;
    set_size(r, r->written);
}

LIE(lie_one_long)
{
    r->len = ++r->written;
    set_size(r, r->written);
}

LIE(lie_size) /* the size field */
{
    set_size(r, (u32)server->arg);
}

LIE(lie_size_less)
{
    set_size(r, r->written - 1);
}

LIE(lie_tag)
{
    r->bytes[5] ^= 1;
}

LIE(lie_type)
{
    r->bytes[4] = (u8)server->arg;
}

LIE(lie_beyond) /* more than the client gave room for */
{
    r->written = (u32)(req->in.len + mem_span_total(req->payload, req->npayload) + 1);
    r->len = r->written;
    set_size(r, r->written);
}

LIE(lie_error) /* Rlerror with ecode arg */
{
    struct wire w = wire_over(r->bytes, 11);
    wire_put32(&w, 11);
    wire_put8(&w, P9_RLERROR);
    wire_take(&w, 2);
    wire_put32(&w, (u32)server->arg);
    r->len = r->written = 11;
}

LIE(lie_u8) /* arg: offset | value << 32 */
{
    r->bytes[(u32)server->arg] = (u8)(server->arg >> 32);
}

LIE(lie_u16)
{
    struct wire w = wire_over(r->bytes + (u32)server->arg, 2);
    wire_put16(&w, (u16)(server->arg >> 32));
}

LIE(lie_u32)
{
    struct wire w = wire_over(r->bytes + (u32)server->arg, 4);
    wire_put32(&w, (u32)(server->arg >> 32));
}

void lie(u8 type, mangle_fn mangle, u64 arg)
{
    s.lie = type;
    s.mangle = mangle;
    s.arg = arg;
}

/* ---- operations, one for each reply that a server can spoil ---- */

bool count_entry(void *ctx, const struct dirent_info *e)
{
    (void)e;
    ++*(unsigned *)ctx;
    return true;
}

s64 op_walk(void)
{
    struct node node;
    struct qid qids[2];
    struct name names[2] = {name_of("dir"), name_of("a")};
    s64 got = fs->ops->walk(&root, names, 2, &node, qids);
    if (got == 2)
        put(&node);
    return got < 0 ? got : 0;
}

s64 op_open(void)
{
    struct attr attr;
    struct node node = must_walk("file");
    int err = fs->ops->open(&node, O_RDONLY, &attr);
    put(&node);
    return err;
}

s64 op_getattr(void)
{
    struct attr attr;
    return fs->ops->getattr(&root, &attr);
}

s64 op_read(void)
{
    u8 *bytes = buffer(100);
    struct node node = must_open("file");
    s64 got = read_at(&node, bytes, 100, 0);
    put(&node);
    drop(bytes, 100);
    return got < 0 ? got : 0;
}

s64 op_readdir(void)
{
    unsigned n = 0;
    struct node node = must_open("dir");
    s64 got = fs->ops->readdir(&node, 0, 4096, count_entry, &n);
    put(&node);
    return got < 0 ? got : 0;
}

s64 op_readlink(void)
{
    char target[64];
    struct node node = must_walk("link");
    s64 got = fs->ops->readlink(&node, target, sizeof target);
    put(&node);
    return got < 0 ? got : 0;
}

s64 op_statfs(void)
{
    struct fs_stat st;
    return fs->ops->statfs(&root, &st);
}

s64 op_create(void)
{
    struct attr attr;
    struct node node;
    s64 err = fs->ops->walk(&root, &(struct name){0}, 0, &node, &node.qid);
    if (err < 0)
        return err;
    err = fs->ops->create(&node, new_name(), O_RDWR, 0644, &attr);
    put(&node);
    return err;
}

s64 op_write(void)
{
    u8 *bytes = buffer(100);
    struct node node = must_open_with("file", O_WRONLY);
    s64 put_ = write_at(&node, bytes, 100, 0);
    put(&node);
    drop(bytes, 100);
    return put_ < 0 ? put_ : put_ == 100 ? 0 : 1;
}

s64 op_mkdir(void)
{
    return fs->ops->mkdir(&root, new_name(), 0755);
}

s64 op_symlink(void)
{
    return fs->ops->symlink(&root, new_name(), "a/b", 3);
}

s64 op_mknod(void)
{
    return fs->ops->mknod(&root, new_name(), S_IFIFO | 0644, 0, 0);
}

s64 op_link(void)
{
    struct node node = must_walk("file");
    s64 err = fs->ops->link(&root, new_name(), &node);
    put(&node);
    return err;
}

/* An empty file in the root that was not there. */
static struct name new_file(void)
{
    static char names[16384][16];
    static unsigned n;
    char *name = names[n++ % ARRAY_LEN(names)];
    strcpy(name, new_name().s);
    fake_file(top, name, S_IFREG | 0644, "", 0);
    return name_of(name);
}

s64 op_rename(void)
{
    return fs->ops->rename(&root, new_file(), &root, new_name());
}

s64 op_unlink(void)
{
    return fs->ops->unlink(&root, new_file(), false);
}

s64 op_setattr(void)
{
    struct attr_change change = {.valid = CHANGE_MODE, .mode = 0600};
    struct node node = must_walk("file");
    s64 err = fs->ops->setattr(&node, &change);
    put(&node);
    return err;
}

s64 op_fsync(void)
{
    struct node node = must_open("file");
    s64 err = fs->ops->fsync(&node, false);
    put(&node);
    return err;
}

s64 op_setxattr(void)
{
    u8 *value = buffer(100);
    s64 err = fs->ops->setxattr(&root, name_of("user.a"), value, 100, 0);
    drop(value, 100);
    return err;
}

s64 op_getxattr(void)
{
    u8 *value = buffer(100);
    s64 got = fs->ops->getxattr(&root, name_of("user.always"), value, 100);
    drop(value, 100);
    return got < 0 ? got : got == 5 ? 0 : 1;
}

s64 op_lock(void)
{
    struct file_lock lock = {.type = F_WRLCK, .pid = 1};
    struct node node = must_open("file");
    s64 err = fs->ops->lock(&node, &lock);
    put(&node);
    return err;
}

s64 op_getlock(void)
{
    struct file_lock lock = {.type = F_WRLCK, .pid = 1};
    struct node node = must_open("file");
    s64 err = fs->ops->getlock(&node, &lock);
    put(&node);
    return err;
}

const struct op ops[OPS] = {
    {"walk", P9_TWALK, op_walk, false},
    {"lopen", P9_TLOPEN, op_open, false},
    {"getattr of open", P9_TGETATTR, op_open, false},
    {"getattr", P9_TGETATTR, op_getattr, false},
    {"read", P9_TREAD, op_read, false},
    {"readdir", P9_TREADDIR, op_readdir, false},
    {"readlink", P9_TREADLINK, op_readlink, false},
    {"statfs", P9_TSTATFS, op_statfs, false},
    {"create", P9_TLCREATE, op_create, false},
    {"write", P9_TWRITE, op_write, false},
    {"mkdir", P9_TMKDIR, op_mkdir, false},
    {"symlink", P9_TSYMLINK, op_symlink, false},
    {"mknod", P9_TMKNOD, op_mknod, false},
    {"link", P9_TLINK, op_link, true},
    {"renameat", P9_TRENAMEAT, op_rename, true},
    {"unlinkat", P9_TUNLINKAT, op_unlink, true},
    {"setattr", P9_TSETATTR, op_setattr, true},
    {"fsync", P9_TFSYNC, op_fsync, true},
    {"xattrwalk", P9_TXATTRWALK, op_getxattr, false},
    {"read of an attribute", P9_TREAD, op_getxattr, false},
    {"xattrcreate", P9_TXATTRCREATE, op_setxattr, true},
    {"write of an attribute", P9_TWRITE, op_setxattr, false},
    {"clunk of an attribute", P9_TCLUNK, op_setxattr, true},
    {"lock", P9_TLOCK, op_lock, false},
    {"getlock", P9_TGETLOCK, op_getlock, false},
};
_Static_assert(ARRAY_LEN(ops) == OPS, "");

/* Each operation fails with `want` under the lie, works afterwards, and leaves no fid behind. */
void all_ops(mangle_fn mangle, u64 arg, s64 want)
{
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        bool truth = (ops[i].bare && (mangle == lie_written || mangle == lie_cut) && arg == 7) ||
                     (mangle == lie_type && arg == ops[i].type + 1u);
        if (truth)
            continue;
        lie(ops[i].type, mangle, arg);
        s64 got = ops[i].run();
        if (got != want)
            fail_msg("%s: %lld, not %lld", ops[i].name, (long long)got, (long long)want);
        s.mangle = NULL;
        assert_int_equal(ops[i].run(), 0);
        settle();
        assert_int_equal(fake_9p_fids(&s), 1);
    }
}
