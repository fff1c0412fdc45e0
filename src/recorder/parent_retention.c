/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_retention.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "os/clock.h"
#include "recorder/parent.h"
#include "recorder/parent_history.h"
#include "recorder/parent_locks.h"
#include "recorder/parent_storage.h"
#include "recorder/parent_storage_status.h"
#include "vault/forecast.h"
#include "vault/index_retention.h"
#include "vault/retention_clock.h"

#define PARENT_RETENTION_TICK_MS 1000
#define PARENT_RETENTION_SECOND INT64_C(1000000)
#define PARENT_RETENTION_HOUR_US (3600 * PARENT_RETENTION_SECOND)
#define PARENT_RETENTION_ALL_US (10 * PARENT_RETENTION_SECOND) /* rules that are not about room */
#define PARENT_RETENTION_RETRY_US (10 * PARENT_RETENTION_SECOND)
#define PARENT_RETENTION_STUCK_US (5 * PARENT_RETENTION_SECOND)
/* A volume says how much is free every two seconds: until then what was removed is added. */
#define PARENT_RETENTION_CREDIT_US (3 * PARENT_RETENTION_SECOND)
/* A volume's word is two seconds old, a look one more, a removal another; and after a pause a
 * worker writes what it held. */
#define PARENT_RETENTION_AHEAD_S 5u
#define PARENT_RETENTION_AHEAD_PART 4u /* of the volume, at most */
/* A manager that has been there for so long has said all it knows. */
#define PARENT_RETENTION_SETTLED_US (60 * PARENT_RETENTION_SECOND)
#define PARENT_RETENTION_HOUSEKEEPING_US PARENT_RETENTION_HOUR_US
#define PARENT_RETENTION_KEEP_CLOCK_US (60 * PARENT_RETENTION_SECOND)
#define PARENT_RETENTION_FLOW_US (26 * PARENT_RETENTION_HOUR_US)
/* An hour's keys are written before its first segment is, and the sealer uses them all hour. */
#define PARENT_RETENTION_KEY_HOURS 2
#define PARENT_RETENTION_KEY_LOOKS 16 /* a tick */
#define PARENT_RETENTION_ALARM_US (600 * PARENT_RETENTION_SECOND)
#define PARENT_RETENTION_SAID_BYTES 200 /* of names of streams in a line of the log */

/* A segment that is being removed. */
struct parent_retention_item {
        char stream[HEAD_PATH_MAX];
        enum retention_reason why;
        int64_t first_us, last_us;
        uint64_t bytes;
};

struct parent_retention_slot {
        struct parent_retention *retention;
        bool used;
        uint32_t number;
        bool full;          /* as parent_storage was told */
        int64_t not_before; /* boot clock: it failed, or was stuck */
        uint64_t credit_bytes, credit_free;
        int64_t credit_until; /* boot clock */
        /* How fast it fills: between two words of the volume */
        uint64_t word_free, word_removed;
        int64_t word_at; /* boot clock; 0: none yet */
        uint64_t filled_a_second;
        /* The batch under way: segments, or the keys of an hour */
        bool busy;
        unsigned n;
        struct parent_retention_item *items;
        struct index_hour hour; /* of keys; stream empty: segments */
};

struct parent_retention {
        struct parent *parent;
        struct timer tick;
        struct retention_clock clock;
        struct table terms; /* struct index_terms, by stream */
        int64_t horizon_us;
        int64_t manager_since;         /* boot clock; 0: there is none */
        int64_t all_at, keep_house_at; /* boot clock */
        int64_t keep_clock_at;
        struct index_hour hour_at; /* how far the hours were looked at */
        struct parent_retention_removed removed;
        struct parent_retention_slot slots[VOLUME_MAX];
};

