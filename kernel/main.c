/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* main - kmain(): what starts, in which order; and what the command line asks for. */
#include "acpi.h"
#include "arch.h"
#include "attrfs.h"
#include "boot.h"
#include "cmdline.h"
#include "devfs.h"
#include "guard.h"
#include "initfs.h"
#include "mem.h"
#include "pci.h"
#include "power.h"
#include "print.h"
#include "proc.h"
#include "provoke.h"
#include "rand.h"
#include "time.h"
#include "tmpfs.h"
#include "vfs.h"

enum { CMDLINE_MAX = 65536, CMDLINE_FEW = 4096 };
enum { STATUS_ENVIRONMENT = 125, STATUS_NOT_EXECUTABLE = 126, STATUS_NOT_FOUND = 127 };

static struct boot boot;
static struct cmdline cmdline;
static struct span ranges[BOOT_RANGES]; /* free memory, until mem.c has it */
static size_t nranges;

_Noreturn void kmain(const struct boot *from_door);

static const char *option(const char *key)
{
    return cmdline_option(&cmdline, key, 0);
}

static u16 port_option(const char *key)
{
    u64 port = 0;
    const char *value = option(key);
    return value && cmdline_number(value, &port) && port <= 0xffff ? (u16)port : 0;
}

/* ---- console and log ---- */

static const char *odd_level; /* no level has this name */

static void set_log_level(void)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    odd_level = option("loglevel");
    for (unsigned i = 0; odd_level && i < ARRAY_LEN(names); i++)
        if (strcmp(odd_level, names[i]) == 0) {
            print_level = i;
            odd_level = NULL;
        }
}

static void route_console(void)
{
    static const struct {
        const char *key;
        enum console channel;
    } routes[] = {{"stdout", CONSOLE_OUT},
                  {"stderr", CONSOLE_ERR},
                  {"stderr", CONSOLE_LOG},
                  {"log", CONSOLE_LOG},
                  {"ctl", CONSOLE_CTL}};
    for (unsigned i = 0; i < ARRAY_LEN(routes); i++) {
        u16 port = port_option(routes[i].key);
        if (port)
            arch_console_route(routes[i].channel, port);
    }
    arch_exit_route(port_option("exit"));
    arch_console_write(CONSOLE_CTL, "sheepskin 1\n", 12);
    set_log_level();
}

/* Other words are left alone, as VMMs and boot loaders add some for Linux; but a slip of the pen should show. */
static void name_unknown(void)
{
    static const char known[] =
        "mount\0root\0rootfstype\0rootflags\0ro\0rw\0loglevel\0env\0cwd\0exe\0seed\0stdin\0stdout\0stderr\0log\0ctl\0"
        "exit\0tty\0provoke\0norandmaps\0virtio.features\0virtio.silence\0virtio.irq\0009p.msize\0";
    for (unsigned i = 0; i < cmdline.noptions; i++) {
        const char *word = known;
        while (*word && !cmdline_value(cmdline.options[i], word))
            word += strlen(word) + 1;
        if (!*word)
            log_info("option %s is unknown, and left alone", cmdline.options[i]);
    }
}

static void name_slips(void)
{
    const char *irq = option("virtio.irq");
    if (odd_level)
        log_warn("loglevel=%s is unknown; choose one of: error, warn, info, debug", odd_level);
    if (irq && strcmp(irq, "msix") != 0 && strcmp(irq, "intx") != 0 && strcmp(irq, "poll") != 0)
        log_warn("virtio.irq=%s is unknown; choose one of: msix, intx, poll", irq);
    if (print_level >= LOG_INFO)
        name_unknown();
}

static void find_memory(void)
{
    nranges = mem_map_clean(&boot, boot.kernel_pa, arch_image_size(), ranges, ARRAY_LEN(ranges));
}

static _Noreturn void no_memory(void)
{
    log_error(boot.nranges
                  ? "not enough memory to start; give the machine more (--memory; QEMU: -m)"
                  : "no memory that the loader told of; QEMU's own damages the list where -append is longer than "
                    "4095 bytes (give it -bios qboot.rom, which does not)");
    power_end("fail", STATUS_ENVIRONMENT);
}

