/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p - session, heads of replies, tags and fids: tests of kernel/9p.c. Names carry the client rule (C) or the hostile case (P) that they show. */
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

/* ---- session ---- */

static void attach_with(u32 msize_max, int want, u32 msize)
{
    make_client();
    s.msize_max = msize_max;
    assert_int_equal(fs->ops->attach(fs, &root), want);
    assert_int_equal(s.msize, msize);
}

static void c01_asks_for_4_mib_and_takes_less(void **state)
{
    (void)state;
    attach_with(0, 0, 4186112);
    assert_int_equal(s.seen[P9_TVERSION], 1);
    attach_with(65560, 0, 65560);
    assert_int_equal(s.seen[P9_TVERSION], 1);
    assert_int_equal(root.qid.type, QID_DIR);
}

static void c01_falls_back_after_an_error(void **state)
{
    (void)state;
    attach_with(8192, 0, 8192);
    assert_int_equal(s.seen[P9_TVERSION], 3);
    attach_with(4096, -90, 0);
}

static void session_is_joined_by_a_second_mount(void **state)
{
    (void)state;
    struct node second;
    assert_int_equal(fs->ops->attach(fs, &second), 0);
    assert_int_equal(s.seen[P9_TVERSION], 0);
    assert_int_not_equal(second.id, root.id);
}

static void attach_under(u8 type, mangle_fn mangle, u64 arg)
{
    make_client();
    lie(type, mangle, arg);
    assert_true(fs->ops->attach(fs, &root) < 0);
}

static void case_p13_p14_msize_out_of_bounds(void **state)
{
    static const u32 bad[] = {4186113, 0xffffffff, 0, 23, 100, 4095};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        attach_under(P9_TVERSION, lie_u32, AT(7, bad[i]));
}

static const char *version_text;
static u16 version_len;

LIE(lie_version)
{
    struct wire w = wire_over(r->bytes + 11, 2 + 65536);
    wire_put_string(&w, version_text, version_len);
    r->len = MIN(13u + version_len, 256u);
    r->written = (u32)r->len;
    set_size(r, 13u + version_len);
}

static void case_p15_p16_other_versions(void **state)
{
    static const char *const texts[] = {"9P2000", "9P2000.u", "unknown", "9P2000.Lx", "", "9P2000.l"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        version_text = texts[i];
        version_len = (u16)strlen(texts[i]);
        attach_under(P9_TVERSION, lie_version, 0);
    }
    version_text = "9P2000.L\0";
    version_len = 9;
    attach_under(P9_TVERSION, lie_version, 0);
    version_text = calloc(1, 65535);
    version_len = 65535;
    attach_under(P9_TVERSION, lie_version, 0);
    free((void *)version_text);
}

static void case_p17_root_is_no_directory(void **state)
{
    (void)state;
    attach_under(P9_TATTACH, lie_u8, AT(7, 0));
    s.mangle = NULL;
    assert_int_equal(fs->ops->attach(fs, &root), 0);
}

/* No authentication, nothing that works around it, and nothing left behind. */
static void attach_is_refused(void **state)
{
    (void)state;
    make_client();
    s.refuse = P9_TATTACH;
    s.arg = EPERM;
    assert_int_equal(fs->ops->attach(fs, &root), -EPERM);
    assert_int_equal(s.log_len, 2);
    s.refuse = 0;
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    assert_int_equal((u32)root.id, 0);
}

/* ---- heads of replies ---- */

static void case_p1_too_short(void **state)
{
    (void)state;
    for (u64 len = 0; len <= 7; len++)
        all_ops(lie_written, len, -EIO);
    all_ops(lie_cut, 7, -EIO);
}

static void case_p2_p3_size_is_not_what_arrived(void **state)
{
    (void)state;
    all_ops(lie_size, 0x7fffffff, -EIO);
    all_ops(lie_size, 0, -EIO);
    all_ops(lie_size, 6, -EIO);
    all_ops(lie_size_less, 0, -EIO);
}

static void case_p4_another_tag(void **state)
{
    (void)state;
    all_ops(lie_tag, 0, -EIO);
}

static void case_p5_p6_p12_another_type(void **state)
{
    static const u8 types[] = {0, 255, P9_TCLUNK + 1, P9_TGETATTR, P9_TREAD, P9_TVERSION + 1, 107, 6};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        all_ops(lie_type, types[i], -EIO);
}

static void case_p7_longer_than_the_room(void **state)
{
    (void)state;
    all_ops(lie_beyond, 0, -EIO);
}

