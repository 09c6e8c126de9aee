/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_again - rule C12: the device is reset under the client at every message and every wait, and programs hardly notice. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "9p_client.h"
#include "fake_acpi.h"
#include "fake_arch.h"
#include "mem.h"
#include "share.h"

enum { MIB = 1 << 20 };

/* What was asked for then may have happened or not; and an attribute's value is read in two steps. */
static bool may_fail(const struct op *op)
{
    static const u8 types[] = {P9_TLCREATE, P9_TWRITE,    P9_TMKDIR,    P9_TSYMLINK,     P9_TMKNOD,
                               P9_TLINK,    P9_TSETATTR,  P9_TFSYNC,    P9_TXATTRCREATE, P9_TREMOVE,
                               P9_TRENAME,  P9_TRENAMEAT, P9_TUNLINKAT, P9_TXATTRWALK,   P9_TCLUNK};
    return op->run == op_getxattr || memchr(types, op->type, sizeof types) != NULL;
}

/* The operation meets a link that dies after so many messages, or instead of so many waits. false: it was over before. */
static bool meets_death(const struct op *op, unsigned messages, unsigned waits)
{
    start(NULL);
    s.lives = 1;
    s.die_after = messages;
    s.die_wait = waits;
    s64 got = op->run();
    bool died = s.lives == 0;
    if (got != 0 && !(got == -EIO && may_fail(op)))
        fail_msg("%s, dead after %u messages or %u waits: %ld", op->name, messages, waits, (long)got);
    s.die_after = s.die_wait = 0;
    if (op->run() != 0)
        fail_msg("%s does not work afterwards", op->name);
    assert_no_fids();
    finish(NULL);
    return died;
}

static void c12_each_operation_at_each_message(void **state)
{
    (void)state;
    for (unsigned i = 0; i < OPS; i++) {
        unsigned n = 1;
        while (meets_death(&ops[i], n, 0))
            n++;
        for (n = 1; meets_death(&ops[i], 0, n); n++)
            ;
        assert_true(n > 1);
    }
}

static void die(void)
{
    fake_9p_kill(&s);
    s.lives = 1;
}

static void c12_an_open_file_is_read_on(void **state)
{
    (void)state;
    u8 *bytes = buffer(MIB);
    make_client();
    s.msize_max = 65536;
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    struct node node = must_open("big");
    assert_int_equal(read_at(&node, bytes, 1000, 0), 1000);
    die();
    assert_int_equal(read_at(&node, bytes, 1000, 1000), 1000);
    assert_pattern(bytes, 1000, 1000);
    s.lives = 1;
    s.die_wait = 2; /* with eight messages in flight */
    assert_int_equal(read_at(&node, bytes, MIB, 4096), MIB);
    assert_pattern(bytes, MIB, 4096);
    assert_int_equal(p9_counters(client)->restarts, 2);
    put(&node);
    drop(bytes, MIB);
    assert_no_fids();
}

static void c12_fids_are_where_they_were(void **state)
{
    (void)state;
    struct name names[40];
    struct qid qids[40];
    struct node far;
    struct attr attr;
    names[0] = name_of("dir");
    for (int i = 1; i < 40; i++)
        names[i] = name_of("deep");
    assert_int_equal(fs->ops->walk(&root, names, 40, &far, qids), 40);
    die();
    assert_int_equal(fs->ops->getattr(&far, &attr), 0);
    assert_int_equal(attr.qid.path, qids[39].path);
    put(&far);
    assert_no_fids();
}

static void c12_what_a_create_opened(void **state)
{
    (void)state;
    struct attr attr;
    struct node node;
    u8 *bytes = buffer(10);
    assert_int_equal(fs->ops->walk(&root, &(struct name){0}, 0, &node, &node.qid), 0);
    assert_int_equal(fs->ops->create(&node, name_of("made"), O_RDWR | O_TRUNC | O_APPEND, 0644, &attr), 0);
    assert_int_equal(write_at(&node, bytes, 10, 0), 10);
    die();
    assert_int_equal(read_at(&node, bytes, 10, 0), 10); /* it was not truncated again */
    assert_int_equal(s.fids[(u32)node.id].flags & 07777, O_RDWR | O_APPEND | O_NONBLOCK); /* nor made */
    put(&node);
    drop(bytes, 10);
}

