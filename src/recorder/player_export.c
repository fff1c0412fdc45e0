/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "recorder/player_parts.h"
#include "verify/export_plan.h"

/* What is kept of a whole range: headers, moofs and seals of some eight hours at 25 frames a second
 * with sound; their tables take six times that. */
#define PLAYER_EXPORT_KEPT_MAX (UINT64_C(64) << 20)
#define PLAYER_EXPORT_STEP (1u << 20) /* of front or back, in a thing */
#define PLAYER_EXPORT_PLAN_MAX 128

enum player_export_phase {
        PLAYER_EXPORT_LOOKING, /* first pass */
        PLAYER_EXPORT_FRONT,
        PLAYER_EXPORT_SAMPLES, /* second pass */
        PLAYER_EXPORT_BACK,
};

struct player_export {
        struct export_plan *plan;
        struct export_plan_segment *asking; /* its key is */
        struct evidence ev;
        enum player_export_phase phase;
        struct buf ends; /* plan and front, or back */
        size_t at, cut;  /* of it, gone; the plan's end, where it still is to go */
        /* The second pass. */
        size_t segment; /* that goes next */
        bool open, moved;
        struct export_plan_source source;
        unsigned fragment;
};

struct player_export *player_export_new(struct player *p, struct err *e)
{
        const struct export_plan_query q = { .stream = p->asked.stream,
                .from_us = p->asked.from_us,
                .to_us = p->asked.until_us,
                .without_audio = p->asked.without_audio,
                .segments_max = EVIDENCE_SEGMENTS_MAX,
                .bytes_max = PLAYER_EXPORT_KEPT_MAX,
                .trust = p->root };
        struct export_plan *plan;

        if (export_plan_new(&q, &plan, e) < 0)
                return NULL;
        struct player_export *x = xcalloc(1, sizeof *x);
        x->plan = plan;
        evidence_init(&x->ev);
        buf_init(&x->ends, EVIDENCE_BYTES_MAX);
        return x;
}

static void player_export_shut(struct player_export *x)
{
        if (x->open)
                export_plan_close(&x->source);
        x->open = false;
}

struct player_export *player_export_free(struct player_export *x)
{
        if (!x)
                return NULL;
        player_export_shut(x);
        evidence_done(&x->ev);
        export_plan_free(x->plan);
        if (x->ends.p)
                explicit_bzero(x->ends.p, x->ends.n);
        buf_done(&x->ends);
        explicit_bzero(x, sizeof *x);
        free(x);
        return NULL;
}

/* --- the first pass --- */

static int player_export_look(struct player *p, struct err *e)
{
        CLEANUP(segment_done) struct segment head = { 0 };
        struct player_export *x = p->export;
        struct bytes file = BYTES(p->file, p->file_n);
        struct err why;

        x->asking = NULL;
        /* The index has something of that time in it. */
        if (segment_read(file, &head, &why) < 0)
                return export_plan_damaged(x->plan, "a segment of that time", why.text, e);
        /* Under the name that was sealed: the parent's is nobody's word. */
        int r = export_plan_add(x->plan, 0, head.head.object_key, file, &x->asking, e);
        if (r == 1 && !export_plan_seal(x->plan, x->asking).n)
                r = 0; /* nothing good in it is of that time */
        if (r == 1)
                player_want_key(p, &head.head, x->asking->fragments[0].first_us);
        else if (r == 0)
                player_next(p);
        if (r != 1)
                x->asking = NULL;
        return r < 0 ? r : 0;
}

bool player_export_asks(const struct player *p, struct bytes *ret_head, struct bytes *ret_seal)
{
        const struct player_export *x = p->export;

        if (!x->asking)
                return false;
        *ret_head = x->asking->header;
        *ret_seal = export_plan_seal(x->plan, x->asking);
        return true;
}

int player_export_key(
        struct player *p, const uint8_t kid[static 16], const uint8_t key[static 16], struct err *e)
{
        struct player_export *x = p->export;

        if (!x->asking || memcmp(kid, x->asking->kid, sizeof x->asking->kid) != 0)
                return err_set(e, ERR_PROTOCOL, "a key that was not asked for");
        export_plan_set_key(x->asking, key);
        x->asking = NULL;
        player_next(p);
        return 0;
}

/* The parts in one piece, or what to do. */
static int player_export_join(struct player_export *x, struct err *e)
{
        char time[STR_TIME_ROOM];
        size_t at = 0;

        int r = export_plan_join(x->plan, &at, &x->ev, e);
        if (r < 0 || at == export_plan_segments(x->plan))
                return r;
        return err_set(e, ERR_STATE,
                "the recording changes its form (tracks or codec) at %s: export up to there, and "
                "from there on",
                str_time(time, export_plan_segment(x->plan, at)->fragments[0].first_us));
}

static int player_export_begin(struct player *p, struct err *e)
{
        CLEANUP(buf_done) struct buf front, back;
        struct player_export *x = p->export;
        char text[PLAYER_EXPORT_PLAN_MAX];

        buf_init(&front, EVIDENCE_BYTES_MAX);
        buf_init(&back, EVIDENCE_BYTES_MAX);
        int r = export_plan_settle(x->plan, e);
        if (r == 0)
                r = export_plan_judge(x->plan, e);
        if (r == 0)
                r = player_export_join(x, e);
        if (r == 0)
                r = evidence_write_front(&x->ev, &front, e);
        if (r == 0) /* how long it is; its keys do not change that */
                r = evidence_write_back(&x->ev, &back, e);
        if (r < 0)
                return r;
        int n = snprintf(text, sizeof text, "{\"bytes\":%" PRIu64 "}",
                front.n + evidence_sample_bytes(&x->ev) + back.n);
        r = buf_append(&x->ends, BYTES(text, n), e);
        x->cut = x->ends.n;
        if (r == 0)
                r = buf_append(&x->ends, buf_bytes(&front), e);
        explicit_bzero(back.p, back.n);
        x->phase = PLAYER_EXPORT_FRONT;
        return r;
}

