/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/forecast.h"

#define FORECAST_STEPS 256 /* of the longest minimum; the first crossing is then halved down */
#define FORECAST_HALVINGS 20
#define FORECAST_LEAST_RATE 1.0 /* bytes a day: less is nothing */

uint64_t forecast_low_bytes(uint64_t reserve_bytes)
{
        return reserve_bytes + reserve_bytes / 8;
}

uint64_t forecast_high_bytes(uint64_t reserve_bytes)
{
        return reserve_bytes + reserve_bytes / 4;
}

/* What may still be recorded in, once all that may go is gone. */
static double forecast_capacity(const struct forecast_volume *v)
{
        uint64_t removable =
                v->footage_bytes > v->locked_bytes ? v->footage_bytes - v->locked_bytes : 0;
        double bytes = (double)v->free_bytes + (double)removable - (double)v->reserve_bytes;

        return bytes > 0 ? bytes : 0;
}

static double forecast_capacity_of_all(const struct forecast_volume *volumes, unsigned n)
{
        double sum = 0;

        for (unsigned i = 0; i < n; i++)
                sum += forecast_capacity(&volumes[i]);
        return sum;
}

double forecast_full_in_days(const struct forecast_volume *v)
{
        uint64_t high = forecast_high_bytes(v->reserve_bytes);

        if (v->free_bytes <= high)
                return 0;
        if (v->bytes_a_day < FORECAST_LEAST_RATE)
                return FORECAST_NEVER;
        return (double)(v->free_bytes - high) / v->bytes_a_day;
}

double forecast_keeps_days(const struct forecast_volume *v)
{
        if (v->bytes_a_day < FORECAST_LEAST_RATE)
                return FORECAST_NEVER;
        return forecast_capacity(v) / v->bytes_a_day;
}

/* Bytes that minimum days claim of a stream in so many days: of what it has now (spread evenly over
 * the days that it reaches back), and of what comes. */
static double forecast_claim(const struct forecast_stream *s, double in_days)
{
        double left = s->min_days - in_days, coming = in_days;
        double claim = 0;

        if (left > 0 && s->days_kept > 0)
                claim = (double)s->bytes * (left < s->days_kept ? left / s->days_kept : 1);
        if (coming > s->min_days)
                coming = s->min_days;
        return claim + s->bytes_a_day * coming;
}

static bool forecast_fits(
        const struct forecast_stream *streams, unsigned n, double in_days, double capacity)
{
        double sum = 0;

        for (unsigned i = 0; i < n; i++)
                sum += forecast_claim(&streams[i], in_days);
        return sum <= capacity;
}

double forecast_minimum_in_days(const struct forecast_volume *volumes, unsigned volumes_n,
        const struct forecast_stream *streams, unsigned streams_n)
{
        double capacity = forecast_capacity_of_all(volumes, volumes_n), longest = 0;
        unsigned step = 0;

        for (unsigned i = 0; i < streams_n; i++)
                longest = streams[i].min_days > longest ? streams[i].min_days : longest;
        while (step <= FORECAST_STEPS &&
                forecast_fits(streams, streams_n, longest * step / FORECAST_STEPS, capacity))
                step++;
        if (step > FORECAST_STEPS || longest <= 0)
                return FORECAST_NEVER;
        if (step == 0)
                return 0;
        double low = longest * (step - 1) / FORECAST_STEPS, high = longest * step / FORECAST_STEPS;
        for (unsigned i = 0; i < FORECAST_HALVINGS; i++) {
                double middle = (low + high) / 2;
                if (forecast_fits(streams, streams_n, middle, capacity))
                        low = middle;
                else
                        high = middle;
        }
        return low;
}

double forecast_stops_in_days(const struct forecast_volume *volumes, unsigned volumes_n,
        const struct forecast_stream *streams, unsigned streams_n)
{
        double capacity = forecast_capacity_of_all(volumes, volumes_n), rate = 0;

        for (unsigned i = 0; i < streams_n; i++)
                rate += streams[i].locking ? streams[i].bytes_a_day : 0;
        if (capacity <= 0 && volumes_n)
                return 0;
        return rate < FORECAST_LEAST_RATE ? FORECAST_NEVER : capacity / rate;
}
