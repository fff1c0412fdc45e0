/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "hub/hub_group.h"

void hub_group_done(struct hub_group *g)
{
        hub_gather_done(&g->gather);
        while (g->readers)
                (void)hub_group_remove(g, g->readers);
}

void hub_group_add(struct hub_group *g, struct hub_reader *r)
{
        r->next = g->readers;
        g->readers = r;
}

bool hub_group_remove(struct hub_group *g, struct hub_reader *r)
{
        for (struct hub_reader **at = &g->readers; *at; at = &(*at)->next) {
                if (*at != r)
                        continue;
                *at = r->next;
                r->next = NULL;
                return true;
        }
        return false;
}

int hub_group_push(struct hub_group *g, struct bytes message, struct err *e)
{
        struct hub_thing *t = NULL;
        int r = hub_gather_push(&g->gather, message, &t, e);

        if (r != 1)
                return r;
        for (struct hub_reader *reader = g->readers; reader; reader = reader->next)
                hub_reader_push(reader, t);
        hub_thing_unref(t);
        return 1;
}
