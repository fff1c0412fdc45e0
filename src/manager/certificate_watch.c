/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/certificate_watch.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "trust/renewal.h"

#define CERTIFICATE_WATCH_SUBJECT_ROOM 200
#define CERTIFICATE_WATCH_DAY_US 86400e6

struct certificate_watch_row {
        char what[16], subject[CERTIFICATE_WATCH_SUBJECT_ROOM];
        int64_t from_us, until_us;
        enum certificate_watch_care care;
};

struct certificate_watch_look {
        struct certificate_watch_row *rows;
        size_t n, room;
};

struct certificate_watch {
        struct db *db;
        struct certificate_watch_look *last;
};

struct certificate_watch *certificate_watch_new(struct db *d)
{
        struct certificate_watch *w = xcalloc(1, sizeof *w);

        w->db = d;
        w->last = certificate_watch_begin();
        return w;
}

struct certificate_watch *certificate_watch_free(struct certificate_watch *w)
{
        if (!w)
                return NULL;
        certificate_watch_drop(w->last);
        free(w);
        return NULL;
}

struct certificate_watch_look *certificate_watch_begin(void)
{
        return xcalloc(1, sizeof(struct certificate_watch_look));
}

void certificate_watch_drop(struct certificate_watch_look *l)
{
        if (l)
                free(l->rows);
        free(l);
}

void certificate_watch_add(struct certificate_watch_look *l, const char *what, const char *subject,
        int64_t from_us, int64_t until_us, enum certificate_watch_care care)
{
        if (l->n == CERTIFICATE_WATCH_MAX)
                return;
        if (l->n == l->room) {
                l->room = l->room ? 2 * l->room : 32;
                l->rows = xrealloc(l->rows, l->room, sizeof *l->rows);
        }
        struct certificate_watch_row *row = &l->rows[l->n++];
        *row = (struct certificate_watch_row){
                .from_us = from_us, .until_us = until_us, .care = care
        };
        snprintf(row->what, sizeof row->what, "%s", what);
        snprintf(row->subject, sizeof row->subject, "%s", subject);
}

/* --- what is due --- */

/* All that has become due in its life. */
static unsigned certificate_watch_warnings(const struct certificate_watch_row *row, int64_t now_us)
{
        int64_t life_us = row->until_us - row->from_us;

        if (row->care == CERTIFICATE_WATCH_USE)
                return 0;
        /* 30 days may be a third of its life too. */
        if (row->care == CERTIFICATE_WATCH_NODE && now_us < row->until_us - life_us / 5)
                return 0;
        return renewal_warnings(row->from_us, row->until_us, row->from_us, now_us);
}

/* The gravest of them, "" for none. */
static const char *certificate_watch_name(unsigned due)
{
        static const struct {
                unsigned warning;
                const char *name;
        } names[] = { { RENEWAL_EXPIRED, "expired" }, { RENEWAL_1_DAY, "1 day" },
                { RENEWAL_7_DAYS, "7 days" }, { RENEWAL_14_DAYS, "14 days" },
                { RENEWAL_30_DAYS, "30 days" }, { RENEWAL_THIRD, "a third of its life" } };

        for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
                if (due & names[i].warning)
                        return names[i].name;
        }
        return "";
}

/* --- what was said --- */

static int certificate_watch_told(struct certificate_watch *w,
        const struct certificate_watch_row *row, unsigned *ret, struct err *e)
{
        struct db_query *q;

        int r = db_query(w->db,
                "SELECT warnings FROM certificate_told WHERE what = ? AND subject = ? AND until_us "
                "= ?",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, row->what);
        db_bind_text(q, 2, row->subject);
        db_bind_i64(q, 3, row->until_us);
        r = db_step(q, e);
        *ret = r == 1 ? (unsigned)db_i64(q, 0) : 0;
        db_reset(q);
        return r < 0 ? r : 0;
}

