/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/segment_lane.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define MICROSECONDS 1000000
#define CLOSING_RESERVE 1 /* of a segment's fragments, for one that only closes it */
#define FRAGMENTS_MAX (FMP4_FRAGMENTS_MAX - CLOSING_RESERVE)
#define SEGMENT_MAX_US INT64_C(60000000)
#define FRAGMENT_MAX_US (INT64_C(1000000) * FRAGMENT_BUILDER_SECONDS_MAX)
#define ARRIVAL_SPAN_US INT64_C(2250000) /* of a fragment; the sealer refuses more than 2.5 s */
#define JITTER_US 50000                  /* a key frame this much too early still cuts */
#define BACK_US MICROSECONDS             /* frames out of order go back less */
#define JUMP_US (10 * INT64_C(1000000))
#define PAUSE_US                                                                                   \
        (2 * INT64_C(1000000)) /* stamps and arrival agree this well: the camera paused            \
                                */
#define CLOCK_RATE_MAX 1000000
#define STALL_US (60 * INT64_C(1000000))

static int64_t main_us(const struct segment_lane *l, int64_t ticks)
{
        return track_clock_rescale(ticks, l->last.clock_rate, MICROSECONDS);
}

/* --- the connection --- */

void segment_lane_init(struct segment_lane *l, const struct segment_writer_options *o)
{
        const struct bytes certs[3] = { o->seal_cert, o->issuer_cert, o->root_cert };

        *l = (struct segment_lane){
                .loop = o->loop, .fragment_us = o->fragment_us, .segment_us = o->segment_us
        };
        snprintf(l->stream, sizeof l->stream, "%s", o->stream);
        snprintf(l->recorder, sizeof l->recorder, "%s", o->recorder);
        for (unsigned i = 0; i < ARRAY_LEN(certs); i++) {
                buf_init_full(&l->certs[i], certs[i].n);
                int r = buf_append(&l->certs[i], certs[i], NULL);
                assert(r == 0);
                (void)r;
        }
        l->share = chunk_share_new(o->pool);
        fragment_builder_init(&l->builder, l->share);
        l->last_us = l->written_us = SEAL_UNKNOWN_US;
}

void segment_lane_done(struct segment_lane *l)
{
        fragment_builder_done(&l->builder);
        chunk_share_free(l->share);
        l->file = segment_file_unref(l->file);
        free(l->header);
        for (unsigned i = 0; i < ARRAY_LEN(l->certs); i++)
                buf_done(&l->certs[i]);
        *l = (struct segment_lane){ 0 };
}

static int check_track(const struct media_config *c, struct err *e)
{
        if (c->clock_rate == 0 || c->clock_rate > CLOCK_RATE_MAX)
                return err_set(e, ERR_INVALID, "a clock of %u Hz", c->clock_rate);
        if (media_is_audio(c->codec) && (c->sample_rate == 0 || c->sample_rate > CLOCK_RATE_MAX))
                return err_set(e, ERR_INVALID, "sound of %u Hz", c->sample_rate);
        return 0;
}

int segment_lane_check(const struct segment_writer_connection *c, struct err *e)
{
        if (c->tracks_n > FMP4_TRACKS_MAX)
                return err_set(e, ERR_INVALID, "%u tracks, at most %d are possible", c->tracks_n,
                        FMP4_TRACKS_MAX);
        for (unsigned i = 0; i < c->tracks_n; i++) {
                int r = check_track(&c->tracks[i], e);
                if (r < 0)
                        return err_wrap(e, r, "track %u", i);
        }
        int main = media_config_main_track(c->tracks, c->tracks_n);
        if (main < 0)
                return err_set(e, ERR_INVALID, "neither video nor sound: nothing can be recorded");
        /* The main track's stamps are its times in the file. */
        if (media_timescale(&c->tracks[main]) != c->tracks[main].clock_rate)
                return err_set(e, ERR_INVALID,
                        "sound of %u Hz with a clock of %u, and no video: not recorded",
                        c->tracks[main].sample_rate, c->tracks[main].clock_rate);
        return main;
}

