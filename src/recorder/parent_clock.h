/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The recorder's wall clock, watched once a second: whether something keeps it right, when it was
 * stepped, and how far the machine's own oscillator is off. Seals carry the wall clock and the boot
 * clock; segments that a step of two seconds or more divides say so in a gap
 * (worker_stream_watch_clock). Here smaller ones are noticed too, logged, and kept for whoever
 * doubts a time later.
 */
#ifndef CUSTOS_RECORDER_PARENT_CLOCK_H
#define CUSTOS_RECORDER_PARENT_CLOCK_H

#include <jansson.h>

#include "os/clock.h"
#include "os/loop.h"

struct parent;

#define PARENT_CLOCK_STEP_US 100000
#define PARENT_CLOCK_STEPS_KEPT 32

struct parent_clock_step {
        int64_t at_us;   /* wall clock after it */
        int64_t step_us; /* negative: it went back */
};

/* One look at the clocks. */
struct parent_clock_reading {
        int64_t wall_us, boot_us, slewed_us; /* os/clock.h */
        bool told; /* the kernel says how the clock is kept; else `kept` means nothing */
        struct clock_discipline kept;
};

/* Zeroed before the first look. */
struct parent_clock {
        struct timer tick;
        bool begun;
        struct parent_clock_reading first, last;
        bool alarm;       /* not synchronized */
        int64_t since_us; /* wall clock of the last change of that */
        bool held;        /* footage ages by an earlier time (parent_retention_held) */
        uint64_t steps_total;
        struct parent_clock_step steps[PARENT_CLOCK_STEPS_KEPT]; /* by number modulo */
};

void parent_clock_start(struct parent_clock *c, struct loop *l);
void parent_clock_done(struct parent_clock *c);
/* The next look; logs what changed. Made by the timer; here for tests. */
void parent_clock_look(struct parent_clock *c, const struct parent_clock_reading *now);
/* `clock` of storage.get (docs/spec/link.md section 5). */
json_t *parent_clock_format(const struct parent_clock *c);
json_t *parent_clock_json(struct parent *p);

#endif
