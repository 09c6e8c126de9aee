/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* elf - any bytes as a program's first page; eight of them are the size that the file is said to have. */
#include <stdlib.h>

#include "arch.h"
#include "elf.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t len);

static void check(bool good)
{
    if (!good)
        abort();
}

/* What the loader relies on. */
static void check_image(const struct elf_image *image, u64 file_size)
{
    u64 end = image->low;
    check(image->nsegments && image->nsegments <= ELF_SEGMENTS && image->low < image->high);
    for (unsigned i = 0; i < image->nsegments; i++) {
        const struct elf_segment *s = &image->segments[i];
        check(s->mem_size && s->file_size <= s->mem_size && s->va >= end && s->mem_size <= ARCH_USER_MAX - s->va);
        check(s->file_offset <= file_size && s->file_size <= file_size - s->file_offset);
        check(!(s->prot & PROT_WRITE && s->prot & PROT_EXEC));
        end = ALIGN_UP(s->va + s->mem_size, PAGE_SIZE);
    }
    check(end == image->high);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t len)
{
    struct elf_image image;
    const char *why = NULL;
    u64 file_size;
    if (len <= sizeof file_size)
        return 0;
    memcpy(&file_size, data, sizeof file_size);
    len -= sizeof file_size;
    u8 *head = malloc(len); /* nothing behind its last byte */
    memcpy(head, data + sizeof file_size, len);
    if (elf_parse(head, len, file_size, &image, &why) == 0)
        check_image(&image, file_size);
    else
        check(why != NULL && strlen(why) < 200);
    free(head);
    return 0;
}