static void place_track(struct segment_lane *l, unsigned track, const struct media_config *config)
{
        unsigned at = l->header->tracks_n++;

        l->place[track] = (uint8_t)at;
        l->header->tracks[at] = (struct fmp4_track){ .id = at + 1, .config = *config };
        l->header->tracks[at].timescale = media_timescale(config);
        l->clocks[at] = (struct track_clock){ .clock_rate = config->clock_rate,
                .timescale = l->header->tracks[at].timescale };
        l->arrivals[at] = SEAL_UNKNOWN_US;
}

static bool is_metadata(enum media_codec c)
{
        return c == MEDIA_ONVIF_METADATA;
}

void segment_lane_connect(struct segment_lane *l, const struct segment_writer_connection *c)
{
        /* As the file has them. */
        static bool (*const kinds[])(
                enum media_codec) = { media_is_video, media_is_audio, is_metadata };
        int main = segment_lane_check(c, NULL);

        assert(!l->file && main >= 0);
        free(l->header);
        l->header = xcalloc(1, sizeof *l->header);
        l->tracks_n = c->tracks_n;
        l->main = (unsigned)main;
        place_track(l, l->main, &c->tracks[l->main]);
        for (unsigned kind = 0; kind < ARRAY_LEN(kinds); kind++)
                for (unsigned i = 0; i < c->tracks_n; i++)
                        if (i != l->main && kinds[kind](c->tracks[i].codec))
                                place_track(l, i, &c->tracks[i]);
        l->source = (struct head){ .protection = c->protection,
                .tls_version = c->tls_version,
                .connected_us = c->connected_us };
        memcpy(l->source.camera_key, c->camera_key, sizeof l->source.camera_key);
        snprintf(l->source.source, sizeof l->source.source, "%s", c->source);
        l->begin_cause = c->gap_cause;
        l->begin_from_us = c->gap_from_us;
        l->begin_until_us = c->gap_until_us;
        gap_list_join(&l->begin_also, c->also.gaps, c->also.n);
        l->awaiting_key = true;
        l->config_changed = l->has_last = false;
        l->step_cause = 0;
        l->last = (struct track_clock_mark){ .clock_rate = c->tracks[l->main].clock_rate };
}

void segment_lane_disconnect(struct segment_lane *l)
{
        free(l->header);
        l->header = NULL;
        l->tracks_n = 0;
}

void segment_lane_note_config(struct segment_lane *l, unsigned track, const struct access_unit *u)
{
        struct fmp4_track *t = &l->header->tracks[l->place[track]];

        if (!u->new_config || u->new_config->codec != t->config.codec ||
                media_config_equal(u->new_config, &t->config) ||
                check_track(u->new_config, NULL) < 0)
                return;
        t->config = *u->new_config;
        l->clocks[l->place[track]].timescale = t->timescale = media_timescale(&t->config);
        l->config_changed = true;
}

enum media_codec segment_lane_codec(const struct segment_lane *l, unsigned track)
{
        return l->header && track < l->tracks_n ? l->header->tracks[l->place[track]].config.codec
                                                : MEDIA_NONE;
}

int segment_lane_plan(
        enum media_codec codec, struct bytes sample, struct segment_lane_plan *ret, struct err *e)
{
        int n = cenc_plan(codec, sample, ret->ranges, e);

        if (n < 0)
                return n;
        ret->n = (unsigned)n;
        return 0;
}

/* --- where a unit goes --- */

/* A jump of the time line begins another segment: why, or 0. */
static unsigned find_step(const struct segment_lane *l, const struct access_unit *u)
{
        int64_t stamps = main_us(l, u->pts - l->last.pts);
        int64_t arrival = u->arrival_us - l->last.arrival_us;

        if (u->clock_stepped || arrival < 0 || stamps < -BACK_US || arrival - stamps > STALL_US)
                return SEAL_GAP_CLOCK_STEP;
        if (stamps <= JUMP_US || u->unasked_before)
                return 0;
        return stamps - arrival < PAUSE_US && arrival - stamps < PAUSE_US ? SEAL_GAP_FRAMES_DROPPED
                                                                          : SEAL_GAP_CLOCK_STEP;
}

