/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/segment_writer.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "vault/fragment_line.h"
#include "vault/segment_lane.h"
#include "vault/unit_queue.h"
#include "vault/volume.h"

#define TICK_MS FRAGMENT_LINE_TICK_MS
#define STALL_MS 3000 /* a fragment is not held open longer when nothing comes */
#define GRANT_AGE_MS                                                                               \
        60000 /* an unused key and file are given back, so that a key does not outlive its hour */
#define ASK_AHEAD_US INT64_C(5000000)

struct segment_writer {
        struct loop *loop;
        const struct segment_writer_events *events;
        void *owner;
        int64_t segment_us, fragment_us;
        struct timer tick;
        struct unit_queue queue;
        struct segment_lane lane;
        unsigned inside; /* callbacks or the pump are under way: calls from there only leave a note
                          */
        bool again;
        bool stopping, stopped, left;
        bool leaving; /* once nothing is waited for */

        bool asked, have_next;
        bool refused; /* a file was, since the queue was looked at */
        bool no_file; /* the last answer */
        bool unbegun; /* a segment was opened, and its first seal is not here: the sealer forgets it
                         when asked for another */
        struct segment_writer_grant next;
        uint64_t granted_ms, ask_after_ms;

        struct fragment_line line;
        struct unit_queue back; /* for the next writer, once this one left */

        /* The latest connection, as units are checked when they come; main negative: it cannot be
         * recorded. */
        bool connected;
        unsigned tracks_n;
        int main;
        enum media_codec codecs[FMP4_TRACKS_MAX];
        struct err refusal;
};

static uint64_t now_ms(const struct segment_writer *w)
{
        return uv_now(loop_uv(w->loop));
}

/* --- keys and files for segments --- */

static void ask(struct segment_writer *w)
{
        if (w->asked || w->have_next || w->unbegun || now_ms(w) < w->ask_after_ms)
                return;
        w->asked = true;
        w->inside++;
        w->events->want_segment(w->owner, w);
        w->inside--;
}

static void unused(struct segment_writer *w, const char *object_key)
{
        if (!w->events->on_unused)
                return;
        w->inside++;
        w->events->on_unused(w->owner, w, object_key);
        w->inside--;
}

static void grant_close(struct segment_writer *w, struct segment_writer_grant *g)
{
        file_lane_close(g->lane, g->fd, 0);
        explicit_bzero(g->key, sizeof g->key);
        unused(w, g->object_key);
}

static void grant_give_back(struct segment_writer *w)
{
        if (!w->have_next)
                return;
        w->have_next = false;
        grant_close(w, &w->next);
}

/* --- faults --- */

/* A file with nothing in it is not kept; one that was begun is. */
static void note_unused(struct segment_writer *w, bool nothing_waits)
{
        const struct segment_file *file = w->lane.file;

        if (file && nothing_waits && file->entries_n == 0)
                unused(w, file->object_key);
}

/* The open segment ends without an end, and these fragments are dropped; what follows begins a new
 * one with a gap from then on. */
static void give_up(
        struct segment_writer *w, unsigned cause, struct fragment *dropped, int64_t from_us)
{
        while (dropped) {
                struct fragment *f = dropped;
                dropped = f->next;
                segment_lane_lost(&w->lane, f);
                fragment_free(f);
        }
        bool waits = fragment_line_has(&w->line, w->lane.file);
        w->unbegun = w->unbegun && waits;
        note_unused(w, !waits);
        segment_lane_give_up(&w->lane, cause, from_us);
        grant_give_back(w);
        w->ask_after_ms = now_ms(w) + TICK_MS;
        w->again = true;
}

/* What was sealed, or is just being, is written whatever happens to what follows: the next seal
 * names it, and without it an honest recorder would look like one that removed something. */
static void fault(
        struct segment_writer *w, unsigned cause, struct fragment *unsealed, const struct err *why)
{
        give_up(w, cause, unsealed,
                unsealed ? unsealed->request.first_arrival_us : w->lane.last_us);
        w->inside++;
        w->events->on_fault(w->owner, w, why);
        w->inside--;
}

