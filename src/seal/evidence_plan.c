/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "seal/evidence_plan.h"

#include <inttypes.h>
#include <stdlib.h>

#define US_PER_S UINT64_C(1000000)

/* Both round down, and no product overflows within the limits of the header. */
static uint64_t ticks_to_us(uint64_t ticks, uint32_t timescale)
{
        return ticks / timescale * US_PER_S + ticks % timescale * US_PER_S / timescale;
}

static uint64_t us_to_ticks(uint64_t us, uint32_t timescale)
{
        return us / US_PER_S * timescale + us % US_PER_S * timescale / US_PER_S;
}

static uint64_t ticks_to_us_up(uint64_t ticks, uint32_t timescale)
{
        return ticks / timescale * US_PER_S +
               (ticks % timescale * US_PER_S + timescale - 1) / timescale;
}

/* Each segment: decode time 0 of the export's samples in it, and where that stands on the export's
 * time line. */
struct placement {
        uint64_t zero_us, base_us;
};

static const struct fmp4_fragment_track *fragment_track(
        const struct evidence_fragment *f, uint32_t id)
{
        for (unsigned t = 0; t < f->layout.tracks_n; t++)
                if (f->layout.tracks[t].id == id)
                        return &f->layout.tracks[t];
        return NULL;
}

static uint64_t place(const struct placement *at, uint64_t decode_time, uint32_t timescale)
{
        uint64_t zero = us_to_ticks(at->zero_us, timescale);

        return us_to_ticks(at->base_us, timescale) + (decode_time > zero ? decode_time - zero : 0);
}

static uint64_t track_end(const struct fmp4_fragment_track *t)
{
        uint64_t end = t->decode_time;

        for (unsigned i = 0; i < t->samples_n; i++)
                end += t->samples[i].duration;
        return end;
}

/* Of one track in one segment: where it begins and ends, in stored decode time. */
struct extent {
        bool any;
        uint64_t begin, end;
};

static struct extent track_extent(const struct evidence *ev, const struct evidence_segment *s,
        const struct fmp4_track *stored)
{
        struct extent x = { 0 };

        for (unsigned j = 0; j < s->fragments_n && evidence_has_track(ev, stored->id); j++) {
                const struct fmp4_fragment_track *ft = fragment_track(&s->fragments[j], stored->id);
                if (!ft || !ft->samples_n)
                        continue;
                uint64_t end = track_end(ft);
                if (!x.any || ft->decode_time < x.begin)
                        x.begin = ft->decode_time;
                if (!x.any || end > x.end)
                        x.end = end;
                x.any = true;
        }
        return x;
}

/* As early as no track begins before the same track of the segments before has ended. ends: of each
 * track so far, on the export's time line. */
static int place_segment(const struct evidence *ev, const struct evidence_segment *s,
        uint64_t ends[static FMP4_TRACKS_MAX], struct placement *at, struct err *e)
{
        struct extent extents[FMP4_TRACKS_MAX];
        bool any = false;

        for (unsigned t = 0; t < s->header.tracks_n; t++) {
                uint32_t ts = s->header.tracks[t].timescale;
                extents[t] = track_extent(ev, s, &s->header.tracks[t]);
                if (!extents[t].any)
                        continue;
                uint64_t begin_us = ticks_to_us(extents[t].begin, ts);
                at->zero_us = !any || begin_us < at->zero_us ? begin_us : at->zero_us;
                any = true;
        }
        for (unsigned t = 0; t < s->header.tracks_n && any; t++) {
                uint32_t ts = s->header.tracks[t].timescale;
                uint64_t offset =
                        extents[t].any ? extents[t].begin - us_to_ticks(at->zero_us, ts) : 0;
                if (!extents[t].any)
                        continue;
                if (ticks_to_us(extents[t].end, ts) - at->zero_us >
                        (uint64_t)EVIDENCE_PLAN_SEGMENT_MAX_US)
                        return err_set(e, ERR_CORRUPT, "a segment lasts longer than an hour");
                uint64_t base_us = ends[t] > offset ? ticks_to_us_up(ends[t] - offset, ts) : 0;
                at->base_us = base_us > at->base_us ? base_us : at->base_us;
        }
        for (unsigned t = 0; t < s->header.tracks_n; t++)
                if (extents[t].any)
                        ends[t] = place(at, extents[t].end, s->header.tracks[t].timescale);
        return 0;
}

