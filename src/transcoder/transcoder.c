/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "transcoder/transcoder.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/pack.h"
#include "os/chan.h"
#include "os/proc.h"
#include "os/role.h"
#include "transcoder/av.h"
#include "transcoder/transcode.h"

/* Of the channel: what comes out waits for the gateway from here on. */
#define TRANSCODER_QUEUE_MAX (1u << 20)
/* An H.265 picture of 16.8 megapixels in 10 bits takes 50 MB, and its decoder keeps 17 at most. */
#define TRANSCODER_MEMORY_MAX (UINT64_C(1536) << 20)
#define TRANSCODER_FILES_MAX 32

struct transcoder {
        struct loop *loop;
        struct chan *gateway;
        struct transcode *transcode; /* NULL until it begins */
        bool over;
        struct media_message_join join;
        uint64_t taken;  /* of the thing that is put together */
        uint64_t number; /* of what goes out */
        struct buf out;
};

static void transcoder_tell(struct transcoder *t, uint16_t type, struct bytes body)
{
        struct err e;

        if (t->gateway && chan_send(t->gateway, type, body, NULL, 0, &e) < 0)
                log_warn(NULL, "transcoder.gateway_unreachable", "err=\"%s\"", e.text);
}

/* why NULL: all was sent. */
static void transcoder_end(struct transcoder *t, const struct err *why)
{
        if (t->over)
                return;
        t->over = true;
        if (why)
                log_warn(NULL, "transcoder.ended", "err=\"%s\"", why->text);
        buf_clear(&t->out);
        if (why && transcode_failure_pack(why, &t->out, NULL) < 0)
                abort(); /* a text of an error fits */
        transcoder_tell(t, TRANSCODE_OVER, buf_bytes(&t->out));
}

/* --- out --- */

static int transcoder_send_part(struct transcoder *t, struct media_message *m,
        const struct bytes *views, unsigned n, struct err *e)
{
        static const uint8_t no_tag[MEDIA_MESSAGE_TAG_BYTES];
        uint8_t head[MEDIA_MESSAGE_HEADER_BYTES];

        m->number = t->number++;
        media_message_format(m, head);
        buf_clear(&t->out);
        int r = buf_append(&t->out, BYTES(head, sizeof head), e);
        for (unsigned i = 0; i < n && r == 0; i++)
                r = buf_append(&t->out, views[i], e);
        if (r == 0)
                r = buf_append(&t->out, BYTES(no_tag, sizeof no_tag), e);
        if (r == 0)
                r = chan_send(t->gateway, TRANSCODE_MEDIA, buf_bytes(&t->out), NULL, 0, e);
        if (r == 0 && chan_queued(t->gateway) > TRANSCODER_QUEUE_MAX)
                chan_flush(t->gateway); /* nothing else is to be done meanwhile */
        return r;
}

static int transcoder_on_out(void *owner, const struct media_message *as, struct bytes front,
        struct bytes data, struct err *e)
{
        const struct bytes pieces[] = { front, data };
        struct bytes views[MEDIA_MESSAGE_PIECES_MAX];
        struct transcoder *t = owner;
        struct media_message m = *as;
        unsigned parts = media_message_parts(front.n + data.n);
        int r = 0;

        for (unsigned i = 0; i < parts && r == 0; i++) {
                unsigned n = media_message_split(pieces, 2, i, views);
                m.flags = as->flags | (i + 1 < parts ? MEDIA_MESSAGE_MORE : 0);
                r = transcoder_send_part(t, &m, views, n, e);
        }
        return r;
}

/* --- in --- */

static int transcoder_on_begin(struct transcoder *t, struct bytes body, struct err *e)
{
        struct transcode_begin begin;

        int r = transcode_begin_parse(body, &begin, e);
        if (r == 0)
                t->transcode = transcode_new(&begin, transcoder_on_out, t);
        return r;
}

