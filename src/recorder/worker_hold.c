/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/worker_hold.h"

void worker_hold_done(struct worker_hold *h)
{
        unit_queue_done(&h->queue);
}

void worker_hold_reset(struct worker_hold *h)
{
        unit_queue_done(&h->queue);
        h->queue.dropping = true;
        h->more_us = 0;
}

void worker_hold_note_config(
        struct camera_connection *c, unsigned track, const struct access_unit *unit)
{
        if (unit->new_config && track < c->tracks_n)
                c->tracks[track] = *unit->new_config;
}

static void worker_hold_pop(struct worker_hold *h, struct camera_connection *c)
{
        worker_hold_note_config(c, h->queue.head->track, &h->queue.head->unit);
        unit_queue_pop(&h->queue);
}

static void worker_hold_pop_group(struct worker_hold *h, struct camera_connection *c)
{
        do
                worker_hold_pop(h, c);
        while (h->queue.head && !(h->queue.head->main && h->queue.head->unit.key));
}

void worker_hold_unit(struct worker_hold *h, struct camera_connection *c, unsigned track,
        const struct access_unit *unit)
{
        /* As the writer has it. */
        bool main = media_config_main_track(c->tracks, c->tracks_n) == (int)track;
        int64_t since_us = unit->arrival_us - WORKER_HOLD_US - h->more_us;

        while (main && unit->key && h->queue.head && h->queue.head->unit.arrival_us < since_us)
                worker_hold_pop_group(h, c);
        if (!unit_queue_push_unit(&h->queue, track, main, unit))
                worker_hold_note_config(c, track, unit);
}

void worker_hold_take_back(struct worker_hold *h, struct segment_writer *w, int64_t patience_us)
{
        worker_hold_reset(h);
        segment_writer_take_back(w, &h->queue);
        h->more_us = h->queue.head ? patience_us : 0;
}

void worker_hold_release(
        struct worker_hold *h, struct camera_connection *c, struct segment_writer *w)
{
        while (h->queue.head) {
                /* Taken out before: making room for its copy must not drop it. */
                struct unit_queue_item *item = unit_queue_take(&h->queue);
                /* A unit of a form that cannot be stored: if the camera goes on like that, the next
                 * one stops it. */
                if (segment_writer_push(w, item->track, &item->unit, NULL) < 0)
                        worker_hold_reset(h);
                else
                        worker_hold_note_config(c, item->track, &item->unit);
                unit_queue_free(item);
        }
        worker_hold_reset(h);
}