/* --- from the lane to the seal to the file --- */

/* False: no room among the waiting ones, or the disk is slow; try again later. What is finished
 * belongs to its segment and its disk, what is not can still go elsewhere. */
static bool finish(struct segment_writer *w, bool last, int64_t next_pts)
{
        struct fragment *f;
        struct err e;

        if (fragment_line_full(&w->line) || fragment_line_slow(&w->line))
                return false;
        int r = segment_lane_finish(&w->lane, last, next_pts, &f, &e);
        if (r < 0) {
                fault(w, r == ERR_EXHAUSTED ? SEAL_GAP_OVERLOAD : SEAL_GAP_FRAMES_DROPPED, NULL,
                        &e);
                return true;
        }
        if (!f)
                return true;
        fragment_line_push(&w->line, f);
        w->again = true;
        return true;
}

static void pump_seal(struct segment_writer *w)
{
        const struct fragment *f = fragment_line_to_seal(&w->line);

        if (f)
                w->events->want_seal(w->owner, w, &f->request);
}

static void report(struct segment_writer *w, const struct fragment *f)
{
        const struct segment_file *file = f->file;
        bool last = f->request.flags & SEAL_LAST;
        struct segment_writer_report r = {
                .offset = f->entry.offset,
                .end = f->entry.offset + fragment_bytes(f) + (last ? file->mfra_n : 0),
                .first_arrival_us = f->request.first_arrival_us,
                .last_arrival_us = f->request.last_arrival_us,
                .sequence = f->sequence,
                .fragment = f->request.fragment,
                .samples_video = f->samples_video,
                .last = last,
                .gaps_n = f->gaps_n,
        };

        memcpy(r.object_key, file->object_key, sizeof r.object_key);
        memcpy(r.epoch, f->epoch, sizeof r.epoch);
        memcpy(r.seal_hash, f->seal_hash, sizeof r.seal_hash);
        memcpy(r.gaps, f->gaps, f->gaps_n * sizeof r.gaps[0]);
        w->lane.written_us = f->request.last_arrival_us;
        w->inside++;
        w->events->on_written(w->owner, w, &r);
        w->inside--;
}

static void pump(struct segment_writer *w);

/* --- a disk that fails --- */

/* What the next writer can begin with: the units behind the fragments that are lost, of the newest
 * connection, with one set of parameters. */
static void save_units(struct segment_writer *w)
{
        struct unit_queue *q = &w->queue;

        w->back.budget = q->budget;
        w->back.cause = SEAL_GAP_DISK;
        segment_lane_take_back(&w->lane, &w->back);
        while (q->head) {
                const struct unit_queue_item *item = q->head;

                if (item->kind != UNIT_QUEUE_UNIT || item->unit.new_config)
                        unit_queue_done(&w->back);
                if (item->kind == UNIT_QUEUE_UNIT)
                        unit_queue_move(&w->back, q);
                else
                        unit_queue_pop(q);
        }
}

static void leave(struct segment_writer *w)
{
        w->left = w->stopping = true;
        save_units(w);
        if (w->lane.file)
                w->lane.file->left = true;
        fragment_line_leave(&w->line);
        give_up(w, SEAL_GAP_DISK, fragment_line_cut(&w->line, w->line.head), w->lane.written_us);
        pump(w); /* ends in on_stopped: the last thing done */
}

static enum fault fault_of(const struct err *e)
{
        enum fault f = e->code == ERR_TIMEOUT ? FAULT_VOLUME_SLOW : volume_fault(e->os_errno);

        return f ? f : FAULT_VOLUME_IO_ERROR;
}

static void not_written(
        struct segment_writer *w, const struct segment_file *file, const struct err *e)
{
        struct err why = *e;
        char object_key[HEAD_KEY_MAX];

        why.fault = fault_of(e);
        memcpy(object_key, file->object_key, sizeof object_key);
        w->inside++;
        w->events->on_not_written(w->owner, w, object_key, &why);
        w->inside--;
        leave(w);
}

