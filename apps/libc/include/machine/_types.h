/* SPDX-License-Identifier: Apache-2.0 OR BSD-3-Clause */
/* machine/_types.h - the types that newlib leaves to the machine, as wide as Linux x86-64 has them. */
#ifndef _MACHINE__TYPES_H
#define _MACHINE__TYPES_H

#include <machine/_default_types.h>

typedef unsigned long __dev_t;
typedef unsigned long __ino_t;
typedef unsigned int __uid_t;
typedef unsigned int __gid_t;
typedef __UINT64_TYPE__ __fsfilcnt_t;

#define __machine_dev_t_defined
#define __machine_ino_t_defined
#define __machine_uid_t_defined
#define __machine_gid_t_defined
#define __machine_fsfilcnt_t_defined

#endif
