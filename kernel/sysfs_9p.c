/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sysfs_9p - /sys/fs/9p/TAG: what each 9P client has sent and waited for. */
#include "9p.h"
#include "print.h"
#include "sysfs.h"

static const struct p9_counters *counters(const void *object)
{
    return p9_counters(object);
}

static s64 show_number(u64 n, char *buf, size_t size)
{
    size_t len = print_text(buf, size, "%lu\n", n);
    return (s64)(size ? MIN(len, size - 1) : 0);
}

static s64 show_messages(const void *object, char *buf, size_t size)
{
    return show_number(counters(object)->messages, buf, size);
}

static s64 show_waits(const void *object, char *buf, size_t size)
{
    return show_number(counters(object)->waits, buf, size);
}

static s64 show_kicks(const void *object, char *buf, size_t size)
{
    return show_number(counters(object)->kicks, buf, size);
}

/* A line for each type that was sent. */
static s64 show_by_type(const void *object, char *buf, size_t size)
{
    static const char *const names[128] = {
        [P9_TSTATFS] = "Tstatfs",   [P9_TLOPEN] = "Tlopen",     [P9_TREADLINK] = "Treadlink",
        [P9_TGETATTR] = "Tgetattr", [P9_TREADDIR] = "Treaddir", [P9_TVERSION] = "Tversion",
        [P9_TATTACH] = "Tattach",   [P9_TFLUSH] = "Tflush",     [P9_TWALK] = "Twalk",
        [P9_TREAD] = "Tread",       [P9_TCLUNK] = "Tclunk",
    };
    const u64 *count = counters(object)->by_type;
    size_t len = 0;
    for (unsigned i = 0; i < ARRAY_LEN(names) && len < size; i++)
        if (names[i] && count[i])
            len += print_text(buf + len, size - len, "%s %lu\n", names[i], count[i]);
    return (s64)(size ? MIN(len, size - 1) : 0);
}

static const struct sysfs_attr attrs[] = {
    {"messages", 0444, show_messages},
    {"waits", 0444, show_waits},
    {"kicks", 0444, show_kicks},
    {"by_type", 0444, show_by_type},
};

static const void *object(unsigned i, char name[32])
{
    const char *tag;
    const struct p9 *client = p9_client(i, &tag);
    if (client)
        print_text(name, 32, "%s", tag);
    return client;
}

SYSFS_CLASS(p9_clients) = {.path = "fs/9p", .object = object, .attrs = attrs, .nattrs = ARRAY_LEN(attrs)};
