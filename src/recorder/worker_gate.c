/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/worker_gate.h"

#include "recorder/worker_hold.h"

void worker_gate_init(struct worker_gate *g, struct camera_connection *connection,
        struct unit_budget *budget, size_t max_bytes, const struct worker_gate_events *events,
        void *owner)
{
        *g = (struct worker_gate){
                .events = events, .owner = owner, .connection = connection, .main = -1
        };
        g->queue.budget = budget;
        g->max = max_bytes;
}

void worker_gate_done(struct worker_gate *g)
{
        unit_queue_done(&g->queue);
}

static void gate_empty(struct worker_gate *g)
{
        unit_queue_done(&g->queue);
        g->queue.dropping = true; /* up to a key frame */
        g->draining = false;
}

void worker_gate_begin(struct worker_gate *g)
{
        struct camera_connection *c = g->connection;

        gate_empty(g);
        g->told = g->unasked = 0;
        g->stepped = false;
        g->main = media_config_main_track(c->tracks, c->tracks_n);
        g->picture = g->main >= 0 && media_is_video(c->tracks[g->main].codec);
}

static bool gate_keys(const struct worker_gate *g)
{
        return g->gate == MESSAGE_GATE_KEYS && g->picture;
}

bool worker_gate_records(const struct worker_gate *g)
{
        return g->gate == MESSAGE_GATE_OPEN || gate_keys(g);
}

/* With the parameter sets of units that were left out before it. */
static int gate_pass(
        struct worker_gate *g, unsigned track, const struct access_unit *u, struct err *e)
{
        struct access_unit told = *u;

        if (!told.new_config && g->told >> track & 1)
                told.new_config = &g->connection->tracks[track];
        g->told &= ~(1u << track);
        if ((int)track == g->main) {
                told.clock_stepped |= g->stepped;
                g->stepped = false;
                told.unasked_before = g->unasked;
                g->unasked = 0;
        }
        return g->events->pass(g->owner, track, &told, e);
}

static void gate_leave_out(struct worker_gate *g, unsigned track, const struct access_unit *u)
{
        worker_hold_note_config(g->connection, track, u);
        if (!worker_gate_records(g))
                return; /* the writer will be told of the connection as it is then */
        if (u->new_config)
                g->told |= 1u << track;
        g->stepped |= u->clock_stepped;
        g->unasked += (int)track == g->main && g->unasked < UINT32_MAX;
}

static bool gate_begins_group(const struct unit_queue_item *item, int64_t group_us)
{
        return item->main && item->unit.key &&
               item->unit.arrival_us - group_us >= WORKER_GATE_GROUP_US;
}

/* Others needed the memory of what stood before this. */
static void gate_note_dropped(struct worker_gate *g, uint32_t n)
{
        if (n && worker_gate_records(g))
                g->events->dropped(g->owner, n);
        g->shortened |= n > 0;
}

/* The oldest group: of KEYS its key frame is recorded. The writer's word on it comes too late for
 * the camera; if the camera goes on like that, a later one stops it. */
static void gate_let_go(struct worker_gate *g)
{
        int64_t group_us = g->queue.head->unit.arrival_us;
        bool first = true;

        do {
                /* Taken first: what the writer does with it may take the oldest of this queue. */
                struct unit_queue_item *item = unit_queue_take(&g->queue);
                gate_note_dropped(g, item->dropped);
                if (first && gate_keys(g))
                        (void)gate_pass(g, item->track, &item->unit, NULL);
                else
                        gate_leave_out(g, item->track, &item->unit);
                unit_queue_free(item);
                first = false;
        } while (g->queue.head && !gate_begins_group(g->queue.head, group_us));
}

/* Arrival of the second group's key frame; INT64_MAX: there is none. */
static int64_t gate_second_us(const struct worker_gate *g)
{
        const struct unit_queue_item *item = g->queue.head;
        int64_t group_us = item->unit.arrival_us;

        do {
                item = item->next;
        } while (item && !gate_begins_group(item, group_us));
        return item ? item->unit.arrival_us : INT64_MAX;
}

static void gate_make_room(struct worker_gate *g, size_t n)
{
        while (g->queue.head && g->queue.bytes + n > g->max) {
                g->shortened = true;
                gate_let_go(g);
                g->queue.dropping |= !g->queue.head; /* the rest of that group goes too */
        }
}

