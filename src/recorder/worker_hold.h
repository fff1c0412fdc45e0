/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a camera sends while there is nobody to seal it. Nothing may be stored then, but the sealer
 * is soon there again: so that a key frame that comes meanwhile is not missed, which would cost
 * another group of pictures, the newest groups wait here, in memory, bounded in time and bytes.
 * Also keeps a connection's parameter sets as they were at the first unit that is held, for the
 * beginning of the next writer.
 */
#ifndef CUSTOS_RECORDER_WORKER_HOLD_H
#define CUSTOS_RECORDER_WORKER_HOLD_H

#include "ingest/camera.h"
#include "vault/segment_writer.h"
#include "vault/unit_queue.h"

#define WORKER_HOLD_US INT64_C(2000000) /* of media; whole groups beyond it go */

struct worker_hold {
        struct unit_queue queue;
        int64_t more_us; /* than WORKER_HOLD_US, for what a writer handed back */
};

/* Empty, and waiting for a key frame: at the beginning, and with each connection. */
void worker_hold_reset(struct worker_hold *h);
void worker_hold_done(struct worker_hold *h);
/* A unit that nobody can take; copied, or dropped. */
void worker_hold_unit(struct worker_hold *h, struct camera_connection *c, unsigned track,
        const struct access_unit *unit);
/* What a writer hands back that left its disk is held too. patience_us: of its write, in which this
 * came. */
void worker_hold_take_back(struct worker_hold *h, struct segment_writer *w, int64_t patience_us);
/* Hands over what is held, after segment_writer_begin; empty afterwards. */
void worker_hold_release(
        struct worker_hold *h, struct camera_connection *c, struct segment_writer *w);
/* A unit on its way to a writer: what the next writer is to begin with, once the parameter sets
 * have changed. */
void worker_hold_note_config(
        struct camera_connection *c, unsigned track, const struct access_unit *unit);

#endif
