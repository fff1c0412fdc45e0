/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What waits for a segment writer while it cannot go on: copies of access units, and the beginnings
 * and ends of connections between them, in order.
 *
 * Bounded by a budget that the queues of a process share. Where it is short, the queue that holds
 * most drops its oldest group of pictures, whoever asks for room: no stream that holds less than
 * its fair share pays for another. The oldest, because what is left then joins what comes: one gap,
 * next to where recording stopped. Where even the group that is just coming has to go, the rest of
 * it goes too, up to the next key frame.
 */
#ifndef CUSTOS_VAULT_UNIT_QUEUE_H
#define CUSTOS_VAULT_UNIT_QUEUE_H

#include "media/access_unit.h"
#include "seal/seal.h"

#define UNIT_QUEUE_MAX (8u << 20) /* of a queue without a budget */
#define UNIT_QUEUE_MARKS_MAX 8
#define UNIT_QUEUE_TRACKS_MAX 8

struct unit_queue;

/* Zeroed but for max (bytes, with what it takes to keep a unit). */
struct unit_budget {
        size_t max, used;
        struct unit_queue *holders; /* queues with something in them */
};

enum unit_queue_kind { UNIT_QUEUE_UNIT, UNIT_QUEUE_BEGIN, UNIT_QUEUE_END, UNIT_QUEUE_STOP };

struct unit_queue_item {
        struct unit_queue_item *next;
        enum unit_queue_kind kind;
        uint32_t dropped; /* video frames dropped before this item */
        uint8_t cause;    /* why, an enum seal_gap_cause */
        unsigned track;
        bool main;
        struct access_unit unit; /* its data lies behind this struct */
        void *more;              /* owned: a unit's new_config, or a beginning's connection */
};

struct unit_queue {
        struct unit_budget *budget; /* borrowed; NULL: UNIT_QUEUE_MAX. Stays over unit_queue_done */
        struct unit_queue *next, *before; /* holders */
        struct unit_queue_item *head, *tail;
        size_t bytes;
        unsigned marks;
        bool dropping; /* up to the next key frame of the main track */
        struct media_config *configs[UNIT_QUEUE_TRACKS_MAX]; /* of units that were dropped: the next
                                                                one of the track says it */
        uint32_t dropped;                                    /* not yet noted in an item */
        uint8_t cause; /* why something is dropped now: the owner's to set; 0: overload */
        uint8_t dropped_cause;
        uint64_t overload_frames; /* of the main track, dropped with that cause; never reset */
};

/* A queue with a budget stays where it is in memory while it holds something. */
void unit_queue_done(struct unit_queue *q);
/* False when the unit was dropped. main: it is of the main track. */
bool unit_queue_push_unit(
        struct unit_queue *q, unsigned track, bool main, const struct access_unit *u);
/* more is taken. */
void unit_queue_push_mark(struct unit_queue *q, enum unit_queue_kind kind, void *more);
/* Takes the first item away; unit_queue_free it. */
struct unit_queue_item *unit_queue_take(struct unit_queue *q);
void unit_queue_free(struct unit_queue_item *item);
/* The first item of `from` goes to the end of `to`, which has the same budget. */
void unit_queue_move(struct unit_queue *to, struct unit_queue *from);
/* unit_queue_take and unit_queue_free. */
void unit_queue_pop(struct unit_queue *q);
/* n frames were dropped that did not come to the queue. */
void unit_queue_note_dropped(struct unit_queue *q, uint32_t n);
/* Drops all units, and all marks but a stop; the frames go to the next item's count. */
void unit_queue_drop(struct unit_queue *q);
bool unit_queue_stopping(const struct unit_queue *q);

#endif
