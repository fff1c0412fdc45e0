/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A week of local time, cut into minutes: when something is to be done. Pure: which time it is
 * where, and when the clocks change there, the caller knows.
 *
 *     schedule = [ entry *( "," entry ) ]       empty: at all times
 *     entry    = days 1*SP HH:MM "-" HH:MM
 *     days     = "daily" / day [ "-" day ]      "sat-mon" is saturday, sunday, monday
 *     day      = "mon" / "tue" / "wed" / "thu" / "fri" / "sat" / "sun"
 *
 * Blanks may surround an entry. An end is at most 24:00; one that is before its begin is on the
 * next day; the minute of the end is outside. Entries may overlap.
 */
#ifndef CUSTOS_BASE_SCHEDULE_H
#define CUSTOS_BASE_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define SCHEDULE_DAY_MINUTES 1440u
#define SCHEDULE_WEEK_MINUTES (7 * SCHEDULE_DAY_MINUTES)

struct schedule {
        uint8_t bits[SCHEDULE_WEEK_MINUTES / 8]; /* a minute each, from Sunday 00:00 */
};

/* ERR_INVALID with the entry that is wrong and what it should look like. */
int schedule_parse(const char *text, struct schedule *ret, struct err *e) MUST_USE;
/* weekday: 0..6 from Sunday, as tm_wday; minute: 0..1439 of that day. */
bool schedule_inside(const struct schedule *s, unsigned weekday, unsigned minute);
/* Minutes from then until inside becomes outside or the other way; 0: never. */
unsigned schedule_next_change(const struct schedule *s, unsigned weekday, unsigned minute);

#endif
