/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* proc - tests of a program's memory in kernel/proc.c over fake page tables: what was looked up in them is kept, and must never be what is no longer so. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fake_arch.h"

#include "../../kernel/proc.c"
#include "../../kernel/proc_place.c"

enum { PAGES = 96 };
#define BASE    (1ull << 30)
#define PAGE(i) (BASE + (u64)(i)*PAGE_SIZE)

static struct proc self;
static struct {
    u64 pa;
    int prot;
} table[PAGES]; /* pa 0: nothing is mapped */

/* ---- page tables ---- */

static size_t entry(u64 va)
{
    assert_in_range(va, BASE, PAGE(PAGES) - 1);
    return (va - BASE) / PAGE_SIZE;
}

int arch_space_map(u64 space, u64 va, u64 pa, u64 len, int prot)
{
    (void)space;
    for (u64 done = 0; done < len; done += PAGE_SIZE) {
        size_t i = entry(va + done);
        assert_int_equal(table[i].pa, 0);
        table[i].pa = pa + done;
        table[i].prot = prot;
    }
    return 0;
}

void arch_space_protect(u64 space, u64 va, u64 len, int prot)
{
    (void)space;
    for (u64 done = 0; done < len; done += PAGE_SIZE)
        table[entry(va + done)].prot = prot;
}

void arch_space_unmap(u64 space, u64 va, u64 len, void (*gone)(u64 pa, u64 len))
{
    (void)space;
    for (u64 done = va < BASE ? len : 0; done < len; done += PAGE_SIZE) {
        size_t i = entry(va + done);
        u64 pa = table[i].pa;
        table[i].pa = 0;
        if (pa && gone)
            gone(pa, PAGE_SIZE);
    }
}

static bool has(size_t i, int prot)
{
    return table[i].pa && table[i].prot && (table[i].prot & prot) == prot;
}

u64 arch_space_lookup(u64 space, u64 va, u64 max, int prot, u64 *pa)
{
    size_t i = entry(va);
    u64 got = PAGE_SIZE - va % PAGE_SIZE;
    (void)space;
    if (!has(i, prot))
        return 0;
    *pa = table[i].pa + va % PAGE_SIZE;
    for (; got < max && i + 1 < PAGES && has(i + 1, prot) && table[i + 1].pa == table[i].pa + PAGE_SIZE; i++)
        got += PAGE_SIZE;
    return MIN(got, max);
}

u64 arch_space_swap(u64 space, u64 va, u64 len, u64 from, u64 to)
{
    u64 done = 0;
    (void)space;
    for (; done < len && has(entry(va + done), PROT_WRITE) && table[entry(va + done)].pa == from + done;
         done += PAGE_SIZE)
        table[entry(va + done)].pa = to + done;
    return done;
}

/* ---- tests ---- */

/* What a file lies in: pages that are nobody's to write, or to give back. */
enum { FILE_PAGES = 8 };
static u8 *file_pages;
static u64 free_pages;

static int start(void **state)
{
    (void)state;
    fake_reset();
    file_pages = mem_virt(mem_pages(FILE_PAGES, PAGE_SIZE));
    for (u64 at = 0; at < FILE_PAGES * PAGE_SIZE; at++)
        file_pages[at] = (u8)('a' + at / PAGE_SIZE);
    self = (struct proc){.map_top = PAGE(PAGES), .name = "test"};
    proc_current = &self;
    mem_delete(mem_new(sizeof(struct region)), sizeof(struct region));
    free_pages = mem_free_count();
    self = (struct proc){.map_top = PAGE(PAGES), .name = "test"};
    proc_current = &self;
    /* What is below is taken. */
    return proc_map(ARCH_USER_MIN, BASE - ARCH_USER_MIN, PROT_READ | REGION_CONST | REGION_BEHIND);
}

static int end(void **state)
{
    (void)state;
    assert_int_equal(proc_unmap(ARCH_USER_MIN, PAGE(PAGES) - ARCH_USER_MIN), 0);
    assert_int_equal(self.pages, 0);
    assert_int_equal(mem_free_count(), free_pages);
    mem_pages_free(mem_phys(file_pages), FILE_PAGES);
    return 0;
}

