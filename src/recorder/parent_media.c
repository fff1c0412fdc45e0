/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "recorder/parent_media.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/pack.h"
#include "base/str.h"
#include "crypto/media_box.h"
#include "hub/hub_group.h"
#include "net/link.h"
#include "os/clock.h"
#include "recorder/media_open.h"
#include "recorder/parent_play.h"
#include "trust/capability.h"

#define PARENT_MEDIA_LOOK_MS 1000
#define PARENT_MEDIA_URI_ROOM 160

/* What is sealed for one session of one stream. */
struct media_group {
        char name[HEAD_PATH_MAX + 16];
        struct hub_group hub;
        unsigned watches;
};

struct media_peer {
        struct media_peer *next;
        struct parent_media *media;
        struct chan *chan;
        char uri[PARENT_MEDIA_URI_ROOM];
        struct log_ctx log;
        unsigned watches;
        uint64_t windows;
};

/* A subscription. */
struct media_watch {
        struct media_watch *next;
        struct media_peer *peer;
        uint32_t number; /* what sealer and worker know it by */
        char stream[HEAD_PATH_MAX];
        struct hub_reader reader;
        int64_t asked;             /* the request that sealer and worker are to answer; 0: none */
        int64_t asked_us;          /* boot clock */
        struct media_group *group; /* NULL until it is watched */
        struct parent_play *play;  /* of footage; NULL: live */
        bool playing;              /* the player has begun */
};

struct parent_media {
        struct parent *parent;
        struct media_peer *peers;
        struct media_watch *watches;
        struct table groups; /* struct media_group by stream and number */
        uint32_t numbers;    /* counts the watches */
        struct timer look;
        struct buf message; /* one that goes to a link */
};

/* --- what is told --- */

static void media_failed(struct media_peer *peer, int64_t id, const struct err *why)
{
        struct err e;

        if (link_send_failure(peer->chan, id, why, fault_remedy(why->fault), &e) < 0)
                log_warn(&peer->log, "gateway.unreachable", "err=\"%s\"", e.text);
}

/* A grant is none; what is there goes on with the one that it has. */
static void media_refuse(struct media_watch *w, const struct err *why)
{
        if (w->asked)
                media_failed(w->peer, w->asked, why);
        w->asked = 0;
}

static void media_answer(struct media_peer *peer, int64_t id, json_t *body)
{
        struct err e;

        if (link_send_answer(peer->chan, id, body ? body : json_object(), &e) < 0)
                log_warn(&peer->log, "gateway.unreachable", "err=\"%s\"", e.text);
}

static void media_ended(const struct media_watch *w, const struct err *why)
{
        json_t *body = json_pack("{s:I, s:s, s:s, s:s, s:s}", "subscription",
                (json_int_t)w->reader.subscription, "code", err_name(why->code), "fault",
                fault_name(why->fault), "text", why->text, "remedy", fault_remedy(why->fault));
        struct err e;

        if (!body)
                body = json_pack("{s:I, s:s, s:s, s:s, s:s}", "subscription",
                        (json_int_t)w->reader.subscription, "code", err_name(why->code), "fault",
                        fault_name(why->fault), "text", "(unprintable)", "remedy", "");
        if (link_send_event(w->peer->chan, "media.ended", body, &e) < 0)
                log_warn(&w->peer->log, "gateway.unreachable", "err=\"%s\"", e.text);
}

/* A message to a worker or the sealer; it begins with what is in out already. */
static void media_tell(struct chan *to, uint16_t type, const struct buf *body)
{
        struct err e;

        if (to && chan_send(to, type, buf_bytes(body), NULL, 0, &e) < 0)
                log_error(NULL, "media.unreachable", "message=%u err=\"%s\"", type, e.text);
}

