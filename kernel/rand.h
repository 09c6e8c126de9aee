/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* rand - random bytes: ChaCha20 (RFC 8439) over what the processor, the launcher (seed=) and devices give. */
#ifndef RAND_H
#define RAND_H

#include "base.h"

/* Mixes `len` bytes into the key. secret: nobody but us knows them. */
void rand_feed(const void *bytes, size_t len, bool secret);

/* A device that gives secret bytes: at most len, how many. wait: as long as it may take, but not for ever; else only what is there already. */
struct rand_source {
    struct rand_source *next;
    size_t (*give)(struct rand_source *source, void *bytes, size_t len, bool wait);
    bool given; /* enough of it went into the key */
};
/* The source lives until it is removed. Nothing is asked of it before somebody wants random bytes. */
void rand_add_source(struct rand_source *source);
void rand_remove_source(struct rand_source *source);

/* len random bytes. false, with bytes that are not to be used for secrets, while nothing secret was ever fed. Waits for a source only then. */
bool rand_bytes(void *bytes, size_t len);

#endif
