/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The time by which footage ages. The wall clock alone would do for nobody: whoever can set it
 * forward (a forged answer of a time server) would have all footage removed for its age. So a step
 * counts only after the clock has kept to it for a day of running; until then the earlier of the
 * two times holds, in which footage is younger. It has to be kept over a restart: by the newest
 * footage's time alone a step would count as soon as a segment was recorded behind it. Pure.
 */
#ifndef CUSTOS_VAULT_RETENTION_CLOCK_H
#define CUSTOS_VAULT_RETENTION_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#define RETENTION_CLOCK_DAY_US INT64_C(86400000000)
#define RETENTION_CLOCK_STEP_US INT64_C(3600000000) /* less is no step */
#define RETENTION_CLOCK_HOLD_US RETENTION_CLOCK_DAY_US
/* A recorder that was off for longer than this begins with its newest footage's time. */
#define RETENTION_CLOCK_OUTAGE_US (30 * RETENTION_CLOCK_DAY_US)

struct retention_clock {
        int64_t expected_us; /* wall clock, had it run evenly */
        int64_t wall_us;     /* when it was asked last */
        int64_t boot_us;     /* then */
        int64_t apart_us;    /* boot clock at which wall and expected parted; valid with apart */
        bool apart;
};

/* newest_us: the time of the newest footage; 0 where there is none. */
void retention_clock_init(
        struct retention_clock *c, int64_t wall_us, int64_t boot_us, int64_t newest_us);
/* What is to be remembered, once a minute and where `apart` changes. */
struct retention_clock_kept {
        int64_t expected_us, wall_us, boot_us;
        int64_t held_us; /* for so long it is apart; -1: it is not */
};
void retention_clock_keep(const struct retention_clock *c, struct retention_clock_kept *ret);
/* In the place of _init. A boot clock that has gone on is that of the same start of the machine,
 * and tells how long nobody asked; else the wall clock does, as far as RETENTION_CLOCK_OUTAGE_US.
 */
void retention_clock_resume(struct retention_clock *c, const struct retention_clock_kept *kept,
        int64_t wall_us, int64_t boot_us);
/* The time that holds. While c->apart, it is not the wall clock's, or the wall clock went back. */
int64_t retention_clock_now(struct retention_clock *c, int64_t wall_us, int64_t boot_us);

#endif