/* --- the second pass --- */

static int player_export_gone(const struct player_export *x, struct err *e)
{
        const struct export_plan_segment *s = export_plan_segment(x->plan, x->segment);
        char time[STR_TIME_ROOM];

        return err_set(e, ERR_NOT_FOUND,
                "the footage of %s is not there any more: retention removed it meanwhile, or its "
                "volume went away. What is left may be exported again; a lock keeps footage",
                str_time(time, s->fragments[0].first_us));
}

static int player_export_take(struct player *p, struct err *e)
{
        struct player_export *x = p->export;
        const struct export_plan_segment *next = export_plan_segment(x->plan, x->segment);
        CLEANUP(segment_done) struct segment s = { 0 };
        struct bytes file = BYTES(p->file, p->file_n);

        int r = segment_read(file, &s, e);
        if (r == 0 && memcmp(s.head.kid, next->kid, sizeof next->kid) != 0) {
                player_next(p); /* one that is not in the plan, or has its turn later */
                return 0;
        }
        if (r == 0)
                r = export_plan_open(&x->source, next, file, e);
        if (r < 0)
                return r;
        x->open = true;
        x->fragment = 0;
        player_pump(p);
        return 0;
}

int player_export_segment(struct player *p, struct err *e)
{
        struct player_export *x = p->export;

        player_export_shut(x);
        if (x->phase == PLAYER_EXPORT_LOOKING)
                return player_export_look(p, e);
        return x->phase == PLAYER_EXPORT_SAMPLES ? player_export_take(p, e)
                                                 : err_set(e, ERR_PROTOCOL, "a segment too many");
}

int player_export_missed(struct player *p, const char *why, struct err *e)
{
        struct player_export *x = p->export;

        if (x->phase == PLAYER_EXPORT_SAMPLES) { /* it may be one that is not needed */
                player_next(p);
                return 0;
        }
        return err_set(e, ERR_UNAVAILABLE,
                "footage of that time cannot be read (%s): look at its volume, or export a time "
                "without it",
                why);
}

int player_export_all(struct player *p, struct err *e)
{
        struct player_export *x = p->export;

        if (x->phase == PLAYER_EXPORT_LOOKING)
                return player_export_begin(p, e);
        if (x->phase != PLAYER_EXPORT_SAMPLES || !x->moved)
                return player_export_gone(x, e);
        x->moved = false; /* the index has another order than the seals: once more */
        player_again(p);
        return 0;
}

static int player_export_fragment(struct player *p, struct err *e)
{
        struct player_export *x = p->export;
        struct buf *clear = &p->thing.data;

        buf_clear(clear);
        int r = export_plan_clear(&x->source, x->fragment, &x->ev, clear, e);
        if (r < 0)
                return r;
        p->thing.message = (struct media_message){ .kind = MEDIA_MESSAGE_FILE,
                .time_us = x->source.planned->fragments[x->fragment].first_us };
        p->pieces[0] = buf_bytes(clear);
        p->pieces[1] = BYTES(NULL, 0);
        x->fragment++;
        return 1;
}

/* The next of plan and front, or back. */
static bool player_export_end(struct player *p)
{
        struct player_export *x = p->export;
        struct bytes all = buf_bytes(&x->ends);
        size_t n = x->cut ? x->cut : PLAYER_EXPORT_STEP;

        if (x->at == all.n)
                return false;
        p->thing.message = (struct media_message){ .time_us = p->asked.from_us,
                .kind = x->cut ? MEDIA_MESSAGE_PLAN : MEDIA_MESSAGE_FILE };
        p->pieces[0] = bytes_sub(all, x->at, n);
        p->pieces[1] = BYTES(NULL, 0);
        x->at += p->pieces[0].n;
        x->cut = 0;
        return true;
}

static int player_export_back(struct player_export *x, struct err *e)
{
        player_export_shut(x);
        buf_clear(&x->ends);
        x->at = 0;
        x->phase = PLAYER_EXPORT_BACK;
        return evidence_write_back(&x->ev, &x->ends, e);
}

/* What is sent was sent: the step behind it. 1: there is something; 0: a segment is asked for. */
static int player_export_step(struct player *p, struct err *e)
{
        struct player_export *x = p->export;

        if (x->phase == PLAYER_EXPORT_FRONT) {
                x->phase = PLAYER_EXPORT_SAMPLES;
                player_again(p);
                return 0;
        }
        if (!x->open)
                return 0;
        if (x->fragment < x->source.planned->fragments_n)
                return player_export_fragment(p, e);
        x->moved = true;
        if (++x->segment == export_plan_segments(x->plan)) {
                int r = player_export_back(x, e);
                return r < 0 ? r : player_export_end(p);
        }
        player_export_shut(x);
        player_next(p);
        return 0;
}

int player_export_prepare(struct player *p, struct err *e)
{
        struct player_export *x = p->export;

        if (x->phase == PLAYER_EXPORT_LOOKING)
                return 0;
        if (x->phase != PLAYER_EXPORT_SAMPLES && player_export_end(p))
                return 1;
        if (x->phase != PLAYER_EXPORT_BACK)
                return player_export_step(p, e);
        player_end(p, NULL);
        return 0;
}