/* Each byte that the kernel would use is one that the tables give the program now, with that right. */
static void assert_true_spans(u64 va, u64 len, int prot)
{
    struct span spans[PAGES];
    u64 covered, at = va;
    unsigned n = proc_spans(va, len, prot, spans, PAGES, &covered);
    for (unsigned i = 0; i < n; i++)
        for (u64 done = 0, part; done < spans[i].len; done += part, at += part) {
            part = MIN(PAGE_SIZE - at % PAGE_SIZE, spans[i].len - done);
            assert_true(has(entry(at), prot));
            assert_int_equal(table[entry(at)].pa + at % PAGE_SIZE, spans[i].pa + done);
        }
    assert_int_equal(at - va, covered);
    assert_true(covered == len || !region_at(va + covered) || !(region_at(va + covered)->prot & prot) ||
                (region_at(va + covered)->prot & REGION_BEHIND));
}

/* Pages go to the program in the place of its own, which are its own no more; of those that are not its own, or not at that place, none. */
static void change_pages(u64 va, u64 len)
{
    struct span mine;
    u64 covered;
    unsigned n = proc_spans(va, len, PROT_WRITE, &mine, 1, &covered);
    len = n ? covered : len;
    u64 pa = mem_pages(len / PAGE_SIZE, PAGE_SIZE), wrong = n ? PAGE_SIZE : 0;
    assert_int_equal(proc_swap(va, n ? mine.pa + wrong : pa, pa, len), 0);
    u64 done = n ? proc_swap(va, mine.pa, pa, len) : 0;
    assert_int_equal(done, n ? len : 0);
    for (u64 at = 0; at < done; at += PAGE_SIZE)
        assert_int_equal(table[entry(va + at)].pa, pa + at);
    mem_pages_free(done ? mine.pa : pa, len / PAGE_SIZE);
}

static void lend(u64 va, u64 len, int prot)
{
    assert_int_equal(proc_map(va, len, prot | REGION_FILE | REGION_LENT), 0);
    assert_int_equal(arch_space_map(self.space, va, mem_phys(file_pages), len, prot), 0);
}

/* All that the program may write is its own, and what is not its own is the file still. */
static void check_lent(void)
{
    for (unsigned i = 0; i < PAGES; i++) {
        bool lent = table[i].pa && (region_at(PAGE(i))->prot & REGION_LENT);
        assert_int_equal(table[i].pa - mem_phys(file_pages) < FILE_PAGES * PAGE_SIZE, lent);
        if (has(i, PROT_WRITE))
            *(u8 *)mem_virt(table[i].pa) = 'w';
    }
    for (u64 at = 0; at < FILE_PAGES * PAGE_SIZE; at += PAGE_SIZE)
        assert_int_equal(file_pages[at], 'a' + at / PAGE_SIZE);
}

static void change(unsigned what, u64 va, u64 len)
{
    static const int rights[] = {0, PROT_READ, PROT_READ | PROT_WRITE, PROT_READ | PROT_EXEC};
    if (what == 0)
        assert_int_equal(proc_unmap(va, len), 0);
    else if (what == 1)
        assert_int_equal(proc_map(va, len, rights[rand() % 4] | (rand() % 8 ? 0 : REGION_BEHIND)), 0);
    else if (what == 2)
        proc_protect(va, len, rights[rand() % 4]);
    else if (what == 3)
        proc_discard(va, len);
    else if (what == 4)
        change_pages(va, len);
    else if (what == 5)
        lend(va, len, rights[rand() % 2 ? 1 : 3]);
    else
        proc_grow(va, len, len + PAGE_SIZE * (1 + (u64)rand() % 4), true);
}

static void test_what_is_kept_of_page_tables_is_what_stands_there(void **state)
{
    (void)state;
    srand(5);
    for (unsigned step = 0; step < 200000; step++) {
        unsigned first = (unsigned)rand() % (PAGES - 12), n = 1 + (unsigned)rand() % 8, what = (unsigned)rand() % 21;
        if (what < 7)
            change(what, PAGE(first), n * PAGE_SIZE);
        else
            assert_true_spans(PAGE(first) + (u64)rand() % PAGE_SIZE, 1 + (u64)rand() % (n * PAGE_SIZE),
                              what % 2 ? PROT_READ : PROT_WRITE);
        if (step % 16 == 0)
            check_lent();
    }
}

