/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hub/hub_thing.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/own.h"
#include "base/pack.h"

#define HUB_THING_LENGTH_BYTES 4
/* A thing in as many full messages as its largest takes, and their lengths. */
#define HUB_THING_MESSAGES_MAX (MEDIA_MESSAGE_THING_MAX / MEDIA_MESSAGE_PART_MAX + 1)
#define HUB_THING_BYTES_MAX (HUB_THING_MESSAGES_MAX * (MEDIA_MESSAGE_MAX + HUB_THING_LENGTH_BYTES))

struct hub_thing *hub_thing_ref(struct hub_thing *t)
{
        t->refs++;
        return t;
}

struct hub_thing *hub_thing_unref(struct hub_thing *t)
{
        if (t && --t->refs == 0) {
                buf_done(&t->bytes);
                free(t);
        }
        return NULL;
}

struct bytes hub_thing_message(const struct hub_thing *t, size_t *at)
{
        struct unpack u = unpack_of(bytes_sub(buf_bytes(&t->bytes), *at, SIZE_MAX));
        struct bytes message = unpack_field32(&u, MEDIA_MESSAGE_MAX);

        *at += u.bad ? 0 : HUB_THING_LENGTH_BYTES + message.n;
        return message;
}

void hub_gather_done(struct hub_gather *g)
{
        g->open = hub_thing_unref(g->open);
}

static struct hub_thing *thing_new(const struct media_message *m)
{
        struct hub_thing *t = xcalloc(1, sizeof *t);

        t->refs = 1;
        t->kind = m->kind;
        t->flags = m->flags;
        t->time_us = m->time_us;
        buf_init(&t->bytes, HUB_THING_BYTES_MAX);
        return t;
}

static int gather_add(
        struct hub_gather *g, const struct media_message *m, struct bytes message, struct err *e)
{
        struct hub_thing *t = g->open;
        struct pack p = pack_to(&t->bytes);

        if (t->messages_n && (m->kind != t->kind || m->number != g->number + 1))
                return err_set(e, ERR_PROTOCOL,
                        "media message %" PRIu64 " (kind %u) does not go on with %" PRIu64
                        " (kind %u)",
                        m->number, m->kind, g->number, t->kind);
        pack_field32(&p, message);
        if (p.bad || t->messages_n == HUB_THING_MESSAGES_MAX)
                return err_set(e, ERR_EXHAUSTED, "media: something of more than %zu bytes",
                        MEDIA_MESSAGE_THING_MAX);
        t->messages_n++;
        t->cost += message.n;
        g->number = m->number;
        return 0;
}

int hub_gather_push(
        struct hub_gather *g, struct bytes message, struct hub_thing **ret, struct err *e)
{
        struct media_message m;
        struct bytes sealed;

        int r = media_message_parse(message, &m, &sealed, e);
        if (r == 0 && !g->open)
                g->open = thing_new(&m);
        if (r == 0)
                r = gather_add(g, &m, message, e);
        if (r < 0) {
                hub_gather_done(g);
                return r;
        }
        if (m.flags & MEDIA_MESSAGE_MORE)
                return 0;
        *ret = TAKE(g->open);
        return 1;
}