/* Before there is an allocator: from the free ranges, as far as the door's page tables reach. */
static void *early_room(size_t size)
{
    for (size_t i = 0; i < nranges; i++) {
        struct span *r = &ranges[i];
        if (r->len < size || r->pa > (1u << 30) - size)
            continue;
        r->pa += size;
        r->len -= size;
        return mem_virt(r->pa - size);
    }
    return NULL;
}

/* Words are decoded where they stand, which must not be where a loader says: that may be the kernel itself, or no memory. */
static void read_cmdline(void)
{
    static char few[CMDLINE_FEW];
    int result = 0;
    size_t len = MIN(boot.cmdline.len, CMDLINE_MAX - 1u);
    char *text = len < sizeof few ? few : early_room(ALIGN_UP(len + 1, PAGE_SIZE));
    if (!text) {
        text = few; /* as much as says where to complain of so little memory */
        len = sizeof few - 1;
    }
    if (len) {
        memcpy(text, mem_virt(boot.cmdline.pa), len);
        result = cmdline_parse(&cmdline, text, len);
    }
    cmdline_boot = &cmdline;
    route_console();
    if (result < 0) {
        log_error("more than %u options or %u arguments; give fewer", CMDLINE_OPTIONS, CMDLINE_ARGS);
        power_end("fail", STATUS_ENVIRONMENT);
    }
    if (len < MIN(boot.cmdline.len, CMDLINE_MAX - 1u))
        no_memory();
}

/* ---- memory ---- */

static void start_memory(void)
{
    if (boot.initfs_lost || arch_memory_init(&boot, ranges, nranges) < 0)
        no_memory();
    mem_init(ranges, nranges);
    log_info("sheepskin: %s door, %lu KiB of memory", boot.door, mem_total_count() * (PAGE_SIZE / 1024));
}

static void describe_boot(void)
{
    if (print_level < LOG_DEBUG)
        return;
    u32 sum = 0;
    const u8 *initfs = mem_virt(boot.initfs.pa);
    for (u64 i = 0; i < boot.initfs.len; i++)
        sum = sum * 31 + initfs[i];
    log_debug("boot: door %s", boot.door);
    log_debug("boot: memory is copied by %s", arch_string_least == SIZE_MAX ? "moves" : "rep movsb");
    log_debug("boot: kernel_pa %lx", boot.kernel_pa);
    log_debug("boot: rsdp %lx", boot.rsdp);
    log_debug("boot: wall_ns %lu", boot.wall_ns);
    log_debug("boot: cmdline_len %lu", boot.cmdline.len);
    log_debug("boot: initfs %lu bytes, sum %x", boot.initfs.len, sum);
    log_debug("boot: framebuffer %lx %ux%u", boot.framebuffer.pa, boot.framebuffer.width, boot.framebuffer.height);
    for (u64 i = 0; i < boot.nranges; i++)
        log_debug("boot: range %lx+%lx kind %lu", boot.ranges[i].base, boot.ranges[i].size, boot.ranges[i].kind);
}

/* Address space below 4 GiB for BARs that firmware left empty: the top of the highest gap in the memory map under the
 * configuration windows, or under the interrupt controllers at fec00000. */
static struct span pci_window(void)
{
    struct acpi_ecam ecam;
    u64 end = 0xfec00000, start = 0;
    for (unsigned i = 0; acpi_ecam(i, &ecam); i++)
        if (ecam.base < end && ecam.base >= 0x80000000)
            end = ecam.base;
    for (u64 i = 0; i < boot.nranges; i++) {
        const struct boot_range *r = &boot.ranges[i];
        if (r->base < end)
            start = MAX(start, r->base + MIN(r->size, end - r->base));
    }
    return (struct span){start, end - start};
}

/* ---- chance ---- */

