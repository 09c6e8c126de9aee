/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* socket_link - messages of 9P as a stream of bytes: each begins with its own size. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "socket_link.h"
#include "wire.h"

enum { PIECES = P9_SPANS + 2, NOTAG = 0xffff, HEADER = 7 };

struct socket_link {
    struct p9_link link;
    int fd;
    struct sockaddr_un peer;
    bool dead;
    struct p9_request *pending[P9_REQUESTS];
    unsigned n, unsent; /* the last `unsent` of the pending ones wait for the kick */
};

static struct socket_link *of(struct p9_link *link)
{
    return container_of(link, struct socket_link, link);
}

/* Moves all of the pieces, by several calls if it must be. */
static bool move_all(ssize_t (*move)(int, const struct iovec *, int), int fd, struct iovec *v, int n)
{
    while (n) {
        ssize_t moved = v->iov_len ? move(fd, v, n) : 0;
        if (v->iov_len && moved <= 0)
            return false;
        for (; n && (size_t)moved >= v->iov_len; n--)
            moved -= (ssize_t)v++->iov_len;
        if (n) {
            v->iov_base = (char *)v->iov_base + moved;
            v->iov_len -= (size_t)moved;
        }
    }
    return true;
}

static ssize_t send_pieces(int fd, const struct iovec *v, int n)
{
    const struct msghdr message = {.msg_iov = (struct iovec *)v, .msg_iovlen = (size_t)n};
    return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static int add_spans(struct iovec *v, const struct p9_request *req)
{
    for (unsigned i = 0; i < req->npayload; i++)
        v[i] = (struct iovec){(void *)req->payload[i].pa, req->payload[i].len};
    return (int)req->npayload;
}

static void fail_all(struct socket_link *s)
{
    s->dead = true;
    while (s->n)
        p9_complete(s->pending[--s->n], 0, -EIO);
    s->unsent = 0;
}

static int submit(struct p9_link *link, struct p9_request *req)
{
    struct socket_link *s = of(link);
    if (s->dead)
        return -EIO;
    if (s->n == s->link.depth)
        return -ENOSPC;
    s->pending[s->n++] = req;
    s->unsent++;
    return 0;
}

static void kick(struct p9_link *link)
{
    struct socket_link *s = of(link);
    for (; s->unsent; s->unsent--) {
        const struct p9_request *req = s->pending[s->n - s->unsent];
        struct iovec v[PIECES] = {{(void *)req->out.pa, req->out.len}};
        int n = 1 + (req->payload_in ? 0 : add_spans(v + 1, req));
        if (!move_all(send_pieces, s->fd, v, n)) {
            fail_all(s);
            return;
        }
    }
}

static void complete(struct socket_link *s, unsigned i, u32 written)
{
    struct p9_request *req = s->pending[i];
    memmove(&s->pending[i], &s->pending[i + 1], (--s->n - i) * sizeof *s->pending);
    p9_complete(req, written, 0);
}

static unsigned find(const struct socket_link *s, u16 tag)
{
    unsigned i = 0;
    while (i < s->n && s->pending[i]->tag != tag)
        i++;
    return i;
}

/* Rflush came: what it was about is not answered any more, and its memory goes back. */
static void end_flushed(struct socket_link *s, const struct p9_request *flush)
{
    struct wire w = wire_over((void *)(flush->out.pa + HEADER), 2);
    unsigned i = find(s, wire_get16(&w));
    if (i < s->n)
        complete(s, i, 0);
}

/* The bytes of a reply behind its header, into the request's memory. One that has no room there ends the connection. */
static bool take_body(struct socket_link *s, struct p9_request *req, const u8 *header, u32 size)
{
    struct iovec v[PIECES] = {{(void *)(req->in.pa + HEADER), req->in.len - HEADER}};
    int n = 1 + (req->payload_in ? add_spans(v + 1, req) : 0);
    u64 left = size - HEADER;
    memcpy((void *)req->in.pa, header, HEADER);
    for (int i = 0; i < n; i++) {
        v[i].iov_len = MIN(v[i].iov_len, left);
        left -= v[i].iov_len;
    }
    return left == 0 && move_all(readv, s->fd, v, n);
}

static bool take_reply(struct socket_link *s)
{
    u8 header[HEADER];
    if (!move_all(readv, s->fd, &(struct iovec){header, sizeof header}, 1))
        return false;
    struct wire w = wire_over(header, sizeof header);
    u32 size = wire_get32(&w);
    wire_get8(&w);
    unsigned i = find(s, wire_get16(&w));
    if (size < HEADER || i == s->n || !take_body(s, s->pending[i], header, size))
        return false;
    struct p9_request *req = s->pending[i];
    if (req->type == P9_TFLUSH)
        end_flushed(s, req);
    complete(s, find(s, req->tag), size);
    return true;
}

static int wait(struct p9_link *link, unsigned n)
{
    (void)n;
    struct socket_link *s = of(link);
    if (!s->dead && take_reply(s))
        return 0;
    fail_all(s);
    return -EIO;
}

/* To the server that listens now where the lost one did. */
static int restart(struct p9_link *link)
{
    struct socket_link *s = of(link);
    close(s->fd);
    s->fd = socket(s->peer.sun_family, SOCK_STREAM, 0);
    s->dead = connect(s->fd, (struct sockaddr *)&s->peer, sizeof s->peer) < 0;
    return s->dead ? -EIO : 0;
}

static struct socket_link links[8];
static unsigned n;

void socket_links_settle(void)
{
    for (struct socket_link *s = links; s < links + n; s++)
        while (s->n && wait(&s->link, 1) == 0)
            ;
}

struct p9_link *socket_link(int fd, const char *aname)
{
    static const struct p9_link_ops ops = {.submit = submit, .kick = kick, .wait = wait, .restart = restart};
    if (n == ARRAY_LEN(links))
        abort();
    links[n] = (struct socket_link){.link = {.ops = &ops, .max_spans = P9_SPANS, .depth = P9_REQUESTS, .aname = aname},
                                    .fd = fd};
    getpeername(fd, (struct sockaddr *)&links[n].peer, &(socklen_t){sizeof links[n].peer});
    return &links[n++].link;
}
