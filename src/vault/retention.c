/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/retention.h"

#include <stdlib.h>

/* Rows of a volume with a batch under way that a quota may pass over: they are on their way. */
#define RETENTION_PENDING_MAX 256

enum retention_head_state {
        RETENTION_UNREAD,
        RETENTION_THERE,
        RETENTION_NONE,
};

/* The oldest segment of a lane that may be removed at all. */
struct retention_head {
        enum retention_head_state state;
        struct retention_segment segment;
        struct retention_position at;
        uint64_t bytes; /* of the lane, without what was taken */
};

struct retention_work {
        const struct retention_input *in;
        struct retention_head *heads; /* one a lane */
        unsigned *pending;            /* one a volume */
        unsigned room;                /* of ret->items */
        struct retention_result *ret;
};

static const char *const retention_reason_names[RETENTION_REASONS] = {
        [RETENTION_MAX_DAYS] = "max_days",
        [RETENTION_QUOTA] = "quota",
        [RETENTION_SPACE] = "space",
        [RETENTION_RETIRED] = "retired",
        [RETENTION_BELOW_MINIMUM] = "below_minimum",
};

const char *retention_reason_name(enum retention_reason r)
{
        return retention_reason_names[r];
}

static const struct retention_stream *retention_stream_of(
        const struct retention_work *w, unsigned lane)
{
        return &w->in->streams[w->in->lanes[lane].stream];
}

/* 1: *ret is the lane's oldest; 0: it has none. */
static int retention_head_of(struct retention_work *w, unsigned lane,
        const struct retention_segment **ret, struct err *e)
{
        struct retention_head *h = &w->heads[lane];
        int64_t to_us;

        while (h->state == RETENTION_UNREAD) {
                struct retention_segment *s = &h->segment;
                int r = w->in->next(w->in->owner, lane, &h->at, s, e);
                if (r < 0)
                        return r;
                if (r == 0) {
                        h->state = RETENTION_NONE;
                        break;
                }
                h->at = (struct retention_position){ s->last_us, s->id };
                if (!s->ended)
                        continue;
                if (!lock_set_covers(w->in->locks, retention_stream_of(w, lane)->name, s->first_us,
                            s->last_us, &to_us))
                        h->state = RETENTION_THERE;
                else if (to_us > s->last_us) /* all that ends before is locked too */
                        h->at = (struct retention_position){ to_us, INT64_MAX };
        }
        *ret = &h->segment;
        return h->state == RETENTION_THERE;
}

static bool retention_has_room(const struct retention_work *w, unsigned volume)
{
        return w->ret->volumes[volume].n < w->in->volumes[volume].room;
}

/* The lane's head goes. Where its volume has no room for another name it is left for the next
 * batch, and only counted. */
static void retention_take(struct retention_work *w, unsigned lane, enum retention_reason why)
{
        struct retention_head *h = &w->heads[lane];
        unsigned volume = w->in->lanes[lane].volume;
        struct retention_outcome *o = &w->ret->volumes[volume];

        h->bytes -= h->segment.bytes < h->bytes ? h->segment.bytes : h->bytes;
        h->state = RETENTION_UNREAD;
        if (!retention_has_room(w, volume)) {
                if (++w->pending[volume] > RETENTION_PENDING_MAX)
                        h->state = RETENTION_NONE;
                return;
        }
        if (w->ret->n == w->room) {
                w->room = w->room ? 2 * w->room : 16;
                w->ret->items = xrealloc(w->ret->items, w->room, sizeof *w->ret->items);
        }
        w->ret->items[w->ret->n++] = (struct retention_item){ lane, why, h->segment };
        o->n++;
        o->bytes += h->segment.bytes;
        if (why == RETENTION_SPACE && h->segment.last_us > w->ret->horizon_us)
                w->ret->horizon_us = h->segment.last_us;
}

/* Footage of a time to come counts as new. */
static bool retention_older(
        const struct retention_work *w, const struct retention_segment *s, unsigned days)
{
        return s->last_us < w->in->now_us - (int64_t)days * RETENTION_DAY_US;
}

static bool retention_beyond_minimum(
        const struct retention_work *w, unsigned lane, const struct retention_segment *s)
{
        const struct retention_stream *t = retention_stream_of(w, lane);

        return !t->held && (t->min_days == 0 || retention_older(w, s, t->min_days));
}

/* Law: whatever else holds. */
static int retention_by_age(struct retention_work *w, struct err *e)
{
        const struct retention_segment *s;
        int r = 0;

        for (unsigned i = 0; i < w->in->lanes_n && r >= 0; i++) {
                const struct retention_stream *t = retention_stream_of(w, i);
                if (t->max_days == 0 || t->held)
                        continue;
                while (retention_has_room(w, w->in->lanes[i].volume) &&
                        (r = retention_head_of(w, i, &s, e)) > 0 &&
                        retention_older(w, s, t->max_days))
                        retention_take(w, i, RETENTION_MAX_DAYS);
        }
        return r < 0 ? r : 0;
}

static bool retention_is_before(
        const struct retention_segment *a, const struct retention_segment *b)
{
        return a->last_us != b->last_us ? a->last_us < b->last_us : a->id < b->id;
}

