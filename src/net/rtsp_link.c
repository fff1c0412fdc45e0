/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/network.h"
#include "base/str.h"
#include "crypto/random.h"
#include "net/datagrams.h"
#include "net/rtsp_refusal.h"
#include "os/clock.h"
#include "proto/tunnel.h"

#define HEAD_OUT_MAX 8192
#define TALK_MAX (1u << 20) /* bytes before PLAY: certificates, and answers of at most 96 KB */
#define PENDING_MAX 16384
/* A POST lost under a request, or refused with 401: so often the same request is sent again. */
#define RESENDS_MAX 3

/* A connection, by what goes on it. The first is the GET of a tunnel, or all there is. */
enum half_name { HALF_MAIN, HALF_POST };

struct half {
        struct rtsp_link *link;
        struct stream *stream; /* owned; NULL: not open */
        bool ready;            /* its handshake is done */
        bool dead;             /* it ended; the stream is still to be freed */
        bool body;             /* of a tunnel: what comes now is RTSP */
        unsigned requests;     /* sent on it, of a POST */
        struct buf head;       /* of a tunnel: the answer's head so far */
        struct rtsp_splitter splitter;
};

struct rtsp_link {
        struct stream_shared *shared; /* borrowed */
        const struct rtsp_link_events *events;
        void *owner;
        enum rtsp_link_carrier carrier;
        bool plain;
        struct url url;
        struct login login;
        struct digest_client
                http_auth; /* apart from RTSP's: other nonces, often another strength */
        unsigned handshake_ms;
        uint8_t cookie[TUNNEL_COOKIE_BYTES];
        uint8_t key[32]; /* of the first connection's peer */
        bool has_key;
        struct sockaddr_storage peer; /* of the first connection */
        struct half halves[2];
        struct datagrams *datagrams[RTSP_LINK_TRACKS_MAX]; /* owned; NULL: none */
        int wanted; /* the half that a connection was asked for, or -1 */
        bool open, ended, freed;
        bool playing;       /* media may come, as much as they are */
        struct buf pending; /* the newest request of a tunnel, until it is answered */
        unsigned resends;   /* of the pending request */
        struct timer soon;  /* an error that is to be told from the loop */
        struct err broken;
        uint64_t received; /* of closed connections */
        unsigned busy;     /* our own calls on the stack */
        struct rtsp_link_time now;
};

/* ---- the end ---- */

static void wipe(struct buf *b)
{
        if (b->p)
                explicit_bzero(b->p, b->room); /* with Basic it holds the password */
        buf_clear(b);
}

static void destroy(struct rtsp_link *l)
{
        explicit_bzero(&l->http_auth, sizeof l->http_auth);
        wipe(&l->pending);
        buf_done(&l->pending);
        for (int i = 0; i < 2; i++) {
                buf_done(&l->halves[i].head);
                rtsp_splitter_done(&l->halves[i].splitter);
        }
        free(l);
}

static void enter(struct rtsp_link *l)
{
        l->busy++;
}

/* False: l is gone. */
static bool leave(struct rtsp_link *l)
{
        if (--l->busy > 0 || !l->freed)
                return !l->freed;
        destroy(l);
        return false;
}

static void close_half(struct half *h)
{
        if (h->stream)
                h->link->received += stream_received(h->stream);
        h->stream = stream_free(h->stream);
        h->ready = h->dead = h->body = false;
        h->requests = 0;
        buf_clear(&h->head);
        rtsp_splitter_reset(&h->splitter);
}

static void end(struct rtsp_link *l, const struct err *why)
{
        struct err e = *why;

        if (l->ended || l->freed)
                return;
        l->ended = true;
        timer_done(&l->soon);
        l->events->on_end(l->owner, &e);
}

static void on_soon(void *owner)
{
        struct rtsp_link *l = owner;

        end(l, &l->broken);
}

/* In a call of the owner's: told from the loop. */
static void end_soon(struct rtsp_link *l, const struct err *why)
{
        if (l->ended || l->broken.code)
                return;
        l->broken = *why;
        timer_start(&l->soon, stream_shared_loop(l->shared), 0, 0, on_soon, l);
}

/* ---- sending ---- */

static const char *half_method(const struct half *h)
{
        return h == &h->link->halves[HALF_POST] ? "POST" : "GET";
}

