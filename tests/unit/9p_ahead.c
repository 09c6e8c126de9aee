/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* 9p_ahead - what is read before it is asked for: tests of kernel/9p_ahead.c. A reader must not be able to tell, but by how many messages there were. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "9p_client.h"
#include "arch.h"
#include "fake_arch.h"
#include "later.h"
#include "mem.h"
#include "share.h"
#include "wire.h"

enum { KIB = 1024, MIB = 1 << 20, SIZE = 4 * MIB };

static char *content; /* of the file "data" */
static struct fake_file *data;
static u8 *bytes;
static u64 free_before;

static u8 version_byte(unsigned version, u64 at)
{
    return (u8)(fake_byte(at) + version * 101);
}

/* The host writes the file anew. */
static void host_writes(unsigned version, u64 size)
{
    for (u64 i = 0; i < size; i++)
        content[i] = (char)version_byte(version, i);
    data->data = content;
    free(data->own);
    data->own = NULL;
    data->size = size;
}

static int begin(void **state)
{
    int err = start(state);
    vfs_clock = 0;
    content = content ? content : malloc(2 * SIZE);
    bytes = bytes ? bytes : buffer(SIZE);
    data = fake_file(top, "data", S_IFREG | 0644, NULL, 0);
    host_writes(0, SIZE);
    for (unsigned i = 0; i < 2; i++) { /* what an earlier test left on its way is back */
        fake_beat(1);
        later_run();
    }
    return err;
}

static int end(void **state)
{
    s.mangle = NULL;
    s.hold = 0;
    s.order = FAKE_FIRST;
    if (!s.dead)
        assert_no_fids();
    return finish(state);
}

static void assert_version(unsigned version, u64 len, u64 offset)
{
    for (u64 i = 0; i < len; i++)
        if (bytes[i] != version_byte(version, offset + i))
            fail_msg("byte %llu is not of version %u", (unsigned long long)(offset + i), version);
}

static void must_read(struct node *node, unsigned version, u64 len, u64 offset)
{
    memset(bytes, 0xee, len + 1);
    assert_int_equal(read_at(node, bytes, len, offset), len);
    assert_version(version, len, offset);
    assert_int_equal(bytes[len], 0xee);
}

/* Reads on until something lies in windows that was not asked for; returns where. */
static u64 read_on(struct node *node, u64 offset, unsigned blocks)
{
    while (blocks--) {
        must_read(node, 0, 4 * KIB, offset);
        offset += 4 * KIB;
    }
    return offset;
}

static unsigned reads(void)
{
    return s.seen[P9_TREAD];
}

static void a_file_read_on_end_takes_few_messages(void **state)
{
    (void)state;
    static const struct {
        u64 block;
        unsigned most; /* messages, with that at the end */
    } rows[] = {{4 * KIB, 9}, {64 * KIB, 9}, {1000, 9}, {100 * KIB + 7, 9}, {256 * KIB, 17}, {MIB, 5}, {SIZE, 3}};
    for (enum fake_order order = FAKE_FIRST; order <= FAKE_ALL; order++)
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
            s.order = order;
            struct node node = must_open("data");
            u64 at = 0;
            unsigned before = reads();
            for (s64 got; (got = read_at(&node, bytes, rows[i].block, at)) > 0; at += (u64)got)
                assert_version(0, (u64)got, at);
            assert_int_equal(at, SIZE);
            assert_in_range(reads() - before, 1, rows[i].most);
            put(&node);
        }
}

