/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/unit_queue.h"

#include <stdlib.h>

static void unit_queue_count(struct unit_queue *q, uint32_t frames)
{
        q->dropped = frames > UINT32_MAX - q->dropped ? UINT32_MAX : q->dropped + frames;
}

static size_t unit_queue_max(const struct unit_queue *q)
{
        return q->max ? q->max : UNIT_QUEUE_MAX;
}

static void unit_queue_append(struct unit_queue *q, struct unit_queue_item *item)
{
        item->dropped = q->dropped;
        q->dropped = 0;
        if (q->tail)
                q->tail->next = item;
        else
                q->head = item;
        q->tail = item;
        q->bytes += item->unit.data.n;
        q->marks += item->kind != UNIT_QUEUE_UNIT;
}

/* Room again: half of the queue, so that dropping does not begin anew at once. */
static bool unit_queue_goes_on(const struct unit_queue *q, bool main, const struct access_unit *u)
{
        return main && u->key && (q->bytes == 0 || q->bytes + u->data.n <= unit_queue_max(q) / 2);
}

static struct unit_queue_item *unit_queue_copy(
        unsigned track, bool main, const struct access_unit *u)
{
        /* The size comes from a camera: bounded by ACCESS_UNIT_MAX, and no reason to abort. */
        struct unit_queue_item *item = calloc(1, sizeof *item + u->data.n);

        if (!item)
                return NULL;
        memcpy(item + 1, u->data.p, u->data.n);
        item->track = track;
        item->main = main;
        item->unit = *u;
        item->unit.data = BYTES(item + 1, u->data.n);
        item->unit.new_config = NULL;
        if (u->new_config) {
                struct media_config *config = xcalloc(1, sizeof *config);
                *config = *u->new_config;
                item->more = config;
                item->unit.new_config = config;
        }
        return item;
}

bool unit_queue_push_unit(
        struct unit_queue *q, unsigned track, bool main, const struct access_unit *u)
{
        struct unit_queue_item *item = NULL;

        if (q->dropping && unit_queue_goes_on(q, main, u))
                q->dropping = false;
        if (!q->dropping && q->bytes + u->data.n <= unit_queue_max(q))
                item = unit_queue_copy(track, main, u);
        else if (!q->dropping && q->bytes == 0)
                item = unit_queue_copy(track, main, u); /* one frame larger than the queue */
        if (!item) {
                q->dropping = true;
                unit_queue_count(q, main);
                return false;
        }
        unit_queue_append(q, item);
        return true;
}

void unit_queue_push_mark(struct unit_queue *q, enum unit_queue_kind kind, void *more)
{
        struct unit_queue_item *item = xcalloc(1, sizeof *item);

        item->kind = kind;
        item->more = more;
        q->dropping = false;
        unit_queue_append(q, item);
}

static struct unit_queue_item *unit_queue_take(struct unit_queue *q)
{
        struct unit_queue_item *item = q->head;

        q->head = item->next;
        if (!q->head)
                q->tail = NULL;
        q->bytes -= item->unit.data.n;
        q->marks -= item->kind != UNIT_QUEUE_UNIT;
        item->next = NULL;
        return item;
}

void unit_queue_pop(struct unit_queue *q)
{
        struct unit_queue_item *item = unit_queue_take(q);

        free(item->more);
        free(item);
}

void unit_queue_drop(struct unit_queue *q)
{
        bool stop = unit_queue_stopping(q);

        while (q->head) {
                unit_queue_count(q, q->head->dropped);
                unit_queue_count(q, q->head->main);
                unit_queue_pop(q);
        }
        if (stop)
                unit_queue_push_mark(q, UNIT_QUEUE_STOP, NULL);
}

bool unit_queue_stopping(const struct unit_queue *q)
{
        return q->tail && q->tail->kind == UNIT_QUEUE_STOP;
}

void unit_queue_done(struct unit_queue *q)
{
        while (q->head)
                unit_queue_pop(q);
        *q = (struct unit_queue){ 0 };
}
