/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * How long to wait before the next try: doubling, with jitter, so that a hundred cameras behind a
 * switch that came back do not connect in step. Values only: no clock, no timer.
 */
#ifndef CUSTOS_INGEST_BACKOFF_H
#define CUSTOS_INGEST_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

struct backoff {
        unsigned quick_ms, first_ms, last_ms; /* set once by the owner */
        unsigned tries;  /* since the last connection that was well; starts at 0 */
        bool quick_used; /* likewise */
};

enum backoff_cause {
        BACKOFF_FAILED,   /* it never streamed */
        BACKOFF_STREAMED, /* it streamed, for a moment: one quick retry, then as a failure */
        BACKOFF_WAS_WELL, /* it streamed for long: a quick retry, and doubling starts anew */
        BACKOFF_REFUSED,  /* trying soon would do harm (a wrong password, and cameras that lock
                             accounts) */
};

/* random: any 32 random bits. Returns milliseconds, within a quarter of the nominal value. */
unsigned backoff_next(struct backoff *b, enum backoff_cause cause, uint32_t random);

#endif