/* With eight messages in flight, at each of them and each wait: what is told to be written is there, and can be written on from there. */
static void c12_a_large_write_counts_what_was_answered(void **state)
{
    (void)state;
    enum { LEN = 8 * 61440 };
    u8 *bytes = buffer(LEN);
    for (u64 i = 0; i < LEN; i++)
        bytes[i] = fake_byte(i);
    for (unsigned n = 1; n <= 32; n++) {
        make_client();
        s.msize_max = 65536;
        assert_int_equal(fs->ops->attach(fs, &root), 0);
        struct node node = must_open_with("file", O_RDWR);
        s.lives = 1;
        s.die_after = n % 2 ? s.log_len + n / 2 : 0;
        s.die_wait = n % 2 ? 0 : n / 2;
        s64 done = 0, got;
        unsigned failed = 0;
        while (done < LEN && failed < 2) {
            got = write_at(&node, bytes + done, (u64)(LEN - done), (u64)done);
            assert_true(got > 0 || got == -EIO);
            failed += got < 0;
            done += MAX(got, 0);
            assert_memory_equal(file->own, bytes, done);
        }
        assert_int_equal(done, LEN);
        assert_int_equal(file->size, LEN);
        put(&node);
        assert_no_fids();
        assert_null(s.violation);
    }
    drop(bytes, LEN);
}

/* Whether the server took them is not known: they are not sent once more. */
static void c12_what_is_appended_is_there_once(void **state)
{
    (void)state;
    enum { LEN = 8 * 61440 };
    u8 *bytes = buffer(LEN);
    for (u64 i = 0; i < LEN; i++)
        bytes[i] = fake_byte(i + 12);
    for (unsigned n = 1; n <= 32; n++) {
        make_client();
        s.msize_max = 65536;
        assert_int_equal(fs->ops->attach(fs, &root), 0);
        struct node node = must_open_with("file", O_WRONLY | O_APPEND);
        s.lives = 1;
        s.die_after = n % 2 ? s.log_len + n / 2 : 0;
        s.die_wait = n % 2 ? 0 : n / 2;
        s64 got = write_at(&node, bytes, LEN, VFS_CURRENT);
        assert_true(got == -EIO || (got > 0 && got % 61440 == 0));
        assert_in_range(file->size, 12 + (u64)MAX(got, 0), 12 + (u64)MIN(MAX(got, 0) + 61440, LEN));
        assert_memory_equal((const u8 *)file->own + 12, bytes, file->size - 12);
        put(&node);
        assert_no_fids();
        assert_null(s.violation);
    }
    drop(bytes, LEN);
}

static void c12_writes_without_an_answer_have_failed(void **state)
{
    (void)state;
    u8 *bytes = buffer(100);
    struct node node = must_open_with("file", O_RDWR);
    s.lives = 1;
    s.die_wait = 1;
    assert_int_equal(write_at(&node, bytes, 100, 0), -EIO);
    assert_int_equal(s.seen[P9_TWRITE], 1);
    assert_int_equal(write_at(&node, bytes, 100, 0), 100);
    put(&node);
    drop(bytes, 100);
}

