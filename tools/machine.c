/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* machine - the virtual machine as a QEMU command line, and the guest's command line within it. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>
#include "sheepskin.h"

/* The guest's ports: one for each channel (isa-debugcon), and the one that ends the machine. */
enum { PORT_CHANNELS = 0xe9, PORT_EXIT = 0xf4, FIRST_SLOT = 4, INPUT_SLOT = 0x1e };

/*
 * Longest guest command line: the kernel takes 64 KiB, and so does qboot; the option ROM that starts a PVH kernel where qboot is missing
 * has room for 4 KiB and writes the rest over what it tells of the machine.
 */
enum { CMDLINE_QBOOT = 65535, CMDLINE_OPTION_ROM = 4095, KERNEL_ARGS = 1024 };

/* QEMU's -machine. What the guest has no use for costs time at its start and QEMU's. */
struct machine {
    const char *name, *qemu;
};

static const struct machine machines[] = {
    {"q35", "q35,sata=off,smbus=off,vmport=off,hpet=off,i8042=off"},
    {"pc", "pc,smbus=off,vmport=off,hpet=off,i8042=off"},
    {"microvm", "microvm,pcie=on,auto-kernel-cmdline=off"},
};

static const char *const qboots[] = {"/usr/share/qemu/qboot.rom", "/usr/share/qemu-kvm/qboot.rom",
                                     "/usr/local/share/qemu/qboot.rom", NULL};
static const char *const ovmfs[] = {"/usr/share/ovmf/OVMF.fd",          "/usr/share/OVMF/OVMF.fd",
                                    "/usr/share/qemu/OVMF.fd",          "/usr/share/edk2/ovmf/OVMF.fd",
                                    "/usr/share/edk2-ovmf/x64/OVMF.fd", NULL};

static const char *first_readable(const char *const *paths)
{
    for (; *paths; paths++)
        if (!access(*paths, R_OK))
            return *paths;
    return NULL;
}

