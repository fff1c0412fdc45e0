/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_storage_status.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "net/link.h"
#include "os/clock.h"
#include "recorder/parent.h"
#include "recorder/parent_clock.h"
#include "recorder/parent_locks.h"
#include "recorder/parent_retention.h"
#include "recorder/parent_storage.h"
#include "vault/forecast.h"
#include "vault/index_retention.h"

#define PARENT_STORAGE_STATUS_PAGE_MAX 500
#define PARENT_STORAGE_STATUS_DAY_US INT64_C(86400000000)
#define PARENT_STORAGE_STATUS_LEAST_US INT64_C(5000000) /* to speak of a rate */
#define PARENT_STORAGE_STATUS_WATCH_US INT64_C(60000000)
#define PARENT_STORAGE_STATUS_SAY_US (PARENT_STORAGE_STATUS_DAY_US / 4)
#define PARENT_STORAGE_STATUS_NEAR_DAYS 7.0

/* What was recorded in the last day. */
struct parent_storage_status_rate {
        uint64_t bytes;
        int64_t from_us; /* INT64_MAX: nothing */
};

struct parent_storage_status_stream {
        char name[HEAD_PATH_MAX];
        uint64_t bytes;
        int64_t oldest_us; /* INT64_MAX: nothing that has ended */
        struct parent_storage_status_rate rate;
};

struct parent_storage_status_volume {
        uint32_t number;
        uint64_t bytes, segments;
        int64_t oldest_us;
        struct parent_storage_status_rate rate;
};

struct parent_storage_status {
        struct parent *parent;
        int64_t now_us, since_us;
        struct table by_name; /* struct parent_storage_status_stream */
        struct parent_storage_status_volume volumes[VOLUME_MAX];
        unsigned volumes_n;
        struct parent_storage_status_stream **streams; /* by name */
        size_t streams_n;
};

static struct parent_storage_status_stream *parent_storage_status_stream(
        struct parent_storage_status *s, const char *name)
{
        struct parent_storage_status_stream *t = table_get(&s->by_name, name);

        if (t)
                return t;
        t = xcalloc(1, sizeof *t);
        snprintf(t->name, sizeof t->name, "%s", name);
        t->oldest_us = t->rate.from_us = INT64_MAX;
        table_put(&s->by_name, name, t);
        return t;
}

/* NULL: a volume that is not in the recorder's list. */
static struct parent_storage_status_volume *parent_storage_status_volume(
        struct parent_storage_status *s, uint32_t number)
{
        for (unsigned i = 0; i < s->volumes_n; i++) {
                if (s->volumes[i].number == number)
                        return &s->volumes[i];
        }
        return NULL;
}

static void parent_storage_status_count(
        struct parent_storage_status_rate *rate, uint64_t bytes, int64_t from_us)
{
        rate->bytes += bytes;
        rate->from_us = from_us < rate->from_us ? from_us : rate->from_us;
}

static void parent_storage_status_on_flow(
        void *owner, const char *stream, uint32_t volume, uint64_t bytes, int64_t from_us)
{
        struct parent_storage_status *s = owner;
        struct parent_storage_status_volume *v = parent_storage_status_volume(s, volume);

        parent_storage_status_count(&parent_storage_status_stream(s, stream)->rate, bytes, from_us);
        if (v)
                parent_storage_status_count(&v->rate, bytes, from_us);
}

/* A day; a time that is too short to tell is none, and a clock that was set back makes no rate. */
static double parent_storage_status_a_day(
        const struct parent_storage_status *s, const struct parent_storage_status_rate *rate)
{
        int64_t from = rate->from_us > s->since_us ? rate->from_us : s->since_us;

        if (rate->from_us == INT64_MAX || s->now_us - from < PARENT_STORAGE_STATUS_LEAST_US)
                return 0;
        return (double)rate->bytes * (double)PARENT_STORAGE_STATUS_DAY_US /
               (double)(s->now_us - from);
}