static void media_unwatch(struct parent_media *m, const char *stream, uint32_t number)
{
        struct parent_stream *t = table_get(&m->parent->streams, stream);

        if (!t)
                return;
        struct pack p = parent_stream_message(t);
        pack_u32(&p, number);
        media_tell(parent_stream_chan(t), MESSAGE_UNWATCH, &m->parent->out);
}

/* --- watches --- */

static void media_leave_group(struct parent_media *m, struct media_watch *w)
{
        struct media_group *g = w->group;

        w->group = NULL;
        if (!g)
                return;
        hub_group_remove(&g->hub, &w->reader);
        if (--g->watches)
                return;
        table_take(&m->groups, g->name);
        hub_group_done(&g->hub);
        free(g);
}

/* Takes it out and forgets it; nobody is told. */
static void media_forget(struct parent_media *m, struct media_watch *w)
{
        struct media_watch **at = &m->watches;

        while (*at != w)
                at = &(*at)->next;
        *at = w->next;
        media_leave_group(m, w);
        parent_play_free(w->play);
        w->peer->watches--;
        w->peer->windows -= w->reader.window;
        hub_reader_done(&w->reader);
        free(w);
}

/* It was answered, and media may have gone out. */
static bool media_begun(const struct media_watch *w)
{
        return w->group || w->playing;
}

/* It is over: who asked or reads is told why. */
static void media_over(struct parent_media *m, struct media_watch *w, const struct err *why)
{
        if (w->asked)
                media_failed(w->peer, w->asked, why);
        if (media_begun(w))
                media_ended(w, why);
        log_info(&w->peer->log, "media.over", "stream=%s subscription=%" PRIu32 " why=\"%s\"",
                w->stream, w->reader.subscription, why->text);
        media_forget(m, w);
}

static struct media_watch *media_find(struct parent_media *m, uint32_t number)
{
        struct media_watch *w = m->watches;

        while (w && w->number != number)
                w = w->next;
        return w;
}

static struct media_watch *media_find_subscription(
        const struct media_peer *peer, uint32_t subscription)
{
        struct media_watch *w = peer->media->watches;

        while (w && (w->peer != peer || w->reader.subscription != subscription))
                w = w->next;
        return w;
}

static void media_group_name(
        char to[static HEAD_PATH_MAX + 16], const char *stream, uint32_t number)
{
        snprintf(to, HEAD_PATH_MAX + 16, "%s %" PRIu32, stream, number);
}

static void media_join_group(struct parent_media *m, struct media_watch *w, uint32_t number)
{
        char name[HEAD_PATH_MAX + 16];

        media_group_name(name, w->stream, number);
        struct media_group *g = table_get(&m->groups, name);
        if (w->group && w->group == g)
                return;
        media_leave_group(m, w);
        if (!(g = table_get(&m->groups, name))) {
                g = xcalloc(1, sizeof *g);
                memcpy(g->name, name, sizeof name);
                table_put(&m->groups, name, g);
        }
        hub_group_add(&g->hub, &w->reader);
        g->watches++;
        w->group = g;
}

/* --- media to a link --- */

/* In turn, one message each, as long as the link takes it: a stream of large frames delays no other
 * by more than what waits already. */
static void media_pump(struct media_peer *peer)
{
        struct buf *out = &peer->media->message;
        bool sent;

        do {
                sent = false;
                for (struct media_watch *w = peer->media->watches; w; w = w->next) {
                        if (w->peer != peer ||
                                chan_queued(peer->chan) >= PARENT_MEDIA_LINK_QUEUE_MAX)
                                continue;
                        if (w->play)
                                parent_play_hold(w->play, false);
                        buf_clear(out);
                        if (!hub_reader_pop(&w->reader, out))
                                continue;
                        if (chan_send(peer->chan, LINK_MEDIA, buf_bytes(out), NULL, 0, NULL) < 0)
                                return; /* its end follows */
                        sent = true;
                }
        } while (sent);
}

static void media_on_room(void *owner, struct chan *c)
{
        (void)c;
        media_pump(owner);
}

