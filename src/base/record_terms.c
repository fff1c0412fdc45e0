/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/record_terms.h"

#include <inttypes.h>
#include <string.h>

#include "base/bytes.h"
#include "base/schedule.h"

static const char *const record_terms_modes[] = { "always", "schedule", "event", "off" };
static const char *const record_terms_betweens[] = { "nothing", "key-frames" };

static int record_terms_find(const char *const *names, size_t n, const char *name)
{
        for (size_t i = 0; i < n; i++) {
                if (strcmp(names[i], name) == 0)
                        return (int)i;
        }
        return -1;
}

const char *record_mode_name(enum record_mode m)
{
        return (size_t)m < ARRAY_LEN(record_terms_modes) ? record_terms_modes[m] : "unknown";
}

int record_mode_find(const char *name)
{
        return record_terms_find(record_terms_modes, ARRAY_LEN(record_terms_modes), name);
}

const char *record_between_name(enum record_between b)
{
        return (size_t)b < ARRAY_LEN(record_terms_betweens) ? record_terms_betweens[b] : "unknown";
}

int record_between_find(const char *name)
{
        return record_terms_find(record_terms_betweens, ARRAY_LEN(record_terms_betweens), name);
}

void record_terms_defaults(struct record_terms *t)
{
        *t = (struct record_terms){
                .mode = RECORD_ALWAYS, .between = RECORD_NOTHING, .pre_s = 5, .post_s = 5
        };
}

static int record_terms_check_times(const struct record_terms *t, struct err *e)
{
        if (t->pre_s > RECORD_TERMS_PRE_MAX_S)
                return err_set(e, ERR_INVALID,
                        "%u s before an event; at most %d are held in memory", t->pre_s,
                        RECORD_TERMS_PRE_MAX_S);
        if (t->post_s > RECORD_TERMS_POST_MAX_S)
                return err_set(e, ERR_INVALID, "%u s after an event; at most %d", t->post_s,
                        RECORD_TERMS_POST_MAX_S);
        if (t->min_days > RECORD_TERMS_DAYS_MAX || t->max_days > RECORD_TERMS_DAYS_MAX)
                return err_set(
                        e, ERR_INVALID, "footage is kept %d days at most", RECORD_TERMS_DAYS_MAX);
        if (t->max_days && t->min_days > t->max_days)
                return err_set(e, ERR_INVALID,
                        "to be kept %u days at least and %u at most: the first must not exceed the "
                        "second",
                        t->min_days, t->max_days);
        if (t->quota_mb > RECORD_TERMS_QUOTA_MAX_MB)
                return err_set(e, ERR_INVALID, "a quota of %" PRIu64 " MB; at most %" PRIu64,
                        t->quota_mb, RECORD_TERMS_QUOTA_MAX_MB);
        return 0;
}

int record_terms_check(const struct record_terms *t, struct err *e)
{
        struct schedule s;

        if ((size_t)t->mode >= ARRAY_LEN(record_terms_modes))
                return err_set(e, ERR_INVALID, "mode is always, schedule, event or off");
        if ((size_t)t->between >= ARRAY_LEN(record_terms_betweens))
                return err_set(e, ERR_INVALID, "between is nothing or key-frames");
        if (!memchr(t->schedule, '\0', sizeof t->schedule))
                return err_set(e, ERR_INVALID, "the schedule is longer than %d characters",
                        RECORD_TERMS_SCHEDULE_MAX - 1);
        int r = schedule_parse(t->schedule, &s, e);
        return r < 0 ? r : record_terms_check_times(t, e);
}