static void on_fragment_done(void *owner, struct fragment *f_taken, int result, const struct err *e)
{
        struct segment_writer *w = owner;
        CLEANUP(fragment_freep) struct fragment *f = f_taken;

        fragment_line_written(&w->line);
        if (result < 0) {
                f->file->left = true;
                not_written(w, f->file, e); /* w may be gone */
                return;
        }
        report(w, f);
        pump(w);
}

static void pump_write(struct segment_writer *w)
{
        w->again |= fragment_line_write(&w->line, on_fragment_done, w);
}

/* --- from the camera to the lane --- */

/* False: the segment's key and file are not here yet. */
static bool open_segment(struct segment_writer *w, const struct access_unit *u)
{
        struct err e;

        ask(w);
        if (!w->have_next)
                return false;
        w->have_next = false;
        w->unbegun = true;
        int r = segment_lane_open(&w->lane, &w->next, u, &e);
        explicit_bzero(w->next.key, sizeof w->next.key);
        if (r < 0) {
                unused(w, w->next.object_key);
                fault(w, SEAL_GAP_FRAMES_DROPPED, NULL, &e);
        }
        return true;
}

static bool end_segment(struct segment_writer *w, int64_t next_pts)
{
        if (!finish(w, true, next_pts))
                return false;
        note_unused(w, w->lane.fragments == 0);
        if (w->lane.fragments == 0)
                w->unbegun = false;
        segment_lane_close(&w->lane);
        return true;
}

/* Each returns false when it cannot go on now; then it is called again with the same unit. */
static bool take_main(
        struct segment_writer *w, const struct access_unit *u, const struct segment_lane_plan *plan)
{
        struct segment_lane *lane = &w->lane;
        enum segment_lane_step step = segment_lane_judge(lane, u, plan);

        if (step == SEGMENT_LANE_SKIP)
                return true;
        if (step == SEGMENT_LANE_NEW_SEGMENT && lane->file &&
                !end_segment(w, segment_lane_steady(lane) ? u->pts : SEGMENT_LANE_UNKNOWN))
                return false;
        if (step == SEGMENT_LANE_NEW_FRAGMENT && !finish(w, false, u->pts))
                return false;
        /* Finishing may have given everything up; then only a key frame goes on. */
        if (lane->awaiting_key && !u->key) {
                segment_lane_dropped(lane, SEAL_GAP_FRAMES_DROPPED, 1);
                return true;
        }
        if (!lane->file && !open_segment(w, u))
                return false;
        if (!lane->file)
                return true;
        segment_lane_add(lane, lane->main, u, plan);
        if (segment_lane_elapsed_us(lane, u) >= w->segment_us - w->fragment_us - ASK_AHEAD_US)
                ask(w);
        return true;
}

static bool take_other(struct segment_writer *w, unsigned track, const struct access_unit *u,
        const struct segment_lane_plan *plan)
{
        struct segment_lane *lane = &w->lane;

        if (!lane->file)
                return true; /* nothing is told apart from the picture's time line before its first
                                frame */
        switch (segment_lane_judge_other(lane, track, u, plan)) {
        case SEGMENT_LANE_NEW_SEGMENT:
                /* The picture has stood still for a whole segment. */
                if (!end_segment(w, SEGMENT_LANE_UNKNOWN))
                        return false;
                lane->awaiting_key = true;
                return true;
        case SEGMENT_LANE_NEW_FRAGMENT:
                if (!finish(w, false, SEGMENT_LANE_UNKNOWN))
                        return false;
                if (!lane->file)
                        return true;
                break;
        case SEGMENT_LANE_SKIP:
                return true;
        default:
                break;
        }
        segment_lane_add(lane, track, u, plan);
        return true;
}

static bool take_unit(struct segment_writer *w, unsigned track, const struct access_unit *u,
        const struct segment_lane_plan *plan)
{
        if (!w->lane.header)
                return true;
        segment_lane_note_config(&w->lane, track, u);
        return track == w->lane.main ? take_main(w, u, plan) : take_other(w, track, u, plan);
}