/* --- requests --- */

/* To the sealer, which logs it and hands it to the stream's worker; of footage, by the player. */
static int media_ask(struct media_watch *w, int64_t id, struct bytes token, struct err *e)
{
        struct parent *p = w->peer->media->parent;
        struct message_grant grant = { .watch = w->number, .token = token };
        int r = 0;

        if (w->asked)
                return err_set(e, ERR_STATE, "media: another grant is being looked at");
        if (!p->sealer)
                return err_set(e, ERR_UNAVAILABLE, "media: the sealer is away: ask again");
        if (w->play) {
                parent_play_grant(w->play, token);
        } else {
                snprintf(grant.stream, sizeof grant.stream, "%s", w->stream);
                buf_clear(&p->out);
                r = message_grant_pack(&grant, &p->out, e);
                if (r == 0)
                        r = chan_send(p->sealer, MESSAGE_GRANT, buf_bytes(&p->out), NULL, 0, e);
        }
        if (r < 0)
                return r;
        w->asked = id;
        w->asked_us = clock_boot_us();
        return 0;
}

/* Whether it may be asked for on this link. */
static int media_may_open(const struct media_peer *peer, const struct media_open *q, struct err *e)
{
        const struct parent_stream *t = table_get(&peer->media->parent->streams, q->stream);

        if (media_find_subscription(peer, (uint32_t)q->subscription))
                return err_set(e, ERR_INVALID, "media.open: subscription %lld is in use",
                        (long long)q->subscription);
        if (peer->watches >= PARENT_MEDIA_SUBSCRIPTIONS_MAX ||
                q->credit > (json_int_t)(PARENT_MEDIA_WINDOWS_MAX - peer->windows))
                return err_set(e, ERR_EXHAUSTED,
                        "media.open: at most %d subscriptions and %u MiB of credit on a link",
                        PARENT_MEDIA_SUBSCRIPTIONS_MAX, PARENT_MEDIA_WINDOWS_MAX >> 20);
        if (q->recorded) /* is there without its camera, too */
                return 0;
        if (!t)
                return err_set(e, ERR_NOT_FOUND, "media.open: no such stream");
        if (t->phase != PARENT_STREAM_ASSIGNED)
                return err_set(e, ERR_UNAVAILABLE,
                        "media.open: %s is off, or has no worker at the moment", q->stream);
        return 0;
}

static uint32_t media_number(struct parent_media *m)
{
        do
                m->numbers++;
        while (m->numbers == 0 || media_find(m, m->numbers));
        return m->numbers;
}

static int media_play(struct media_watch *w, int64_t id, struct media_open *q, struct err *e);

static int media_on_open(struct media_peer *peer, int64_t id, json_t *body, struct err *e)
{
        struct parent_media *m = peer->media;
        struct media_open q;

        int r = media_open_parse(body, &q, e);
        if (r == 0)
                r = media_may_open(peer, &q, e);
        if (r == 0)
                r = media_open_gateway(peer->uri, bytes_str(q.grant), e);
        if (r < 0)
                return r;
        struct media_watch *w = xcalloc(1, sizeof *w);
        r = hub_reader_init(
                &w->reader, (uint32_t)q.subscription, q.credit < 0 ? 0 : (uint64_t)q.credit, e);
        if (r < 0) {
                free(w);
                return r;
        }
        w->peer = peer;
        w->number = media_number(m);
        w->next = m->watches;
        snprintf(w->stream, sizeof w->stream, "%s", q.stream);
        m->watches = w;
        peer->watches++;
        peer->windows += w->reader.window;
        r = q.recorded ? media_play(w, id, &q, e) : media_ask(w, id, bytes_str(q.grant), e);
        if (r < 0)
                media_forget(m, w);
        return r < 0 ? r : PARENT_STATUS_LATER;
}

