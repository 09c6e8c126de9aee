/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* vfs - paths, mounts and open files over any file system that fills struct fs_ops (the verbs of 9P2000.L). */
#ifndef VFS_H
#define VFS_H

#include "base.h"

enum {
    VFS_PATH_MAX = 4096, /* bytes of a path with its terminator, as Linux's PATH_MAX */
    VFS_NAME_MAX = 255,  /* bytes of one name */
    VFS_LINKS_MAX = 40,  /* symbolic links followed in one look-up, as on Linux */
    VFS_MOUNTS = 32,
};

/* Open flags: Linux x86-64's, which are 9P2000.L's. */
enum {
    O_RDONLY = 0,
    O_WRONLY = 1,
    O_RDWR = 2,
    O_ACCMODE = 3,
    O_CREAT = 0100,
    O_EXCL = 0200,
    O_NOCTTY = 0400,
    O_TRUNC = 01000,
    O_APPEND = 02000,
    O_NONBLOCK = 04000,
    O_DSYNC = 010000,
    O_DIRECT = 040000,
    O_LARGEFILE = 0100000,
    O_DIRECTORY = 0200000,
    O_NOFOLLOW = 0400000,
    O_NOATIME = 01000000,
    O_CLOEXEC = 02000000,
    O_SYNC = 04010000,
    O_PATH = 010000000,
    O_TMPFILE = 020200000, /* with O_DIRECTORY */
};

/* What an access mode allows; that of all ones is for ioctl() only. */
static inline bool vfs_may_read(u32 flags)
{
    return !(flags & O_WRONLY);
}

static inline bool vfs_may_write(u32 flags)
{
    return (flags + 1) & O_RDWR;
}

/* File types in a mode, and some of its other bits. */
enum {
    S_IFMT = 0170000,
    S_IFSOCK = 0140000,
    S_IFLNK = 0120000,
    S_IFREG = 0100000,
    S_IFBLK = 0060000,
    S_IFDIR = 0040000,
    S_IFCHR = 0020000,
    S_IFIFO = 0010000,
    S_ISUID = 04000,
    S_ISGID = 02000,
    S_IXGRP = 010,
};

/* 9P's qid: which object this is. type: QID_DIR, QID_SYMLINK or 0 for all else. */
enum { QID_DIR = 0x80, QID_SYMLINK = 0x02 };
struct qid {
    u8 type;
    u32 version;
    u64 path; /* the inode number that programs see */
};

/* A handle on one object of one file system, held by exactly one owner and given back by clunk. On 9P: a fid. */
struct node {
    struct fs *fs; /* NULL: no node */
    u64 id;        /* the file system's */
    struct qid qid;
    bool open;    /* open() succeeded on it */
    u8 known;     /* NODE_*: another owner has it too, so that clunk may leave it as it is */
    bool told;    /* others may wait for its end: it was open for writing */
    bool through; /* every read and write goes to the server at once (O_DIRECT, O_DSYNC, O_SYNC) */
};

/* What a walk for VFS_NEXT_CHANGE may give: what it starts from; one that is kept behind clunk; one that was kept, and not walked to again. And one for
 * VFS_NEXT_WALK: what it starts from, which is its mount's. */
enum { NODE_IS_ITSELF = 1, NODE_IS_KEPT, NODE_IS_KNOWN, NODE_IS_ROOT };

struct timestamp {
    u64 sec;
    u64 nsec;
};

/* Device numbers as Linux packs them into 64 bits, and 9P too. */
static inline u64 vfs_device(u64 major, u64 minor)
{
    return (minor & 0xff) | (major & 0xfff) << 8 | (minor & ~0xffull) << 12 | (major & ~0xfffull) << 32;
}

static inline u32 vfs_device_major(u64 dev)
{
    return (u32)((dev >> 8 & 0xfff) | (dev >> 32 & ~0xfffull));
}

static inline u32 vfs_device_minor(u64 dev)
{
    return (u32)((dev & 0xff) | (dev >> 12 & ~0xffull));
}

struct attr {
    struct qid qid;
    u32 mode, uid, gid;
    u32 rdev_major, rdev_minor;
    u64 nlink, size, blksize, blocks; /* blocks of 512 bytes */
    struct timestamp atime, mtime, ctime, btime;
};