char *library(const char *name)
{
    const char *lib = getenv("SHEEPSKIN_LIB");
    char self[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    char *slash = strrchr(self, '/');
    if (slash)
        *slash = 0;
    char *places[] = {lib && *lib ? text("%s/%s", lib, name) : NULL, text("%s/%s", self, name),
                      text("%s/../lib/sheepskin/%s", self, name)};
    for (unsigned i = places[0] ? 0 : 1; i < (places[0] ? 1 : 3); i++)
        if (!access(places[i], R_OK))
            return realpath(places[i], NULL);
    fatal(STATUS_USAGE, "%s is neither in %s nor installed; run make, or set SHEEPSKIN_LIB", name,
          places[0] ? lib : self);
}

/* ---- the guest's command line ---- */

static void put_bytes(FILE *f, const char *s)
{
    for (; *s; s++) {
        bool plain =
            (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') || strchr("_./:=,@+-", *s);
        fprintf(f, plain ? "%c" : "%%%02X", (unsigned char)*s);
    }
}

static void put_option(FILE *f, const char *key, const char *value)
{
    fprintf(f, "%s=", key);
    put_bytes(f, value);
    fputc(' ', f);
}

static void put_seed(FILE *f)
{
    unsigned char seed[32];
    if (getrandom(seed, sizeof seed, 0) != sizeof seed)
        return;
    fputs("seed=", f);
    for (size_t i = 0; i < sizeof seed; i++)
        fprintf(f, "%02x", seed[i]);
    fputc(' ', f);
}

static void put_shares(FILE *f, const struct request *req)
{
    for (const struct share *s = req->shares; s < req->shares + req->nshares; s++) {
        if (!strcmp(s->guest, "/"))
            fprintf(f, "root=%s rootfstype=9p %s%s%s%s", s->tag, s->readonly ? "ro " : "", *s->mode ? "rootflags=" : "",
                    *s->mode ? s->mode + 1 : "", *s->mode ? " " : "");
        else
            put_option(f, "mount", text("%s:%s%s%s", s->tag, s->guest, s->readonly ? ":ro" : "", s->mode));
    }
}

static void put_channels(FILE *f, const struct wiring *w)
{
    fprintf(f, "stdout=%#x stderr=%#x ctl=%#x exit=%#x ", PORT_CHANNELS, PORT_CHANNELS + 1, PORT_CHANNELS + 2,
            PORT_EXIT);
    if (w->columns)
        fprintf(f, "tty=%dx%d:%s ", w->columns, w->rows, w->terminal);
    if (!w->by_hand)
        fputs(w->in < 0 ? "stdin=none " : "stdin=dle ", f);
}

static char *guest_line(const struct request *req, const struct wiring *w)
{
    char *line = NULL;
    size_t len;
    FILE *f = open_memstream(&line, &len);
    put_shares(f, req);
    put_channels(f, w);
    fprintf(f, "loglevel=%s ", req->verbose ? "info" : "warn");
    if (!w->by_hand)
        put_seed(f);
    for (unsigned i = 0; i < req->nvariables; i++)
        put_option(f, "env", req->variables[i]);
    if (req->exe)
        put_option(f, "exe", req->exe);
    if (req->cwd)
        put_option(f, "cwd", req->cwd);
    fputs("--", f);
    for (char **arg = req->argv; *arg; arg++) {
        fputc(' ', f);
        fputs(**arg ? "" : "%", f);
        put_bytes(f, *arg);
    }
    fclose(f);
    return line;
}

/* ---- QEMU's ---- */

struct words {
    char *word[400];
    unsigned n;
};

static void add(struct words *w, char *word)
{
    if (w->n < sizeof w->word / sizeof *w->word - 1)
        w->word[w->n++] = word;
}

static void add2(struct words *w, const char *option, char *value)
{
    add(w, text("%s", option));
    add(w, value);
}

/* QEMU's own quoting within an option's value. */
static char *double_commas(const char *s)
{
    char *out = text("%s%s", s, s), *p = out;
    for (; *s; s++) {
        *p++ = *s;
        if (*s == ',')
            *p++ = ',';
    }
    *p = 0;
    return out;
}

static void add_shares(struct words *w, const struct request *req, bool by_hand)
{
    for (unsigned i = 0; i < req->nshares; i++) {
        const struct share *s = &req->shares[i];
        const char *host = by_hand && s->origin ? s->origin : s->host;
        add2(w, "-fsdev",
             text("local,id=%s,path=%s,security_model=none,multidevs=remap%s", s->tag, double_commas(host),
                  s->readonly ? ",readonly=on" : ""));
        add2(w, "-device",
             text("virtio-9p-pci,fsdev=%s,mount_tag=%s,disable-legacy=on,addr=%#x", s->tag, s->tag, FIRST_SLOT + i));
    }
}

/* Whether the user gives the machine consoles or ports on virtio. */
static bool has_serial(const struct request *req)
{
    static const char *const kinds[] = {"virtio-serial", "virtconsole", "virtserialport"};
    for (unsigned i = 0; i < req->ndevices; i++)
        for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++)
            if (!strncmp(req->devices[i][1], kinds[k], strlen(kinds[k])))
                return true;
    return false;
}

/* A console on virtio takes input twenty times as fast as a UART, a byte at a time, and starts some milliseconds later: worth it for what is no
 * terminal. Firmware may want the UART; microvm has one that nobody asked for, which the kernel would listen to; and of the user's consoles
 * the first would be the kernel's. */
static bool by_virtio(const struct request *req, const struct wiring *w)
{
    return w->in >= 0 && !w->by_hand && !w->columns && strcmp(req->boot, "efi") && strcmp(req->machine, "microvm") &&
           !has_serial(req);
}

/* Pipes, because a byte at a time fills a socket's buffer after a few hundred; append=on, because QEMU cannot truncate a pipe. */
static void add_channels(struct words *w, const struct request *req, const struct wiring *wiring)
{
    for (int i = 0; i < CHANNELS; i++) {
        if (wiring->by_hand) {
            add2(w, "-chardev", text("file,id=c%d,path=/dev/%s,append=on", i, i == CHANNEL_OUT ? "stdout" : "stderr"));
        } else {
            add2(w, "-add-fd", text("set=%d,fd=%d", i + 1, wiring->out[i]));
            add2(w, "-chardev", text("file,id=c%d,path=/dev/fdset/%d,append=on", i, i + 1));
        }
        add2(w, "-device", text("isa-debugcon,iobase=%#x,chardev=c%d", PORT_CHANNELS + i, i));
    }
    if (wiring->by_hand)
        add2(w, "-chardev", text("stdio,id=in"));
    else if (wiring->in >= 0)
        add2(w, "-chardev", text("socket,id=in,fd=%d", wiring->in));
    if (by_virtio(req, wiring)) {
        add2(w, "-device", text("virtio-serial-pci,max_ports=1,addr=%#x", INPUT_SLOT));
        add2(w, "-device", text("virtconsole,chardev=in"));
    } else if (wiring->by_hand || wiring->in >= 0) {
        add2(w, "-serial", text("chardev:in"));
    }
    add2(w, "-device", text("isa-debug-exit,iobase=%#x,iosize=1", PORT_EXIT));
}

/* As CMDLINE_ARGS of kernel/cmdline.h, program included: a part of the arguments is worse than none. */
static void check_arguments(const struct request *req)
{
    unsigned n = 0;
    while (req->argv[n])
        n++;
    if (n > KERNEL_ARGS)
        fatal(STATUS_USAGE, "%u arguments are more than %d; put them into a file that the program reads", n - 1,
              KERNEL_ARGS - 1);
}

static void add_boot(struct words *w, const struct request *req, const struct wiring *wiring)
{
    bool efi = !strcmp(req->boot, "efi");
    const char *firmware = first_readable(efi ? ovmfs : qboots);
    if (efi && !firmware)
        fatal(STATUS_USAGE, "no OVMF firmware found (%s); install the package ovmf, or use --boot pvh", ovmfs[0]);
    if (firmware)
        add2(w, "-bios", text("%s", firmware));
    char *line = guest_line(req, wiring);
    size_t room = firmware ? CMDLINE_QBOOT : CMDLINE_OPTION_ROM;
    check_arguments(req);
    if (strlen(line) > room)
        fatal(STATUS_USAGE, "the arguments take %zu bytes of %zu; put them into a file that the program reads",
              strlen(line), room);
    char *kernel = library(efi ? "sheepskin.efi" : "kernel.elf");
    char *files = initial_files(req, kernel);
    add2(w, "-kernel", kernel);
    if (files)
        add2(w, "-initrd", files);
    add2(w, "-append", line);
}

char **machine_words(const struct request *req, const struct wiring *wiring)
{
    static struct words w;
    const struct machine *m = machines;
    w.n = 0;
    while (strcmp(m->name, req->machine))
        m++;
    add(&w, text("%s", req->qemu));
    add2(&w, "-machine", text("%s", m->qemu));
    add2(&w, "-accel", text("%s", req->accel));
    add2(&w, "-cpu", text("max"));
    add2(&w, "-m", text("%s", req->memory));
    add(&w, text("-nodefaults"));
    add(&w, text("-no-user-config"));
    add(&w, text("-no-reboot"));
    add2(&w, "-display", text("none"));
    add2(&w, "-rtc", text("base=utc"));
    add_shares(&w, req, wiring->by_hand);
    add_channels(&w, req, wiring);
    for (unsigned i = 0; i < req->ndevices; i++)
        add2(&w, req->devices[i][0], text("%s", req->devices[i][1]));
    add_boot(&w, req, wiring);
    w.word[w.n] = NULL;
    return w.word;
}

static void put_quoted(FILE *f, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=,@+-";
    if (*s && !s[strspn(s, plain)]) {
        fputs(s, f);
        return;
    }
    fputc('\'', f);
    for (; *s; s++)
        fputs(*s == '\'' ? "'\\''" : (char[]){*s, 0}, f);
    fputc('\'', f);
}

void machine_print(const struct request *req, FILE *f)
{
    const struct wiring by_hand = {.by_hand = true};
    for (char **word = machine_words(req, &by_hand); *word; word++) {
        put_quoted(f, *word);
        fputc(word[1] ? ' ' : '\n', f);
    }
}
