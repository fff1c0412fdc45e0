/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A rate of reading that holds from one file to the next. Pure: the caller has the clock. */
#ifndef CUSTOS_RECORDER_SCRUB_PACE_H
#define CUSTOS_RECORDER_SCRUB_PACE_H

#include <stdint.h>

/* What was not read while there was nothing to read, or while the machine was busy, is not read
 * all at once later: this much of it is. */
#define SCRUB_PACE_BURST_US 200000

struct scrub_pace {
        int64_t next_us; /* when more may be read; zero at first */
};

/* Whether a piece may be read now, and otherwise in how many microseconds: 0 or the wait. */
int64_t scrub_pace_wait(const struct scrub_pace *p, int64_t now_us);
/* A piece was read: of bytes_a_second (at least 1). */
void scrub_pace_took(struct scrub_pace *p, int64_t now_us, uint64_t bytes, uint64_t bytes_a_second);

#endif
