/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* rand - random bytes: ChaCha20 (RFC 8439) over what the processor, the launcher (seed=) and devices give. */
#ifndef RAND_H
#define RAND_H

#include "base.h"

/* Mixes `len` bytes into the key. secret: nobody but us knows them. */
void rand_feed(const void *bytes, size_t len, bool secret);

/* len random bytes. false, with bytes that are not to be used for secrets, while nothing secret was ever fed. */
bool rand_bytes(void *bytes, size_t len);

#endif
