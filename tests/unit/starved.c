/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* starved - what the buses and the 9P client do when memory ends, at each step at which it can: an error with a name, and all of it given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "9p_client.h"
#include "fake_acpi.h"
#include "fake_arch.h"
#include "fake_pci.h"
#include "fake_virtio.h"
#include "mem.h"
#include "pci.h"
#include "share.h"
#include "virtio.h"
#include "virtq.h"

/* ---- all memory but a few pages is somebody else's ---- */

enum { CLASSES = 8, SMALLEST = 16, ENOUGH = 40 };

struct held {
    struct held *next;
};
static struct held *pages, *objects[CLASSES];

static void hold(struct held **list, void *what)
{
    struct held *h = what;
    *h = (struct held){*list};
    *list = h;
}

static void *let_go(struct held **list)
{
    struct held *h = *list;
    if (h)
        *list = h->next;
    return h;
}

static void starve(unsigned pages_left)
{
    u64 pa, left = mem_pages(pages_left, PAGE_SIZE); /* in one piece */
    void *object;
    while ((pa = mem_pages(1, PAGE_SIZE)) != 0)
        hold(&pages, mem_virt(pa));
    for (unsigned c = 0; c < CLASSES; c++)
        while ((object = mem_new((size_t)SMALLEST << c)) != NULL)
            hold(&objects[c], object);
    mem_pages_free(left, pages_left);
}

static void feed(void)
{
    void *object, *page;
    for (unsigned c = 0; c < CLASSES; c++)
        while ((object = let_go(&objects[c])) != NULL)
            mem_delete(object, (size_t)SMALLEST << c);
    while ((page = let_go(&pages)) != NULL)
        mem_pages_free(mem_phys(page), 1);
}

/* ---- queues ---- */

static void notify(struct virtq *q)
{
    (void)q;
}

static unsigned make_and_use(u16 size, u32 flags)
{
    static const struct span spans[3] = {{0x1000, 16}, {0x2000, 16}, {0x3000, 16}};
    unsigned added = 0;
    struct virtq *q = virtq_new(0, size, flags);
    if (!q)
        return 0;
    q->notify = notify;
    /* Without memory for a table a request is a chain. */
    while (virtq_add(q, spans, 1, 2, &added) == 0)
        added++;
    assert_true(added >= size / 3u);
    while (virtq_reclaim(q))
        ;
    virtq_free(q);
    return 1;
}

static void test_queues(void **state)
{
    (void)state;
    static const u32 flags[] = {0, VIRTQ_INDIRECT, VIRTQ_PACKED, VIRTQ_PACKED | VIRTQ_INDIRECT, VIRTQ_LEGACY};
    for (unsigned i = 0; i < ARRAY_LEN(flags); i++)
        for (u16 size = 16; size <= 1024; size *= 8) {
            unsigned made = 0;
            for (unsigned n = 0; n <= ENOUGH; n++) {
                u64 before = mem_free_count();
                starve(n);
                made += make_and_use(size, flags[i]);
                feed();
                assert_int_equal(mem_free_count(), before);
            }
            assert_in_range(made, 1, ENOUGH);
        }
}

/* ---- devices ---- */

enum { ID = 61 };
static unsigned probes;

static int probe(struct virtio_device *dev)
{
    (void)dev;
    probes++;
    return 0;
}

static void gone(struct virtio_device *dev)
{
    (void)dev;
}

VIRTIO_DRIVER(hungry_driver) = {
    .name = "hungry-driver", .id = ID, .features = 1, .queues = 2, .probe = probe, .remove = gone};

static void add_device(struct fake_virtio *device, bool legacy)
{
    static const struct span window = {FAKE_MMIO, FAKE_MMIO_SIZE};
    fake_pci_start(FAKE_BY_ECAM | FAKE_BY_PORTS);
    fake_virtio_add(device, NULL, 4, legacy ? 0x1000 : 0x1040 + ID, 3);
    if (legacy) {
        fake_virtio_legacy(device, 0xc000);
        fake_pci_set16(device->pci, 0x2e, ID);
    } else {
        fake_virtio_caps(device);
    }
    device->num_queues = 2;
    device->offered |= 1;
    pci_scan(&window);
}