/* The head of the GET or the POST. */
static int send_head(struct half *h, struct err *e)
{
        struct rtsp_link *l = h->link;
        char answer[DIGEST_ANSWER_ROOM];
        struct buf out;
        int r = login_answer(&l->login, half_method(h), l->url.path, answer, e);

        if (r < 0)
                return r;
        buf_init(&out, HEAD_OUT_MAX);
        r = (h == &l->halves[HALF_POST] ? tunnel_post_format : tunnel_get_format)(
                &out, &l->url, l->cookie, r ? answer : NULL, e);
        if (r >= 0)
                r = stream_write(h->stream, buf_bytes(&out), e);
        wipe(&out);
        buf_done(&out);
        explicit_bzero(answer, sizeof answer);
        return r;
}

static int post_pending(struct rtsp_link *l, struct err *e)
{
        struct buf out;
        int r;

        if (l->pending.n == 0)
                return 0;
        buf_init(&out, STR_BASE64_ROOM(PENDING_MAX));
        r = tunnel_encode(&out, buf_bytes(&l->pending), e);
        if (r >= 0)
                r = stream_write(l->halves[HALF_POST].stream, buf_bytes(&out), e);
        wipe(&out);
        buf_done(&out);
        l->halves[HALF_POST].requests++;
        return r;
}

/* Between enter and leave: the owner may free the link. */
static void want(struct rtsp_link *l, enum half_name which)
{
        if (l->wanted >= 0)
                return;
        l->wanted = (int)which;
        l->events->need_connection(l->owner);
}

int rtsp_link_send(struct rtsp_link *l, struct bytes message, struct err *e)
{
        struct half *post = &l->halves[HALF_POST];
        int r;

        if (l->ended || l->freed || !l->open)
                return err_set(e, ERR_STATE, "the connection is not open");
        if (l->carrier != RTSP_LINK_TUNNEL)
                return stream_write(l->halves[HALF_MAIN].stream, message, e);
        wipe(&l->pending);
        r = buf_append(&l->pending, message, e);
        if (r < 0)
                return r;
        l->resends = 0;
        if (post->ready && !post->dead)
                return post_pending(l, e);
        if (!post->stream || post->dead) {
                enter(l);
                close_half(post);
                want(l, HALF_POST);
                leave(l);
        }
        return 0;
}

void rtsp_link_answered(struct rtsp_link *l)
{
        wipe(&l->pending);
}

void rtsp_link_report(struct rtsp_link *l, struct bytes frames)
{
        struct stream *s = l->halves[HALF_MAIN].stream;

        /* A tunnel's peer may take one request a POST; beside datagrams nothing is interleaved. */
        if (l->carrier == RTSP_LINK_INTERLEAVED && l->open && !l->ended && stream_queued(s) == 0)
                (void)!stream_write(s, frames, NULL);
}

enum rtsp_link_carrier rtsp_link_carrier(const struct rtsp_link *l)
{
        return l->carrier;
}

bool rtsp_link_is_plain(const struct rtsp_link *l)
{
        return l->plain;
}

bool rtsp_link_is_peer(const struct rtsp_link *l, struct bytes address)
{
        uint8_t theirs[DATAGRAMS_ADDRESS], said[NETWORK_ADDRESS_BYTES];
        char text[URL_HOST_ROOM];

        if (address.n >= sizeof text)
                return false;
        snprintf(text, sizeof text, "%.*s", (int)address.n, (const char *)address.p);
        if (strcasecmp(text, l->url.host) == 0)
                return true;
        return network_address_parse(text, said, NULL) == 0 &&
               datagrams_address(&l->peer, theirs) && memcmp(theirs, said, sizeof said) == 0;
}

bool rtsp_link_idle(const struct rtsp_link *l)
{
        const struct half *h = &l->halves[l->carrier == RTSP_LINK_TUNNEL ? HALF_POST : HALF_MAIN];

        return l->open && !l->ended && h->stream && !h->dead && stream_queued(h->stream) == 0;
}

/* ---- the answers to GET and POST ---- */

/* Another connection with an answer to the challenge: what a 401 leaves of this one differs too
 * much from camera to camera. */