static size_t count_samples(const struct evidence *ev, uint32_t id)
{
        size_t n = 0;

        for (unsigned i = 0; i < ev->segments_n; i++)
                for (unsigned j = 0; j < ev->segments[i].fragments_n; j++) {
                        const struct fmp4_fragment_track *ft =
                                fragment_track(&ev->segments[i].fragments[j], id);
                        n += ft ? ft->samples_n : 0;
                }
        return n;
}

static void plan_fragment(struct evidence_plan_track *pt, const struct fmp4_fragment_track *ft,
        const struct placement *at)
{
        uint64_t decode_time = ft->decode_time;

        for (unsigned k = 0; k < ft->samples_n; k++) {
                const struct fmp4_sample *in = &ft->samples[k];
                uint64_t time = place(at, decode_time, pt->stored->timescale);
                uint64_t least = pt->samples_n ? pt->samples[pt->samples_n - 1].time : 0;

                pt->samples[pt->samples_n++] = (struct evidence_plan_sample){
                        .time = time > least ? time : least,
                        .duration = in->duration,
                        .size = in->size,
                        .composition_offset = in->composition_offset,
                        .key = in->key,
                };
                decode_time += in->duration;
        }
}

static void plan_track(const struct evidence *ev, const struct placement *places,
        const struct fmp4_track *stored, struct evidence_plan *p)
{
        size_t n = count_samples(ev, stored->id);

        if (n == 0 || !evidence_has_track(ev, stored->id))
                return;
        struct evidence_plan_track *pt = &p->tracks[p->tracks_n++];
        pt->stored = stored;
        pt->samples = xcalloc(n, sizeof *pt->samples);
        for (unsigned i = 0; i < ev->segments_n; i++)
                for (unsigned j = 0; j < ev->segments[i].fragments_n; j++) {
                        const struct fmp4_fragment_track *ft =
                                fragment_track(&ev->segments[i].fragments[j], stored->id);
                        if (ft)
                                plan_fragment(pt, ft, &places[i]);
                }
}

/* A point where both clocks are known: the arrival of a fragment's first frame, and its place. */
struct anchor {
        bool known;
        int64_t wall_us;
        int64_t line_us;
};

static struct anchor anchor_of(
        const struct evidence *ev, const struct placement *places, unsigned i, unsigned j)
{
        const struct evidence_segment *s = &ev->segments[i];
        const struct evidence_fragment *f = &s->fragments[j];
        struct anchor a = { 0 };

        for (unsigned t = 0; t < s->header.tracks_n && !a.known; t++) {
                const struct fmp4_track *stored = &s->header.tracks[t];
                const struct fmp4_fragment_track *ft = fragment_track(f, stored->id);
                if (!ft || !ft->samples_n || !evidence_has_track(ev, stored->id))
                        continue;
                a = (struct anchor){
                        .known = true,
                        .wall_us = f->seal.first_arrival_us,
                        .line_us = (int64_t)ticks_to_us(
                                place(&places[i], ft->decode_time, stored->timescale),
                                stored->timescale),
                };
        }
        return a;
}

/* wall - anchor, which may be any two numbers from outside. */
static int64_t wall_after(int64_t wall_us, int64_t anchor_us)
{
        int64_t d;

        if (wall_us <= anchor_us || __builtin_sub_overflow(wall_us, anchor_us, &d))
                return wall_us <= anchor_us ? 0 : INT64_MAX / 4;
        return d < INT64_MAX / 4 ? d : INT64_MAX / 4;
}

/* The place of a wall time: counted from the last fragment that began before it, not beyond the
 * next one (the time between two fragments that do not touch takes no time here). Before the first:
 * 0. */
static int64_t line_of_wall(
        const struct evidence *ev, const struct placement *places, int64_t wall_us, int64_t end_us)
{
        struct anchor before = { 0 }, after = { 0 };

        for (unsigned i = 0; i < ev->segments_n && !after.known; i++)
                for (unsigned j = 0; j < ev->segments[i].fragments_n && !after.known; j++) {
                        struct anchor a = anchor_of(ev, places, i, j);
                        if (a.known && a.wall_us <= wall_us)
                                before = a;
                        else if (a.known)
                                after = a;
                }
        if (!before.known)
                return 0;
        int64_t limit_us = after.known ? after.line_us : end_us;
        int64_t us = before.line_us + wall_after(wall_us, before.wall_us);
        return us < limit_us ? us : limit_us;
}

/* Time at which a sample is shown, on the export's time line. */
static uint64_t shown_at(const struct evidence_plan_sample *s)
{
        int64_t t = (int64_t)s->time + s->composition_offset;

        return t > 0 ? (uint64_t)t : 0;
}