/* What setattr is to change: bits of Tsetattr's valid. */
enum {
    CHANGE_MODE = 1,
    CHANGE_UID = 2,
    CHANGE_GID = 4,
    CHANGE_SIZE = 8,
    CHANGE_ATIME = 0x10,
    CHANGE_MTIME = 0x20,
    CHANGE_CTIME = 0x40,
    CHANGE_ATIME_SET = 0x80, /* to atime below; without: to the server's now */
    CHANGE_MTIME_SET = 0x100,
};
struct attr_change {
    u32 valid;
    u32 mode, uid, gid;
    u64 size;
    struct timestamp atime, mtime;
};

enum { XATTR_CREATE = 1, XATTR_REPLACE = 2, XATTR_SIZE_MAX = 65536 };

/* A lock on a range of bytes. type: F_RDLCK, F_WRLCK, F_UNLCK. len 0: to the end, wherever that will be. */
enum { F_RDLCK, F_WRLCK, F_UNLCK };
struct file_lock {
    u8 type;
    u32 pid; /* whose it is */
    u64 start, len;
};

struct fs_stat {
    u32 type, bsize, namelen;
    u64 blocks, bfree, bavail, files, ffree, fsid;
    bool readonly; /* mounted so; vfs.c fills it in */
};

struct name {
    const char *s; /* not terminated */
    u16 len;       /* 1..VFS_NAME_MAX, no '/', no NUL; may be ".."? never: vfs.c resolves those */
};

static inline struct name vfs_name(const char *s)
{
    return (struct name){s, (u16)strlen(s)};
}

static inline bool vfs_same_name(struct name a, struct name b)
{
    return a.len == b.len && memcmp(a.s, b.s, a.len) == 0;
}

/* One directory entry on its way up. */
struct dirent_info {
    u64 ino;
    u64 next;         /* cookie: continue behind this entry; opaque */
    u8 type;          /* DT_*: (mode & S_IFMT) >> 12; 0: not known */
    struct name name; /* "." and ".." come too; vfs.c has checked the rest */
};
/* Takes an entry; false: no room for it, stop. */
typedef bool (*dirent_fn)(void *ctx, const struct dirent_info *entry);

/*
 * What a file system can do. A verb that is absent answers EROFS where it would write, EINVAL/ENOTDIR/ENOTTY as Linux does where it would read.
 * Results: >= 0 good, -errno bad. All may wait.
 */
