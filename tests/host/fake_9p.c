/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* fake_9p - a scriptable 9P2000.L server. Messages take effect when they are kicked, in their order; answers come in the order that the test chose. */
#include <stdlib.h>
#include <string.h>

#include "fake_9p.h"
#include "mem.h"
#include "vfs.h"
#include "wire.h"

enum { SLACK = 128 * 1024, EMSGSIZE_SENT = 90 };

u8 fake_byte(u64 offset)
{
    return (u8)(offset * 31 + (offset >> 9) * 7 + (offset >> 20));
}

struct fake_file *fake_file(struct fake_file *dir, const char *name, u32 mode, const char *data, u64 size)
{
    static u64 last_ino = 100;
    static struct fake_file *all; /* so that none is ever lost */
    struct fake_file *f = calloc(1, sizeof *f), **end;
    *f = (struct fake_file){.older = all,
                            .parent = dir,
                            .name = name,
                            .mode = mode,
                            .data = data,
                            .size = size,
                            .ino = ++last_ino,
                            .uid = 1000,
                            .gid = 1001,
                            .major = 8,
                            .minor = 1};
    all = f;
    for (end = dir ? &dir->children : NULL; end && *end;)
        end = &(*end)->next;
    if (end)
        *end = f;
    return f;
}

void fake_9p_violated(struct fake_9p *s, const char *rule)
{
    if (!s->violation)
        s->violation = rule;
}

static bool is_dir(const struct fake_file *f)
{
    return (f->mode & S_IFMT) == S_IFDIR;
}

void fake_9p_put_qid(struct wire *w, const struct fake_file *f)
{
    u32 type = f->mode & S_IFMT;
    wire_put8(w, type == S_IFDIR ? QID_DIR : type == S_IFLNK ? QID_SYMLINK : 0);
    wire_put32(w, 7 + f->version);
    wire_put64(w, f->ino);
}

/* What a failed walk leaves behind on some servers. */
static struct fake_file ghost = {.mode = S_IFREG, .error = -ENOENT};

/* A client may try whether the server works in order, by a clone. */
static bool may_be_early(const struct fake_9p *s, const struct fake_pending *p, u32 fid)
{
    return s->was_serial || (s->fids[fid].clone && (p->req->type == P9_TGETATTR || p->req->type == P9_TCLUNK));
}

/* The file of a fid that may be used now. */
struct fake_file *fake_9p_file(struct fake_9p *s, struct fake_pending *p, u32 fid)
{
    p->fid = fid;
    if (fid >= FAKE_FIDS || !s->fids[fid].file)
        return NULL;
    if (!s->fids[fid].visible && may_be_early(s, p, fid))
        return NULL;
    if (!s->fids[fid].visible)
        fake_9p_violated(s, "C5: a fid was used before the reply that makes it");
    if (s->fids[fid].clunking)
        fake_9p_violated(s, "a fid was used after its Tclunk");
    return s->fids[fid].file;
}

int fake_9p_make(struct fake_9p *s, struct fake_pending *p, u32 fid, struct fake_file *file)
{
    bool used = fid < FAKE_FIDS && s->fids[fid].file && s->fids[fid].file != &ghost;
    if (fid >= FAKE_FIDS || used || s->fids[fid].clunking) {
        fake_9p_violated(s, "C6: newfid is in use");
        return -EINVAL;
    }
    if (s->most_fids && fake_9p_fids(s) >= s->most_fids)
        return -EMFILE;
    s->was_serial |= s->serial;
    s->fids[fid] = (struct fake_fid){.file = file, .visible = s->serial};
    p->newfid = fid;
    return 0;
}

/* ---- messages ---- */

static int do_version(struct fake_9p *s, struct fake_pending *p, struct wire *in, struct wire *out)
{
    u16 len;
    u32 msize = wire_get32(in);
    const char *version = wire_get_string(in, &len);
    (void)p;
    if (msize < 4096 || (s->msize_max && msize > s->msize_max && s->msize_max < 65536))
        return -EMSGSIZE_SENT;
    memset(s->fids, 0, sizeof s->fids);
    s->msize = s->msize_max ? MIN(msize, s->msize_max) : msize;
    bool known = len == 8 && memcmp(version, "9P2000.L", 8) == 0;
    wire_put32(out, s->msize);
    wire_put_string(out, known ? "9P2000.L" : "unknown", known ? 8 : 7);
    return 0;
}