/* He may be slow: what is fetched for him must not be too old when he comes to it. */
static void who_was_read_ahead_of_in_vain_gets_smaller_windows(void **state)
{
    (void)state;
    unsigned messages[2];
    host_writes(0, 2 * SIZE);
    for (unsigned vain = 0; vain < 2; vain++) {
        struct node node = must_open("data");
        u64 at = 0;
        unsigned before = 0;
        for (; at < 2 * SIZE; at += 64 * KIB) {
            if (at == MIB) {
                before = reads();
                vfs_heard += vain;
            }
            assert_int_equal(read_at(&node, bytes, 64 * KIB, at), 64 * KIB);
        }
        messages[vain] = reads() - before;
        put(&node);
    }
    assert_in_range(messages[0], 1, 3);
    assert_in_range(messages[1], 10, 13);
}

static void in_small_messages_several_are_on_their_way(void **state)
{
    (void)state;
    make_client();
    s.msize_max = 65536;
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    data = fake_file(top, "data", S_IFREG | 0644, NULL, 0);
    host_writes(0, SIZE);
    struct node node = must_open("data");
    u64 at = read_on(&node, 0, SIZE / 4096);
    assert_int_equal(read_at(&node, bytes, 4096, at), 0);
    assert_in_range(reads(), SIZE / 61440, SIZE / 61440 + 8);
    assert_in_range(s.most_in_flight, 3, 4);
    put(&node);
}

/* However little a server gives at a time: no more messages than it takes for what was asked for, and some. */
static void a_server_that_gives_little_is_not_asked_for_more(void **state)
{
    (void)state;
    static const u32 msizes[] = {0, 8192};
    for (unsigned i = 0; i < 2; i++) {
        make_client();
        s.msize_max = msizes[i];
        assert_int_equal(fs->ops->attach(fs, &root), 0);
        data = fake_file(top, "data", S_IFREG | 0644, NULL, 0);
        host_writes(0, SIZE);
        for (unsigned n = 0; n < 2; n++) {
            struct node node = must_open("data");
            s.max_read = n ? 16 : 0; /* it may do so at any time */
            u64 at = read_on(&node, 0, n ? 0 : 20);
            s.max_read = 16;
            fake_9p_forget(&s);
            unsigned blocks = n ? 14 : 400;
            read_on(&node, at, blocks);
            assert_in_range(reads(), 1, blocks * 4096 / 16 + 32);
            s.max_read = 0;
            put(&node);
        }
    }
}

static void who_reads_anywhere_pays_nothing(void **state)
{
    (void)state;
    struct node node = must_open("data");
    srand(4);
    for (unsigned i = 1; i <= 500; i++) {
        u64 at = (u64)rand() % (SIZE / 4096 - 1) / 2 * 2 * 4096; /* never next to each other but by chance */
        must_read(&node, 0, 4096, at);
        assert_int_equal(reads(), i);
        assert_int_equal(s.last_read_count, 4096);
    }
    for (u64 at = SIZE; at > 0; at -= 4096)
        must_read(&node, 0, 4096, at - 4096);
    assert_int_equal(reads(), 500 + SIZE / 4096);
    put(&node);
}

static void a_small_file_costs_what_it_did(void **state)
{
    (void)state;
    host_writes(0, 5000);
    struct node node = must_open("data");
    assert_int_equal(read_at(&node, bytes, 64 * KIB, 0), 5000);
    assert_int_equal(s.last_read_count, 5000);
    assert_int_equal(read_at(&node, bytes, 64 * KIB, 5000), 0);
    assert_int_equal(reads(), 2);
    put(&node);
}

/* ---- pages that are handed over ---- */

enum { BUFFER = 48 };
#define BUFFER_VA 0x10000000ull

/* A program's memory: page i of its buffer. */
static struct {
    u64 frames[BUFFER], swaps, patience; /* the swaps that are done before one is refused */
} program;

static void assert_not_in_flight(u64 pa, u64 len)
{
    for (unsigned i = 0; i < s.npending; i++) {
        const struct p9_request *req = s.pending[i].req;
        for (unsigned k = 0; k < req->npayload; k++)
            assert_true(req->payload[k].pa >= pa + len || req->payload[k].pa + req->payload[k].len <= pa);
    }
}

