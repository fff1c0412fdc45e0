/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/retention_clock.h"

void retention_clock_init(
        struct retention_clock *c, int64_t wall_us, int64_t boot_us, int64_t newest_us)
{
        bool outage = newest_us > 0 && wall_us - newest_us > RETENTION_CLOCK_OUTAGE_US;

        *c = (struct retention_clock){ .expected_us = outage ? newest_us : wall_us,
                .wall_us = wall_us,
                .boot_us = boot_us,
                .apart_us = boot_us,
                .apart = outage };
}

int64_t retention_clock_now(struct retention_clock *c, int64_t wall_us, int64_t boot_us)
{
        c->expected_us += boot_us - c->boot_us;
        c->boot_us = boot_us;
        c->wall_us = wall_us;
        int64_t ahead = wall_us - c->expected_us;
        bool apart = ahead > RETENTION_CLOCK_STEP_US || ahead < -RETENTION_CLOCK_STEP_US;

        if (apart && !c->apart)
                c->apart_us = boot_us;
        c->apart = apart && boot_us - c->apart_us < RETENTION_CLOCK_HOLD_US;
        if (!c->apart)
                c->expected_us = wall_us;
        return wall_us < c->expected_us ? wall_us : c->expected_us;
}

void retention_clock_keep(const struct retention_clock *c, struct retention_clock_kept *ret)
{
        *ret = (struct retention_clock_kept){ .expected_us = c->expected_us,
                .wall_us = c->wall_us,
                .boot_us = c->boot_us,
                .held_us = c->apart ? c->boot_us - c->apart_us : -1 };
}

/* The machine was started anew: how long it was off, its wall clock says alone. */
static void retention_clock_restarted(struct retention_clock *c,
        const struct retention_clock_kept *kept, int64_t wall_us, int64_t boot_us)
{
        int64_t off_us = wall_us - kept->wall_us;
        bool believed = off_us <= RETENTION_CLOCK_OUTAGE_US;

        c->boot_us = boot_us;
        c->apart_us = boot_us;
        if (c->apart && believed) {
                c->expected_us += off_us > 0 ? off_us : 0;
                c->apart_us -= kept->held_us;
        } else if (believed) {
                c->expected_us = wall_us;
        }
        c->apart |= !believed;
}

void retention_clock_resume(struct retention_clock *c, const struct retention_clock_kept *kept,
        int64_t wall_us, int64_t boot_us)
{
        *c = (struct retention_clock){ .expected_us = kept->expected_us,
                .wall_us = kept->wall_us,
                .boot_us = kept->boot_us,
                .apart = kept->held_us >= 0,
                .apart_us = kept->boot_us - kept->held_us };
        if (boot_us < kept->boot_us)
                retention_clock_restarted(c, kept, wall_us, boot_us);
}
