/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* proc - the running program: its memory, its descriptors, its end. */
#ifndef PROC_H
#define PROC_H

#include "base.h"

struct file;

enum { PROC_FDS = 256, PROC_STACK = 8 << 20 };

/* Linux's resource limits: now, and how high it may be set; that on descriptors is never above PROC_FDS. */
enum { PROC_LIMIT_FILE_SIZE = 1, PROC_LIMIT_STACK = 3, PROC_LIMIT_FDS = 7, PROC_LIMITS = 16 };

/* A piece of a program's address space: [start, end), page-aligned, filled with zero pages when touched. */
struct region {
    struct region *next; /* ascending, disjoint */
    u64 start, end;
    int prot; /* and REGION_* */
};
/* Holds a file's bytes; may never be written; is behind the file's end; has the very pages in which the file lies (fs_ops.lies), all of them: they are not
 * written, nor given back. */
enum { REGION_FILE = 0x100, REGION_CONST = 0x200, REGION_BEHIND = 0x400, REGION_LENT = 0x800 };

struct proc {
    u64 space; /* arch_space */
    struct region *regions;
    u64 brk_start, brk;
    u64 stack_top, map_top;            /* what is mapped without a wish lies below map_top, the highest first */
    u64 arg_start, env_start, env_end; /* the strings it started with: arguments, then variables */
    u64 pid;
    u64 pages; /* mapped, and its own */
    struct file *cwd;
    struct file *fds[PROC_FDS];
    u8 cloexec[PROC_FDS];
    u32 umask;
    u32 uids[3], gids[3]; /* real, effective, saved */
    u64 limits[PROC_LIMITS][2];
    char name[16];
    char *exe; /* the program's file, without links */
};

/* What uname(2) tells: system, host, release, version, machine, domain. */
extern const char proc_uname[6][65];

/* The program that runs; NULL before there is one. */
extern struct proc *proc_current;

/* Makes a program from a file. argv, envp: NULL-terminated; cwd: NULL is "/". 0; -errno with one line in the log: not found (ENOENT), not for us
 * (ENOEXEC), no memory... */
int proc_load(const char *path, char *const argv[], char *const envp[], const char *cwd, u64 *entry, u64 *sp);

/* For proc_load.c: a piece of a program file at its address; its stack (address of its end, 0: no memory). */
struct proc_piece {
    u64 va, mem_size, file_offset, file_size;
    int prot;
};
/* A file whose bytes are all in memory, at pa, which need be on no page's begin; 0: they have to be read. own: in so many pages, whole ones, that nobody
 * else has: they become the program's, or free. Else nobody may change them. */
struct proc_bytes {
    u64 pa, len, own;
};
/* proc_place.c; ascending */
int proc_place(struct file *file, const struct proc_bytes *bytes, const struct proc_piece *pieces, unsigned n);
/* For proc.c: a region gets pages of its own in the place of those that were lent to it, and may be written. 0 or -ENOMEM. */
int proc_own(struct region *r);
u64 proc_stack(void);

/* Address space layout randomisation; off: the same addresses each time (norandmaps). */
extern bool proc_random_layout;

/* Ends the program as an uncaught signal does. */
_Noreturn void proc_kill(int signal);
/* Ends the program; `status` is what a shell shows, 0-255. Tells the host and never returns. */
_Noreturn void proc_exit(int status);

/* Memory. prot: PROT_* and, for proc_map, REGION_*. Addresses are page-aligned; all stay inside [ARCH_USER_MIN, ARCH_USER_MAX). */
u64 proc_find_gap(u64 len, u64 hint); /* 0: none */
int proc_map(u64 start, u64 len, int prot);
int proc_unmap(u64 start, u64 len);
bool proc_is_mapped(u64 start, u64 len); /* all of it, with whatever rights */
/* [start, start+len), all of one region, gets more room at its end, and another place if that is taken and may_move:
 * its address; -EFAULT; -ENOMEM: no room, or it is a file's. */
s64 proc_grow(u64 start, u64 len, u64 new_len, bool may_move);
int proc_protect(u64 start, u64 len, int prot);
/* Throws the pages away that hold no file's bytes; what is touched again is zero. */
void proc_discard(u64 start, u64 len);

/* Puts pages, whatever they hold, under [va, va+len), page-aligned and without pages so far; one run, at *pa. Returns the bytes filled, 0: no memory. */
u64 proc_fill(u64 va, u64 len, int prot, u64 *pa);
/* The physical spans of [va, va+len) of the program, with right `prot` on each byte, zero pages filled in; at most `max` spans. Returns the number of
 * spans and in *covered the bytes they hold; 0 spans when not even the first byte is there. */
unsigned proc_spans(u64 va, u64 len, int prot, struct span *out, unsigned max, u64 *covered);
/* For struct vfs_reader. */
u64 proc_swap(u64 va, u64 from, u64 to, u64 len);
/* Those bytes, if they are known to lie in one piece that the program has this right to; NULL: they have to be copied. Until the program runs. */
void *proc_known(u64 va, u64 len, int prot);
/* 0 or -EFAULT. Partial copies may have happened. */
int proc_copy_in(void *dst, u64 va, u64 len);
int proc_copy_out(u64 va, const void *src, u64 len);
/* A NUL-terminated string of at most size - 1 bytes: its length; -EFAULT; -ENAMETOOLONG. Read once. */
s64 proc_copy_string(char *dst, u64 va, size_t size);

/* Descriptors. A program's int is 32 bits; what stands above them in its register means nothing. */
struct file *proc_file(u32 fd);    /* NULL: EBADF */
int proc_fd_free(unsigned lowest); /* the first that is not in use; -EMFILE */
int proc_fd_add(struct file *file, unsigned lowest,
                bool cloexec); /* takes the reference; fd or -EMFILE (reference put) */
int proc_fd_close(u32 fd);

#endif
