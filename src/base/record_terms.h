/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What is recorded of a stream, and how long it is kept: as an administrator says it, the manager
 * stores it and the recorder does it. Pure.
 */
#ifndef CUSTOS_BASE_RECORD_TERMS_H
#define CUSTOS_BASE_RECORD_TERMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define RECORD_TERMS_SCHEDULE_MAX 256
#define RECORD_TERMS_PRE_MAX_S 60
#define RECORD_TERMS_POST_MAX_S 3600
#define RECORD_TERMS_DAYS_MAX 36500
#define RECORD_TERMS_QUOTA_MAX_MB (UINT64_C(1) << 40) /* its bytes fit a signed number */

enum record_mode {
        RECORD_ALWAYS,
        RECORD_SCHEDULE, /* while the schedule says so, and during events */
        RECORD_EVENT,    /* during events (with a schedule: during events within it) */
        RECORD_OFF,      /* not even the camera is connected to */
};
/* Between the times that the mode records. */
enum record_between {
        RECORD_NOTHING,
        RECORD_KEY_FRAMES,
};

struct record_terms {
        enum record_mode mode;
        enum record_between between;
        /* "mon-fri 08:00-18:00, sat 10:00-14:00"; days mon tue wed thu fri sat sun or daily; to
         * 24:00; an end before its begin is on the next day; local time of the recorder. Empty: at
         * all times. */
        char schedule[RECORD_TERMS_SCHEDULE_MAX];
        unsigned pre_s, post_s; /* seconds before and after an event */
        unsigned min_days;      /* kept this long while there is any room */
        unsigned max_days;      /* removed after this; 0: never for its age */
        uint64_t quota_mb;      /* of this stream at most; 0: no bound */
};

void record_terms_defaults(struct record_terms *t); /* always, 5 s before and after an event */
/* ERR_INVALID with what is wrong: a number beyond its maximum, a schedule that cannot be read, less
 * time to keep at most than at least. */
int record_terms_check(const struct record_terms *t, struct err *e) MUST_USE;
const char *record_mode_name(enum record_mode m);       /* "always", "schedule", "event", "off" */
int record_mode_find(const char *name);                 /* or -1 */
const char *record_between_name(enum record_between b); /* "nothing", "key-frames" */
int record_between_find(const char *name);

#endif
