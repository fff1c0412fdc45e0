/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether a connection brings more than it may, by looks at what it has brought. Twice in a row is
 * too much: once may be what a camera had stored up. Values only: no clock.
 */
#ifndef CUSTOS_INGEST_BIT_RATE_H
#define CUSTOS_INGEST_BIT_RATE_H

#include <stdint.h>

#include "base/err.h"

struct bit_rate {
        uint32_t mbit_max; /* Mbit/s; 0: no maximum. Set by the owner */
        int64_t looked_us;
        uint64_t bytes;
        unsigned over; /* looks in a row that saw more than may come */
};

/* bytes: brought so far; now_us: of a clock that only goes on. */
void bit_rate_begin(struct bit_rate *r, uint64_t bytes, int64_t now_us);
/* ERR_DENIED with FAULT_TOO_MUCH_DATA: too much. */
int bit_rate_look(struct bit_rate *r, uint64_t bytes, int64_t now_us, struct err *e) MUST_USE;

#endif