static double parent_storage_status_days(const struct parent_storage_status *s, int64_t oldest_us)
{
        return oldest_us < s->now_us
                       ? (double)(s->now_us - oldest_us) / (double)PARENT_STORAGE_STATUS_DAY_US
                       : 0;
}

static int parent_storage_status_add_usage(
        struct parent_storage_status *s, const struct index_usage *u, struct err *e)
{
        const struct retention_position begin = { INT64_MIN, INT64_MIN };
        struct parent_storage_status_stream *t = parent_storage_status_stream(s, u->stream);
        struct parent_storage_status_volume *v = parent_storage_status_volume(s, u->volume);
        struct retention_segment first;

        int r = index_retention_next(s->parent->index, u->volume, u->stream, &begin, &first, e);
        if (r < 0)
                return r;
        t->bytes += u->bytes;
        if (r > 0 && first.first_us < t->oldest_us)
                t->oldest_us = first.first_us;
        if (!v)
                return 0;
        v->bytes += u->bytes;
        v->segments += u->segments;
        if (r > 0 && first.first_us < v->oldest_us)
                v->oldest_us = first.first_us;
        return 0;
}

static int parent_storage_status_compare(const void *a, const void *b)
{
        const struct parent_storage_status_stream *const *x = a, *const *y = b;

        return strcmp((*x)->name, (*y)->name);
}

static void parent_storage_status_done(struct parent_storage_status *s)
{
        struct parent_storage_status_stream *t;
        size_t at = 0;

        while ((t = table_next(&s->by_name, &at)))
                free(t);
        table_done(&s->by_name);
        free(s->streams);
}

/* To be ended by parent_storage_status_done, whatever it returns. */
static int parent_storage_status_read(
        struct parent *p, struct parent_storage_status *s, struct err *e)
{
        CLEANUP(own_freep) struct index_usage *usage = NULL;
        const struct parent_volume *v;
        const struct parent_stream *known;
        struct parent_storage_status_stream *t;
        size_t n = 0, at = 0;

        *s = (struct parent_storage_status){ .parent = p, .now_us = clock_wall_us() };
        s->since_us = s->now_us - PARENT_STORAGE_STATUS_DAY_US;
        for (unsigned i = 0; (v = parent_storage_each(p->storage, i)) && i < VOLUME_MAX; i++)
                s->volumes[s->volumes_n++] = (struct parent_storage_status_volume){
                        .number = v->entry.number, .oldest_us = INT64_MAX, .rate.from_us = INT64_MAX
                };
        while ((known = table_next(&p->streams, &at)))
                parent_storage_status_stream(s, known->assign.stream);
        int r = index_retention_usage(p->index, &usage, &n, e);
        for (size_t i = 0; r == 0 && i < n; i++)
                r = parent_storage_status_add_usage(s, &usage[i], e);
        if (r == 0)
                r = index_retention_flow(
                        p->index, s->since_us, parent_storage_status_on_flow, s, e);
        if (r < 0)
                return r;
        s->streams = xcalloc(s->by_name.n + 1, sizeof(struct parent_storage_status_stream *));
        for (at = 0; (t = table_next(&s->by_name, &at));)
                s->streams[s->streams_n++] = t;
        qsort(s->streams, s->streams_n, sizeof(struct parent_storage_status_stream *),
                parent_storage_status_compare);
        return 0;
}

/* What is foreseen */

static bool parent_storage_status_in_use(const struct parent_volume *v)
{
        return !v->entry.retired && (v->fault == FAULT_NONE || v->fault == FAULT_VOLUME_FULL);
}

static struct forecast_volume parent_storage_status_forecast_of(
        struct parent_storage_status *s, const struct parent_volume *v)
{
        const struct parent_storage_status_volume *has =
                parent_storage_status_volume(s, v->entry.number);
        uint64_t locked = parent_locks_bytes(s->parent->locks, v->entry.number);
        bool full = v->fault == FAULT_VOLUME_FULL; /* whatever is free, and not counted yet */

