/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* virtio_wait - waiting for a device (virtio 1.x, 2.7.7, 2.7.14): an interrupt, a spin where that pays, a look now and then where nothing else comes; and
 * giving up.
 *
 * The processor sleeps, first of all: where it shares a CPU with those who answer, that is soonest over. Only one wait in some thousand looks for the answer
 * again and again for a few microseconds. If it comes within them, as it may where the host has a CPU to spare, the next wait does so, too, and as long as it
 * goes well; each time in vain makes the trials rarer. */
#include "virtio.h"

#include "arch.h"
#include "cmdline.h"
#include "later.h"
#include "print.h"
#include "virtq.h"

enum {
    POLLS_EAGER = 100000,
    SLEEPS_WITHOUT_INTERRUPT = 3,
    SPIN_CYCLES = 1 << 15, /* what being woken costs on hardware, or less */
    TRIALS_FIRST = 1024,   /* waits from one trial to the next */
    TRIALS_LAST = 1 << 20,
    LUCK_MAX = 8,
    LUCK_LOST = 3 /* by one miss */
};

/* Nanoseconds between two looks at a queue that is polled, and at one that may be idle. */
#define SHORTEST_NAP 200000ull
#define LONGEST_NAP  10000000ull
#define IDLE_FIRST   100000000ull
#define IDLE_LONGEST 10000000000ull

/* Heartbeats without an answer after which a device is given up. */
static u64 silence(void)
{
    static u64 bound;
    const char *value = bound || !cmdline_boot ? NULL : cmdline_option(cmdline_boot, "virtio.silence", 0);
    if (value && (!cmdline_number(value, &bound) || !bound))
        log_warn("virtio.silence=%s is no number of heartbeats above 0; taking %u", value, VIRTIO_SILENCE);
    if (!bound)
        bound = VIRTIO_SILENCE;
    return bound;
}

/* A wait begins. The one before, if it still spun, has had its answer. */
static void begin_spin(struct virtq *q)
{
    if (q->spun_from) {
        q->counters.spins++;
        q->luck = (u8)MIN(q->luck + 1, LUCK_MAX);
        q->trials = q->trial = TRIALS_FIRST;
    } else if (!q->trials)
        q->trials = q->trial = TRIALS_FIRST;
    bool spins = q->luck || --q->trial == 0;
    q->spun_from = spins && q->vector != VIRTIO_NO_VECTOR ? arch_cycles() : 0;
}

/* true: for a moment; false: there is nothing to be had by it, or no more. */
static bool spin(struct virtq *q)
{
    if (arch_cycles() - q->spun_from < SPIN_CYCLES) {
        arch_wait_ns(0);
        return true;
    }
    q->spun_from = 0;
    q->counters.misses++;
    q->luck -= MIN(q->luck, LUCK_LOST);
    if (!q->luck)
        q->trial = q->trials = MIN(q->trials * 2, TRIALS_LAST);
    return false;
}

/* Looks at the device itself only when it was silent for a heartbeat, or called: reading its status costs an exit from the guest. */
static const char *look(struct virtio_device *dev, struct virtq *q)
{
    u64 now = arch_heartbeats(), progress = q->counters.requests + q->counters.completed;
    if (progress != q->progress) {
        q->progress = progress;
        q->since = q->beat = now;
        q->polls = q->idles = 0;
        begin_spin(q);
    }
    dev->silent = now - q->since >= silence();
    dev->silences += dev->silent;
    if (dev->silent)
        return "it is silent";
    if (now == q->beat && dev->config_changes == dev->config_seen)
        return NULL;
    q->beat = now;
    return virtio_ailment(dev);
}

/* Where no interrupt comes: looks again and again at first, then sleeps in between, the longer the longer nothing happened. */
static void poll(struct virtq *q)
{
    if (++q->polls > POLLS_EAGER)
        arch_wait_ns(MIN(LONGEST_NAP, SHORTEST_NAP * (1 + (q->polls - POLLS_EAGER) / 64)));
}

/* A heartbeat that finds a request finished of which no interrupt told may be chance once, not three times running; where it was to tell of several only,
 * it is none. */
static void nap(struct virtio_device *dev, struct virtq *q, unsigned n, u64 ns)
{
    u64 interrupts = q->counters.interrupts, beat = arch_heartbeats();
    if (q->vector == VIRTIO_NO_VECTOR) {
        poll(q);
        return;
    }
    if (ns)
        arch_wait_ns(ns);
    else
        arch_wait();
    if (q->counters.interrupts != interrupts)
        q->sleeps = 0;
    else if (n == 1 && arch_heartbeats() != beat && virtq_arm(q, 1) && ++q->sleeps == SLEEPS_WITHOUT_INTERRUPT) {
        log_warn("%s: queue %u finishes requests without an interrupt; polling it", dev->name, q->index);
        q->vector = VIRTIO_NO_VECTOR;
    }
}

/* ns: no longer than so, 0: until the next heartbeat. */
static int wait(struct virtio_device *dev, struct virtq *q, unsigned n, u64 ns)
{
    if (dev->failed || q->broken)
        return -EIO;
    const char *why = look(dev, q);
    if (why) {
        virtio_fail(dev, why);
        return -EIO;
    }
    if (q->spun_from && spin(q))
        return 0;
    if (!virtq_arm(q, (u16)n))
        nap(dev, q, n, ns);
    return 0;
}

int virtio_wait(struct virtio_device *dev, struct virtq *q)
{
    return wait(dev, q, 1, 0);
}

int virtio_wait_for(struct virtio_device *dev, struct virtq *q, unsigned n)
{
    return wait(dev, q, MAX(MIN(n, virtq_in_flight(q)), 1u), 0);
}

int virtio_idle(struct virtio_device *dev, struct virtq *q)
{
    q->since = arch_heartbeats();
    later_rest();
    return wait(dev, q, 1, 0);
}

int virtio_rest(struct virtio_device *dev, struct virtq *q)
{
    q->since = arch_heartbeats();
    later_rest();
    return wait(dev, q, 1, MIN(IDLE_FIRST << MIN(q->idles++, 7u), IDLE_LONGEST));
}

bool virtio_listen(struct virtio_device *dev, struct virtq *q)
{
    return !dev->failed && q->vector != VIRTIO_NO_VECTOR && !virtq_arm(q, 1);
}