static int certificate_watch_keep(struct certificate_watch *w,
        const struct certificate_watch_row *row, unsigned due, struct err *e)
{
        struct db_query *q;

        int r = db_query(w->db,
                "INSERT INTO certificate_told (what, subject, until_us, warnings) VALUES (?, ?, ?, "
                "?) ON CONFLICT (what, subject) DO UPDATE SET until_us = excluded.until_us, "
                "warnings = excluded.warnings",
                &q, e);
        if (r < 0)
                return r;
        db_bind_text(q, 1, row->what);
        db_bind_text(q, 2, row->subject);
        db_bind_i64(q, 3, row->until_us);
        db_bind_i64(q, 4, due);
        return db_run(q, e);
}

/* Said first: what is said twice after a power cut is better than what is not said. */
static int certificate_watch_judge(struct certificate_watch *w,
        const struct certificate_watch_row *row, int64_t now_us, certificate_watch_tell tell,
        void *owner, struct err *e)
{
        unsigned due = certificate_watch_warnings(row, now_us), told;

        if (!due)
                return 0;
        int r = certificate_watch_told(w, row, &told, e);
        if (r < 0 || !(due & ~told))
                return r;
        r = tell(owner, row->what, row->subject, row->until_us, certificate_watch_name(due), e);
        return r < 0 ? r : certificate_watch_keep(w, row, due | told, e);
}

/* By name, and of the same name the one that is good for longest first. */
static int certificate_watch_by_name(const void *a, const void *b)
{
        const struct certificate_watch_row *x = a, *y = b;
        int order = strcmp(x->what, y->what);

        if (order == 0)
                order = strcmp(x->subject, y->subject);
        return order ? order : (x->until_us < y->until_us) - (x->until_us > y->until_us);
}

static int certificate_watch_by_end(const void *a, const void *b)
{
        const struct certificate_watch_row *x = a, *y = b;
        int order = (x->until_us > y->until_us) - (x->until_us < y->until_us);

        return order ? order : certificate_watch_by_name(a, b);
}

static void certificate_watch_sort(struct certificate_watch_look *l)
{
        size_t n = 0;

        if (l->n == 0)
                return;
        qsort(l->rows, l->n, sizeof *l->rows, certificate_watch_by_name);
        for (size_t i = 0; i < l->n; i++) {
                if (n && strcmp(l->rows[n - 1].what, l->rows[i].what) == 0 &&
                        strcmp(l->rows[n - 1].subject, l->rows[i].subject) == 0)
                        continue;
                l->rows[n++] = l->rows[i];
        }
        l->n = n;
        qsort(l->rows, l->n, sizeof *l->rows, certificate_watch_by_end);
}

int certificate_watch_end(struct certificate_watch *w, struct certificate_watch_look *l,
        int64_t now_us, certificate_watch_tell tell, void *owner, struct err *e)
{
        int r = 0;

        certificate_watch_drop(w->last);
        w->last = l;
        certificate_watch_sort(l);
        for (size_t i = 0; i < l->n && r == 0; i++)
                r = certificate_watch_judge(w, &l->rows[i], now_us, tell, owner, e);
        return r;
}

/* --- what is known --- */

json_t *certificate_watch_list(const struct certificate_watch *w, size_t after, size_t limit,
        int64_t now_us, bool *ret_more)
{
        const struct certificate_watch_look *l = w->last;
        json_t *list = json_array();
        char until[STR_TIME_ROOM];
        size_t i;

        for (i = after; i < l->n && json_array_size(list) < limit; i++) {
                const struct certificate_watch_row *row = &l->rows[i];
                json_array_append_new(list,
                        json_pack("{s:s, s:s, s:s, s:f, s:s}", "what", row->what, "subject",
                                row->subject, "not_after", str_time(until, row->until_us),
                                "days_left",
                                (double)(row->until_us - now_us) / CERTIFICATE_WATCH_DAY_US,
                                "warning",
                                certificate_watch_name(certificate_watch_warnings(row, now_us))));
        }
        *ret_more = i < l->n;
        return list;
}

size_t certificate_watch_due(const struct certificate_watch *w, int64_t now_us)
{
        size_t n = 0;

        for (size_t i = 0; i < w->last->n; i++)
                n += certificate_watch_warnings(&w->last->rows[i], now_us) != 0;
        return n;
}
