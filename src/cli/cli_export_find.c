/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "cli/cli_export_find.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "os/file.h"
#include "vault/vault_walk.h"

#define HOUR_US INT64_C(3600000000)
#define KEYS_MAX 100000u

struct name {
        unsigned at;
        char object_key[HEAD_KEY_MAX];
};

struct find {
        const struct cli_export_query *q;
        struct export_plan *plan;
        size_t n, room;
        struct name *names;
};

static int on_segment(void *owner, unsigned at, const char *object_key, struct err *e)
{
        struct find *f = owner;
        int64_t at_us = vault_walk_time_of(object_key);

        /* A name is the time when the file was made; it may have waited for its first frame. */
        if (at_us == SEAL_UNKNOWN_US || at_us > f->q->plan.to_us ||
                at_us < f->q->plan.from_us - HOUR_US)
                return 0;
        if (f->n >= KEYS_MAX)
                return err_set(e, ERR_EXHAUSTED, "more than %u segments; export a shorter range",
                        KEYS_MAX);
        if (f->n == f->room) {
                f->room = f->room ? 2 * f->room : 64;
                f->names = xrealloc(f->names, f->room, sizeof *f->names);
        }
        struct name *name = &f->names[f->n++];
        *name = (struct name){ .at = at };
        snprintf(name->object_key, sizeof name->object_key, "%s", object_key);
        return 0;
}

/* Every hour directory that the range touches, and the one before. */
static int find_names(struct find *f, struct err *e)
{
        int64_t hour_us = f->q->plan.from_us - f->q->plan.from_us % HOUR_US - HOUR_US;

        for (; hour_us <= f->q->plan.to_us; hour_us += HOUR_US) {
                char time[STR_TIME_ROOM], below[VAULT_WALK_HOUR_ROOM];
                str_time(time, hour_us < 0 ? 0 : hour_us);
                snprintf(below, sizeof below, "%.10s/%.2s", time, time + 11);
                int r = vault_set_segments(f->q->set, f->q->plan.stream, below, on_segment, f, e);
                if (r < 0)
                        return r;
        }
        return 0;
}

static int look_into(struct find *f, const struct name *name, struct err *e)
{
        CLEANUP(own_freep)
        char *path = xasprintf("%s/%s", f->q->set->members[name->at].path, name->object_key);
        struct file_map map = { 0 };
        struct err why;

        int r = file_map_open(path, &map, &why);
        if (r == ERR_NOT_FOUND)
                return 0; /* retention took it meanwhile */
        if (r < 0)
                return export_plan_damaged(f->plan, name->object_key, why.text, e);
        r = export_plan_add(f->plan, name->at, name->object_key, map.bytes, NULL, e);
        file_map_done(&map);
        return r < 0 ? r : 0;
}

static int find_contents(struct find *f, struct err *e)
{
        int r = 0;

        for (size_t i = 0; i < f->n && r == 0; i++) {
                r = look_into(f, &f->names[i], e);
                if (f->q->on_progress)
                        f->q->on_progress(f->q->owner, i + 1, f->n);
        }
        return r;
}

int cli_export_find(const struct cli_export_query *q, struct export_plan **ret, struct err *e)
{
        struct export_plan_query plan = q->plan;
        struct find f = { .q = q };

        plan.segments_max = KEYS_MAX;
        plan.bytes_max = EVIDENCE_BYTES_MAX;
        int r = export_plan_new(&plan, &f.plan, e);
        if (r == 0)
                r = find_names(&f, e);
        if (r == 0)
                r = find_contents(&f, e);
        if (r == 0)
                r = export_plan_settle(f.plan, e);
        free(f.names);
        if (r < 0) {
                export_plan_free(f.plan);
                return r;
        }
        *ret = f.plan;
        return 0;
}
