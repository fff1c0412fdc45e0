/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/index_retention.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "vault/index_parts.h"

#define HOUR_US INT64_C(3600000000)
#define SPAN_MAX_US HOUR_US /* between first and last frame of a segment; they last a minute */

enum index_retention_question {
        USAGE,
        NEXT,
        NEWEST,
        SUM,
        FLOW,
        FLOW_OPEN,
        FLOW_FORGET,
        DAMAGED,
        CHECKED,
        EMPTIED,
        HOUR_NAMED,
        HOUR_TIMED,
        HOUR_DONE,
        TERMS_PUT,
        TERMS_REMOVE,
        TERMS,
        AGING_PUT,
        AGING,
        QUESTIONS,
};

const char *const index_retention_sql[] = {
        [USAGE] = "SELECT stream, volume, sum(bytes), sum(segments), max(open) FROM ("
                  " SELECT stream, volume, bytes, segments, 0 AS open FROM usage UNION ALL"
                  " SELECT stream, volume, bytes, 1, 1 FROM segment WHERE ended = 0)"
                  " GROUP BY stream, volume ORDER BY stream, volume",
        [NEXT] = "SELECT id, first_us, last_us, bytes, ended, object_key FROM segment"
                 " WHERE volume = ?1 AND stream = ?2 AND ended = 1 AND (last_us, id) > (?3, ?4)"
                 " ORDER BY last_us, id LIMIT 1",
        [NEWEST] = "SELECT max((SELECT max(last_us) FROM segment WHERE volume = usage.volume"
                   " AND stream = usage.stream AND ended = 1)) FROM usage",
        [SUM] = "SELECT id, last_us, volume, bytes FROM segment"
                " WHERE stream = ?1 AND last_us >= ?2 AND last_us <= ?3 AND first_us <= ?4"
                " AND (last_us, id) > (?5, ?6) ORDER BY last_us, id LIMIT ?7",
        [FLOW] = "SELECT stream, volume, sum(bytes), min(from_us) FROM flow WHERE hour >= ?1"
                 " GROUP BY stream, volume",
        [FLOW_OPEN] = "SELECT stream, volume, bytes, first_us FROM segment"
                      " WHERE ended = 0 AND fragments > 0",
        [FLOW_FORGET] = "DELETE FROM flow WHERE hour < ?1",
        [DAMAGED] = "SELECT count(*) FROM segment WHERE volume = ?1 AND damage IS NOT NULL",
        [CHECKED] = "SELECT checked_us FROM segment WHERE volume = ?1 AND ended = 1"
                    " ORDER BY checked_us LIMIT 1",
        [EMPTIED] = "SELECT hour, volume, stream FROM emptied"
                    " WHERE (hour, volume, stream) > (?1, ?2, ?3) AND hour < ?4"
                    " ORDER BY hour, volume, stream LIMIT 1",
        [HOUR_NAMED] = "SELECT 1 FROM segment WHERE object_key >= ?1 AND object_key < ?2"
                       " AND volume = ?3 LIMIT 1",
        [HOUR_TIMED] = "SELECT 1 FROM segment WHERE stream = ?1 AND last_us >= ?2 AND last_us < ?3"
                       " AND first_us < ?4 AND volume = ?5 LIMIT 1",
        [HOUR_DONE] = "DELETE FROM emptied WHERE hour = ?1 AND volume = ?2 AND stream = ?3",
        [TERMS_PUT] = "INSERT INTO terms VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
                      " min_days = excluded.min_days, max_days = excluded.max_days,"
                      " quota_mb = excluded.quota_mb",
        [TERMS_REMOVE] = "DELETE FROM terms WHERE stream = ?1",
        [TERMS] = "SELECT stream, min_days, max_days, quota_mb FROM terms",
        [AGING_PUT] = "INSERT INTO aging VALUES (1, ?1, ?2, ?3, ?4) ON CONFLICT DO UPDATE SET"
                      " expected_us = excluded.expected_us, wall_us = excluded.wall_us,"
                      " boot_us = excluded.boot_us, held_us = excluded.held_us",
        [AGING] = "SELECT expected_us, wall_us, boot_us, held_us FROM aging",
        [QUESTIONS] = NULL,
};

static int index_retention_ask(
        struct index *ix, enum index_retention_question which, struct db_query **ret, struct err *e)
{
        return db_query(ix->db, index_retention_sql[which], ret, e);
}

int index_retention_usage(struct index *ix, struct index_usage **ret, size_t *ret_n, struct err *e)
{
        CLEANUP(own_freep) struct index_usage *all = NULL;
        size_t n = 0, room = 0;
        struct db_query *q;

        int r = index_retention_ask(ix, USAGE, &q, e);
        if (r < 0)
                return r;
        while ((r = db_step(q, e)) > 0) {
                if (n == room) {
                        room = room ? 2 * room : 64;
                        all = xrealloc(all, room, sizeof *all);
                }
                struct index_usage *u = &all[n++];
                *u = (struct index_usage){ .volume = (uint32_t)db_i64(q, 1),
                        .bytes = (uint64_t)db_i64(q, 2),
                        .segments = (uint64_t)db_i64(q, 3),
                        .open = db_i64(q, 4) != 0 };
                snprintf(u->stream, sizeof u->stream, "%s", db_text(q, 0));
        }
        db_reset(q);
        if (r < 0)
                return r;
        *ret = TAKE(all);
        *ret_n = n;
        return 0;
}