struct fs_ops {
    const char *type; /* "9p", "devtmpfs": what /proc/mounts shows */
    bool appends;     /* write() to a file opened with O_APPEND goes to its end; offset is VFS_CURRENT then */
    /* Starts (or joins) the session and yields the root. */
    int (*attach)(struct fs *fs, struct node *root);
    /* From `from`, which stays, along n names without following links. Returns how many names were walked; *out is a new node if that is n
     * (n may be 0: a clone), else untouched. qids[0..result) tell what was walked over. -ENOENT when not even the first was there. */
    int (*walk)(const struct node *from, const struct name *names, unsigned n, struct node *out, struct qid *qids);
    /* As walk(), then getattr() of what was found, of which no node stays: out->fs is NULL, out->qid tells what it is. But a link, if `follow` is
     * true, is only walked to. Absent: walk() and getattr() do. */
    int (*stat)(const struct node *from, const struct name *names, unsigned n, bool follow, struct node *out,
                struct qid *qids, struct attr *attr);
    /* Is it known, without a question, that the last of the names is not there and those before it are? Absent: it never is. */
    bool (*absent)(const struct node *from, const struct name *names, unsigned n);
    void (*clunk)(struct node *node);
    /* flags: O_*. Afterwards read/write/readdir work. attr, if not NULL, is filled as by getattr. */
    int (*open)(struct node *node, u32 flags, struct attr *attr);
    /* Bytes moved; less than asked only at the end of the file or on a device. 0: end of file. */
    s64 (*read)(struct node *node, const struct span *spans, unsigned n, u64 offset);
    s64 (*write)(struct node *node, const struct span *spans, unsigned n, u64 offset);
    /* Where those bytes of a file lie in memory, in one piece, as they will for ever: the physical address. 0: they do not. Absent: none do. */
    u64 (*lies)(const struct node *node, u64 offset, u64 len);
    /* What write() only kept goes out. tell: returns what became of it and of what went out before, once; else that is told later. Absent: write()
     * keeps nothing. */
    int (*flush)(struct node *node, bool tell);
    /* Gives entries behind cookie `from` (0: the start) to emit until it says stop, the directory ends, or about `room` bytes of entries were given.
     * Returns the number of entries taken; 0: the end. */
    int (*readdir)(struct node *node, u64 from, size_t room, dirent_fn emit, void *ctx);
    int (*getattr)(struct node *node, struct attr *attr);
    /* Target into buf, not terminated: its length; -ENAMETOOLONG when size is too small. */
    int (*readlink)(struct node *node, char *buf, size_t size);
    int (*statfs)(struct node *node, struct fs_stat *out);
    /* A device's control; arg is a program's value, `data` room that the caller copied in and will copy back. */
    int (*ioctl)(struct node *node, u32 cmd, void *data, size_t size);
    /* POLL* bits that hold now, and VFS_POLL_AGAIN; absent: reading and writing never wait. */
    u32 (*poll)(struct node *node);
    /* Makes and opens a regular file in `dir`, whose node becomes the file's when that succeeds. -EEXIST: the name is there. mode: permission
     * bits. attr: of a file that is new, the least: what it is, no size, the mode that was asked for. */
    int (*create)(struct node *dir, struct name name, u32 flags, u32 mode, struct attr *attr);
    int (*mkdir)(const struct node *dir, struct name name, u32 mode);
    /* Makes a directory for something to be mounted on; absent where that would change what is not ours. */
    int (*mount_point)(const struct node *dir, struct name name);
    int (*symlink)(const struct node *dir, struct name name, const char *target, size_t len);
    int (*mknod)(const struct node *dir, struct name name, u32 mode, u32 major, u32 minor);
    int (*link)(const struct node *dir, struct name name, const struct node *target);
    int (*rename)(const struct node *from, struct name old_name, const struct node *to, struct name new_name);
    int (*unlink)(const struct node *dir, struct name name, bool directory);
    int (*setattr)(struct node *node, const struct attr_change *change);
    int (*fsync)(struct node *node, bool data_only);
    /* The value of a named attribute, or with an empty name the list of names, each ended by NUL: its length. size 0: only asks; -ERANGE: it
     * is longer than size; -ENODATA: there is none. */
    s64 (*getxattr)(const struct node *node, struct name name, void *value, size_t size);
    /* flags: XATTR_CREATE, XATTR_REPLACE. value NULL: removes it (-ENODATA: there is none). */
    int (*setxattr)(const struct node *node, struct name name, const void *value, size_t size, u32 flags);
    /* On an open file: takes or gives back a lock, does not wait. -EAGAIN: another client has a part of the range. */
    int (*lock)(struct node *node, const struct file_lock *lock);
    /* Whoever keeps *lock from being taken goes to *lock; F_UNLCK: nobody. */
    int (*getlock)(struct node *node, struct file_lock *lock);
};

/* What a client may keep of what its server said: docs/coherence.md has the promise of each. */
enum { CACHE_NONE, CACHE_READAHEAD, CACHE_LOOSE };

/* One mountable tree: a share with a tag, or a built-in. Made by a driver; lives as long as anything has a node of it. */
struct fs {
    const struct fs_ops *ops;
    void *priv;
    struct fs *next;
    char tag[64]; /* what mount= names; NUL-terminated */
    u8 cache;     /* CACHE_*, as its last mount asked for */
    u8 next_verb; /* VFS_NEXT_*: what the node of the next walk will be asked; 0: not known */
    bool sync;    /* every write goes to the server before write() returns, whatever `cache` says */
};

/* An open file: what descriptors point to. Made by vfs_open, shared by dup, gone with the last vfs_put. */
struct file {
    struct file *next; /* among all that are open */
    u32 refs;
    u32 flags; /* O_* as F_GETFL tells them: O_LARGEFILE is always there, O_CLOEXEC and what matters only to open() never */
    u64 offset; /* bytes; for directories a cookie */
    struct node node;
    u16 mount; /* index in the mount table */
    bool directory;
    bool at_end;  /* the position is behind what was last appended, wherever that is */
    bool appends; /* whatever is written goes to the end: the server opened it so */
    u32 mode;     /* st_mode when it was opened */
    u32 rdev_major;
    bool removed; /* a directory that was removed: nobody can tell its name */
    char *path;   /* canonical, from "/", without links; renames through this kernel change it */
};

static inline u32 vfs_type(const struct file *file)
{
    return file->mode & S_IFMT;
}

/* Makes fs known under its tag. -EEXIST: another one has it (both stay; the first is found). */
int vfs_register(struct fs *fs);
/* Takes it from those that are found by tag. */
void vfs_unregister(struct fs *fs);
struct fs *vfs_find(const char *tag);
/* The i-th registered one; NULL: no more. */
struct fs *vfs_registered(unsigned i);

