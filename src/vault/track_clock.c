/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/track_clock.h"

#define MICROSECONDS 1000000u
#define FAR_US INT64_C(10000000)

int64_t track_clock_rescale(int64_t d, uint32_t from, uint32_t to)
{
        int64_t whole = d / from;
        int64_t rest = d % from;

        if (rest < 0) {
                rest += from;
                whole--;
        }
        return whole * to + rest * to / from;
}

static int64_t distance(int64_t a, int64_t b)
{
        return a > b ? a - b : b - a;
}

/* u was at us when main was at main_us. */
static void track_clock_set(struct track_clock *c, const struct access_unit *u,
        const struct track_clock_mark *main, int64_t us, int64_t main_us)
{
        c->set = true;
        c->pts = u->pts;
        c->main_pts = main->pts + track_clock_rescale(us - main_us, MICROSECONDS, main->clock_rate);
}

void track_clock_align(
        struct track_clock *c, const struct access_unit *u, const struct track_clock_mark *main)
{
        bool both = u->sender_us != INT64_MIN && main->sender_us != INT64_MIN;

        /* Reports come from outside: each is compared with its own arrival before the two are
         * compared. */
        if (both && distance(u->sender_us / 2, main->sender_us / 2) < FAR_US / 2 &&
                distance(u->sender_us - main->sender_us, u->arrival_us - main->arrival_us) < FAR_US)
                track_clock_set(c, u, main, u->sender_us, main->sender_us);
        else if (!c->set)
                track_clock_set(c, u, main, u->arrival_us, main->arrival_us);
}

static int64_t time_of(
        const struct track_clock *c, int64_t pts, int64_t main_zero, uint32_t main_rate)
{
        return track_clock_rescale(pts - c->pts, c->clock_rate, c->timescale) +
               track_clock_rescale(c->main_pts - main_zero, main_rate, c->timescale);
}

int64_t track_clock_arrival(const struct track_clock *c, const struct access_unit *u,
        const struct track_clock_mark *main, int64_t main_zero)
{
        return track_clock_rescale(main->pts - main_zero, main->clock_rate, c->timescale) +
               track_clock_rescale(u->arrival_us - main->arrival_us, MICROSECONDS, c->timescale);
}

int64_t track_clock_time(struct track_clock *c, const struct access_unit *u,
        const struct track_clock_mark *main, int64_t main_zero)
{
        int64_t t = time_of(c, u->pts, main_zero, main->clock_rate);
        int64_t expected = track_clock_arrival(c, u, main, main_zero);

        if (distance(t, expected) > track_clock_rescale(FAR_US, MICROSECONDS, c->timescale)) {
                track_clock_set(c, u, main, u->arrival_us, main->arrival_us);
                t = time_of(c, u->pts, main_zero, main->clock_rate);
        }
        return t;
}
