/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/worker_live.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/pack.h"
#include "base/str.h"
#include "os/clock.h"
#include "proto/media_message.h"
#include "recorder/live_mux.h"

#define WORKER_LIVE_CONTEXT_MAX 256
/* Of a MESSAGE_MEDIA, besides the binary message. */
#define WORKER_LIVE_AROUND (HEAD_PATH_MAX + 64)

void worker_live_init(struct worker_live *l, struct worker *w, const char *stream)
{
        *l = (struct worker_live){ .worker = w };
        worker_watch_init(&l->watch, stream);
}

static void live_forget(struct worker_live_session *s)
{
        media_box_free(s->box);
        *s = (struct worker_live_session){ 0 };
}

void worker_live_done(struct worker_live *l)
{
        for (unsigned i = 0; i < WORKER_WATCH_GRANTS_MAX; i++)
                live_forget(&l->sessions[i]);
        free(l->mux);
        worker_watch_done(&l->watch);
}

/* --- sessions --- */

static int live_context(const char *stream, const struct worker_watch_grant *g, struct buf *out)
{
        char id[2 * sizeof g->id + 1];
        struct pack p = pack_to(out);

        pack_string(&p, "custos-media-1");
        pack_string(&p, stream);
        pack_string(&p, str_hex(id, BYTES(g->id, sizeof g->id)));
        return p.bad ? ERR_EXHAUSTED : 0;
}

static struct worker_live_session *live_session(
        struct worker_live *l, const uint8_t session[static HPKE_PUBLIC_BYTES])
{
        struct worker_live_session *unused = NULL;

        for (unsigned i = 0; i < WORKER_WATCH_GRANTS_MAX; i++) {
                struct worker_live_session *s = &l->sessions[i];
                if (s->group && memcmp(s->session, session, sizeof s->session) == 0)
                        return s;
                if (!s->group && !unused)
                        unused = s;
        }
        return unused; /* there are as many as grants */
}

int worker_live_granted(struct worker_live *l, const struct worker_watch_grant *g,
        uint32_t *ret_group, uint8_t ret_wrap[static MEDIA_BOX_WRAP_BYTES], struct err *e)
{
        struct worker_live_session *s = live_session(l, g->session);
        CLEANUP(buf_done) struct buf context;

        buf_init(&context, WORKER_LIVE_CONTEXT_MAX);
        int r = s ? live_context(l->watch.stream, g, &context) : ERR_EXHAUSTED;
        if (r < 0)
                return err_set(e, r, "no room for another session");
        if (s->group)
                r = media_box_wrap(s->box, buf_bytes(&context), ret_wrap, e);
        else
                r = media_box_seal_new(g->session, buf_bytes(&context), &s->box, ret_wrap, e);
        if (r < 0)
                return r;
        if (!s->group) {
                s->group = ++l->groups ? l->groups : ++l->groups;
                memcpy(s->session, g->session, sizeof s->session);
        }
        if (l->mux)
                live_mux_begin(l->mux);
        *ret_group = s->group;
        return 0;
}

static bool live_living(
        const struct worker_live *l, const struct worker_live_session *s, int64_t now_us)
{
        for (unsigned i = 0; i < WORKER_WATCH_GRANTS_MAX; i++) {
                const struct worker_watch_grant *g = &l->watch.grants[i];
                if (worker_watch_living(g, now_us) &&
                        memcmp(g->session, s->session, sizeof s->session) == 0)
                        return true;
        }
        return false;
}

void worker_live_tidy(struct worker_live *l)
{
        for (unsigned i = 0; i < WORKER_WATCH_GRANTS_MAX; i++) {
                if (l->sessions[i].group && !live_living(l, &l->sessions[i], INT64_MIN))
                        live_forget(&l->sessions[i]);
        }
        if (l->watch.n || !l->mux)
                return;
        if (l->camera)
                camera_pace(l->camera, l->pace_ms);
        worker_live_camera_gone(l);
        free(l->mux);
        l->mux = NULL;
}

void worker_live_end(struct worker_live *l, uint32_t watch)
{
        worker_watch_end(&l->watch, watch);
        worker_live_tidy(l);
}

void worker_live_disconnected(struct worker_live *l)
{
        l->connected = false;
}

void worker_live_camera_gone(struct worker_live *l)
{
        l->camera = NULL;
        l->connected = false;
}

/* --- frames --- */

/* One message for one session: sealed into the message to the parent. */
static int live_send_part(struct worker_live *l, struct worker_live_session *s,
        struct media_message *m, const struct bytes *parts, unsigned parts_n, struct err *e)
{
        struct buf *out = &l->worker->out;
        uint8_t head[MEDIA_MESSAGE_HEADER_BYTES], aad[MEDIA_MESSAGE_HEADER_BYTES];

        m->number = media_box_next(s->box);
        media_message_format(m, head);
        media_message_aad(m, aad);
        buf_clear(out);
        struct pack p = pack_to(out);
        pack_string(&p, l->watch.stream);
        pack_u32(&p, s->group);
        pack_bytes(&p, BYTES(head, sizeof head));
        int r = media_box_seal(s->box, BYTES(aad, sizeof aad), parts, parts_n, out, e);
        if (r == 0)
                r = chan_send(l->worker->parent, MESSAGE_MEDIA, buf_bytes(out), NULL, 0, e);
        return r;
}

