/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* syscall - every system call that there is: Linux x86-64's number and our function; the functions stand in sys_*.c. */
#ifndef SYSCALL_H
#define SYSCALL_H

#include "base.h"

struct arch_frame;

/* clang-format off */
#define SYSCALLS(X) \
    X(0, read) \
    X(1, write) \
    X(2, open) \
    X(3, close) \
    X(4, stat) \
    X(5, fstat) \
    X(6, lstat) \
    X(7, poll) \
    X(8, lseek) \
    X(9, mmap) \
    X(10, mprotect) \
    X(11, munmap) \
    X(12, brk) \
    X(13, rt_sigaction) \
    X(14, rt_sigprocmask) \
    X(15, rt_sigreturn) \
    X(16, ioctl) \
    X(17, pread64) \
    X(18, pwrite64) \
    X(19, readv) \
    X(20, writev) \
    X(21, access) \
    X(22, pipe) \
    X(23, select) \
    X(24, sched_yield) \
    X(25, mremap) \
    X(26, msync) \
    X(27, mincore) \
    X(28, madvise) \
    X(32, dup) \
    X(33, dup2) \
    X(34, pause) \
    X(35, nanosleep) \
    X(36, getitimer) \
    X(37, alarm) \
    X(38, setitimer) \
    X(39, own_id) /* getpid */ \
    X(40, sendfile) \
    X(41, socket) \
    X(42, not_socket) /* connect */ \
    X(43, not_socket) /* accept */ \
    X(44, not_socket) /* sendto */ \
    X(45, not_socket) /* recvfrom */ \
    X(46, not_socket) /* sendmsg */ \
    X(47, not_socket) /* recvmsg */ \
    X(48, not_socket) /* shutdown */ \
    X(49, not_socket) /* bind */ \
    X(50, not_socket) /* listen */ \
    X(51, not_socket) /* getsockname */ \
    X(52, not_socket) /* getpeername */ \
    X(53, socket) /* socketpair */ \
    X(54, not_socket) /* setsockopt */ \
    X(55, not_socket) /* getsockopt */ \
    X(56, clone) \
    X(57, fork) \
    X(58, fork) /* vfork */ \
    X(59, execve) \
    X(60, exit) \
    X(61, wait4) \
    X(62, kill) \
    X(63, uname) \
    X(72, fcntl) \
    X(73, flock) \
    X(74, fsync) \
    X(75, fdatasync) \
    X(76, truncate) \
    X(77, ftruncate) \
    X(79, getcwd) \
    X(80, chdir) \
    X(81, fchdir) \
    X(82, rename) \
    X(83, mkdir) \
    X(84, rmdir) \
    X(85, creat) \
    X(86, link) \
    X(87, unlink) \
    X(88, symlink) \
    X(89, readlink) \
    X(90, chmod) \
    X(91, fchmod) \
    X(92, chown) \
    X(93, fchown) \
    X(94, lchown) \
    X(95, umask) \
    X(96, gettimeofday) \
    X(97, getrlimit) \
    X(98, getrusage) \
    X(99, sysinfo) \
    X(100, times) \
    X(102, getuid) \
    X(104, getgid) \
    X(105, setuid) \
    X(106, setgid) \
    X(107, geteuid) \
    X(108, getegid) \
    X(109, setpgid) \
    X(110, zero) /* getppid */ \
    X(111, own_id) /* getpgrp */ \
    X(112, setsid) \
    X(113, setreuid) \
    X(114, setregid) \
    X(115, zero) /* getgroups */ \
    X(116, setgroups) \
    X(117, setresuid) \
    X(118, getresuid) \
    X(119, setresgid) \
    X(120, getresgid) \
    X(121, getpgid) \
    X(124, getpgid) /* getsid */ \
    X(127, rt_sigpending) \
    X(128, rt_sigtimedwait) \
    X(129, rt_sigqueueinfo) \
    X(130, rt_sigsuspend) \
    X(131, sigaltstack) \
    X(133, mknod) \
    X(137, statfs) \
    X(138, fstatfs) \
    X(140, getpriority) \
    X(141, setpriority) \
    X(142, sched_setparam) \
    X(143, sched_getparam) \
    X(144, sched_setscheduler) \
    X(145, sched_getscheduler) \
    X(146, sched_get_priority_max) \
    X(147, sched_get_priority_min) \
    X(148, sched_rr_get_interval) \
    X(149, mlock) \
    X(150, mlock) /* munlock */ \
    X(151, mlockall) \
    X(152, zero) /* munlockall */ \
    X(157, prctl) \
    X(158, arch_prctl) \
    X(160, setrlimit) \
    X(162, sync) \
    X(164, settimeofday) \
    X(165, mount) \
    X(166, umount2) \
    X(186, own_id) /* gettid */ \
    X(187, readahead) \
    X(188, setxattr) \
    X(189, lsetxattr) \
    X(190, fsetxattr) \
    X(191, getxattr) \
    X(192, lgetxattr) \
    X(193, fgetxattr) \
    X(194, listxattr) \
    X(195, llistxattr) \
    X(196, flistxattr) \
    X(197, removexattr) \
    X(198, lremovexattr) \
    X(199, fremovexattr) \
    X(200, tkill) \
    X(201, time) \
    X(202, futex) \
    X(203, sched_setaffinity) \
    X(204, sched_getaffinity) \
    X(217, getdents64) \
    X(218, own_id) /* set_tid_address */ \
    X(221, fadvise64) \
    X(222, timer_create) \
    X(223, timer_settime) \
    X(224, timer_gettime) \
    X(225, timer_getoverrun) \
    X(226, timer_delete) \
    X(227, clock_settime) \
    X(228, clock_gettime) \
    X(229, clock_getres) \
    X(230, clock_nanosleep) \
    X(231, exit) /* exit_group */ \
    X(234, tgkill) \
    X(247, wait4) /* waitid */ \
    X(257, openat) \
    X(258, mkdirat) \
    X(259, mknodat) \
    X(260, fchownat) \
    X(262, newfstatat) \
    X(263, unlinkat) \
    X(264, renameat) \
    X(265, linkat) \
    X(266, symlinkat) \
    X(267, readlinkat) \
    X(268, fchmodat) \
    X(269, faccessat) \
    X(270, pselect6) \
    X(271, ppoll) \
    X(273, zero) /* set_robust_list */ \
    X(277, sync_file_range) \
    X(280, utimensat) \
    X(285, fallocate) \
    X(288, not_socket) /* accept4 */ \
    X(292, dup3) \
    X(293, pipe2) \
    X(295, preadv) \
    X(296, pwritev) \
    X(302, prlimit64) \
    X(306, syncfs) \
    X(309, getcpu) \
    X(316, renameat2) \
    X(318, getrandom) \
    X(322, execve) /* execveat */ \
    X(325, mlock) /* mlock2 */ \
    X(326, copy_file_range) \
    X(327, preadv2) \
    X(328, pwritev2) \
    X(332, statx) \
    X(334, rseq) \
    X(435, clone3) \
    X(436, close_range) \
    X(439, faccessat2) \
    X(452, fchmodat2)
