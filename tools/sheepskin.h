/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* sheepskin - the launcher's parts: what was asked (sheepskin.c), what is shared (share.c), the machine (machine.c), a run (session.c), two runs
   compared (diff.c, tree.c). */
#ifndef SHEEPSKIN_H
#define SHEEPSKIN_H

#include <regex.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>

/* What the launcher's own endings look like to the caller; every other status is the program's. */
enum {
    STATUS_TIMEOUT = 124,
    STATUS_USAGE = 125, /* the launcher, its arguments, or QEMU itself failed */
    STATUS_NOT_EXECUTABLE = 126,
    STATUS_NOT_FOUND = 127,
    STATUS_NO_WORD = 254, /* the guest ended, or never began, without saying how */
    STATUS_PANIC = 255
};

/* The kernel has 32 places for mounts and fills five itself; it takes 64 options, of which shares and variables are most. */
enum { SHARES = 20, VARIABLES = 32, IGNORED = 16, DEVICES = 32 };

/* A host folder in the guest. */
struct share {
    char *host;         /* canonical */
    const char *origin; /* for a line that is run by hand, when host is a folder that goes away with us; else NULL */
    char *guest;
    char tag[12];
    bool readonly;
    const char *mode; /* more words of mount=, each behind a colon; may be empty */
};

struct request {
    const char *boot, *machine, *accel, *memory, *qemu;
    double timeout; /* seconds; 0: none */
    bool verbose, dry_run;
    struct share shares[SHARES];
    unsigned nshares;
    const char *variables[VARIABLES]; /* NAME=VALUE */
    unsigned nvariables;
    const char *devices[DEVICES][2]; /* words of QEMU's: option and value */
    unsigned ndevices;
    char **argv;              /* program and arguments, NULL-terminated */
    const char *exe;          /* the program's path in the guest; NULL: argv[0] */
    const char *cwd;          /* where it starts in the guest; NULL: / */
    regex_t ignored[IGNORED]; /* lines that diff does not compare */
    unsigned nignored;
};

/* How QEMU's byte channels reach us: file descriptors, or for a line that is run by hand its own standard streams. */
enum channel { CHANNEL_OUT, CHANNEL_ERR, CHANNEL_CTL, CHANNELS };
struct wiring {
    bool by_hand;
    int out[CHANNELS]; /* write ends of pipes */
    int in;            /* a stream socket that carries standard input; -1: there is no input */
    int columns, rows; /* of the terminal; 0: it is none */
    char terminal[80]; /* its settings, as the guest's kernel wants them */
};

/* Says "sheepskin: ..." on stderr. fatal() also ends the launcher with `status`. Both clean up nothing themselves: exit handlers do. */
void say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void fatal(int status, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* asprintf that never fails. */
char *text(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Some bytes in quotes for a message, not more than a line of it. Stands until the fourth call after this one. */
const char *shown(const char *bytes, size_t n);

/* Adds the share that HOST:GUEST[:ro][:sync][:cache=MODE] describes. */
void share_add(struct request *req, const char *spec);
/* Gives a program that is named by a host path its path in the guest, through a share of its own if none holds it. */
void share_program(struct request *req);
/* Removes what share_program() put into a temporary folder; also runs at exit. */
void share_clean_up(void);

/* The path of one of our files: beside the launcher in the build tree, in ../lib/sheepskin when installed, or in SHEEPSKIN_LIB. */
char *library(const char *name);
/* The initial files. initial_small: is the machine (below 4 MiB) too small for them, so that one program comes by a share? */
bool initial_small(const struct request *req);
/* The -initrd for this machine, NULL: none. Ends where the memory does not hold kernel and files. */
char *initial_files(const struct request *req, const char *kernel);
/* Puts one of the programs there, as it is on the host; false: there is none of that name. */
bool initial_extract(const char *program, const char *to);
/* Puts all of them into a folder of the host. */
void initial_unpack(const char *to);
/* The words of the QEMU command line; NULL-terminated. */
char **machine_words(const struct request *req, const struct wiring *wiring);
/* The line that does the same by hand, for a shell. */
void machine_print(const struct request *req, FILE *f);

/* Is there a terminal on standard input and output? Then notes its size and settings in w. */
bool terminal_open(struct wiring *w);
/* Gives it the settings that the guest's word asks for; and those back that it had, also at exit. */
void terminal_set(const char *word);
void terminal_restore(void);

/* Boots, relays and returns the status for the caller. */
int session_run(const struct request *req);

/* Runs on the host and in the guest, prints what differs; returns 0: nothing, 1: something. Ends with STATUS_USAGE where one of them does not run. */
int diff_run(struct request *req);

/* Copies what is in a folder into another one, with owners, modes, times, hard links and extended attributes. */
void tree_copy(const char *from, const char *to);
/* Prints what differs between two folders, and counts it. since: when programs began to change them. May open closed files to their owner. */
unsigned tree_compare(const char *host, const char *guest, time_t since);
void tree_remove(const char *path);
/* Makes the folder `path` below `parent`, and those above it; returns its whole path. */
char *tree_folder(const char *parent, const char *path);

/* Can a program have a root of its own here? folder/root: an empty folder. */
bool root_granted(const char *folder);
/* Enters one, with the request's folders where the guest has them, and bin and etc of folder/initial; then its cwd. Ends where it cannot. */
bool root_enter(const struct request *req, const char *folder);

#endif