static void c12_files_that_moved(void **state)
{
    (void)state;
    struct attr attr;
    struct qid qid, inside;
    struct node open = must_open("file"), a, other = must_walk("big");
    struct name names[2] = {name_of("dir"), name_of("a")};
    struct qid qids[2];
    assert_int_equal(fs->ops->walk(&root, names, 2, &a, qids), 2);
    inside = qids[1];
    qid = open.qid;
    assert_int_equal(fs->ops->rename(&root, name_of("file"), &root, name_of("moved")), 0);
    assert_int_equal(fs->ops->rename(&root, name_of("dir"), &root, name_of("folder")), 0);
    die();
    assert_int_equal(fs->ops->getattr(&open, &attr), 0);
    assert_int_equal(attr.qid.path, qid.path);
    assert_int_equal(fs->ops->getattr(&a, &attr), 0);
    assert_int_equal(attr.qid.path, inside.path);
    assert_int_equal(fs->ops->getattr(&other, &attr), 0);
    put(&open), put(&a), put(&other);
    assert_no_fids();
}

/* What is another file now, or none, answers EIO for ever, and not with the other's bytes. */
static void c12_files_that_are_gone(void **state)
{
    (void)state;
    struct attr attr;
    u8 *bytes = buffer(10);
    struct node gone = must_open("file"), replaced = must_open("big");
    assert_int_equal(fs->ops->unlink(&root, name_of("file"), false), 0);
    assert_int_equal(fs->ops->unlink(&root, name_of("big"), false), 0);
    fake_file(top, "big", S_IFREG | 0644, "other", 5);
    die();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(read_at(&gone, bytes, 10, 0), -EIO);
        assert_int_equal(read_at(&replaced, bytes, 10, 0), -EIO);
        assert_int_equal(fs->ops->getattr(&replaced, &attr), -EIO);
    }
    put(&gone), put(&replaced);
    for (int i = 0; i < 3; i++) { /* their numbers serve again */
        struct node node = must_open("big");
        assert_int_equal(read_at(&node, bytes, 10, 0), 5);
        put(&node);
    }
    drop(bytes, 10);
    assert_no_fids();
}

static void c12_a_server_that_always_dies(void **state)
{
    (void)state;
    struct attr attr;
    struct node node = must_open("file");
    s.lives = 1000;
    s.dies_again = true;
    fake_9p_kill(&s);
    assert_int_equal(fs->ops->getattr(&node, &attr), -EIO);
    assert_int_equal(fs->ops->getattr(&root, &attr), -EIO);
    assert_true(s.lives > 990);
    put(&node);
}

/* Under the first messages of a mount, too, when there is nothing yet to come back to. */
static void c12_a_new_mount(void **state)
{
    for (unsigned i = 0; i < 4; i++) {
        make_client();
        s.lives = 1;
        s.die_after = i == 1; /* messages, then the link is dead when the next one comes */
        s.die_wait = i >= 2 ? i - 1 : 0;
        if (i == 0)
            fake_9p_kill(&s);
        assert_int_equal(fs->ops->attach(fs, &root), 0);
        assert_int_equal(s.lives, 0);
        assert_int_equal(p9_counters(client)->restarts, 1);
        s.die_after = s.die_wait = 0;
        assert_int_equal(op_getattr(), 0);
        assert_no_fids();
        finish(state);
    }
    start(state);
}

/* A few times: a device can do so for ever. */
static void c12_a_new_mount_of_a_server_that_always_dies(void **state)
{
    (void)state;
    struct node node;
    make_client();
    s.lives = 1000;
    s.dies_again = true;
    s.die_after = 1;
    for (int i = 0; i < 3; i++)
        assert_int_equal(fs->ops->attach(fs, &node), -EIO);
    assert_true(s.lives > 985);
    assert_int_equal(p9_counters(client)->fids, 0);
    start(NULL);
}

static void c12_another_folder_at_the_root(void **state)
{
    (void)state;
    struct attr attr;
    unsigned n = 0;
    struct node listing;
    assert_int_equal(fs->ops->walk(&root, &(struct name){0}, 0, &listing, &listing.qid), 0);
    assert_int_equal(fs->ops->open(&listing, O_RDONLY | O_DIRECTORY, &attr), 0);
    die();
    top->ino += 1000;
    assert_int_equal(fs->ops->readdir(&listing, 0, 4096, count_entry, &n), -EIO);
    assert_int_equal(n, 0);
    assert_int_equal(fs->ops->getattr(&root, &attr), -EIO);
    put(&listing);
}

