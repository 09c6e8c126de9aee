/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* client - the kernel's files and 9P client as a program of the host, driven by lines: a command and its words in, its result and words out.
 *
 * A word may hold any byte as %XX; an empty word is %. The result is a number >= 0, or -errno. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "9p.h"
#include "9p_client.h"
#include "fake_arch.h"
#include "later.h"
#include "mem.h"
#include "socket_link.h"
#include "tmpfs.h"
#include "vfs.h"
#include "wire.h"

enum { WORDS = 16, FILES = 1024, NUMBERS = 10 };

static struct file *files[FILES];
static char *reply;
static size_t reply_size;
static FILE *out; /* the words behind a result */

/* ---- words ---- */

static void say(const void *bytes, size_t n)
{
    const unsigned char *p = bytes;
    fputs(n ? " " : " %", out);
    for (size_t i = 0; i < n; i++)
        fprintf(out, p[i] > ' ' && p[i] < 127 && p[i] != '%' ? "%c" : "%%%02X", p[i]);
}

static void say_number(u64 v)
{
    fprintf(out, " %llu", (unsigned long long)v);
}

/* In place; returns the length. */
static size_t decode(char *word)
{
    char *to = word;
    for (char *p = word; *p; p++) {
        unsigned byte = (unsigned char)*p;
        if (*p == '%' && sscanf(p + 1, "%2x", &byte) == 1)
            p += 2;
        else if (*p == '%')
            continue;
        *to++ = (char)byte;
    }
    *to = 0;
    return (size_t)(to - word);
}

/* The words of one command. */
static char *word[WORDS];
static size_t length[WORDS];

static u64 number(unsigned i)
{
    return strtoull(word[i], NULL, 0);
}

static struct file **slot(unsigned i)
{
    if (number(i) >= FILES)
        abort();
    return &files[number(i)];
}

static struct file *file(unsigned i)
{
    if (!*slot(i))
        abort();
    return *slot(i);
}

/* ---- sessions ---- */

static struct p9 *client_of(const char *tag)
{
    struct fs *fs = vfs_find(tag);
    if (!fs)
        abort();
    return fs->priv;
}

/* connect TAG SOCKET ANAME: a client that has sent nothing yet. */
static s64 do_connect(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", word[2]);
    if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -EIO;
    return p9_new(socket_link(fd, strdup(word[3])), word[1]) ? 0 : -ENOMEM;
}

static s64 do_mount(void)
{
    struct fs *fs = vfs_find(word[1]);
    return fs ? vfs_mount(fs, word[2], (u32)number(3)) : -ENODEV;
}

/* counters TAG: the messages sent, by type. */
static s64 do_counters(void)
{
    const struct p9_counters *c = p9_counters(client_of(word[1]));
    for (unsigned type = 0; type < ARRAY_LEN(c->by_type); type++)
        say_number(c->by_type[type]);
    return (s64)c->messages;
}

/* fids TAG: how many fids are in use. */
static s64 do_fids(void)
{
    static u32 taken[1 << 16];
    struct p9 *client = client_of(word[1]);
    unsigned n = 0;
    later_rest(); /* what was put off goes out */
    socket_links_settle();
    while (n < ARRAY_LEN(taken) && (taken[n] = p9_fid_new(client)) != P9_NOFID)
        n++;
    for (unsigned i = 0; i < n; i++)
        p9_fid_free(client, taken[i]);
    return 4096 - (s64)n;
}

static s64 do_log(void)
{
    const char *text = fake_console(CONSOLE_LOG);
    say(text, strlen(text));
    return 0;
}

/* ---- open files ---- */

/* open SLOT PATH FLAGS MODE */
static s64 do_open(void)
{
    return vfs_open(NULL, word[2], (u32)number(3), (u32)number(4), slot(1));
}

static s64 do_close(void)
{
    vfs_put(file(1));
    *slot(1) = NULL;
    return 0;
}

/* Odd pieces, some of them empty, as a program's vectors may be. */
static unsigned cut(u8 *bytes, size_t n, struct span *spans, unsigned max)
{
    static const size_t sizes[] = {1, 4096, 0, 100001, 3, 1 << 20};
    unsigned used = 0;
    for (size_t at = 0; at < n && used < max; used++) {
        size_t len = used + 1 == max ? n - at : MIN(n - at, sizes[used % ARRAY_LEN(sizes)]);
        spans[used] = (struct span){mem_phys(bytes + at), len};
        at += len;
    }
    return used;
}

/* read SLOT OFFSET COUNT: the bytes. */
static s64 do_read(void)
{
    size_t n = number(3);
    u8 *bytes = malloc(n + 1);
    struct span spans[NUMBERS];
    s64 got = vfs_read(file(1), spans, cut(bytes, n, spans, NUMBERS), number(2));
    if (got > 0)
        say(bytes, (size_t)got);
    free(bytes);
    return got;
}

