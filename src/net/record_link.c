/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/record_link.h"

#include <string.h>

#include "base/bytes.h"

/* Numbers are carried as wide as they come and narrowed behind their check. */
struct record_link_asked {
        const char *mode, *between, *schedule; /* NULL: not given */
        json_int_t pre_s, post_s, min_days, max_days, quota_mb;
};

json_t *record_link_format(const struct record_terms *t)
{
        return json_pack("{s:s, s:s, s:s, s:I, s:I, s:I, s:I, s:I}", "mode",
                record_mode_name(t->mode), "between", record_between_name(t->between), "schedule",
                t->schedule, "pre_s", (json_int_t)t->pre_s, "post_s", (json_int_t)t->post_s,
                "min_days", (json_int_t)t->min_days, "max_days", (json_int_t)t->max_days,
                "quota_mb", (json_int_t)t->quota_mb);
}

static int record_link_words(
        const struct record_link_asked *q, struct record_terms *t, struct err *e)
{
        int mode = q->mode ? record_mode_find(q->mode) : (int)t->mode;
        int between = q->between ? record_between_find(q->between) : (int)t->between;

        if (mode < 0)
                return err_set(e, ERR_INVALID, "record: mode is always, schedule, event or off");
        if (between < 0)
                return err_set(e, ERR_INVALID, "record: between is nothing or key-frames");
        if (q->schedule && strlen(q->schedule) >= sizeof t->schedule)
                return err_set(e, ERR_INVALID, "record: schedule has more than %zu characters",
                        sizeof t->schedule - 1);
        t->mode = (enum record_mode)mode;
        t->between = (enum record_between)between;
        if (q->schedule)
                memcpy(t->schedule, q->schedule, strlen(q->schedule) + 1);
        return 0;
}

static int record_link_numbers(
        const struct record_link_asked *q, struct record_terms *t, struct err *e)
{
        const struct {
                const char *key;
                json_int_t value;
        } all[] = { { "pre_s", q->pre_s }, { "post_s", q->post_s }, { "min_days", q->min_days },
                { "max_days", q->max_days } };

        /* So that they fit their types; how large each may be says record_terms_check. */
        if (q->quota_mb < 0)
                return err_set(e, ERR_INVALID, "record: quota_mb is out of range");
        for (size_t i = 0; i < ARRAY_LEN(all); i++) {
                if (all[i].value < 0 || all[i].value > INT32_MAX)
                        return err_set(e, ERR_INVALID, "record: %s is out of range", all[i].key);
        }
        t->pre_s = (unsigned)q->pre_s;
        t->post_s = (unsigned)q->post_s;
        t->min_days = (unsigned)q->min_days;
        t->max_days = (unsigned)q->max_days;
        t->quota_mb = (uint64_t)q->quota_mb;
        return 0;
}

int record_link_parse(const json_t *object, struct record_terms *t, struct err *e)
{
        struct record_terms to = *t;
        struct record_link_asked q = { .pre_s = to.pre_s,
                .post_s = to.post_s,
                .min_days = to.min_days,
                .max_days = to.max_days,
                .quota_mb = (json_int_t)to.quota_mb };
        json_error_t why;

        if (json_unpack_ex((json_t *)(uintptr_t)object, &why, JSON_STRICT,
                    "{s?:s, s?:s, s?:s, s?:I, s?:I, s?:I, s?:I, s?:I}", "mode", &q.mode, "between",
                    &q.between, "schedule", &q.schedule, "pre_s", &q.pre_s, "post_s", &q.post_s,
                    "min_days", &q.min_days, "max_days", &q.max_days, "quota_mb", &q.quota_mb) < 0)
                return err_set(e, ERR_INVALID, "record: %s", why.text);
        int r = record_link_words(&q, &to, e);
        if (r == 0)
                r = record_link_numbers(&q, &to, e);
        if (r == 0 && (r = record_terms_check(&to, e)) < 0)
                return err_wrap(e, r, "record");
        if (r == 0)
                *t = to;
        return r;
}
