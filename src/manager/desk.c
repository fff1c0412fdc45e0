/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "manager/desk.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"

struct desk {
        struct desk_asked {
                uint64_t tag; /* 0: free */
                struct chan *from;
                int64_t id;
                struct desk_who who;
        } asked[DESK_ASKED_MAX];
        uint64_t last_tag;
        char by[DESK_BY_ROOM];
};

struct desk *desk_new(void)
{
        return xcalloc(1, sizeof(struct desk));
}

struct desk *desk_free(struct desk *d)
{
        free(d);
        return NULL;
}

static struct desk_asked *desk_of(struct desk *d, uint64_t tag)
{
        for (unsigned i = 0; tag && i < DESK_ASKED_MAX; i++) {
                if (d->asked[i].tag == tag)
                        return &d->asked[i];
        }
        return NULL;
}

uint64_t desk_ask(struct desk *d, struct chan *from, int64_t id, const struct desk_who *who)
{
        struct desk_asked *place = NULL;
        unsigned open = 0;

        for (unsigned i = 0; i < DESK_ASKED_MAX; i++) {
                struct desk_asked *a = &d->asked[i];
                if (a->tag)
                        open += a->from == from;
                else if (!place)
                        place = a;
        }
        if (!place || open >= DESK_ASKED_OF_ONE)
                return 0;
        *place = (struct desk_asked){ .tag = ++d->last_tag, .from = from, .id = id, .who = *who };
        return place->tag;
}

void desk_forget(struct desk *d, const struct chan *from)
{
        for (unsigned i = 0; i < DESK_ASKED_MAX; i++) {
                if (d->asked[i].from == from)
                        d->asked[i] = (struct desk_asked){ 0 };
        }
}

static void desk_close(struct desk_asked *a, int r, const struct err *e)
{
        *a = (struct desk_asked){ 0 };
        if (r < 0)
                log_warn(NULL, "asker.gone", "err=\"%s\"", e->text);
}

void desk_answer(struct desk *d, uint64_t tag, json_t *body)
{
        struct desk_asked *a = desk_of(d, tag);
        struct err e;

        if (!a) {
                json_decref(body);
                return;
        }
        int r = link_send_answer(a->from, a->id, body, &e);
        if (r == ERR_EXHAUSTED)
                r = link_send_failure(a->from, a->id, &e, "Ask with a smaller limit.", &e);
        desk_close(a, r, &e);
}

void desk_fail(struct desk *d, uint64_t tag, const struct err *why, const char *remedy)
{
        struct desk_asked *a = desk_of(d, tag);
        struct err e;

        if (a)
                desk_close(a, link_send_failure(a->from, a->id, why, remedy, &e), &e);
}

void desk_fail_later(struct desk *d, uint64_t tag, const struct err *why, unsigned retry_after_s)
{
        struct desk_asked *a = desk_of(d, tag);
        struct err e;

        if (a)
                desk_close(a,
                        link_send_later(
                                a->from, a->id, why, fault_remedy(why->fault), retry_after_s, &e),
                        &e);
}

const struct desk_who *desk_who(struct desk *d, uint64_t tag)
{
        static const struct desk_who nobody = { .role = PEOPLE_NOBODY };
        const struct desk_asked *a = desk_of(d, tag);

        return a ? &a->who : &nobody;
}

const char *desk_by(struct desk *d, uint64_t tag)
{
        const struct desk_who *who = desk_who(d, tag);

        if (who->gateway[0])
                snprintf(d->by, sizeof d->by, "%s (gateway %s)", who->person, who->gateway);
        else
                snprintf(d->by, sizeof d->by, "%s", who->person);
        return d->by;
}
