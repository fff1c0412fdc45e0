/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "ingest/backoff.h"

/* ms minus a quarter to ms plus a quarter. */
static unsigned jitter(unsigned ms, uint32_t random)
{
        return ms - ms / 4 + (unsigned)((uint64_t)random * (ms / 2 + 1) >> 32);
}

unsigned backoff_next(struct backoff *b, enum backoff_cause cause, uint32_t random)
{
        uint64_t ms = b->first_ms;

        if (cause == BACKOFF_REFUSED)
                return jitter(b->last_ms, random);
        if (cause == BACKOFF_WAS_WELL) {
                b->tries = 0;
                b->quick_used = false;
        }
        if (cause != BACKOFF_FAILED && !b->quick_used && b->tries == 0) {
                b->quick_used = true;
                return jitter(b->quick_ms, random);
        }
        for (unsigned i = 0; i < b->tries && ms < b->last_ms; i++)
                ms *= 2;
        if (ms > b->last_ms)
                ms = b->last_ms;
        b->tries++;
        return jitter((unsigned)ms, random);
}
