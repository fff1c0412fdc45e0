/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/worker_grants.h"

#include "base/log.h"
#include "base/pack.h"
#include "os/clock.h"

static void worker_grants_send(struct worker *w, uint16_t type)
{
        struct err e;

        if (w->parent && chan_send(w->parent, type, buf_bytes(&w->out), NULL, 0, &e) < 0)
                log_error(NULL, "worker.parent_unreachable", "err=\"%s\"", e.text);
}

static struct pack worker_grants_message(struct worker *w, const char *stream, uint32_t watch)
{
        buf_clear(&w->out);
        struct pack p = pack_to(&w->out);
        pack_string(&p, stream);
        pack_u32(&p, watch);
        return p;
}

static void worker_grants_not_watched(
        struct worker *w, const char *stream, uint32_t watch, bool over, const struct err *why)
{
        struct pack p = worker_grants_message(w, stream, watch);

        pack_u8(&p, (uint8_t)-why->code);
        pack_u8(&p, (uint8_t)why->fault);
        pack_string(&p, why->text);
        pack_u8(&p, over);
        worker_grants_send(w, MESSAGE_NOT_WATCHED);
}

int worker_grants_on_granted(
        struct worker *w, struct worker_live *live, struct bytes body, struct err *e)
{
        const char *stream = live->watch.stream;
        uint8_t wrap[MEDIA_BOX_WRAP_BYTES];
        struct worker_watch_grant *g;
        struct bytes token;
        uint32_t number, group;
        struct err why;

        int r = message_granted_parse(body, &number, &token, e);
        if (r < 0)
                return r;
        r = worker_watch_granted(
                &live->watch, w->grant_trust, number, token, clock_wall_us(), &g, &why);
        bool begins = r > 0;
        if (r >= 0 && (r = worker_live_granted(live, g, &group, wrap, &why)) < 0 && begins)
                worker_live_end(live, number);
        if (r < 0) {
                log_warn(NULL, "grant.refused", "stream=%s fault=%s err=\"%s\"", stream,
                        fault_name(why.fault), why.text);
                worker_grants_not_watched(
                        w, stream, number, !worker_watch_find(&live->watch, number), &why);
                return 0;
        }
        log_info(NULL, begins ? "watch.begins" : "watch.goes_on", "stream=%s gateway=%s", stream,
                g->gateway);
        struct pack p = worker_grants_message(w, stream, number);
        pack_i64(&p, g->until_us);
        pack_u32(&p, group);
        pack_bytes(&p, BYTES(wrap, sizeof wrap));
        worker_grants_send(w, MESSAGE_WATCHED);
        return 0;
}

void worker_grants_on_crls(struct worker *w, struct bytes body)
{
        struct err e;

        if (w->grant_trust && grant_trust_crls(w->grant_trust, body, &e) < 0)
                log_warn(NULL, "grants.list_refused", "err=\"%s\"", e.text);
}

struct worker_grants_ending {
        struct worker *worker;
        const char *stream;
};

static void worker_grants_on_ended(
        void *owner, const struct worker_watch_grant *g, const struct err *why)
{
        const struct worker_grants_ending *ending = owner;

        log_info(NULL, "watch.over", "stream=%s gateway=%s fault=%s", ending->stream, g->gateway,
                fault_name(why->fault));
        worker_grants_not_watched(ending->worker, ending->stream, g->watch, true, why);
}

void worker_grants_judge(struct worker *w, struct worker_live *live)
{
        struct worker_grants_ending ending = { w, live->watch.stream };

        if (!live->watch.n)
                return;
        worker_watch_judge(
                &live->watch, w->grant_trust, clock_wall_us(), worker_grants_on_ended, &ending);
        worker_live_tidy(live);
}
