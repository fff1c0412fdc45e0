/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "edge/timeline.h"

#include <assert.h>

#define US_PER_S 1000000

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
        while (b) {
                const uint32_t rest = a % b;

                a = b;
                b = rest;
        }
        return a;
}

int timeline_init(struct timeline *t, const uint32_t *clock_rates, const int64_t *ends,
        unsigned tracks_n, struct err *e)
{
        struct timeline made = { .tracks_n = tracks_n };
        uint32_t unit = 0; /* of the round's length, per second */
        int64_t units = 0;

        assert(tracks_n >= 1 && tracks_n <= TIMELINE_TRACKS_MAX);
        for (unsigned i = 0; i < tracks_n; i++) {
                if (clock_rates[i] == 0 || clock_rates[i] > TIMELINE_CLOCK_MAX)
                        return err_set(
                                e, ERR_INVALID, "track %u: clock rate %u", i, clock_rates[i]);
                if (ends[i] <= 0 || ends[i] / clock_rates[i] >= TIMELINE_ROUND_MAX_S)
                        return err_set(e, ERR_INVALID,
                                "track %u: its length must be above 0 and below %d hours", i,
                                TIMELINE_ROUND_MAX_S / 3600);
                made.clock_rate[i] = clock_rates[i];
                unit = common_divisor(clock_rates[i], unit);
        }
        for (unsigned i = 0; i < tracks_n; i++) {
                const int64_t per_unit = clock_rates[i] / unit;
                const int64_t needed = (ends[i] + per_unit - 1) / per_unit;

                units = needed > units ? needed : units;
        }
        for (unsigned i = 0; i < tracks_n; i++)
                made.round_ticks[i] = units * (clock_rates[i] / unit);
        *t = made;
        return 0;
}

int64_t timeline_ticks(const struct timeline *t, unsigned track, uint64_t round, int64_t at)
{
        return (int64_t)round * t->round_ticks[track] + at;
}

int64_t timeline_us(const struct timeline *t, unsigned track, int64_t ticks)
{
        const int64_t rate = t->clock_rate[track];

        return ticks / rate * US_PER_S + ticks % rate * US_PER_S / rate;
}

int64_t timeline_ticks_of_us(const struct timeline *t, unsigned track, int64_t us)
{
        const int64_t rate = t->clock_rate[track];

        return us / US_PER_S * rate + us % US_PER_S * rate / US_PER_S;
}
