/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sheepskin - runs a program in a virtual machine on the host's files: the command line. */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "sheepskin.h"

#define SHEEPSKIN_VERSION "0.3.0"

static const char usage[] =
    "Usage: sheepskin run [OPTION]... [--] APP [ARG]...\n"
    "       sheepskin diff [OPTION]... [--] APP [ARG]...\n"
    "run: runs APP in a virtual machine on folders of the host. APP is the name of a program that\n"
    "comes with Sheepskin (hello, cat, ls, ...) or, with a / in it, a static x86-64 ELF file here.\n"
    "diff: runs APP twice, on Linux and in the guest, each time on fresh copies of the folders and in\n"
    "the first of them, and tells what differs: output, errors, status, and the folders afterwards.\n"
    "\n"
    "  -v HOST:GUEST[:ro][:cache=none|readahead|loose][:sync]\n"
    "                         show folder HOST at GUEST, which starts with /; ro: to be read only;\n"
    "                         cache: what the guest may keep of it (default none), sync: each write\n"
    "                         goes out at once; may be repeated\n"
    "  -e NAME=VALUE          a variable for the program's environment; may be repeated\n"
    "      --boot efi|pvh     start by firmware (OVMF), or directly (default)\n"
    "      --machine NAME     q35 (default), pc or microvm\n"
    "      --memory SIZE      a number of MiB, or one with K, M or G behind it (default 128M)\n"
    "      --timeout SECONDS  end everything after so long\n"
    "      --verbose          the kernel tells the story of the boot on stderr\n"
    "      --dry-run          print the QEMU command line, do not run it\n"
    "      --accel tcg|kvm    how the processor is made (default tcg)\n"
    "      --device SPEC, --chardev SPEC, --drive SPEC\n"
    "                         more devices, as QEMU's options of these names; may be repeated\n"
    "      --qemu PATH        the QEMU to use (default qemu-system-x86_64)\n"
    "      --ignore REGEX     diff: leave out lines of the output that match; may be repeated\n"
    "      --help, --version\n"
    "\n"
    "Status: APP's own, 0-255; 128+N: it died of signal N; 124: time-out; 125: wrong usage or no QEMU;\n"
    "126: APP cannot be executed; 127: APP not found; 254: the guest ended with no word; 255: the kernel\n"
    "panicked. A line on stderr tells 124-127, 254 and 255 from the same status of APP.\n"
    "Status of diff: 0: all is the same; 1: something differs; 125: it could not run on both sides.\n"
    "\n"
    "Environment: SHEEPSKIN_LIB: folder of kernel.elf, sheepskin.efi and initfs.cpio;\n"
    "SHEEPSKIN_BOOT_TIMEOUT: seconds until a guest that shows no sign of life is given up (20).\n";