static void case_p8_one_byte_short(void **state)
{
    (void)state;
    all_ops(lie_one_short, 0, -EIO);
}

/* The whole reply lies in memory, but so many of its bytes have not arrived; its size says so, or it does not. */
LIE(lie_unwritten)
{
    r->written = (u32)r->len - 1;
    if (server->arg)
        set_size(r, r->written);
}

static void dr_ur_1_what_lies_behind_the_used_length_is_nothing(void **state)
{
    (void)state;
    all_ops(lie_unwritten, false, -EIO);
    all_ops(lie_unwritten, true, -EIO);
}

static void c14_case_p8_bytes_behind_the_reply_are_ignored(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(ops); i++) {
        if (ops[i].type == P9_TREAD) /* there is no room behind the data */
            continue;
        lie(ops[i].type, lie_one_long, 0);
        assert_int_equal(ops[i].run(), 0);
    }
}

static void c15_case_p9_p10_numbers_that_are_no_errors(void **state)
{
    static const u32 bad[] = {0, 512, 4095, 4096, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffb};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        all_ops(lie_error, bad[i], -EIO);
}

static void case_p11_errors_go_up_unchanged(void **state)
{
    (void)state;
    static const u32 errors[] = {ENOSYS, EACCES, EIO, 133};
    for (size_t i = 0; i < ARRAY_LEN(ops); i++)
        for (size_t e = 0; e < ARRAY_LEN(errors); e++) {
            s.refuse = ops[i].type;
            s.arg = errors[e];
            assert_int_equal(ops[i].type == P9_TWALK ? op_walk() : ops[i].run(), -(int)errors[e]);
            s.refuse = 0;
            settle();
            assert_int_equal(fake_9p_fids(&s), 1);
        }
}

static void bad_replies_are_one_line_in_the_log(void **state)
{
    (void)state;
    all_ops(lie_tag, 0, -EIO);
    assert_int_equal(fake_log_count("bad reply"), 1);
}

/* ---- requests, tags, fids ---- */

static struct p9_request *late;

static void keep_request(struct fake_9p *server, const struct p9_request *req, struct fake_reply *r)
{
    (void)server, (void)r;
    late = (struct p9_request *)req;
}

static void case_p40_completions_of_finished_requests_are_dropped(void **state)
{
    (void)state;
    s.mangle = keep_request;
    assert_int_equal(op_getattr(), 0);
    p9_complete(late, 160, 0);
    p9_complete(late, 0, -EIO);
    s.mangle = NULL;
    for (size_t i = 0; i < OPS; i++)
        assert_int_equal(ops[i].run(), 0);
}

static void case_r25_a_reply_is_read_once_when_it_comes(void **state)
{
    (void)state;
    s.rewrites = true;
    for (unsigned round = 0; round < 2; round++)
        for (size_t i = 0; i < OPS; i++)
            assert_int_equal(ops[i].run(), 0);
    assert_int_equal(fake_log_count("bad reply"), 0);
}

static void c06_clunks_are_not_awaited(void **state)
{
    (void)state;
    static struct node nodes[300];
    for (size_t i = 0; i < ARRAY_LEN(nodes); i++)
        nodes[i] = must_walk("file");
    assert_int_equal(fake_9p_fids(&s), 301);
    u64 waits = p9_counters(client)->waits;
    for (size_t i = 0; i < P9_REQUESTS; i++)
        put(&nodes[i]);
    assert_int_equal(p9_counters(client)->waits, waits);
    for (size_t i = P9_REQUESTS; i < ARRAY_LEN(nodes); i++)
        put(&nodes[i]);
    settle();
    assert_int_equal(fake_9p_fids(&s), 1);
}

static void c06_fid_numbers_come_back_after_rclunk(void **state)
{
    (void)state;
    for (int i = 0; i < 10000; i++) {
        struct node node = must_walk("file");
        put(&node);
    }
    lie(P9_TCLUNK, lie_tag, 0);
    static bool lost[4096];
    for (int i = 0; i < 100; i++) { /* what these answered is not known, so their numbers stay taken */
        struct node node = must_walk("file");
        assert_false(lost[(u32)node.id]);
        lost[(u32)node.id] = true;
        put(&node);
    }
    lie(P9_TCLUNK, lie_error, EIO);
    for (int i = 0; i < 10000; i++) { /* Tclunk ends a fid even when it fails */
        struct node node = must_walk("file");
        put(&node);
    }
}

