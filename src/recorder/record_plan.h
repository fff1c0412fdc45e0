/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Whether one stream is recorded now: by its terms, the events that are under way, and the time of
 * day. Pure: whoever asks brings both clocks. Time of day is local and may jump (daylight saving, a
 * clock that is set); how long an event lasts is measured on the clock that never does, so that no
 * jump makes an event longer or shorter.
 *
 * Meant to be asked every second, and whenever something changed: the answer costs nothing.
 */
#ifndef CUSTOS_RECORDER_RECORD_PLAN_H
#define CUSTOS_RECORDER_RECORD_PLAN_H

#include "base/record_terms.h"
#include "base/schedule.h"
#include "recorder/message.h"

#define RECORD_PLAN_EVENTS_MAX 16     /* sources with an event at one time, of one stream */
#define RECORD_PLAN_SOURCE_MAX 64     /* of a source's name, NUL included */
#define RECORD_PLAN_EVENT_MAX_S 3600u /* one that nobody ends; what goes on is started again */

struct record_plan_event {
        char source[RECORD_PLAN_SOURCE_MAX];
        int64_t end_us; /* of the event itself, boot clock */
};

struct record_plan {
        enum record_mode mode;
        enum record_between between;
        unsigned pre_s, post_s;
        struct schedule schedule;
        unsigned events_n;
        struct record_plan_event events[RECORD_PLAN_EVENTS_MAX]; /* with their post_s not over */
};

struct record_plan_time {
        int64_t boot_us;
        unsigned weekday, minute; /* local: 0..6 from Sunday, 0..1439 */
};

struct record_plan_answer {
        bool off;               /* not even the camera is connected to; the rest means nothing */
        enum message_gate gate; /* OPEN where recorded */
        uint32_t keep_ms;       /* what is kept in memory while the gate is not open */
};

/* t was checked (record_terms_check). Events under way stay. */
void record_plan_set(struct record_plan *p, const struct record_terms *t);
/* An event of a source begins, or goes on: for so many seconds from now, 0 or more than an hour:
 * an hour. ERR_INVALID: a source's name of another form than [a-z0-9] then [a-z0-9./_-];
 * ERR_EXHAUSTED: too many sources. */
int record_plan_start(struct record_plan *p, const char *source, unsigned seconds, int64_t boot_us,
        struct err *e) MUST_USE;
/* Ends it now. ERR_NOT_FOUND: that source has none. */
int record_plan_stop(
        struct record_plan *p, const char *source, int64_t boot_us, struct err *e) MUST_USE;
struct record_plan_answer record_plan_ask(
        struct record_plan *p, const struct record_plan_time *now);

#endif
