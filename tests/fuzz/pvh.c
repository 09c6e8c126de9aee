/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pvh - start information, and all that it leads to, of any bytes in the first 64 KiB that it reaches; then the memory map as the kernel takes it. */
#include <setjmp.h>
#include <stdlib.h>

#include "../../boot/pvh.c"
#include "cmdline.h"
#include "fake_arch.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

/* An image of two pages, the second one .bss. */
__asm__(".data\n"
        ".balign 4096\n"
        ".globl image_start, bss_start, image_end\n"
        "image_start: .zero 4096\n"
        "bss_start: .zero 4096\n"
        "image_end: .text\n");

static jmp_buf entered;
static struct boot got;

void kmain(const struct boot *boot)
{
    got = *boot;
    longjmp(entered, 1);
}

/* What is left for the kernel is whole pages, in order, and none of what it must keep. */
static void check_map(void)
{
    static struct span out[BOOT_RANGES];
    size_t n = mem_map_clean(&got, got.kernel_pa, 0x30000, out, ARRAY_LEN(out));
    u64 end = 0;
    for (size_t i = 0; i < n; i++) {
        const struct span *s = &out[i];
        if (!s->len || (s->pa | s->len) % PAGE_SIZE || s->pa < end || s->pa > arch_physical_limit() ||
            s->len > arch_physical_limit() - s->pa)
            abort();
        if (s->pa < got.kernel_pa + 0x30000 && got.kernel_pa < s->pa + s->len)
            abort();
        end = s->pa + s->len;
    }
}

static void check_cmdline(void)
{
    static struct cmdline c;
    static char text[CMDLINE_MAX + 1];
    if (got.cmdline.len >= CMDLINE_MAX)
        abort();
    memcpy(text, mem_virt(got.cmdline.pa), got.cmdline.len);
    cmdline_parse(&c, text, got.cmdline.len);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    u8 *base = mem_virt(FAKE_FIRMWARE);
    struct start_info *info = (struct start_info *)base;
    fake_reset();
    memcpy(base, data, MIN(len, (size_t)65536));
    /* Addresses are offsets in what is there, or in what is not. */
    info->magic = info->magic & 0xff ? START_MAGIC : 0;
    u64 *const leads[] = {&info->modlist_paddr, &info->cmdline_paddr, &info->memmap_paddr};
    for (unsigned i = 0; i < ARRAY_LEN(leads); i++)
        *leads[i] = *leads[i] >> 62 ? FAKE_FIRMWARE + (*leads[i] & 0xfff) : *leads[i] | REACH;
    if (setjmp(entered) == 0)
        pvh_main(FAKE_FIRMWARE);
    if (got.nranges > BOOT_RANGES)
        abort();
    check_map();
    if (got.cmdline.len)
        check_cmdline();
    return 0;
}
