/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_xattr - system calls on extended attributes: by path, by path without following a link, by descriptor. */
#include "mem.h"
#include "proc.h"
#include "sys_path.h"
#include "syscall.h"
#include "vfs.h"

enum { NAME_ROOM = 256 };

/* What an attribute belongs to. */
struct object {
    struct file *file; /* or */
    struct user_path path;
    u32 flags;
};

static s64 by_path(struct object *o, u64 va, u32 flags)
{
    *o = (struct object){.flags = flags};
    return path_get(&o->path, AT_FDCWD, va);
}

static s64 by_fd(struct object *o, u64 fd)
{
    *o = (struct object){.file = proc_file((u32)fd)};
    return o->file ? 0 : -EBADF;
}

static s64 let_go(struct object *o, s64 result)
{
    return o->file ? result : path_put(&o->path, result);
}

static s64 get_name(char name[NAME_ROOM], u64 va)
{
    s64 len = proc_copy_string(name, va, NAME_ROOM);
    return len == -ENAMETOOLONG || len == 0 ? -ERANGE : MIN(len, 0);
}

static s64 get(struct object *o, const char *name, u64 va, u64 size)
{
    size = MIN(size, (u64)XATTR_SIZE_MAX);
    void *value = size ? mem_new(size) : NULL;
    if (size && !value)
        return -ENOMEM;
    s64 got = vfs_getxattr(o->file, o->path.at, o->path.text, o->flags, name, value, size);
    if (got > 0 && size && proc_copy_out(va, value, (u64)got) < 0)
        got = -EFAULT;
    mem_delete(value, size);
    return got;
}

static s64 get_named(struct object *o, s64 found, u64 name_va, u64 va, u64 size)
{
    char name[NAME_ROOM];
    if (found < 0)
        return found;
    s64 result = get_name(name, name_va);
    return let_go(o, result < 0 ? result : get(o, name, va, size));
}

static s64 set(struct object *o, const char *name, u64 va, u64 size, u32 how)
{
    /* An empty value would remove the attribute on the wire. */
    if (size > XATTR_SIZE_MAX)
        return -E2BIG;
    if (size == 0)
        return -EOPNOTSUPP;
    void *value = mem_new(size);
    if (!value)
        return -ENOMEM;
    s64 result = proc_copy_in(value, va, size);
    if (result == 0)
        result = vfs_setxattr(o->file, o->path.at, o->path.text, o->flags, name, value, size, how);
    mem_delete(value, size);
    return result;
}

static s64 set_named(struct object *o, s64 found, const u64 arg[6])
{
    char name[NAME_ROOM];
    if (found < 0)
        return found;
    s64 result = (u32)arg[4] & ~(u32)(XATTR_CREATE | XATTR_REPLACE) ? -EINVAL : get_name(name, arg[1]);
    return let_go(o, result < 0 ? result : set(o, name, arg[2], arg[3], (u32)arg[4]));
}

static s64 remove_named(struct object *o, s64 found, u64 name_va)
{
    char name[NAME_ROOM];
    if (found < 0)
        return found;
    s64 result = get_name(name, name_va);
    if (result == 0) /* there must be one to remove */
        result = vfs_getxattr(o->file, o->path.at, o->path.text, o->flags, name, NULL, 0);
    if (result >= 0)
        result = vfs_setxattr(o->file, o->path.at, o->path.text, o->flags, name, NULL, 0, 0);
    return let_go(o, result);
}

static s64 list(struct object *o, s64 found, u64 va, u64 size)
{
    return found < 0 ? found : let_go(o, get(o, "", va, size));
}

#define THREE(verb, path_call, link_call, fd_call, ...)                                                                \
    SYSCALL(path_call)                                                                                                 \
    {                                                                                                                  \
        struct object o;                                                                                               \
        return verb(&o, by_path(&o, arg[0], 0), __VA_ARGS__);                                                          \
    }                                                                                                                  \
    SYSCALL(link_call)                                                                                                 \
    {                                                                                                                  \
        struct object o;                                                                                               \
        return verb(&o, by_path(&o, arg[0], VFS_NOFOLLOW), __VA_ARGS__);                                               \
    }                                                                                                                  \
    SYSCALL(fd_call)                                                                                                   \
    {                                                                                                                  \
        struct object o;                                                                                               \
        return verb(&o, by_fd(&o, arg[0]), __VA_ARGS__);                                                               \
    }

THREE(get_named, getxattr, lgetxattr, fgetxattr, arg[1], arg[2], arg[3])
THREE(set_named, setxattr, lsetxattr, fsetxattr, arg)
THREE(remove_named, removexattr, lremovexattr, fremovexattr, arg[1])
THREE(list, listxattr, llistxattr, flistxattr, arg[1], arg[2])
