/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is wrong with a stream though it is recorded: what its pictures show (ingest/liveness), or
 * that frames of it are dropped for want of memory or processor. The worst counts. No clock.
 */
#ifndef CUSTOS_RECORDER_WORKER_ALARM_H
#define CUSTOS_RECORDER_WORKER_ALARM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fault.h"
#include "base/log.h"

#define WORKER_ALARM_OVERLOAD_US INT64_C(10000000) /* without a drop, and it is over */

struct worker_alarm {
        enum fault liveness;
        bool overload;
        uint64_t frames; /* dropped, when it was last looked at */
        uint64_t begin_frames;
        int64_t last_us;
};

enum worker_alarm_change { WORKER_ALARM_SAME, WORKER_ALARM_BEGAN, WORKER_ALARM_ENDED };

/* frames: dropped ever. shed: more will be. */
enum worker_alarm_change worker_alarm_overload(
        struct worker_alarm *a, uint64_t frames, bool shed, int64_t now_us);
/* Frames dropped since it began. */
uint64_t worker_alarm_dropped(const struct worker_alarm *a);
/* What the pictures show has changed, which is logged. */
void worker_alarm_liveness(struct worker_alarm *a, enum fault now, const struct log_ctx *log);
enum fault worker_alarm_fault(const struct worker_alarm *a);

#endif