/* The subscription that a body names, which is there. */
static int media_of_body(
        const struct media_peer *peer, json_int_t number, struct media_watch **ret, struct err *e)
{
        int r = media_open_subscription(number, e);

        if (r < 0)
                return r;
        *ret = media_find_subscription(peer, (uint32_t)number);
        return *ret ? 0
                    : err_set(e, ERR_NOT_FOUND, "media: no subscription %lld", (long long)number);
}

static int media_on_grant(struct media_peer *peer, int64_t id, json_t *body, struct err *e)
{
        struct media_watch *w = NULL;
        json_int_t number = 0;
        const char *grant;
        json_error_t why;

        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:I, s:s}", "subscription", &number, "grant",
                    &grant) < 0)
                return err_set(e, ERR_INVALID, "media.grant: %s", why.text);
        int r = media_of_body(peer, number, &w, e);
        if (r == 0)
                r = media_open_gateway(peer->uri, bytes_str(grant), e);
        if (r == 0)
                r = media_ask(w, id, bytes_str(grant), e);
        return r < 0 ? r : PARENT_STATUS_LATER;
}

static int media_on_credit(struct media_peer *peer, int64_t id, json_t *body, struct err *e)
{
        struct media_watch *w = NULL;
        json_int_t number = 0, bytes = 0;
        json_error_t why;

        (void)id;
        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:I, s:I}", "subscription", &number, "bytes",
                    &bytes) < 0)
                return err_set(e, ERR_INVALID, "media.credit: %s", why.text);
        int r = media_of_body(peer, number, &w, e);
        if (r == 0)
                r = hub_reader_credit(&w->reader, bytes < 0 ? UINT64_MAX : (uint64_t)bytes, e);
        if (r == 0 && w->play)
                parent_play_credit(w->play, (uint64_t)bytes);
        return r;
}

static int media_on_close(struct media_peer *peer, int64_t id, json_t *body, struct err *e)
{
        struct parent_media *m = peer->media;
        struct media_watch *w = NULL;
        json_int_t number = 0;
        struct err closed;
        json_error_t why;

        (void)id;
        if (json_unpack_ex(body, &why, JSON_STRICT, "{s:I}", "subscription", &number) < 0)
                return err_set(e, ERR_INVALID, "media.close: %s", why.text);
        int r = media_of_body(peer, number, &w, e);
        if (r < 0)
                return r;
        if (!w->play)
                media_unwatch(m, w->stream, w->number);
        err_set(&closed, ERR_CANCELLED, "media: it was closed");
        media_refuse(w, &closed);
        log_info(&peer->log, "media.closed", "stream=%s subscription=%" PRIu32, w->stream,
                w->reader.subscription);
        media_forget(m, w);
        return 0;
}

/* run returns 0 (an empty answer), PARENT_STATUS_LATER, or why not. */
static const struct media_request {
        const char *type;
        int (*run)(struct media_peer *peer, int64_t id, json_t *body, struct err *e);
} media_requests[] = {
        { "media.open", media_on_open },
        { "media.credit", media_on_credit },
        { "media.grant", media_on_grant },
        { "media.close", media_on_close },
};

static int media_run(struct media_peer *peer, const struct link_message *q, struct err *e)
{
        for (size_t i = 0; i < ARRAY_LEN(media_requests); i++)
                if (strcmp(q->type, media_requests[i].type) == 0)
                        return media_requests[i].run(peer, q->id, q->body, e);
        return err_set(e, ERR_INVALID, "a recorder answers no such request of a gateway");
}

static int media_on_link(void *owner, struct chan *c, struct chan_message *msg, struct err *e)
{
        struct media_peer *peer = owner;
        struct link_message request;
        struct err why;

        (void)c;
        if (msg->type != LINK_MESSAGE || msg->fds_n)
                return err_set(e, ERR_PROTOCOL, "message %u from a gateway", msg->type);
        int r = link_parse(msg->body, &request, e);
        if (r < 0)
                return r;
        if (request.id > 0) {
                int answer = media_run(peer, &request, &why);
                if (answer < 0)
                        media_failed(peer, request.id, &why);
                else if (answer == 0)
                        media_answer(peer, request.id, NULL);
        }
        link_message_done(&request);
        return 0;
}