/* One look at everything. */
struct parent_retention_view {
        struct index_usage *usage;
        size_t usage_n;
        struct retention_stream *streams;
        struct retention_lane *lanes;
        size_t *lane_usage; /* place in usage */
        struct retention_volume volumes[VOLUME_MAX];
        struct parent_retention_slot *slots[VOLUME_MAX];
        uint64_t free_bytes[VOLUME_MAX], reserve_bytes[VOLUME_MAX];
        struct retention_input in;
        struct index *index;
};

static void parent_retention_pass(struct parent_retention *r, bool everything);

/* Volumes */

static struct parent_retention_slot *parent_retention_slot(
        struct parent_retention *r, uint32_t number)
{
        struct parent_retention_slot *unused = NULL;

        for (unsigned i = 0; i < VOLUME_MAX; i++) {
                struct parent_retention_slot *s = &r->slots[i];
                if (s->used && s->number == number)
                        return s;
                bool gone = s->used && !s->busy &&
                            !parent_storage_volume(r->parent->storage, s->number);
                if (!unused && (!s->used || gone))
                        unused = s;
        }
        if (unused)
                *unused = (struct parent_retention_slot){
                        .retention = r, .used = true, .number = number
                };
        return unused;
}

/* What lies there can be removed. */
static bool parent_retention_reaches(const struct parent_volume *v)
{
        return v->chan && v->state.readable &&
               (v->fault == FAULT_NONE || v->fault == FAULT_VOLUME_FULL ||
                       v->fault == FAULT_VOLUME_DAMAGED);
}

static uint64_t parent_retention_free_bytes(
        struct parent_retention_slot *s, const struct parent_volume *v, int64_t boot_us)
{
        if (boot_us > s->credit_until || v->state.free_bytes != s->credit_free)
                s->credit_bytes = 0;
        return v->state.free_bytes + s->credit_bytes;
}

/* How fast the volume fills, of the faster of the last words: as it falls by and by, a pause of the
 * cameras is not taken for their end. */
static void parent_retention_measure(
        struct parent_retention_slot *s, const struct parent_volume *v, int64_t boot_us)
{
        uint64_t had = s->word_free + s->word_removed, has = v->state.free_bytes;

        if (s->word_at && has == s->word_free)
                return;
        if (s->word_at && boot_us > s->word_at) {
                uint64_t filled = had > has ? had - has : 0;
                uint64_t rate = filled * (uint64_t)PARENT_RETENTION_SECOND /
                                (uint64_t)(boot_us - s->word_at);
                uint64_t before = s->filled_a_second - s->filled_a_second / 8;
                s->filled_a_second = rate > before ? rate : before;
        }
        s->word_free = has;
        s->word_removed = 0;
        s->word_at = boot_us;
}

/* Room beside the reserve (vault/forecast.h), and what fills until the volume's next word and the
 * removal that follows. */
static void parent_retention_bounds(struct parent_retention *r,
        const struct parent_retention_slot *s, const struct parent_volume *v, uint64_t *ret_low,
        uint64_t *ret_high)
{
        uint64_t reserve = parent_storage_reserve(r->parent->storage, v);
        uint64_t most = v->state.total_bytes / PARENT_RETENTION_AHEAD_PART;
        uint64_t ahead = s->filled_a_second * PARENT_RETENTION_AHEAD_S;

        ahead = ahead < most ? ahead : most;
        *ret_low = forecast_low_bytes(reserve) + ahead;
        *ret_high = forecast_high_bytes(reserve) + ahead;
}

static bool parent_retention_needs_room(
        struct parent_retention *r, const struct parent_volume *v, int64_t boot_us)
{
        struct parent_retention_slot *s = parent_retention_slot(r, v->entry.number);

        if (!s || v->entry.retired || !parent_retention_reaches(v))
                return false;
        uint64_t low, high;
        parent_retention_measure(s, v, boot_us);
        parent_retention_bounds(r, s, v, &low, &high);
        if (parent_retention_free_bytes(s, v, boot_us) >= low) {
                if (s->full)
                        log_info(NULL, "volume.room", "volume=%s", v->entry.name);
                if (s->full)
                        parent_storage_set_full(r->parent->storage, s->number, false);
                s->full = false;
                return false;
        }
        return !s->busy && boot_us >= s->not_before;
}

