/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_events.h"

#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "os/clock.h"

#define PARENT_EVENTS_TICK_MS 1000

struct parent_events {
        struct parent *parent;
        struct timer tick;
};

static const struct parent_events_source parent_events_sources[] = {
        { .name = "link" },
};

static struct record_plan_time parent_events_now(void)
{
        time_t wall = (time_t)(clock_wall_us() / 1000000);
        struct tm local = { 0 };

        localtime_r(&wall, &local);
        return (struct record_plan_time){ .boot_us = clock_boot_us(),
                .weekday = (unsigned)local.tm_wday,
                .minute = (unsigned)(local.tm_hour * 60 + local.tm_min) };
}

const char *parent_events_gate_name(const struct parent_stream *t)
{
        static const char *const names[] = { [MESSAGE_GATE_OPEN] = "open",
                [MESSAGE_GATE_KEYS] = "key-frames",
                [MESSAGE_GATE_WAIT] = "waiting" };

        return t->asked.off ? "off" : names[t->asked.gate];
}

static void parent_events_judge(struct parent_stream *t, const struct record_plan_time *now)
{
        struct record_plan_answer answer = record_plan_ask(&t->plan, now);
        const char *before = parent_events_gate_name(t);

        parent_stream_asked(t, &answer);
        const char *after = parent_events_gate_name(t);
        if (before != after)
                log_info(&t->log, "record.gate", "from=%s to=%s events=%u", before, after,
                        t->plan.events_n);
}

static void parent_events_on_tick(void *owner)
{
        struct parent_events *ev = owner;
        struct record_plan_time now = parent_events_now();
        struct parent_stream *t;
        size_t at = 0;

        while ((t = table_next(&ev->parent->streams, &at)))
                parent_events_judge(t, &now);
}

struct parent_events *parent_events_new(struct parent *p)
{
        struct parent_events *ev = xcalloc(1, sizeof *ev);

        ev->parent = p;
        timer_start(&ev->tick, p->loop, PARENT_EVENTS_TICK_MS, PARENT_EVENTS_TICK_MS,
                parent_events_on_tick, ev);
        return ev;
}

struct parent_events *parent_events_free(struct parent_events *ev)
{
        if (!ev)
                return NULL;
        timer_done(&ev->tick);
        free(ev);
        return NULL;
}

static bool parent_events_wanted(const struct record_terms *terms)
{
        return terms->mode == RECORD_EVENT || terms->mode == RECORD_SCHEDULE;
}

static void parent_events_want(struct parent_stream *t, bool wanted)
{
        for (size_t i = 0; i < ARRAY_LEN(parent_events_sources); i++) {
                const struct parent_events_source *s = &parent_events_sources[i];
                if (wanted && s->start)
                        s->start(t->parent, t->assign.stream);
                if (!wanted && s->stop)
                        s->stop(t->parent, t->assign.stream);
        }
}

void parent_events_terms(struct parent_stream *t, const struct record_terms *terms)
{
        struct record_plan_time now = parent_events_now();
        bool wanted = parent_events_wanted(terms);

        t->terms = *terms;
        record_plan_set(&t->plan, terms);
        parent_events_judge(t, &now);
        if (wanted != t->events_wanted)
                parent_events_want(t, wanted);
        t->events_wanted = wanted;
}

void parent_events_forget(struct parent_stream *t)
{
        if (t->events_wanted)
                parent_events_want(t, false);
        t->events_wanted = false;
}

static struct parent_stream *parent_events_find(struct parent *p, const char *stream, struct err *e)
{
        struct parent_stream *t = table_get(&p->streams, stream);

        if (!t)
                err_set(e, ERR_NOT_FOUND, "no such stream");
        return t;
}

int parent_events_start(
        struct parent *p, const char *stream, const char *source, unsigned seconds, struct err *e)
{
        struct record_plan_time now = parent_events_now();
        struct parent_stream *t = parent_events_find(p, stream, e);

        if (!t)
                return ERR_NOT_FOUND;
        if (t->terms.mode == RECORD_OFF)
                return err_set(e, ERR_STATE,
                        "%s is off: not even its camera is connected to, and no event is recorded",
                        stream);
        int r = record_plan_start(&t->plan, source, seconds, now.boot_us, e);
        if (r < 0)
                return r;
        log_info(&t->log, "event.start", "source=%s seconds=%u", source, seconds);
        parent_events_judge(t, &now);
        return 0;
}

int parent_events_stop(struct parent *p, const char *stream, const char *source, struct err *e)
{
        struct record_plan_time now = parent_events_now();
        struct parent_stream *t = parent_events_find(p, stream, e);

        if (!t)
                return ERR_NOT_FOUND;
        int r = record_plan_stop(&t->plan, source, now.boot_us, e);
        if (r < 0)
                return r;
        log_info(&t->log, "event.stop", "source=%s", source);
        parent_events_judge(t, &now);
        return 0;
}

/* The link's requests as a source. */

int parent_events_on_start(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        const char *stream, *source;
        json_int_t seconds = 0;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s, s?:I}", "stream", &stream, "source",
                    &source, "seconds", &seconds) < 0)
                return err_set(e, ERR_INVALID, "event.start: %s", why.text);
        if (seconds < 0 || seconds > RECORD_PLAN_EVENT_MAX_S)
                return err_set(e, ERR_INVALID, "event.start: seconds is 0 (until stopped) to %u",
                        RECORD_PLAN_EVENT_MAX_S);
        int r = parent_events_start(p, stream, source, (unsigned)seconds, e);
        if (r < 0)
                return err_wrap(e, r, "event.start");
        *ret = json_object();
        return 0;
}

int parent_events_on_stop(struct parent *p, json_t *body, json_t **ret, struct err *e)
{
        const char *stream, *source;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s:s}", "stream", &stream, "source",
                    &source) < 0)
                return err_set(e, ERR_INVALID, "event.stop: %s", why.text);
        int r = parent_events_stop(p, stream, source, e);
        if (r < 0)
                return err_wrap(e, r, "event.stop");
        *ret = json_object();
        return 0;
}