/* A program may unmap something as often as it likes: some billion times take minutes. */
static void test_no_number_of_changes_brings_back_what_is_gone(void **state)
{
    struct span span;
    u64 covered;
    (void)state;
    for (u32 more = 1; more < 4; more++) {
        losses = 5;
        assert_int_equal(proc_map(BASE, PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
        assert_int_equal(proc_spans(BASE, 1, PROT_WRITE, &span, 1, &covered), 1);
        assert_int_equal(proc_unmap(BASE, PAGE_SIZE), 0);
        losses = UINT32_MAX - more; /* after as many others */
        for (unsigned i = 0; i < 20; i++) {
            assert_int_equal(proc_unmap(PAGE(5), PAGE_SIZE), 0);
            assert_int_equal(proc_spans(BASE, 1, PROT_WRITE, &span, 1, &covered), 0);
        }
    }
}

/* A program that may write to pages of the file gets its own, with the same bytes; the rest of the region stays as it is. */
static void test_lent_pages_that_may_be_written_are_copied(void **state)
{
    (void)state;
    lend(BASE, FILE_PAGES * PAGE_SIZE, PROT_READ | PROT_EXEC);
    assert_int_equal(self.pages, 0);
    assert_int_equal(proc_protect(PAGE(2), 3 * PAGE_SIZE, 0), 0);
    assert_int_equal(proc_protect(PAGE(1), 3 * PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
    assert_int_equal(self.pages, 3);
    for (unsigned i = 0; i < FILE_PAGES; i++) {
        u8 *page = mem_virt(table[i].pa);
        assert_int_equal(page[0], 'a' + i);
        assert_int_equal(page[PAGE_SIZE - 1], 'a' + i);
        assert_int_equal(page == file_pages + i * PAGE_SIZE, i == 0 || i > 3);
        assert_int_equal(table[i].prot, i == 4 ? 0 : i && i < 4 ? PROT_READ | PROT_WRITE : PROT_READ | PROT_EXEC);
    }
    check_lent();
}

/* Else it may not, and has what it had. */
static void test_lent_pages_are_not_written_for_want_of_memory(void **state)
{
    (void)state;
    lend(BASE, FILE_PAGES * PAGE_SIZE, PROT_READ);
    u64 left = mem_free_count(), all = mem_pages(left, PAGE_SIZE);
    assert_true(all);
    mem_pages_free(all, FILE_PAGES - 1);
    assert_int_equal(proc_protect(BASE, FILE_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE), -ENOMEM);
    check_lent();
    assert_true(has(0, PROT_READ) && !has(0, PROT_WRITE));
    mem_pages_free(all + (FILE_PAGES - 1) * PAGE_SIZE, left - (FILE_PAGES - 1));
    assert_int_equal(proc_protect(BASE, FILE_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE), 0);
}

/* ---- pieces of a file ---- */

enum { FILE_SIZE = 20 * PAGE_SIZE, PIECES = 5 };
static u8 content[FILE_SIZE + PAGE_SIZE];
static u64 file_size, reads;

static s64 read_content(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    (void)node;
    reads++;
    return (s64)mem_to_spans(spans, n, 0, content + offset, MIN(mem_span_total(spans, n), file_size - offset));
}

/* Ascending in memory, and anyhow in the file. */
static unsigned make_pieces(struct proc_piece *pieces)
{
    unsigned n = 1 + (unsigned)rand() % PIECES;
    u64 va = BASE;
    for (unsigned i = 0; i < n; i++) {
        struct proc_piece *p = &pieces[i];
        *p = (struct proc_piece){.va = va + (u64)(rand() % 2 ? 0 : rand() % (int)PAGE_SIZE)};
        p->prot = PROT_READ | (rand() % 2 ? PROT_WRITE : rand() % 2 ? PROT_EXEC : 0);
        p->file_offset = p->va % PAGE_SIZE + (u64)(rand() % 18) * PAGE_SIZE;
        if (i && rand() % 2) /* on from the last one, as linkers lay them */
            p->file_offset = p->va % PAGE_SIZE + ALIGN_DOWN(p[-1].file_offset + p[-1].file_size, PAGE_SIZE);
        if (p->file_offset < file_size)
            p->file_size = (u64)rand() % MIN(file_size - p->file_offset + 1, 6 * PAGE_SIZE);
        p->mem_size = p->file_size + (u64)(p->file_size && rand() % 2 ? 0 : rand() % (int)(3 * PAGE_SIZE) + 1);
        if (!p->file_size)
            p->file_offset = p->va % PAGE_SIZE;
        va = ALIGN_UP(p->va + p->mem_size, PAGE_SIZE);
    }
    return n;
}

static u8 byte_at(u64 va)
{
    u8 byte;
    assert_int_equal(proc_copy_in(&byte, va, 1), 0);
    return byte;
}

static void check_piece(const struct proc_piece *p, bool lent)
{
    u64 start = ALIGN_DOWN(p->va, PAGE_SIZE), end = ALIGN_UP(p->va + p->mem_size, PAGE_SIZE);
    for (u64 va = start; va < end; va++) {
        u64 in = va - p->va;
        if (in < p->file_size)
            assert_int_equal(byte_at(va), content[p->file_offset + in]);
        else if (!lent)
            assert_int_equal(byte_at(va), 0);
        if (va % PAGE_SIZE == 0 && table[entry(va)].pa)
            assert_int_equal(table[entry(va)].prot, p->prot);
    }
}

/* By whatever way a file comes, the program has its pieces, with nothing beside them but zeroes, or of the file itself, which nobody writes. */
static void test_pieces_of_a_file_come_to_their_places(void **state)
{
    static const struct fs_ops ops = {.read = read_content};
    struct fs fs = {.ops = &ops};
    struct file file = {.node.fs = &fs};
    struct proc_piece pieces[PIECES];
    (void)state;
    srand(6);
    for (size_t i = 0; i < sizeof content; i++)
        content[i] = (u8)(1 + rand() % 255);
    for (unsigned round = 0; round < 600; round++) {
        unsigned how = round % 4; /* read, our own, where it is, on no page's begin */
        file_size = 1 + (u64)rand() % FILE_SIZE;
        unsigned n = make_pieces(pieces);
        u64 before = mem_free_count(), pages = ALIGN_UP(file_size, PAGE_SIZE) / PAGE_SIZE, pa = 0, skew = how == 3;
        if (how) {
            pa = mem_pages(pages + skew, PAGE_SIZE);
            memcpy((u8 *)mem_virt(pa) + skew, content, file_size);
            memset((u8 *)mem_virt(pa) + skew + file_size, how == 1 ? 0 : 'x', pages * PAGE_SIZE - file_size);
        }
        struct proc_bytes bytes = {pa + skew, file_size, how == 1 ? pages : 0};
        reads = 0;
        assert_int_equal(proc_place(&file, &bytes, pieces, n), 0);
        assert_true(how ? !reads : reads <= n);
        for (unsigned i = 0; i < n; i++)
            check_piece(&pieces[i], how == 2);
        for (unsigned i = 0; i < PAGES; i++)
            if (table[i].pa && (table[i].prot & PROT_WRITE))
                memset(mem_virt(table[i].pa), 'w', PAGE_SIZE);
        if (how > 1)
            assert_memory_equal((u8 *)mem_virt(pa) + skew, content, file_size);
        assert_int_equal(proc_unmap(BASE, PAGES * PAGE_SIZE), 0);
        assert_int_equal(self.pages, 0);
        if (how > 1)
            mem_pages_free(pa, pages + skew);
        assert_int_equal(mem_free_count(), before);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_what_is_kept_of_page_tables_is_what_stands_there, start, end),
        cmocka_unit_test_setup_teardown(test_lent_pages_that_may_be_written_are_copied, start, end),
        cmocka_unit_test_setup_teardown(test_lent_pages_are_not_written_for_want_of_memory, start, end),
        cmocka_unit_test_setup_teardown(test_pieces_of_a_file_come_to_their_places, start, end),
        cmocka_unit_test_setup_teardown(test_no_number_of_changes_brings_back_what_is_gone, start, end),
    };
    return cmocka_run_group_tests_name("proc", tests, NULL, NULL);
}