/* write SLOT OFFSET BYTES */
static s64 do_write(void)
{
    struct span span = {mem_phys(word[3]), length[3]};
    return vfs_write(file(1), &span, 1, number(2));
}

/* pour SLOT OFFSET FILE: writes all of a file of the host. */
static s64 do_pour(void)
{
    FILE *f = fopen(word[3], "rb");
    struct span spans[NUMBERS];
    fseek(f, 0, SEEK_END);
    size_t n = (size_t)ftell(f);
    u8 *bytes = malloc(n + 1);
    rewind(f);
    n = fread(bytes, 1, n, f);
    fclose(f);
    s64 put = vfs_write(file(1), spans, cut(bytes, n, spans, NUMBERS), number(2));
    free(bytes);
    return put;
}

/* drain SLOT OFFSET COUNT FILE: reads into a file of the host. */
static s64 do_drain(void)
{
    size_t n = number(3);
    u8 *bytes = malloc(n + 1);
    struct span spans[NUMBERS];
    s64 got = vfs_read(file(1), spans, cut(bytes, n, spans, NUMBERS), number(2));
    FILE *f = fopen(word[4], "wb");
    fwrite(bytes, 1, got > 0 ? (size_t)got : 0, f);
    fclose(f);
    free(bytes);
    return got;
}

/* lock SLOT TYPE START LENGTH */
static s64 do_lock(void)
{
    struct node *node = &file(1)->node;
    struct file_lock lock = {(u8)number(2), 1, number(3), number(4)};
    return node->fs->ops->lock(node, &lock);
}

/* getlock SLOT TYPE START LENGTH: the type of the lock that is in the way. */
static s64 do_getlock(void)
{
    struct node *node = &file(1)->node;
    struct file_lock lock = {(u8)number(2), 1, number(3), number(4)};
    int err = node->fs->ops->getlock(node, &lock);
    return err < 0 ? err : lock.type;
}

static s64 do_fsync(void)
{
    return vfs_fsync(file(1), number(2));
}

static bool say_entry(void *ctx, const struct dirent_info *e)
{
    (void)ctx;
    say(e->name.s, e->name.len);
    return true;
}

/* list PATH ROOM: all names, asked for in parts of about that many bytes. */
static s64 do_list(void)
{
    struct file *f;
    s64 total = 0;
    int n = vfs_open(NULL, word[1], O_RDONLY | O_DIRECTORY, 0, &f);
    if (n < 0)
        return n;
    while ((n = vfs_readdir(f, number(2), say_entry, NULL)) > 0)
        total += n;
    vfs_put(f);
    return n < 0 ? n : total;
}

/* ---- attributes ---- */

static s64 say_attr(s64 err, const struct attr *a)
{
    const u64 fields[] = {a->mode,       a->uid,        a->gid,        a->nlink,  a->size,
                          a->qid.path,   a->rdev_major, a->rdev_minor, a->blocks, a->atime.sec,
                          a->atime.nsec, a->mtime.sec,  a->mtime.nsec};
    for (size_t i = 0; err == 0 && i < ARRAY_LEN(fields); i++)
        say_number(fields[i]);
    return err;
}

static s64 do_stat(void)
{
    struct attr attr;
    u64 dev;
    return say_attr(vfs_getattr_path(NULL, word[1], (u32)number(2), &attr, &dev), &attr);
}

static s64 do_fstat(void)
{
    struct attr attr;
    u64 dev;
    return say_attr(vfs_getattr(file(1), &attr, &dev), &attr);
}

static s64 do_statfs(void)
{
    struct fs_stat s;
    int err = vfs_statfs_path(NULL, word[1], &s);
    const u64 fields[] = {s.type, s.bsize, s.blocks, s.bfree, s.files, s.namelen};
    for (size_t i = 0; err == 0 && i < ARRAY_LEN(fields); i++)
        say_number(fields[i]);
    return err;
}

/* From word i on: VALID MODE UID GID SIZE ATIME NS MTIME NS */
static struct attr_change change_from(unsigned i)
{
    return (struct attr_change){.valid = (u32)number(i),
                                .mode = (u32)number(i + 1),
                                .uid = (u32)number(i + 2),
                                .gid = (u32)number(i + 3),
                                .size = number(i + 4),
                                .atime = {number(i + 5), number(i + 6)},
                                .mtime = {number(i + 7), number(i + 8)}};
}

static s64 do_change(void)
{
    struct attr_change change = change_from(3);
    return vfs_change_path(NULL, word[1], (u32)number(2), &change);
}

static s64 do_fchange(void)
{
    struct attr_change change = change_from(2);
    return vfs_change(file(1), &change);
}

