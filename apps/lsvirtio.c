/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* lsvirtio - virtio devices as /sys/bus/virtio/devices tells it: kind, driver, state, features offered and taken, queues.
 * What only Sheepskin's /sys has (features_offered, queues) is left out where it is missing. */
#include <app.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 0xfffe, POLLED = 0xffff }; /* in place of a vector */

static const char devices[] = "/sys/bus/virtio/devices";

struct name {
    long number;
    const char *name;
};

static const struct name kinds[] = {
    {1, "network"}, {2, "block"},   {3, "console"},      {4, "entropy"},
    {5, "balloon"}, {8, "SCSI"},    {9, "9P"},           {16, "GPU"},
    {18, "input"},  {19, "socket"}, {20, "crypto"},      {23, "IOMMU"},
    {24, "memory"}, {25, "sound"},  {26, "file system"}, {27, "persistent memory"},
    {0, NULL},
};

static const struct name statuses[] = {
    {1, "ACKNOWLEDGE"},  {2, "DRIVER"},   {8, "FEATURES_OK"}, {4, "DRIVER_OK"},
    {64, "NEEDS_RESET"}, {128, "FAILED"}, {0, NULL},
};

/* Bits that mean the same for every device (chapter 6). */
static const struct name common[] = {
    {24, "NOTIFY_ON_EMPTY"},   {27, "ANY_LAYOUT"},
    {28, "INDIRECT_DESC"},     {29, "EVENT_IDX"},
    {32, "VERSION_1"},         {33, "ACCESS_PLATFORM"},
    {34, "RING_PACKED"},       {35, "IN_ORDER"},
    {36, "ORDER_PLATFORM"},    {37, "SR_IOV"},
    {38, "NOTIFICATION_DATA"}, {39, "NOTIF_CONFIG_DATA"},
    {40, "RING_RESET"},        {0, NULL},
};

static const struct name net[] = {
    {0, "CSUM"},
    {1, "GUEST_CSUM"},
    {2, "CTRL_GUEST_OFFLOADS"},
    {3, "MTU"},
    {5, "MAC"},
    {7, "GUEST_TSO4"},
    {8, "GUEST_TSO6"},
    {9, "GUEST_ECN"},
    {10, "GUEST_UFO"},
    {11, "HOST_TSO4"},
    {12, "HOST_TSO6"},
    {13, "HOST_ECN"},
    {14, "HOST_UFO"},
    {15, "MRG_RXBUF"},
    {16, "STATUS"},
    {17, "CTRL_VQ"},
    {18, "CTRL_RX"},
    {19, "CTRL_VLAN"},
    {20, "CTRL_RX_EXTRA"},
    {21, "GUEST_ANNOUNCE"},
    {22, "MQ"},
    {23, "CTRL_MAC_ADDR"},
    {56, "HOST_USO"},
    {57, "HASH_REPORT"},
    {59, "GUEST_HDRLEN"},
    {60, "RSS"},
    {61, "RSC_EXT"},
    {62, "STANDBY"},
    {63, "SPEED_DUPLEX"},
    {0, NULL},
};

static const struct name block[] = {
    {1, "SIZE_MAX"},      {2, "SEG_MAX"},   {4, "GEOMETRY"},      {5, "RO"},  {6, "BLK_SIZE"},
    {9, "FLUSH"},         {10, "TOPOLOGY"}, {11, "CONFIG_WCE"},   {12, "MQ"}, {13, "DISCARD"},
    {14, "WRITE_ZEROES"}, {15, "LIFETIME"}, {16, "SECURE_ERASE"}, {0, NULL},
};

static const struct name console[] = {{0, "SIZE"}, {1, "MULTIPORT"}, {2, "EMERG_WRITE"}, {0, NULL}};
static const struct name balloon[] = {
    {0, "MUST_TELL_HOST"}, {1, "STATS_VQ"}, {2, "DEFLATE_ON_OOM"}, {3, "FREE_PAGE_HINT"}, {4, "PAGE_POISON"},
    {5, "PAGE_REPORTING"}, {0, NULL},
};
static const struct name ninep[] = {{0, "MOUNT_TAG"}, {0, NULL}};