/* What words say of a mount, on the command line or in mount(2)'s data, which end by one of `ends`. Linux's for 9p that mean nothing here are taken. 0; 1:
 * one is unknown; -EINVAL: one has a value that it cannot have: that is *odd. */
struct mount_options {
    u32 flags;
    u8 cache;
    bool sync;
};
int vfs_mount_words(struct mount_options *o, const char *words, const char *ends, struct name *odd);

enum { MOUNT_READONLY = 1, MOUNT_LATER = 2 }; /* attached when a look-up comes there for the first time */
struct mount {
    struct fs *fs;
    struct node root;
    u32 flags;
    u16 index;  /* in the table; programs see index + 1 as st_dev */
    size_t len; /* of path; 0 for "/" */
    char *path;
};
/* Mounts fs at an absolute path, making the directory in initial files if it is missing. What was mounted there before is hidden. -EBUSY: fs itself
 * is what is there; -ENOSPC: the table is full. */
int vfs_mount(struct fs *fs, const char *path, u32 flags);
/* Gives up what is mounted at a path. -EINVAL: nothing is; -EBUSY: files of it are open, or another mount lies in it. */
int vfs_unmount(const struct file *at, const char *path);
/* The i-th of VFS_MOUNTS places; NULL: it is free. */
const struct mount *vfs_mount_get(unsigned i);
bool vfs_is_readonly(unsigned i);
/* The one that a canonical path ("" for "/") lies in. */
const struct mount *vfs_mount_of(const char *path);
/* Makes sure that its root is there. */
int vfs_mount_attach(const struct mount *mount);

/* What a path leads to. `node` is the caller's, who clunks it. `path` is canonical and stands until the next look-up. */
struct place {
    struct node node;
    u16 mount;  /* index in the mount table */
    bool last;  /* on -ENOENT: only the last name is missing, and it may be made; */
    bool vague; /* or which one is, some servers do not tell of several */
    const char *path;
};
/* Gives a node back, if it is one. */
void vfs_clunk(struct node *node);
enum { VFS_NOFOLLOW = 1, VFS_EMPTY = 2, VFS_CREATE = 4 };
/* With a look-up: what the node is asked first, if it is asked anything: getattr(); open() to read, and no more than that; readlink(); only to
 * change names in it; it is never opened. Some servers can be asked both at once. */
enum {
    VFS_NEXT_GETATTR = 8,
    VFS_NEXT_OPEN = 16,
    VFS_NEXT_READLINK = 32,
    VFS_NEXT_CHANGE = 64,
    VFS_NEXT_WALK = 128,
    VFS_NEXT = 248
};
/* The look-up under all the others. flags: VFS_NOFOLLOW: a link at the end is not followed; VFS_EMPTY: "" is `at` itself, of whatever type;
 * VFS_CREATE: for a file to be made if there is none; -EISDIR: the path, or a link at its end, says that it is a directory. */
int vfs_look_up(const struct file *at, const char *path, u32 flags, struct place *out);
/* The same for who wants only the attributes; there is no node to clunk. */
int vfs_look_up_attr(const struct file *at, const char *path, u32 flags, struct place *out, struct attr *attr);
/* The directory that holds a path's last name (next: VFS_NEXT_*); the name goes to `last`: "" for "/"; one that is too long is cut to one byte too many.
 * *slash: slashes stood behind it. */
int vfs_look_up_parent(const struct file *at, const char *path, u32 next, struct place *out,
                       char last[VFS_NAME_MAX + 2], bool *slash);
/* Is a canonical path this one or below it? Neither is "/". */
bool vfs_path_below(const char *path, const char *top);
/* Copies for vfs_path_free(), which takes NULL too; NULL: no memory. Of a canonical path, and of that of a name in a directory. */
char *vfs_path_copy(const char *path);
char *vfs_path_join(const char *dir, const char *name);
void vfs_path_free(char *path);
/* Replaces a path (of mem_new) at or below `from` by what it is after a rename to `to`. 0, or -ENOMEM: it stays. */
int vfs_path_moved(char **path, const char *from, const char *to);
/* The first of all open files, which go on by `next`. */
struct file *vfs_files(void);
/* The same for all mounts, and for all open files; and open directories are told that theirs is gone. */
void vfs_mounts_moved(const char *from, const char *to);
void vfs_files_moved(const char *from, const char *to);
void vfs_directory_removed(const char *path);
/* An object's end is about to move: open files that have appended to it learn their position now, all but `mover`. */
void vfs_settle(const struct node *node, const struct file *mover);