/* --- links --- */

static void media_forget_peer(struct media_peer *peer)
{
        struct parent_media *m = peer->media;
        struct media_peer **at = &m->peers;

        for (struct media_watch *w = m->watches, *next; w; w = next) {
                next = w->next;
                if (w->peer != peer)
                        continue;
                if (!w->play)
                        media_unwatch(m, w->stream, w->number);
                media_forget(m, w);
        }
        while (*at != peer)
                at = &(*at)->next;
        *at = peer->next;
        chan_free(peer->chan);
        free(peer);
        if (!m->peers)
                timer_done(&m->look);
}

static void media_on_link_end(void *owner, struct chan *c, const struct err *e)
{
        struct media_peer *peer = owner;

        (void)c;
        log_info(&peer->log, "gateway.gone", "err=\"%s\"", e->text);
        media_forget_peer(peer);
}

static void media_on_look(void *owner)
{
        struct parent_media *m = owner;
        int64_t since_us = clock_boot_us() - PARENT_MEDIA_ASK_MS * INT64_C(1000);
        struct err why;

        err_set(&why, ERR_TIMEOUT, "media: no answer from the stream's sealer and worker");
        for (struct media_watch *w = m->watches, *next; w; w = next) {
                next = w->next;
                if (!w->asked || w->asked_us > since_us)
                        continue;
                if (media_begun(w)) {
                        media_refuse(w, &why);
                } else {
                        if (!w->play)
                                media_unwatch(m, w->stream, w->number);
                        media_over(m, w, &why);
                }
        }
}

void parent_media_attach(struct parent_media *m, int fd, const char *uri)
{
        static const struct chan_events events = { media_on_link, media_on_link_end,
                media_on_room };
        struct media_peer *peer = xcalloc(1, sizeof *peer);

        for (struct media_peer *old = m->peers; old; old = old->next) {
                if (strcmp(old->uri, uri) == 0) { /* a second link of the same ends the first */
                        media_forget_peer(old);
                        break;
                }
        }
        *peer = (struct media_peer){ .next = m->peers, .media = m };
        snprintf(peer->uri, sizeof peer->uri, "%s", uri);
        snprintf(peer->log.prefix, sizeof peer->log.prefix, "gateway=%.80s", uri);
        peer->chan = chan_new(m->parent->loop, fd, &events, peer);
        m->peers = peer;
        if (!m->look.handle)
                timer_start(&m->look, m->parent->loop, PARENT_MEDIA_LOOK_MS, PARENT_MEDIA_LOOK_MS,
                        media_on_look, m);
        log_info(&peer->log, "gateway.here", "links=1");
}

struct parent_media *parent_media_new(struct parent *p)
{
        struct parent_media *m = xcalloc(1, sizeof *m);

        m->parent = p;
        buf_init_full(&m->message, MEDIA_MESSAGE_MAX);
        return m;
}

struct parent_media *parent_media_free(struct parent_media *m)
{
        if (!m)
                return NULL;
        while (m->peers)
                media_forget_peer(m->peers);
        timer_done(&m->look);
        table_done(&m->groups);
        buf_done(&m->message);
        free(m);
        return NULL;
}

/* --- footage --- */

static void media_on_play_wrap(void *owner, const uint8_t wrap[static MEDIA_BOX_WRAP_BYTES])
{
        char hex[2 * MEDIA_BOX_WRAP_BYTES + 1];
        struct media_watch *w = owner;

        if (w->asked)
                media_answer(w->peer, w->asked,
                        w->playing ? json_object()
                                   : json_pack("{s:s}", "wrap",
                                             str_hex(hex, BYTES(wrap, MEDIA_BOX_WRAP_BYTES))));
        if (!w->playing)
                log_info(&w->peer->log, "media.open", "stream=%s subscription=%" PRIu32 " use=%s",
                        w->stream, w->reader.subscription,
                        parent_play_exports(w->play) ? "export" : "playback");
        w->asked = 0;
        w->playing = true;
}

