/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hub/hub_reader.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/own.h"

/* A thing that is on its way. */
struct hub_reader_item {
        struct hub_reader_item *next;
        struct hub_thing *thing; /* counted */
        bool skipped;            /* something was left out before it */
};

int hub_reader_init(struct hub_reader *r, uint32_t subscription, uint64_t window, struct err *e)
{
        if (window < HUB_READER_WINDOW_MIN || window > HUB_READER_WINDOW_MAX)
                return err_set(e, ERR_INVALID,
                        "a credit of %" PRIu64 " bytes, %u to %u are possible", window,
                        HUB_READER_WINDOW_MIN, HUB_READER_WINDOW_MAX);
        *r = (struct hub_reader){
                .subscription = subscription, .window = window, .credit = window, .waiting = true
        };
        r->tail = &r->head;
        return 0;
}

static void reader_drop_first(struct hub_reader *r)
{
        struct hub_reader_item *item = r->head;

        r->head = item->next;
        if (!r->head)
                r->tail = &r->head;
        r->at = 0;
        hub_thing_unref(item->thing);
        free(item);
}

void hub_reader_done(struct hub_reader *r)
{
        while (r->head)
                reader_drop_first(r);
        r->header = hub_thing_unref(r->header);
}

/* On its way: paid for. */
static void reader_send(struct hub_reader *r, struct hub_thing *t, bool skipped)
{
        struct hub_reader_item *item = xcalloc(1, sizeof *item);

        item->thing = hub_thing_ref(t);
        item->skipped = skipped;
        *r->tail = item;
        r->tail = &item->next;
        r->credit -= t->cost;
        r->begun = true;
}

static void reader_leave_out(struct hub_reader *r)
{
        r->waiting = true;
        r->skipped |= r->begun; /* before its first frame nothing was its own */
        r->left_out++;
}

void hub_reader_push(struct hub_reader *r, struct hub_thing *t)
{
        bool key = t->flags & MEDIA_MESSAGE_KEY;

        if (t->kind == MEDIA_MESSAGE_HEADER) { /* goes with the key frame behind it */
                if (t->cost > HUB_READER_HEADER_MAX)
                        return;
                hub_thing_unref(r->header);
                r->header = hub_thing_ref(t);
                r->waiting = true;
                return;
        }
        if (!r->begun && !r->header)
                return; /* came before its header: the sender makes one for whoever begins */
        size_t cost = t->cost + (r->header ? r->header->cost : 0);
        if ((r->waiting && !key) || cost > r->credit) {
                reader_leave_out(r);
                return;
        }
        if (r->header)
                reader_send(r, r->header, false);
        r->header = hub_thing_unref(r->header);
        r->waiting = false;
        reader_send(r, t, r->skipped);
        r->skipped = false;
}

int hub_reader_credit(struct hub_reader *r, uint64_t bytes, struct err *e)
{
        if (bytes > r->window - r->credit)
                return err_set(e, ERR_INVALID,
                        "credit of %" PRIu64 " bytes, where %" PRIu64 " are on their way", bytes,
                        r->window - r->credit);
        r->credit += bytes;
        return 0;
}

bool hub_reader_empty(const struct hub_reader *r)
{
        return r->head == NULL;
}

const struct hub_thing *hub_reader_next(const struct hub_reader *r)
{
        return r->head && r->at == 0 ? r->head->thing : NULL;
}

bool hub_reader_pop(struct hub_reader *r, struct buf *out)
{
        uint8_t head[MEDIA_MESSAGE_HEADER_BYTES];
        struct media_message m;
        struct bytes sealed;

        if (!r->head || out->max - out->n < MEDIA_MESSAGE_MAX)
                return false;
        struct bytes message = hub_thing_message(r->head->thing, &r->at);
        /* Was checked when it was gathered. */
        if (media_message_parse(message, &m, &sealed, NULL) < 0)
                abort();
        m.subscription = r->subscription;
        if (r->head->skipped)
                m.flags |= MEDIA_MESSAGE_SKIPPED;
        media_message_format(&m, head);
        if (buf_append(out, BYTES(head, sizeof head), NULL) < 0 ||
                buf_append(out, sealed, NULL) < 0)
                abort(); /* room was looked for */
        if (!(m.flags & MEDIA_MESSAGE_MORE))
                reader_drop_first(r);
        return true;
}