/* The beginning moves to where the frame begins that is shown then. */
static int64_t snap_to_frame(const struct evidence_plan *p, int64_t us)
{
        const struct evidence_plan_track *video = &p->tracks[0];
        int64_t best = -1;

        if (!media_is_video(video->stored->config.codec))
                return us;
        for (size_t i = 0; i < video->samples_n; i++) {
                int64_t at = (int64_t)ticks_to_us(
                        shown_at(&video->samples[i]), video->stored->timescale);
                if (at <= us && at > best)
                        best = at;
        }
        return best < 0 ? us : best;
}

static void plan_range(const struct evidence *ev, const struct placement *places, int64_t end_us,
        struct evidence_plan *p)
{
        p->begin_us = 0;
        p->end_us = end_us;
        if (p->tracks_n == 0)
                return;
        int64_t from_us = line_of_wall(ev, places, ev->from_us, end_us);
        int64_t to_us = line_of_wall(ev, places, ev->to_us, end_us);
        if (from_us > 0 && from_us < end_us)
                p->begin_us = snap_to_frame(p, from_us);
        if (to_us > p->begin_us)
                p->end_us = to_us;
}

int evidence_plan_make(const struct evidence *ev, struct evidence_plan *ret, struct err *e)
{
        CLEANUP(own_freep) struct placement *places = xcalloc(ev->segments_n + 1u, sizeof *places);
        struct evidence_plan p = { 0 };
        uint64_t ends[FMP4_TRACKS_MAX] = { 0 };
        int64_t end_us = 0;

        if (ev->segments_n == 0)
                return err_set(e, ERR_INVALID, "an export without segments");
        for (unsigned i = 0; i < ev->segments_n; i++) {
                places[i].base_us = i ? places[i - 1].base_us : 0;
                int r = place_segment(ev, &ev->segments[i], ends, &places[i], e);
                if (r < 0)
                        return r;
        }
        for (unsigned t = 0; t < ev->segments[0].header.tracks_n; t++) {
                int64_t track_us = (int64_t)ticks_to_us_up(
                        ends[t], ev->segments[0].header.tracks[t].timescale);
                end_us = track_us > end_us ? track_us : end_us;
        }
        for (unsigned t = 0; t < ev->segments[0].header.tracks_n; t++)
                plan_track(ev, places, &ev->segments[0].header.tracks[t], &p);
        plan_range(ev, places, end_us, &p);
        if (ev->segments[0].fragments_n)
                p.created_us = ev->segments[0].fragments[0].seal.first_arrival_us;
        *ret = p;
        return 0;
}

void evidence_plan_done(struct evidence_plan *p)
{
        for (unsigned t = 0; t < p->tracks_n; t++)
                free(p->tracks[t].samples);
        *p = (struct evidence_plan){ 0 };
}

void evidence_plan_edit_of(
        const struct evidence_plan *p, unsigned track, struct evidence_plan_edit *ret)
{
        const struct evidence_plan_track *pt = &p->tracks[track];
        uint32_t ts = pt->stored->timescale;
        const struct evidence_plan_sample *first = &pt->samples[0],
                                          *last = &pt->samples[pt->samples_n - 1];
        int64_t first_us = (int64_t)ticks_to_us(first->time, ts);
        int64_t last_us = (int64_t)ticks_to_us_up(last->time + last->duration, ts);
        int64_t begin_us = p->begin_us > first_us ? p->begin_us : first_us;
        int64_t end_us = p->end_us < last_us ? p->end_us : last_us;
        struct evidence_plan_edit edit = { 0 };

        if (end_us <= begin_us) { /* nothing of this track is shown */
                edit.empty_ms = (uint64_t)(p->end_us - p->begin_us + 999) / 1000;
                *ret = edit;
                return;
        }
        edit.empty_ms = (uint64_t)(begin_us - p->begin_us) / 1000;
        edit.shown_ms = (uint64_t)(end_us - begin_us + 999) / 1000;
        if (begin_us > first_us) {
                uint64_t ticks = us_to_ticks((uint64_t)begin_us, ts);
                /* Where a frame begins, its own time and not the rounded one. */
                if (ticks_to_us(ticks, ts) < (uint64_t)begin_us &&
                        ticks_to_us(ticks + 1, ts) == (uint64_t)begin_us)
                        ticks++;
                edit.media_time = ticks > first->time ? ticks - first->time : 0;
        }
        *ret = edit;
}