/* getxattr PATH NAME SIZE: the value; with an empty name the list. */
static s64 do_getxattr(void)
{
    size_t n = number(3);
    char *bytes = malloc(n + 1);
    s64 got = vfs_getxattr(NULL, NULL, word[1], VFS_NOFOLLOW, word[2], bytes, n);
    if (got > 0 && n)
        say(bytes, (size_t)got);
    free(bytes);
    return got;
}

/* setxattr PATH NAME VALUE FLAGS; an empty value removes it. */
static s64 do_setxattr(void)
{
    return vfs_setxattr(NULL, NULL, word[1], VFS_NOFOLLOW, word[2], length[3] ? word[3] : NULL, length[3],
                        (u32)number(4));
}

/* ---- names ---- */

static s64 do_mkdir(void)
{
    return vfs_mkdir(NULL, word[1], (u32)number(2));
}

static s64 do_mknod(void)
{
    return vfs_mknod(NULL, word[1], (u32)number(2), (u32)number(3), (u32)number(4));
}

static s64 do_symlink(void)
{
    return vfs_symlink(word[1], NULL, word[2]);
}

static s64 do_readlink(void)
{
    char target[VFS_PATH_MAX];
    s64 n = vfs_readlink(NULL, word[1], target, sizeof target);
    if (n >= 0)
        say(target, (size_t)n);
    return n;
}

static s64 do_link(void)
{
    return vfs_link(NULL, word[1], NULL, word[2], VFS_NOFOLLOW);
}

static s64 do_rename(void)
{
    return vfs_rename(NULL, word[1], NULL, word[2], (u32)number(3));
}

static s64 do_unlink(void)
{
    return vfs_unlink(NULL, word[1], false);
}

static s64 do_rmdir(void)
{
    return vfs_unlink(NULL, word[1], true);
}

/* ---- a message that is taken back ---- */

/* flush FIFO: opens it to read in the way that waits for a writer, and gives up. The files' layer never asks so, so this is made of messages. */
static s64 do_flush(void)
{
    struct place place;
    struct p9_call call;
    int err = vfs_look_up(NULL, word[1], 0, &place);
    if (err < 0)
        return err;
    struct wire w = p9_begin_on(&call, &place.node, P9_TLOPEN);
    wire_put32(&w, O_RDONLY);
    p9_send(&call, &w);
    err = p9_cancel(&call, &w);
    place.node.fs->ops->clunk(&place.node);
    return err;
}

static const struct command {
    const char *name;
    unsigned words;
    s64 (*run)(void);
} commands[] = {
    {"connect", 3, do_connect}, {"mount", 3, do_mount},      {"counters", 1, do_counters}, {"fids", 1, do_fids},
    {"log", 0, do_log},         {"open", 4, do_open},        {"close", 1, do_close},       {"read", 3, do_read},
    {"write", 3, do_write},     {"pour", 3, do_pour},        {"drain", 4, do_drain},       {"fsync", 2, do_fsync},
    {"list", 2, do_list},       {"stat", 2, do_stat},        {"fstat", 1, do_fstat},       {"statfs", 1, do_statfs},
    {"change", 11, do_change},  {"fchange", 10, do_fchange}, {"getxattr", 3, do_getxattr}, {"setxattr", 4, do_setxattr},
    {"mkdir", 2, do_mkdir},     {"mknod", 4, do_mknod},      {"symlink", 2, do_symlink},   {"readlink", 1, do_readlink},
    {"link", 2, do_link},       {"rename", 3, do_rename},    {"unlink", 1, do_unlink},     {"rmdir", 1, do_rmdir},
    {"flush", 1, do_flush},     {"lock", 4, do_lock},        {"getlock", 4, do_getlock},
};

static unsigned split(char *line)
{
    unsigned n = 0;
    for (char *w = strtok(line, " \n"); w && n < WORDS; w = strtok(NULL, " \n")) {
        word[n] = w;
        length[n++] = decode(w);
    }
    return n;
}

static bool obey(char *line)
{
    unsigned n = split(line);
    for (const struct command *c = commands; c < commands + ARRAY_LEN(commands); c++) {
        if (n != c->words + 1 || strcmp(c->name, word[0]) != 0)
            continue;
        out = open_memstream(&reply, &reply_size);
        s64 result = c->run();
        fclose(out);
        printf("%lld%s\n", (long long)result, reply);
        free(reply);
        return fflush(stdout) == 0;
    }
    return false;
}

int main(void)
{
    char *line = NULL;
    size_t size = 0;
    fake_cycles_step =
        fake_cycles_hz; /* the clock stands still otherwise, and what the host does meanwhile would be too quick to be seen */
    if (tmpfs_init() < 0 || vfs_mount(vfs_find("tmpfs"), "/", 0) < 0)
        return 2;
    while (getline(&line, &size, stdin) > 0)
        if (!obey(line))
            return 1;
    free(line);
    return 0;
}
