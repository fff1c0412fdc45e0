/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/gap_list.h"

#include <assert.h>

_Static_assert(SEAL_GAP_NOT_ASKED <= SEAL_GAPS_MAX, "one gap of each cause fits a seal");

static struct seal_gap *gap_list_find(struct gap_list *l, unsigned cause)
{
        for (unsigned i = 0; i < l->n; i++) {
                if (l->gaps[i].cause == cause)
                        return &l->gaps[i];
        }
        return NULL;
}

void gap_list_add(
        struct gap_list *l, unsigned cause, int64_t from_us, int64_t to_us, uint32_t frames)
{
        assert(cause >= SEAL_GAP_START && cause <= SEAL_GAP_NOT_ASKED);
        struct seal_gap *g = gap_list_find(l, cause);
        /* Only a clock that was set back ends before it began. */
        if (cause != SEAL_GAP_CLOCK_STEP && from_us != SEAL_UNKNOWN_US && from_us > to_us)
                from_us = to_us;
        if (!g) {
                g = &l->gaps[l->n++];
                *g = (struct seal_gap){ (uint8_t)cause, from_us, to_us, frames };
                return;
        }
        g->to_us = to_us;
        if (cause != SEAL_GAP_CLOCK_STEP && g->from_us > to_us)
                g->from_us = to_us;
        g->frames = frames > UINT32_MAX - g->frames ? UINT32_MAX : g->frames + frames;
}

void gap_list_join(struct gap_list *l, const struct seal_gap *gaps, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                gap_list_add(l, gaps[i].cause, gaps[i].from_us, gaps[i].to_us, gaps[i].frames);
}

bool gap_list_has(const struct gap_list *l, unsigned cause)
{
        for (unsigned i = 0; i < l->n; i++) {
                if (l->gaps[i].cause == cause)
                        return true;
        }
        return false;
}
