/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Why nothing was recorded for a while, as the first seal behind it will say: what was wrong, and
 * beside that, since when nothing was asked for. Wall clock; pure.
 */
#ifndef CUSTOS_RECORDER_WORKER_GAPS_H
#define CUSTOS_RECORDER_WORKER_GAPS_H

#include "vault/gap_list.h"
#include "vault/segment_writer.h"

struct worker_gaps {
        bool begun;     /* and not told yet */
        unsigned cause; /* enum seal_gap_cause */
        int64_t from_us;
        int64_t unasked_from_us; /* nothing is asked for since then, though the gap has another
                                    cause; 0: not so */
        struct gap_list also;    /* what lies behind us */
};

/* Recording ended here. What is known of the time before stays, until it is told. */
void worker_gaps_begin(struct worker_gaps *g, unsigned cause, int64_t from_us);
/* Nothing is asked for any more, while nothing is recorded anyway. As worker_gaps_begin may be said
 * for another reason meanwhile: since when nothing is asked for, where that is the gap's cause. */
void worker_gaps_close(struct worker_gaps *g, int64_t now_us);
int64_t worker_gaps_unasked_us(const struct worker_gaps *g, int64_t now_us);
/* It is again, and there is no camera: what is not recorded from now on is its fault. */
void worker_gaps_open(struct worker_gaps *g, int64_t now_us);
/* The clock was stepped meanwhile. */
void worker_gaps_step(struct worker_gaps *g, int64_t from_us, int64_t to_us);
/* By how much the wall clock was stepped (2 s at least) ahead of a unit that arrived then, 0: it
 * was not. *wall_boot_us: wall minus boot clock as known, followed where that is slewed, and where
 * the step is taken. A unit that was being received meanwhile still has the time before. */
int64_t worker_gaps_clock_step(
        int64_t *wall_boot_us, int64_t wall_us, int64_t boot_us, int64_t arrival_us, bool take);
/* Recording begins: into c, and forgotten here but for its cause. */
void worker_gaps_tell(struct worker_gaps *g, int64_t now_us, struct segment_writer_connection *c);

#endif
