/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_timeline.h"

#include "base/str.h"
#include "recorder/parent.h"
#include "recorder/parent_locks.h"
#include "vault/index_timeline.h"

#define PARENT_TIMELINE_PARTS 500
/* A recording goes on over the distance of two frames of a slow camera; what is really missing is a
 * gap besides, with its cause. */
#define PARENT_TIMELINE_JOIN_US INT64_C(2000000)

struct parent_timeline {
        const char *stream;
        int64_t from_us, to_us;
        int64_t part_us; /* what is shorter cannot be seen */
        json_t *list;
};

static int64_t parent_timeline_later(int64_t a, int64_t b)
{
        return a > b ? a : b;
}

static void parent_timeline_add(json_t *list, int64_t from_us, int64_t to_us, const char *cause)
{
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM];
        json_t *o =
                json_pack("{s:s, s:s}", "from", str_time(from, from_us), "to", str_time(to, to_us));

        if (cause)
                json_object_set_new(o, "cause", json_string(cause));
        json_array_append_new(list, o);
}

/* Each look skips a part at least, so their number is that of the parts. */
static int parent_timeline_ranges(struct parent *p, struct parent_timeline *t, struct err *e)
{
        int64_t join = parent_timeline_later(t->part_us, PARENT_TIMELINE_JOIN_US);
        int64_t begin = 0, end = 0, first, last, at = t->from_us;
        bool any = false;
        int r;

        while (at <= t->to_us &&
                (r = index_timeline_segment(p->index, t->stream, at, &first, &last, e)) != 0) {
                if (r < 0)
                        return r;
                if (first > t->to_us)
                        break;
                first = parent_timeline_later(first, t->from_us);
                if (any && first - end > join)
                        parent_timeline_add(t->list, begin, end, NULL);
                if (!any || first - end > join)
                        begin = first;
                any = true;
                end = last < t->to_us ? last : t->to_us;
                at = parent_timeline_later(last + 1, at + t->part_us);
        }
        if (any)
                parent_timeline_add(t->list, begin, end, NULL);
        return 0;
}

static int parent_timeline_gaps(struct parent *p, struct parent_timeline *t, struct err *e)
{
        struct seal_gap g = { 0 };
        int64_t at = t->from_us;
        int r;

        while (at <= t->to_us && (r = index_timeline_gap(p->index, t->stream, at, &g, e)) != 0) {
                if (r < 0)
                        return r;
                if (g.from_us <= t->to_us)
                        parent_timeline_add(t->list, parent_timeline_later(g.from_us, t->from_us),
                                g.to_us < t->to_us ? g.to_us : t->to_us, seal_gap_name(g.cause));
                at = parent_timeline_later(g.to_us + 1, at + t->part_us);
        }
        return 0;
}

static int parent_timeline_locks(struct parent *p, struct parent_timeline *t, struct err *e)
{
        const struct lock_set *locks;
        const char *stream;
        int64_t from, to, shown = INT64_MIN;

        int r = parent_locks_set(p->locks, &locks, e);
        if (r < 0)
                return r;
        for (size_t i = 0; lock_set_range(locks, i, &stream, &from, &to); i++) {
                bool seen = strcmp(stream, t->stream) == 0 && from <= t->to_us && to >= t->from_us;
                if (!seen || (shown != INT64_MIN && to < shown + t->part_us))
                        continue;
                parent_timeline_add(t->list, parent_timeline_later(from, t->from_us),
                        to < t->to_us ? to : t->to_us, NULL);
                shown = to;
        }
        return 0;
}

static int parent_timeline_read(json_t *body, struct parent_timeline *t, struct err *e)
{
        const char *from, *to;
        json_int_t parts = PARENT_TIMELINE_PARTS;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s:s, s?:I}", "stream", &t->stream,
                    "from", &from, "to", &to, "parts", &parts) < 0)
                return err_set(e, ERR_INVALID, "timeline.get: %s", why.text);
        int r = str_parse_time(from, &t->from_us, e);
        if (r == 0)
                r = str_parse_time(to, &t->to_us, e);
        if (r < 0)
                return err_wrap(e, r, "timeline.get");
        if (t->to_us <= t->from_us)
                return err_set(e, ERR_INVALID, "timeline.get: to is not behind from");
        if (parts < 1 || parts > PARENT_TIMELINE_PARTS)
                return err_set(
                        e, ERR_INVALID, "timeline.get: parts is 1 to %d", PARENT_TIMELINE_PARTS);
        t->part_us = (t->to_us - t->from_us) / parts + 1;
        return 0;
}

int parent_timeline_get(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        static const struct {
                const char *name;
                int (*fill)(struct parent *p, struct parent_timeline *t, struct err *e);
        } lists[] = { { "ranges", parent_timeline_ranges }, { "gaps", parent_timeline_gaps },
                { "locks", parent_timeline_locks } };
        struct parent_timeline t = { 0 };
        int r = parent_timeline_read(body, &t, e);

        if (r < 0)
                return r;
        json_t *answer = json_object();
        for (size_t i = 0; i < ARRAY_LEN(lists) && r == 0; i++) {
                t.list = json_array();
                json_object_set_new(answer, lists[i].name, t.list);
                r = lists[i].fill(p, &t, e);
        }
        if (r < 0)
                json_decref(answer);
        else
                *ret = answer;
        return r;
}
