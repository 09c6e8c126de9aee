/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* pipefs - pipes: nameless files with two ends. Nobody could wake one who waits, so nobody waits: an empty pipe and a full one answer EAGAIN. */
#include "pipefs.h"
#include "mem.h"
#include "vfs.h"

enum { PIPE_SIZE = 65536, PIPE_BUF = 4096 /* at once or not at all */, WRITE_END = 1 };

struct pipe {
    u8 *bytes; /* PIPE_SIZE, the first filled at `at`, round the end */
    u32 at, len;
    u32 ends[2]; /* open: to read, to write */
};

/* A node's id is the pipe's address, with WRITE_END in its lowest bit. */
static struct pipe *pipe_of(const struct node *node)
{
    return (struct pipe *)(uintptr_t)(node->id & ~(u64)WRITE_END);
}

static void pipe_free(struct pipe *p)
{
    mem_delete(p->bytes, PIPE_SIZE);
    mem_delete(p, sizeof *p);
}

static void pipefs_clunk(struct node *node)
{
    struct pipe *p = pipe_of(node);
    p->ends[node->id & WRITE_END] = 0;
    if (!p->ends[0] && !p->ends[1])
        pipe_free(p);
}

static s64 pipefs_read(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    struct pipe *p = pipe_of(node);
    u64 done = 0, want = MIN(mem_span_total(spans, n), p->len);
    (void)offset;
    if (!p->len && p->ends[WRITE_END] && mem_span_total(spans, n))
        return -EAGAIN;
    while (done < want) {
        u64 run = MIN(want - done, PIPE_SIZE - p->at);
        done += mem_to_spans(spans, n, done, p->bytes + p->at, run);
        p->at = (u32)(p->at + run) % PIPE_SIZE;
        p->len -= (u32)run;
    }
    return (s64)done;
}

static s64 pipefs_write(struct node *node, const struct span *spans, unsigned n, u64 offset)
{
    struct pipe *p = pipe_of(node);
    u64 done = 0, all = mem_span_total(spans, n), want = MIN(all, PIPE_SIZE - p->len);
    (void)offset;
    if (all && !p->ends[0])
        return -EPIPE;
    if (want < MIN(all, PIPE_BUF))
        return -EAGAIN;
    while (done < want) {
        u32 end = (p->at + p->len) % PIPE_SIZE;
        u64 run = mem_from_spans(p->bytes + end, spans, n, done, MIN(want - done, PIPE_SIZE - end));
        p->len += (u32)run;
        done += run;
    }
    return (s64)done;
}

static int pipefs_getattr(struct node *node, struct attr *attr)
{
    *attr = (struct attr){.qid = node->qid, .mode = S_IFIFO | 0600, .nlink = 1, .blksize = PAGE_SIZE};
    return 0;
}

static int pipefs_ioctl(struct node *node, u32 cmd, void *data, size_t size)
{
    if (cmd != FIONREAD)
        return -ENOTTY;
    memcpy(data, &pipe_of(node)->len, MIN(size, sizeof(u32)));
    return 0;
}

static u32 pipefs_poll(struct node *node)
{
    const struct pipe *p = pipe_of(node);
    if (node->id & WRITE_END)
        return (p->len <= PIPE_SIZE - PIPE_BUF ? POLLOUT | POLLWRNORM : 0) | (p->ends[0] ? 0 : POLLERR);
    return (p->len ? POLLIN | POLLRDNORM : 0) | (p->ends[WRITE_END] ? 0 : POLLHUP);
}

static const struct fs_ops ops = {
    .type = "pipefs",
    .clunk = pipefs_clunk,
    .read = pipefs_read,
    .write = pipefs_write,
    .getattr = pipefs_getattr,
    .ioctl = pipefs_ioctl,
    .poll = pipefs_poll,
};
static struct fs fs = {.ops = &ops, .tag = "pipefs"};

int pipefs_make(u32 flags, struct file *ends[2])
{
    static u64 serial;
    struct pipe *p = mem_new(sizeof *p);
    if (!p || !(p->bytes = mem_new(PIPE_SIZE))) {
        if (p)
            pipe_free(p);
        return -ENOMEM;
    }
    p->ends[0] = p->ends[WRITE_END] = 1;
    struct node node = {.fs = &fs, .id = (u64)(uintptr_t)p, .qid = {0, 0, ++serial}, .open = true};
    ends[0] = vfs_nameless(&node, flags | O_RDONLY);
    node.id |= WRITE_END;
    ends[1] = vfs_nameless(&node, flags | O_WRONLY);
    for (unsigned i = 0; i < 2; i++)
        if (!ends[i] && ends[1 - i])
            vfs_put(ends[1 - i]);
    return ends[0] && ends[1] ? 0 : -ENOMEM;
}
