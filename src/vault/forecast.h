/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What the disks hold at the present rate, in days, so that a person learns of it before it
 * happens. Pure. All bytes are of footage, rates in bytes a day.
 */
#ifndef CUSTOS_VAULT_FORECAST_H
#define CUSTOS_VAULT_FORECAST_H

#include <stdbool.h>
#include <stdint.h>

#define FORECAST_NEVER (-1.0) /* not at the present rate */

struct forecast_volume {
        uint64_t free_bytes, reserve_bytes;
        uint64_t footage_bytes, locked_bytes;
        double bytes_a_day;
};

struct forecast_stream {
        uint64_t bytes;   /* kept now */
        double days_kept; /* that they reach back */
        double bytes_a_day;
        unsigned min_days;
        bool locking; /* what is recorded now is locked as it comes */
};

/* Room that retention keeps on a volume beside its reserve: below low it begins to remove, until
 * there is high again. So a volume that can give room never falls below its reserve. */
uint64_t forecast_low_bytes(uint64_t reserve_bytes);
uint64_t forecast_high_bytes(uint64_t reserve_bytes);

/* Until retention begins to remove; 0 where it does; FORECAST_NEVER where nothing is recorded. */
double forecast_full_in_days(const struct forecast_volume *v);
/* How far back footage will reach once it is full. FORECAST_NEVER where nothing is recorded. */
double forecast_keeps_days(const struct forecast_volume *v);
/* Of all volumes that take footage together: until the minimum days of a stream give way. */
double forecast_minimum_in_days(const struct forecast_volume *volumes, unsigned volumes_n,
        const struct forecast_stream *streams, unsigned streams_n);
/* Until nothing but locked footage is left and recording stops. */
double forecast_stops_in_days(const struct forecast_volume *volumes, unsigned volumes_n,
        const struct forecast_stream *streams, unsigned streams_n);

#endif
