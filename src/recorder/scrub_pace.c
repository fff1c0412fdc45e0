/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/scrub_pace.h"

int64_t scrub_pace_wait(const struct scrub_pace *p, int64_t now_us)
{
        return p->next_us > now_us ? p->next_us - now_us : 0;
}

void scrub_pace_took(struct scrub_pace *p, int64_t now_us, uint64_t bytes, uint64_t bytes_a_second)
{
        if (p->next_us < now_us - SCRUB_PACE_BURST_US)
                p->next_us = now_us - SCRUB_PACE_BURST_US;
        p->next_us += (int64_t)((double)bytes * 1e6 / (double)bytes_a_second);
}
