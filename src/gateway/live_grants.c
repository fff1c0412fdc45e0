/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Grants of looks, for as long as they are good. A hand that moves over a timeline asks for
 * pictures of many moments: one grant for the hour of each, not one a picture, is in the audit
 * logs.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "gateway/live_parts.h"
#include "os/clock.h"

#define LIVE_GRANTS_HOUR_US INT64_C(3600000000)
/* A picture of the hour's beginning lies before it. */
#define LIVE_GRANTS_BACK_US INT64_C(60000000)
/* What is opened with it ends before it would have to be renewed. */
#define LIVE_GRANTS_LEFT_US INT64_C(120000000)

static void live_grants_asked(const struct live_viewer *v, int64_t *ret_from_us, int64_t *ret_until)
{
        *ret_from_us = *ret_until = 0;
        if (v->playback && (str_parse_time(v->from, ret_from_us, NULL) < 0 ||
                                   str_parse_time(v->until, ret_until, NULL) < 0))
                abort(); /* live_check read them */
}

void live_grants_span(const struct live_viewer *v, int64_t *ret_from_us, int64_t *ret_until_us)
{
        int64_t from_us, until_us;

        live_grants_asked(v, &from_us, &until_us);
        int64_t hour_us = until_us - until_us % LIVE_GRANTS_HOUR_US;
        int64_t back_us = hour_us - LIVE_GRANTS_BACK_US;
        *ret_from_us = from_us < back_us ? from_us : back_us;
        *ret_until_us = hour_us + LIVE_GRANTS_HOUR_US - 1;
}

static void live_grants_drop(struct live_grant *g)
{
        if (g->token)
                explicit_bzero(g->token, strlen(g->token));
        free(g->token);
        *g = (struct live_grant){ 0 };
}

const struct live_grant *live_grants_find(struct live *l, const struct live_viewer *v)
{
        int64_t from_us, until_us, now_us = clock_boot_us();
        const struct live_grant *found = NULL;

        live_grants_asked(v, &from_us, &until_us);
        for (unsigned i = 0; i < LIVE_GRANTS_MAX; i++) {
                struct live_grant *g = &l->grants[i];
                if (!g->token)
                        continue;
                if (now_us - g->made_us > INT64_C(1000000) * LIVE_GRANT_S - LIVE_GRANTS_LEFT_US)
                        live_grants_drop(g);
                else if (g->playback == v->playback && strcmp(g->path, v->path) == 0 &&
                         strcmp(g->session, v->session) == 0 && g->from_us <= from_us &&
                         g->until_us >= until_us)
                        found = g;
        }
        return found;
}

void live_grants_keep(struct live *l, const struct live_viewer *v, const char *token)
{
        struct live_grant *to = &l->grants[0];

        for (unsigned i = 0; i < LIVE_GRANTS_MAX && to->token; i++) {
                struct live_grant *g = &l->grants[i];
                if (!g->token || g->made_us < to->made_us)
                        to = g; /* a free one, else the oldest */
        }
        live_grants_drop(to);
        snprintf(to->session, sizeof to->session, "%s", v->session);
        snprintf(to->path, sizeof to->path, "%s", v->path);
        to->token = xstrdup(token);
        to->playback = v->playback;
        to->made_us = v->made_us;
        if (v->playback)
                live_grants_span(v, &to->from_us, &to->until_us);
}

void live_grants_forget(struct live *l, const char *session)
{
        for (unsigned i = 0; i < LIVE_GRANTS_MAX; i++) {
                if (l->grants[i].token && (!session || strcmp(l->grants[i].session, session) == 0))
                        live_grants_drop(&l->grants[i]);
        }
}
