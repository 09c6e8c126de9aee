/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* initial - the initial files (cpio newc): unpacked on the host, and handed to the machine where its memory holds them. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/param.h>
#include <sys/stat.h>
#include <unistd.h>
#include "sheepskin.h"

/*
 * An entry, each part padded to 4 bytes:
 *
 *     "070701" 13 fields of 8 hex digits | name, NUL | data
 */
enum { HEADER = 110, F_MODE = 1, F_SIZE = 6, F_NAME = 11 };

#define SMALL (4ull << 20)
/* What QEMU keeps for tables above the initial files. */
#define TABLES (160ull << 10)
/* Less, and OVMF hangs before there is anybody to complain. */
#define EFI_NEED (48ull << 20)

struct archive {
    const char *bytes;
    size_t len, at;
};

struct entry {
    const char *name, *data;
    mode_t mode;
    size_t size;
};

static struct archive map_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    char *bytes = fstat(fd, &st) ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        fatal(STATUS_USAGE, "cannot read %s: %s", path, strerror(errno));
    close(fd);
    return (struct archive){bytes, (size_t)st.st_size, 0};
}

static void unmap(struct archive *a)
{
    munmap((void *)a->bytes, a->len);
}

static unsigned long field(const char *header, unsigned i)
{
    char digits[9] = {0};
    memcpy(digits, header + 6 + 8 * i, 8);
    return strtoul(digits, NULL, 16);
}

/* The next entry; false: there is none. The last is of no type: "TRAILER!!!". */
static bool next(struct archive *a, struct entry *e)
{
    const char *p = a->bytes + a->at;
    if (a->len - a->at < HEADER || memcmp(p, "070701", 6))
        return false;
    size_t data = (a->at + HEADER + field(p, F_NAME) + 3) & ~3ul;
    *e = (struct entry){p + HEADER, a->bytes + data, (mode_t)field(p, F_MODE), field(p, F_SIZE)};
    if (data > a->len || e->size > a->len - data)
        fatal(STATUS_USAGE, "the initial files are damaged; run make");
    a->at = MIN((data + e->size + 3) & ~3ul, a->len);
    return true;
}

/* ---- on the host ---- */

static void put_file(const char *path, const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    if (write(fd, bytes, n) != (ssize_t)n || close(fd))
        fatal(STATUS_USAGE, "cannot write %s: %s; set TMPDIR to a folder with room", path, strerror(errno));
}

void initial_unpack(const char *to)
{
    struct archive a = map_file(library("initfs.cpio"));
    for (struct entry e; next(&a, &e);) {
        char *path = text("%s/%s", to, e.name);
        if (S_ISDIR(e.mode))
            tree_folder(to, e.name);
        else if (S_ISREG(e.mode))
            put_file(path, e.data, e.size);
        chmod(path, e.mode & 07777);
        free(path);
    }
    unmap(&a);
}

bool initial_extract(const char *program, const char *to)
{
    struct archive a = map_file(library("initfs.cpio"));
    bool found = false;
    for (struct entry e; !found && next(&a, &e);) {
        found = !strncmp(e.name, "bin/", 4) && !strcmp(e.name + 4, program);
        if (found)
            put_file(to, e.data, e.size);
    }
    unmap(&a);
    return found;
}

/* ---- in the machine ---- */

static unsigned long long memory_of(const struct request *req)
{
    char *unit;
    unsigned long long n = strtoull(req->memory, &unit, 10);
    return n * (strchr("kK", *unit) && *unit ? 1ull << 10 : strchr("gG", *unit) && *unit ? 1ull << 30 : 1ull << 20);
}

/* The address behind the last byte that the kernel wants, from its program headers. */
static unsigned long long kernel_end(const char *kernel)
{
    struct archive a = map_file(kernel);
    const Elf64_Ehdr *ehdr = (const void *)a.bytes;
    const Elf64_Phdr *phdr = (const void *)(a.bytes + ehdr->e_phoff);
    unsigned long long end = 0;
    if (a.len < sizeof *ehdr || ehdr->e_phoff > a.len || ehdr->e_phnum * sizeof *phdr > a.len - ehdr->e_phoff)
        fatal(STATUS_USAGE, "%s is damaged; run make", kernel);
    for (unsigned i = 0; i < ehdr->e_phnum; i++)
        if (phdr[i].p_type == PT_LOAD)
            end = MAX(end, phdr[i].p_paddr + phdr[i].p_memsz);
    unmap(&a);
    return end;
}

/* Whether a machine of this memory is too small for all of our programs, so that it gets the one that it runs by a share, and no initial files. */
bool initial_small(const struct request *req)
{
    return strcmp(req->boot, "efi") && memory_of(req) < SMALL;
}

char *initial_files(const struct request *req, const char *kernel)
{
    char *files = NULL;
    unsigned long long has = memory_of(req), need = EFI_NEED;
    struct stat st;
    if (strcmp(req->boot, "efi")) {
        need = kernel_end(kernel);
        if (!initial_small(req)) {
            files = library("initfs.cpio");
            need += TABLES + (stat(files, &st) ? 0 : (unsigned long long)st.st_size);
        }
    }
    if (has < need)
        fatal(STATUS_USAGE, "--memory %s is too little to start in; give at least %lluK", req->memory,
              (need + 4095) / 4096 * 4);
    return files;
}
