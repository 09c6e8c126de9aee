/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* time - the clocks, and waiting with a bound. Nothing is calibrated before somebody asks for the time. */
#include "time.h"
#include "arch.h"
#include "print.h"

#define PM_HZ      3579545ull /* ACPI 6.5, 4.8.3.3 */
#define PM_MASK    0xffffffull
#define PM_WINDOW  (PM_HZ / 500)   /* two milliseconds: 140 ppm of error */
#define PM_GLANCE  (PM_HZ / 10000) /* tells how long ago the start was, roughly */
#define GUESSED_HZ SECOND

static u16 pm_port;
static u64 hz, wall_at_start;
static u64 ns_per_cycle; /* times 2^32 */

/* Both clocks at one moment, or as many ticks of the PM timer apart. */
struct reading {
    u64 cycles, pm, apart;
};
static struct reading start;

static u64 pm_now(void)
{
    return arch_in(pm_port, 4) & PM_MASK;
}

static struct reading read_both(void)
{
    u64 before = pm_now(), cycles = arch_cycles(), apart = (pm_now() - before) & PM_MASK;
    return (struct reading){cycles, before + apart / 2, apart};
}

/* Who was kept waiting between two looks, by a host that has other things to do, looks again. */
static struct reading read_closely(void)
{
    enum { CLOSE = 60, TRIES = 8 }; /* 17 microseconds */
    struct reading best = read_both();
    for (unsigned tries = 1; tries < TRIES && best.apart > CLOSE; tries++) {
        struct reading next = read_both();
        best = next.apart < best.apart ? next : best;
    }
    return best;
}

void time_init(u16 port, u64 wall_ns)
{
    pm_port = port;
    wall_at_start = wall_ns;
    start = port ? read_both() : (struct reading){.cycles = arch_cycles()};
    hz = 0;
}

static u64 ticks_between(const struct reading *from, const struct reading *to)
{
    return (to->pm - from->pm) & PM_MASK;
}

/* The counter's rate over the next `window` ticks of the PM timer, or more. 0: it stands still, or the counter does. */
static u64 rate_over(u64 window)
{
    /* No product below passes 2^64: five seconds at 10 GHz times 3.6 MHz. */
    struct reading from = read_closely(), to = from;
    for (unsigned spins = 0; ticks_between(&from, &to) < window && spins < 1000000; spins++)
        to = read_closely();
    u64 ticks = ticks_between(&from, &to);
    return ticks < window ? 0 : (to.cycles - from.cycles) * PM_HZ / ticks;
}

/* The rate over the time since start, which passed with other work, where that is long enough and the 24 bits (4.7 s) have not gone round; a glance tells. Both
 * clocks are the host's: no reading is too odd to divide by. 0: they tell nothing. */
static u64 measure_hz(void)
{
    u64 rough = rate_over(PM_GLANCE);
    if (rough == 0)
        return 0;
    struct reading now = read_closely();
    u64 all = now.cycles - start.cycles, ticks = ticks_between(&start, &now);
    u64 rate = all / rough < 4 && ticks >= PM_WINDOW && start.apart < ticks / 128 ? all * PM_HZ / ticks : 0;
    return rate > rough - rough / 4 && rate < rough + rough / 4 ? rate : rate_over(PM_WINDOW);
}

/* The host's factor for cycles is mul / 2^32 * 2^shift nanoseconds. 0: no rate fits it. */
static u64 rate_of(u32 mul, int shift)
{
    enum { LONGEST = 31 };
    if (mul == 0 || shift > LONGEST || shift < -LONGEST)
        return 0;
    u64 rate = (SECOND << 32) / mul;
    if (shift >= 0)
        return rate >> shift;
    return rate > UINT64_MAX >> -shift ? 0 : rate << -shift;
}

/* What the host says while it says it: its version is odd while it writes, and another one afterwards. 0: it says nothing, or is never done. */
static u64 stated_hz(void)
{
    enum { TRIES = 1000 };
    const u8 *clock = arch_host_clock(true);
    if (!clock)
        return 0;
    u64 rate = 0;
    bool done = false;
    for (unsigned tries = 0; tries < TRIES && !done; tries++) {
        u32 version = arch_read32(clock + PVCLOCK_VERSION), mul = arch_read32(clock + PVCLOCK_MUL);
        int shift = (int8_t)arch_read8(clock + PVCLOCK_SHIFT);
        done = version && version % 2 == 0 && arch_read32(clock + PVCLOCK_VERSION) == version;
        rate = done ? rate_of(mul, shift) : 0;
    }
    arch_host_clock(false);
    return rate;
}

/* By any other rate the clock would stand still, or pass centuries; what tells one lies. 0: it told none. */
static u64 possible(u64 rate)
{
    return rate >= 1000000 && rate <= 1000000000000 ? rate : 0;
}

static void find_hz(void)
{
    hz = possible(arch_cycles_hz());
    hz = hz ? hz : possible(stated_hz());
    hz = hz || !pm_port ? hz : possible(measure_hz());
    hz = hz ? hz : possible(arch_cycles_measure());
    if (!hz) {
        hz = GUESSED_HZ;
        log_warn("no clock tells the processor's rate; taking 1 GHz, times may be wrong");
    }
    ns_per_cycle = (SECOND << 32) / hz;
}

u64 time_ns(void)
{
    if (!hz)
        find_hz();
    return (u64)((unsigned __int128)(arch_cycles() - start.cycles) * ns_per_cycle >> 32);
}

u64 time_wall_ns(void)
{
    if (!wall_at_start) {
        u64 now = time_ns();
        wall_at_start = arch_wall_seconds() * SECOND;
        wall_at_start = wall_at_start > now ? wall_at_start - now : 1;
    }
    return wall_at_start + time_ns();
}

void time_sleep(u64 ns)
{
    u64 start = time_ns(), passed;
    while ((passed = time_ns() - start) < ns)
        arch_wait_ns(ns - passed);
}

bool time_rarely(u64 *last)
{
    u64 now = arch_heartbeats() + 1;
    if (*last && now - *last < TIME_PATIENCE)
        return false;
    *last = now;
    return true;
}

bool time_patience(struct patience *p)
{
    enum { EAGER = 1000 };
    if (p->calls++ == 0)
        p->start = arch_heartbeats();
    if (p->calls > EAGER)
        arch_wait();
    return arch_heartbeats() - p->start < TIME_PATIENCE;
}
