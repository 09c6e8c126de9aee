/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* proc_load - makes a program from an ELF file: segments, stack with arguments (x86-64 psABI 3.4.1), standard descriptors. */
#include "arch.h"
#include "elf.h"
#include "mem.h"
#include "print.h"
#include "proc.h"
#include "rand.h"
#include "vfs.h"

enum {
    AT_NULL,
    AT_PHDR = 3,
    AT_PHENT,
    AT_PHNUM,
    AT_PAGESZ,
    AT_BASE,
    AT_FLAGS,
    AT_ENTRY,
    AT_UID = 11,
    AT_EUID,
    AT_GID,
    AT_EGID,
    AT_PLATFORM,
    AT_HWCAP,
    AT_CLKTCK,
    AT_SECURE = 23,
    AT_RANDOM = 25,
    AT_EXECFN = 31
};
enum { PHENT = 56, AUXV_MAX = 20 };

struct load {
    const char *path;
    const char *name; /* as the user gave it */
    struct elf_image image;
    struct proc_bytes bytes;
    u64 bias;
    u64 sp;
};

static int refuse(const struct load *l, int error, const char *why)
{
    log_error("%s: %s", l->name, why);
    return error;
}

static const char *error_text(int error)
{
    switch (error) {
    case -ENOENT:
    case -ENOTDIR:
    case -ENAMETOOLONG:
        return "no such program; name one that comes with Sheepskin, or a path with a / in it";
    case -EACCES:
        return "permission denied by the host; who runs the VMM must be able to read it";
    case -EISDIR:
        return "a folder, not a program; name a file";
    case -ENOMEM:
        return "not enough memory; give the machine more (--memory; QEMU: -m)";
    case -ELOOP:
        return "too many symbolic links; name the file itself";
    default:
        return "cannot be read; is the share still there?";
    }
}

/* ---- segments ---- */

/* Pages for all of a file, if it is small beside the memory, with its bytes; 0: it has to be read in pieces; or an error. */
static s64 read_whole(struct file *file, u64 size)
{
    enum { MOST = 512, PART = 4 };
    u64 pages = ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE;
    u64 pa = pages <= MIN(mem_free_count() / PART, (u64)MOST) ? mem_lend_if_free(pages) : 0;
    s64 got = pa ? vfs_read(file, &(struct span){pa, size}, 1, 0) : 0;
    if (pa && got != (s64)size) {
        mem_lent_back(pa, pages);
        return MIN(got, 0);
    }
    if (pa)
        memset((u8 *)mem_virt(pa) + size, 0, pages * PAGE_SIZE - size);
    return (s64)pa;
}

/* The first bytes, by which the kernel decides, into memory that no device knows, or where they lie; and if it can be, all of them to where proc_place() takes
 * them from. */
static s64 read_head(struct load *l, struct file *file, u64 size, u8 **head)
{
    const struct node *node = &file->node;
    bool lies = node->fs->ops->lies;
    s64 pa = lies ? (s64)node->fs->ops->lies(node, 0, size) : read_whole(file, size);
    u64 len = MIN(size, (u64)ELF_HEAD);
    if (pa <= 0)
        return pa ? pa : vfs_read_copy(file, *head, ELF_HEAD, 0);
    l->bytes = (struct proc_bytes){(u64)pa, size, lies ? 0 : ALIGN_UP(size, PAGE_SIZE) / PAGE_SIZE};
    *head = lies && pa % 8 == 0 ? mem_virt((u64)pa) : memcpy(*head, mem_virt((u64)pa), len);
    return (s64)len;
}

static int read_image(struct load *l, struct file *file, u64 size)
{
    u64 page = mem_pages(ELF_HEAD / PAGE_SIZE, PAGE_SIZE);
    const char *why = NULL;
    u8 *head = mem_virt(page);
    if (!page)
        return refuse(l, -ENOMEM, error_text(-ENOMEM));
    s64 got = read_head(l, file, size, &head);
    int result = (int)MIN(got, 0);
    if (got >= 0)
        result = elf_parse(head, (size_t)got, size, &l->image, &why);
    mem_pages_free(page, ELF_HEAD / PAGE_SIZE);
    return result < 0 ? refuse(l, result, why ? why : error_text(result)) : 0;
}

bool proc_random_layout = true;

