/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* devfs - /dev, the memory devices and the console: tests of kernel/devfs.c and the drivers that publish there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cmdline.h"
#include "devfs.h"
#include "fake_arch.h"
#include "initfs.h"
#include "mem.h"
#include "rand.h"
#include "vfs.h"

static u8 *page;

static int mount(void **state)
{
    (void)state;
    assert_int_equal(initfs_init(NULL, 0), 0);
    devfs_init();
    assert_int_equal(vfs_mount(vfs_find("initfs"), "/", 0), 0);
    page = mem_virt(mem_pages(1, PAGE_SIZE));
    return vfs_mount(vfs_find("devtmpfs"), "/dev", 0);
}

static int begin(void **state)
{
    (void)state;
    fake_reset();
    cmdline_boot = NULL;
    return 0;
}

static void options(const char *text)
{
    static char copy[200];
    static struct cmdline c;
    strcpy(copy, text);
    assert_int_equal(cmdline_parse(&c, copy, strlen(copy)), 0);
    cmdline_boot = &c;
}

static struct file *must(const char *path, u32 flags)
{
    struct file *f;
    assert_int_equal(vfs_open(NULL, path, flags, 0, &f), 0);
    return f;
}

static s64 read_page(struct file *f, u64 n)
{
    memset(page, 0xee, PAGE_SIZE);
    return vfs_read(f, &(struct span){mem_phys(page), n}, 1, VFS_CURRENT);
}

static s64 write_text(struct file *f, const char *text)
{
    memcpy(page, text, strlen(text));
    return vfs_write(f, &(struct span){mem_phys(page), strlen(text)}, 1, VFS_CURRENT);
}

static void null_and_zero(void **state)
{
    (void)state;
    struct file *null = must("/dev/null", O_RDWR), *zero = must("/dev/zero", O_RDWR);
    assert_int_equal(read_page(null, 10), 0);
    assert_int_equal(write_text(null, "gone"), 4);
    assert_int_equal(read_page(zero, 10), 10);
    assert_memory_equal(page, "\0\0\0\0\0\0\0\0\0\0\xee", 11);
    assert_int_equal(write_text(zero, "gone"), 4);
    assert_int_equal(vfs_ioctl(null, 0x5401, page, 36), -ENOTTY);
    vfs_put(null);
    vfs_put(zero);
}

static void full(void **state)
{
    (void)state;
    struct file *f = must("/dev/full", O_RDWR);
    assert_int_equal(read_page(f, 3), 3);
    assert_memory_equal(page, "\0\0\0\xee", 4);
    assert_int_equal(write_text(f, "gone"), -ENOSPC);
    vfs_put(f);
}

/* Before anything secret was fed, only urandom gives bytes; afterwards each reading gives others, to the last byte. */
static void chance(void **state)
{
    (void)state;
    u8 first[1000];
    fake_has_random = false;
    struct file *random = must("/dev/random", O_RDWR), *urandom = must("/dev/urandom", O_RDWR);
    assert_int_equal(read_page(random, 10), -EAGAIN);
    assert_int_equal(read_page(urandom, 10), 10);
    assert_int_equal(write_text(random, "no secret"), 9);
    assert_int_equal(read_page(random, 10), -EAGAIN);
    rand_feed("secret, and long enough, for once", 34, true);
    assert_int_equal(read_page(random, 1000), 1000);
    memcpy(first, page, 1000);
    assert_int_equal(page[1000], 0xee);
    assert_int_equal(read_page(urandom, 1000), 1000);
    for (int i = 0; i < 1000 - 8; i++)
        assert_memory_not_equal(page + i, first + i, 8);
    vfs_put(random);
    vfs_put(urandom);
}

