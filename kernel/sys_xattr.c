/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sys_xattr - system calls on extended attributes: by path, by path without following a link, by descriptor. */
#include "mem.h"
#include "proc.h"
#include "sys_path.h"
#include "syscall.h"
#include "vfs.h"

enum { NAME_ROOM = 256 };

/* What attributes belong to. */
struct object {
    struct file *file; /* or */
    struct user_path path;
};
enum object_kind { PATH, LINK, FD };

static s64 find(struct object *o, enum object_kind kind, u64 arg)
{
    *o = (struct object){.file = NULL};
    if (kind != FD)
        return path_get(&o->path, AT_FDCWD, arg, kind == LINK ? AT_SYMLINK_NOFOLLOW : 0);
    o->file = proc_file((u32)arg);
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

/* The value, or with an empty name the list of names, to the program's [va, va+size). */
static s64 get(const u64 arg[6], enum object_kind kind, const char *name, u64 va, u64 size)
{
    struct object o;
    s64 got = find(&o, kind, arg[0]);
    if (got < 0)
        return got;
    size = MIN(size, (u64)XATTR_SIZE_MAX);
    size_t pages = (size + PAGE_SIZE - 1) / PAGE_SIZE;
    u64 pa = size ? mem_lend(pages) : 0;
    void *value = pa ? memset(mem_virt(pa), 0, size) : NULL;
    got = -ENOMEM;
    if (!size || value)
        got = vfs_getxattr(o.file, o.path.at, o.path.text, o.path.look, name, value, size);
    if (got > 0 && size && proc_copy_out(va, value, (u64)got) < 0)
        got = -EFAULT;
    mem_lent_back(pa, pa ? pages : 0);
    return let_go(&o, got);
}

static s64 get_named(const u64 arg[6], enum object_kind kind)
{
    char name[NAME_ROOM];
    s64 result = get_name(name, arg[1]);
    return result < 0 ? result : get(arg, kind, name, arg[2], arg[3]);
}

static s64 list(const u64 arg[6], enum object_kind kind)
{
    return get(arg, kind, "", arg[1], arg[2]);
}

/* value NULL: removes it. */
static s64 set(const u64 arg[6], enum object_kind kind, const char *name, const void *value)
{
    struct object o;
    s64 result = find(&o, kind, arg[0]);
    if (result < 0)
        return result;
    u64 size = value ? arg[3] : 0;
    return let_go(&o, vfs_setxattr(o.file, o.path.at, o.path.text, o.path.look, name, value, size, (u32)arg[4]));
}

static s64 set_named(const u64 arg[6], enum object_kind kind)
{
    char name[NAME_ROOM];
    if ((u32)arg[4] & ~(u32)(XATTR_CREATE | XATTR_REPLACE))
        return -EINVAL;
    s64 result = get_name(name, arg[1]);
    if (result < 0)
        return result;
    if (arg[3] > XATTR_SIZE_MAX)
        return -E2BIG;
    void *value = mem_new(arg[3] + 1);
    if (!value)
        return -ENOMEM;
    result = proc_copy_in(value, arg[2], arg[3]);
    if (result == 0)
        result = set(arg, kind, name, value);
    mem_delete(value, arg[3] + 1);
    return result;
}

static s64 remove_named(const u64 arg[6], enum object_kind kind)
{
    char name[NAME_ROOM];
    s64 result = get_name(name, arg[1]);
    return result < 0 ? result : set((const u64[6]){arg[0]}, kind, name, NULL);
}

#define THREE(verb, path_call, link_call, fd_call)                                                                     \
    SYSCALL(path_call)                                                                                                 \
    {                                                                                                                  \
        return verb(arg, PATH);                                                                                        \
    }                                                                                                                  \
    SYSCALL(link_call)                                                                                                 \
    {                                                                                                                  \
        return verb(arg, LINK);                                                                                        \
    }                                                                                                                  \
    SYSCALL(fd_call)                                                                                                   \
    {                                                                                                                  \
        return verb(arg, FD);                                                                                          \
    }

THREE(get_named, getxattr, lgetxattr, fgetxattr)
THREE(set_named, setxattr, lsetxattr, fsetxattr)
THREE(remove_named, removexattr, lremovexattr, fremovexattr)
THREE(list, listxattr, llistxattr, flistxattr)
