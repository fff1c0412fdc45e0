/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "gateway/transcoders.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "os/chan.h"
#include "os/clock.h"

#define TRANSCODING_TICK_MS 1000
/* Of a channel: what goes in waits here from there on. */
#define TRANSCODING_CHANNEL_HIGH (512u << 10)
#define TRANSCODING_LIVE_WINDOW (4u << 20)
/* So far behind the stream, a live one goes on at its next key frame. */
#define TRANSCODING_BEHIND_US INT64_C(1000000)
#define TRANSCODING_AHEAD 256 /* things on their way */
/* For one thing, at most a fragment of some seconds; and for its process to begin. */
#define TRANSCODING_PATIENCE_US INT64_C(30000000)

struct transcoding {
        struct transcoders *of;
        struct transcoding *next, **at;
        enum transcoding_kind kind;
        uint32_t number;
        uint16_t width;
        const struct transcoding_events *events;
        void *owner;
        struct chan *channel; /* NULL until the supervisor has begun it */
        struct hub_reader reader;
        struct hub_gather gather;
        bool ending, ended; /* TRANSCODE_END is to be sent; was sent */
        bool held;
        struct {
                uint64_t bytes;
                int64_t us;         /* boot clock */
        } ahead[TRANSCODING_AHEAD]; /* what is on its way; a ring */
        unsigned first, ahead_n;
        int64_t since_us; /* boot clock: it is waited for since; 0: it is not */
};

struct transcoders {
        struct loop *loop;
        struct gateway_links *links;
        unsigned most;
        struct transcoding *list;
        uint32_t number;
        struct timer tick;
        struct buf out;
};

/* --- what goes in --- */

static void transcoding_send(struct transcoding *t, uint16_t type, struct bytes body)
{
        struct err e;

        if (chan_send(t->channel, type, body, NULL, 0, &e) < 0) /* its end follows */
                log_debug(NULL, "transcoder.not_sent", "err=\"%s\"", e.text);
}

static void transcoding_pump(struct transcoding *t)
{
        struct buf *out = &t->of->out;

        while (t->channel && !t->held && chan_queued(t->channel) < TRANSCODING_CHANNEL_HIGH) {
                buf_clear(out);
                if (!hub_reader_pop(&t->reader, out))
                        break;
                transcoding_send(t, TRANSCODE_MEDIA, buf_bytes(out));
        }
        if (!t->channel || !t->ending || t->ended || !hub_reader_empty(&t->reader))
                return;
        t->ended = true;
        t->since_us = clock_boot_us();
        transcoding_send(t, TRANSCODE_END, BYTES(NULL, 0));
}

static bool transcoding_is_behind(const struct transcoding *t)
{
        return t->ahead_n == TRANSCODING_AHEAD ||
               (t->ahead_n && clock_boot_us() - t->ahead[t->first].us > TRANSCODING_BEHIND_US);
}

void transcoding_push(struct transcoding *t, struct hub_thing *thing)
{
        uint64_t credit = t->reader.credit;

        if (t->kind == TRANSCODING_LIVE && thing->kind == MEDIA_MESSAGE_FRAGMENT &&
                transcoding_is_behind(t)) {
                hub_reader_leave_out(&t->reader);
                return;
        }
        hub_reader_push(&t->reader, thing);
        if (credit == t->reader.credit)
                return;
        if (t->ahead_n == TRANSCODING_AHEAD) /* of a recorded one: its age is that of the others */
                t->ahead[(t->first + t->ahead_n - 1) % TRANSCODING_AHEAD].bytes +=
                        credit - t->reader.credit;
        else {
                unsigned at = (t->first + t->ahead_n++) % TRANSCODING_AHEAD;
                t->ahead[at].bytes = credit - t->reader.credit;
                t->ahead[at].us = clock_boot_us();
        }
        if (t->since_us == 0)
                t->since_us = clock_boot_us();
        transcoding_pump(t);
}

void transcoding_hold(struct transcoding *t, bool held)
{
        if (t->held == held)
                return;
        t->held = held;
        t->since_us = t->since_us ? clock_boot_us() : 0;
        transcoding_pump(t);
}

