/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What waits for a segment writer while it cannot go on: copies of access units, and the beginnings
 * and ends of connections between them, in order. Bounded: what exceeds UNIT_QUEUE_MAX is dropped
 * up to the next key frame for which there is room again, and counted.
 */
#ifndef CUSTOS_VAULT_UNIT_QUEUE_H
#define CUSTOS_VAULT_UNIT_QUEUE_H

#include "media/access_unit.h"

#define UNIT_QUEUE_MAX (8u << 20)
#define UNIT_QUEUE_MARKS_MAX 8

enum unit_queue_kind { UNIT_QUEUE_UNIT, UNIT_QUEUE_BEGIN, UNIT_QUEUE_END, UNIT_QUEUE_STOP };

struct unit_queue_item {
        struct unit_queue_item *next;
        enum unit_queue_kind kind;
        uint32_t dropped; /* video frames dropped before this item */
        unsigned track;
        bool main;
        struct access_unit unit; /* its data lies behind this struct */
        void *more;              /* owned: a unit's new_config, or a beginning's connection */
};

struct unit_queue {
        struct unit_queue_item *head, *tail;
        size_t bytes;
        size_t max; /* of bytes; 0: UNIT_QUEUE_MAX */
        unsigned marks;
        bool dropping;
        uint32_t dropped; /* not yet noted in an item */
};

void unit_queue_done(struct unit_queue *q);
/* False when the unit was dropped. main: it is of the main track. */
bool unit_queue_push_unit(
        struct unit_queue *q, unsigned track, bool main, const struct access_unit *u);
/* more is taken. */
void unit_queue_push_mark(struct unit_queue *q, enum unit_queue_kind kind, void *more);
/* Takes the first item away and frees it. */
void unit_queue_pop(struct unit_queue *q);
/* Drops all units, and all marks but a stop; the frames go to the next item's count. */
void unit_queue_drop(struct unit_queue *q);
bool unit_queue_stopping(const struct unit_queue *q);

#endif