static void transcoder_taken(struct transcoder *t)
{
        buf_clear(&t->out);
        struct pack p = pack_to(&t->out);
        pack_u64(&p, t->taken);
        t->taken = 0;
        transcoder_tell(t, TRANSCODE_TAKEN, buf_bytes(&t->out));
}

static void transcoder_on_thing(struct transcoder *t, const struct media_message *m)
{
        struct err why;

        int r = transcode_push(t->transcode, m, buf_bytes(&t->join.thing), &why);
        if (r == 0)
                transcoder_taken(t);
        else
                transcoder_end(t, r < 0 ? &why : NULL);
}

static int transcoder_on_media(struct transcoder *t, struct bytes message, struct err *e)
{
        struct media_message m, whole;
        struct bytes body;

        int r = media_message_parse(message, &m, &body, e);
        if (r == 0)
                r = media_message_join_push(&t->join, &m,
                        bytes_sub(body, 0, body.n - MEDIA_MESSAGE_TAG_BYTES), &whole, e);
        t->taken += message.n;
        if (r == 1)
                transcoder_on_thing(t, &whole);
        return r < 0 ? r : 0;
}

static int transcoder_on_gateway(void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct transcoder *t = owner;
        struct err why;

        (void)c;
        if (m->fds_n || (m->type == TRANSCODE_BEGIN) != (t->transcode == NULL))
                return err_set(e, ERR_PROTOCOL, "message %u from the gateway", m->type);
        if (t->over)
                return 0;
        switch (m->type) {
        case TRANSCODE_BEGIN:
                return transcoder_on_begin(t, m->body, e);
        case TRANSCODE_MEDIA:
                return transcoder_on_media(t, m->body, e);
        case TRANSCODE_END:
                transcoder_end(t, transcode_drain(t->transcode, &why) < 0 ? &why : NULL);
                return 0;
        default:
                return err_set(e, ERR_PROTOCOL, "message %u from the gateway", m->type);
        }
}

static void transcoder_on_gateway_end(void *owner, struct chan *c, const struct err *e)
{
        struct transcoder *t = owner;

        if (e->code == ERR_PROTOCOL)
                log_warn(NULL, "transcoder.gateway_refused", "err=\"%s\"", e->text);
        t->gateway = chan_free(c);
        loop_stop(t->loop);
}

/* --- begin and end --- */

static int transcoder_confine(struct err *e)
{
        static const struct proc_limits limits = {
                .memory = TRANSCODER_MEMORY_MAX, .files = TRANSCODER_FILES_MAX, .last = true
        };
        int r = proc_limit(&limits, e);

        if (r == 0)
                r = role_confine(SANDBOX_TRANSCODER, NULL, 0, e);
        if (r == 1)
                log_warn(NULL, "sandbox.no_landlock",
                        "effect=\"files are confined by seccomp and user alone\"");
        return r < 0 ? r : 0;
}

int transcoder_main(int argc, char **argv)
{
        static const struct chan_events events = { transcoder_on_gateway,
                transcoder_on_gateway_end };
        struct transcoder *t = xcalloc(1, sizeof *t);
        struct role_options options;
        struct err e;

        buf_init(&t->out, CHAN_BODY_MAX);
        media_message_join_init(&t->join, MEDIA_MESSAGE_THING_MAX);
        av_quiet();
        int r = role_start("transcoder", argc, argv, &options, &e);
        t->loop = loop_new();
        if (r == 0)
                r = transcoder_confine(&e); /* before the first byte of footage */
        if (r == 0) {
                t->gateway = chan_new(t->loop, PROC_FIRST_FD, &events, t);
                loop_run(t->loop);
        } else {
                log_error(NULL, "role.failed", "err=\"%s\"", e.text);
        }
        t->gateway = chan_free(t->gateway);
        transcode_free(t->transcode);
        media_message_join_done(&t->join);
        buf_done(&t->out);
        loop_free(t->loop);
        free(t);
        return r < 0 ? 1 : 0;
}