static u64 swap(u64 va, u64 from, u64 to, u64 len)
{
    u64 done = 0;
    assert_true(len && (va | from | to | len) % PAGE_SIZE == 0);
    assert_in_range(va, BUFFER_VA, BUFFER_VA + BUFFER * PAGE_SIZE - len);
    assert_not_in_flight(to, len);
    assert_not_in_flight(from, len);
    for (; done < len && program.patience; done += PAGE_SIZE, program.patience--, program.swaps++) {
        u64 *frame = &program.frames[(va - BUFFER_VA + done) / PAGE_SIZE];
        assert_int_equal(*frame, from + done);
        *frame = to + done;
    }
    return done;
}

static void start_program(bool scattered)
{
    program.patience = ~0ull;
    for (unsigned i = 0; i < BUFFER; i++)
        if (!(program.frames[i] = mem_pages(1, PAGE_SIZE << (scattered ? i % 3 : 0))))
            fail();
}

static void end_program(void)
{
    for (unsigned i = 0; i < BUFFER; i++)
        mem_pages_free(program.frames[i], 1);
}

static void program_bytes(u8 *out, u64 skip, u64 len)
{
    for (u64 done = 0, n; done < len; done += n, skip += n) {
        n = MIN(PAGE_SIZE - skip % PAGE_SIZE, len - done);
        memcpy(out + done, (u8 *)mem_virt(program.frames[skip / PAGE_SIZE]) + skip % PAGE_SIZE, n);
    }
}

/* As read() does it: to byte `skip` of the buffer. */
static s64 program_reads(struct node *node, u64 skip, u64 len, u64 offset)
{
    struct span spans[BUFFER];
    unsigned n = 0;
    for (u64 done = 0, piece; done < len; done += piece) {
        u64 at = skip + done, pa = program.frames[at / PAGE_SIZE] + at % PAGE_SIZE;
        piece = MIN(PAGE_SIZE - at % PAGE_SIZE, len - done);
        memset(mem_virt(pa), 0xee, piece);
        if (n && spans[n - 1].pa + spans[n - 1].len == pa)
            spans[n - 1].len += piece;
        else
            spans[n++] = (struct span){pa, piece};
    }
    vfs_reader = (struct vfs_reader){swap, BUFFER_VA + skip};
    s64 got = fs->ops->read(node, spans, n, offset);
    vfs_reader.swap = NULL;
    return got;
}

static void program_must_read(struct node *node, u64 skip, u64 len, u64 offset, u64 size)
{
    u64 want = offset < size ? MIN(len, size - offset) : 0;
    assert_int_equal(program_reads(node, skip, len, offset), want);
    program_bytes(bytes, skip, len);
    assert_version(0, want, offset);
    for (u64 i = want; i < len; i++)
        assert_int_equal(bytes[i], 0xee);
}

/* That the client has made. */
static unsigned requests(void)
{
    unsigned n = 0;
    while (n < P9_REQUESTS && client->slots[n])
        n++;
    return n;
}

static void whole_pages_are_handed_over(void **state)
{
    (void)state;
    static const struct row {
        u64 block, skip;
        bool scattered, handed;
    } rows[] = {{64 * KIB, 0, false, true}, {160 * KIB, 0, false, true},       {160 * KIB, 8, false, false},
                {64 * KIB, 0, true, true},  {4 * KIB, 8 * KIB, false, true},   {64 * KIB, 8, false, false},
                {48 * KIB, 0, true, true},  {64 * KIB + 100, 0, false, false}, {1000, 0, false, false}};
    for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
        const struct row *row = &rows[i % ARRAY_LEN(rows)];
        settle();
        free_before = mem_free_count();
        unsigned slots = requests(); /* are for good */
        start_program(row->scattered);
        struct node node = must_open("data");
        u64 at = 0;
        program.swaps = 0;
        for (; at < SIZE; at += row->block)
            program_must_read(&node, row->skip, row->block, at, SIZE);
        if (row->handed)
            assert_in_range(program.swaps, (SIZE - 4 * row->block) / PAGE_SIZE, SIZE / PAGE_SIZE);
        else
            assert_in_range(program.swaps, 0, 16);
        put(&node);
        settle();
        end_program();
        assert_true(mem_free_count() == free_before || requests() > slots || i < ARRAY_LEN(rows));
    }
}

