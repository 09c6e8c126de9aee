/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtq - what the device says in either ring, which is something else at each look: what is taken was given, with no more written than there was room.
 *
 * also kernel/virtq_split.c
 * also kernel/virtq_packed.c
 * flags split_chains: -eva-mlevel 20 -eva-domains equality,symbolic-locations -eva-equality-through-calls formals
 * flags split_tables: -eva-mlevel 20 -eva-domains equality,symbolic-locations -eva-equality-through-calls formals
 * flags packed_chains: -eva-mlevel 20 -eva-domains equality,symbolic-locations -eva-equality-through-calls formals
 * flags packed_tables: -eva-mlevel 20 -eva-domains equality,symbolic-locations -eva-equality-through-calls formals
 * plant split_chains: kernel/virtq.c: return id < q->size && -> return id <= q->size &&
 * plant split_chains: kernel/virtq.c: used.len > q->slots[used.id].room -> used.len > q->slots[used.id].room + 1
 * plant split_tables: kernel/virtq_split.c: ring[r->taken & (q->size - 1)]; -> ring[r->taken & q->size];
 * plant packed_chains: kernel/virtq_packed.c: n >= q->size - *at -> n > q->size - *at
 */
#include "kernel/virtq.c"

u64 mem_phys(const void *va)
{
    return (u64)va;
}

static void notify(struct virtq *q)
{
    (void)q;
}

enum { SIZE = 4 };

/* Requests in flight, and more answers than there can be. Chains fit twice, with 32 bytes of room each. */
static void use(u32 flags, u32 most)
{
    static const struct span spans[3] = {{0x1000, 16}, {0x2000, 32}, {0x3000, 16}};
    static int cookies[SIZE];
    struct virtq *q = virtq_new(0, SIZE, flags);
    u32 written = 0;
    if (!q)
        return;
    q->notify = notify;
    for (unsigned i = 0; i < SIZE; i++)
        virtq_add(q, spans, 1, 1 + i % 2, &cookies[i]);
    virtq_kick(q);
    for (unsigned i = 0; i < SIZE + 2; i++) {
        virtq_arm(q, 1);
        if (virtq_take(q, &written))
            must(written <= most);
    }
}

void prove_split_chains(void)
{
    use(0, 32);
}

void prove_split_tables(void)
{
    use(VIRTQ_INDIRECT | VIRTQ_EVENT_IDX, 48);
}

void prove_packed_chains(void)
{
    use(VIRTQ_PACKED, 32);
}

void prove_packed_tables(void)
{
    use(VIRTQ_PACKED | VIRTQ_INDIRECT | VIRTQ_EVENT_IDX, 48);
}
