/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Wall and monotonic clocks, microseconds. CUSTOS_CLOCK_OFFSET_S in the environment shifts the wall
 * clock (tests). */
#ifndef CUSTOS_OS_CLOCK_H
#define CUSTOS_OS_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

int64_t clock_wall_us(void); /* since 1970 UTC */
int64_t clock_boot_us(void); /* CLOCK_BOOTTIME: never goes back */
/* How far the kernel has slewed its clocks since the start, by CLOCK_MONOTONIC against
 * CLOCK_MONOTONIC_RAW: what the machine's oscillator would be off by without that. */
int64_t clock_slewed_us(void);
long long clock_log_us(void); /* for log_open */

/* What the kernel knows of its wall clock (adjtimex(2)), as whoever disciplines it (NTP, PTP) says.
 */
struct clock_discipline {
        bool synchronized;
        int64_t offset_us;          /* still to be slewed */
        int64_t estimated_error_us; /* 0..16 s; meaningless where not synchronized */
        int64_t maximum_error_us;
};
/* ERR_UNAVAILABLE: this kernel or container does not say. */
int clock_discipline(struct clock_discipline *ret, struct err *e) MUST_USE;

#endif