        return (struct forecast_volume){ .free_bytes = full ? 0 : v->state.free_bytes,
                .reserve_bytes = parent_storage_reserve(s->parent->storage, v),
                .footage_bytes = has && !full ? has->bytes : 0,
                .locked_bytes = locked,
                .bytes_a_day = has ? parent_storage_status_a_day(s, &has->rate) : 0 };
}

struct parent_storage_status_foreseen {
        double minimum_in_days, stops_in_days;
};

static struct parent_storage_status_foreseen parent_storage_status_foresee(
        struct parent_storage_status *s, const struct lock_set *locks)
{
        struct forecast_volume volumes[VOLUME_MAX];
        CLEANUP(own_freep)
        struct forecast_stream *streams = xcalloc(s->streams_n + 1, sizeof *streams);
        const struct parent_volume *v;
        unsigned n = 0;

        for (unsigned i = 0; (v = parent_storage_each(s->parent->storage, i)) && n < VOLUME_MAX;
                i++) {
                if (parent_storage_status_in_use(v))
                        volumes[n++] = parent_storage_status_forecast_of(s, v);
        }
        for (size_t i = 0; i < s->streams_n; i++) {
                const struct parent_storage_status_stream *t = s->streams[i];
                streams[i] = (struct forecast_stream){ .bytes = t->bytes,
                        .days_kept = parent_storage_status_days(s, t->oldest_us),
                        .bytes_a_day = parent_storage_status_a_day(s, &t->rate),
                        .min_days = parent_retention_min_days(s->parent->retention, t->name),
                        .locking = lock_set_covers(locks, t->name, s->now_us, s->now_us, NULL) };
        }
        return (struct parent_storage_status_foreseen){ forecast_minimum_in_days(volumes, n,
                                                                streams, (unsigned)s->streams_n),
                forecast_stops_in_days(volumes, n, streams, (unsigned)s->streams_n) };
}

void parent_storage_status_watch(struct parent *p)
{
        struct parent_storage_status s;
        const struct lock_set *locks = NULL;
        int64_t now = clock_boot_us();
        struct err e;

        if (now < p->forecast_at)
                return;
        p->forecast_at = now + PARENT_STORAGE_STATUS_WATCH_US;
        int r = parent_storage_status_read(p, &s, &e);
        if (r == 0)
                r = parent_locks_set(p->locks, &locks, &e);
        if (r < 0) {
                log_error(NULL, "index.failed", "err=\"%s\"", e.text);
                parent_storage_status_done(&s);
                return;
        }
        struct parent_storage_status_foreseen f = parent_storage_status_foresee(&s, locks);
        parent_storage_status_done(&s);
        bool stops = f.stops_in_days >= 0 && f.stops_in_days < PARENT_STORAGE_STATUS_NEAR_DAYS;
        bool minimum =
                f.minimum_in_days >= 0 && f.minimum_in_days < PARENT_STORAGE_STATUS_NEAR_DAYS;
        if (stops)
                log_warn(NULL, "storage.forecast",
                        "stops_in_days=%.2f cause=\"what may be removed runs out\" "
                        "remedy=\"add a volume, or release locks\"",
                        f.stops_in_days);
        if (minimum)
                log_warn(NULL, "storage.forecast",
                        "minimum_in_days=%.2f cause=\"minimum days need more room than there is\" "
                        "remedy=\"add a volume, or lower minimum days or bit rates\"",
                        f.minimum_in_days);
        if (stops || minimum)
                p->forecast_at = now + PARENT_STORAGE_STATUS_SAY_US;
}

/* JSON */

static json_t *parent_storage_status_time(int64_t wall_us)
{
        char text[STR_TIME_ROOM];

        return wall_us > 0 && wall_us < INT64_MAX ? json_string(str_time(text, wall_us))
                                                  : json_null();
}

static json_t *parent_storage_status_number(double days)
{
        return days < 0 ? json_null() : json_real(days);
}

