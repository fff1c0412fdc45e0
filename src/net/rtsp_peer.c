/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/rtsp_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/random.h"
#include "net/loopback.h"
#include "proto/rtsp_splitter.h"

#define REQUEST_MS 10000u
#define IDLE_MS 60000u
#define RANDOM_BYTES ((RTSP_DIALOG_NONCE_ROOM - 1) / 2)

struct rtsp_peer {
        struct rtsp_peer_options o;
        struct stream *stream;     /* owned; or NULL and */
        struct loopback *loopback; /* owned */
        struct rtsp_splitter splitter;
        struct rtsp_dialog dialog;
        struct timer deadline; /* later: the end that is due */
        struct err ending;     /* why; code 0: it is not ending */
        struct buf response;
        void *slot;
        bool in_request; /* a part of one has come */
        char address[RTSP_PEER_ADDRESS_ROOM];
};

static void draw(char to[static RTSP_DIALOG_NONCE_ROOM])
{
        uint8_t raw[RANDOM_BYTES];

        random_bytes(raw, sizeof raw);
        str_hex(to, BYTES(raw, sizeof raw));
}

static void name_address(int fd, char to[static RTSP_PEER_ADDRESS_ROOM])
{
        struct sockaddr_storage a;
        socklen_t n = sizeof a;
        char host[INET6_ADDRSTRLEN] = "?";
        unsigned port = 0;

        if (getpeername(fd, (struct sockaddr *)&a, &n) == 0 && a.ss_family == AF_INET) {
                const struct sockaddr_in *v4 = (const void *)&a;

                inet_ntop(AF_INET, &v4->sin_addr, host, sizeof host);
                port = ntohs(v4->sin_port);
        } else if (a.ss_family == AF_INET6) {
                const struct sockaddr_in6 *v6 = (const void *)&a;

                inet_ntop(AF_INET6, &v6->sin6_addr, host, sizeof host);
                port = ntohs(v6->sin6_port);
        }
        snprintf(to, RTSP_PEER_ADDRESS_ROOM, strchr(host, ':') ? "[%s]:%u" : "%s:%u", host, port);
}

static void stop_playing(struct rtsp_peer *p, bool was_playing)
{
        if (was_playing)
                p->o.events->on_stop(p->o.owner, p);
}

/* The last step, always from the loop. */
static void gone(struct rtsp_peer *p, const struct err *why)
{
        const struct err kept = *why;
        const bool was_playing = p->dialog.playing;

        p->dialog.playing = false;
        stop_playing(p, was_playing);
        if (p->o.events->on_end)
                p->o.events->on_end(p->o.owner, p, &kept);
        p->o.on_gone(p->o.server, p);
}

static void on_deadline(void *owner)
{
        struct rtsp_peer *p = owner;

        if (p->ending.code == 0)
                err_set(&p->ending, ERR_TIMEOUT,
                        p->in_request ? "a request was not finished in %u ms" : "idle for %u ms",
                        p->in_request          ? p->o.request_ms
                        : p->dialog.session[0] ? p->o.idle_ms
                                               : p->o.request_ms);
        gone(p, &p->ending);
}

static void end_soon(struct rtsp_peer *p, const struct err *why)
{
        if (p->ending.code)
                return;
        p->ending = *why;
        timer_start(&p->deadline, stream_shared_loop(p->o.shared), 0, 0, on_deadline, p);
}

static void set_deadline(struct rtsp_peer *p)
{
        const bool begun = p->splitter.rest.n > 0;

        if (p->ending.code || (begun && p->in_request))
                return; /* bytes that trickle in do not prolong a request */
        p->in_request = begun;
        timer_start(&p->deadline, stream_shared_loop(p->o.shared),
                !begun && p->dialog.session[0] ? p->o.idle_ms : p->o.request_ms, 0, on_deadline, p);
}

static int send_bytes(struct rtsp_peer *p, struct bytes b, struct err *e)
{
        return p->stream ? stream_write(p->stream, b, e) : loopback_write(p->loopback, b, e);
}

static int on_request(struct rtsp_peer *p, const struct rtsp_message *m, struct err *e)
{
        const bool was_playing = p->dialog.playing;
        char session[RTSP_DIALOG_NONCE_ROOM];
        struct err why;
        int next, r;

        draw(session);
        buf_clear(&p->response);
        next = rtsp_dialog_answer(&p->dialog, m, session, &p->response, &why);
        if (why.code && p->o.events->on_refused)
                p->o.events->on_refused(p->o.owner, p, &why);
        if (next < 0)
                return err_set(e, next, "%s", why.text);
        if (next == RTSP_DIALOG_STOP)
                stop_playing(p, was_playing);
        r = send_bytes(p, buf_bytes(&p->response), e);
        if (r < 0)
                return r;
        if (next == RTSP_DIALOG_CLOSE)
                return err_set(e, ERR_DENIED, "closed after: %s", why.text);
        if (next == RTSP_DIALOG_PLAY)
                p->o.events->on_play(p->o.owner, p);
        return 0;
}