static int live_send_to(struct worker_live *l, struct worker_live_session *s,
        const struct media_message *thing, const struct bytes *pieces, unsigned n, size_t bytes,
        struct err *e)
{
        unsigned parts = media_message_parts(bytes);
        struct media_message m = *thing;
        int r = 0;

        m.flags |= s->skipped ? MEDIA_MESSAGE_SKIPPED : 0;
        for (unsigned i = 0; i < parts && r == 0; i++) {
                struct bytes views[MEDIA_MESSAGE_PIECES_MAX];
                unsigned views_n = media_message_split(pieces, n, i, views);

                m.flags &= (uint16_t)~MEDIA_MESSAGE_MORE;
                m.flags |= i + 1 < parts ? MEDIA_MESSAGE_MORE : 0;
                r = live_send_part(l, s, &m, views, views_n, e);
        }
        if (m.kind == MEDIA_MESSAGE_FRAGMENT)
                s->skipped = false;
        return r;
}

/* To all who may see it now. False where there was no room: it is left out for all, and takes a
 * number, so that the hole shows. */
static bool live_send(struct worker_live *l, const struct media_message *thing,
        const struct bytes *pieces, unsigned n)
{
        struct worker_live_session *to[WORKER_WATCH_GRANTS_MAX];
        int64_t now_us = clock_wall_us();
        unsigned to_n = 0;
        size_t bytes = 0;
        struct err e;

        for (unsigned i = 0; i < WORKER_WATCH_GRANTS_MAX; i++)
                if (l->sessions[i].group && live_living(l, &l->sessions[i], now_us))
                        to[to_n++] = &l->sessions[i];
        for (unsigned i = 0; i < n; i++)
                bytes += pieces[i].n;
        uint64_t cost = media_message_cost(bytes) +
                        (uint64_t)media_message_parts(bytes) * WORKER_LIVE_AROUND;
        bool room = l->worker->parent &&
                    chan_queued(l->worker->parent) + cost * to_n <= WORKER_LIVE_QUEUE_MAX;
        for (unsigned i = 0; i < to_n; i++) {
                if (room && live_send_to(l, to[i], thing, pieces, n, bytes, &e) == 0)
                        continue;
                if (room)
                        log_warn(NULL, "live.not_sent", "stream=%s err=\"%s\"", l->watch.stream,
                                e.text);
                media_box_skip(to[i]->box);
                to[i]->skipped = true;
        }
        return room;
}

/* True when the frame may follow. */
static bool live_header(struct worker_live *l, const struct access_unit *u)
{
        const struct media_config *configs[FMP4_TRACKS_MAX];
        struct media_message m = { .kind = MEDIA_MESSAGE_HEADER, .time_us = u->arrival_us };
        CLEANUP(buf_done) struct buf header;
        struct err e;

        for (unsigned i = 0; i < FMP4_TRACKS_MAX; i++)
                configs[i] = camera_config(l->camera, i);
        buf_init(&header, LIVE_MUX_HEADER_MAX);
        if (live_mux_header(l->mux, configs, &header, &e) < 0) {
                log_warn(NULL, "live.no_header", "stream=%s err=\"%s\"", l->watch.stream, e.text);
                return false;
        }
        const struct bytes piece = buf_bytes(&header);
        if (live_send(l, &m, &piece, 1))
                return true;
        live_mux_begin(l->mux);
        live_mux_await_key(l->mux);
        return false;
}

static void live_frame(struct worker_live *l, unsigned track, const struct access_unit *u, bool key)
{
        struct media_message m = { .kind = MEDIA_MESSAGE_FRAGMENT,
                .flags = key ? MEDIA_MESSAGE_KEY : 0,
                .time_us = u->arrival_us };
        CLEANUP(buf_done) struct buf front;
        struct err e;

        buf_init(&front, LIVE_MUX_FRONT_MAX);
        int r = live_mux_frame(l->mux, track, u, &front, &e);
        if (r < 0)
                log_warn(NULL, "live.no_frame", "stream=%s err=\"%s\"", l->watch.stream, e.text);
        if (r <= 0)
                return;
        const struct bytes pieces[] = { buf_bytes(&front), u->data };
        if (!live_send(l, &m, pieces, 2))
                live_mux_await_key(l->mux);
}

/* The first frame of a connection for those who watch. It is read as its packets come from now on,
 * not every so often. */
static void live_connect(struct worker_live *l, struct camera *c)
{
        const struct media_config *configs[FMP4_TRACKS_MAX];
        unsigned n = 0;

        while (n < FMP4_TRACKS_MAX && (configs[n] = camera_config(c, n)))
                n++;
        if (!l->mux) {
                l->mux = xcalloc(1, sizeof *l->mux);
                live_mux_init(l->mux);
        }
        live_mux_connect(l->mux, configs, n);
        camera_pace(c, 0);
        l->camera = c;
        l->connected = true;
}

void worker_live_unit(
        struct worker_live *l, struct camera *c, unsigned track, const struct access_unit *u)
{
        if (!l->connected)
                live_connect(l, c);
        enum live_mux_step step = live_mux_judge(l->mux, track, u);
        if (step == LIVE_MUX_FRAME || (step == LIVE_MUX_HEADER && live_header(l, u)))
                live_frame(l, track, u, u->key && (int)track == l->mux->main);
}