static int do_attach(struct fake_9p *s, struct fake_pending *p, struct wire *in, struct wire *out)
{
    u16 len;
    u32 fid = wire_get32(in), afid = wire_get32(in);
    wire_get_string(in, &len);
    wire_get_string(in, &len);
    u32 uid = wire_get32(in);
    if (afid != ~0u || uid != ~0u || len)
        fake_9p_violated(s, "C8: Tattach with afid NOFID, aname \"\", n_uname NONUNAME");
    if (!s->msize)
        fake_9p_violated(s, "Tattach before Rversion");
    fake_9p_put_qid(out, s->root);
    return fake_9p_make(s, p, fid, s->root);
}

struct fake_file *fake_9p_child(struct fake_file *dir, const char *name, size_t len)
{
    struct fake_file *f = dir->children;
    while (f && (strlen(f->name) != len || memcmp(f->name, name, len) != 0))
        f = f->next;
    return f;
}

void fake_9p_check_name(struct fake_9p *s, const char *name, u16 len)
{
    if (!name || len == 0 || len > 255 || memchr(name, '/', len) || memchr(name, 0, len))
        fake_9p_violated(s, "C16: a name with '/' or NUL, empty or too long");
    else if (name[0] == '.' && (len == 1 || (len == 2 && name[1] == '.')))
        fake_9p_violated(s, "a name \".\" or \"..\"");
}

static int do_walk(struct fake_9p *s, struct fake_pending *p, struct wire *in, struct wire *out)
{
    u32 fid = wire_get32(in), newfid = wire_get32(in);
    u16 n = wire_get16(in), got = 0, len;
    struct fake_file *f = fake_9p_file(s, p, fid);
    int err = -ENOENT;
    u8 *count = wire_take(out, 2);
    if (n > 16)
        fake_9p_violated(s, "more than 16 names in a Twalk");
    if (!f)
        return -ENOENT;
    for (u16 i = 0; i < n; i++) {
        const char *name = wire_get_string(in, &len);
        fake_9p_check_name(s, name, len);
        if (got < i || !wire_ok(in) || !is_dir(f))
            continue;
        err = f->error ? f->error : -ENOENT;
        struct fake_file *child = f->error ? NULL : fake_9p_child(f, name, len);
        if (child) {
            fake_9p_put_qid(out, f = child);
            got++;
        }
    }
    count[0] = (u8)got;
    count[1] = 0;
    if (got < n && s->leaves_fids)
        return fake_9p_make(s, p, newfid, &ghost) < 0 ? -EINVAL : -ENOENT;
    if (got < n)
        return got ? 0 : err;
    if (fid == newfid)
        s->fids[fid].file = f;
    err = fid == newfid ? 0 : fake_9p_make(s, p, newfid, f);
    if (err == 0)
        s->fids[newfid].clone = n == 0;
    return err;
}

static int do_lopen(struct fake_9p *s, struct fake_pending *p, struct wire *in, struct wire *out)
{
    u32 fid = wire_get32(in), flags = wire_get32(in);
    struct fake_file *f = fake_9p_file(s, p, fid);
    if (!f)
        return -ENOENT;
    if (s->fids[fid].open || s->fids[fid].opening)
        fake_9p_violated(s, "C4: a fid is opened twice");
    if (flags & (O_CREAT | O_EXCL))
        fake_9p_violated(s, "Tlopen that creates");
    if (is_dir(f) && (flags & (O_ACCMODE | O_TRUNC)))
        fake_9p_violated(s, "a directory opened for writing");
    if (!(flags & O_NONBLOCK) && (f->mode & S_IFMT) == S_IFIFO)
        fake_9p_violated(s, "a fifo opened so that it blocks");
    if (f->error)
        return f->error;
    s->fids[fid].open = true;
    s->fids[fid].flags = flags;
    if (flags & O_TRUNC)
        f->size = 0;
    fake_9p_put_qid(out, f);
    wire_put32(out, 0);
    return 0;
}

static int do_getattr(struct fake_9p *s, struct fake_pending *p, struct wire *in, struct wire *out)
{
    struct fake_file *f = fake_9p_file(s, p, wire_get32(in));
    u64 mask = wire_get64(in);
    if (!f || (f == &ghost && !s->ghosts_answer))
        return -ENOENT;
    wire_put64(out, mask);
    fake_9p_put_qid(out, f);
    wire_put32(out, f->mode);
    wire_put32(out, f->uid);
    wire_put32(out, f->gid);
    wire_put64(out, 3);
    wire_put64(out, f->major << 8 | f->minor);
    wire_put64(out, f->size);
    wire_put64(out, s->msize - 24);
    wire_put64(out, (f->size + 511) / 512);
    for (u64 i = 0; i < 4; i++) {
        wire_put64(out, 1700000000 + i);
        wire_put64(out, i);
    }
    wire_put64(out, 0);
    wire_put64(out, 0);
    return 0;
}

