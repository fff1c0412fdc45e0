/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether a camera that plays sends more than it may: looked at from time to time, by the bytes
 * that came since. Values only: no clock.
 */
#ifndef CUSTOS_INGEST_CAMERA_RATE_H
#define CUSTOS_INGEST_CAMERA_RATE_H

#include <stdint.h>

#include "base/err.h"

struct camera_rate {
        int64_t at_us; /* steady: the last look */
        uint64_t bytes;
        unsigned too_much; /* looks in a row that saw more than may come */
};

struct camera_rate camera_rate_begin(int64_t now_us, uint64_t bytes);
/* ERR_DENIED with FAULT_TOO_MUCH_DATA where two looks in a row saw more than mbit_max Mbit/s (0:
 * any is allowed): once may be what a camera had stored up. */
int camera_rate_look(struct camera_rate *r, int64_t now_us, uint64_t bytes, uint32_t mbit_max,
        struct err *e) MUST_USE;

#endif