/* The player holds to the credit; where the link has no room, it is not read meanwhile. */
static int media_on_play_media(void *owner, struct bytes message, struct err *e)
{
        uint8_t head[MEDIA_MESSAGE_HEADER_BYTES];
        struct media_watch *w = owner;
        struct buf *out = &w->peer->media->message;
        struct media_message m;
        struct bytes sealed;

        int r = media_message_parse(message, &m, &sealed, e);
        if (r < 0)
                return r;
        if (!w->playing || message.n > w->reader.credit)
                return err_set(e, ERR_PROTOCOL, "a player that sends more than its credit");
        w->reader.credit -= message.n;
        m.subscription = w->reader.subscription;
        media_message_format(&m, head);
        buf_clear(out);
        r = buf_append(out, BYTES(head, sizeof head), e);
        if (r == 0)
                r = buf_append(out, sealed, e);
        if (r < 0)
                return r;
        if (chan_send(w->peer->chan, LINK_MEDIA, buf_bytes(out), NULL, 0, NULL) == 0)
                parent_play_hold(
                        w->play, chan_queued(w->peer->chan) >= PARENT_MEDIA_LINK_QUEUE_MAX);
        return 0; /* a link's end follows by itself */
}

static void media_on_play_not_granted(void *owner, const struct err *why)
{
        media_refuse(owner, why);
}

static void media_on_play_over(void *owner, const struct err *why)
{
        struct media_watch *w = owner;
        struct err end;

        err_set(&end, 0, "all that was asked for is sent");
        media_over(w->peer->media, w, why ? why : &end);
}

static int media_play(struct media_watch *w, int64_t id, struct media_open *q, struct err *e)
{
        static const struct parent_play_events events = { media_on_play_wrap, media_on_play_media,
                media_on_play_not_granted, media_on_play_over };

        snprintf(q->play.stream, sizeof q->play.stream, "%s", w->stream);
        q->play.credit = w->reader.credit;
        q->play.token = bytes_str(q->grant);
        w->asked = id;
        w->asked_us = clock_boot_us();
        return parent_play_new(
                w->peer->media->parent, w->number, &q->play, &events, w, &w->play, e);
}

void parent_media_player(struct parent_media *m, uint32_t number, int fd)
{
        struct media_watch *w = media_find(m, number);

        if (w && w->play)
                parent_play_attach(w->play, fd);
        else
                close(fd); /* it was closed meanwhile */
}

/* --- what sealer and worker say --- */

int parent_media_on_not_granted(struct parent_media *m, struct bytes body, struct err *e)
{
        uint32_t number;
        struct err why;

        int r = message_not_connected_parse(body, &number, &why, e);
        if (r < 0)
                return r;
        struct media_watch *w = media_find(m, number);
        if (!w || !w->asked)
                return 0;
        if (media_begun(w))
                media_refuse(w, &why);
        else
                media_over(m, w, &why);
        return 0;
}

static int media_on_watched(struct parent_media *m, const char *stream, struct unpack *u)
{
        uint8_t wrap[MEDIA_BOX_WRAP_BYTES];
        char hex[2 * sizeof wrap + 1];
        uint32_t number = unpack_u32(u);

        (void)unpack_i64(u); /* until when: the worker holds to it */
        uint32_t group = unpack_u32(u);
        unpack_copy(u, wrap, sizeof wrap);
        if (!unpack_complete(u) || group == 0)
                return ERR_PROTOCOL;
        struct media_watch *w = media_find(m, number);
        if (!w || strcmp(w->stream, stream) != 0) {
                media_unwatch(m, stream, number); /* it was closed meanwhile */
                return 0;
        }
        bool begins = !w->group;
        media_join_group(m, w, group);
        if (!w->asked)
                return 0;
        json_t *body = begins ? json_pack("{s:s}", "wrap", str_hex(hex, BYTES(wrap, sizeof wrap)))
                              : json_object();
        media_answer(w->peer, w->asked, body);
        w->asked = 0;
        if (begins)
                log_info(&w->peer->log, "media.open", "stream=%s subscription=%" PRIu32, w->stream,
                        w->reader.subscription);
        return 0;
}

