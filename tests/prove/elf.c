/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* elf - the first bytes of a program file: any header, any program headers, anywhere.
 *
 * flags headers: -eva-slevel 30
 * flags many: -eva-slevel-function read_segments:100
 * plant header: kernel/elf.c: len < sizeof *h -> len < sizeof *h - 1
 * plant headers: kernel/elf.c: > len - le64_get(h->phoff)) -> > len - le64_get(h->phoff) + 1)
 * plant many: kernel/elf.c: out->nsegments == ELF_SEGMENTS -> out->nsegments == ELF_SEGMENTS + 1
 */
#include "kernel/elf.c"

/* Everything unknown in a file that ends before, at or a little behind the header's end. */
void prove_header(void)
{
    static u8 bytes[72];
    for (size_t len = 0; len <= 63; len++) {
        struct elf_image out;
        const char *why;
        any_bytes(bytes, sizeof bytes);
        must(elf_parse(bytes + sizeof bytes - len, len, any_u64(), &out, &why) < 0);
    }
}

/* With room for a program header and a bit: each place where they may be said to stand, each number of them. */
enum { ROOM = 64 + 56 + 15 };
static u8 room[ROOM] __attribute__((aligned(16)));

static void parse(u64 least_off, u64 most_off, u64 least_n, u64 most_n)
{
    struct elf_image out;
    const char *why;
    struct ehdr *h = (struct ehdr *)room;
    any_bytes(room, sizeof room);
    h->phoff = to_le64(any(least_off, most_off));
    h->phnum = to_le16((u16)any(least_n, most_n));
    if (elf_parse(room, sizeof room, any_u64(), &out, &why) == 0)
        must(out.nsegments <= 2);
}

void prove_headers(void)
{
    for (u64 off = 0; off <= ROOM; off++)
        for (u64 n = 0; n <= 3; n++)
            parse(off, off, n, n < 3 ? n : 0xffff);
    parse(ROOM + 1, ~0ull, 0, 0xffff);
}

/* More segments than there is room for in the description. */
void prove_many(void)
{
    static u8 bytes[64 + 18 * 56] __attribute__((aligned(16)));
    struct elf_image *out = calloc(1, sizeof *out);
    const char *why;
    struct ehdr *h = (struct ehdr *)bytes;
    if (!out)
        return;
    any_bytes(bytes, sizeof bytes);
    h->phoff = to_le64(64);
    h->phnum = to_le16(18);
    elf_parse(bytes, sizeof bytes, any_u64(), out, &why);
}