static int again_with_password(struct half *h, const struct http_answer *a, struct err *e)
{
        struct bytes values[DIGEST_CHALLENGES_MAX];
        struct rtsp_link *l = h->link;
        unsigned n = 0;
        int r;

        while (n < DIGEST_CHALLENGES_MAX &&
                (values[n] = http_answer_header(a, "WWW-Authenticate", n)).p)
                n++;
        r = login_challenge(&l->login, values, n, e);
        if (r < 0)
                return err_wrap(e, r, "%s", half_method(h));
        close_half(h);
        want(l, h == &l->halves[HALF_MAIN] ? HALF_MAIN : HALF_POST);
        return 0;
}

static int on_http(struct half *h, const struct http_answer *a, struct err *e)
{
        struct rtsp_link *l = h->link;

        if (a->status < 200)
                return 0;
        if (a->status == 401)
                return again_with_password(h, a, e);
        if (a->status >= 300)
                return rtsp_refusal_set(e, half_method(h), a->status, a->reason,
                        http_answer_header(a, "Location", 0), FAULT_NO_TUNNEL);
        digest_client_accepted(&l->http_auth);
        l->login.tries = 0;
        if (h == &l->halves[HALF_POST])
                return 0; /* some say 200 at once, some at the end, most never */
        if (http_type_is(http_answer_header(a, "Content-Type", 0), "text/html"))
                return err_fault(
                        e, ERR_UNAVAILABLE, FAULT_NO_TUNNEL, "GET: 200, but a page and no tunnel");
        h->body = true;
        want(l, HALF_POST);
        return 0;
}

/* ---- receiving ---- */

static int on_item(void *owner, const struct rtsp_item *item, struct err *e)
{
        struct rtsp_link *l = owner;
        int r = l->events->on_item(l->owner, item, &l->now, e);

        return l->freed ? ERR_CANCELLED : r;
}

static int on_datagram(void *owner, unsigned track, bool rtcp, struct bytes packet, int64_t wall_us,
        int64_t steady_us)
{
        struct rtsp_link *l = owner;
        const struct rtsp_item item = { .channel = (uint8_t)(2 * track + rtcp), .frame = packet };
        struct err e = { 0 };
        int r;

        if (l->ended)
                return ERR_CANCELLED;
        l->now = (struct rtsp_link_time){ wall_us, steady_us };
        enter(l);
        r = on_item(l, &item, &e);
        if (r < 0 && !l->freed)
                end(l, &e);
        return leave(l) ? r : ERR_CANCELLED;
}

/* The front of *b goes to the head of an answer, until that is whole. */
static int take_http(struct half *h, struct bytes *b, struct err *e)
{
        struct bytes more = bytes_sub(*b, 0, HTTP_HEAD_MAX - h->head.n);
        size_t before = h->head.n;
        struct http_answer a;
        int head, r = buf_append(&h->head, more, e);

        if (r < 0)
                return r;
        head = http_answer_parse(buf_bytes(&h->head), &a, e);
        if (head == ERR_AGAIN) {
                *b = bytes_sub(*b, more.n, b->n);
                return 0;
        }
        if (head < 0)
                return err_wrap(e, head, "%s", half_method(h));
        *b = bytes_sub(*b, (size_t)head - before, b->n);
        if (a.status >= 300) /* the body of a refusal */
                *b = BYTES(NULL, 0);
        r = on_http(h, &a, e);
        buf_clear(&h->head);
        return r;
}

/* An answer of HTTP, or, from some cameras, the answer of RTSP. */
static int take_post(struct half *h, struct bytes b, struct err *e)
{
        while (b.n > 0 && !h->body) {
                uint8_t front[5];
                size_t n = h->head.n < 5 ? h->head.n : 5, more = b.n < 5 - n ? b.n : 5 - n;

                if (n)
                        memcpy(front, h->head.p, n);
                memcpy(front + n, b.p, more);
                switch (tunnel_answer_kind(BYTES(front, n + more))) {
                case TUNNEL_RTSP:
                        h->body = true;
                        if (h->head.n > 0) {
                                int r = rtsp_splitter_feed(
                                        &h->splitter, buf_bytes(&h->head), on_item, h->link, e);

                                if (r < 0)
                                        return r;
                        }
                        break;
                case TUNNEL_OTHER:
                        return 0; /* a page behind a 200, perhaps: of no interest */
                default: {
                        int r = take_http(h, &b, e);

                        if (r < 0 || !h->stream)
                                return r;
                }
                }
        }
        return b.n ? rtsp_splitter_feed(&h->splitter, b, on_item, h->link, e) : 0;
}