static void parent_retention_set_full(
        struct parent_retention *r, struct parent_retention_slot *s, bool full)
{
        const struct parent_volume *v = parent_storage_volume(r->parent->storage, s->number);

        if (s->full == full)
                return;
        s->full = full;
        if (full)
                log_error(NULL, "volume.full",
                        "volume=%s locked_bytes=%llu effect=\"nothing is recorded there: what is "
                        "left is locked\"",
                        v ? v->entry.name : "",
                        (unsigned long long)parent_locks_bytes(r->parent->locks, s->number));
        parent_storage_set_full(r->parent->storage, s->number, full);
}

/* Terms */

static void parent_retention_on_terms(void *owner, const struct index_terms *t)
{
        struct parent_retention *r = owner;
        struct index_terms *copy = xcalloc(1, sizeof *copy);

        *copy = *t;
        table_put(&r->terms, t->stream, copy);
}

/* Takes over what the manager said of its streams. */
static int parent_retention_learn(struct parent_retention *r, struct err *e)
{
        const struct parent_stream *t;
        size_t at = 0;

        while ((t = table_next(&r->parent->streams, &at))) {
                struct index_terms *known = table_get(&r->terms, t->assign.stream);
                struct index_terms now = { .min_days = t->terms.min_days,
                        .max_days = t->terms.max_days,
                        .quota_mb = t->terms.quota_mb };
                if (known && known->min_days == now.min_days && known->max_days == now.max_days &&
                        known->quota_mb == now.quota_mb)
                        continue;
                snprintf(now.stream, sizeof now.stream, "%s", t->assign.stream);
                int done = index_retention_terms_put(r->parent->index, &now, e);
                if (done < 0)
                        return done;
                if (known)
                        *known = now;
                else
                        parent_retention_on_terms(r, &now);
        }
        return 0;
}

bool parent_retention_below_minimum(const struct parent_stream *t, int64_t wall_us)
{
        return t->below_minimum_us && wall_us >= t->below_minimum_us &&
               wall_us - t->below_minimum_us < PARENT_RETENTION_ALARM_US;
}

unsigned parent_retention_min_days(const struct parent_retention *r, const char *stream)
{
        const struct parent_stream *said = table_get(&r->parent->streams, stream);
        const struct index_terms *known = table_get(&r->terms, stream);

        return said ? said->terms.min_days : known ? known->min_days : 0;
}

/* Terms of cameras that are gone with all their footage. */
static int parent_retention_forget_terms(
        struct parent_retention *r, const struct parent_retention_view *w, struct err *e)
{
        struct index_terms *t, **gone = xcalloc(r->terms.n + 1, sizeof *gone);
        size_t at = 0, n = 0;
        int done = 0;

        while ((t = table_next(&r->terms, &at))) {
                size_t i = 0;
                while (i < w->usage_n && strcmp(w->usage[i].stream, t->stream) != 0)
                        i++;
                if (i == w->usage_n && !table_get(&r->parent->streams, t->stream))
                        gone[n++] = t;
        }
        for (size_t i = 0; i < n && done == 0; i++) {
                done = index_retention_terms_remove(r->parent->index, gone[i]->stream, e);
                if (done == 0)
                        free(table_take(&r->terms, gone[i]->stream));
        }
        free(gone);
        return done;
}

/* Time */

static void parent_retention_keep_clock(struct parent_retention *r, bool now)
{
        struct retention_clock_kept kept;
        struct err e;

        if (!now && clock_boot_us() < r->keep_clock_at)
                return;
        r->keep_clock_at = clock_boot_us() + PARENT_RETENTION_KEEP_CLOCK_US;
        retention_clock_keep(&r->clock, &kept);
        if (index_retention_aging_put(r->parent->index, &kept, &e) < 0)
                log_error(NULL, "index.failed", "err=\"%s\"", e.text);
}

