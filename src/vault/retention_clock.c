/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/retention_clock.h"

void retention_clock_init(
        struct retention_clock *c, int64_t wall_us, int64_t boot_us, int64_t newest_us)
{
        bool outage = newest_us > 0 && wall_us - newest_us > RETENTION_CLOCK_OUTAGE_US;

        *c = (struct retention_clock){ .expected_us = outage ? newest_us : wall_us,
                .boot_us = boot_us,
                .apart_us = boot_us,
                .apart = outage };
}

int64_t retention_clock_now(struct retention_clock *c, int64_t wall_us, int64_t boot_us)
{
        c->expected_us += boot_us - c->boot_us;
        c->boot_us = boot_us;
        int64_t ahead = wall_us - c->expected_us;
        bool apart = ahead > RETENTION_CLOCK_STEP_US || ahead < -RETENTION_CLOCK_STEP_US;

        if (apart && !c->apart)
                c->apart_us = boot_us;
        c->apart = apart && boot_us - c->apart_us < RETENTION_CLOCK_HOLD_US;
        if (!c->apart)
                c->expected_us = wall_us;
        return wall_us < c->expected_us ? wall_us : c->expected_us;
}
