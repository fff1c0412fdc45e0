/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/record_plan.h"

#include <stdio.h>

#define RECORD_PLAN_SECOND INT64_C(1000000)

void record_plan_set(struct record_plan *p, const struct record_terms *t)
{
        p->mode = t->mode;
        p->between = t->between;
        p->pre_s = t->pre_s;
        p->post_s = t->post_s;
        if (schedule_parse(t->schedule, &p->schedule, NULL) < 0)
                memset(p->schedule.bits, 0xff, sizeof p->schedule.bits); /* not checked: record */
}

static bool record_plan_is_source(const char *s)
{
        size_t n = strlen(s);

        if (n == 0 || n >= RECORD_PLAN_SOURCE_MAX)
                return false;
        for (size_t i = 0; i < n; i++) {
                bool plain = (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9');
                if (!plain && (i == 0 || !strchr("./_-", s[i])))
                        return false;
        }
        return true;
}

static struct record_plan_event *record_plan_find(struct record_plan *p, const char *source)
{
        for (unsigned i = 0; i < p->events_n; i++) {
                if (strcmp(p->events[i].source, source) == 0)
                        return &p->events[i];
        }
        return NULL;
}

/* Those whose last seconds are over go. */
static void record_plan_prune(struct record_plan *p, int64_t boot_us)
{
        unsigned n = 0;

        for (unsigned i = 0; i < p->events_n; i++) {
                if (p->events[i].end_us + p->post_s * RECORD_PLAN_SECOND > boot_us)
                        p->events[n++] = p->events[i];
        }
        p->events_n = n;
}

int record_plan_start(
        struct record_plan *p, const char *source, unsigned seconds, int64_t boot_us, struct err *e)
{
        if (!record_plan_is_source(source))
                return err_set(e, ERR_INVALID,
                        "an event's source is 1 to %d of a-z, 0-9 and \"./_-\", the first a letter "
                        "or a digit",
                        RECORD_PLAN_SOURCE_MAX - 1);
        record_plan_prune(p, boot_us);
        struct record_plan_event *event = record_plan_find(p, source);
        if (!event && p->events_n == RECORD_PLAN_EVENTS_MAX)
                return err_set(e, ERR_EXHAUSTED,
                        "events of %d sources are under way for this stream, no more are taken",
                        RECORD_PLAN_EVENTS_MAX);
        if (!event)
                event = &p->events[p->events_n++];
        if (seconds == 0 || seconds > RECORD_PLAN_EVENT_MAX_S)
                seconds = RECORD_PLAN_EVENT_MAX_S;
        snprintf(event->source, sizeof event->source, "%s", source);
        event->end_us = boot_us + seconds * RECORD_PLAN_SECOND;
        return 0;
}

int record_plan_stop(struct record_plan *p, const char *source, int64_t boot_us, struct err *e)
{
        struct record_plan_event *event = record_plan_find(p, source);

        if (!event || event->end_us <= boot_us)
                return err_set(e, ERR_NOT_FOUND, "no event of that source is under way");
        event->end_us = boot_us;
        return 0;
}

struct record_plan_answer record_plan_ask(struct record_plan *p, const struct record_plan_time *now)
{
        bool inside = schedule_inside(&p->schedule, now->weekday, now->minute);
        struct record_plan_answer a = { .off = p->mode == RECORD_OFF };

        record_plan_prune(p, now->boot_us);
        bool open = p->mode == RECORD_ALWAYS ||
                    (p->mode == RECORD_SCHEDULE && (inside || p->events_n > 0)) ||
                    (p->mode == RECORD_EVENT && inside && p->events_n > 0);
        /* Where no event can open the gate, nothing need wait for one. */
        bool waits = p->mode == RECORD_SCHEDULE || (p->mode == RECORD_EVENT && inside);
        a.gate = open                              ? MESSAGE_GATE_OPEN
                 : p->between == RECORD_KEY_FRAMES ? MESSAGE_GATE_KEYS
                                                   : MESSAGE_GATE_WAIT;
        a.keep_ms = waits ? p->pre_s * 1000 : 0;
        return a;
}