/* Behind a file's end the program's memory is as it was, whatever stood in the page that its last bytes came in. */
static void what_is_behind_the_end_of_a_file_is_not_handed_over(void **state)
{
    (void)state;
    start_program(false);
    for (u64 size = 200 * KIB; size < 200 * KIB + 3 * PAGE_SIZE; size += 1501) {
        host_writes(0, size);
        struct node node = must_open("data");
        for (u64 at = 0; at < size; at += 16 * KIB)
            program_must_read(&node, 0, 16 * KIB, at, size);
        put(&node);
    }
    end_program();
}

static void random_readers_have_their_own_pages(void **state)
{
    (void)state;
    srand(5);
    start_program(false);
    for (unsigned round = 0; round < 6; round++) {
        fs->cache = (u8)(CACHE_NONE + round % 3);
        free_before = mem_free_count();
        unsigned slots = requests();
        struct node nodes[2] = {must_open("data"), must_open("data")};
        u64 at[2] = {0, 0};
        for (unsigned step = 0; step < 8000; step++) {
            unsigned i = (unsigned)rand() % 2, what = (unsigned)rand() % 32;
            u64 skip = what % 4 ? (u64)rand() % 16 * PAGE_SIZE : (u64)rand() % (16 * PAGE_SIZE);
            u64 len = what % 5 ? (u64)rand() % 24 * PAGE_SIZE : (u64)rand() % (24 * PAGE_SIZE);
            program.patience = what % 3 ? ~0ull : (u64)rand() % 9;
            s.order = (enum fake_order)(rand() % 4);
            if (what == 0 || at[i] >= SIZE)
                at[i] = (u64)rand() % SIZE;
            if (what == 1)
                at[i] -= MIN(at[i], (u64)rand() % (8 * PAGE_SIZE));
            program_must_read(&nodes[i], skip, len, at[i], SIZE);
            at[i] += len;
        }
        put(&nodes[0]);
        put(&nodes[1]);
        s.order = FAKE_FIRST;
        for (unsigned i = 0; i < 3; i++) {
            settle();
            fake_beat(1);
            later_run();
        }
        assert_true(mem_free_count() == free_before || requests() > slots || round < 3);
    }
    end_program();
}

/* ---- cache=none: whatever the program can have heard of is there ---- */

static void heard_by_asking(struct node *node)
{
    (void)node;
    assert_int_equal(op_getattr(), 0);
}

static void heard_from_the_file(struct node *node)
{
    struct attr attr;
    assert_int_equal(fs->ops->getattr(node, &attr), 0);
}

static void heard_from_a_device(struct node *node)
{
    (void)node;
    vfs_heard++;
}

static void time_went_by(struct node *node)
{
    (void)node;
    fake_beat(2);
}

static void a_clock_was_looked_at(struct node *node)
{
    u64 step = fake_cycles_step;
    (void)node;
    fake_cycles_step = 1 << 23;
    vfs_tell_time();
    fake_cycles_step = step;
}

static void heard_from_another_file(struct node *node)
{
    (void)node;
    struct node other = must_open("big");
    read_at(&other, bytes, 4096, 0);
    put(&other);
}

static void heard_from_another_files_window(struct node *node)
{
    (void)node;
    struct node other = must_open("big");
    for (u64 at = 0; at < 16 * 4096; at += 4096)
        read_at(&other, bytes, 4096, at);
    put(&other);
}

static void heard_from_the_file_elsewhere(struct node *node)
{
    read_at(node, bytes, 4096, 3 * MIB);
}

