/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* efi - boot/efi.c over fake boot services: the memory map, and a firmware that does not let go at once. Names carry the hostile case (B) that they show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../../boot/efi.c"

/* What the build puts beside boot/efi.c. */
const u8 efi_kernel[1], efi_kernel_end[1], efi_initfs[1], efi_initfs_end[1], efi_jump[1], efi_jump_end[1];

enum { MOST = 512 };

/* A firmware whose map gets `grows` entries longer by each allocation and each farewell that fails. */
static struct {
    unsigned entries, grows, stale; /* farewells that fail yet */
    size_t stride;
    bool gone, asks_too_much; /* a service that is none any more was called */
    unsigned farewells, maps;
    UINTN key;
} fw;

static void grow(void)
{
    fw.entries += fw.grows;
    fw.key++;
}

static EFI_STATUS EFIAPI get_map(UINTN *size, EFI_MEMORY_DESCRIPTOR *map, UINTN *key, UINTN *stride, UINT32 *version)
{
    UINTN need = fw.entries * fw.stride, room = *size;
    fw.maps++;
    *size = need;
    *stride = fw.stride;
    *version = 1;
    if (room < need)
        return EFI_BUFFER_TOO_SMALL;
    *key = fw.key;
    if (fw.stride < sizeof *map)
        return EFI_SUCCESS;
    memset(map, 0xa5, need); /* what stands behind the fields that are known */
    for (unsigned i = 0; i < fw.entries; i++) {
        EFI_MEMORY_DESCRIPTOR d = {.Type = i % 2 ? EfiConventionalMemory : EfiReservedMemoryType,
                                   .PhysicalStart = (u64)i << 20,
                                   .NumberOfPages = 256};
        memcpy((u8 *)map + i * fw.stride, &d, sizeof d);
    }
    return EFI_SUCCESS;
}

static EFI_STATUS EFIAPI take_leave(EFI_HANDLE self, UINTN key)
{
    (void)self;
    fw.farewells++;
    if (fw.stale > 0) {
        fw.stale--;
        grow();
    }
    fw.gone = key == fw.key;
    return fw.gone ? EFI_SUCCESS : EFI_INVALID_PARAMETER;
}

static void *pages_given[16];
static unsigned npages_given;

static EFI_STATUS EFIAPI allocate(EFI_ALLOCATE_TYPE how, EFI_MEMORY_TYPE type, UINTN n, EFI_PHYSICAL_ADDRESS *pa)
{
    (void)how, (void)type;
    fw.asks_too_much |= fw.farewells > 0;
    void *bytes = npages_given < ARRAY_LEN(pages_given) ? aligned_alloc(PAGE_SIZE, n * PAGE_SIZE) : NULL;
    if (!bytes)
        return EFI_OUT_OF_RESOURCES;
    pages_given[npages_given++] = bytes;
    *pa = (EFI_PHYSICAL_ADDRESS)bytes;
    grow();
    return EFI_SUCCESS;
}

static VOID EFIAPI set_mem(VOID *at, UINTN n, UINT8 value)
{
    fw.asks_too_much |= fw.farewells > 0;
    memset(at, value, n);
}

static EFI_BOOT_SERVICES services = {
    .GetMemoryMap = get_map, .ExitBootServices = take_leave, .AllocatePages = allocate, .SetMem = set_mem};
static struct map map;
static struct boot boot;

static int start(void **state)
{
    (void)state;
    memset(&fw, 0, sizeof fw);
    memset(&map, 0, sizeof map);
    memset(&boot, 0, sizeof boot);
    fw.entries = 10;
    fw.stride = sizeof(EFI_MEMORY_DESCRIPTOR);
    bs = &services;
    return 0;
}

static int finish(void **state)
{
    (void)state;
    while (npages_given)
        free(pages_given[--npages_given]);
    return 0;
}

static EFI_STATUS leave(void)
{
    assert_true(make_room(&map));
    EFI_STATUS status = leave_firmware(NULL, &map);
    assert_false(fw.asks_too_much);
    assert_int_equal(fw.gone, status == EFI_SUCCESS);
    return status;
}

/* The map is the firmware's last one, entry by entry. */
static void check_map(void)
{
    take_map(&boot, &map);
    assert_int_equal(boot.nranges, MIN(fw.entries, (unsigned)BOOT_RANGES));
    for (unsigned i = 0; i < boot.nranges; i++) {
        assert_int_equal(boot.ranges[i].base, (u64)i << 20);
        assert_int_equal(boot.ranges[i].size, 1 << 20);
        assert_int_equal(boot.ranges[i].kind, i % 2 ? BOOT_RAM : BOOT_RESERVED);
    }
}

static void goes_at_once(void **state)
{
    (void)state;
    assert_int_equal(leave(), EFI_SUCCESS);
    assert_int_equal(fw.farewells, 1);
    check_map();
}

static void case_b12_a_stale_key(void **state)
{
    for (unsigned stale = 1; stale < 8; stale++) {
        start(state);
        fw.stale = stale;
        fw.grows = 1;
        assert_int_equal(leave(), EFI_SUCCESS);
        assert_int_equal(fw.farewells, stale + 1);
        check_map();
    }
}

static void case_b12_a_key_that_is_always_stale(void **state)
{
    (void)state;
    fw.stale = 1000;
    assert_int_equal(leave(), EFI_INVALID_PARAMETER);
    assert_int_equal(fw.farewells, 8);
}

/* Before the first farewell there is more room to be had, behind it there is not. */
static void case_b12_a_map_that_grows(void **state)
{
    (void)state;
    fw.grows = 30;
    fw.stale = 1;
    assert_int_equal(leave(), EFI_SUCCESS);
    check_map();
    finish(state);
    start(state);
    assert_true(make_room(&map));
    fw.entries += 200;
    assert_int_equal(leave_firmware(NULL, &map), EFI_SUCCESS);
    assert_true(npages_given == 2 && !fw.asks_too_much);
    check_map();
    finish(state);
    start(state);
    fw.grows = 200;
    fw.stale = 1;
    assert_true(EFI_ERROR(leave()));
    assert_true(fw.maps < 40);
}

static void case_b13_descriptors_of_another_size(void **state)
{
    static const size_t sizes[] = {40, 48, 56, 64, 104, 4096};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        start(state);
        fw.stride = sizes[i];
        fw.entries = MOST / 4;
        assert_int_equal(leave(), EFI_SUCCESS);
        check_map();
        finish(state);
    }
    for (size_t size = 0; size < sizeof(EFI_MEMORY_DESCRIPTOR); size += 8) {
        start(state);
        fw.stride = size;
        assert_true(EFI_ERROR(leave()));
        assert_int_equal(fw.farewells, 0);
        finish(state);
    }
}

/* More ranges than there is room for: the last ones are not used. */
static void case_b3_more_ranges_than_fit(void **state)
{
    (void)state;
    fw.entries = MOST;
    assert_int_equal(leave(), EFI_SUCCESS);
    check_map();
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, start, finish)
    const struct CMUnitTest tests[] = {
        T(goes_at_once),
        T(case_b12_a_stale_key),
        T(case_b12_a_key_that_is_always_stale),
        T(case_b12_a_map_that_grows),
        T(case_b13_descriptors_of_another_size),
        T(case_b3_more_ranges_than_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