static bool take_end(struct segment_writer *w)
{
        if (w->lane.file && !end_segment(w, SEGMENT_LANE_UNKNOWN))
                return false;
        segment_lane_disconnect(&w->lane);
        return true;
}

static bool take_item(struct segment_writer *w, const struct unit_queue_item *item)
{
        struct segment_lane_plan plan;

        switch (item->kind) {
        case UNIT_QUEUE_UNIT:
                /* Planned when it came, too: it cannot fail. */
                if (segment_lane_plan(segment_lane_codec(&w->lane, item->track), item->unit.data,
                            &plan, NULL) < 0)
                        return true;
                return take_unit(w, item->track, &item->unit, &plan);
        case UNIT_QUEUE_BEGIN:
                if (w->lane.header && !take_end(w))
                        return false;
                segment_lane_connect(&w->lane, item->more);
                ask(w);
                return true;
        case UNIT_QUEUE_END:
                return take_end(w);
        case UNIT_QUEUE_STOP:
                if (!take_end(w))
                        return false;
                w->stopping = true;
                return true;
        }
        return true;
}

static void pump_queue(struct segment_writer *w)
{
        while (w->queue.head && !w->leaving) {
                /* Nothing is waited for when the end is near. */
                if (w->refused && unit_queue_stopping(&w->queue))
                        unit_queue_drop(&w->queue);
                w->refused = false;
                struct unit_queue_item *item = w->queue.head;

                if (item->dropped) {
                        segment_lane_dropped(&w->lane, item->cause, item->dropped);
                        item->dropped = 0;
                }
                if (!take_item(w, item))
                        return;
                unit_queue_pop(&w->queue);
        }
}

/* Everything that can go on does; answers that come from within callbacks are seen by another
 * round. */
static void pump(struct segment_writer *w)
{
        w->again = true;
        if (w->inside)
                return;
        w->inside++;
        while (w->again) {
                w->again = false;
                pump_queue(w);
                pump_seal(w);
                pump_write(w);
        }
        bool idle = fragment_line_idle(&w->line);
        if (w->leaving && !w->left && idle) {
                w->inside--;
                leave(w);
                return;
        }
        bool done = w->stopping && !w->stopped && idle && !w->queue.head;
        if (done) {
                w->stopped = true;
                grant_give_back(w);
        }
        w->inside--;
        if (done)
                w->events->on_stopped(w->owner, w);
}

static void on_tick(void *owner)
{
        struct segment_writer *w = owner;
        struct err e;

        if (fragment_line_overdue(&w->line)) {
                err_set(&e, ERR_TIMEOUT, "%s: a write has not ended after %u ms",
                        w->line.writing->object_key, w->line.patience_ms);
                not_written(w, w->line.writing, &e); /* w may be gone */
                return;
        }
        if (w->have_next && now_ms(w) - w->granted_ms > GRANT_AGE_MS)
                grant_give_back(w);
        if (w->lane.file && !fragment_builder_empty(&w->lane.builder) &&
                now_ms(w) - w->lane.started_ms > STALL_MS && segment_lane_room(&w->lane))
                (void)finish(w, false, SEGMENT_LANE_UNKNOWN);
        pump(w);
}

/* --- the interface --- */

struct segment_writer *segment_writer_new(const struct segment_writer_options *o,
        const struct segment_writer_events *events, void *owner)
{
        struct segment_writer *w = xcalloc(1, sizeof *w);

        w->loop = o->loop;
        w->events = events;
        w->owner = owner;
        w->segment_us = o->segment_us;
        w->fragment_us = o->fragment_us;
        fragment_line_init(&w->line, o->loop, o->patience_ms);
        w->queue.budget = o->budget;
        segment_lane_init(&w->lane, o);
        timer_start(&w->tick, o->loop, TICK_MS, TICK_MS, on_tick, w);
        return w;
}