int64_t parent_retention_now(struct parent_retention *r)
{
        char wall[STR_TIME_ROOM], held[STR_TIME_ROOM];
        bool was_apart = r->clock.apart;
        int64_t wall_us = clock_wall_us();
        int64_t now = retention_clock_now(&r->clock, wall_us, clock_boot_us());

        parent_retention_keep_clock(r, r->clock.apart != was_apart);
        if (r->clock.apart && !was_apart)
                log_warn(NULL, "retention.clock_held",
                        "wall=%s held=%s effect=\"footage ages by the earlier of the two for a "
                        "day\"",
                        str_time(wall, wall_us), str_time(held, now));
        return now;
}

bool parent_retention_held(const struct parent_retention *r)
{
        return r->clock.apart && r->clock.expected_us < r->clock.wall_us;
}

/* What is there */

static void parent_retention_view_done(struct parent_retention_view *w)
{
        free(w->usage);
        free(w->streams);
        free(w->lanes);
        free(w->lane_usage);
}

static int parent_retention_next(void *owner, unsigned lane, const struct retention_position *after,
        struct retention_segment *ret, struct err *e)
{
        const struct parent_retention_view *w = owner;
        const struct index_usage *u = &w->usage[w->lane_usage[lane]];

        return index_retention_next(w->index, u->volume, u->stream, after, ret, e);
}

static void parent_retention_view_volumes(
        struct parent_retention *r, struct parent_retention_view *w, int64_t boot_us)
{
        const struct parent_volume *v;

        for (unsigned i = 0; (v = parent_storage_each(r->parent->storage, i)); i++) {
                struct parent_retention_slot *s = parent_retention_slot(r, v->entry.number);
                if (!s || !parent_retention_reaches(v) || w->in.volumes_n == VOLUME_MAX)
                        continue;
                unsigned at = w->in.volumes_n++;
                uint64_t reserve = parent_storage_reserve(r->parent->storage, v);
                uint64_t has = parent_retention_free_bytes(s, v, boot_us);
                uint64_t low, high;
                parent_retention_bounds(r, s, v, &low, &high);
                bool idle = !s->busy && boot_us >= s->not_before;
                bool short_of_room = !v->entry.retired && has < low;
                w->slots[at] = s;
                w->free_bytes[at] = has;
                w->reserve_bytes[at] = reserve;
                w->volumes[at] = (struct retention_volume){ .number = v->entry.number,
                        .retired = v->entry.retired,
                        .room = idle ? PARENT_STORAGE_REMOVE_MAX : 0,
                        .wanted_bytes = short_of_room ? high - has : 0,
                        .needed_bytes = short_of_room ? low - has : 0 };
        }
}

static void parent_retention_view_lanes(
        struct parent_retention *r, struct parent_retention_view *w, int64_t boot_us)
{
        bool settled = r->manager_since && boot_us - r->manager_since > PARENT_RETENTION_SETTLED_US;
        unsigned volume;

