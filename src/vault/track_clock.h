/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Where a track's time stamps lie on the main (video) track's time line (docs/spec/vault.md section
 * 4): by the camera's sender reports where both tracks have them, else by arrival. Pure arithmetic.
 */
#ifndef CUSTOS_VAULT_TRACK_CLOCK_H
#define CUSTOS_VAULT_TRACK_CLOCK_H

#include "media/access_unit.h"

#define TRACK_CLOCK_PTS_MAX (INT64_C(1) << 52)

struct track_clock {
        uint32_t clock_rate, timescale; /* of pts, and of times in the file */
        bool set;
        int64_t pts, main_pts; /* two stamps of one instant */
};

/* A stamp of the main track with its clocks. */
struct track_clock_mark {
        int64_t pts, arrival_us, sender_us;
        uint32_t clock_rate;
};

/* d in ticks of from, in ticks of to, cut downwards. */
int64_t track_clock_rescale(int64_t d, uint32_t from, uint32_t to);
/* By sender reports where both have one and they agree within 10 s with arrival; else, where
 * nothing is set, by arrival. */
void track_clock_align(
        struct track_clock *c, const struct access_unit *u, const struct track_clock_mark *main);
/* Time of u in the file, from main_zero, by its arrival alone. */
int64_t track_clock_arrival(const struct track_clock *c, const struct access_unit *u,
        const struct track_clock_mark *main, int64_t main_zero);
/* By its stamp. One that is more than 10 s off its arrival is aligned
 * again by arrival. */
int64_t track_clock_time(struct track_clock *c, const struct access_unit *u,
        const struct track_clock_mark *main, int64_t main_zero);

#endif