static int take_bytes(struct half *h, struct bytes b, struct err *e)
{
        struct rtsp_link *l = h->link;

        if (h == &l->halves[HALF_POST])
                return take_post(h, b, e);
        while (l->carrier == RTSP_LINK_TUNNEL && !h->body && b.n > 0) {
                int r = take_http(h, &b, e);

                if (r < 0 || l->freed || !h->stream)
                        return r;
        }
        return b.n ? rtsp_splitter_feed(&h->splitter, b, on_item, l, e) : 0;
}

/* ---- the streams' events ---- */

static int check_key(struct rtsp_link *l, const struct tls *t, struct err *e)
{
        uint8_t key[32];

        if (!t)
                return 0;
        if (!tls_peer_key(t, key))
                return err_set(e, ERR_AUTH, "the peer showed no key");
        if (l->has_key && memcmp(key, l->key, sizeof key) != 0)
                return err_fault(e, ERR_AUTH, FAULT_TUNNEL_KEYS,
                        "the second connection of the tunnel leads to another key: nothing is "
                        "sent on it");
        memcpy(l->key, key, sizeof key);
        l->has_key = true;
        return 0;
}

static int open_link(struct rtsp_link *l, struct err *e)
{
        if (l->open)
                return 0;
        l->open = true;
        return l->events->on_open(l->owner, e);
}

static int begin_half(struct half *h, struct err *e)
{
        struct rtsp_link *l = h->link;
        const struct tls *t = stream_tls(h->stream);
        int r = check_key(l, t, e);

        if (r >= 0)
                r = l->events->on_secure(l->owner, t, e);
        if (r < 0 || l->freed)
                return r;
        h->ready = true;
        if (l->carrier != RTSP_LINK_TUNNEL)
                return open_link(l, e);
        r = send_head(h, e);
        if (r < 0 || h == &l->halves[HALF_MAIN])
                return r;
        r = post_pending(l, e);
        return r < 0 ? r : open_link(l, e);
}

static void on_ready(void *owner, struct stream *s)
{
        struct half *h = owner;
        struct rtsp_link *l = h->link;
        struct err e = { 0 };
        int r;

        (void)s;
        enter(l);
        r = begin_half(h, &e);
        if (r < 0 && !l->freed)
                end(l, &e);
        leave(l);
}

static int on_data(void *owner, struct stream *s, struct bytes plain, struct err *e)
{
        struct half *h = owner;
        struct rtsp_link *l = h->link;
        int r;

        (void)s;
        if (l->ended)
                return ERR_CANCELLED;
        l->now = (struct rtsp_link_time){ clock_wall_us(), clock_boot_us() };
        enter(l);
        r = take_bytes(h, plain, e);
        if (r < 0 && !l->freed && h->stream != s) {
                /* The stream is gone, and cannot end with the error. */
                end(l, e);
        }
        return leave(l) ? r : ERR_CANCELLED;
}

/* The POST may go at any time: cameras are known that take one request on each. A request that was
 * written behind another one may have crossed the end, and is said again. */
static bool survives(const struct rtsp_link *l, const struct half *h, const struct err *why)
{
        return h == &l->halves[HALF_POST] && l->open && why->fault == FAULT_CONNECTION_CLOSED;
}

static void on_stream_end(void *owner, struct stream *s, const struct err *why)
{
        struct half *h = owner;
        struct rtsp_link *l = h->link;

        (void)s;
        if (!survives(l, h, why)) {
                end(l, why);
                return;
        }
        enter(l);
        h->dead = true;
        h->ready = false;
        if (l->pending.n > 0 && h->requests != 1 && l->resends++ < RESENDS_MAX) {
                close_half(h);
                want(l, HALF_POST);
        }
        leave(l);
}

static const struct stream_events stream_handlers = {
        .on_ready = on_ready,
        .on_data = on_data,
        .on_end = on_stream_end,
};

static int open_half(struct half *h, int fd, struct tls *t, struct err *e)
{
        const struct rtsp_link *l = h->link;
        const struct stream_options o = { .client = true,
                .plain = l->plain,
                .handshake_ms = l->handshake_ms,
                .talk_max_bytes = l->playing ? 0 : TALK_MAX };

        return stream_new(l->shared, fd, t, &o, &stream_handlers, h, &h->stream, e);
}