/* clang-format on */

/* The head of a system call's function. arg: what stood in rdi, rsi, rdx, r10, r8, r9. Returns what the program finds in rax: >= 0, or -errno. */
#define SYSCALL(name) s64 sys_##name(__attribute__((unused)) const u64 arg[6])

/* One that is no more than this expression. */
#define SYSCALL_IS(name, expression)                                                                                   \
    SYSCALL(name)                                                                                                      \
    {                                                                                                                  \
        return expression;                                                                                             \
    }

#define SYSCALL_PROTOTYPE(number, name) SYSCALL(name);
SYSCALLS(SYSCALL_PROTOTYPE)

/* The program's registers at the call that is being answered. */
extern struct arch_frame *syscall_frame;

/* Sends the signal of a timer that the program made, or of another. 1: it is ignored; -EAGAIN: no room. Until it is let in it can be taken back. */
enum { SIGNAL_NO_TIMER = 1u << 31 };
s64 signal_of_timer(u32 signal, u32 timer, u64 value);
void signal_forget_timer(u32 timer);
/* Such a signal is let in: the timer runs on, and tells how many more there would have been (sys_timer.c). */
u32 timer_go_on(u32 timer);
/* Sends the signals of timers whose time has come; and when the next one's comes, ~0: none runs (sys_timer.c). */
void timer_ring(void);
u64 timer_next(void);
/* What a clock says now; -EINVAL: there is none of this number (sys_time.c). */
s64 clock_value(u32 clock, u64 *ns);
/* A struct timespec in nanoseconds, at most as many as an s64 holds (sys_time.c). */
s64 timespec_in(u64 va, u64 *ns);
/* Sleeps until `end` on time_ns()'s clock; false: a signal is to be let in before (sys_signal.c). */
bool signal_sleep(u64 end);
/* Is one to be let in now? */
bool signal_waiting(void);
/* Until the end of this call, and of the handlers that are entered then, another mask of signals holds. */
void signal_mask(u64 mask);

#endif