static void feed_seed(void)
{
    const char *hex = option("seed");
    u64 words[8];
    unsigned n = 0;
    for (; hex && strlen(hex) >= 16 && n < ARRAY_LEN(words); hex += 16) {
        char number[19] = "0x";
        memcpy(number + 2, hex, 16);
        n += cmdline_number(number, &words[n]);
    }
    rand_feed(words, n * sizeof words[0], true);
}

/* ---- files ---- */

static void start_files(void)
{
    size_t len;
    initfs_init(boot.initfs.len ? mem_virt(boot.initfs.pa) : NULL, boot.initfs.len);
    const void *names = initfs_bytes("etc", "kernel.names", &len);
    if (names)
        arch_names(names, len);
    devfs_init();  /* /dev */
    tmpfs_init();  /* /tmp */
    attrfs_init(); /* /proc, /sys */
}

static void mount_builtin(const char *tag, const char *path)
{
    struct fs *fs = vfs_find(tag);
    int result = fs ? vfs_mount(fs, path, MOUNT_LATER) : -ENODEV;
    if (result < 0)
        log_warn("cannot mount %s on %s: error %d", tag, path, -result);
}

static _Noreturn void no_share(const char *tag)
{
    if (*tag == '\0')
        log_error("a share's tag is missing on the command line; write root=TAG or mount=TAG:/path");
    else
        log_error("no share with the tag \"%s\"; give the machine a virtio-9p device with mount_tag=%s", tag, tag);
    power_end("fail", STATUS_ENVIRONMENT);
}

static const char *mount_error(int error)
{
    switch (error) {
    case -EBUSY:
        return "something is mounted there already; choose another path";
    case -ENOSPC:
        return "there are too many mounts; give fewer shares";
    case -ENOTDIR:
        return "that is no directory in the guest; choose another path";
    case -ENOMEM:
        return "not enough memory; give the machine more (--memory; QEMU: -m)";
    case -EINVAL:
        return "the path must begin with /; write mount=TAG:/path";
    case -EPERM:
    case -EACCES:
        return "its server refuses us; let QEMU's user into the folder, or let the server take guests without "
               "authentication";
    default:
        return "its server does not answer as one of 9P2000.L; is the folder still there on the host?";
    }
}

static void mount_share(const char *tag, const char *path, const struct mount_options *o)
{
    struct fs *fs = vfs_find(tag);
    if (!fs)
        no_share(tag);
    fs->cache = o->cache;
    fs->sync = o->sync;
    int result = vfs_mount(fs, path, o->flags);
    if (result < 0) {
        log_error("cannot mount the share \"%s\" on %s: %s", tag, path, mount_error(result));
        power_end("fail", STATUS_ENVIRONMENT);
    }
    log_info("mount: %s on %s type %s%s", tag, path, fs->ops->type, o->flags & MOUNT_READONLY ? " (ro)" : "");
}

/* Cuts the text at its next colon; what is behind it, or NULL. */
static char *cut_word(char *text)
{
    char *colon = memchr(text, ':', strlen(text));
    if (!colon)
        return NULL;
    *colon = '\0';
    return colon + 1;
}

/* mount=TAG:/path[:ro][:sync][:cache=MODE] */
static void mount_option(const char *value)
{
    char text[256];
    size_t len = strlen(value);
    struct mount_options o = {0};
    struct name odd;
    memcpy(text, value, MIN(len, sizeof text - 1) + 1);
    char *path = len < sizeof text ? cut_word(text) : NULL, *words = path ? cut_word(path) : NULL;
    if (!path || (words && vfs_mount_words(&o, words, ":", &odd))) {
        log_error("mount=%s is not mount=TAG:/path[:ro][:sync][:cache=none|readahead|loose]", value);
        power_end("fail", STATUS_ENVIRONMENT);
    }
    mount_share(text, path, &o);
}