static void c02_tags_are_0_to_127(void **state)
{
    (void)state;
    static struct p9_call calls[P9_REQUESTS], more;
    static struct wire w[P9_REQUESTS];
    bool used[P9_REQUESTS] = {false};
    for (size_t i = 0; i < P9_REQUESTS; i++) {
        w[i] = p9_begin(&calls[i], client, P9_TCLUNK);
        assert_in_range(calls[i].req->tag, 0, 127);
        assert_false(used[calls[i].req->tag]);
        used[calls[i].req->tag] = true;
        wire_put32(&w[i], 4000); /* that nobody knows */
    }
    p9_begin(&more, client, P9_TCLUNK); /* all are taken, and none is on its way back */
    assert_true(more.error < 0);
    for (size_t i = 0; i < P9_REQUESTS; i++)
        p9_send(&calls[i], &w[i]);
    assert_int_equal(s.npending, P9_REQUESTS);
    for (size_t i = 0; i < P9_REQUESTS; i++)
        assert_int_equal(p9_finish(&calls[i], &w[i]), -ENOENT);
    assert_int_equal(op_getattr(), 0);
}

static void too_many_fids(void **state)
{
    (void)state;
    static struct node nodes[5000];
    unsigned n = 0;
    int got;
    while ((got = walk1("file", &nodes[n])) == 1)
        n++;
    assert_int_equal(got, -ENFILE);
    assert_int_equal(n, 4095);
    while (n)
        put(&nodes[--n]);
    settle();
    assert_int_equal(walk1("file", &nodes[0]), 1);
}

static void a_shallow_link(void **state)
{
    (void)state;
    u8 *bytes = buffer(1 << 20);
    s.link.depth = 2;
    s.link.max_spans = 1;
    for (size_t i = 0; i < OPS; i++)
        assert_int_equal(ops[i].run(), 0);
    struct node node = must_open("big");
    assert_int_equal(read_at(&node, bytes, 1 << 20, 5), 1 << 20);
    assert_pattern(bytes, 1 << 20, 5);
    assert_true(s.most_in_flight <= 2);
    drop(bytes, 1 << 20);
}

static void every_order_of_replies(void **state)
{
    (void)state;
    for (enum fake_order order = FAKE_FIRST; order <= FAKE_ALL; order++)
        for (int round = 0; round < 50; round++) {
            s.order = order;
            for (size_t i = 0; i < OPS; i++)
                assert_int_equal(ops[i].run(), 0);
        }
}

static s64 everything(void)
{
    s64 first = 0;
    struct node node;
    unsigned n = 0;
    u8 *bytes = buffer(1 << 20);
    struct attr attr;
    if (fs->ops->attach(fs, &root) == 0 && walk1("big", &node) == 1) {
        first = fs->ops->open(&node, O_RDONLY, &attr);
        if (!first)
            first = read_at(&node, bytes, 1 << 20, 0) == 1 << 20 ? 0 : -EIO;
        put(&node);
    } else
        first = -EIO;
    if (!first && (first = walk1("dir", &node)) == 1) {
        first = fs->ops->open(&node, O_RDONLY, &attr);
        if (!first)
            first = MIN(fs->ops->readdir(&node, 0, 4096, count_entry, &n), 0);
        put(&node);
    }
    drop(bytes, 1 << 20);
    return first;
}

/* R11, R21: the link dies at any message; each operation from then on says EIO, and nothing waits. */
static void case_r11_the_link_dies(void **state)
{
    (void)state;
    for (unsigned after = 1; after < 40; after++) {
        make_client();
        s.msize_max = 65536;
        s.order = FAKE_LAST;
        s.die_after = after;
        s64 got = everything();
        if (!s.dead)
            break;
        assert_true(got <= 0);
        assert_int_equal(op_getattr(), -EIO);
        assert_int_equal(fs->ops->attach(fs, &root), -EIO);
        assert_null(s.violation);
    }
    assert_false(s.dead);
}

static void clients_and_counters_are_listed(void **state)
{
    (void)state;
    const char *tag = NULL;
    struct p9 *c, *found = NULL;
    for (unsigned i = 0; (c = p9_client(i, &tag)); i++)
        if (c == client) {
            found = c;
            assert_string_equal(tag, fs->tag);
        }
    assert_ptr_equal(found, client);
}

/* ---- giving up ---- */

static struct wire send_walk(struct p9_call *call, u32 newfid)
{
    struct wire w = p9_begin(call, client, P9_TWALK);
    struct name name = name_of("file");
    wire_put32(&w, (u32)root.id);
    wire_put32(&w, newfid);
    wire_put16(&w, 1);
    wire_put_string(&w, name.s, name.len);
    p9_send(call, &w);
    return w;
}