static void vsay(const char *fmt, va_list args)
{
    fprintf(stderr, "sheepskin: ");
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

void say(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsay(fmt, args);
    va_end(args);
}

static bool diff; /* whose status is 1 for a difference, and one for all that hinders it */

_Noreturn void fatal(int status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsay(fmt, args);
    va_end(args);
    exit(diff ? STATUS_USAGE : status);
}

char *text(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *s;
    if (vasprintf(&s, fmt, args) < 0)
        fatal(STATUS_USAGE, "out of memory");
    va_end(args);
    return s;
}

const char *shown(const char *bytes, size_t n)
{
    enum { MOST = 70 };
    static char rooms[4][4 * MOST + 8];
    static unsigned turn;
    char *room = rooms[turn++ % 4], *p = room;
    *p++ = '"';
    for (size_t i = 0; i < n && i < MOST; i++) {
        if (bytes[i] == '\n')
            p += sprintf(p, "\\n");
        else if (bytes[i] < ' ' || bytes[i] == 127 || bytes[i] == '"' || bytes[i] == '\\')
            p += sprintf(p, "\\x%02x", (unsigned char)bytes[i]);
        else
            *p++ = bytes[i];
    }
    strcpy(p, n > MOST ? "\"..." : "\"");
    return room;
}

/* What was printed must have arrived. */
static int printed(void)
{
    if (fflush(stdout))
        fatal(STATUS_USAGE, "cannot write to standard output: %s; send it to another place", strerror(errno));
    return 0;
}

static const char *one_of(const char *option, const char *value, const char *const *allowed)
{
    for (const char *const *a = allowed; *a; a++)
        if (!strcmp(*a, value))
            return value;
    char *list = text("%s", allowed[0]);
    for (const char *const *a = allowed + 1; *a; a++)
        list = text("%s, %s", list, *a);
    fatal(STATUS_USAGE, "%s '%s' is unknown; choose one of: %s", option, value, list);
}

static double seconds(const char *option, const char *value)
{
    char *end;
    double s = strtod(value, &end);
    if (end == value || *end || !(s > 0) || s > 1e9)
        fatal(STATUS_USAGE, "%s '%s' is not a number of seconds; give one above 0", option, value);
    return s;
}

static const char *memory_size(const char *value)
{
    size_t digits = strspn(value, "0123456789");
    if (!digits || (value[digits] && (!strchr("kKmMgG", value[digits]) || value[digits + 1])))
        fatal(STATUS_USAGE, "--memory '%s' is not a size; write it like 128M or 2G", value);
    return value;
}

static void variable_add(struct request *req, const char *variable)
{
    if (variable[0] == '=' || !strchr(variable, '='))
        fatal(STATUS_USAGE, "-e '%s' names no value; write it as NAME=VALUE", variable);
    if (req->nvariables == VARIABLES)
        fatal(STATUS_USAGE, "more than %d -e options; leave some out", VARIABLES);
    req->variables[req->nvariables++] = variable;
}

static void device_add(struct request *req, const char *option, const char *value)
{
    if (req->ndevices == DEVICES)
        fatal(STATUS_USAGE, "more than %d devices and what belongs to them; give fewer", DEVICES);
    req->devices[req->ndevices][0] = option;
    req->devices[req->ndevices++][1] = value;
}

static void ignore_add(struct request *req, const char *pattern)
{
    if (req->nignored == IGNORED)
        fatal(STATUS_USAGE, "more than %d --ignore options; join some with |", IGNORED);
    if (regcomp(&req->ignored[req->nignored++], pattern, REG_EXTENDED))
        fatal(STATUS_USAGE, "--ignore '%s' is no extended regular expression; see man 7 regex", pattern);
}

enum {
    OPT_BOOT = 256,
    OPT_MACHINE,
    OPT_ACCEL,
    OPT_MEMORY,
    OPT_QEMU,
    OPT_DEVICE,
    OPT_CHARDEV,
    OPT_DRIVE,
    OPT_TIMEOUT,
    OPT_VERBOSE,
    OPT_DRY_RUN,
    OPT_IGNORE,
    OPT_HELP
};

static const struct option options[] = {
    {"boot", required_argument, NULL, OPT_BOOT},
    {"machine", required_argument, NULL, OPT_MACHINE},
    {"accel", required_argument, NULL, OPT_ACCEL},
    {"memory", required_argument, NULL, OPT_MEMORY},
    {"qemu", required_argument, NULL, OPT_QEMU},
    {"device", required_argument, NULL, OPT_DEVICE},
    {"chardev", required_argument, NULL, OPT_CHARDEV},
    {"drive", required_argument, NULL, OPT_DRIVE},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"verbose", no_argument, NULL, OPT_VERBOSE},
    {"dry-run", no_argument, NULL, OPT_DRY_RUN},
    {"volume", required_argument, NULL, 'v'},
    {"env", required_argument, NULL, 'e'},
    {"ignore", required_argument, NULL, OPT_IGNORE},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static void take_option(struct request *req, int opt, const char *value)
{
    static const char *const boots[] = {"pvh", "efi", NULL}, *const machines[] = {"q35", "pc", "microvm", NULL},
                             *const accels[] = {"tcg", "kvm", NULL};
    switch (opt) {
    case 'v':
        share_add(req, value);
        break;
    case 'e':
        variable_add(req, value);
        break;
    case OPT_BOOT:
        req->boot = one_of("--boot", value, boots);
        break;
    case OPT_MACHINE:
        req->machine = one_of("--machine", value, machines);
        break;
    case OPT_ACCEL:
        req->accel = one_of("--accel", value, accels);
        break;
    case OPT_MEMORY:
        req->memory = memory_size(value);
        break;
    case OPT_QEMU:
        req->qemu = value;
        break;
    case OPT_DEVICE:
        device_add(req, "-device", value);
        break;
    case OPT_CHARDEV:
        device_add(req, "-chardev", value);
        break;
    case OPT_DRIVE:
        device_add(req, "-drive", value);
        break;
    case OPT_TIMEOUT:
        req->timeout = seconds("--timeout", value);
        break;
    case OPT_VERBOSE:
        req->verbose = true;
        break;
    case OPT_DRY_RUN:
        req->dry_run = true;
        break;
    case OPT_IGNORE:
        ignore_add(req, value);
        break;
    case 'h':
    case OPT_HELP:
        fputs(usage, stdout);
        exit(printed());
    }
}

_Noreturn static void wrong_option(int how, const char *word)
{
    if (optopt && optopt < 256)
        word = text("-%c", optopt);
    fatal(STATUS_USAGE, "option '%s' %s; see sheepskin --help", word,
          how == ':' ? "needs a value" : "is not understood");
}

static void parse_run(struct request *req, int argc, char **argv)
{
    for (int opt; (opt = getopt_long(argc, argv, "+:v:e:h", options, NULL)) != -1;) {
        if (opt == '?' || opt == ':')
            wrong_option(opt, argv[optind - 1]);
        take_option(req, opt, optarg);
    }
    if (optind >= argc || !argv[optind][0])
        fatal(STATUS_USAGE, "no program is named; try: sheepskin run hello");
    if (!strcmp(req->boot, "efi") && !strcmp(req->machine, "microvm"))
        fatal(STATUS_USAGE, "microvm has no EFI firmware; use --boot pvh, or --machine q35");
    req->argv = argv + optind;
}

/* A closed standard stream would become one of our pipes. What is written to it goes nowhere, which is an error. */
static void open_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDONLY);
    while (fd >= 0 && fd <= 2);
    close(fd);
}

int main(int argc, char **argv)
{
    static struct request req = {
        .boot = "pvh", .machine = "q35", .accel = "tcg", .memory = "128M", .qemu = "qemu-system-x86_64"};
    open_streams();
    if (argc >= 2 && !strcmp(argv[1], "--version"))
        return puts("sheepskin " SHEEPSKIN_VERSION), printed();
    if (argc >= 2 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help")))
        return fputs(usage, stdout), printed();
    diff = argc >= 2 && !strcmp(argv[1], "diff");
    if (argc < 2 || (strcmp(argv[1], "run") && !diff))
        fatal(STATUS_USAGE, "the first word must be 'run' or 'diff'; see sheepskin --help");
    parse_run(&req, argc - 1, argv + 1);
    if (diff && req.dry_run)
        fatal(STATUS_USAGE, "--dry-run goes with run only; see sheepskin --help");
    if (!diff && req.nignored)
        fatal(STATUS_USAGE, "--ignore goes with diff only; see sheepskin --help");
    if (diff)
        return diff_run(&req);
    share_program(&req);
    if (!req.dry_run)
        return session_run(&req);
    machine_print(&req, stdout);
    return printed();
}