void transcoding_end(struct transcoding *t)
{
        t->ending = true;
        transcoding_pump(t);
}

uint64_t transcoding_waiting(const struct transcoding *t)
{
        return t->reader.window - t->reader.credit;
}

/* --- what comes out --- */

static int transcoding_on_taken(struct transcoding *t, struct bytes body, struct err *e)
{
        struct unpack u = unpack_of(body);
        uint64_t bytes = unpack_u64(&u);

        if (!unpack_complete(&u) || hub_reader_credit(&t->reader, bytes, e) < 0)
                return err_set(e, ERR_PROTOCOL, "it took what it was not given");
        while (t->ahead_n && bytes >= t->ahead[t->first].bytes) {
                bytes -= t->ahead[t->first].bytes;
                t->first = (t->first + 1) % TRANSCODING_AHEAD;
                t->ahead_n--;
        }
        if (t->ahead_n)
                t->ahead[t->first].bytes -= bytes;
        t->since_us = t->ahead_n || t->ended ? clock_boot_us() : 0;
        transcoding_pump(t);
        t->events->on_taken(t->owner);
        return 0;
}

static int transcoding_on_media(struct transcoding *t, struct bytes message, struct err *e)
{
        struct hub_thing *thing = NULL;

        int r = hub_gather_push(&t->gather, message, &thing, e);
        if (r < 1)
                return r;
        t->events->on_thing(t->owner, thing); /* t may be gone */
        hub_thing_unref(thing);
        return 0;
}

static void transcoding_over(struct transcoding *t, const struct err *why)
{
        struct err told;

        t->channel = chan_free(t->channel);
        if (why) {
                log_warn(NULL, "transcoder.over", "number=%u err=\"%s\"", t->number, why->text);
                err_fault(&told, why->code, FAULT_TRANSCODER_FAILED, "transcoder: %s", why->text);
        }
        t->events->on_over(t->owner, why ? &told : NULL); /* t is gone */
}

static int transcoding_on_over(struct transcoding *t, struct bytes body, struct err *e)
{
        struct err why;

        int r = body.n ? transcode_failure_parse(body, &why, e) : 0;
        if (r == 0)
                transcoding_over(t, body.n ? &why : NULL);
        return r;
}

static int transcoding_on_message(
        void *owner, struct chan *c, struct chan_message *m, struct err *e)
{
        struct transcoding *t = owner;

        (void)c;
        if (m->fds_n)
                return err_set(e, ERR_PROTOCOL, "a descriptor from a transcoder");
        switch (m->type) {
        case TRANSCODE_MEDIA:
                return transcoding_on_media(t, m->body, e);
        case TRANSCODE_TAKEN:
                return transcoding_on_taken(t, m->body, e);
        case TRANSCODE_OVER:
                return transcoding_on_over(t, m->body, e);
        default:
                return err_set(e, ERR_PROTOCOL, "message %u from a transcoder", m->type);
        }
}

static void transcoding_on_end(void *owner, struct chan *c, const struct err *e)
{
        struct err why;

        (void)c;
        err_set(&why, ERR_UNAVAILABLE, "its process ended: %s", e->text);
        transcoding_over(owner, &why);
}

static void transcoding_on_room(void *owner, struct chan *c)
{
        (void)c;
        transcoding_pump(owner);
}

/* --- life --- */

static bool transcoding_is_still(enum transcoding_kind kind)
{
        return kind == TRANSCODING_STILL;
}

int transcoders_admit(const struct transcoders *s, enum transcoding_kind kind, struct err *e)
{
        unsigned n = 0;

        for (const struct transcoding *t = s->list; t; t = t->next)
                n += transcoding_is_still(t->kind) == transcoding_is_still(kind);
        if (s->most == 0)
                return err_fault(e, ERR_UNAVAILABLE, FAULT_TRANSCODERS,
                        "nothing is transcoded here: transcoders is 0");
        if (n >= s->most)
                return err_fault(e, ERR_EXHAUSTED, FAULT_TRANSCODERS,
                        "%u %s are transcoded already, as many as may be at once", n,
                        transcoding_is_still(kind) ? "pictures" : "streams");
        return 0;
}

