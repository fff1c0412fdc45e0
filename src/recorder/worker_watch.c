/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/worker_watch.h"

#include <stdio.h>

#define WORKER_WATCH_SKEW_US (INT64_C(1000000) * CAPABILITY_SKEW_S)

void worker_watch_init(struct worker_watch *w, const char *stream)
{
        memset(w, 0, sizeof *w);
        snprintf(w->stream, sizeof w->stream, "%s", stream);
        for (unsigned i = 0; i < WORKER_WATCH_GRANTS_MAX; i++)
                buf_init(&w->grants[i].token, CAPABILITY_TOKEN_MAX);
}

static void worker_watch_forget(struct worker_watch *w, struct worker_watch_grant *g)
{
        buf_done(&g->token);
        memset(g, 0, sizeof *g);
        buf_init(&g->token, CAPABILITY_TOKEN_MAX);
        w->n--;
}

void worker_watch_done(struct worker_watch *w)
{
        for (unsigned i = 0; i < WORKER_WATCH_GRANTS_MAX; i++)
                buf_done(&w->grants[i].token);
}

struct worker_watch_grant *worker_watch_find(struct worker_watch *w, uint32_t watch)
{
        for (unsigned i = 0; watch && i < WORKER_WATCH_GRANTS_MAX; i++) {
                if (w->grants[i].watch == watch)
                        return &w->grants[i];
        }
        return NULL;
}

void worker_watch_end(struct worker_watch *w, uint32_t watch)
{
        struct worker_watch_grant *g = worker_watch_find(w, watch);

        if (g)
                worker_watch_forget(w, g);
}

bool worker_watch_living(const struct worker_watch_grant *g, int64_t now_us)
{
        return g->watch && now_us < g->until_us;
}

static int worker_watch_check(const struct grant_trust *trust, const char *stream,
        struct bytes token, int64_t now_us, struct capability *ret, struct err *e)
{
        if (!trust)
                return err_set(e, ERR_UNAVAILABLE,
                        "the worker could not read the site's root at its start: nothing is shown");
        const struct capability_trust by = grant_trust_of(trust);
        int r = capability_parse(token, &by, now_us, ret, e);
        return r < 0 ? r : capability_allows(ret, CAPABILITY_LIVE, stream, 0, e);
}

/* A free one, with its number; NULL where there is none. */
static struct worker_watch_grant *worker_watch_begin(
        struct worker_watch *w, uint32_t watch, const struct capability *c)
{
        for (unsigned i = 0; i < WORKER_WATCH_GRANTS_MAX; i++) {
                struct worker_watch_grant *g = &w->grants[i];
                if (g->watch)
                        continue;
                g->watch = watch;
                memcpy(g->id, c->id, sizeof g->id);
                memcpy(g->session, c->session, sizeof g->session);
                snprintf(g->gateway, sizeof g->gateway, "%s", c->gateway);
                snprintf(g->person, sizeof g->person, "%s", c->person);
                w->n++;
                return g;
        }
        return NULL;
}

int worker_watch_granted(struct worker_watch *w, const struct grant_trust *trust, uint32_t watch,
        struct bytes token, int64_t now_us, struct worker_watch_grant **ret, struct err *e)
{
        struct worker_watch_grant *g = worker_watch_find(w, watch);
        CLEANUP(own_freep) struct capability *c = xcalloc(1, sizeof *c);
        bool begins = !g;

        int r = worker_watch_check(trust, w->stream, token, now_us, c, e);
        if (r < 0)
                return r;
        if (g && (memcmp(g->session, c->session, sizeof g->session) != 0 ||
                         strcmp(g->gateway, c->gateway) != 0))
                return err_fault(e, ERR_DENIED, FAULT_NOT_GRANTED,
                        "grant: it is for another session than the one that watches");
        if (!g && !(g = worker_watch_begin(w, watch, c)))
                return err_set(e, ERR_EXHAUSTED, "%s is watched by %d already", w->stream,
                        WORKER_WATCH_GRANTS_MAX);
        const int64_t until_us = c->expires_us + WORKER_WATCH_SKEW_US;
        if (until_us > g->until_us) {
                buf_clear(&g->token);
                r = buf_append(&g->token, token, e); /* as long as a token may be: it fits */
                if (r < 0)
                        return r;
                g->until_us = until_us;
                g->judged = grant_trust_version(trust);
        }
        *ret = g;
        return begins;
}

static int worker_watch_judge_one(const struct worker_watch_grant *g,
        const struct grant_trust *trust, const char *stream, int64_t now_us, struct err *e)
{
        CLEANUP(own_freep) struct capability *c = NULL;

        if (!worker_watch_living(g, now_us))
                return err_fault(e, ERR_DENIED, FAULT_GRANT_EXPIRED, "grant: it has run out");
        if (!trust || g->judged == grant_trust_version(trust))
                return 0;
        c = xcalloc(1, sizeof *c);
        return worker_watch_check(trust, stream, buf_bytes(&g->token), now_us, c, e);
}

void worker_watch_judge(struct worker_watch *w, const struct grant_trust *trust, int64_t now_us,
        void (*on_ended)(void *owner, const struct worker_watch_grant *g, const struct err *why),
        void *owner)
{
        struct err why;

        for (unsigned i = 0; w->n && i < WORKER_WATCH_GRANTS_MAX; i++) {
                struct worker_watch_grant *g = &w->grants[i];
                if (g->watch == 0)
                        continue;
                if (worker_watch_judge_one(g, trust, w->stream, now_us, &why) < 0) {
                        on_ended(owner, g, &why);
                        worker_watch_forget(w, g);
                } else if (trust) {
                        g->judged = grant_trust_version(trust);
                }
        }
}
