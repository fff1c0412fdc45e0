/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Too many cameras for the processor: when the worker's loop is late all the time, the streams with
 * the highest bit rates go down to key frames, until it is not. Which, and when they come back, is
 * decided here, from lateness and bit rates alone; pure.
 *
 * The rule, as an operator may be told it: a stream's fair share is an equal part of nine tenths of
 * what all streams of the worker bring. Only streams above that are touched, the largest first, a
 * tenth of the load at a time. When the loop has been on time for ten seconds the smallest of them
 * come back, a twentieth of the load at a time; whenever that was too early, the next try waits
 * twice as long, up to ten minutes.
 */
#ifndef CUSTOS_RECORDER_WORKER_LOAD_H
#define CUSTOS_RECORDER_WORKER_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#define WORKER_LOAD_BEAT_MS 100
#define WORKER_LOAD_LATE_MS 500 /* every beat of a second is late by this: a late second */
#define WORKER_LOAD_CALM_MS 100 /* none is by this: a calm one */
#define WORKER_LOAD_LATE_S 3
#define WORKER_LOAD_CALM_S 10
#define WORKER_LOAD_CALM_MAX_S 600

struct worker_load {
        bool beaten;
        uint64_t least_ms, most_ms; /* lateness in this second */
        unsigned late_s, calm_s;    /* in a row */
        unsigned calm_wanted_s;     /* 0: WORKER_LOAD_CALM_S */
        unsigned since_restored_s;
        bool restored, exhausted;
};

struct worker_load_stream {
        const char *name;
        uint64_t rate; /* bytes a second, as received */
        bool shed;
};

/* A beat came late by this. */
void worker_load_beat(struct worker_load *l, uint64_t late_ms);
/* A second is over: changes `shed` of streams. Returns how many were changed. */
unsigned worker_load_second(struct worker_load *l, struct worker_load_stream *streams, unsigned n);
/* It is late, and there is no stream left that may be touched. */
bool worker_load_exhausted(const struct worker_load *l);

#endif
