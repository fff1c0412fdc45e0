/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/worker_gaps.h"

#include <stdlib.h>

#define CLOCK_STEP_US 2000000

void worker_gaps_begin(struct worker_gaps *g, unsigned cause, int64_t from_us)
{
        g->begun = true;
        g->cause = cause;
        g->from_us = from_us;
}

static bool unasked(const struct worker_gaps *g)
{
        return g->begun && g->cause == SEAL_GAP_NOT_ASKED;
}

int64_t worker_gaps_unasked_us(const struct worker_gaps *g, int64_t now_us)
{
        if (g->unasked_from_us)
                return g->unasked_from_us;
        return unasked(g) && g->from_us != SEAL_UNKNOWN_US ? g->from_us : now_us;
}

void worker_gaps_close(struct worker_gaps *g, int64_t now_us)
{
        if (!g->unasked_from_us && !unasked(g))
                g->unasked_from_us = now_us;
}

void worker_gaps_open(struct worker_gaps *g, int64_t now_us)
{
        if (g->unasked_from_us) {
                gap_list_add(&g->also, SEAL_GAP_NOT_ASKED, g->unasked_from_us, now_us, 0);
        } else if (unasked(g)) {
                gap_list_add(&g->also, SEAL_GAP_NOT_ASKED, g->from_us, now_us, 0);
                worker_gaps_begin(g, SEAL_GAP_CAMERA_LOST, now_us);
        }
        g->unasked_from_us = 0;
}

void worker_gaps_step(struct worker_gaps *g, int64_t from_us, int64_t to_us)
{
        gap_list_add(&g->also, SEAL_GAP_CLOCK_STEP, from_us, to_us, 0);
}

int64_t worker_gaps_clock_step(
        int64_t *wall_boot_us, int64_t wall_us, int64_t boot_us, int64_t arrival_us, bool take)
{
        int64_t step = wall_us - boot_us - *wall_boot_us, age_us = wall_us - arrival_us;
        bool small = step < CLOCK_STEP_US && step > -CLOCK_STEP_US;
        bool behind = llabs((long long)age_us) <= llabs((long long)(age_us - step));

        if (small || (behind && take))
                *wall_boot_us = wall_us - boot_us;
        return small || !behind ? 0 : step;
}

void worker_gaps_tell(struct worker_gaps *g, int64_t now_us, struct segment_writer_connection *c)
{
        c->gap_cause = g->cause;
        c->gap_from_us = g->from_us;
        c->gap_until_us = g->unasked_from_us;
        if (g->unasked_from_us)
                gap_list_add(&g->also, SEAL_GAP_NOT_ASKED, g->unasked_from_us, now_us, 0);
        c->also = g->also;
        g->unasked_from_us = 0;
        g->also.n = 0;
        g->begun = false;
}