static void none_uses_nothing_older_than_what_was_heard(void **state)
{
    (void)state;
    static void (*const ways[])(struct node *) = {heard_by_asking,
                                                  heard_from_the_file,
                                                  heard_from_a_device,
                                                  time_went_by,
                                                  a_clock_was_looked_at,
                                                  heard_from_another_file,
                                                  heard_from_another_files_window,
                                                  heard_from_the_file_elsewhere};
    for (size_t way = 0; way < ARRAY_LEN(ways); way++)
        for (unsigned blocks = 2; blocks < 80; blocks += 7) {
            host_writes(0, SIZE);
            struct node node = must_open("data");
            u64 at = read_on(&node, 0, blocks);
            host_writes(1, SIZE);
            ways[way](&node);
            must_read(&node, 1, 4096, at);
            must_read(&node, 1, 4096, 0);
            must_read(&node, 1, 64 * KIB, at + 4096);
            host_writes(0, SIZE);
            put(&node);
        }
}

/* Who asks about something else between two reads has nothing from windows: after a few in vain none are sent. */
static void none_does_not_go_on_in_vain(void **state)
{
    (void)state;
    struct node node = must_open("data");
    for (u64 at = 0; at < SIZE; at += 4096) {
        must_read(&node, 0, 4096, at);
        assert_int_equal(op_getattr(), 0);
    }
    assert_int_equal(reads(), SIZE / 4096); /* a window goes out with a read, or it is never used */
    assert_in_range(s.most_in_flight, 1, 2);
    put(&node);
}

static void two_files_beside_each_other(void **state)
{
    (void)state;
    for (u8 mode = CACHE_NONE; mode <= CACHE_LOOSE; mode++) {
        fs->cache = mode;
        struct node one = must_open("data"), two = must_open("data");
        unsigned before = reads();
        for (u64 at = 0; at < SIZE; at += 4096) {
            must_read(&one, 0, 4096, at);
            must_read(&two, 0, 4096, at);
        }
        assert_in_range(reads() - before, 2, mode == CACHE_NONE ? 2 * SIZE / 4096 : 20);
        put(&one);
        put(&two);
    }
}

/* ---- cache=readahead: from open to close ---- */

static void readahead_keeps_windows_until_close(void **state)
{
    (void)state;
    fs->cache = CACHE_READAHEAD;
    struct node node = must_open("data");
    u64 at = read_on(&node, 0, 8);
    host_writes(1, SIZE);
    assert_int_equal(op_getattr(), 0);
    fake_beat(1);
    unsigned before = reads();
    read_on(&node, at, 8);
    assert_int_equal(reads(), before);
    put(&node);
    node = must_open("data");
    for (u64 i = 0; i < 50; i++)
        must_read(&node, 1, 4096, i * 4096);
    put(&node);
}

static void its_windows_go_when_nobody_reads_on(void **state)
{
    (void)state;
    fs->cache = CACHE_READAHEAD;
    struct node node = must_open("data");
    free_before = mem_free_count();
    read_on(&node, 0, 2);
    assert_in_range(mem_free_count(), 0, free_before - 32);
    later_run();
    fake_beat(20);
    later_run();
    assert_in_range(mem_free_count(), free_before - 4, free_before);
    read_on(&node, 8192, 50);
    put(&node);
}

/* ---- what the guest itself does is seen in each mode ---- */

static struct node reader, writer; /* of the same file */
static u64 place;                  /* that is read next */

static s64 read_place(void)
{
    memset(bytes, 0xee, 4096);
    return read_at(&reader, bytes, 4096, place);
}

static void written(struct node *by)
{
    assert_int_equal(write_at(by, "new", 3, place), 3);
    assert_int_equal(read_place(), 4096);
    assert_memory_equal(bytes, "new", 3);
    assert_true(version_byte(0, place + 3) == bytes[3]);
}

