/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/worker_load.h"

#include <string.h>

void worker_load_beat(struct worker_load *l, uint64_t late_ms)
{
        if (!l->beaten || late_ms < l->least_ms)
                l->least_ms = late_ms;
        if (!l->beaten || late_ms > l->most_ms)
                l->most_ms = late_ms;
        l->beaten = true;
}

static uint64_t worker_load_sum(const struct worker_load_stream *streams, unsigned n)
{
        uint64_t sum = 0;

        for (unsigned i = 0; i < n; i++)
                sum += streams[i].rate;
        return sum;
}

/* a goes before b: the larger first, and always the same of two that are equal. */
static bool worker_load_above(
        const struct worker_load_stream *a, const struct worker_load_stream *b)
{
        return a->rate != b->rate ? a->rate > b->rate : strcmp(a->name, b->name) < 0;
}

static struct worker_load_stream *worker_load_largest(
        struct worker_load_stream *streams, unsigned n, uint64_t above)
{
        struct worker_load_stream *best = NULL;

        for (unsigned i = 0; i < n; i++) {
                struct worker_load_stream *s = &streams[i];
                if (!s->shed && s->rate > above && (!best || worker_load_above(s, best)))
                        best = s;
        }
        return best;
}

static struct worker_load_stream *worker_load_smallest_shed(
        struct worker_load_stream *streams, unsigned n)
{
        struct worker_load_stream *best = NULL;

        for (unsigned i = 0; i < n; i++) {
                struct worker_load_stream *s = &streams[i];
                if (s->shed && (!best || worker_load_above(best, s)))
                        best = s;
        }
        return best;
}

static unsigned worker_load_shed(
        struct worker_load *l, struct worker_load_stream *streams, unsigned n)
{
        uint64_t sum = worker_load_sum(streams, n), step = 0;
        uint64_t fair = n ? sum / 10 * 9 / n : 0;
        unsigned changed = 0;
        struct worker_load_stream *s;

        while (step < sum / 10 + 1 && (s = worker_load_largest(streams, n, fair))) {
                s->shed = true;
                step += s->rate;
                changed++;
        }
        l->exhausted = changed == 0;
        if (changed && l->restored && l->since_restored_s < WORKER_LOAD_CALM_MAX_S / 10) {
                unsigned wanted = l->calm_wanted_s ? l->calm_wanted_s : WORKER_LOAD_CALM_S;
                l->calm_wanted_s =
                        wanted < WORKER_LOAD_CALM_MAX_S / 2 ? 2 * wanted : WORKER_LOAD_CALM_MAX_S;
        }
        l->restored = l->restored && !changed;
        return changed;
}

static unsigned worker_load_restore(
        struct worker_load *l, struct worker_load_stream *streams, unsigned n)
{
        uint64_t sum = worker_load_sum(streams, n), step = 0;
        unsigned changed = 0;
        struct worker_load_stream *s;

        while (step < sum / 20 + 1 && (s = worker_load_smallest_shed(streams, n))) {
                s->shed = false;
                step += s->rate;
                changed++;
        }
        if (changed) {
                l->restored = true;
                l->since_restored_s = 0;
        }
        return changed;
}

unsigned worker_load_second(struct worker_load *l, struct worker_load_stream *streams, unsigned n)
{
        bool late = l->beaten && l->least_ms >= WORKER_LOAD_LATE_MS;
        bool calm = l->beaten && l->most_ms < WORKER_LOAD_CALM_MS;
        unsigned wanted = l->calm_wanted_s ? l->calm_wanted_s : WORKER_LOAD_CALM_S;

        l->beaten = false;
        l->late_s = late ? l->late_s + 1 : 0;
        l->calm_s = calm ? l->calm_s + 1 : 0;
        if (l->since_restored_s < WORKER_LOAD_CALM_MAX_S)
                l->since_restored_s++;
        else if (l->restored)
                l->calm_wanted_s = 0; /* all came back long ago, and nothing had to go since */
        if (!late)
                l->exhausted = false;
        if (l->late_s >= WORKER_LOAD_LATE_S) {
                l->late_s = 0;
                return worker_load_shed(l, streams, n);
        }
        if (l->calm_s >= wanted) {
                l->calm_s = 0;
                return worker_load_restore(l, streams, n);
        }
        return 0;
}

bool worker_load_exhausted(const struct worker_load *l)
{
        return l->exhausted;
}