static json_t *parent_storage_status_stream_json(
        const struct parent_storage_status *s, const struct parent_storage_status_stream *t)
{
        const struct parent_stream *known = table_get(&s->parent->streams, t->name);
        double kept = parent_storage_status_days(s, t->oldest_us);
        double rate = parent_storage_status_a_day(s, &t->rate);
        bool below = known && known->below_minimum_us && kept < known->terms.min_days;

        return json_pack("{s:s, s:I, s:o, s:f, s:o, s:b}", "stream", t->name, "bytes",
                (json_int_t)t->bytes, "oldest", parent_storage_status_time(t->oldest_us),
                "days_kept", kept, "bytes_a_day",
                rate > 0 ? json_integer((json_int_t)rate) : json_null(), "below_minimum", below);
}

static void parent_storage_status_foreseen_of(
        struct parent_storage_status *s, const struct parent_volume *v, json_t *o)
{
        struct forecast_volume f = parent_storage_status_forecast_of(s, v);
        bool in_use = parent_storage_status_in_use(v);
        double full = in_use ? forecast_full_in_days(&f) : FORECAST_NEVER;
        double keeps = in_use ? forecast_keeps_days(&f) : FORECAST_NEVER;

        json_object_set_new(o, "full_in_days", parent_storage_status_number(full));
        json_object_set_new(o, "keeps_days", parent_storage_status_number(keeps));
}

/* What is wrong though it takes footage; storage.damage names the segments. */
static json_t *parent_storage_status_alarm(unsigned damaged)
{
        if (!damaged)
                return json_null();
        return json_pack("{s:s, s:s, s:s}", "fault", fault_name(FAULT_VOLUME_DAMAGED), "text",
                fault_text(FAULT_VOLUME_DAMAGED), "remedy", fault_remedy(FAULT_VOLUME_DAMAGED));
}

/* With a segment there that is not closed. */
static unsigned parent_storage_status_writing(const struct parent *p, uint32_t volume)
{
        const struct parent_stream *t;
        unsigned n = 0;
        size_t at = 0;

        while ((t = table_next(&p->streams, &at))) {
                bool there = false;
                for (unsigned i = 0; i < PARENT_STREAM_FILES_MAX; i++)
                        there |= t->files[i].used && t->files[i].object_key[0] &&
                                 t->files[i].volume == volume;
                n += there;
        }
        return n;
}

static int parent_storage_status_volume_json(
        struct parent_storage_status *s, const struct parent_volume *v, json_t **ret, struct err *e)
{
        const struct parent_storage_status_volume *has =
                parent_storage_status_volume(s, v->entry.number);
        unsigned damaged = 0;
        int64_t checked_us = 0;

        int r = index_retention_checks(s->parent->index, v->entry.number, &damaged, &checked_us, e);
        if (r < 0)
                return r;
        json_t *o = json_pack("{s:I, s:s, s:s, s:i, s:b, s:s, s:s, s:s, s:o}", "number",
                (json_int_t)v->entry.number, "name", v->entry.name, "path", v->entry.path, "weight",
                (int)v->entry.weight, "retired", v->entry.retired, "state",
                v->fault == FAULT_NONE ? "healthy" : fault_name(v->fault), "text", v->text,
                "remedy", fault_remedy(v->fault), "since", parent_storage_status_time(v->since_us));
        json_object_set_new(o, "total_bytes", json_integer((json_int_t)v->state.total_bytes));
        json_object_set_new(o, "free_bytes", json_integer((json_int_t)v->state.free_bytes));
        json_object_set_new(o, "reserve_bytes",
                json_integer((json_int_t)parent_storage_reserve(s->parent->storage, v)));
        json_object_set_new(o, "footage_bytes", json_integer(has ? (json_int_t)has->bytes : 0));
        json_object_set_new(o, "locked_bytes",
                json_integer((json_int_t)parent_locks_bytes(s->parent->locks, v->entry.number)));
        json_object_set_new(o, "segments", json_integer(has ? (json_int_t)has->segments : 0));
        json_object_set_new(o, "streams",
                json_integer(
                        (json_int_t)parent_storage_status_writing(s->parent, v->entry.number)));
        json_object_set_new(
                o, "oldest", has ? parent_storage_status_time(has->oldest_us) : json_null());
        json_object_set_new(o, "device", json_string(v->state.device));
        json_object_set_new(o, "damaged", json_integer((json_int_t)damaged));
        json_object_set_new(o, "alarm", parent_storage_status_alarm(damaged));
        json_object_set_new(o, "checked", parent_storage_status_time(checked_us));
        parent_storage_status_foreseen_of(s, v, o);
        *ret = o;
        return 0;
}