static int on_item(void *owner, const struct rtsp_item *item, struct err *e)
{
        struct rtsp_peer *p = owner;

        if (p->ending.code)
                return err_set(e, ERR_CANCELLED, "%s", p->ending.text);
        return item->message ? on_request(p, item->message, e)
                             : 0; /* the client's RTCP is a sign of life, no more */
}

static int on_bytes(void *owner, struct bytes b, struct err *e)
{
        struct rtsp_peer *p = owner;
        struct err why = { 0 };
        const int r = rtsp_splitter_feed(&p->splitter, b, on_item, p, &why);

        (void)e;
        if (r >= 0) {
                set_deadline(p);
                return 0;
        }
        /* The end comes from the loop, so that the response before it is still sent. */
        why.code = r;
        end_soon(p, &why);
        return 0;
}

static void on_ready(void *owner, struct stream *s)
{
        (void)s;
        set_deadline(owner);
}

static int on_stream_data(void *owner, struct stream *s, struct bytes plain, struct err *e)
{
        (void)s;
        return on_bytes(owner, plain, e);
}

static void on_stream_end(void *owner, struct stream *s, const struct err *why)
{
        struct rtsp_peer *p = owner;

        (void)s;
        gone(p, p->ending.code ? &p->ending : why);
}

static void on_loopback_end(void *owner, const struct err *why)
{
        struct rtsp_peer *p = owner;

        gone(p, p->ending.code ? &p->ending : why);
}

static int connect_up(struct rtsp_peer *p, int fd, struct err *e)
{
        static const struct stream_events stream_events = {
                .on_ready = on_ready, .on_data = on_stream_data, .on_end = on_stream_end
        };
        static const struct loopback_events loopback_events = { .on_data = on_bytes,
                .on_end = on_loopback_end };
        const struct stream_options so = { .client = false,
                .output_max_bytes = RTSP_PEER_OUTPUT_MAX };
        struct tls *tls;
        int r;

        if (!p->o.tls) {
                r = loopback_new(stream_shared_loop(p->o.shared), fd, RTSP_PEER_OUTPUT_MAX,
                        &loopback_events, p, &p->loopback, e);
                if (r >= 0)
                        set_deadline(p);
                return r;
        }
        r = tls_server_new(p->o.tls, &tls, e);
        if (r < 0) {
                close(fd);
                return r;
        }
        return stream_new(p->o.shared, fd, tls, &so, &stream_events, p, &p->stream, e);
}

int rtsp_peer_new(const struct rtsp_peer_options *o, int fd, struct rtsp_peer **ret, struct err *e)
{
        struct rtsp_peer *p = xcalloc(1, sizeof *p);
        char nonce[RTSP_DIALOG_NONCE_ROOM];
        int r;

        p->o = *o;
        p->o.request_ms = o->request_ms ? o->request_ms : REQUEST_MS;
        p->o.idle_ms = o->idle_ms ? o->idle_ms : IDLE_MS;
        name_address(fd, p->address);
        rtsp_splitter_init(&p->splitter);
        p->splitter.garbage_max = 0;
        buf_init(&p->response, RTSP_DIALOG_RESPONSE_MAX);
        p->dialog.owner = o->owner;
        p->dialog.user = o->user;
        p->dialog.password = o->password;
        p->dialog.timeout_s = p->o.idle_ms / 1000 ? p->o.idle_ms / 1000 : 1;
        p->dialog.describe = o->events->describe;
        p->dialog.play = o->events->play;
        draw(nonce);
        r = rtsp_dialog_init(&p->dialog, nonce, e);
        if (r < 0)
                close(fd);
        else
                r = connect_up(p, fd, e);
        if (r < 0) {
                rtsp_peer_free(p);
                return r;
        }
        *ret = p;
        return 0;
}

struct rtsp_peer *rtsp_peer_free(struct rtsp_peer *p)
{
        if (!p)
                return NULL;
        timer_done(&p->deadline);
        p->stream = stream_free(p->stream);
        p->loopback = loopback_free(p->loopback);
        rtsp_splitter_done(&p->splitter);
        buf_done(&p->response);
        free(p);
        return NULL;
}

int rtsp_peer_write(struct rtsp_peer *p, struct bytes frames, struct err *e)
{
        struct err why = { 0 };
        int r;

        if (p->ending.code || !p->dialog.playing)
                return err_set(e, ERR_STATE, "%s: not playing", p->address);
        r = send_bytes(p, frames, &why);
        if (r >= 0)
                return 0;
        why.code = r;
        end_soon(p, &why);
        return err_set(e, r, "%s", why.text);
}

void rtsp_peer_hold(struct rtsp_peer *p, bool held)
{
        if (p->stream)
                stream_hold(p->stream, held);
}

const char *rtsp_peer_path(const struct rtsp_peer *p)
{
        return p->dialog.path;
}

const struct rtsp_dialog_track *rtsp_peer_track(const struct rtsp_peer *p, unsigned track)
{
        return track < RTSP_DIALOG_TRACKS_MAX && p->dialog.tracks[track].set_up
                       ? &p->dialog.tracks[track]
                       : NULL;
}

const char *rtsp_peer_address(const struct rtsp_peer *p)
{
        return p->address;
}

void **rtsp_peer_slot(struct rtsp_peer *p)
{
        return &p->slot;
}