static void by_another_descriptor(void)
{
    written(&writer);
}

static void by_the_same(void)
{
    written(&reader);
}

static void by_another_name(void)
{
    struct fake_file *name = fake_file(top, "name", S_IFREG | 0644, NULL, 0);
    name->ino = data->ino; /* on a host both would be one file; here it is enough that it could be */
    struct node other = must_open_with("name", O_WRONLY);
    assert_int_equal(write_at(&other, "x", 1, 0), 1);
    content[place] = 77;
    assert_int_equal(read_place(), 4096);
    assert_int_equal(bytes[0], 77);
    put(&other);
    name->name = "gone";
}

static void cut_by_name(void)
{
    struct attr_change cut = {.valid = CHANGE_SIZE, .size = place + 5};
    struct node name = must_walk("data");
    assert_int_equal(fs->ops->setattr(&name, &cut), 0);
    assert_int_equal(read_place(), 5);
    put(&name);
}

static void cut_by_opening_it(void)
{
    struct node again = must_open_with("data", O_RDWR | O_TRUNC);
    assert_int_equal(read_place(), 0);
    place = 0;
    assert_int_equal(read_place(), 0);
    put(&again);
}

static void own_changes_are_seen(void **state)
{
    (void)state;
    static void (*const changes[])(void) = {by_another_descriptor, by_the_same, by_another_name, cut_by_name,
                                            cut_by_opening_it};
    for (u8 mode = CACHE_NONE; mode <= CACHE_LOOSE; mode++)
        for (size_t i = 0; i < ARRAY_LEN(changes); i++)
            for (unsigned blocks = 2; blocks < 70; blocks += 9) {
                fs->cache = mode;
                host_writes(0, SIZE);
                reader = must_open_with("data", O_RDWR);
                writer = must_open_with("data", O_RDWR);
                place = read_on(&reader, 0, blocks);
                changes[i]();
                put(&writer);
                put(&reader);
            }
}

/* ---- sizes ---- */

static void the_end_is_where_the_server_says(void **state)
{
    (void)state;
    for (u8 mode = CACHE_NONE; mode <= CACHE_LOOSE; mode++) {
        fs->cache = mode;
        host_writes(0, 100000);
        struct node node = must_open("data");
        u64 at = read_on(&node, 0, 24);
        host_writes(0, 300000); /* it grows */
        assert_int_equal(read_at(&node, bytes, 4096, at), 4096);
        assert_version(0, 4096, at);
        for (s64 got = 4096; got > 0; at += (u64)got) {
            got = read_at(&node, bytes, 4096, at);
            assert_version(0, (u64)MAX(got, 0), at);
        }
        assert_int_equal(at, 300000);
        put(&node);
        host_writes(0, SIZE);
        node = must_open("data");
        at = read_on(&node, 0, 3);
        host_writes(0, at + 100); /* it is cut, maybe below a window that is there */
        for (s64 got = 1; got > 0; at += (u64)got) {
            got = read_at(&node, bytes, 4096, at);
            assert_true(got >= 0);
            assert_version(0, (u64)got, at);
        }
        put(&node);
    }
}

/* ---- a server that lies, or fails ---- */

LIE(only_windows) /* an error for all that asks for more than a page */
{
    if (s.last_read_count > 4096)
        lie_error(server, req, r);
}

LIE(every_third_is_short)
{
    static unsigned n;
    if (++n % 3 == 0 && r->written > 2000 + 11) {
        struct wire w = wire_over(r->bytes + 7, 4);
        r->len = r->written = 2000 + 11;
        set_size(r, r->written);
        wire_put32(&w, 2000);
    }
}

LIE(a_window_of_too_much)
{
    if (s.last_read_count <= 4096)
        return;
    lie_u32(server, req, r);
    s.mangle = NULL;
}