/* The oldest head of the lanes that `fits` names: 1 and its lane, or 0. */
static int retention_oldest(struct retention_work *w,
        bool (*fits)(const struct retention_work *w, unsigned lane, unsigned of), unsigned of,
        bool beyond_minimum, unsigned *ret, struct err *e)
{
        const struct retention_segment *s, *best = NULL;

        for (unsigned i = 0; i < w->in->lanes_n; i++) {
                if (!fits(w, i, of))
                        continue;
                int r = retention_head_of(w, i, &s, e);
                if (r < 0)
                        return r;
                if (r == 0 || (best && !retention_is_before(s, best)))
                        continue;
                if (beyond_minimum && !retention_beyond_minimum(w, i, s))
                        continue;
                best = s;
                *ret = i;
        }
        return best != NULL;
}

static bool retention_of_stream(const struct retention_work *w, unsigned lane, unsigned stream)
{
        return w->in->lanes[lane].stream == stream;
}

static bool retention_of_volume(const struct retention_work *w, unsigned lane, unsigned volume)
{
        return w->in->lanes[lane].volume == volume;
}

static int retention_by_quota(struct retention_work *w, struct err *e)
{
        const struct retention_input *in = w->in;
        CLEANUP(own_freep) uint64_t *has = xcalloc(in->streams_n + 1, sizeof *has);
        unsigned lane = 0;
        int r;

        for (unsigned i = 0; i < in->lanes_n; i++)
                has[in->lanes[i].stream] += w->heads[i].bytes;
        for (unsigned t = 0; t < in->streams_n; t++) {
                uint64_t quota = in->streams[t].quota_bytes;
                while (quota && !in->streams[t].held && has[t] > quota) {
                        r = retention_oldest(w, retention_of_stream, t, false, &lane, e);
                        if (r < 0)
                                return r;
                        if (r == 0)
                                break;
                        uint64_t bytes = w->heads[lane].segment.bytes;
                        has[t] -= bytes < has[t] ? bytes : has[t];
                        retention_take(w, lane, RETENTION_QUOTA);
                }
        }
        return 0;
}

static int retention_by_space(struct retention_work *w, unsigned volume, struct err *e)
{
        unsigned lane = 0;
        int r = 0;

        while (retention_has_room(w, volume) &&
                w->ret->volumes[volume].bytes < w->in->volumes[volume].wanted_bytes &&
                (r = retention_oldest(w, retention_of_volume, volume, true, &lane, e)) > 0)
                retention_take(w, lane, RETENTION_SPACE);
        return r < 0 ? r : 0;
}

/* A volume that is not recorded on any more has no need of room: its footage keeps pace with that
 * of the others. */
static int retention_by_retirement(struct retention_work *w, unsigned volume, struct err *e)
{
        unsigned lane = 0;
        int r = 0;

        while (retention_has_room(w, volume) &&
                (r = retention_oldest(w, retention_of_volume, volume, true, &lane, e)) > 0 &&
                w->heads[lane].segment.last_us <= w->in->horizon_us)
                retention_take(w, lane, RETENTION_RETIRED);
        return r < 0 ? r : 0;
}

/* The lane of that volume with most bytes, of those that have anything to give: 1, or 0. */
static int retention_largest(
        struct retention_work *w, unsigned volume, unsigned *ret, struct err *e)
{
        const struct retention_segment *s;
        bool found = false;

        for (unsigned i = 0; i < w->in->lanes_n; i++) {
                if (w->in->lanes[i].volume != volume ||
                        (found && w->heads[i].bytes <= w->heads[*ret].bytes))
                        continue;
                int r = retention_head_of(w, i, &s, e);
                if (r < 0)
                        return r;
                if (r > 0)
                        *ret = i;
                found |= r > 0;
        }
        return found;
}

static int retention_below_minimum(struct retention_work *w, unsigned volume, struct err *e)
{
        struct retention_outcome *o = &w->ret->volumes[volume];
        unsigned lane = 0;
        int r;

        while (retention_has_room(w, volume) && o->bytes < w->in->volumes[volume].needed_bytes) {
                r = retention_largest(w, volume, &lane, e);
                if (r < 0)
                        return r;
                if (r == 0) {
                        o->stuck = true;
                        break;
                }
                retention_take(w, lane, RETENTION_BELOW_MINIMUM);
        }
        return 0;
}

static int retention_run(struct retention_work *w, struct err *e)
{
        const struct retention_input *in = w->in;
        int r = 0;

        if (in->everything)
                r = retention_by_age(w, e);
        if (r == 0 && in->everything)
                r = retention_by_quota(w, e);
        for (unsigned v = 0; r == 0 && v < in->volumes_n; v++) {
                if (!in->volumes[v].retired)
                        r = retention_by_space(w, v, e);
                else if (in->everything)
                        r = retention_by_retirement(w, v, e);
                if (r == 0)
                        r = retention_below_minimum(w, v, e);
        }
        return r;
}

int retention_plan(const struct retention_input *in, struct retention_result *ret, struct err *e)
{
        struct retention_result result = { .horizon_us = in->horizon_us };
        struct retention_work w = { .in = in, .ret = &result };

        result.volumes = xcalloc(in->volumes_n + 1, sizeof *result.volumes);
        w.pending = xcalloc(in->volumes_n + 1, sizeof *w.pending);
        w.heads = xcalloc(in->lanes_n + 1, sizeof *w.heads);
        for (unsigned i = 0; i < in->lanes_n; i++) {
                w.heads[i].at = (struct retention_position){ INT64_MIN, INT64_MIN };
                w.heads[i].bytes = in->lanes[i].bytes;
        }
        int r = retention_run(&w, e);
        free(w.heads);
        free(w.pending);
        if (r < 0) {
                retention_result_done(&result);
                return r;
        }
        *ret = result;
        return 0;
}

void retention_result_done(struct retention_result *r)
{
        free(r->items);
        free(r->volumes);
        *r = (struct retention_result){ 0 };
}
