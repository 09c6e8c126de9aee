/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_poll - what poll() and select() wait for, over files whose devices call while something else is waited for: tests of kernel/sys_poll.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fake_arch.h"

#include "../../kernel/sys_poll.c"

/* ---- the program ---- */

static struct proc self = {.limits = {[PROC_LIMIT_FDS] = {PROC_FDS, PROC_FDS}}};
struct proc *proc_current = &self;
static bool signalled;

struct file *proc_file(u32 fd)
{
    return fd < PROC_FDS ? self.fds[fd] : NULL;
}

int proc_copy_in(void *dst, u64 va, u64 len)
{
    __builtin_memcpy(dst, (void *)va, len);
    return 0;
}

int proc_copy_out(u64 va, const void *src, u64 len)
{
    __builtin_memcpy((void *)va, src, len);
    return 0;
}

int proc_fd_add(struct file *file, unsigned lowest, bool cloexec)
{
    (void)file, (void)lowest, (void)cloexec;
    return -EMFILE;
}

int proc_fd_close(u32 fd)
{
    (void)fd;
    return -EBADF;
}

u64 timer_next(void)
{
    return NEVER;
}

bool signal_waiting(void)
{
    return signalled;
}

void signal_mask(u64 mask)
{
    (void)mask;
}

/* ---- its files: two, each behind a device ---- */

static bool ready[2];
static bool meanwhile; /* the first one's device calls while the second one's is waited for */
static unsigned slept;

static u32 look(struct node *node)
{
    if (node->id == 1 && meanwhile) {
        meanwhile = false;
        ready[0] = true;
        arch_wait();
    }
    return ready[node->id] ? POLLIN : 0;
}

static const struct fs_ops ops = {.poll = look};
static struct fs fs = {.ops = &ops};
static struct file files[2] = {{.node = {.fs = &fs, .id = 0}}, {.node = {.fs = &fs, .id = 1}}};

/* The kernel sleeps: by then the second one's device has something. */
static void sleep(void)
{
    slept++;
    ready[1] = true;
}

static int start(void **state)
{
    (void)state;
    fake_reset();
    fake_idle = sleep;
    ready[0] = ready[1] = meanwhile = signalled = false;
    self.fds[0] = &files[0];
    self.fds[1] = &files[1];
    slept = 0;
    return 0;
}

static s64 poll_both(struct pollfd p[2], s64 ms)
{
    p[0] = (struct pollfd){0, POLLIN, 0};
    p[1] = (struct pollfd){1, POLLIN, 0};
    return sys_poll((u64[6]){(u64)p, 2, (u64)ms});
}

static s64 select_both(u64 *set)
{
    *set = 3;
    return sys_select((u64[6]){2, (u64)set});
}

/* Nobody calls a second time for what came then: to sleep now would be to sleep for nothing. */
static void what_came_while_another_file_was_waited_for_is_seen_without_sleep(void **state)
{
    struct pollfd p[2];
    u64 set;
    (void)state;
    meanwhile = true;
    fake_idle = NULL;
    u64 before = arch_heartbeats();
    assert_int_equal(poll_both(p, -1), 1);
    assert_int_equal(p[0].revents, POLLIN);
    assert_int_equal(p[1].revents, 0);
    assert_in_range(arch_heartbeats() - before, 0, 1); /* that of arch_wait() */
    ready[0] = false;
    meanwhile = true;
    before = arch_heartbeats();
    assert_int_equal(select_both(&set), 1);
    assert_int_equal(set, 1);
    assert_in_range(arch_heartbeats() - before, 0, 1);
}

static void it_sleeps_until_something_comes(void **state)
{
    struct pollfd p[2];
    u64 set;
    (void)state;
    assert_int_equal(poll_both(p, -1), 1);
    assert_int_equal(p[1].revents, POLLIN);
    assert_int_equal(slept, 1);
    ready[1] = false;
    assert_int_equal(select_both(&set), 1);
    assert_int_equal(set, 2);
    assert_int_equal(slept, 2);
    assert_int_equal(poll_both(p, -1), 1);
    assert_int_equal(slept, 2);
}

static void a_signal_ends_it_and_no_time_is_no_sleep(void **state)
{
    struct pollfd p[2];
    (void)state;
    assert_int_equal(poll_both(p, 0), 0);
    assert_int_equal(slept, 0);
    signalled = true;
    assert_int_equal(poll_both(p, -1), -EINTR);
    assert_int_equal(slept, 0);
    ready[0] = true;
    assert_int_equal(poll_both(p, -1), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
    const struct CMUnitTest tests[] = {
        T(what_came_while_another_file_was_waited_for_is_seen_without_sleep),
        T(it_sleeps_until_something_comes),
        T(a_signal_ends_it_and_no_time_is_no_sleep),
    };
    return cmocka_run_group_tests_name("sys_poll", tests, NULL, NULL);
}
