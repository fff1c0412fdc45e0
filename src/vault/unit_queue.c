/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/unit_queue.h"

#include <stdlib.h>

static uint32_t unit_queue_sum(uint32_t a, uint32_t b)
{
        return b > UINT32_MAX - a ? UINT32_MAX : a + b;
}

static uint8_t unit_queue_cause(const struct unit_queue *q)
{
        return q->cause ? q->cause : SEAL_GAP_OVERLOAD;
}

static void unit_queue_count(struct unit_queue *q, uint32_t frames)
{
        if (unit_queue_cause(q) == SEAL_GAP_OVERLOAD)
                q->overload_frames += frames;
}

static void unit_queue_carry(struct unit_queue *q, uint32_t frames, uint8_t cause)
{
        if (frames == 0)
                return;
        q->dropped = unit_queue_sum(q->dropped, frames);
        q->dropped_cause = cause;
}

void unit_queue_note_dropped(struct unit_queue *q, uint32_t n)
{
        unit_queue_carry(q, n, unit_queue_cause(q));
        unit_queue_count(q, n);
}

/* What an item costs. Small units count with what lies around them: a camera chooses their size. */
static size_t unit_queue_cost(const struct unit_queue_item *item)
{
        return sizeof *item + item->unit.data.n;
}

/* --- the budget --- */

static void unit_queue_charge(struct unit_queue *q, size_t n)
{
        struct unit_budget *b = q->budget;

        if (b && q->bytes == 0) {
                q->next = b->holders;
                q->before = NULL;
                if (q->next)
                        q->next->before = q;
                b->holders = q;
        }
        q->bytes += n;
        if (b)
                b->used += n;
}

static void unit_queue_discharge(struct unit_queue *q, size_t n)
{
        struct unit_budget *b = q->budget;

        q->bytes -= n;
        if (!b)
                return;
        b->used -= n;
        if (q->bytes)
                return;
        if (q->next)
                q->next->before = q->before;
        if (q->before)
                q->before->next = q->next;
        else
                b->holders = q->next;
        q->next = q->before = NULL;
}

/* The queue that would hold most if q got n more. */
static struct unit_queue *unit_queue_largest(struct unit_queue *q, size_t n)
{
        struct unit_queue *most = q;

        for (struct unit_queue *i = q->budget->holders; i; i = i->next) {
                if (i->bytes > (most == q ? q->bytes + n : most->bytes))
                        most = i;
        }
        return most;
}

static void unit_queue_unlink(struct unit_queue *q, struct unit_queue_item *before)
{
        struct unit_queue_item *item = before ? before->next : q->head;

        if (before)
                before->next = item->next;
        else
                q->head = item->next;
        if (q->tail == item)
                q->tail = before;
        unit_queue_discharge(q, unit_queue_cost(item));
        q->marks -= item->kind != UNIT_QUEUE_UNIT;
        item->next = NULL;
}

/* --- parameter sets of units that are dropped --- */

static void unit_queue_forget_configs(struct unit_queue *q)
{
        for (unsigned i = 0; i < UNIT_QUEUE_TRACKS_MAX; i++) {
                free(q->configs[i]);
                q->configs[i] = NULL;
        }
}

static void unit_queue_keep_config(
        struct unit_queue *q, unsigned track, struct media_config *config_taken)
{
        if (track >= UNIT_QUEUE_TRACKS_MAX) {
                free(config_taken);
                return;
        }
        free(q->configs[track]);
        q->configs[track] = config_taken;
}

static void unit_queue_give_config(struct unit_queue *q, struct unit_queue_item *item)
{
        if (item->track >= UNIT_QUEUE_TRACKS_MAX || !q->configs[item->track])
                return;
        struct media_config *config = TAKE(q->configs[item->track]);
        if (item->more) { /* a newer one */
                free(config);
                return;
        }
        item->more = config;
        item->unit.new_config = config;
}

/* To the first units of their tracks that are left, of the same connection. */
static void unit_queue_give_configs(struct unit_queue *q, struct unit_queue_item *item)
{
        for (; item && item->kind == UNIT_QUEUE_UNIT; item = item->next)
                unit_queue_give_config(q, item);
        if (item)
                unit_queue_forget_configs(q); /* another connection follows */
}