static void links_to_what_is_open(void **state)
{
    (void)state;
    char target[100];
    struct attr attr;
    u64 dev;
    assert_int_equal(vfs_readlink(NULL, "/dev/stdin", target, sizeof target), 15);
    assert_memory_equal(target, "/proc/self/fd/0", 15);
    assert_int_equal(vfs_getattr_path(NULL, "/dev/fd", VFS_NOFOLLOW, &attr, &dev), 0);
    assert_int_equal(attr.mode, S_IFLNK | 0777);
    assert_int_equal(attr.size, 13);
    assert_int_equal(attr.qid.type, QID_SYMLINK);
    assert_int_equal(vfs_readlink(NULL, "/dev/null", target, sizeof target), -EINVAL);
}

static void attributes_are_linuxs(void **state)
{
    (void)state;
    static const struct {
        const char *path;
        u32 minor;
    } memory[] = {{"/dev/null", 3}, {"/dev/zero", 5}, {"/dev/full", 7}, {"/dev/random", 8}, {"/dev/urandom", 9}};
    struct attr attr;
    u64 dev;
    for (size_t i = 0; i < ARRAY_LEN(memory); i++) {
        assert_int_equal(vfs_getattr_path(NULL, memory[i].path, 0, &attr, &dev), 0);
        assert_int_equal(attr.mode, S_IFCHR | 0666);
        assert_int_equal(attr.rdev_major, 1);
        assert_int_equal(attr.rdev_minor, memory[i].minor);
    }
    assert_int_equal(vfs_getattr_path(NULL, "/dev", 0, &attr, &dev), 0);
    assert_int_equal(attr.mode, S_IFDIR | 0755);
    assert_int_equal(attr.qid.type, QID_DIR);
}