        w->streams = xcalloc(w->usage_n + 1, sizeof *w->streams);
        w->lanes = xcalloc(w->usage_n + 1, sizeof *w->lanes);
        w->lane_usage = xcalloc(w->usage_n + 1, sizeof *w->lane_usage);
        for (size_t i = 0; i < w->usage_n; i++) {
                const struct index_usage *u = &w->usage[i];
                for (volume = 0; volume < w->in.volumes_n; volume++) {
                        if (w->volumes[volume].number == u->volume)
                                break;
                }
                if (volume == w->in.volumes_n)
                        continue;
                unsigned n = w->in.streams_n;
                if (n == 0 || strcmp(w->streams[n - 1].name, u->stream) != 0) {
                        const struct index_terms *t = table_get(&r->terms, u->stream);
                        w->streams[n] = (struct retention_stream){ .name = u->stream,
                                .held = !t && !settled };
                        if (t) {
                                w->streams[n].min_days = t->min_days;
                                w->streams[n].max_days = t->max_days;
                                w->streams[n].quota_bytes = t->quota_mb << 20;
                        }
                        w->in.streams_n++;
                }
                w->lane_usage[w->in.lanes_n] = i;
                w->lanes[w->in.lanes_n++] = (struct retention_lane){ .stream = w->in.streams_n - 1,
                        .volume = volume,
                        .bytes = u->bytes,
                        .locked_bytes =
                                parent_locks_bytes_of(r->parent->locks, u->stream, u->volume),
                        .open = u->open };
        }
}

static int parent_retention_look(
        struct parent_retention *r, bool everything, struct parent_retention_view *w, struct err *e)
{
        int64_t boot_us = clock_boot_us();

        *w = (struct parent_retention_view){ .index = r->parent->index };
        w->in = (struct retention_input){ .now_us = parent_retention_now(r),
                .horizon_us = r->horizon_us,
                .everything = everything,
                .next = parent_retention_next,
                .owner = w };
        /* Without the locks nothing is removed. */
        int done = parent_locks_set(r->parent->locks, &w->in.locks, e);
        if (done == 0)
                done = parent_retention_learn(r, e);
        if (done == 0)
                done = index_retention_usage(r->parent->index, &w->usage, &w->usage_n, e);
        if (done < 0)
                return done;
        parent_retention_view_volumes(r, w, boot_us);
        parent_retention_view_lanes(r, w, boot_us);
        w->in.streams = w->streams;
        w->in.volumes = w->volumes;
        w->in.lanes = w->lanes;
        return 0;
}

/* Removing */

/* "a-main, b-main, ..." of the streams in the batch, each once, as far as there is room. */
static void parent_retention_names(const struct parent_retention_slot *s, char *to, size_t room)
{
        size_t at = 0;

        to[0] = '\0';
        for (unsigned i = 0; i < s->n; i++) {
                unsigned before = 0;
                while (before < i && strcmp(s->items[before].stream, s->items[i].stream) != 0)
                        before++;
                if (before < i)
                        continue;
                int n = snprintf(to + at, room - at, "%s%s", at ? "," : "", s->items[i].stream);
                if (n < 0 || (size_t)n >= room - at) {
                        snprintf(to + (room > 5 ? (at < room - 4 ? at : room - 4) : 0), 4, "...");
                        return;
                }
                at += (size_t)n;
        }
}

/* "space=12,quota=1" */
static void parent_retention_reasons(const unsigned count[RETENTION_REASONS], char *to, size_t room)
{
        size_t at = 0;

        to[0] = '\0';
        for (unsigned i = 0; i < RETENTION_REASONS && at < room; i++) {
                if (count[i])
                        at += (size_t)snprintf(to + at, room - at, "%s%s=%u", at ? "," : "",
                                retention_reason_name((enum retention_reason)i), count[i]);
        }
}

static void parent_retention_note_below(struct parent_retention *r, const char *stream)
{
        struct parent_stream *t = table_get(&r->parent->streams, stream);
        int64_t now = clock_wall_us();

        if (!t)
                return;
        if (!parent_retention_below_minimum(t, now))
                t->below_minimum_since_us = now;
        t->below_minimum_us = now;
}