int64_t segment_lane_elapsed_us(const struct segment_lane *l, const struct access_unit *u)
{
        return main_us(l, u->pts - l->zero_pts);
}

bool segment_lane_room(const struct segment_lane *l)
{
        return l->fragments + 2 <= FRAGMENTS_MAX;
}

bool segment_lane_steady(const struct segment_lane *l)
{
        return l->step_cause == 0;
}

static struct fragment_builder_sample sample_of(
        const struct access_unit *u, const struct segment_lane_plan *plan, int64_t time)
{
        return (struct fragment_builder_sample){ .data = u->data,
                .ranges = plan->n ? plan->ranges : NULL,
                .ranges_n = plan->n,
                .time = time,
                .key = u->key,
                .stamp = { u->pts, u->arrival_us, u->sender_us, u->unasked_before, u->lost_before,
                        u->clock_stepped } };
}

/* How long the group that u begins will be: as the one before. */
static int64_t next_gop_us(const struct segment_lane *l, const struct access_unit *u)
{
        return l->has_last && u->pts > l->last_key_pts ? main_us(l, u->pts - l->last_key_pts) : 0;
}

static bool fragment_ends(const struct segment_lane *l, const struct access_unit *u,
        const struct segment_lane_plan *plan)
{
        const struct fragment_builder_track *t = &l->builder.tracks[0];
        struct fragment_builder_sample s = sample_of(u, plan, u->pts - l->zero_pts);

        if (fragment_builder_empty(&l->builder))
                return false;
        if (!fragment_builder_fits(&l->builder, 0, &s) ||
                u->arrival_us - l->first_arrival_us >= ARRIVAL_SPAN_US)
                return true;
        if (!u->key || t->samples_n == 0)
                return false;
        int64_t elapsed = main_us(l, s.time - t->first);
        return elapsed >= l->fragment_us - JITTER_US ||
               elapsed + next_gop_us(l, u) > FRAGMENT_MAX_US;
}

/* At a key frame: the next group would not fit any more. */
static bool segment_ends_at_key(const struct segment_lane *l, const struct access_unit *u)
{
        int64_t limit = l->segment_us + JITTER_US < SEGMENT_MAX_US ? l->segment_us + JITTER_US
                                                                   : SEGMENT_MAX_US;
        int64_t gop = next_gop_us(l, u);
        int64_t fragments = gop / FRAGMENT_MAX_US + 1;

        /* Stamps may creep, or stand still. */
        return segment_lane_elapsed_us(l, u) + gop > limit ||
               u->arrival_us - l->zero_arrival_us > SEGMENT_MAX_US ||
               l->fragments + 1 + fragments > FRAGMENTS_MAX;
}

static void count_drop(struct segment_lane *l, uint32_t n)
{
        l->drop.frames = n > UINT32_MAX - l->drop.frames ? UINT32_MAX : l->drop.frames + n;
}

enum segment_lane_step segment_lane_judge(
        struct segment_lane *l, const struct access_unit *u, const struct segment_lane_plan *plan)
{
        if (l->awaiting_key && !u->key) {
                count_drop(l, l->drop.cause != 0);
                l->overload_frames += l->drop.cause == SEAL_GAP_OVERLOAD;
                return SEGMENT_LANE_SKIP;
        }
        if (!l->file)
                return SEGMENT_LANE_NEW_SEGMENT;
        unsigned step = l->has_last ? find_step(l, u) : 0;
        if (step) {
                l->step_cause = step;
                return SEGMENT_LANE_NEW_SEGMENT;
        }
        if (u->key && (l->config_changed || segment_ends_at_key(l, u)))
                return SEGMENT_LANE_NEW_SEGMENT;
        if (segment_lane_elapsed_us(l, u) >= SEGMENT_MAX_US)
                return SEGMENT_LANE_NEW_SEGMENT;
        if (!fragment_ends(l, u, plan))
                return SEGMENT_LANE_SAME;
        return segment_lane_room(l) ? SEGMENT_LANE_NEW_FRAGMENT : SEGMENT_LANE_NEW_SEGMENT;
}