static int do_read(struct fake_9p *s, struct fake_pending *p, struct wire *in, struct wire *out)
{
    u32 fid = wire_get32(in);
    u64 offset = wire_get64(in);
    u32 count = s->last_read_count = wire_get32(in);
    struct fake_file *f = fake_9p_file(s, p, fid);
    struct fake_value *value = f ? s->fids[fid].value : NULL;
    if (!f || (!value && (!s->fids[fid].open || is_dir(f))))
        return -EINVAL;
    if (!value && (s->fids[fid].flags & O_ACCMODE) == O_WRONLY)
        return -EBADF;
    if (count > s->msize - 11 || count + 11 > wire_left(out) + 7 - SLACK)
        fake_9p_violated(s, "C3: room for less than count + 11");
    u64 size = value ? value->len : f->size, n = offset < size ? MIN(count, size - offset) : 0;
    if (s->max_read)
        n = MIN(n, s->max_read);
    wire_put32(out, (u32)n);
    u8 *data = wire_take(out, n);
    for (u64 i = 0; i < n; i++)
        data[i] = value ? value->bytes[offset + i] : f->data ? (u8)f->data[offset + i] : fake_byte(offset + i);
    return 0;
}

/* Cookies are scattered, so that a client which computes with them fails. */
static u64 cookie(u64 i)
{
    return i ? i * 0x9e3779b97f4a7c15ull : 0;
}

static int do_readdir(struct fake_9p *s, struct fake_pending *p, struct wire *in, struct wire *out)
{
    u32 fid = wire_get32(in);
    u64 from = wire_get64(in), i = 1;
    u32 count = wire_get32(in);
    struct fake_file *dir = fake_9p_file(s, p, fid), *child;
    if (!dir || !s->fids[fid].open || !is_dir(dir))
        return -EINVAL;
    if (count < 24 + 255)
        fake_9p_violated(s, "Treaddir that holds no entry");
    u8 *size = wire_take(out, 4), *start = out->p;
    child = dir->children;
    for (; i <= 2 || child; i++) {
        const char *name = i == 1 ? "." : i == 2 ? ".." : child->name;
        struct fake_file *f = i <= 2 ? dir : child;
        child = i <= 2 ? child : child->next;
        if (from) {
            from = cookie(i) == from ? 0 : from;
            continue;
        }
        if ((u64)(out->p - start) + 24 + strlen(name) > count)
            break;
        fake_9p_put_qid(out, f);
        wire_put64(out, cookie(i));
        wire_put8(out, (u8)((f->mode & S_IFMT) >> 12));
        wire_put_string(out, name, strlen(name));
    }
    struct wire w = wire_over(size, 4);
    wire_put32(&w, (u32)(out->p - start));
    return 0;
}

static int do_readlink(struct fake_9p *s, struct fake_pending *p, struct wire *in, struct wire *out)
{
    struct fake_file *f = fake_9p_file(s, p, wire_get32(in));
    if (!f || (f->mode & S_IFMT) != S_IFLNK)
        return -EINVAL;
    wire_put_string(out, f->data, f->size);
    return 0;
}

static int do_statfs(struct fake_9p *s, struct fake_pending *p, struct wire *in, struct wire *out)
{
    if (!fake_9p_file(s, p, wire_get32(in)))
        return -ENOENT;
    wire_put32(out, 0x01021997);
    wire_put32(out, 4096);
    for (u64 i = 1; i <= 6; i++)
        wire_put64(out, i * 1000);
    wire_put32(out, 255);
    return 0;
}

static int do_flush(struct fake_9p *s, struct fake_pending *p, struct wire *in, struct wire *out)
{
    u16 tag = wire_get16(in);
    (void)p, (void)out;
    for (unsigned i = 0; i < s->npending; i++)
        if (s->pending[i].req->tag == tag && s->pending[i].held)
            s->pending[i].cancelled = true;
    return 0;
}

static const fake_verb verbs[128] = {
    [P9_TVERSION] = do_version, [P9_TATTACH] = do_attach,     [P9_TWALK] = do_walk,       [P9_TLOPEN] = do_lopen,
    [P9_TGETATTR] = do_getattr, [P9_TREAD] = do_read,         [P9_TREADDIR] = do_readdir, [P9_TSTATFS] = do_statfs,
    [P9_TFLUSH] = do_flush,     [P9_TREADLINK] = do_readlink,
};

bool fake_9p_ever[256];