/* One line for the batch. */
static void parent_retention_say(
        const struct parent_retention_slot *s, const struct parent_volume *v, const struct err *why)
{
        char names[PARENT_RETENTION_SAID_BYTES], reasons[120], from[STR_TIME_ROOM],
                to[STR_TIME_ROOM];
        unsigned count[RETENTION_REASONS] = { 0 };
        int64_t first = s->items[0].first_us, last = s->items[0].last_us;
        uint64_t bytes = 0;

        for (unsigned i = 0; i < s->n; i++) {
                const struct parent_retention_item *item = &s->items[i];
                count[item->why]++;
                bytes += item->bytes;
                first = item->first_us < first ? item->first_us : first;
                last = item->last_us > last ? item->last_us : last;
        }
        parent_retention_names(s, names, sizeof names);
        parent_retention_reasons(count, reasons, sizeof reasons);
        if (why)
                log_warn(NULL, "retention.not_removed",
                        "volume=%s segments=%u streams=%s err=\"%s\"", v ? v->entry.name : "", s->n,
                        names, why->text);
        else if (count[RETENTION_BELOW_MINIMUM])
                log_warn(NULL, "retention.below_minimum",
                        "volume=%s segments=%u bytes=%llu from=%s to=%s why=%s streams=%s",
                        v ? v->entry.name : "", s->n, (unsigned long long)bytes,
                        str_time(from, first), str_time(to, last), reasons, names);
        else
                log_info(NULL, "retention.removed",
                        "volume=%s segments=%u bytes=%llu from=%s to=%s why=%s streams=%s",
                        v ? v->entry.name : "", s->n, (unsigned long long)bytes,
                        str_time(from, first), str_time(to, last), reasons, names);
}

static void parent_retention_on_removed(void *owner, int result, const struct err *why)
{
        struct parent_retention_slot *s = owner;
        struct parent_retention *r = s->retention;
        const struct parent_volume *v = parent_storage_volume(r->parent->storage, s->number);
        bool again = result >= 0 && s->n == PARENT_STORAGE_REMOVE_MAX;

        s->busy = false;
        parent_retention_say(s, v, result < 0 ? why : NULL);
        if (result < 0)
                s->not_before = clock_boot_us() + PARENT_RETENTION_RETRY_US;
        for (unsigned i = 0; i < s->n && result >= 0; i++) {
                const struct parent_retention_item *item = &s->items[i];
                r->removed.segments[item->why]++;
                r->removed.bytes += item->bytes;
                s->credit_bytes += item->bytes;
                s->word_removed += item->bytes;
                if (item->why == RETENTION_BELOW_MINIMUM)
                        parent_retention_note_below(r, item->stream);
        }
        s->credit_free = v ? v->state.free_bytes : 0;
        s->credit_until = clock_boot_us() + PARENT_RETENTION_CREDIT_US;
        free(s->items);
        s->items = NULL;
        s->n = 0;
        if (again)
                parent_retention_pass(r, true);
}

static void parent_retention_remove(struct parent_retention *r, struct parent_retention_view *w,
        const struct retention_result *result, unsigned volume)
{
        struct parent_retention_slot *s = w->slots[volume];
        char names[PARENT_STORAGE_REMOVE_MAX][HEAD_KEY_MAX];

        s->items = xcalloc(PARENT_STORAGE_REMOVE_MAX, sizeof *s->items);
        s->n = 0;
        s->hour.stream[0] = '\0';
        for (unsigned i = 0; i < result->n; i++) {
                const struct retention_item *item = &result->items[i];
                const struct retention_lane *lane = &w->lanes[item->lane];
                if (lane->volume != volume)
                        continue;
                struct parent_retention_item *to = &s->items[s->n];
                snprintf(to->stream, sizeof to->stream, "%s", w->streams[lane->stream].name);
                to->why = item->why;
                to->first_us = item->segment.first_us;
                to->last_us = item->segment.last_us;
                to->bytes = item->segment.bytes;
                snprintf(names[s->n++], HEAD_KEY_MAX, "%s", item->segment.object_key);
        }
        s->busy = true;
        parent_storage_remove(r->parent->storage, s->number, (const char(*)[HEAD_KEY_MAX])names,
                s->n, parent_retention_on_removed, s);
}