static int64_t other_time(struct segment_lane *l, unsigned at, const struct access_unit *u)
{
        /* The stamps of metadata mean nothing (ONVIF streaming specification section 5.2.1.1). */
        if (l->header->tracks[at].config.codec == MEDIA_ONVIF_METADATA)
                return track_clock_arrival(&l->clocks[at], u, &l->last, l->zero_pts);
        if (!l->aligned[at]) {
                track_clock_align(&l->clocks[at], u, &l->last);
                l->aligned[at] = true;
        }
        return track_clock_time(&l->clocks[at], u, &l->last, l->zero_pts);
}

enum segment_lane_step segment_lane_judge_other(struct segment_lane *l, unsigned track,
        const struct access_unit *u, const struct segment_lane_plan *plan)
{
        unsigned at = l->place[track];
        int64_t time = other_time(l, at, u);
        struct fragment_builder_sample s = sample_of(u, plan, time);

        /* A step of the clock is seen at the next picture; until then nothing fits. */
        if (u->clock_stepped)
                return SEGMENT_LANE_SKIP;
        if (fragment_builder_empty(&l->builder) ||
                (fragment_builder_fits(&l->builder, at, &s) &&
                        u->arrival_us - l->first_arrival_us < ARRIVAL_SPAN_US))
                return SEGMENT_LANE_SAME;
        bool full =
                track_clock_rescale(time, l->clocks[at].timescale, MICROSECONDS) >= SEGMENT_MAX_US;
        return full || !segment_lane_room(l) ? SEGMENT_LANE_NEW_SEGMENT : SEGMENT_LANE_NEW_FRAGMENT;
}

/* --- the segment --- */

/* What the first seal of a segment has to explain. */
static void note_beginning(struct segment_lane *l, const struct access_unit *u)
{
        if (l->begin_cause)
                gap_list_add(&l->gaps, l->begin_cause, l->begin_from_us,
                        l->begin_until_us ? l->begin_until_us : u->arrival_us, 0);
        for (unsigned i = 0; i < l->begin_also.n; i++) {
                const struct seal_gap *g = &l->begin_also.gaps[i];
                bool ends = g->cause == SEAL_GAP_CLOCK_STEP || g->to_us < u->arrival_us;
                gap_list_add(
                        &l->gaps, g->cause, g->from_us, ends ? g->to_us : u->arrival_us, g->frames);
        }
        l->begin_also.n = 0;
        /* The clock can have gone back while nothing was recorded, over a restart too. */
        if (l->begin_cause && l->begin_from_us != SEAL_UNKNOWN_US &&
                u->arrival_us < l->begin_from_us)
                gap_list_add(&l->gaps, SEAL_GAP_CLOCK_STEP, l->begin_from_us, u->arrival_us, 0);
        if (l->step_cause)
                gap_list_add(&l->gaps, l->step_cause, l->last.arrival_us, u->arrival_us, 0);
        if (l->last_us != SEAL_UNKNOWN_US && u->arrival_us < l->last_us &&
                !gap_list_has(&l->gaps, SEAL_GAP_CLOCK_STEP))
                gap_list_add(&l->gaps, SEAL_GAP_CLOCK_STEP, l->last_us, u->arrival_us, 0);
        l->begin_cause = l->step_cause = 0;
}