static const struct name *const features_of[] = {[1] = net, [2] = block, [3] = console, [5] = balloon, [9] = ninep};

static const char *name_in(const struct name *names, long number)
{
    for (; names && names->name; names++)
        if (names->number == number)
            return names->name;
    return NULL;
}

static const char *feature_name(long kind, long bit)
{
    size_t known = sizeof features_of / sizeof *features_of;
    const char *name = kind >= 0 && (size_t)kind < known ? name_in(features_of[kind], bit) : NULL;
    return name ? name : name_in(common, bit);
}

static long number(const char *dir, const char *name)
{
    char text[64];
    return read_attribute(dir, name, text, sizeof text) > 0 ? strtol(text, NULL, 0) : -1;
}

static void show_features(const char *dir, long kind)
{
    char taken[80] = "", offered[80] = "";
    ssize_t ntaken = read_attribute(dir, "features", taken, sizeof taken);
    ssize_t noffered = read_attribute(dir, "features_offered", offered, sizeof offered);
    if (ntaken < 0)
        return;
    puts(noffered < 0 ? "  features taken:" : "  features (+ taken, - offered only):");
    for (long bit = 0; bit < 64; bit++) {
        int is_taken = bit < ntaken && taken[bit] == '1', is_offered = bit < noffered && offered[bit] == '1';
        const char *name = feature_name(kind, bit);
        if (is_taken || is_offered)
            printf("    %c %2ld %s\n", is_taken ? '+' : '-', bit, name ? name : "?");
    }
}

static void show_status(const char *dir)
{
    long status = number(dir, "status");
    if (status < 0)
        return;
    printf("  status 0x%02lx%s", status, status ? ":" : "");
    for (const struct name *s = statuses; s->name; s++)
        if (status & s->number)
            printf(" %s", s->name);
    putchar('\n');
}

/* A line for each queue: index, size, MSI-X vector or what stands in for one, and how often something happened. */
static void show_queues(const char *dir)
{
    char text[4096];
    if (read_attribute(dir, "queues", text, sizeof text) <= 0)
        return;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned index, size, vector;
        unsigned long requests, kicks, interrupts;
        if (sscanf(line, "%u %u %u %lu %lu %lu", &index, &size, &vector, &requests, &kicks, &interrupts) != 6)
            continue;
        printf("  queue %u: size %u, ", index, size);
        if (vector < LINE)
            printf("vector %u", vector);
        else
            printf(vector == LINE ? "interrupt line" : "polled");
        printf("; %lu requests, %lu kicks, %lu interrupts\n", requests, kicks, interrupts);
    }
}

static void show(const char *name)
{
    char *dir = join(devices, name), *link = join(dir, "driver"), *driver = link_target(link);
    long kind = number(dir, "device");
    const char *known = name_in(kinds, kind);
    char tag[256];
    printf("%s: %s (%ld), driver %s", name, known ? known : "unknown kind", kind,
           !driver                ? "none"
           : strrchr(driver, '/') ? strrchr(driver, '/') + 1
                                  : driver);
    if (read_attribute(dir, "mount_tag", tag, sizeof tag) > 0)
        printf(", tag \"%s\"", tag);
    putchar('\n');
    show_status(dir);
    show_features(dir, kind);
    show_queues(dir);
    free(driver);
    free(link);
    free(dir);
}

int main(void)
{
    size_t n, shown = 0;
    char **names = list_names(devices, &n);
    if (!names && errno != ENOENT)
        return warn("%s", devices);
    for (size_t i = 0; names && i < n; i++)
        if (names[i][0] != '.') {
            show(names[i]);
            shown++;
        }
    if (!shown)
        puts("no virtio devices here");
    return finish(0);
}