static void parent_retention_act(struct parent_retention *r, struct parent_retention_view *w,
        const struct retention_result *result)
{
        for (unsigned i = 0; i < w->in.volumes_n; i++) {
                const struct retention_outcome *o = &result->volumes[i];
                struct parent_retention_slot *s = w->slots[i];
                if (o->n)
                        parent_retention_remove(r, w, result, i);
                if (o->n)
                        parent_retention_set_full(r, s, false);
                else if (o->stuck && w->free_bytes[i] < w->reserve_bytes[i])
                        parent_retention_set_full(r, s, true);
                if (o->stuck && o->n == 0)
                        s->not_before = clock_boot_us() + PARENT_RETENTION_STUCK_US;
        }
        r->horizon_us = result->horizon_us;
}

static void parent_retention_pass(struct parent_retention *r, bool everything)
{
        struct retention_result result;
        struct parent_retention_view w;
        struct err e;

        int done = parent_retention_look(r, everything, &w, &e);
        if (done == 0)
                done = retention_plan(&w.in, &result, &e);
        if (done == 0) {
                parent_retention_act(r, &w, &result);
                retention_result_done(&result);
        }
        if (done == 0 && clock_boot_us() >= r->keep_house_at) {
                r->keep_house_at = clock_boot_us() + PARENT_RETENTION_HOUSEKEEPING_US;
                done = index_retention_flow_forget(
                        r->parent->index, clock_wall_us() - PARENT_RETENTION_FLOW_US, &e);
                if (done == 0)
                        done = parent_retention_forget_terms(r, &w, &e);
        }
        if (done < 0)
                log_error(NULL, "retention.failed", "err=\"%s\" effect=\"nothing is removed\"",
                        e.text);
        parent_retention_view_done(&w);
}

/* Keys */

static void parent_retention_on_keys(void *owner, int result, const struct err *why)
{
        struct parent_retention_slot *s = owner;
        struct err e;

        s->busy = false;
        if (result < 0) {
                s->not_before = clock_boot_us() + PARENT_RETENTION_RETRY_US;
                log_warn(NULL, "retention.keys_not_removed", "stream=%s err=\"%s\"", s->hour.stream,
                        why->text);
        } else if (index_retention_hour_done(s->retention->parent->index, &s->hour, &e) < 0) {
                log_error(NULL, "index.failed", "err=\"%s\"", e.text);
        }
}

/* Nothing is left that an hour's keys would open: they go. */
static int parent_retention_hour(
        struct parent_retention *r, const struct index_hour *h, struct err *e)
{
        const struct parent_volume *v = parent_storage_volume(r->parent->storage, h->volume);
        char name[1][HEAD_KEY_MAX], time[STR_TIME_ROOM];

        if (!v)
                return index_retention_hour_done(r->parent->index, h, e);
        struct parent_retention_slot *s = parent_retention_slot(r, h->volume);
        if (!s || s->busy || clock_boot_us() < s->not_before || !parent_retention_reaches(v))
                return 0;
        int used = index_retention_hour_used(r->parent->index, h, e);
        if (used != 0)
                return used < 0 ? used : 0;
        str_time(time, h->hour * PARENT_RETENTION_HOUR_US); /* 2026-11-22T15:... */
        snprintf(name[0], sizeof name[0], "keys/%s/%.10s/%.2s.*", h->stream, time, time + 11);
        s->hour = *h;
        s->busy = true;
        parent_storage_remove(r->parent->storage, s->number, (const char(*)[HEAD_KEY_MAX])name, 1,
                parent_retention_on_keys, s);
        return 0;
}