/* ---- life ---- */

int rtsp_link_new(struct stream_shared *sh, int fd, struct tls *t,
        const struct rtsp_link_options *o, const struct rtsp_link_events *events, void *owner,
        struct rtsp_link **ret, struct err *e)
{
        struct rtsp_link *l = xcalloc(1, sizeof *l);
        int r;

        l->shared = sh;
        l->events = events;
        l->owner = owner;
        l->carrier = o->carrier;
        l->plain = o->plain;
        l->url = *o->url;
        l->login = o->login;
        digest_client_init(&l->http_auth, o->login.auth->basic_allowed);
        l->login.auth = &l->http_auth;
        l->handshake_ms = o->handshake_ms;
        l->wanted = -1;
        socklen_t peer_n = sizeof l->peer;
        (void)!getpeername(fd, (struct sockaddr *)&l->peer, &peer_n);
        random_bytes(l->cookie, sizeof l->cookie);
        buf_init(&l->pending, PENDING_MAX);
        for (int i = 0; i < 2; i++) {
                l->halves[i].link = l;
                buf_init(&l->halves[i].head, HTTP_HEAD_MAX);
                rtsp_splitter_init(&l->halves[i].splitter);
        }
        r = open_half(&l->halves[HALF_MAIN], fd, t, e);
        if (r < 0) {
                destroy(l);
                return r;
        }
        *ret = l;
        return 0;
}

struct rtsp_link *rtsp_link_free(struct rtsp_link *l)
{
        if (!l)
                return NULL;
        timer_done(&l->soon);
        for (int i = 0; i < 2; i++)
                l->halves[i].stream = stream_free(l->halves[i].stream);
        for (unsigned i = 0; i < RTSP_LINK_TRACKS_MAX; i++)
                l->datagrams[i] = datagrams_free(l->datagrams[i]);
        l->freed = true;
        if (l->busy == 0)
                destroy(l);
        return NULL;
}

void rtsp_link_connection(struct rtsp_link *l, int fd, struct tls *t)
{
        struct err e = { 0 };
        int which = l->wanted;

        if (which < 0 || l->ended) {
                close(fd);
                tls_free(t);
                return;
        }
        l->wanted = -1;
        if (open_half(&l->halves[which], fd, t, &e) < 0)
                end_soon(l, &e);
}

int rtsp_link_datagrams(struct rtsp_link *l, unsigned track, const int fds[static 2], struct err *e)
{
        static const struct datagrams_events events = { on_datagram };
        uint8_t peer[DATAGRAMS_ADDRESS];

        if (l->datagrams[track] || !datagrams_address(&l->peer, peer)) {
                close(fds[0]);
                close(fds[1]);
                return err_set(e, ERR_STATE, "UDP: no IP address to take packets from");
        }
        return datagrams_new(l->shared, fds, track, peer, &events, l, &l->datagrams[track], e);
}

void rtsp_link_pace(struct rtsp_link *l, unsigned interval_ms)
{
        for (unsigned i = 0; i < RTSP_LINK_TRACKS_MAX; i++)
                if (l->datagrams[i])
                        datagrams_pace(l->datagrams[i], interval_ms);
        l->playing = true;
        if (l->halves[HALF_MAIN].stream)
                stream_pace(l->halves[HALF_MAIN].stream, interval_ms);
        if (l->halves[HALF_POST].stream)
                stream_pace(l->halves[HALF_POST].stream, 0);
}

uint64_t rtsp_link_received(const struct rtsp_link *l)
{
        uint64_t n = l->received;

        for (int i = 0; i < 2; i++)
                if (l->halves[i].stream)
                        n += stream_received(l->halves[i].stream);
        for (unsigned i = 0; i < RTSP_LINK_TRACKS_MAX; i++)
                if (l->datagrams[i])
                        n += datagrams_counters(l->datagrams[i]).bytes;
        return n;
}

uint64_t rtsp_link_skipped(const struct rtsp_link *l)
{
        return l->halves[HALF_MAIN].splitter.skipped_bytes +
               l->halves[HALF_POST].splitter.skipped_bytes;
}
