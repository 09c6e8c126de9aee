/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* root - a root directory for a program on the host, in a mount namespace of its own, laid out like the guest's. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sheepskin.h"

static void write_file(const char *path, const char *line)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (write(fd, line, strlen(line)) < 0)
        errno = 0; /* what needs it fails next */
    close(fd);
}

static bool own_mounts(void)
{
    uid_t uid = getuid();
    gid_t gid = getgid();
    if (uid == 0)
        return !unshare(CLONE_NEWNS);
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS))
        return false;
    write_file("/proc/self/setgroups", "deny");
    write_file("/proc/self/uid_map", text("%u %u 1", uid, uid));
    write_file("/proc/self/gid_map", text("%u %u 1", gid, gid));
    return true;
}

static void bind(const char *from, const char *to, bool readonly)
{
    enum { LOCKED = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_NOATIME | MS_NODIRATIME };
    struct statvfs fs;
    if (mount(from, to, NULL, MS_BIND | MS_REC, NULL) ||
        (readonly &&
         (statvfs(to, &fs) || mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | (fs.f_flag & LOCKED), NULL))))
        fatal(STATUS_USAGE, "cannot show %s at %s: %s", from, to, strerror(errno));
}

bool root_enter(const struct request *req, const char *folder)
{
    static const char *const own[] = {"dev", "proc", "sys"}, *const initial[] = {"bin", "etc"};
    char *root = text("%s/root", folder);
    if (!own_mounts() || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("tmpfs", root, "tmpfs", 0, "mode=755"))
        return false;
    for (unsigned i = 0; i < sizeof own / sizeof *own; i++)
        bind(text("/%s", own[i]), tree_folder(root, own[i]), false);
    if (mount("tmpfs", tree_folder(root, "tmp"), "tmpfs", 0, "mode=1777"))
        return false;
    for (unsigned i = 0; i < sizeof initial / sizeof *initial; i++)
        bind(text("%s/initial/%s", folder, initial[i]), tree_folder(root, initial[i]), true);
    for (unsigned i = 0; i < req->nshares; i++)
        bind(req->shares[i].host, tree_folder(root, req->shares[i].guest + 1), req->shares[i].readonly);
    return !chroot(root) && !chdir(req->cwd);
}

bool root_granted(const char *folder)
{
    int how = 1;
    pid_t pid = fork();
    if (pid == 0)
        _exit(!own_mounts() || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
              mount("tmpfs", text("%s/root", folder), "tmpfs", 0, NULL));
    return pid > 0 && waitpid(pid, &how, 0) == pid && how == 0;
}
