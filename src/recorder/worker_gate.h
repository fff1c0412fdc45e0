/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Between a camera and its segment writer: what is recorded of its frames (enum message_gate, as
 * the parent says), and what is kept in memory for the moment when more is.
 *
 *     OPEN  all go on.
 *     WAIT  none do; the last keep_ms of all tracks are kept, as whole groups of pictures.
 *     KEYS  key frames of the picture do, at most one a second, each when its group leaves memory:
 *           so what is kept can still be recorded whole, and no frame is recorded twice. Where the
 *           main track is sound, as WAIT.
 *
 * When it opens, what was kept goes first, as fast as the writer takes it, and new frames behind
 * it.
 *
 * Memory is bounded by bytes, by what all streams share, and by age: the oldest groups go first. No
 * clock: frames carry their arrival.
 */
#ifndef CUSTOS_RECORDER_WORKER_GATE_H
#define CUSTOS_RECORDER_WORKER_GATE_H

#include "recorder/message.h"
#include "vault/gap_list.h"
#include "vault/unit_queue.h"

#define WORKER_GATE_GROUP_US INT64_C(900000) /* key frames closer together are one group's */
/* A group goes when it is this much older than what is to be kept, though none is behind it: the
 * sealer takes nothing that is older than two minutes. */
#define WORKER_GATE_LATE_US INT64_C(30000000)
/* Of what is kept for one stream: a minute at 8 Mbit/s. */
#define WORKER_GATE_KEEP_MAX (64u << 20)

struct worker_gate_events {
        /* To be recorded; the owner notes new parameter sets. */
        int (*pass)(void *owner, unsigned track, const struct access_unit *u, struct err *e);
        /* n frames of the main track that were to be recorded had to be dropped from memory. */
        void (*dropped)(void *owner, uint32_t n);
        /* The writer has as much as it can work on. */
        bool (*busy)(void *owner);
};

struct worker_gate {
        const struct worker_gate_events *events;
        void *owner;
        struct camera_connection *connection; /* borrowed: parameter sets as at the first unit that
                                                 is kept, or the next that comes */
        enum message_gate gate;
        uint32_t keep_ms;
        struct unit_queue queue;
        size_t max;    /* of its bytes */
        bool draining; /* open, and what was kept is not all gone on yet */
        bool passing;
        unsigned told;    /* tracks (1 << n) whose new parameter sets the writer has not seen */
        uint32_t unasked; /* frames of the main track left out since the last one that went on */
        bool stepped;     /* the clock was, ahead of one of those */
        int main;         /* track, or -1 */
        bool picture;     /* the main track is video */
        int64_t group_us; /* arrival of the newest key frame that counts */
        bool shortened;   /* there was no memory for all that was to be kept: said once */
};

/* max_bytes: of memory for what is kept; budget: what it shares with others, who may take the
 * oldest of it away (may be NULL). connection is the owner's, filled before worker_gate_begin. */
void worker_gate_init(struct worker_gate *g, struct camera_connection *connection,
        struct unit_budget *budget, size_t max_bytes, const struct worker_gate_events *events,
        void *owner);
void worker_gate_done(struct worker_gate *g);
/* A connection begins: nothing is kept, and a key frame is awaited. */
void worker_gate_begin(struct worker_gate *g);
/* Something is recorded of this connection, so that the writer needs to know of it. */
bool worker_gate_records(const struct worker_gate *g);
/* The next frame; an error is that of pass. */
int worker_gate_unit(
        struct worker_gate *g, unsigned track, const struct access_unit *u, struct err *e) MUST_USE;
/* From now on. What is kept stays; where the gate was open and not all had gone on yet, that goes
 * now, before the writer is told of an end. Where worker_gate_records is true now and was not, the
 * writer is to be told of the connection next; then worker_gate_drain. */
void worker_gate_set(struct worker_gate *g, enum message_gate gate, uint32_t keep_ms);
/* Hands on what the writer takes now. */
void worker_gate_drain(struct worker_gate *g);
/* What is kept goes now, before an end: all of it where the gate is open, the key frames of KEYS,
 * nothing of WAIT. Empty afterwards, and a key frame is awaited where the gate is not open. */
void worker_gate_flush(struct worker_gate *g);

#endif