static int media_on_not_watched(struct parent_media *m, const char *stream, struct unpack *u)
{
        uint32_t number = unpack_u32(u);
        struct err why = { .code = -(int)unpack_u8(u) };
        unsigned fault = unpack_u8(u);

        unpack_string(u, why.text, sizeof why.text);
        bool over = unpack_u8(u) != 0;
        if (!unpack_complete(u) || fault >= FAULTS)
                return ERR_PROTOCOL;
        why.fault = (enum fault)fault;
        struct media_watch *w = media_find(m, number);
        if (!w || strcmp(w->stream, stream) != 0)
                return 0;
        if (over)
                media_over(m, w, &why);
        else
                media_refuse(w, &why);
        return 0;
}

static int media_on_media(
        struct parent_media *m, const char *stream, struct unpack *u, struct err *e)
{
        char name[HEAD_PATH_MAX + 16];
        uint32_t number = unpack_u32(u);
        struct bytes message = unpack_rest(u);

        if (u->bad)
                return ERR_PROTOCOL;
        media_group_name(name, stream, number);
        struct media_group *g = table_get(&m->groups, name);
        int r = g ? hub_group_push(&g->hub, message, e) : 0;
        if (r <= 0)
                return r;
        for (struct media_peer *peer = m->peers; peer; peer = peer->next)
                media_pump(peer);
        return 0;
}

int parent_media_on_worker(struct parent_worker *w, struct chan_message *msg, struct err *e)
{
        struct parent_media *m = w->parent->media;
        struct unpack u = unpack_of(msg->body);
        char stream[HEAD_PATH_MAX];
        struct err why = { 0 };
        int r = ERR_PROTOCOL;

        unpack_string(&u, stream, sizeof stream);
        struct parent_stream *t = u.bad ? NULL : table_get(&w->parent->streams, stream);
        if (!u.bad && (!t || parent_stream_chan(t) != w->chan))
                return 0; /* was taken away meanwhile */
        if (!u.bad && msg->type == MESSAGE_WATCHED)
                r = media_on_watched(m, stream, &u);
        else if (!u.bad && msg->type == MESSAGE_NOT_WATCHED)
                r = media_on_not_watched(m, stream, &u);
        else if (!u.bad)
                r = media_on_media(m, stream, &u, &why);
        return r == 0 ? 0
                      : err_set(e, ERR_PROTOCOL, "message %u from a worker: malformed %s",
                                msg->type, why.text);
}

void parent_media_lost(struct parent_media *m, const char *stream, const char *why)
{
        struct err e;

        err_set(&e, ERR_UNAVAILABLE, "%s: %s: open it again", stream, why);
        for (struct media_watch *w = m ? m->watches : NULL, *next; w; w = next) {
                next = w->next;
                if (!w->play && strcmp(w->stream, stream) == 0)
                        media_over(m, w, &e);
        }
}

void parent_media_sealer_gone(struct parent_media *m)
{
        struct err e;

        err_set(&e, ERR_UNAVAILABLE, "media: the sealer is away: ask again");
        for (struct media_watch *w = m ? m->watches : NULL, *next; w; w = next) {
                next = w->next;
                if (w->asked && !media_begun(w))
                        media_over(m, w, &e);
                else
                        media_refuse(w, &e);
        }
}