struct segment_writer *segment_writer_free(struct segment_writer *w)
{
        if (!w)
                return NULL;
        timer_done(&w->tick);
        fragment_line_done(&w->line);
        if (w->have_next)
                file_lane_close(w->next.lane, w->next.fd, 0);
        unit_queue_done(&w->queue);
        unit_queue_done(&w->back);
        segment_lane_done(&w->lane);
        explicit_bzero(&w->next, sizeof w->next);
        free(w);
        return NULL;
}

void segment_writer_begin(struct segment_writer *w, const struct segment_writer_connection *c)
{
        struct segment_writer_connection *copy = NULL;

        w->connected = true;
        w->main = segment_lane_check(c, &w->refusal);
        if (w->main < 0) {
                segment_writer_end(w);
                w->connected = true;
                return;
        }
        w->tracks_n = c->tracks_n;
        for (unsigned i = 0; i < c->tracks_n; i++)
                w->codecs[i] = c->tracks[i].codec;
        copy = xcalloc(1, sizeof *copy);
        *copy = *c;
        /* A camera that comes and goes while no file can be had: only its latest connection counts.
         */
        if (w->queue.marks >= UNIT_QUEUE_MARKS_MAX)
                unit_queue_drop(&w->queue);
        unit_queue_push_mark(&w->queue, UNIT_QUEUE_BEGIN, copy);
        pump(w);
}

static int check_unit(const struct segment_writer *w, unsigned track, const struct access_unit *u,
        struct segment_lane_plan *ret, struct err *e)
{
        if (track >= w->tracks_n)
                return err_set(e, ERR_INVALID, "track %u of %u", track, w->tracks_n);
        if (u->pts > TRACK_CLOCK_PTS_MAX || u->pts < -TRACK_CLOCK_PTS_MAX || u->arrival_us < 0 ||
                u->arrival_us > TRACK_CLOCK_PTS_MAX)
                return err_set(e, ERR_INVALID, "track %u: a time out of any range", track);
        return segment_lane_plan(w->codecs[track], u->data, ret, e);
}

int segment_writer_push(
        struct segment_writer *w, unsigned track, const struct access_unit *u, struct err *e)
{
        struct segment_lane_plan plan;

        if (!w->connected)
                return 0;
        if (w->main < 0) {
                if (e)
                        *e = w->refusal;
                return w->main;
        }
        int r = check_unit(w, track, u, &plan, e);
        if (r < 0)
                return r;
        if (!w->queue.head && !w->queue.dropping && !w->inside && !w->leaving) {
                w->inside++;
                bool taken = take_unit(w, track, u, &plan);
                w->inside--;
                if (taken) {
                        if (w->again)
                                pump(w);
                        return 0;
                }
        }
        w->queue.cause =
                w->no_file || fragment_line_slow(&w->line) ? SEAL_GAP_DISK : SEAL_GAP_OVERLOAD;
        unit_queue_push_unit(&w->queue, track, (int)track == w->main, u);
        pump(w);
        return 0;
}

void segment_writer_end(struct segment_writer *w)
{
        w->connected = false;
        unit_queue_push_mark(&w->queue, UNIT_QUEUE_END, NULL);
        pump(w);
}

void segment_writer_stop(struct segment_writer *w)
{
        w->connected = false;
        unit_queue_push_mark(&w->queue, UNIT_QUEUE_STOP, NULL);
        pump(w);
}

bool segment_writer_busy(const struct segment_writer *w)
{
        return w->queue.head != NULL;
}

static bool has_open(const struct segment_writer *w, uint32_t volume)
{
        return (w->lane.file && w->lane.file->volume == volume) ||
               fragment_line_uses(&w->line, volume);
}

void segment_writer_leave(struct segment_writer *w, uint32_t volume)
{
        if (w->stopped)
                return;
        if (has_open(w, volume)) {
                leave(w); /* w may be gone */
        } else if (w->have_next && w->next.volume == volume) {
                w->leaving = true;
                pump(w); /* likewise */
        }
}

