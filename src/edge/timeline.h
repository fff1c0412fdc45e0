/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The arithmetic of a clip that is played round and round: when each sample of each round is due,
 * and which time stamp it carries, without a jump where the clip begins again. Pure.
 *
 * The length of a round is the end of the longest track, rounded up to the next instant that is a
 * whole number of ticks in the clock of every track (1/6000 s for 90 kHz and 48 kHz). So all tracks
 * move on by exactly the same time with each round, and never drift apart; a track that is shorter
 * pauses at the end of the round.
 */
#ifndef CUSTOS_EDGE_TIMELINE_H
#define CUSTOS_EDGE_TIMELINE_H

#include <stdint.h>

#include "base/err.h"

#define TIMELINE_TRACKS_MAX 8
#define TIMELINE_CLOCK_MAX 1000000u
#define TIMELINE_ROUND_MAX_S (24 * 3600)

struct timeline {
        unsigned tracks_n;
        uint32_t clock_rate[TIMELINE_TRACKS_MAX];
        int64_t round_ticks[TIMELINE_TRACKS_MAX]; /* of one round, in the track's clock */
};

/* ends: where each track ends, in its own clock, counted from the clip's start. */
int timeline_init(struct timeline *t, const uint32_t *clock_rates, const int64_t *ends,
        unsigned tracks_n, struct err *e) MUST_USE;
/* Ticks of a track from the start of the first round, for `at` ticks into the given round. */
int64_t timeline_ticks(const struct timeline *t, unsigned track, uint64_t round, int64_t at);
/* Ticks of a track in microseconds (cut) and back (cut); exact over years. */
int64_t timeline_us(const struct timeline *t, unsigned track, int64_t ticks);
int64_t timeline_ticks_of_us(const struct timeline *t, unsigned track, int64_t us);

#endif