int index_retention_next(struct index *ix, uint32_t volume, const char *stream,
        const struct retention_position *after, struct retention_segment *ret, struct err *e)
{
        struct db_query *q;

        int r = index_retention_ask(ix, NEXT, &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, volume);
        db_bind_text(q, 2, stream);
        db_bind_i64(q, 3, after->last_us);
        db_bind_i64(q, 4, after->id);
        r = db_step(q, e);
        if (r > 0) {
                *ret = (struct retention_segment){ .id = db_i64(q, 0),
                        .first_us = db_i64(q, 1),
                        .last_us = db_i64(q, 2),
                        .bytes = (uint64_t)db_i64(q, 3),
                        .ended = db_i64(q, 4) != 0 };
                snprintf(ret->object_key, sizeof ret->object_key, "%s", db_text(q, 5));
        }
        db_reset(q);
        return r;
}

/* The first column of the only row. */
static int index_retention_number(struct db_query *q, int64_t *ret, struct err *e)
{
        int r = db_step(q, e);

        if (r > 0)
                *ret = db_i64(q, 0);
        db_reset(q);
        return r;
}

int index_retention_newest(struct index *ix, int64_t *ret_us, struct err *e)
{
        struct db_query *q;

        *ret_us = 0;
        int r = index_retention_ask(ix, NEWEST, &q, e);
        if (r == 0)
                r = index_retention_number(q, ret_us, e);
        return r < 0 ? r : 0;
}

int index_retention_sum(struct index *ix, const char *stream, int64_t from_us, int64_t to_us,
        struct retention_position *at, unsigned rows,
        void (*on_segment)(void *owner, uint32_t volume, uint64_t bytes), void *owner,
        struct err *e)
{
        struct db_query *q;
        unsigned n = 0;

        int r = index_retention_ask(ix, SUM, &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        db_bind_i64(q, 2, from_us);
        db_bind_i64(q, 3, to_us > INT64_MAX - SPAN_MAX_US ? INT64_MAX : to_us + SPAN_MAX_US);
        db_bind_i64(q, 4, to_us);
        db_bind_i64(q, 5, at->last_us);
        db_bind_i64(q, 6, at->id);
        db_bind_i64(q, 7, rows);
        while ((r = db_step(q, e)) > 0) {
                n++;
                *at = (struct retention_position){ db_i64(q, 1), db_i64(q, 0) };
                on_segment(owner, (uint32_t)db_i64(q, 2), (uint64_t)db_i64(q, 3));
        }
        db_reset(q);
        return r < 0 ? r : n == rows;
}

static int index_retention_flow_of(struct db_query *q,
        void (*on_flow)(
                void *owner, const char *stream, uint32_t volume, uint64_t bytes, int64_t from_us),
        void *owner, struct err *e)
{
        int r;

        while ((r = db_step(q, e)) > 0)
                on_flow(owner, db_text(q, 0), (uint32_t)db_i64(q, 1), (uint64_t)db_i64(q, 2),
                        db_i64(q, 3));
        db_reset(q);
        return r;
}

int index_retention_flow(struct index *ix, int64_t since_us,
        void (*on_flow)(
                void *owner, const char *stream, uint32_t volume, uint64_t bytes, int64_t from_us),
        void *owner, struct err *e)
{
        struct db_query *q;

        int r = index_retention_ask(ix, FLOW, &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, since_us / HOUR_US);
        r = index_retention_flow_of(q, on_flow, owner, e);
        if (r == 0)
                r = index_retention_ask(ix, FLOW_OPEN, &q, e);
        return r < 0 ? r : index_retention_flow_of(q, on_flow, owner, e);
}

int index_retention_flow_forget(struct index *ix, int64_t before_us, struct err *e)
{
        struct db_query *q;

        int r = index_retention_ask(ix, FLOW_FORGET, &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, before_us / HOUR_US);
        return db_run(q, e);
}

int index_retention_checks(struct index *ix, uint32_t volume, unsigned *ret_damaged,
        int64_t *ret_checked_us, struct err *e)
{
        int64_t damaged = 0, checked = 0;
        struct db_query *q;

        int r = index_retention_ask(ix, DAMAGED, &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, volume);
        r = index_retention_number(q, &damaged, e);
        if (r >= 0)
                r = index_retention_ask(ix, CHECKED, &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, volume);
        r = index_retention_number(q, &checked, e);
        if (r < 0)
                return r;
        *ret_damaged = (unsigned)damaged;
        *ret_checked_us = checked;
        return 0;
}

/* Hours */

static void index_retention_bind_hour(struct db_query *q, const struct index_hour *h)
{
        db_bind_i64(q, 1, h->hour);
        db_bind_i64(q, 2, h->volume);
        db_bind_text(q, 3, h->stream);
}

int index_retention_emptied(struct index *ix, const struct index_hour *at, int64_t before_hour,
        struct index_hour *ret, struct err *e)
{
        struct db_query *q;

