/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_clock.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/str.h"
#include "recorder/parent.h"
#include "recorder/parent_retention.h"

#define PARENT_CLOCK_TICK_MS 1000
#define PARENT_CLOCK_DRIFT_AFTER_US INT64_C(60000000) /* less says nothing in parts per million */

static void parent_clock_note_step(struct parent_clock *c, int64_t at_us, int64_t step_us)
{
        c->steps[c->steps_total++ % PARENT_CLOCK_STEPS_KEPT] =
                (struct parent_clock_step){ at_us, step_us };
        log_warn(NULL, "clock.step", "step_ms=%lld steps=%llu", (long long)step_us / 1000,
                (unsigned long long)c->steps_total);
}

static void parent_clock_note_state(struct parent_clock *c, const struct parent_clock_reading *now)
{
        bool alarm = !now->told || !now->kept.synchronized;

        if (c->begun && alarm == c->alarm)
                return;
        if (alarm)
                log_warn(NULL, "clock.not_synchronized", "security=%s told=%d",
                        fault_name(FAULT_CLOCK_NOT_SYNCHRONIZED), now->told);
        else
                log_info(NULL, "clock.synchronized", "estimated_error_us=%lld",
                        (long long)now->kept.estimated_error_us);
        c->alarm = alarm;
        c->since_us = now->wall_us;
}

void parent_clock_look(struct parent_clock *c, const struct parent_clock_reading *now)
{
        parent_clock_note_state(c, now);
        if (!c->begun) {
                c->begun = true;
                c->first = *now;
        } else {
                int64_t step = (now->wall_us - c->last.wall_us) - (now->boot_us - c->last.boot_us);
                if (llabs((long long)step) >= PARENT_CLOCK_STEP_US)
                        parent_clock_note_step(c, now->wall_us, step);
        }
        c->last = *now;
}

/* A process that had to wait between its looks at the two clocks would take that for a step: it
 * looks again. */
static void parent_clock_read(struct parent_clock_reading *ret)
{
        for (unsigned tries = 0; tries < 5; tries++) {
                int64_t before = clock_boot_us();

                ret->wall_us = clock_wall_us();
                ret->boot_us = clock_boot_us();
                if (ret->boot_us - before < PARENT_CLOCK_STEP_US / 10)
                        break;
        }
        ret->slewed_us = clock_slewed_us();
        ret->told = clock_discipline(&ret->kept, NULL) == 0;
}

static void parent_clock_on_tick(void *owner)
{
        struct parent_clock *c = owner;
        struct parent_clock_reading now = { 0 };

        parent_clock_read(&now);
        parent_clock_look(c, &now);
}

void parent_clock_start(struct parent_clock *c, struct loop *l)
{
        parent_clock_on_tick(c);
        timer_start(
                &c->tick, l, PARENT_CLOCK_TICK_MS, PARENT_CLOCK_TICK_MS, parent_clock_on_tick, c);
}

void parent_clock_done(struct parent_clock *c)
{
        timer_done(&c->tick);
}

static json_t *parent_clock_time(int64_t wall_us)
{
        char text[STR_TIME_ROOM];

        return json_string(str_time(text, wall_us > 0 ? wall_us : 0));
}

static json_t *parent_clock_steps(const struct parent_clock *c)
{
        json_t *list = json_array();
        uint64_t n =
                c->steps_total < PARENT_CLOCK_STEPS_KEPT ? c->steps_total : PARENT_CLOCK_STEPS_KEPT;

        for (uint64_t i = c->steps_total - n; i < c->steps_total; i++) {
                const struct parent_clock_step *s = &c->steps[i % PARENT_CLOCK_STEPS_KEPT];
                json_array_append_new(
                        list, json_pack("{s:o, s:I}", "time", parent_clock_time(s->at_us),
                                      "step_us", (json_int_t)s->step_us));
        }
        return list;
}

json_t *parent_clock_format(const struct parent_clock *c)
{
        enum fault f = c->held    ? FAULT_CLOCK_STEPPED
                       : c->alarm ? FAULT_CLOCK_NOT_SYNCHRONIZED
                                  : FAULT_NONE;
        const struct clock_discipline *kept = &c->last.kept;
        int64_t slewed = c->last.slewed_us - c->first.slewed_us;
        int64_t for_us = c->last.boot_us - c->first.boot_us;
        json_t *o = json_pack("{s:o, s:s, s:s, s:s, s:o, s:I, s:o, s:I}", "synchronized",
                c->last.told ? json_boolean(kept->synchronized) : json_null(), "state",
                f ? fault_name(f) : "healthy", "text", f ? fault_text(f) : "", "remedy",
                f ? fault_remedy(f) : "", "since", parent_clock_time(c->since_us), "steps",
                (json_int_t)c->steps_total, "last_steps", parent_clock_steps(c), "slewed_us",
                (json_int_t)slewed);

        json_object_set_new(o, "offset_us",
                c->last.told ? json_integer((json_int_t)kept->offset_us) : json_null());
        json_object_set_new(o, "estimated_error_us",
                c->last.told ? json_integer((json_int_t)kept->estimated_error_us) : json_null());
        json_object_set_new(o, "maximum_error_us",
                c->last.told ? json_integer((json_int_t)kept->maximum_error_us) : json_null());
        json_object_set_new(o, "drift_ppm",
                for_us >= PARENT_CLOCK_DRIFT_AFTER_US
                        ? json_real((double)slewed * 1e6 / (double)for_us)
                        : json_null());
        return o;
}

json_t *parent_clock_json(struct parent *p)
{
        p->clock.held = p->retention && parent_retention_held(p->retention);
        return parent_clock_format(&p->clock);
}