/* Drops what is there of the oldest group of pictures; false when there is no unit. */
static bool unit_queue_drop_oldest(struct unit_queue *q)
{
        struct unit_queue_item *before = NULL, *item = q->head;
        uint32_t frames = 0, noted = 0;
        uint8_t cause = unit_queue_cause(q);

        while (item && item->kind != UNIT_QUEUE_UNIT) {
                before = item;
                item = item->next;
        }
        if (!item)
                return false;
        do {
                unit_queue_unlink(q, before);
                frames += item->main;
                noted = unit_queue_sum(noted, item->dropped);
                if (item->more)
                        unit_queue_keep_config(q, item->track, TAKE(item->more));
                unit_queue_free(item);
                item = before ? before->next : q->head;
        } while (item && item->kind == UNIT_QUEUE_UNIT && !(item->main && item->unit.key));
        unit_queue_count(q, frames);
        noted = unit_queue_sum(noted, frames);
        unit_queue_give_configs(q, item);
        if (item) {
                item->dropped = unit_queue_sum(item->dropped, noted);
                item->cause = cause;
        } else {
                q->dropping = true; /* its end is still to come */
                unit_queue_carry(q, noted, cause);
        }
        return true;
}

/* False: not without dropping the very group that the unit belongs to. begins: it has none yet. */
static bool unit_queue_make_room(struct unit_queue *q, size_t n, bool begins)
{
        struct unit_budget *b = q->budget;

        if (!b && q->bytes == 0)
                return true; /* one frame larger than the queue */
        while (b ? b->used + n > b->max : q->bytes + n > UNIT_QUEUE_MAX) {
                struct unit_queue *most = b ? unit_queue_largest(q, n) : q;

                if (!unit_queue_drop_oldest(most))
                        return false;
                if (q->dropping && !begins)
                        return false;
                if (most == q && begins)
                        q->dropping = false; /* what went was whole */
        }
        return true;
}

/* --- items --- */

static void unit_queue_append(struct unit_queue *q, struct unit_queue_item *item)
{
        item->dropped = q->dropped;
        item->cause = q->dropped_cause;
        q->dropped = 0;
        if (q->tail)
                q->tail->next = item;
        else
                q->head = item;
        q->tail = item;
        unit_queue_charge(q, unit_queue_cost(item));
        q->marks += item->kind != UNIT_QUEUE_UNIT;
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
        bool begins = main && u->key;

        if (begins)
                q->dropping = false;
        if (!q->dropping && unit_queue_make_room(q, sizeof *item + u->data.n, begins))
                item = unit_queue_copy(track, main, u);
        if (!item) {
                q->dropping = true;
                unit_queue_note_dropped(q, main);
                if (u->new_config) {
                        struct media_config *config = xcalloc(1, sizeof *config);
                        *config = *u->new_config;
                        unit_queue_keep_config(q, track, config);
                }
                return false;
        }
        unit_queue_give_config(q, item);
        unit_queue_append(q, item);
        return true;
}

void unit_queue_push_mark(struct unit_queue *q, enum unit_queue_kind kind, void *more)
{
        struct unit_queue_item *item = xcalloc(1, sizeof *item);

        item->kind = kind;
        item->more = more;
        q->dropping = false;
        unit_queue_forget_configs(q);
        unit_queue_append(q, item);
}

struct unit_queue_item *unit_queue_take(struct unit_queue *q)
{
        struct unit_queue_item *item = q->head;

        unit_queue_unlink(q, NULL);
        return item;
}

void unit_queue_move(struct unit_queue *to, struct unit_queue *from)
{
        unit_queue_append(to, unit_queue_take(from));
}

void unit_queue_free(struct unit_queue_item *item)
{
        free(item->more);
        free(item);
}

void unit_queue_pop(struct unit_queue *q)
{
        unit_queue_free(unit_queue_take(q));
}

void unit_queue_drop(struct unit_queue *q)
{
        bool stop = unit_queue_stopping(q);

        while (q->head) {
                unit_queue_carry(q, q->head->dropped, q->head->cause);
                unit_queue_note_dropped(q, q->head->main);
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
        unit_queue_forget_configs(q);
        *q = (struct unit_queue){
                .budget = q->budget, .cause = q->cause, .overload_frames = q->overload_frames
        };
}