/* What is older than need be. */
static void gate_age(struct worker_gate *g, int64_t now_us, bool key)
{
        int64_t since_us = now_us - (int64_t)g->keep_ms * 1000;

        while (key && g->queue.head && gate_second_us(g) <= since_us)
                gate_let_go(g);
        while (g->queue.head && g->queue.head->unit.arrival_us < since_us - WORKER_GATE_LATE_US) {
                gate_let_go(g);
                g->queue.dropping |= !g->queue.head;
        }
}

static void gate_keep(struct worker_gate *g, unsigned track, const struct access_unit *u)
{
        bool main = (int)track == g->main;

        gate_age(g, u->arrival_us, main && u->key);
        gate_make_room(g, u->data.n);
        if (!unit_queue_push_unit(&g->queue, track, main, u))
                gate_leave_out(g, track, u);
}

/* Nothing is to be kept: a key frame goes on at once, or nothing does. */
static int gate_pick(
        struct worker_gate *g, unsigned track, const struct access_unit *u, struct err *e)
{
        int64_t since_us = u->arrival_us - g->group_us;
        bool early = since_us >= 0 && since_us < WORKER_GATE_GROUP_US;

        if (!gate_keys(g) || (int)track != g->main || !u->key || early) {
                gate_leave_out(g, track, u);
                return 0;
        }
        g->group_us = u->arrival_us;
        return gate_pass(g, track, u, e);
}

int worker_gate_unit(
        struct worker_gate *g, unsigned track, const struct access_unit *u, struct err *e)
{
        if (g->gate != MESSAGE_GATE_OPEN && g->keep_ms == 0 && !g->queue.head)
                return gate_pick(g, track, u, e);
        if (g->gate != MESSAGE_GATE_OPEN) {
                gate_keep(g, track, u);
                return 0;
        }
        worker_gate_drain(g);
        /* Where what waits has become too much, the writer decides what is dropped. */
        if (g->draining && g->queue.bytes + u->data.n > g->max)
                worker_gate_flush(g);
        if (g->draining && unit_queue_push_unit(&g->queue, track, (int)track == g->main, u))
                return 0;
        worker_gate_flush(g);
        if (g->unasked && (int)track == g->main && !u->key) {
                gate_leave_out(g, track, u); /* what it refers to was left out */
                return 0;
        }
        return gate_pass(g, track, u, e);
}

/* One that cannot be stored ends what was kept: if the camera goes on like that, the next one stops
 * it. */
static void gate_pass_first(struct worker_gate *g)
{
        struct unit_queue_item *item = unit_queue_take(&g->queue);

        g->passing = true;
        gate_note_dropped(g, item->dropped);
        int r = gate_pass(g, item->track, &item->unit, NULL);
        g->passing = false;
        unit_queue_free(item);
        if (r < 0)
                gate_empty(g);
}

static void gate_drained(struct worker_gate *g)
{
        g->draining = g->draining && g->queue.head;
        if (g->gate != MESSAGE_GATE_OPEN || g->draining)
                return;
        gate_note_dropped(g, g->queue.dropped); /* to the last */
        g->queue.dropped = 0;
        g->queue.dropping = false;
}

void worker_gate_drain(struct worker_gate *g)
{
        if (g->passing || !g->draining)
                return;
        while (g->queue.head && !g->events->busy(g->owner))
                gate_pass_first(g);
        gate_drained(g);
}

void worker_gate_flush(struct worker_gate *g)
{
        while (g->queue.head && g->gate == MESSAGE_GATE_OPEN)
                gate_pass_first(g);
        while (g->queue.head)
                gate_let_go(g);
        g->queue.dropping = g->gate != MESSAGE_GATE_OPEN;
        gate_drained(g);
}

void worker_gate_set(struct worker_gate *g, enum message_gate gate, uint32_t keep_ms)
{
        bool was_open = g->gate == MESSAGE_GATE_OPEN, waited = !worker_gate_records(g);

        if (was_open && gate != MESSAGE_GATE_OPEN) {
                worker_gate_flush(g);
                g->queue.dropping = true;
        }
        if (waited)
                g->told = g->unasked = 0;
        g->gate = gate;
        g->keep_ms = keep_ms;
        if (was_open || gate != MESSAGE_GATE_OPEN)
                return;
        /* What was dropped of what was only kept was not to be recorded yet. */
        if (waited) {
                g->shortened |= g->queue.head && g->queue.head->dropped;
                g->queue.dropped = 0;
        }
        if (waited && g->queue.head)
                g->queue.head->dropped = 0;
        g->draining = g->queue.head != NULL;
        gate_drained(g);
}
