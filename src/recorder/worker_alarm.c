/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/worker_alarm.h"

enum worker_alarm_change worker_alarm_overload(
        struct worker_alarm *a, uint64_t frames, bool shed, int64_t now_us)
{
        if (frames != a->frames || shed) {
                bool began = !a->overload;

                if (began)
                        a->begin_frames = a->frames;
                a->frames = frames;
                a->last_us = now_us;
                a->overload = true;
                return began ? WORKER_ALARM_BEGAN : WORKER_ALARM_SAME;
        }
        if (!a->overload || now_us - a->last_us < WORKER_ALARM_OVERLOAD_US)
                return WORKER_ALARM_SAME;
        a->overload = false;
        return WORKER_ALARM_ENDED;
}

uint64_t worker_alarm_dropped(const struct worker_alarm *a)
{
        return a->frames - a->begin_frames;
}

void worker_alarm_liveness(struct worker_alarm *a, enum fault now, const struct log_ctx *log)
{
        if (now)
                log_error(log, "camera.alarm", "security=%s text=\"%s\"", fault_name(now),
                        fault_text(now));
        else
                log_info(log, "camera.alarm_over", "security=%s", fault_name(a->liveness));
        a->liveness = now;
}

enum fault worker_alarm_fault(const struct worker_alarm *a)
{
        if (a->liveness)
                return a->liveness;
        return a->overload ? FAULT_OVERLOAD : FAULT_NONE;
}