static bool count_named(void *ctx, const struct dirent_info *e)
{
    unsigned *seen = ctx;
    static const char *const names[] = {".", "..", "null", "zero", "console", "console-err", "added"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (strlen(names[i]) == e->name.len && memcmp(names[i], e->name.s, e->name.len) == 0)
            *seen |= 1u << i;
    return true;
}

static unsigned listed(void)
{
    unsigned seen = 0;
    struct file *f = must("/dev", O_RDONLY);
    assert_true(vfs_readdir(f, 4096, count_named, &seen) >= 6);
    assert_int_equal(vfs_readdir(f, 4096, count_named, &seen), 0);
    vfs_put(f);
    return seen;
}

static void devices_come_and_go(void **state)
{
    (void)state;
    static const struct device dev = {.name = "added", .major = 9, .minor = 9, .perm = 0600};
    assert_int_equal(listed(), 0x3f);
    assert_int_equal(devfs_add(&dev), 0);
    assert_int_equal(listed(), 0x7f);
    struct file *f = must("/dev/added", O_RDWR);
    assert_int_equal(read_page(f, 1), -EINVAL);
    assert_int_equal(write_text(f, "x"), -EINVAL);
    devfs_remove(&dev);
    assert_int_equal(read_page(f, 1), -ENODEV);
    assert_int_equal(write_text(f, "x"), -ENODEV);
    assert_int_equal(vfs_ioctl(f, 1, page, 4), -ENODEV);
    assert_int_equal(vfs_poll(f), POLLERR | POLLHUP);
    vfs_put(f);
    assert_int_equal(listed(), 0x3f);
}

static void no_two_of_one_name_and_not_too_many(void **state)
{
    (void)state;
    static struct device many[300];
    static char names[300][8];
    const struct device again = {.name = "null"};
    static const char *const none[] = {"", ".", "..", "a/b", "/", "a\nb", "\x1b[2J", "\x7f"};
    char long_name[VFS_NAME_MAX + 2] = "";
    unsigned n = 0;
    int err = 0;
    assert_int_equal(devfs_add(&again), -EEXIST);
    for (unsigned i = 0; i < ARRAY_LEN(none); i++)
        assert_int_equal(devfs_add(&(struct device){.name = none[i]}), -EINVAL);
    memset(long_name, 'x', sizeof long_name - 1);
    assert_int_equal(devfs_add(&(struct device){.name = long_name}), -EINVAL);
    for (; n < ARRAY_LEN(many) && err == 0; n++) {
        snprintf(names[n], sizeof names[n], "many%u", n);
        many[n].name = names[n];
        err = devfs_add(&many[n]);
    }
    assert_int_equal(err, -ENOSPC);
    assert_int_equal(devfs_add(&many[0]), -EEXIST);
    while (n)
        devfs_remove(&many[--n]);
    assert_int_equal(devfs_add(&many[0]), 0);
    devfs_remove(&many[0]);
}

static unsigned opened, closed, refused;

static int note_open(const struct device *dev)
{
    if (dev->priv && opened != closed) {
        refused++;
        return -EBUSY;
    }
    opened++;
    return 0;
}

static void note_close(const struct device *dev)
{
    (void)dev;
    closed++;
}

static u32 never_ready(const struct device *dev)
{
    (void)dev;
    return 0;
}

static s64 swallow(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    (void)dev, (void)offset;
    return (s64)mem_span_total(spans, n);
}

static void devices_hear_of_opening_and_closing(void **state)
{
    (void)state;
    struct device dev = {.name = "single", .open = note_open, .close = note_close, .priv = &opened};
    struct file *again;
    opened = closed = refused = 0;
    assert_int_equal(devfs_add(&dev), 0);
    struct file *f = must("/dev/single", O_RDWR);
    assert_int_equal(vfs_open(NULL, "/dev/single", O_RDWR, 0, &again), -EBUSY);
    assert_int_equal(closed, 0);
    vfs_put(must("/dev/single", O_PATH));
    assert_int_equal(opened, 1);
    vfs_put(vfs_get(f));
    assert_int_equal(closed, 0);
    vfs_put(f);
    assert_int_equal(closed, 1);
    f = must("/dev/single", O_RDWR);
    devfs_remove(&dev);
    vfs_put(f);
    assert_int_equal(closed, 1);
}

static void a_file_never_means_the_device_that_came_later(void **state)
{
    (void)state;
    const struct device old = {.name = "old"}, new = {.name = "new", .write = swallow};
    assert_int_equal(devfs_add(&old), 0);
    struct file *f = must("/dev/old", O_RDWR);
    devfs_remove(&old);
    assert_int_equal(devfs_add(&new), 0);
    assert_int_equal(write_text(f, "x"), -ENODEV);
    vfs_put(f);
    f = must("/dev/new", O_RDWR);
    assert_int_equal(write_text(f, "x"), 1);
    vfs_put(f);
    devfs_remove(&new);
}

static void writing_without_waiting(void **state)
{
    (void)state;
    struct device dev = {.name = "full-up", .write = swallow, .poll = never_ready};
    assert_int_equal(devfs_add(&dev), 0);
    struct file *f = must("/dev/full-up", O_WRONLY | O_NONBLOCK);
    assert_int_equal(write_text(f, "x"), -EAGAIN);
    assert_int_equal(write_text(f, ""), 0);
    vfs_put(f);
    f = must("/dev/full-up", O_WRONLY);
    assert_int_equal(write_text(f, "x"), 1);
    vfs_put(f);
    devfs_remove(&dev);
}

static bool remember_names(void *ctx, const struct dirent_info *e)
{
    char *names = ctx;
    snprintf(names + strlen(names), 64, "%.*s %u ", e->name.len, e->name.s, e->type);
    return true;
}

static void folders_in_dev(void **state)
{
    (void)state;
    const struct device folder = {.name = "ports", .folder = true}, node = {.name = "wool", .perm = 0600},
                        link = {.name = "wool", .in = &folder, .link = "../wool"},
                        file = {.name = "fleece", .in = &folder, .write = swallow};
    const struct device *const all[] = {&folder, &node, &link, &file};
    char names[256] = "";
    struct attr attr;
    u64 on;
    for (unsigned i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(devfs_add(all[i]), 0);
    struct file *f = must("/dev/ports", O_RDONLY | O_DIRECTORY);
    assert_int_equal(vfs_readdir(f, 4096, remember_names, names), 4);
    assert_string_equal(names, ". 4 .. 4 wool 10 fleece 2 ");
    vfs_put(f);
    assert_int_equal(vfs_getattr_path(NULL, "/dev/ports/wool", 0, &attr, &on), 0);
    assert_int_equal(attr.mode, S_IFCHR | 0600);
    assert_int_equal(vfs_getattr_path(NULL, "/dev/ports/../ports/fleece", 0, &attr, &on), 0);
    assert_int_equal(vfs_getattr_path(NULL, "/dev/fleece", 0, &attr, &on), -ENOENT);
    assert_int_equal(vfs_getattr_path(NULL, "/dev/ports/null", 0, &attr, &on), -ENOENT);
    assert_int_equal(vfs_getattr_path(NULL, "/dev/null/wool", 0, &attr, &on), -ENOTDIR);
    assert_int_equal(vfs_open(NULL, "/dev/ports", O_RDWR, 0, &f), -EISDIR);
    for (unsigned i = 0; i < ARRAY_LEN(all); i++)
        devfs_remove(all[i]);
    assert_int_equal(vfs_getattr_path(NULL, "/dev/ports", 0, &attr, &on), -ENOENT);
}

static void console_output_and_errors(void **state)
{
    (void)state;
    struct file *out = must("/dev/console", O_WRONLY), *err = must("/dev/console-err", O_WRONLY);
    memcpy(page, "abcdef", 6);
    struct span spans[] = {{mem_phys(page) + 3, 3}, {mem_phys(page), 3}};
    assert_int_equal(vfs_write(out, spans, 2, VFS_CURRENT), 6);
    assert_int_equal(write_text(err, "oops"), 4);
    assert_string_equal(fake_console(CONSOLE_OUT), "defabc");
    assert_string_equal(fake_console(CONSOLE_ERR), "oops");
    vfs_put(out);
    vfs_put(err);
}

static void input_as_it_comes(void **state)
{
    (void)state;
    struct file *in = must("/dev/console", O_RDONLY);
    fake_console_input("a\x10\x10\x04z", 5);
    assert_int_equal(read_page(in, 2), 2);
    assert_memory_equal(page, "a\x10", 2);
    assert_int_equal(read_page(in, 100), 3);
    assert_memory_equal(page, "\x10\x04z", 3);
    assert_int_equal(read_page(in, 0), 0);
    options("stdin=none");
    fake_console_input("x", 1);
    assert_int_equal(read_page(in, 100), 0);
    vfs_put(in);
}

static unsigned idle;

static void type_later(void)
{
    if (++idle == 3)
        fake_console_input("late", 4);
}

static void input_is_waited_for(void **state)
{
    (void)state;
    struct file *in = must("/dev/console", O_RDONLY);
    idle = 0;
    fake_idle = type_later;
    assert_int_equal(read_page(in, 100), 4);
    assert_memory_equal(page, "late", 4);
    vfs_put(in);
}

/* Last: the end of the input stays. */
static void escaped_input(void **state)
{
    (void)state;
    struct file *in = must("/dev/console", O_RDONLY);
    options("stdin=dle");
    fake_console_input("ab\x10\x10"
                       "c\x10",
                       6);
    assert_int_equal(read_page(in, 100), 4);
    assert_memory_equal(page,
                        "ab\x10"
                        "c",
                        4);
    fake_console_input("\x10"
                       "d\x10\x04"
                       "dropped",
                       11);
    assert_int_equal(read_page(in, 100), 2);
    assert_memory_equal(page,
                        "\x10"
                        "d",
                        2);
    assert_int_equal(read_page(in, 100), 0);
    fake_console_input("x", 1);
    assert_int_equal(read_page(in, 100), 0);
    vfs_put(in);
}

static void terminal_only_when_told(void **state)
{
    (void)state;
    struct file *in = must("/dev/console", O_RDONLY);
    u16 window[4];
    u8 termios[36];
    assert_int_equal(vfs_ioctl(in, 0x5401, termios, 36), -ENOTTY);
    assert_int_equal(vfs_ioctl(in, 0x5413, window, 8), -ENOTTY);
    options("tty=132x43");
    assert_int_equal(vfs_ioctl(in, 0x5401, termios, 36), 0);
    assert_int_equal(vfs_ioctl(in, 0x5413, window, 8), 0);
    assert_int_equal(window[0], 43);
    assert_int_equal(window[1], 132);
    assert_int_equal(vfs_ioctl(in, 0x5402, termios, 36), 0);
    assert_int_equal(vfs_ioctl(in, 0x1234, termios, 36), -ENOTTY);
    vfs_put(in);
}

enum { TCGETS = 0x5401, TCSETS, TCSETSW, TCSETSF, LFLAG = 12, VTIME = 17 + 5, VMIN = 17 + 6 };
static u8 settings[36];

/* A terminal whose other side edits lines. */
static struct file *relayed(void)
{
    options("stdin=dle tty=80x24:00010000050000000a0000000200000000030405060708090a0b0c0d0e0f101112131415");
    struct file *in = must("/dev/tty", O_RDWR);
    assert_int_equal(vfs_ioctl(in, TCGETS, settings, 36), 0);
    assert_int_equal(settings[LFLAG], 2);
    assert_int_equal(settings[35], 0x15);
    return in;
}

/* The other side answers at once, behind what was typed before. */
static void set_line_mode(struct file *in, bool lines, u8 min, u8 time, u32 how)
{
    settings[LFLAG] = lines ? 2 : 0;
    settings[VMIN] = min;
    settings[VTIME] = time;
    fake_console_input("\x10\x06", 2);
    assert_int_equal(vfs_ioctl(in, how, settings, 36), 0);
}

static void lines_stay_lines(void **state)
{
    (void)state;
    struct file *in = relayed();
    int n = 0;
    assert_int_equal(vfs_poll(in), POLLOUT | POLLWRNORM | VFS_POLL_AGAIN);
    fake_console_calls = true;
    assert_int_equal(vfs_poll(in), POLLOUT | POLLWRNORM);
    fake_console_input("one\n\x10\x17two", 9);
    assert_int_equal(vfs_poll(in) & POLLIN, POLLIN);
    assert_int_equal(vfs_ioctl(in, FIONREAD, &n, 4), 0);
    assert_int_equal(n, 4);
    assert_int_equal(read_page(in, 100), 4);
    assert_int_equal(vfs_poll(in) & POLLIN, 0);
    fake_console_input("\x10\x17\x10\x17long\n\x10\x17", 11);
    assert_int_equal(read_page(in, 3), 3);   /* all of it: its end is no end of file */
    assert_int_equal(read_page(in, 100), 0); /* nothing before the end is one */
    assert_int_equal(read_page(in, 2), 2);
    assert_int_equal(read_page(in, 100), 3);
    assert_memory_equal(page, "ng\n", 3);
    vfs_put(in);
}

static void bytes_as_they_are_typed(void **state)
{
    (void)state;
    struct file *in = relayed();
    set_line_mode(in, false, 1, 0, TCSETS);
    assert_string_equal(fake_console(CONSOLE_CTL),
                        "tty 0 00010000050000000a0000000000000000030405060700010a0b0c0d0e0f101112131415\n");
    fake_console_input("ab\x10\x17"
                       "c",
                       5);
    assert_int_equal(read_page(in, 1), 1);
    assert_int_equal(read_page(in, 100), 2);
    assert_memory_equal(page, "bc", 2);
    set_line_mode(in, false, 0, 0, TCSETS);
    assert_int_equal(read_page(in, 100), 0);
    set_line_mode(in, false, 0, 1, TCSETS);
    assert_int_equal(read_page(in, 100), 0);
    set_line_mode(in, false, 3, 0, TCSETS);
    fake_console_input("xy", 2);
    fake_idle = type_later;
    idle = 0;
    assert_int_equal(read_page(in, 100), 6);
    assert_memory_equal(page, "xylate", 6);
    fake_idle = NULL;
    set_line_mode(in, true, 1, 0, TCSETSW);
    vfs_put(in);
}

static void ends_of_typed_bytes_are_no_ends_of_file(void **state)
{
    (void)state;
    struct file *in = relayed();
    set_line_mode(in, false, 1, 0, TCSETS);
    fake_console_input("k", 1);
    assert_int_equal(read_page(in, 1), 1);
    fake_console_input("\x10\x17", 2);
    set_line_mode(in, true, 1, 0, TCSETSW);
    assert_int_equal(vfs_poll(in) & POLLIN, 0);
    set_line_mode(in, false, 1, 0, TCSETS);
    fake_console_input("ab\x10\x17"
                       "c\x10\x17",
                       7);
    set_line_mode(in, true, 1, 0, TCSETSW);
    assert_int_equal(read_page(in, 100), 3);
    set_line_mode(in, false, 1, 0, TCSETS);
    fake_console_input("dropped", 7);
    set_line_mode(in, true, 1, 0, TCSETSF);
    assert_int_equal(vfs_poll(in) & POLLIN, 0);
    vfs_put(in);
}

/* Nobody answers: the program goes on. */
static void settings_without_an_answer(void **state)
{
    (void)state;
    struct file *in = relayed();
    assert_int_equal(vfs_ioctl(in, TCSETS, settings, 36), 0);
    vfs_put(in);
}

static void nothing_to_read_is_told_when_asked_not_to_wait(void **state)
{
    (void)state;
    struct file *in = must("/dev/console", O_RDONLY | O_NONBLOCK);
    assert_int_equal(read_page(in, 100), -EAGAIN);
    fake_console_input("x", 1);
    assert_int_equal(read_page(in, 100), 1);
    vfs_put(in);
}

/* Nothing of what the host sends without end is a reason not to come back, nor to wait when there is no room for more. */
static void codes_without_end(void **state)
{
    (void)state;
    struct file *in = relayed();
    set_line_mode(in, false, 1, 0, TCSETSF);
    fake_console_endless = (const u8 *)"\x10\x06";
    assert_int_equal(vfs_poll(in) & POLLIN, 0);
    fake_console_endless = (const u8 *)"\x10\x17";
    assert_int_equal(read_page(in, 100), 0);
    set_line_mode(in, true, 1, 0, TCSETS);
    assert_int_equal(read_page(in, 100), 0);
    fake_console_endless = NULL;
    set_line_mode(in, true, 1, 0, TCSETSF);
    assert_int_equal(vfs_poll(in) & POLLIN, 0);
    vfs_put(in);
}

/* ---- block devices ---- */

static unsigned stored;

static u64 disk_size(const struct device *dev)
{
    (void)dev;
    return 3 * 512;
}

static s64 disk_move(const struct device *dev, const struct span *spans, unsigned n, u64 offset)
{
    (void)dev;
    u64 len = mem_span_total(spans, n);
    return (s64)MIN(len, disk_size(dev) - MIN(offset, disk_size(dev)));
}

static int disk_ioctl(const struct device *dev, u32 cmd, void *data, size_t size)
{
    u32 block = 512;
    (void)dev, (void)size;
    if (cmd != BLKSSZGET && cmd != BLKDISCARD)
        return -ENOTTY;
    memcpy(data, &block, sizeof block);
    return 0;
}

static int disk_fsync(const struct device *dev)
{
    (void)dev;
    return stored++ < 100 ? 0 : -EIO;
}

static const struct device disk = {.name = "disk",
                                   .major = 254,
                                   .minor = 16,
                                   .perm = 0600,
                                   .read = disk_move,
                                   .write = disk_move,
                                   .ioctl = disk_ioctl,
                                   .size = disk_size,
                                   .fsync = disk_fsync};

static void block_devices_have_a_size_and_positions(void **state)
{
    (void)state;
    struct attr attr;
    u64 dev;
    assert_int_equal(devfs_add(&disk), 0);
    struct file *f = must("/dev/disk", O_RDWR);
    assert_int_equal(vfs_getattr(f, &attr, &dev), 0);
    assert_int_equal(attr.mode, S_IFBLK | 0600);
    assert_int_equal(attr.size, 1536);
    assert_int_equal(vfs_device(attr.rdev_major, attr.rdev_minor), 0xfe10);
    assert_int_equal(vfs_seek(f, -10, 2), 1526);
    assert_int_equal(read_page(f, 100), 10);
    assert_int_equal(read_page(f, 100), 0);
    assert_int_equal(vfs_seek(f, 0, 1), 1536);
    assert_int_equal(vfs_seek(f, 1537, 0), -EINVAL);
    assert_int_equal(vfs_seek(f, 1, 2), -EINVAL);
    assert_int_equal(vfs_seek(f, 0, 3), -EINVAL); /* SEEK_DATA */
    assert_int_equal(vfs_fsync(f, false), 0);
    assert_int_equal(stored, 1);
    assert_int_equal(vfs_poll(f), POLLIN | POLLOUT | POLLRDNORM | POLLWRNORM);
    devfs_remove(&disk);
    assert_int_equal(vfs_fsync(f, false), -ENODEV);
    assert_int_equal(vfs_seek(f, 0, 2), -ENODEV);
    vfs_put(f);
}

static void block_devices_with_flags(void **state)
{
    (void)state;
    u64 range[5] = {0};
    assert_int_equal(devfs_add(&disk), 0);
    struct file *f = must("/dev/disk", O_WRONLY | O_APPEND | O_TRUNC);
    assert_int_equal(write_text(f, "from"), 4); /* appending means nothing to it */
    assert_int_equal(vfs_seek(f, 0, 1), 4);
    assert_int_equal(vfs_append(f, &(struct span){mem_phys(page), 4}, 1, VFS_CURRENT), 4);
    assert_int_equal(vfs_seek(f, 0, 1), 8);
    assert_int_equal(stored, 1);
    vfs_put(f);
    f = must("/dev/disk", O_RDWR | O_DSYNC);
    assert_int_equal(write_text(f, "kept"), 4);
    assert_int_equal(stored, 2);
    stored = 100;
    assert_int_equal(write_text(f, "not kept"), -EIO);
    assert_int_equal(vfs_ioctl(f, BLKDISCARD, range, sizeof range), 0);
    vfs_put(f);
    f = must("/dev/disk", O_RDONLY | O_DIRECT);
    assert_int_equal(vfs_ioctl(f, BLKDISCARD, range, sizeof range), -EBADF);
    assert_int_equal(vfs_check_direct(f, 0, 1024), 0);
    assert_int_equal(vfs_check_direct(f, 1, 1024), -EINVAL);
    assert_int_equal(vfs_check_direct(f, VFS_CURRENT, 100), -EINVAL);
    assert_int_equal(vfs_check_direct(f, 1, 0), 0);
    assert_int_equal(vfs_check_direct(f, 1537, 3), 0); /* the end is told, as everywhere */
    vfs_put(f);
    devfs_remove(&disk);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, begin)
    const struct CMUnitTest tests[] = {
        T(null_and_zero),
        T(full),
        T(chance),
        T(links_to_what_is_open),
        T(attributes_are_linuxs),
        T(devices_come_and_go),
        T(no_two_of_one_name_and_not_too_many),
        T(devices_hear_of_opening_and_closing),
        T(a_file_never_means_the_device_that_came_later),
        T(writing_without_waiting),
        T(folders_in_dev),
        T(block_devices_have_a_size_and_positions),
        T(block_devices_with_flags),
        T(console_output_and_errors),
        T(input_as_it_comes),
        T(input_is_waited_for),
        T(terminal_only_when_told),
        T(lines_stay_lines),
        T(bytes_as_they_are_typed),
        T(ends_of_typed_bytes_are_no_ends_of_file),
        T(settings_without_an_answer),
        T(codes_without_end),
        T(nothing_to_read_is_told_when_asked_not_to_wait),
        T(escaped_input),
    };
    return cmocka_run_group_tests(tests, mount, NULL);
}