static void bad_answers_to_windows_are_not_the_programs(void **state)
{
    (void)state;
    static const struct {
        mangle_fn mangle;
        u64 arg;
    } rows[] = {{only_windows, EIO}, {every_third_is_short, 0}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        for (enum fake_order order = FAKE_FIRST; order <= FAKE_ALL; order++) {
            struct node node = must_open("data");
            lie(P9_TREAD, rows[i].mangle, rows[i].arg);
            s.order = order;
            u64 at = 0;
            for (s64 got; at < MIB; at += (u64)got) {
                got = read_at(&node, bytes, 4096, at);
                if (got == -EIO) /* it came with the program's own bytes */
                    got = 0, s.mangle = NULL;
                assert_version(0, (u64)got, at);
            }
            s.mangle = NULL;
            put(&node);
        }
}

/* Counts beyond what was asked: the window is nobody's, and whoever comes to its place asks himself. */
static void case_p24_counts_of_windows_that_are_too_big(void **state)
{
    (void)state;
    static const u32 counts[] = {128 * KIB + 4097, MIB + 1, 0x7fffffff, 0xffffffff};
    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        struct node node = must_open("data");
        u64 at = read_on(&node, 0, 2);
        lie(P9_TREAD, a_window_of_too_much, AT(7, counts[i]));
        at = read_on(&node, at, 40);
        put(&node);
        s.mangle = NULL;
    }
}

static void answers_that_are_late_or_never_used(void **state)
{
    (void)state;
    fs->cache = CACHE_READAHEAD;
    for (unsigned round = 0; round < 2; round++) {
        free_before = mem_free_count();
        for (unsigned i = 0; i < 40; i++) {
            struct node node = must_open("data");
            s.order = FAKE_LAST;
            read_on(&node, i * 8192, 3); /* the second window is on its way */
            if (i % 2)
                must_read(&node, 0, 4096, 3 * MIB);
            put(&node);
        }
        for (unsigned i = 0; i < 3; i++) {
            settle();
            fake_beat(1);
            later_run();
        }
    }
    assert_int_equal(mem_free_count(), free_before);
}

/* Each file that is closed leaves messages whose answers the server keeps back; who asks for something else has room for that all the same. */
static void answers_that_are_kept_back_leave_room(void **state)
{
    (void)state;
    make_client();
    s.msize_max = 8192;
    assert_int_equal(fs->ops->attach(fs, &root), 0);
    data = fake_file(top, "data", S_IFREG | 0644, NULL, 0);
    host_writes(0, SIZE);
    fs->cache = CACHE_READAHEAD;
    s.order = FAKE_LAST;
    for (unsigned i = 0; i < 300; i++) {
        struct node node = must_open("data");
        read_on(&node, 0, 4);
        put(&node);
    }
    unsigned kept = 0;
    for (unsigned i = 0; i < s.npending; i++)
        kept += s.pending[i].req->type == P9_TREAD;
    assert_in_range(kept, 8, P9_REQUESTS / 2);
    s.order = FAKE_ALL; /* now they come, with nobody who waits for them */
    settle();
    fake_beat(1);
    later_run();
    assert_int_equal(client->in_flight, 0);
}

static void the_link_dies(void **state)
{
    (void)state;
    for (u8 mode = CACHE_NONE; mode <= CACHE_LOOSE; mode++)
        for (unsigned after = 0; after < 12; after++) {
            struct node node = must_open("data");
            fs->cache = mode;
            s.lives = 1;
            s.die_after = s.log_len + after;
            read_on(&node, 0, 600);
            s.die_after = 0;
            put(&node);
        }
    s.lives = 0;
    struct node node = must_open("data"); /* and for good */
    u64 at = read_on(&node, 0, 600);
    fake_9p_kill(&s);
    s64 got;
    while ((got = read_at(&node, bytes, 4096, at)) > 0)
        at += (u64)got;
    assert_int_equal(got, -EIO);
    put(&node);
    later_run();
}

