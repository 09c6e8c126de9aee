/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* power - how the machine ends. */
#include "power.h"
#include "acpi.h"
#include "arch.h"
#include "print.h"

void power_end(const char *word, u8 status)
{
    char line[32];
    size_t len = print_text(line, sizeof line, "%s %u\n", word, status);
    arch_console_write(CONSOLE_CTL, line, MIN(len, sizeof line - 1));
    arch_exit(status);
    acpi_power_off();
    acpi_reset();
    arch_reset();
}