int segment_lane_open(struct segment_lane *l, const struct segment_writer_grant *g,
        const struct access_unit *u, struct err *e)
{
        struct head h = l->source;

        h.version = head_version_of(l->header);
        snprintf(h.stream, sizeof h.stream, "%s", l->stream);
        snprintf(h.object_key, sizeof h.object_key, "%s", g->object_key);
        snprintf(h.recorder, sizeof h.recorder, "%s", l->recorder);
        memcpy(h.kid, g->kid, sizeof h.kid);
        memcpy(h.hour_key_id, g->hour_key_id, sizeof h.hour_key_id);
        h.seal_cert = buf_bytes(&l->certs[0]);
        h.issuer_cert = buf_bytes(&l->certs[1]);
        h.root_cert = buf_bytes(&l->certs[2]);
        memcpy(l->header->kid, g->kid, sizeof l->header->kid);
        int r = segment_file_new(g, &h, l->header, &l->file, e);
        if (r < 0)
                return r;
        fragment_builder_segment(&l->builder, l->header->tracks, l->header->tracks_n, g->key);
        l->fragments = 0;
        l->zero_pts = u->pts;
        l->zero_arrival_us = u->arrival_us;
        l->config_changed = l->has_picture = false;
        memset(l->aligned, 0, sizeof l->aligned);
        note_beginning(l, u);
        return 0;
}

void segment_lane_close(struct segment_lane *l)
{
        l->file = segment_file_unref(l->file);
        fragment_builder_clear(&l->builder);
}

/* --- the fragment --- */

/* first: of its fragment. */
static void note_times(struct segment_lane *l, const struct access_unit *u, bool main, bool first)
{
        if (first) {
                l->started_ms = uv_now(loop_uv(l->loop));
                l->has_picture = false;
        }
        /* The picture's arrival counts; sound's only where there is no picture. */
        if (first || (main && !l->has_picture)) {
                l->first_arrival_us = l->last_arrival_us = u->arrival_us;
                l->sender_us = u->sender_us;
        }
        if ((main || !l->has_picture) && u->arrival_us > l->last_arrival_us)
                l->last_arrival_us = u->arrival_us;
        l->has_picture |= main;
}

static void note_main(struct segment_lane *l, const struct access_unit *u)
{
        if (u->key) {
                l->last_key_pts = u->pts;
                l->awaiting_key = false;
        }
        l->has_last = true;
        l->last.pts = u->pts;
        l->last.arrival_us = u->arrival_us;
        l->last.sender_us = u->sender_us;
}

void segment_lane_add(struct segment_lane *l, unsigned track, const struct access_unit *u,
        const struct segment_lane_plan *plan)
{
        unsigned at = l->place[track];
        bool main = track == l->main;
        struct fragment_builder_sample s =
                sample_of(u, plan, main ? u->pts - l->zero_pts : other_time(l, at, u));
        bool first = fragment_builder_empty(&l->builder);

        if (main && l->drop.cause) {
                gap_list_add(
                        &l->gaps, l->drop.cause, l->drop.from_us, u->arrival_us, l->drop.frames);
                l->drop = (struct segment_lane_drop){ 0 };
        }
        if (main && u->unasked_before)
                gap_list_add(&l->gaps, SEAL_GAP_NOT_ASKED,
                        l->has_last ? l->last.arrival_us : l->last_us, u->arrival_us,
                        u->unasked_before);
        if (u->lost_before && l->arrivals[at] != SEAL_UNKNOWN_US)
                gap_list_add(&l->gaps, SEAL_GAP_FRAMES_DROPPED, l->arrivals[at], u->arrival_us, 0);
        if (fragment_builder_add(&l->builder, at, &s, NULL) < 0) {
                if (main)
                        segment_lane_dropped(l, SEAL_GAP_OVERLOAD, 1);
                l->overload_frames += main;
                if (!main)
                        gap_list_add(&l->gaps, SEAL_GAP_OVERLOAD, u->arrival_us, u->arrival_us, 0);
                return;
        }
        note_times(l, u, main, first);
        l->arrivals[at] = u->arrival_us;
        if (main)
                note_main(l, u);
}

