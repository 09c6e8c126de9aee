/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* elf - one good program, and every way in which a bad one is refused by name (cases L1-L25). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "elf.h"
#include "arch.h"

/* The host's <elf.h> would do, but a file of ours has its name. */
typedef struct {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
} ehdr;

typedef struct {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
} phdr;

enum { TEXT, DATA, EXTRA, PHDRS };
enum { FILE_SIZE = 0x3000 };

static struct {
    ehdr e;
    phdr p[PHDRS];
} good, f;

static struct elf_image image;
static const char *why;

static int start(void **state)
{
    (void)state;
    good.e = (ehdr){.ident = "\x7f"
                             "ELF\2\1\1",
                    .type = 2,
                    .machine = 62,
                    .version = 1,
                    .entry = 0x401010,
                    .phoff = 64,
                    .ehsize = 64,
                    .phentsize = 56,
                    .phnum = PHDRS};
    good.p[TEXT] = (phdr){1, 5, 0, 0x401000, 0x401000, 0x1800, 0x1800, 4096};
    good.p[DATA] = (phdr){1, 6, 0x2000, 0x404000, 0x404000, 0x100, 0x2345, 4096};
    good.p[EXTRA] = (phdr){0x6474e551, 6, 0, 0, 0, 0, 0, 16}; /* GNU_STACK */
    f = good;
    return 0;
}

/* The bytes stand at the end of an allocation of their own, so that a read beyond them is caught. */
static int parse_bytes(const void *bytes, size_t len, u64 file_size)
{
    void *copy = aligned_alloc(8, (len + 7) / 8 * 8 + 8);
    memcpy(copy, bytes, len);
    int result = elf_parse(copy, len, file_size, &image, &why);
    free(copy);
    return result;
}

static int parse(void)
{
    return parse_bytes(&f, sizeof f, FILE_SIZE);
}

static void refused(const char *part)
{
    assert_int_equal(parse(), -ENOEXEC);
    assert_non_null(why);
    if (!strstr(why, part))
        fail_msg("refused for \"%s\", not for \"%s\"", why, part);
    f = good;
}

static void good_program(void **state)
{
    (void)state;
    assert_int_equal(parse(), 0);
    assert_null(why);
    assert_int_equal(image.entry, 0x401010);
    assert_false(image.pie);
    assert_int_equal(image.nsegments, 2);
    assert_int_equal(image.low, 0x401000);
    assert_int_equal(image.high, 0x407000);
    assert_int_equal(image.phdr_va, 0x401040);
    assert_int_equal(image.segments[TEXT].prot, PROT_READ | PROT_EXEC);
    assert_int_equal(image.segments[DATA].prot, PROT_READ | PROT_WRITE);
    assert_int_equal(image.segments[DATA].mem_size, 0x2345);
}

/* Segments side by side, a page each: as many as fit, and one more. */
static void as_many_segments_as_fit(void **state)
{
    (void)state;
    static struct {
        ehdr e;
        phdr p[ELF_SEGMENTS + 1];
    } many;
    many.e = good.e;
    for (unsigned i = 0; i <= ELF_SEGMENTS; i++)
        many.p[i] = (phdr){1, 5, 0, 0x401000 + i * 0x1000, 0, 0x1000, 0x1000, 4096};
    many.e.phnum = ELF_SEGMENTS;
    assert_int_equal(parse_bytes(&many, sizeof many, FILE_SIZE), 0);
    assert_int_equal(image.nsegments, ELF_SEGMENTS);
    many.e.phnum = ELF_SEGMENTS + 1;
    assert_int_equal(parse_bytes(&many, sizeof many, FILE_SIZE), -ENOEXEC);
    assert_non_null(strstr(why, "too many segments"));
}

static void static_pie(void **state)
{
    (void)state;
    f.e.type = 3;
    f.e.entry = 0x10;
    f.p[TEXT].vaddr = 0;
    f.p[DATA].vaddr = 0x3000;
    assert_int_equal(parse(), 0);
    assert_true(image.pie);
    assert_int_equal(image.low, 0);
}

static void case_l1_l2_l3_l4_not_elf(void **state)
{
    (void)state;
    assert_int_equal(parse_bytes("", 0, 0), -ENOEXEC);
    assert_int_equal(parse_bytes("#", 1, 1), -ENOEXEC);
    assert_int_equal(parse_bytes(&f, 40, 40), -ENOEXEC);
    assert_string_equal(why, "not an ELF file; name a static x86-64 program");
    assert_int_equal(parse_bytes("#!/bin/sh\n", 10, 10), -ENOEXEC);
    assert_string_equal(why, "a script, not an ELF file; name its interpreter, a static program, and then the script");
    f.e.ident[1] = 'F';
    refused("not an ELF file");
}

static void case_l5_l6_l7_class_order_version_machine(void **state)
{
    (void)state;
    f.e.ident[4] = 1;
    refused("32-bit");
    f.e.ident[5] = 2;
    refused("another machine");
    f.e.ident[6] = 9;
    refused("version");
    f.e.version = 99;
    refused("version");
    f.e.machine = 183;
    refused("another machine");
    f.e.type = 1;
    refused("object or core");
    f.e.type = 4;
    refused("object or core");
}

static void case_l8_l20_entry(void **state)
{
    (void)state;
    static const u64 bad[] = {0, 0x400fff, 0x402800, 0x404000, 0x800000000000, 0xffffffff80100000, ~0ull};
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        f.e.entry = bad[i];
        refused("entry point");
    }
}