/* rootflags= has the same words, or they are written as for Linux, with commas. */
static void mount_root(const char *tag)
{
    const char *words = option("rootflags");
    struct mount_options o = {.flags = option("ro") ? MOUNT_READONLY : 0};
    struct name odd;
    char word[64] = {0};
    if (words && vfs_mount_words(&o, words, ":,", &odd)) {
        memcpy(word, odd.s, MIN(odd.len, sizeof word - 1));
        log_error("rootflags= has \"%s\"; it takes ro, sync, cache=none|readahead|loose, and what Linux takes for 9p "
                  "over virtio",
                  word);
        power_end("fail", STATUS_ENVIRONMENT);
    }
    mount_share(tag, "/", &o);
}

static void mount_all(void)
{
    const char *root = option("root"), *value;
    if (root)
        mount_root(root);
    mount_builtin("initfs", root ? "/initfs" : "/");
    mount_builtin("devtmpfs", "/dev");
    mount_builtin("proc", "/proc");
    mount_builtin("sysfs", "/sys");
    mount_builtin("tmpfs", "/tmp");
    for (unsigned i = 0; (value = cmdline_option(&cmdline, "mount", i)); i++)
        mount_option(value);
    if (!root && !option("mount") && vfs_find("host"))
        mount_share("host", "/host", &(struct mount_options){0});
}

/* ---- the program ---- */

/* A name without a slash is one of the initial files, or of a root's programs first. */
static const char *find_program(const char *name, char *buf, size_t size)
{
    static const char *const folders[] = {"/bin/", "/initfs/bin/"};
    struct attr attr;
    u64 dev;
    if (memchr(name, '/', strlen(name)))
        return name;
    print_string(print_string(buf, buf + size, folders[0]), buf + size, name);
    if (option("root") && vfs_getattr_path(NULL, buf, 0, &attr, &dev) < 0)
        print_string(print_string(buf, buf + size, folders[1]), buf + size, name);
    return buf;
}

static void collect_env(char *env[], unsigned max)
{
    unsigned n = 0;
    char *value;
    while (n < max && (value = (char *)cmdline_option(&cmdline, "env", n)))
        env[n++] = value;
    env[n] = NULL;
}

static int status_of(int error)
{
    if (error == -ENOENT || error == -ENOTDIR || error == -ENAMETOOLONG)
        return STATUS_NOT_FOUND;
    return error == -ENOMEM || error == -EIO ? STATUS_ENVIRONMENT : STATUS_NOT_EXECUTABLE;
}

static _Noreturn void run_program(void)
{
    static char *const default_args[] = {"hello", "/host", NULL};
    static char *env[CMDLINE_OPTIONS + 1];
    static char buf[VFS_NAME_MAX + 16];
    char *const *argv = cmdline.nargs ? cmdline.args : default_args;
    u64 entry, sp;
    collect_env(env, CMDLINE_OPTIONS);
    const char *path = option("exe") ? option("exe") : find_program(argv[0], buf, sizeof buf);
    int result = proc_load(path, argv, env, option("cwd"), &entry, &sp);
    if (result < 0)
        power_end("fail", (u8)status_of(result));
    arch_console_write(CONSOLE_CTL, "run\n", 4);
    arch_enter_program(entry, sp);
}

void kmain(const struct boot *from_door)
{
    memcpy(&boot, from_door, offsetof(struct boot, ranges[MIN(from_door->nranges, (u64)BOOT_RANGES)]));
    arch_init();            /* processor, traps */
    arch_console_init();    /* UART, debug port */
    find_memory();          /* what is free */
    read_cmdline();         /* options, program */
    start_memory();         /* page tables, free pages */
    describe_boot();        /* for the curious */
    name_slips();           /* and what may be slips */
    arch_interrupts_init(); /* local APIC, heartbeat */
    acpi_init(&boot);       /* firmware's tables */
    time_init(acpi_pm_timer(), boot.wall_ns);
    feed_seed();   /* random numbers */
    guard_init();  /* the word that guards return addresses */
    start_files(); /* those that are in memory */
    struct span window = pci_window();
    pci_scan(&window); /* every function on every bus */
    pci_bind_all();    /* transports -> virtio bus -> drivers */
    proc_random_layout = !option("norandmaps");
    if (option("provoke"))
        provoke(option("provoke"));
    mount_all();   /* shares by tag */
    run_program(); /* ring 3 */
}