/* Only Rflush comes: the walk never was, and neither was the fid. The memory is ours when the link gave the request back, not before. */
static void flushed_before_it_was_carried_out(void **state)
{
    (void)state;
    for (int first = 0; first <= 1; first++) {
        struct p9_call call;
        u32 fid = p9_fid_new(client);
        struct wire w = send_walk(&call, fid);
        u16 tag = call.req->tag;
        s.hold = P9_TWALK;
        s.flush_first = first;
        assert_int_equal(p9_cancel(&call, &w), -EINTR);
        assert_sent(P9_TFLUSH, 9, "2", (u32)tag);
        assert_int_equal(s.npending, 0);
        s.hold = 0;
        p9_fid_free(client, fid);
        struct node node = must_walk("file"); /* with the same number */
        assert_int_equal((u32)node.id, fid);
        put(&node);
        assert_no_fids();
    }
}

/* The answer comes before Rflush, or behind it: it counts, and the fid is there. */
static void answered_before_it_was_flushed(void **state)
{
    (void)state;
    for (enum fake_order order = FAKE_FIRST; order <= FAKE_ALL; order++) {
        struct p9_call call;
        u32 fid = p9_fid_new(client);
        s.order = order;
        struct wire w = send_walk(&call, fid);
        assert_int_equal(p9_cancel(&call, &w), 0);
        assert_int_equal(wire_get16(&w), 1);
        assert_int_equal(p9_get_qid(&w).path, file->ino);
        assert_int_equal(s.npending, 0);
        assert_int_equal(fake_9p_fids(&s), 2);
        assert_int_equal(p9_end(client, P9_TCLUNK, fid), 0);
        assert_no_fids();
    }
}

static void flushed_by_a_dead_link(void **state)
{
    (void)state;
    struct p9_call call;
    struct wire w = send_walk(&call, p9_fid_new(client));
    fake_9p_kill(&s);
    assert_int_equal(p9_cancel(&call, &w), -EIO);
}

/* ---- what is never sent ---- */

/* Tauth: a server that wants it refuses the attach, and its reason goes up. */
static void a_server_that_wants_authentication(void **state)
{
    (void)state;
    static const u32 errors[] = {EPERM, EACCES, 111};
    for (size_t i = 0; i < ARRAY_LEN(errors); i++) {
        make_client();
        s.refuse = P9_TATTACH;
        s.arg = errors[i];
        assert_int_equal(fs->ops->attach(fs, &root), -(int)errors[i]);
        assert_int_equal(s.log_len, 2); /* Tversion, Tattach */
        s.refuse = 0;
        assert_int_equal(fs->ops->attach(fs, &root), 0);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, finish)
    const struct CMUnitTest tests[] = {
        T(c01_asks_for_4_mib_and_takes_less),
        T(c01_falls_back_after_an_error),
        T(session_is_joined_by_a_second_mount),
        T(case_p13_p14_msize_out_of_bounds),
        T(case_p15_p16_other_versions),
        T(case_p17_root_is_no_directory),
        T(attach_is_refused),
        T(case_p1_too_short),
        T(case_p2_p3_size_is_not_what_arrived),
        T(case_p4_another_tag),
        T(case_p5_p6_p12_another_type),
        T(case_p7_longer_than_the_room),
        T(case_p8_one_byte_short),
        T(dr_ur_1_what_lies_behind_the_used_length_is_nothing),
        T(c14_case_p8_bytes_behind_the_reply_are_ignored),
        T(c15_case_p9_p10_numbers_that_are_no_errors),
        T(case_p11_errors_go_up_unchanged),
        T(bad_replies_are_one_line_in_the_log),
        T(case_p40_completions_of_finished_requests_are_dropped),
        T(case_r25_a_reply_is_read_once_when_it_comes),
        T(c06_clunks_are_not_awaited),
        T(c06_fid_numbers_come_back_after_rclunk),
        T(c02_tags_are_0_to_127),
        T(too_many_fids),
        T(a_shallow_link),
        T(every_order_of_replies),
        T(case_r11_the_link_dies),
        T(clients_and_counters_are_listed),
        T(flushed_before_it_was_carried_out),
        T(answered_before_it_was_flushed),
        T(flushed_by_a_dead_link),
        T(a_server_that_wants_authentication),
        T(nothing_but_9p2000l_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