static void fill_request(struct segment_lane *l, bool last, struct seal *s)
{
        bool step = gap_list_has(&l->gaps, SEAL_GAP_CLOCK_STEP);
        bool closing = s->tracks_n == 0;

        memcpy(s->kid, l->file->kid, sizeof s->kid);
        memcpy(s->header_hash, l->file->header_hash, sizeof s->header_hash);
        s->flags = (uint8_t)((s->fragment == 1 ? SEAL_FIRST : 0) | (last ? SEAL_LAST : 0));
        s->first_arrival_us = closing ? l->last_us : l->first_arrival_us;
        s->last_arrival_us = closing ? l->last_us : l->last_arrival_us;
        s->sender_us = closing ? SEAL_UNKNOWN_US : l->sender_us;
        /* Sound that was received between the packets of the frame before is not earlier than that
         * frame. */
        if (!step && l->last_us != SEAL_UNKNOWN_US && s->first_arrival_us < l->last_us)
                s->first_arrival_us = l->last_us;
        if (s->last_arrival_us < s->first_arrival_us)
                s->last_arrival_us = s->first_arrival_us;
        s->gaps_n = l->gaps.n;
        memcpy(s->gaps, l->gaps.gaps, l->gaps.n * sizeof *s->gaps);
        l->gaps.n = 0;
        l->last_us = s->last_arrival_us;
}

int segment_lane_finish(
        struct segment_lane *l, bool last, int64_t next_pts, struct fragment **ret, struct err *e)
{
        struct fragment *f = NULL;

        assert(l->file);
        if (fragment_builder_empty(&l->builder) && (!last || l->fragments == 0)) {
                *ret = NULL;
                return 0;
        }
        int64_t next = next_pts == SEGMENT_LANE_UNKNOWN ? FRAGMENT_BUILDER_UNKNOWN
                                                        : next_pts - l->zero_pts;
        int r = fragment_builder_finish(&l->builder, l->fragments + 1, next, &f, e);
        if (r < 0)
                return r;
        f->file = segment_file_ref(l->file);
        fill_request(l, last, &f->request);
        l->fragments++;
        *ret = f;
        return 0;
}

/* --- what is lost --- */

void segment_lane_dropped(struct segment_lane *l, unsigned cause, uint32_t n)
{
        if (!l->drop.cause) {
                l->drop.cause = cause;
                l->drop.from_us = l->has_last ? l->last.arrival_us : l->last_us;
        }
        count_drop(l, n);
        l->awaiting_key = true;
}

void segment_lane_lost(struct segment_lane *l, const struct fragment *f)
{
        count_drop(l, f->samples_video);
        gap_list_join(&l->gaps, f->request.gaps, f->request.gaps_n);
}

struct take_back {
        const struct segment_lane *lane;
        struct unit_queue *queue;
};

static void on_taken_back(void *owner, unsigned place, const struct fragment_builder_sample *s)
{
        const struct take_back *t = owner;
        struct access_unit u = { .data = s->data,
                .pts = s->stamp.pts,
                .key = s->key,
                .lost_before = s->stamp.lost_before,
                .unasked_before = s->stamp.unasked_before,
                .clock_stepped = s->stamp.clock_stepped,
                .arrival_us = s->stamp.arrival_us,
                .sender_us = s->stamp.sender_us,
                .report_us = INT64_MIN,
                .report_came_us = INT64_MIN };

        for (unsigned i = 0; i < t->lane->tracks_n; i++) {
                if (t->lane->place[i] == place)
                        unit_queue_push_unit(t->queue, i, i == t->lane->main, &u);
        }
}

void segment_lane_take_back(struct segment_lane *l, struct unit_queue *q)
{
        struct take_back t = { l, q };

        if (l->file)
                fragment_builder_take_back(&l->builder, on_taken_back, &t);
}

void segment_lane_give_up(struct segment_lane *l, unsigned cause, int64_t from_us)
{
        if (l->file && !fragment_builder_empty(&l->builder))
                count_drop(l, l->builder.tracks[0].samples_n);
        l->drop.cause = cause;
        l->drop.from_us = from_us;
        l->awaiting_key = true;
        segment_lane_close(l);
}