static int execute(struct fake_9p *s, struct fake_pending *p, struct wire *in, struct wire *out)
{
    fake_verb verb = verbs[p->req->type & 127] ? verbs[p->req->type & 127] : fake_9p_edits[p->req->type & 127];
    if (verb && p->req->type < 128)
        return verb(s, p, in, out);
    fake_9p_violated(s, "a message that is none of 9P2000.L");
    return -EOPNOTSUPP;
}

static u64 room_of(const struct p9_request *req)
{
    return req->in.len + (req->payload_in ? mem_span_total(req->payload, req->npayload) : 0);
}

static void put_header(struct fake_reply *r, u64 len, u8 type, u16 tag)
{
    struct wire w = wire_over(r->bytes, 7);
    wire_put32(&w, (u32)len);
    wire_put8(&w, type);
    wire_put16(&w, tag);
    r->len = len;
    r->written = (u32)len;
}

/* Carries a message out and keeps its reply. */
static void run(struct fake_9p *s, struct fake_pending *p)
{
    struct p9_request *req = p->req;
    u64 data = req->payload_in ? 0 : mem_span_total(req->payload, req->npayload), len = req->out.len + data;
    u8 *message = malloc(len);
    memcpy(message, mem_virt(req->out.pa), req->out.len);
    mem_from_spans(message + req->out.len, req->payload, req->npayload, 0, data);
    s->sent_len[req->type & 127] = (u32)len;
    memcpy(s->sent[req->type & 127], message, MIN(len, (u64)FAKE_SENT));
    fake_9p_ever[req->type] = true;
    struct wire in = wire_over(message, len);
    u32 size = wire_get32(&in);
    u8 type = wire_get8(&in);
    u16 tag = wire_get16(&in);
    if (s->msize && len > s->msize)
        fake_9p_violated(s, "a message larger than msize");
    if (size != len || type != req->type || tag != req->tag)
        fake_9p_violated(s, "a request's header is not what the link was told");
    if (type == P9_TVERSION ? tag != 0xffff : tag >= P9_REQUESTS)
        fake_9p_violated(s, "C2: tags are 0..127");
    p->reply.bytes = malloc(room_of(req) + SLACK);
    struct wire out = wire_over(p->reply.bytes, room_of(req) + SLACK);
    wire_take(&out, 7);
    bool refused = (s->refuse && s->refuse == type) || (s->lacks && s->lacks == type);
    int carried = 0, err = refused ? s->lacks == type ? -EOPNOTSUPP : -(int)s->arg : 0;
    if (!refused || type == P9_TCLUNK || type == P9_TREMOVE) /* which end a fid even when they fail */
        carried = execute(s, p, &in, &out);
    err = err ? err : carried;
    if (!refused && (!wire_ok(&in) || wire_left(&in)))
        fake_9p_violated(s, "a request's body has not the right size");
    if (err < 0) {
        out = wire_over(p->reply.bytes + 7, 4);
        wire_put32(&out, (u32)-err);
    }
    free(message);
    put_header(&p->reply, (u64)(out.p - p->reply.bytes), err < 0 ? P9_RLERROR : (u8)(type + 1), tag);
    if (p->reply.len > room_of(req) && !s->mangle)
        fake_9p_violated(s, "C3: the reply does not fit");
    if (s->hold && s->hold == type && !(p->held = s->hold_after == 0))
        s->hold_after--;
    if (s->mangle)
        s->mangle(s, req, &p->reply);
}

/* ---- the link ---- */

static struct fake_9p *server_of(struct p9_link *link)
{
    return link->priv;
}

static int fake_submit(struct p9_link *link, struct p9_request *req)
{
    struct fake_9p *s = server_of(link);
    if (s->die_after && s->log_len + 1 > s->die_after)
        fake_9p_kill(s);
    if (s->dead)
        return -EIO;
    if (s->npending >= link->depth)
        return -ENOSPC;
    if (req->npayload > link->max_spans)
        return -E2BIG;
    for (unsigned i = 0; i < s->npending; i++)
        if (s->pending[i].req == req || s->pending[i].req->tag == req->tag)
            fake_9p_violated(s, "C2: a tag is used twice");
    s->pending[s->npending++] = (struct fake_pending){.req = req, .fid = ~0u, .newfid = ~0u};
    s->most_in_flight = MAX(s->most_in_flight, s->npending);
    s->seen[req->type & 127]++;
    if (s->log_len < FAKE_LOG)
        s->log[s->log_len++] = req->type;
    return 0;
}

static void fake_kick(struct p9_link *link)
{
    struct fake_9p *s = server_of(link);
    for (unsigned i = 0; i < s->npending; i++) {
        if (s->pending[i].kicked)
            continue;
        s->pending[i].kicked = true;
        run(s, &s->pending[i]);
    }
}

