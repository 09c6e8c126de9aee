/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs_9p - /sys/fs/9p/TAG: what each 9P client has sent and waited for. */
#include "9p.h"
#include "attrfs.h"
#include "later.h"
#include "print.h"

/* What was put off goes out before it is counted. */
static const struct p9_counters *counters(const void *client)
{
    later_rest();
    return p9_counters(client);
}

ATTRFS_LINE(messages, struct p9, "%lu\n", counters(o)->messages)
ATTRFS_LINE(waits, struct p9, "%lu\n", counters(o)->waits)
ATTRFS_LINE(kicks, struct p9, "%lu\n", counters(o)->kicks)
ATTRFS_LINE(fids, struct p9, "%lu\n", counters(o)->fids)

/* 1: what is asked of a fid goes out with the walk that makes it. Found out when it begins to matter. */
ATTRFS_LINE(in_order, struct p9, "%u\n", counters(o)->in_order)

/* A line for each type that was sent. */
ATTRFS_SHOW(by_type)
{
    static const char *const names[128] = {
        [P9_TSTATFS] = "Tstatfs",
        [P9_TLOPEN] = "Tlopen",
        [P9_TLCREATE] = "Tlcreate",
        [P9_TSYMLINK] = "Tsymlink",
        [P9_TMKNOD] = "Tmknod",
        [P9_TRENAME] = "Trename",
        [P9_TREADLINK] = "Treadlink",
        [P9_TGETATTR] = "Tgetattr",
        [P9_TSETATTR] = "Tsetattr",
        [P9_TXATTRWALK] = "Txattrwalk",
        [P9_TREADDIR] = "Treaddir",
        [P9_TFSYNC] = "Tfsync",
        [P9_TXATTRCREATE] = "Txattrcreate",
        [P9_TLOCK] = "Tlock",
        [P9_TGETLOCK] = "Tgetlock",
        [P9_TLINK] = "Tlink",
        [P9_TMKDIR] = "Tmkdir",
        [P9_TRENAMEAT] = "Trenameat",
        [P9_TUNLINKAT] = "Tunlinkat",
        [P9_TVERSION] = "Tversion",
        [P9_TATTACH] = "Tattach",
        [P9_TFLUSH] = "Tflush",
        [P9_TWALK] = "Twalk",
        [P9_TREAD] = "Tread",
        [P9_TWRITE] = "Twrite",
        [P9_TCLUNK] = "Tclunk",
        [P9_TREMOVE] = "Tremove",
    };
    const u64 *count = counters(object)->by_type;
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (names[i] && count[i])
            attrfs_add(out, "%s %lu\n", names[i], count[i]);
    return 0;
}

static const struct attrfs_file files[] = {
    {"messages", 0444, show_messages, 0, NULL}, {"waits", 0444, show_waits, 0, NULL},
    {"kicks", 0444, show_kicks, 0, NULL},       {"by_type", 0444, show_by_type, 0, NULL},
    {"fids", 0444, show_fids, 0, NULL},         {"in_order", 0444, show_in_order, 0, NULL},
};

static const void *client(unsigned *i, char path[ATTRFS_PATH])
{
    const char *tag;
    const struct p9 *p = p9_client(*i, &tag);
    if (p)
        print_text(path, ATTRFS_PATH, "sys/fs/9p/%s", tag);
    return p;
}

ATTRFS_CLASS(p9_clients) = {.object = client, .files = files, .nfiles = ARRAY_LEN(files)};