bool segment_writer_left(const struct segment_writer *w)
{
        return w->left;
}

void segment_writer_take_back(struct segment_writer *w, struct unit_queue *q)
{
        while (w->back.head && !(w->back.head->main && w->back.head->unit.key))
                unit_queue_pop(&w->back);
        if (w->back.head)
                q->dropping = false;
        while (w->back.head)
                unit_queue_move(q, &w->back);
}

void segment_writer_skip(struct segment_writer *w, unsigned cause)
{
        if (!w->connected || w->main < 0)
                return;
        if (w->queue.head || w->queue.dropping) {
                w->queue.cause = (uint8_t)cause;
                w->queue.dropping = true;
                unit_queue_note_dropped(&w->queue, 1);
        } else if (w->lane.header) {
                segment_lane_dropped(&w->lane, cause, 1);
        }
}

uint64_t segment_writer_overload(const struct segment_writer *w)
{
        return w->lane.overload_frames + w->queue.overload_frames;
}

int64_t segment_writer_last_us(const struct segment_writer *w)
{
        return w->lane.last_us;
}

void segment_writer_granted(struct segment_writer *w, struct segment_writer_grant *grant)
{
        struct segment_writer_grant g = *grant;

        explicit_bzero(grant->key, sizeof grant->key);
        grant->fd = -1;
        if (!w->asked || w->stopped) { /* late */
                grant_close(w, &g);
                return;
        }
        w->asked = w->no_file = false;
        w->have_next = true;
        w->next = g;
        w->granted_ms = now_ms(w);
        explicit_bzero(g.key, sizeof g.key);
        pump(w);
}

void segment_writer_sealed(struct segment_writer *w, struct bytes payload)
{
        struct fragment *f = w->line.sealing;
        struct err e;
        struct seal s;

        if (!f)
                return; /* late: the segment was given up */
        int r = seal_parse(payload, &s, &e);
        if (r == 0 && (memcmp(s.kid, f->request.kid, 16) != 0 || s.fragment != f->request.fragment))
                return; /* late, of another segment */
        if (r == 0 && (memcmp(s.moof_hash, f->request.moof_hash, HASH_BYTES) != 0 ||
                              memcmp(s.header_hash, f->request.header_hash, HASH_BYTES) != 0))
                r = err_set(&e, ERR_PROTOCOL, "the seal is of other bytes than asked for");
        if (r == 0)
                r = fragment_seal(f, payload, &e);
        if (r < 0) {
                fault(w, SEAL_GAP_FRAMES_DROPPED, fragment_line_cut(&w->line, f), &e);
                pump(w);
                return;
        }
        memcpy(f->epoch, s.epoch, sizeof f->epoch);
        f->sequence = s.sequence;
        seal_hash(payload, f->seal_hash);
        f->gaps_n = s.gaps_n;
        memcpy(f->gaps, s.gaps, s.gaps_n * sizeof f->gaps[0]);
        w->line.sealing = NULL;
        w->unbegun = w->unbegun && f->request.fragment != 1;
        pump(w);
}

static void seal_refused(struct segment_writer *w, const struct err *why)
{
        if (w->line.sealing)
                fault(w, SEAL_GAP_FRAMES_DROPPED, fragment_line_cut(&w->line, w->line.sealing),
                        why);
}

static void grant_refused(struct segment_writer *w)
{
        if (!w->asked)
                return;
        w->asked = false;
        w->ask_after_ms = now_ms(w) + TICK_MS;
        w->refused = w->no_file = true;
}

void segment_writer_not_sealed(struct segment_writer *w, const struct err *why)
{
        seal_refused(w, why);
        pump(w);
}

void segment_writer_not_granted(struct segment_writer *w, const struct err *why)
{
        (void)why; /* its owner knows */
        grant_refused(w);
        pump(w);
}

void segment_writer_denied(struct segment_writer *w, const struct err *why)
{
        grant_refused(w);
        seal_refused(w, why);
        pump(w); /* may end in on_stopped: the last thing done */
}
