/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* hvc - consoles that the host gives: /dev/hvc0 and so on. The first one stands in for the UART where there is none. */
#ifndef HVC_H
#define HVC_H

#include "base.h"

struct device;

#define HVC_FOREVER (~0ull)

/* The driver fills these, and in hvc_add()'s `node` the verbs of devfs.h for what programs do. */
struct hvc {
    struct device *node; /* the driver's, as long as the console's */
    void *priv;
    /* Sends all of it, for the kernel; false: it could not. The device may take so many heartbeats for a piece, and the caller is in the middle of
     * something; HVC_FOREVER: he is not, and waits as long as a terminal is stopped. */
    bool (*put)(struct hvc *hvc, const void *bytes, size_t n, u64 beats);
    /* What has come, at most n bytes. Never waits. */
    size_t (*take)(struct hvc *hvc, void *bytes, size_t n);
    u16 cols, rows; /* the driver may change them at any time */
    char name[8];   /* hvc.c's */
    struct hvc *next;
};

/* Publishes node under the next free name; its name, numbers, rights and ioctl are filled in. -ENOSPC: too many. */
int hvc_add(struct hvc *hvc);
void hvc_remove(struct hvc *hvc);

#endif