        int r = index_retention_ask(ix, EMPTIED, &q, e);
        if (r < 0)
                return r;
        index_retention_bind_hour(q, at);
        db_bind_i64(q, 4, before_hour);
        r = db_step(q, e);
        if (r > 0) {
                *ret = (struct index_hour){ .hour = db_i64(q, 0),
                        .volume = (uint32_t)db_i64(q, 1) };
                snprintf(ret->stream, sizeof ret->stream, "%s", db_text(q, 2));
        }
        db_reset(q);
        return r;
}

/* A segment whose directory is of that hour. */
static int index_retention_hour_named(
        struct index *ix, const struct index_hour *h, int64_t hour, struct err *e)
{
        char from[HEAD_KEY_MAX], to[HEAD_KEY_MAX], time[STR_TIME_ROOM];
        struct db_query *q;
        int64_t one;

        str_time(time, hour * HOUR_US); /* 2026-11-22T15:... */
        snprintf(from, sizeof from, "%s/%.10s/%.2s/", h->stream, time, time + 11);
        snprintf(to, sizeof to, "%s/%.10s/%.2s0", h->stream, time, time + 11); /* '0' follows '/' */
        int r = index_retention_ask(ix, HOUR_NAMED, &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, from);
        db_bind_text(q, 2, to);
        db_bind_i64(q, 3, h->volume);
        return index_retention_number(q, &one, e);
}

int index_retention_hour_used(struct index *ix, const struct index_hour *h, struct err *e)
{
        int64_t from_us = (h->hour - 1) * HOUR_US, to_us = (h->hour + 2) * HOUR_US, one;
        struct db_query *q;
        int r = 0;

        for (int64_t hour = h->hour - 1; hour <= h->hour + 1 && r == 0; hour++)
                r = index_retention_hour_named(ix, h, hour, e);
        if (r == 0)
                r = index_retention_ask(ix, HOUR_TIMED, &q, e);
        else
                return r;
        if (r < 0)
                return r;
        db_bind_text(q, 1, h->stream);
        db_bind_i64(q, 2, from_us);
        db_bind_i64(q, 3, to_us + SPAN_MAX_US);
        db_bind_i64(q, 4, to_us);
        db_bind_i64(q, 5, h->volume);
        return index_retention_number(q, &one, e);
}

int index_retention_hour_done(struct index *ix, const struct index_hour *h, struct err *e)
{
        struct db_query *q;

        int r = index_retention_ask(ix, HOUR_DONE, &q, e);
        if (r < 0)
                return r;
        index_retention_bind_hour(q, h);
        return db_run(q, e);
}

/* Terms */

int index_retention_terms_put(struct index *ix, const struct index_terms *t, struct err *e)
{
        struct db_query *q;

        int r = index_retention_ask(ix, TERMS_PUT, &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, t->stream);
        db_bind_i64(q, 2, t->min_days);
        db_bind_i64(q, 3, t->max_days);
        db_bind_i64(q, 4, (int64_t)t->quota_mb);
        return db_run(q, e);
}

int index_retention_terms_remove(struct index *ix, const char *stream, struct err *e)
{
        struct db_query *q;

        int r = index_retention_ask(ix, TERMS_REMOVE, &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, stream);
        return db_run(q, e);
}

int index_retention_terms(struct index *ix,
        void (*on_terms)(void *owner, const struct index_terms *t), void *owner, struct err *e)
{
        struct db_query *q;

        int r = index_retention_ask(ix, TERMS, &q, e);
        if (r < 0)
                return r;
        while ((r = db_step(q, e)) > 0) {
                struct index_terms t = { .min_days = (unsigned)db_i64(q, 1),
                        .max_days = (unsigned)db_i64(q, 2),
                        .quota_mb = (uint64_t)db_i64(q, 3) };
                snprintf(t.stream, sizeof t.stream, "%s", db_text(q, 0));
                on_terms(owner, &t);
        }
        db_reset(q);
        return r;
}

/* The clock by which footage ages */

int index_retention_aging_put(
        struct index *ix, const struct retention_clock_kept *kept, struct err *e)
{
        struct db_query *q;

        int r = index_retention_ask(ix, AGING_PUT, &q, e);
        if (r < 0)
                return r;
        db_bind_i64(q, 1, kept->expected_us);
        db_bind_i64(q, 2, kept->wall_us);
        db_bind_i64(q, 3, kept->boot_us);
        db_bind_i64(q, 4, kept->held_us);
        return db_run(q, e);
}

int index_retention_aging(struct index *ix, struct retention_clock_kept *ret, struct err *e)
{
        struct db_query *q;

        int r = index_retention_ask(ix, AGING, &q, e);
        if (r < 0)
                return r;
        r = db_step(q, e);
        if (r == 1)
                *ret = (struct retention_clock_kept){ .expected_us = db_i64(q, 0),
                        .wall_us = db_i64(q, 1),
                        .boot_us = db_i64(q, 2),
                        .held_us = db_i64(q, 3) };
        db_reset(q);
        return r;
}