/* A multiple of `unit` with so many random bits above it, as many as on Linux. */
static u64 chance(unsigned bits, u64 unit)
{
    u64 number = 0;
    if (proc_random_layout)
        rand_bytes(&number, sizeof number);
    return (number & ((1ull << bits) - 1)) * unit;
}

static void choose_layout(struct proc *p)
{
    enum { STACK_BITS = 22, MAP_BITS = 28 };
    p->stack_top = ARCH_USER_MAX - PAGE_SIZE - chance(STACK_BITS, PAGE_SIZE);
    p->map_top = ARCH_USER_MAX - (PAGE_SIZE << STACK_BITS) - PROC_STACK - (1ull << 20) - chance(MAP_BITS, PAGE_SIZE);
}

static int place_segments(struct load *l, struct file *file)
{
    enum { PIE_BITS = 28, BRK_BITS = 13 };
    if (l->image.pie)
        l->bias = 0x555500000000 + chance(PIE_BITS, PAGE_SIZE) - l->image.low;
    struct proc_piece pieces[ELF_SEGMENTS];
    bool fits = true;
    for (unsigned i = 0; i < l->image.nsegments; i++) {
        const struct elf_segment *s = &l->image.segments[i];
        pieces[i] = (struct proc_piece){l->bias + s->va, s->mem_size, s->file_offset, s->file_size, s->prot};
        fits = fits && s->mem_size / PAGE_SIZE <= mem_total_count();
    }
    int result = fits ? proc_place(file, &l->bytes, pieces, l->image.nsegments) : -ENOMEM;
    if (result < 0)
        return refuse(l, result, error_text(result));
    proc_current->brk_start = proc_current->brk = l->bias + l->image.high + chance(BRK_BITS, PAGE_SIZE);
    return 0;
}

/* ---- stack ---- */

/* Puts bytes on the stack; *sp is their address. */
static int push(u64 *sp, const void *bytes, u64 len, u64 align)
{
    *sp = ALIGN_DOWN(*sp - len, align);
    return proc_copy_out(*sp, bytes, len);
}

static unsigned count(char *const strings[])
{
    unsigned n = 0;
    while (strings[n])
        n++;
    return n;
}

/* Puts the strings on the stack, the first one lowest, and their addresses into vector, NULL last. Returns how many. */
static int push_strings(u64 *sp, char *const strings[], u64 *vector)
{
    unsigned n = count(strings);
    vector[n] = 0;
    for (unsigned i = n; i-- > 0; vector[i] = *sp)
        if (push(sp, strings[i], strlen(strings[i]) + 1, 1) < 0)
            return -E2BIG;
    return (int)n;
}

static unsigned make_auxv(const struct load *l, u64 random, u64 platform, u64 execfn, u64 (*aux)[2])
{
    const u64 all[][2] = {
        {AT_PHDR, l->image.phdr_va ? l->bias + l->image.phdr_va : 0},
        {AT_PHENT, PHENT},
        {AT_PHNUM, l->image.phdr_va ? l->image.phnum : 0},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_BASE, 0},
        {AT_FLAGS, 0},
        {AT_ENTRY, l->bias + l->image.entry},
        {AT_UID, 0},
        {AT_EUID, 0},
        {AT_GID, 0},
        {AT_EGID, 0},
        {AT_PLATFORM, platform},
        {AT_HWCAP, arch_hwcap()},
        {AT_CLKTCK, 100},
        {AT_SECURE, 0},
        {AT_RANDOM, random},
        {AT_EXECFN, execfn},
        {AT_NULL, 0},
    };
    _Static_assert(ARRAY_LEN(all) <= AUXV_MAX, "auxiliary vector");
    memcpy(aux, all, sizeof all);
    return ARRAY_LEN(all);
}

/*
 *   sp -> argc | argv... 0 | envp... 0 | auxv... AT_NULL | strings, random bytes <- top
 */