/* Bound again and again with a page more each time: it has a driver or not, and nothing is lost. */
static void bind_hungry(bool legacy)
{
    static struct fake_virtio device;
    u64 before = 0;
    add_device(&device, legacy);
    probes = 0;
    for (unsigned n = 0; n <= ENOUGH; n++) {
        pci_first()->offered = false; /* as if it were new */
        starve(n);
        pci_bind_all();
        feed();
        pci_unbind(pci_first());
        assert_null(virtio_first());
        before = before ? before : mem_free_count();
        assert_true(mem_free_count() >= before);
    }
    assert_in_range(probes, 1, ENOUGH);
}

static void test_modern_devices(void **state)
{
    (void)state;
    bind_hungry(false);
}

static void test_legacy_devices(void **state)
{
    (void)state;
    bind_hungry(true);
}

/* ---- the 9P client ---- */

static bool is_fair(s64 result)
{
    return result >= 0 || result == -ENOMEM || result == -ENFILE || result == -EEXIST || result == -ENOENT;
}

/* Each verb with what memory there is; whatever was made goes again. */
static void all_verbs(void)
{
    static char target[VFS_PATH_MAX], value[64];
    struct node node, made;
    struct attr attr;
    struct fs_stat stat;
    unsigned n = 0;
    struct attr_change change = {.valid = CHANGE_MODE, .mode = 0600};
    if (walk1("file", &node) == 1) {
        assert_true(is_fair(fs->ops->getattr(&node, &attr)));
        assert_true(is_fair(fs->ops->statfs(&node, &stat)));
        assert_true(is_fair(fs->ops->setattr(&node, &change)));
        fs->ops->setxattr(&node, name_of("user.f"), "x", 1, 0);
        fs->ops->getxattr(&node, name_of("user.f"), value, sizeof value);
        assert_true(is_fair(fs->ops->link(&root, name_of("l"), &node)));
        assert_true(is_fair(fs->ops->open(&node, O_RDWR, &attr)));
        fs->ops->clunk(&node);
    }
    if (walk1("link", &node) == 1) {
        assert_true(is_fair(fs->ops->readlink(&node, target, sizeof target)));
        fs->ops->clunk(&node);
    }
    if (walk1("dir", &node) == 1) {
        if (fs->ops->open(&node, O_RDONLY, &attr) == 0)
            assert_true(is_fair(fs->ops->readdir(&node, 0, PAGE_SIZE, count_entry, &n)));
        fs->ops->clunk(&node);
    }
    assert_true(is_fair(fs->ops->mkdir(&root, name_of("d"), 0755)));
    assert_true(is_fair(fs->ops->symlink(&root, name_of("s"), "a/b", 3)));
    assert_true(is_fair(fs->ops->rename(&root, name_of("l"), &root, name_of("m"))));
    if (fs->ops->walk(&root, &(struct name){0}, 0, &made, &made.qid) == 0) {
        assert_true(is_fair(fs->ops->create(&made, name_of("c"), O_RDWR, 0644, &attr)));
        fs->ops->clunk(&made);
    }
    for (const char *name = "lmscd"; *name; name++)
        fs->ops->unlink(&root, (struct name){name, 1}, *name == 'd');
}

static void test_shares(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 12; n++) {
        start(NULL);
        starve(n);
        all_verbs();
        feed();
        settle();
        assert_no_fids();
        all_verbs();
        finish(NULL);
    }
}

/* The link dies while there is no memory: what cannot be had again is an error, and so is all that follows if it is the root. */
static void test_shares_that_begin_again(void **state)
{
    (void)state;
    for (unsigned n = 0; n < 6; n++) {
        struct node node;
        struct attr attr;
        start(NULL);
        node = must_open("file");
        starve(n);
        s.lives = 1;
        fake_9p_kill(&s);
        int err = fs->ops->getattr(&node, &attr);
        assert_true(err == 0 || err == -EIO || err == -ENOMEM);
        feed();
        fs->ops->clunk(&node);
        finish(NULL);
    }
}

static void test_clients(void **state)
{
    (void)state;
    unsigned made = 0;
    start(NULL);
    for (unsigned n = 0; n < 4; n++) {
        starve(n);
        made += p9_new(&s.link, "hungry") != NULL;
        feed();
    }
    assert_in_range(made, 1, 3);
    finish(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_modern_devices),
        cmocka_unit_test(test_legacy_devices),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_shares_that_begin_again),
        cmocka_unit_test(test_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