int transcoding_new(struct transcoders *s, enum transcoding_kind kind, uint16_t width,
        const struct transcoding_events *events, void *owner, struct transcoding **ret,
        struct err *e)
{
        int r = transcoders_admit(s, kind, e);

        if (r < 0)
                return r;
        s->number = s->number == UINT32_MAX ? 1 : s->number + 1;
        r = gateway_links_transcoder(s->links, TRANSCODE_WANTED, s->number, e);
        if (r < 0)
                return r;
        struct transcoding *t = xcalloc(1, sizeof *t);
        t->of = s;
        t->kind = kind;
        t->number = s->number;
        t->width = width;
        t->events = events;
        t->owner = owner;
        t->since_us = clock_boot_us();
        if (hub_reader_init(&t->reader, 1,
                    kind == TRANSCODING_LIVE ? TRANSCODING_LIVE_WINDOW : HUB_READER_WINDOW_MAX,
                    NULL) < 0)
                abort();
        t->next = s->list;
        t->at = &s->list;
        if (t->next)
                t->next->at = &t->next;
        s->list = t;
        *ret = t;
        return 0;
}

/* The supervisor ends it, whatever it does. */
struct transcoding *transcoding_free(struct transcoding *t)
{
        struct err e;

        if (!t)
                return NULL;
        t->channel = chan_free(t->channel);
        if (gateway_links_transcoder(t->of->links, TRANSCODE_UNWANTED, t->number, &e) < 0)
                log_debug(NULL, "transcoder.not_ended", "err=\"%s\"", e.text);
        *t->at = t->next;
        if (t->next)
                t->next->at = t->at;
        hub_reader_done(&t->reader);
        hub_gather_done(&t->gather);
        free(t);
        return NULL;
}

void transcoders_on_channel(struct transcoders *s, uint32_t number, int fd)
{
        static const struct chan_events events = { transcoding_on_message, transcoding_on_end,
                transcoding_on_room };
        struct transcoding *t = s->list;

        while (t && (t->number != number || t->channel))
                t = t->next;
        if (!t) { /* not wanted any more */
                close(fd);
                return;
        }
        const struct transcode_begin begin = {
                .kind = transcoding_is_still(t->kind) ? TRANSCODE_STILL : TRANSCODE_STREAM,
                .width = t->width
        };
        buf_clear(&s->out);
        if (transcode_begin_pack(&begin, &s->out, NULL) < 0)
                abort(); /* three bytes */
        t->channel = chan_new(s->loop, fd, &events, t);
        transcoding_send(t, TRANSCODE_BEGIN, buf_bytes(&s->out));
        t->since_us = t->ahead_n ? clock_boot_us() : 0;
        transcoding_pump(t);
}

unsigned transcoders_running(const struct transcoders *s)
{
        unsigned n = 0;

        for (const struct transcoding *t = s->list; t; t = t->next)
                n++;
        return n;
}

static void transcoders_on_tick(void *owner)
{
        struct transcoders *s = owner;
        struct transcoding *t = s->list;
        struct err why;

        while (t && (t->since_us == 0 || t->held ||
                            clock_boot_us() - t->since_us < TRANSCODING_PATIENCE_US))
                t = t->next;
        if (!t)
                return;
        err_set(&why, ERR_TIMEOUT, "it did nothing for %d s",
                (int)(TRANSCODING_PATIENCE_US / 1000000));
        transcoding_over(t, &why); /* the list is another one now */
}

struct transcoders *transcoders_new(struct loop *l, struct gateway_links *links, unsigned most)
{
        struct transcoders *s = xcalloc(1, sizeof *s);

        s->loop = l;
        s->links = links;
        s->most = most;
        buf_init_full(&s->out, MEDIA_MESSAGE_MAX);
        timer_start(&s->tick, l, TRANSCODING_TICK_MS, TRANSCODING_TICK_MS, transcoders_on_tick, s);
        return s;
}

struct transcoders *transcoders_free(struct transcoders *s)
{
        if (!s)
                return NULL;
        timer_done(&s->tick);
        buf_done(&s->out);
        free(s);
        return NULL;
}
