/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Wall and monotonic clocks, microseconds. CUSTOS_CLOCK_OFFSET_S in the environment shifts the wall
 * clock (tests). */
#ifndef CUSTOS_OS_CLOCK_H
#define CUSTOS_OS_CLOCK_H

#include <stdint.h>

int64_t clock_wall_us(void);  /* since 1970 UTC */
int64_t clock_boot_us(void);  /* CLOCK_BOOTTIME: never goes back */
long long clock_log_us(void); /* for log_open */

#endif