/* ---- memory ---- */

static void without_memory_it_reads_as_ever(void **state)
{
    (void)state;
    static u64 taken[FAKE_RAM_SIZE / PAGE_SIZE];
    struct node node = must_open("data"), other = must_open("data");
    fs->cache = CACHE_READAHEAD;
    read_on(&node, 0, 4);
    read_on(&other, 0, 4);
    size_t n = 0;
    settle();
    while (mem_free_count() > 300)
        if (!(taken[n++] = mem_pages(1, PAGE_SIZE)))
            fail();
    while ((taken[n] = mem_pages(1, PAGE_SIZE)))
        n++;
    u64 at = read_on(&node, 16384, 40); /* the windows were given back */
    assert_int_equal(mem_free_count(), 0);
    while (n)
        mem_pages_free(taken[--n], 1);
    unsigned before = reads();
    read_on(&node, at, 100);
    assert_in_range(reads() - before, 1, 70);
    put(&node);
    put(&other);
}

static void random_readers_and_writers(void **state)
{
    (void)state;
    static char mirror[SIZE];
    srand(77);
    for (u8 mode = CACHE_NONE; mode <= CACHE_LOOSE; mode++) {
        fs->cache = mode;
        host_writes(0, MIB);
        memcpy(mirror, content, MIB);
        struct node nodes[3];
        u64 at[3] = {0}, size = MIB;
        for (unsigned i = 0; i < 3; i++)
            nodes[i] = must_open_with("data", O_RDWR);
        for (unsigned step = 0; step < 6000; step++) {
            unsigned i = (unsigned)rand() % 3, what = (unsigned)rand() % 100;
            s.order = (enum fake_order)(rand() % 4);
            if (what < 4)
                at[i] = (u64)rand() % (size + 5000);
            u64 len = what % 7 ? 4096 : (u64)rand() % 70000;
            if (what > 95) {
                len %= 5000;
                memset(bytes, what + (int)step, len);
                assert_int_equal(write_at(&nodes[i], bytes, len, at[i]), len);
                if (at[i] > size && len)
                    memset(mirror + size, 0, at[i] - size);
                memcpy(mirror + at[i], bytes, len);
                size = len ? MAX(size, at[i] + len) : size;
            } else {
                u64 want = at[i] < size ? MIN(len, size - at[i]) : 0;
                assert_int_equal(read_at(&nodes[i], bytes, len, at[i]), want);
                assert_memory_equal(bytes, mirror + at[i], want);
                len = want;
            }
            at[i] += len;
        }
        for (unsigned i = 0; i < 3; i++)
            put(&nodes[i]);
    }
}

#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_file_read_on_end_takes_few_messages),
        T(whole_pages_are_handed_over),
        T(what_is_behind_the_end_of_a_file_is_not_handed_over),
        T(random_readers_have_their_own_pages),
        T(who_was_read_ahead_of_in_vain_gets_smaller_windows),
        T(in_small_messages_several_are_on_their_way),
        T(a_server_that_gives_little_is_not_asked_for_more),
        T(who_reads_anywhere_pays_nothing),
        T(a_small_file_costs_what_it_did),
        T(none_uses_nothing_older_than_what_was_heard),
        T(none_does_not_go_on_in_vain),
        T(two_files_beside_each_other),
        T(readahead_keeps_windows_until_close),
        T(its_windows_go_when_nobody_reads_on),
        T(own_changes_are_seen),
        T(the_end_is_where_the_server_says),
        T(bad_answers_to_windows_are_not_the_programs),
        T(case_p24_counts_of_windows_that_are_too_big),
        T(answers_that_are_late_or_never_used),
        T(answers_that_are_kept_back_leave_room),
        T(the_link_dies),
        T(without_memory_it_reads_as_ever),
        T(random_readers_and_writers),
        cmocka_unit_test(nothing_but_9p2000l_was_sent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