static int parent_storage_status_volumes_json(
        struct parent_storage_status *s, json_t *list, struct err *e)
{
        const struct parent_volume *v;
        json_t *o;

        for (unsigned i = 0; (v = parent_storage_each(s->parent->storage, i)); i++) {
                int r = parent_storage_status_volume_json(s, v, &o, e);
                if (r < 0)
                        return r;
                json_array_append_new(list, o);
        }
        return 0;
}

static bool parent_storage_status_streams_json(const struct parent_storage_status *s,
        const char *after, size_t limit, json_t *list, size_t bytes)
{
        for (size_t i = 0; i < s->streams_n; i++) {
                if (strcmp(s->streams[i]->name, after) <= 0)
                        continue;
                if (json_array_size(list) == limit || bytes >= LINK_PAGE_BYTES)
                        return true;
                json_t *o = parent_storage_status_stream_json(s, s->streams[i]);
                bytes += link_json_bytes(o);
                json_array_append_new(list, o);
        }
        return false;
}

static json_t *parent_storage_status_removed_json(const struct parent *p)
{
        const struct parent_retention_removed *removed = parent_retention_removed(p->retention);
        json_t *o = json_pack("{s:I}", "bytes", (json_int_t)removed->bytes);

        for (unsigned i = 0; i < RETENTION_REASONS; i++)
                json_object_set_new(o, retention_reason_name((enum retention_reason)i),
                        json_integer((json_int_t)removed->segments[i]));
        return o;
}

static int parent_storage_status_page(struct parent_storage_status *s, const char *after,
        size_t limit, json_t *answer, struct err *e)
{
        const struct lock_set *locks = NULL;

        int r = parent_locks_set(s->parent->locks, &locks, e);
        if (r == 0)
                r = parent_storage_status_volumes_json(s, json_object_get(answer, "volumes"), e);
        if (r < 0)
                return r;
        struct parent_storage_status_foreseen f = parent_storage_status_foresee(s, locks);
        json_object_set_new(answer, "forecast",
                json_pack("{s:o, s:o}", "minimum_in_days",
                        parent_storage_status_number(f.minimum_in_days), "stops_in_days",
                        parent_storage_status_number(f.stops_in_days)));
        json_object_set_new(answer, "removed", parent_storage_status_removed_json(s->parent));
        json_object_set_new(answer, "clock", parent_clock_json(s->parent));
        json_object_set_new(answer, "more",
                json_boolean(parent_storage_status_streams_json(s, after, limit,
                        json_object_get(answer, "streams"), link_json_bytes(answer))));
        return 0;
}

int parent_storage_status_get(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        const char *after = "";
        json_int_t limit = PARENT_STORAGE_STATUS_PAGE_MAX;
        struct parent_storage_status s;
        json_error_t why;

        if (json_unpack_ex(
                    body, &why, JSON_STRICT, "{s?:s, s?:I}", "after", &after, "limit", &limit) < 0)
                return err_set(e, ERR_INVALID, "storage.get: %s", why.text);
        if (limit < 1 || limit > PARENT_STORAGE_STATUS_PAGE_MAX)
                return err_set(e, ERR_INVALID, "storage.get: limit is 1 to %d",
                        PARENT_STORAGE_STATUS_PAGE_MAX);
        json_t *answer = json_pack("{s:[], s:[]}", "volumes", "streams");
        int r = parent_storage_status_read(p, &s, e);
        if (r == 0)
                r = parent_storage_status_page(&s, after, (size_t)limit, answer, e);
        parent_storage_status_done(&s);
        if (r < 0) {
                json_decref(answer);
                return r;
        }
        *ret = answer;
        return 0;
}