static int push_vectors(struct load *l, u64 *words, char *const argv[], char *const envp[])
{
    u64 sp = l->sp, random[2], aux[AUXV_MAX][2];
    rand_bytes(random, sizeof random);
    if (push(&sp, l->path, strlen(l->path) + 1, 1) < 0)
        return -ENOMEM;
    u64 execfn = sp;
    unsigned argc = count(argv);
    u64 *next = words + 1 + argc + 1;
    int envc = push_strings(&sp, envp, next);
    proc_current->env_end = execfn;
    proc_current->env_start = sp;
    if (envc < 0 || push_strings(&sp, argv, words + 1) < 0)
        return -E2BIG;
    proc_current->arg_start = sp;
    next += envc + 1;
    push(&sp, "x86_64", 7, 1);
    u64 platform = sp;
    push(&sp, random, sizeof random, 16);
    unsigned naux = make_auxv(l, sp, platform, execfn, aux);
    memcpy(next, aux, naux * sizeof aux[0]);
    words[0] = argc;
    u64 size = (u64)(next - words) * 8 + naux * sizeof aux[0];
    int result = push(&sp, words, size, 16);
    l->sp = sp;
    return result;
}

static int make_stack(struct load *l, char *const argv[], char *const envp[])
{
    l->sp = proc_stack();
    l->sp -= l->sp ? chance(9, 16) : 0;
    unsigned n = 1 + 2 * AUXV_MAX + count(argv) + 1 + count(envp) + 1;
    u64 *words = mem_new(n * sizeof *words);
    if (!words || !l->sp)
        return refuse(l, -ENOMEM, error_text(-ENOMEM));
    int result = push_vectors(l, words, argv, envp);
    mem_delete(words, n * sizeof *words);
    return result < 0 ? refuse(l, result, "the arguments do not fit; give fewer") : 0;
}

/* ---- everything else that a program starts with ---- */

static int open_standard(void)
{
    static const struct {
        const char *path;
        u32 flags;
    } standard[] = {{"/dev/console", O_RDONLY}, {"/dev/console", O_WRONLY}, {"/dev/console-err", O_WRONLY}};
    for (unsigned i = 0; i < ARRAY_LEN(standard); i++) {
        struct file *file;
        int result = vfs_open(NULL, standard[i].path, standard[i].flags, 0, &file);
        if (result < 0)
            return result;
        proc_fd_add(file, i, false);
    }
    return 0;
}

static int set_cwd(const char *cwd)
{
    struct file *file;
    int result = vfs_open(NULL, cwd ? cwd : "/", O_DIRECTORY | O_PATH, 0, &file);
    if (result < 0)
        log_error("cwd=%s: error %d; it must be a directory of the guest", cwd, -result);
    else
        proc_current->cwd = file;
    return result;
}

static void set_names(const char *path, const char *file)
{
    const char *base = path;
    for (const char *p = path; *p; p++)
        if (*p == '/')
            base = p + 1;
    print_string(proc_current->name, proc_current->name + sizeof proc_current->name, base);
    proc_current->exe = vfs_path_copy(file);
}

static int new_proc(const char *path, const char *file)
{
    struct proc *p = mem_new(sizeof *p);
    if (!p || !(p->space = arch_space_new()))
        return -ENOMEM;
    p->pid = 1;
    p->umask = 022;
    memset(p->limits, 0xff, sizeof p->limits);
    p->limits[PROC_LIMIT_STACK][0] = PROC_STACK;
    p->limits[PROC_LIMIT_FDS][0] = p->limits[PROC_LIMIT_FDS][1] = PROC_FDS;
    choose_layout(p);
    proc_current = p;
    set_names(path, file);
    arch_space_use(p->space);
    return 0;
}

static int load_file(struct load *l, struct file *file, const struct attr *attr)
{
    if ((attr->mode & S_IFMT) != S_IFREG)
        return refuse(l, -EACCES, "a folder or device, not a program; name a file");
    if (!(attr->mode & 0111))
        return refuse(l, -EACCES, "not executable; chmod +x it");
    int result = read_image(l, file, attr->size);
    if (result == 0)
        result = new_proc(l->path, file->path);
    return result < 0 ? result : place_segments(l, file);
}

int proc_load(const char *path, char *const argv[], char *const envp[], const char *cwd, u64 *entry, u64 *sp)
{
    struct load l = {.path = path, .name = argv[0]};
    struct file *file;
    struct attr attr;
    int result = vfs_open_to_read(path, &file, &attr);
    if (result < 0)
        return refuse(&l, result, error_text(result));
    result = load_file(&l, file, &attr);
    vfs_put(file);
    if (result == 0)
        result = make_stack(&l, argv, envp);
    if (result == 0)
        result = set_cwd(cwd);
    if (result == 0)
        result = open_standard();
    *entry = l.bias + l.image.entry;
    *sp = l.sp;
    return result;
}