static void c12_a_server_that_takes_less_than_before(void **state)
{
    (void)state;
    struct attr attr;
    s.msize_max = 8192;
    die();
    assert_int_equal(fs->ops->getattr(&root, &attr), -EIO);
}

/* Every restart has its line in the log, and a device could be in need of one after each answer. */
static void c12_a_server_that_dies_after_each_answer(void **state)
{
    (void)state;
    struct attr attr;
    int answered = 0;
    for (int i = 0; i < 1000; i++) {
        die();
        answered += fs->ops->getattr(&root, &attr) == 0;
    }
    assert_int_equal(answered, 100);
    assert_int_equal(p9_counters(client)->restarts, 100);
}

static void lie_success(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r)
{
    (void)server;
    if (req->type != P9_TRENAMEAT)
        return;
    r->len = r->written = 7;
    put32(r->bytes, 7);
    r->bytes[4] = P9_TRENAMEAT + 1;
}

/* A server that says it did is believed that far, and what is known of the fids stays sane. */
static void c12_a_directory_moved_into_itself(void **state)
{
    (void)state;
    struct node dirs[2], node;
    struct qid qids[2];
    struct attr attr;
    struct name names[2] = {name_of("dir"), name_of("deep")};
    assert_int_equal(fs->ops->walk(&root, names, 2, &dirs[0], qids), 2);
    dirs[1] = must_walk("dir");
    node = must_walk("file");
    s.mangle = lie_success;
    for (int i = 0; i < 2; i++)
        assert_int_equal(fs->ops->rename(&root, name_of("dir"), &dirs[i], name_of("dir")), 0);
    s.mangle = NULL;
    die();
    assert_int_equal(fs->ops->getattr(&node, &attr), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(fs->ops->getattr(&dirs[i], &attr), 0);
    put(&dirs[0]), put(&dirs[1]), put(&node);
    assert_no_fids();
}

/* After the reset the link takes less than a message needs that is to be sent again: that one fails, and its tag is free. */
static void c12_a_link_that_takes_less_than_before(void **state)
{
    (void)state;
    u8 *bytes = buffer(2 * PAGE_SIZE);
    struct span spans[2] = {{mem_phys(bytes), 100}, {mem_phys(bytes) + PAGE_SIZE, 100}};
    struct node node = must_open("big");
    s.lives = s.die_wait = 1;
    s.shrinks = true;
    assert_int_equal(fs->ops->read(&node, spans, 2, 0), -E2BIG);
    assert_int_equal(read_at(&node, bytes, 10, 0), 10);
    put(&node);
    settle();
    for (unsigned tag = 0; tag < P9_REQUESTS && client->slots[tag]; tag++)
        assert_false(((struct p9_request *)client->slots[tag])->busy);
    drop(bytes, 2 * PAGE_SIZE);
    assert_no_fids();
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, finish)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(c12_each_operation_at_each_message),
        T(c12_an_open_file_is_read_on),
        T(c12_fids_are_where_they_were),
        T(c12_what_a_create_opened),
        T(c12_a_large_write_counts_what_was_answered),
        T(c12_what_is_appended_is_there_once),
        T(c12_writes_without_an_answer_have_failed),
        T(c12_files_that_moved),
        T(c12_files_that_are_gone),
        T(c12_a_server_that_always_dies),
        T(c12_a_new_mount),
        T(c12_a_new_mount_of_a_server_that_always_dies),
        T(c12_another_folder_at_the_root),
        T(c12_a_server_that_takes_less_than_before),
        T(c12_a_server_that_dies_after_each_answer),
        T(c12_a_directory_moved_into_itself),
        T(c12_a_link_that_takes_less_than_before),
        T(nothing_but_9p2000l_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