/*
 * Look-ups. `at`: the directory that a relative path starts from (NULL: "/"). Paths are NUL-terminated; errors are those of Linux: ENOENT (also
 * for ""), ENOTDIR, ELOOP, ENAMETOOLONG, EACCES...
 */
/* Cuts open flags to those that count; -EINVAL: they do not go together. vfs_open() does so itself. */
int vfs_open_flags(u32 *flags);
int vfs_open(const struct file *at, const char *path, u32 flags, u32 mode, struct file **out);
/* With what it was when it was opened. */
int vfs_open_to_read(const char *path, struct file **out, struct attr *attr);
/* An open file of a node that no path leads to, as its owner; NULL: no memory, and the node was clunked. flags: O_*. */
struct file *vfs_nameless(struct node *node, u32 flags);
void vfs_put(struct file *file);
struct file *vfs_get(struct file *file);
int vfs_getattr_path(const struct file *at, const char *path, u32 flags, struct attr *attr, u64 *dev);
/* Whether root may: EACCES for what nobody may execute, EROFS for what cannot be written. flags: as vfs_look_up. */
enum { VFS_EXECUTE = 1, VFS_WRITE = 2 };
int vfs_access(const struct file *at, const char *path, u32 flags, u32 rights);
/* Target into buf, not terminated; as readlink(2) it is cut to size. */
s64 vfs_readlink(const struct file *at, const char *path, char *buf, size_t size);
int vfs_statfs_path(const struct file *at, const char *path, struct fs_stat *out);

/*
 * What changes a tree. Errors are those of Linux: EEXIST, EROFS, EXDEV, EBUSY (a mount point), ENOTEMPTY...; mode: permission bits, the
 * program's umask already taken off.
 */
int vfs_mkdir(const struct file *at, const char *path, u32 mode);
int vfs_mknod(const struct file *at, const char *path, u32 mode, u32 major, u32 minor);
int vfs_symlink(const char *target, const struct file *at, const char *path);
/* flags: VFS_NOFOLLOW: a link itself gets another name. */
int vfs_link(const struct file *old_at, const char *old_path, const struct file *at, const char *path, u32 flags);
enum { RENAME_NOREPLACE = 1 };
int vfs_rename(const struct file *old_at, const char *old_path, const struct file *at, const char *path, u32 flags);
int vfs_unlink(const struct file *at, const char *path, bool directory);
/* change->valid 0: what was asked for is nothing that can be, which is told (EINVAL) when the file is found. */
int vfs_change_path(const struct file *at, const char *path, u32 flags, const struct attr_change *change);
int vfs_change(struct file *file, const struct attr_change *change);
int vfs_fsync(struct file *file, bool data_only);
/* Extended attributes, by path or (file not NULL) of an open file; results as in fs_ops. */
s64 vfs_getxattr(struct file *file, const struct file *at, const char *path, u32 flags, const char *name, void *value,
                 size_t size);
int vfs_setxattr(struct file *file, const struct file *at, const char *path, u32 flags, const char *name,
                 const void *value, size_t size, u32 how);

/*
 * Advisory locks. Who has one: a process, all of whose locks on a file go when it closes any descriptor of it; an open file, until it is gone; or an
 * open file by flock, which never meets the others and covers the whole file. -EAGAIN: somebody else has a part of the range. wait: until he
 * has not; -EDEADLK: that is `process` itself, which would wait for ever. F_UNLCK gives back. -ENOLCK: no memory, or too many locks.
 */
enum lock_kind { LOCK_PROCESS, LOCK_OFD, LOCK_FLOCK };
int vfs_lock(struct file *file, enum lock_kind kind, u64 process, const struct file_lock *lock, bool wait);
/* *lock becomes the one that stands in its way, pid -1 for an open file's; F_UNLCK: none. */
int vfs_getlock(struct file *file, enum lock_kind kind, u64 process, struct file_lock *lock);
/* A descriptor of the process is closed. */
void vfs_unlock_process(struct file *file, u64 process);
/* For vfs.c: the open file is gone. */
void vfs_unlock_file(struct file *file);

