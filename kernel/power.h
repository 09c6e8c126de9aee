/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* power - how the machine ends. */
#ifndef POWER_H
#define POWER_H

#include "base.h"

/* Tells whoever started the machine `word` and `status` ("exit 3") on the control channel and switches off: by the exit device, by ACPI, by reset. */
_Noreturn void power_end(const char *word, u8 status);

#endif