static void parent_retention_look_at_hours(struct parent_retention *r)
{
        int64_t before =
                parent_retention_now(r) / PARENT_RETENTION_HOUR_US - PARENT_RETENTION_KEY_HOURS;
        struct index_hour h;
        struct err e;
        int done = 1;

        for (unsigned n = 0; n < PARENT_RETENTION_KEY_LOOKS && done == 1; n++) {
                done = index_retention_emptied(r->parent->index, &r->hour_at, before, &h, &e);
                if (done != 1)
                        break;
                r->hour_at = h;
                done = parent_retention_hour(r, &h, &e) < 0 ? -1 : 1;
        }
        if (done == 0) /* from the beginning again */
                r->hour_at = (struct index_hour){ 0 };
        if (done < 0)
                log_error(NULL, "index.failed", "err=\"%s\"", e.text);
}

/* Times */

void parent_retention_tick(struct parent_retention *r)
{
        int64_t boot_us = clock_boot_us();
        const struct parent_volume *v;
        bool everything = boot_us >= r->all_at, room = false;

        if (r->parent->stopping)
                return;
        if (!r->parent->manager || !parent_history_followed(r->parent->history))
                r->manager_since = 0;
        else if (r->manager_since == 0)
                r->manager_since = boot_us;
        for (unsigned i = 0; (v = parent_storage_each(r->parent->storage, i)); i++)
                room |= parent_retention_needs_room(r, v, boot_us);
        if (everything)
                r->all_at = boot_us + PARENT_RETENTION_ALL_US;
        if (everything || room)
                parent_retention_pass(r, everything);
        parent_retention_look_at_hours(r);
        if (everything)
                parent_storage_status_watch(r->parent);
}

static void parent_retention_on_tick(void *owner)
{
        parent_retention_tick(owner);
}

void parent_retention_wake(struct parent_retention *r)
{
        if (!r)
                return;
        for (unsigned i = 0; i < VOLUME_MAX; i++)
                r->slots[i].not_before = 0;
        r->all_at = 0;
        parent_retention_tick(r);
}

const struct parent_retention_removed *parent_retention_removed(const struct parent_retention *r)
{
        return &r->removed;
}

/* From where it was, over a restart; else from the newest footage. */
static int parent_retention_start_clock(struct parent_retention *r, struct err *e)
{
        struct retention_clock_kept kept;
        int64_t newest_us = 0;

        int done = index_retention_aging(r->parent->index, &kept, e);
        if (done == 0)
                done = index_retention_newest(r->parent->index, &newest_us, e) < 0 ? e->code : 0;
        if (done == 1)
                retention_clock_resume(&r->clock, &kept, clock_wall_us(), clock_boot_us());
        else
                retention_clock_init(&r->clock, clock_wall_us(), clock_boot_us(), newest_us);
        if (r->clock.apart)
                log_warn(NULL, "retention.clock_held",
                        "effect=\"the clock is ahead of the footage: that ages by the earlier time "
                        "for a day\"");
        return done < 0 ? done : 0;
}

struct parent_retention *parent_retention_new(struct parent *p)
{
        struct parent_retention *r = xcalloc(1, sizeof *r);
        struct err e;

        r->parent = p;
        r->horizon_us = INT64_MIN;
        int done = parent_retention_start_clock(r, &e);
        if (done == 0)
                done = index_retention_terms(p->index, parent_retention_on_terms, r, &e);
        if (done < 0)
                log_error(NULL, "index.failed", "err=\"%s\"", e.text);
        timer_start(&r->tick, p->loop, PARENT_RETENTION_TICK_MS, PARENT_RETENTION_TICK_MS,
                parent_retention_on_tick, r);
        return r;
}

struct parent_retention *parent_retention_free(struct parent_retention *r)
{
        struct index_terms *t;
        size_t at = 0;

        if (!r)
                return NULL;
        timer_done(&r->tick);
        for (unsigned i = 0; i < VOLUME_MAX; i++) {
                parent_storage_forget(r->parent->storage, &r->slots[i]);
                free(r->slots[i].items);
        }
        while ((t = table_next(&r->terms, &at)))
                free(t);
        table_done(&r->terms);
        free(r);
        return NULL;
}
