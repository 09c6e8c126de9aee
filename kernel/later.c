/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* later - work that an interrupt asks for, done when the kernel is in the middle of nothing. */
#include "later.h"

#include "arch.h"

/* The kernel runs with interrupts off but while it sleeps, so the lists need no more care than any other. */
static struct later *asked, *watches, *idles;
static u64 beat;
static bool running;

enum { BEAT = 100000000 };
#define SELDOM (100ull * BEAT)

static void put(struct later **list, struct later *work)
{
    if (work->asked)
        return;
    work->asked = true;
    work->next = *list;
    *list = work;
}

void later_ask(struct later *work)
{
    put(&asked, work);
}

void later_idle(struct later *work)
{
    put(&idles, work);
}

/* What is put off again meanwhile is so until the next time. */
void later_rest(void)
{
    struct later *w = idles, *next;
    for (idles = NULL; w; w = next) {
        next = w->next;
        w->asked = false;
        w->fn(w);
    }
}

void later_watch(struct later *work)
{
    if (work->watched)
        return;
    work->watched = true;
    work->next_watch = watches;
    watches = work;
}

void later_forget(struct later *work)
{
    LIST_REMOVE(asked, work, next);
    LIST_REMOVE(idles, work, next);
    LIST_REMOVE(watches, work, next_watch);
    work->asked = work->watched = false;
}

/* What is asked for while this runs is done at the next safe point, so that it ends. */
void later_run(void)
{
    u64 now = arch_heartbeats();
    if (running || (!asked && now == beat))
        return;
    for (struct later *w = now == beat ? NULL : watches; w; w = w->next_watch)
        later_ask(w);
    if (beat != now)
        later_rest();
    beat = now;
    running = true;
    unsigned rounds = 0;
    for (struct later *w = asked; w; w = w->next)
        rounds++;
    while (rounds-- && asked) {
        struct later *w = asked;
        asked = w->next;
        w->asked = false;
        w->fn(w);
    }
    running = false;
}

void later_sleep(u64 ns)
{
    u64 most = SELDOM;
    later_rest();
    for (const struct later *w = watches; w; w = w->next_watch)
        most = w->seldom ? most : BEAT;
    /* What was asked for since the last safe point raises no interrupt any more. */
    static bool awake;
    if (!(awake = asked && !awake))
        arch_wait_ns(MIN(ns, most));
    if (ns > BEAT)
        beat = ~0ull; /* whoever watches may be the one that was called */
    later_run();
}