/* On open files. offset: bytes, or VFS_CURRENT to use and move the file's own. */
#define VFS_CURRENT (~0ull)
/*
 * Counts what this guest may have heard of the world outside: messages to servers (p9_send; but Tclunk), whatever is asked of devices, /proc and /sys (devfs.c,
 * attrfs.c) and of the machine's state (sysinfo), looks whether something can be read, signals, sleeping, and waiting for the other side of a port. Only what
 * comes from the program itself does not count: its memory, /tmp, the initial files. vfs_clock: when the program was last told the time, as arch_cycles().
 * vfs_began: vfs_heard when the change of names began that is under way: of what was heard since, the program knows nothing yet.
 */
extern u64 vfs_heard, vfs_clock, vfs_began;
/* What was asked for before it was needed can be given as if it were asked for now, if nothing was heard since: for as long as a program without a clock
 * could not tell, and a few milliseconds for one that looked at it. */
struct vfs_moment {
    u64 heard, cycles;
};
struct vfs_moment vfs_now(void);
bool vfs_is_still(struct vfs_moment then);
/* The program is being told the time. */
void vfs_tell_time(void);
/* Where what is read goes to a program's memory, whole pages of a file can go there as they are: the program has the pages [to, to+len) in the place of [from,
 * from+len) then, which are no longer its own but belong to the caller. `swap` gets the address of these in the program: `va` is that of the first byte of
 * the spans. Returns the bytes for which it could be done. NULL: it cannot. */
extern struct vfs_reader {
    u64 (*swap)(u64 va, u64 from, u64 to, u64 len);
    u64 va;
} vfs_reader;
s64 vfs_read(struct file *file, const struct span *spans, unsigned n, u64 offset);
/* What was written so far goes to the server, if it did not yet. tell: returns the error of that, and of what was not told yet; else it is kept. */
int vfs_flush(struct file *file, bool tell);
/* For bytes by which the kernel decides: they come in one piece to memory that no device was ever told of. */
s64 vfs_read_copy(struct file *file, void *bytes, size_t len, u64 offset);
s64 vfs_write(struct file *file, const struct span *spans, unsigned n, u64 offset);
/* -EINVAL: a block device was opened with O_DIRECT, and this is not a number of whole blocks. */
int vfs_check_direct(struct file *file, u64 offset, u64 len);
/* To the end, whatever the file was opened for; moves the position there if offset is VFS_CURRENT. */
s64 vfs_append(struct file *file, const struct span *spans, unsigned n, u64 offset);
/* Changes the flags that F_SETFL may change. */
int vfs_set_flags(struct file *file, u32 flags);
s64 vfs_seek(struct file *file, s64 offset, int whence);
/* A pipe or a device whose bytes have no positions. */
bool vfs_is_stream(const struct file *file);
/* Entries from the file's position on, the position moves behind the last one taken. Returns entries taken; 0: end; -ENOTDIR. */
int vfs_readdir(struct file *file, size_t room, dirent_fn emit, void *ctx);
int vfs_getattr(struct file *file, struct attr *attr, u64 *dev);
int vfs_statfs(struct file *file, struct fs_stat *out);
enum { FIONREAD = 0x541b };
/* What block devices are asked; the last three change them, which takes a file that may write. */
enum {
    HDIO_GETGEO = 0x301,
    BLKROGET = 0x125e,
    BLKGETSIZE = 0x1260,
    BLKFLSBUF = 0x1261,
    BLKSSZGET = 0x1268,
    BLKIOMIN = 0x1278,
    BLKIOOPT = 0x1279,
    BLKALIGNOFF = 0x127a,
    BLKPBSZGET = 0x127b,
    BLKDISCARDZEROES = 0x127c,
    BLKROTATIONAL = 0x127e,
    BLKBSZGET = 0x80081270,
    BLKGETSIZE64 = 0x80081272,
    BLKDISCARD = 0x1277,
    BLKSECDISCARD = 0x127d,
    BLKZEROOUT = 0x127f,
};
int vfs_ioctl(struct file *file, u32 cmd, void *data, size_t size);
/* What can be done now without waiting: bits of poll(2). */
enum {
    POLLIN = 1,
    POLLPRI = 2,
    POLLOUT = 4,
    POLLERR = 8,
    POLLHUP = 0x10,
    POLLNVAL = 0x20,
    POLLRDNORM = 0x40,
    POLLWRNORM = 0x100
};
/* With them: no interrupt tells when more becomes true, so look again soon. */
#define VFS_POLL_AGAIN (1u << 31)
u32 vfs_poll(struct file *file);

#endif