static void deliver(struct fake_9p *s, unsigned i)
{
    struct fake_pending p = s->pending[i];
    memmove(&s->pending[i], &s->pending[i + 1], (--s->npending - i) * sizeof p);
    u32 fid = p.fid, made = p.newfid;
    if (made != ~0u)
        s->fids[made].visible = true;
    if ((p.req->type == P9_TCLUNK || p.req->type == P9_TREMOVE) && fid < FAKE_FIDS)
        s->fids[fid].clunking = false;
    struct p9_request *req = p.req;
    u64 head = MIN(p.reply.len, req->in.len);
    if (p.held && p.cancelled) {
        p.reply.written = 0;
        head = p.reply.len = 0;
        if (made != ~0u) /* it never happened */
            s->fids[made].file = NULL;
    }
    if (head)
        memcpy(mem_virt(req->in.pa), p.reply.bytes, head);
    if (req->payload_in)
        mem_to_spans(req->payload, req->npayload, 0, p.reply.bytes + head, p.reply.len - head);
    free(p.reply.bytes);
    struct span in = req->in;
    p9_complete(req, p.reply.written, p.reply.error);
    for (u64 i = 0; s->rewrites && i < in.len; i++)
        ((u8 *)mem_virt(in.pa))[i] ^= 0xff;
}

/* A held request is ready when it was flushed; with flush_first only when no Rflush is on its way. */
static bool ready(const struct fake_9p *s, const struct fake_pending *p)
{
    if (!p->kicked || (p->held && !p->cancelled))
        return false;
    for (unsigned i = 0; i < s->npending; i++) {
        const struct fake_pending *other = &s->pending[i];
        if (p->held && s->flush_first && other->req->type == P9_TFLUSH)
            return false;
        if (p->req->type == P9_TFLUSH && !s->flush_first && other->held && other->cancelled)
            return false;
    }
    return true;
}

static int fake_wait(struct p9_link *link, unsigned n_expected)
{
    (void)n_expected;
    struct fake_9p *s = server_of(link);
    unsigned could[P9_REQUESTS], n = 0;
    if (s->die_wait && --s->die_wait == 0)
        fake_9p_kill(s);
    if (s->dead)
        return -EIO;
    for (unsigned i = 0; i < s->npending; i++) {
        if (!s->pending[i].kicked)
            fake_9p_violated(s, "waits for what was not kicked");
        if (ready(s, &s->pending[i]))
            could[n++] = i;
    }
    if (n == 0) {
        fake_9p_violated(s, "waits for ever");
        fake_9p_kill(s);
        return -EIO;
    }
    s->seed = s->seed * 1103515245 + 12345;
    if (s->order == FAKE_ALL)
        while (n--)
            deliver(s, could[n]);
    else
        deliver(s, could[s->order == FAKE_FIRST ? 0 : s->order == FAKE_LAST ? n - 1 : (s->seed >> 16) % n]);
    return 0;
}

static int fake_restart(struct p9_link *link)
{
    struct fake_9p *s = server_of(link);
    if (!s->dead || s->npending)
        fake_9p_violated(s, "restarts a link that works");
    if (!s->lives)
        return -EIO;
    s->lives--;
    s->dead = false;
    if (s->shrinks)
        link->max_spans = 1;
    s->die_after = s->dies_again ? s->log_len + 1 : 0;
    memset(s->fids, 0, sizeof s->fids);
    return 0;
}

void fake_9p_kill(struct fake_9p *s)
{
    s->dead = true;
    while (s->npending) {
        struct fake_pending p = s->pending[--s->npending];
        free(p.reply.bytes);
        p9_complete(p.req, 0, -EIO);
    }
}

unsigned fake_9p_fids(const struct fake_9p *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < FAKE_FIDS; i++)
        n += s->fids[i].file && s->fids[i].file != &ghost;
    return n;
}

void fake_9p_forget(struct fake_9p *s)
{
    memset(s->seen, 0, sizeof s->seen);
    s->log_len = s->most_in_flight = 0;
}

void fake_9p_init(struct fake_9p *s, struct fake_file *root)
{
    static const struct p9_link_ops ops = {
        .submit = fake_submit, .kick = fake_kick, .wait = fake_wait, .restart = fake_restart};
    memset(s, 0, sizeof *s);
    s->root = root;
    s->held_type = F_UNLCK;
    s->link = (struct p9_link){.ops = &ops, .priv = s, .max_spans = P9_SPANS, .depth = P9_REQUESTS};
}