static void case_l9_l10_l11_l25_program_headers(void **state)
{
    (void)state;
    static const u64 offsets[] = {4000, 1ull << 40, ~0ull, sizeof f};
    for (unsigned i = 0; i < ARRAY_LEN(offsets); i++) {
        f.e.phoff = offsets[i];
        refused("damaged");
    }
    f.e.phoff = 65;
    refused("damaged");
    f.e.phentsize = 0;
    refused("program headers");
    f.e.phentsize = 57;
    refused("program headers");
    f.e.phnum = 0;
    refused("program headers");
    f.e.phnum = 0xffff;
    refused("damaged");
    assert_int_equal(parse_bytes(&f, 64, FILE_SIZE), -ENOEXEC);
}

static void case_l12_l13_l14_sizes(void **state)
{
    (void)state;
    f.p[DATA].filesz = 0x1001;
    refused("cut short");
    f.p[TEXT].offset = ~0ull - 4095;
    refused("cut short");
    f.p[DATA].filesz = 1ull << 62;
    f.p[DATA].memsz = 1ull << 62;
    refused("cut short");
    f.p[DATA].memsz = 0x80;
    refused("more bytes");
    f.p[DATA].memsz = 1ull << 47;
    refused("outside");
    f.p[DATA].memsz = ~0ull;
    refused("outside");
}

static void case_l15_addresses(void **state)
{
    (void)state;
    static const u64 bad[] = {0, 0xffff800000000000, 0xffffffff80100000, ~0xfffull, ARCH_USER_MAX};
    for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
        f.p[DATA].vaddr = bad[i];
        refused("outside");
    }
}

static void case_l16_l17_offsets_and_overlap(void **state)
{
    (void)state;
    f.p[DATA].offset = 0x2001;
    refused("does not fit");
    f.p[DATA].vaddr = 0x402000;
    refused("overlap");
    f.p[DATA].vaddr = 0x300000;
    refused("overlap");
}

static void case_l18_alignment_is_not_believed(void **state)
{
    (void)state;
    f.p[TEXT].align = 3;
    f.p[DATA].align = 1ull << 63;
    assert_int_equal(parse(), 0);
}

static void case_l19_nothing_to_load(void **state)
{
    (void)state;
    f.p[TEXT].type = f.p[DATA].type = 4;
    refused("nothing to load");
    f.p[TEXT].memsz = f.p[TEXT].filesz = f.p[DATA].memsz = f.p[DATA].filesz = 0;
    refused("nothing to load");
}

static void case_l21_writable_and_executable(void **state)
{
    (void)state;
    f.p[DATA].flags = 7;
    refused("writable and executable");
}

static void case_l22_executable_stack_is_ignored(void **state)
{
    (void)state;
    f.p[EXTRA].flags = 7;
    assert_int_equal(parse(), 0);
}

static void case_l23_dynamic(void **state)
{
    (void)state;
    f.p[EXTRA].type = 3;
    refused("dynamic ELF");
}

static void case_l24_thread_local_storage(void **state)
{
    (void)state;
    f.p[EXTRA] = (phdr){7, 4, 0x2000, 0x404000, 0, 16, 32, 1ull << 40};
    refused("thread-local");
    f.p[EXTRA] = (phdr){7, 4, 0x2000, 0x404000, 0, 64, 32, 8};
    refused("thread-local");
    f.p[EXTRA] = (phdr){7, 4, 0x2000, 0x404000, 0, 16, 32, 64};
    assert_int_equal(parse(), 0);
}

/* Whatever the bytes: an answer, and an image whose segments keep their promises. */
static void random_damage_never_gives_a_bad_image(void **state)
{
    (void)state;
    srand(5);
    for (int round = 0; round < 200000; round++) {
        f = good;
        for (int i = 1 + rand() % 4; i > 0; i--)
            ((u8 *)&f)[(size_t)rand() % sizeof f] = (u8)(rand() % 3 ? rand() : rand() % 2 ? 0 : 0xff);
        if (parse() != 0)
            continue;
        u64 end = 0;
        for (unsigned i = 0; i < image.nsegments; i++) {
            const struct elf_segment *s = &image.segments[i];
            assert_true(s->va / 4096 * 4096 >= end && s->mem_size <= ARCH_USER_MAX - s->va);
            assert_true(s->file_size <= s->mem_size && s->file_size <= FILE_SIZE - s->file_offset);
            assert_true((s->prot & (PROT_WRITE | PROT_EXEC)) != (PROT_WRITE | PROT_EXEC));
            end = ALIGN_UP(s->va + s->mem_size, 4096ul);
        }
    }
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup(fn, start)
    const struct CMUnitTest tests[] = {
        T(good_program),
        T(as_many_segments_as_fit),
        T(static_pie),
        T(case_l1_l2_l3_l4_not_elf),
        T(case_l5_l6_l7_class_order_version_machine),
        T(case_l8_l20_entry),
        T(case_l9_l10_l11_l25_program_headers),
        T(case_l12_l13_l14_sizes),
        T(case_l15_addresses),
        T(case_l16_l17_offsets_and_overlap),
        T(case_l18_alignment_is_not_believed),
        T(case_l19_nothing_to_load),
        T(case_l21_writable_and_executable),
        T(case_l22_executable_stack_is_ignored),
        T(case_l23_dynamic),
        T(case_l24_thread_local_storage),
        T(random_damage_never_gives_a_bad_image),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
