/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/role_conn.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/str.h"
#include "crypto/random.h"
#include "net/role_conn_parts.h"
#include "os/clock.h"

#define LINGER_MS 1000
/* One head and one body, and what a record can bring behind them. */
#define IN_MAX (HTTP_REQUEST_HEAD_MAX + HTTP_REQUEST_BODY_MAX + TLS_RECORD_MAX)
/* One message, or one HTTP answer. */
#define OUT_MAX ((160u << 10) + WEBSOCKET_FRAME_OVERHEAD)
/* Pings, pongs, a close and HTTP go out though the queue is full of messages. */
#define QUEUE_SLACK (256u << 10)

_Static_assert(ROLE_CONN_TEXT_MAX + WEBSOCKET_FRAME_OVERHEAD < OUT_MAX &&
                       ROLE_CONN_BINARY_MAX + WEBSOCKET_FRAME_OVERHEAD < OUT_MAX,
        "a message fits");
_Static_assert(ROLE_CONN_QUEUE_MAX + QUEUE_SLACK + OUT_MAX < TLS_OUTPUT_MAX,
        "the stream refuses before TLS does, which would break it");

/* RFC 6455 section 7.4.1 */
enum { STATUS_NORMAL = 1000, STATUS_GOING_AWAY = 1001, STATUS_NONE = 1005, STATUS_POLICY = 1008 };

static void destroy(struct role_conn *c)
{
        websocket_reader_free(c->reader);
        buf_done(&c->in);
        buf_done(&c->out);
        free(c);
}

void role_conn_enter(struct role_conn *c)
{
        c->depth++;
}

bool role_conn_leave(struct role_conn *c)
{
        c->depth--;
        if (!c->freed)
                return true;
        if (c->depth == 0)
                destroy(c);
        return false;
}

static void stop_timers(struct role_conn *c)
{
        timer_done(&c->deadline);
        timer_done(&c->ping);
        timer_done(&c->silence);
        timer_done(&c->again);
}

/* Tells the end; only with nothing of the owner's on the stack. */
static void finish(struct role_conn *c)
{
        role_conn_state(c, &c->last);
        c->last.open = false;
        c->last.queued = 0;
        c->phase = ROLE_CONN_ENDED;
        stop_timers(c);
        c->stream = stream_free(c->stream);
        c->tls = NULL;
        role_conn_enter(c);
        c->events->on_end(c->owner, c, &c->why);
        role_conn_leave(c);
}

static void on_deadline(void *owner)
{
        struct role_conn *c = owner;

        if (c->phase < ROLE_CONN_UP)
                err_fault(&c->why, ERR_TIMEOUT, FAULT_NO_ANSWER,
                        "the link was not open after %u ms", c->limits.open_ms);
        finish(c);
}

static void end_in(struct role_conn *c, enum role_conn_phase phase, unsigned ms)
{
        c->phase = phase;
        stop_timers(c);
        timer_start(&c->deadline, c->loop, ms, 0, on_deadline, c);
        c->held = false;
        role_conn_update_reading(c);
}

void role_conn_over(struct role_conn *c, const struct err *why)
{
        if (c->phase >= ROLE_CONN_OVER)
                return;
        if (why != &c->why)
                c->why = *why;
        end_in(c, ROLE_CONN_OVER, 0);
}

void role_conn_linger(struct role_conn *c, const struct err *why)
{
        if (c->phase >= ROLE_CONN_OVER)
                return;
        if (why != &c->why)
                c->why = *why;
        end_in(c, ROLE_CONN_LINGER, LINGER_MS);
}

void role_conn_update_reading(struct role_conn *c)
{
        if (c->stream)
                stream_pause(c->stream, c->held || (c->phase == ROLE_CONN_HTTP && c->asked));
}

/* ---- messages ---- */

static int write_frame(
        struct role_conn *c, enum websocket_kind kind, struct bytes payload, struct err *e)
{
        uint8_t mask[4];
        int r;

        if (!c->accepted) /* section 5.3: one that nobody can foretell, for each frame */
                random_bytes(mask, sizeof mask);
        buf_clear(&c->out);
        r = websocket_format(kind, payload, c->accepted ? NULL : mask, &c->out, e);
        if (r == 0)
                r = stream_write(c->stream, buf_bytes(&c->out), e);
        if (kind == WEBSOCKET_TEXT && c->out.n) /* passwords and codes stand in some */
                explicit_bzero(c->out.p, c->out.n);
        return r;
}

/* Best effort: where the queue is full, or the connection broken, its end is near anyway. */
static void say_close(struct role_conn *c, uint16_t status, const char *reason)
{
        struct buf payload;

        buf_init(&payload, 125);
        websocket_close_payload(status, reason, &payload);
        (void)!write_frame(c, WEBSOCKET_CLOSE, buf_bytes(&payload), NULL);
        buf_done(&payload);
}

static void on_ping(void *owner)
{
        struct role_conn *c = owner;

        (void)!write_frame(c, WEBSOCKET_PING, BYTES(NULL, 0), NULL);
        buf_done(&c->out); /* a quiet link keeps no room for its largest message */
}

static void on_silence(void *owner)
{
        struct role_conn *c = owner;
        const uint64_t silent_ms = uv_now(loop_uv(c->loop)) - c->heard_ms;
        const bool silent = !c->held && silent_ms >= c->limits.silence_ms;
        struct err e;

        if (silent && c->doubted) {
                err_fault(&e, ERR_TIMEOUT, FAULT_NO_ANSWER, "nothing was heard for %u ms",
                        c->limits.silence_ms);
                role_conn_over(c, &e);
                return;
        }
        /* It may be us who were late: first what lies in the socket is read. */
        c->doubted = silent;
        timer_start(&c->silence, c->loop,
                silent    ? 1
                : c->held ? c->limits.silence_ms
                          : c->limits.silence_ms - silent_ms,
                0, on_silence, c);
}

/* RFC 6455 section 5.5.1: it is answered by one; then the accepting side is the first to close. */
static void take_close(struct role_conn *c, const struct websocket_message *m)
{
        char reason[200];

        if (c->phase == ROLE_CONN_UP) {
                err_fault(&c->why, ERR_UNAVAILABLE, FAULT_CONNECTION_CLOSED,
                        "the other side closed the link (%u%s%s)", m->status,
                        m->payload.n ? " " : "", str_escape(reason, sizeof reason, m->payload));
                say_close(c, m->status == STATUS_NONE ? STATUS_NORMAL : m->status, "");
        }
        if (c->accepted)
                role_conn_over(c, &c->why);
        else
                role_conn_linger(c, &c->why);
}

static int on_frame(void *owner, const struct websocket_message *m, struct err *e)
{
        struct role_conn *c = owner;
        int r = 0;

        switch (m->kind) {
        case WEBSOCKET_TEXT:
        case WEBSOCKET_BINARY:
                if (c->phase == ROLE_CONN_UP)
                        r = c->events->on_message(
                                c->owner, c, m->kind == WEBSOCKET_TEXT, m->payload, e);
                break;
        case WEBSOCKET_PING:
                if (c->phase == ROLE_CONN_UP)
                        (void)!write_frame(c, WEBSOCKET_PONG, m->payload, NULL);
                break;
        case WEBSOCKET_PONG:
                break;
        case WEBSOCKET_CLOSE:
                if (c->phase == ROLE_CONN_UP || c->phase == ROLE_CONN_CLOSING)
                        take_close(c, m);
                break;
        }
        return c->freed ? ERR_CANCELLED : r;
}

static void take_frames(struct role_conn *c, struct bytes plain)
{
        struct err e = { 0 };
        uint16_t status = STATUS_POLICY; /* where it is the owner that will not have it */
        int r = websocket_reader_push(c->reader, plain, on_frame, c, &status, &e);

        if (r >= 0 || c->freed)
                return;
        if (c->phase == ROLE_CONN_CLOSING) {
                role_conn_linger(c, &c->why);
        } else if (c->phase == ROLE_CONN_UP) {
                say_close(c, status, err_name(e.code));
                role_conn_linger(c, &e);
        }
}

void role_conn_up(struct role_conn *c, struct bytes rest)
{
        c->phase = ROLE_CONN_UP;
        c->opened_us = clock_wall_us();
        c->reader = websocket_reader_new(c->accepted, ROLE_CONN_TEXT_MAX, ROLE_CONN_BINARY_MAX);
        timer_done(&c->deadline);
        timer_start(&c->ping, c->loop, c->limits.ping_ms, c->limits.ping_ms, on_ping, c);
        timer_start(&c->silence, c->loop, c->limits.silence_ms, 0, on_silence, c);
        c->events->on_open(c->owner, c);
        if (!c->freed && rest.n > 0 && c->phase <= ROLE_CONN_CLOSING)
                take_frames(c, rest);
}

/* ---- the stream ---- */

static void on_ready(void *owner, struct stream *s)
{
        struct role_conn *c = owner;
        struct err e;

        (void)s;
        c->heard_ms = uv_now(loop_uv(c->loop));
        c->have_peer = tls_role_peer(c->tls, &c->peer);
        if (c->accepted) {
                c->phase = ROLE_CONN_HTTP;
                role_conn_update_reading(c);
        } else if (c->have_peer) {
                role_conn_ask(c);
        } else {
                err_set(&e, ERR_AUTH, "the other side has shown no certificate");
                role_conn_over(c, &e);
        }
}

static int on_data(void *owner, struct stream *s, struct bytes plain, struct err *e)
{
        struct role_conn *c = owner;

        (void)s;
        (void)e;
        role_conn_enter(c);
        c->heard_ms = uv_now(loop_uv(c->loop));
        if (c->phase == ROLE_CONN_ASKED)
                role_conn_take_answer(c, plain);
        else if (c->phase == ROLE_CONN_HTTP)
                role_conn_take_requests(c, plain);
        else if (c->phase == ROLE_CONN_UP || c->phase == ROLE_CONN_CLOSING)
                take_frames(c, plain);
        return role_conn_leave(c) ? 0 : ERR_CANCELLED;
}

static void on_drain(void *owner, struct stream *s)
{
        struct role_conn *c = owner;

        (void)s;
        if (c->phase != ROLE_CONN_UP || !c->events->on_drain)
                return;
        role_conn_enter(c);
        c->events->on_drain(c->owner, c);
        role_conn_leave(c);
}

static void on_stream_end(void *owner, struct stream *s, const struct err *why)
{
        struct role_conn *c = owner;

        (void)s;
        if (c->phase < ROLE_CONN_CLOSING)
                c->why = *why;
        finish(c);
}

static void note_address(struct role_conn *c, int fd)
{
        struct sockaddr_storage a;
        socklen_t n = sizeof a;
        char text[INET6_ADDRSTRLEN];
        const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a;
        const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a;

        if (getpeername(fd, (struct sockaddr *)&a, &n) < 0)
                return;
        if (a.ss_family == AF_INET && inet_ntop(AF_INET, &v4->sin_addr, text, sizeof text))
                snprintf(c->address, sizeof c->address, "%s:%u", text, ntohs(v4->sin_port));
        else if (a.ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) &&
                 inet_ntop(AF_INET, v6->sin6_addr.s6_addr + 12, text, sizeof text))
                snprintf(c->address, sizeof c->address, "%s:%u", text, ntohs(v6->sin6_port));
        else if (a.ss_family == AF_INET6 && inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof text))
                snprintf(c->address, sizeof c->address, "[%s]:%u", text, ntohs(v6->sin6_port));
}

static int begin(struct stream_shared *sh, int fd, struct tls *t, bool accepted,
        const struct role_conn_events *events, void *owner, struct role_conn **ret, struct err *e)
{
        static const struct stream_events handlers = { on_ready, on_data, on_drain, on_stream_end };
        const struct stream_options o = { .client = !accepted,
                .output_max_bytes = ROLE_CONN_QUEUE_MAX + QUEUE_SLACK,
                .drain_bytes = ROLE_CONN_LOW,
                .handshake_ms = ROLE_CONN_OPEN_MS };
        struct role_conn *c = xcalloc(1, sizeof *c);
        int r;

        c->loop = stream_shared_loop(sh);
        c->accepted = accepted;
        c->events = events;
        c->owner = owner;
        c->tls = t;
        buf_init(&c->in, IN_MAX);
        buf_init(&c->out, OUT_MAX);
        note_address(c, fd);
        r = stream_new(sh, fd, t, &o, &handlers, c, &c->stream, e);
        if (r < 0) {
                destroy(c);
                return r;
        }
        role_conn_limit(c, &(struct role_conn_limits){ 0 });
        *ret = c;
        return 0;
}

/* ---- what the owner calls ---- */

int role_conn_connect(struct stream_shared *sh, int fd, struct tls *t,
        const struct role_conn_events *events, void *owner, struct role_conn **ret, struct err *e)
{
        return begin(sh, fd, t, false, events, owner, ret, e);
}

int role_conn_accept(struct stream_shared *sh, int fd, struct tls *t,
        const struct role_conn_events *events, void *owner, struct role_conn **ret, struct err *e)
{
        return begin(sh, fd, t, true, events, owner, ret, e);
}

struct role_conn *role_conn_free(struct role_conn *c)
{
        if (!c)
                return NULL;
        if (c->phase == ROLE_CONN_UP)
                say_close(c, STATUS_GOING_AWAY, "");
        c->phase = ROLE_CONN_ENDED;
        stop_timers(c);
        c->stream = stream_free(c->stream);
        c->tls = NULL;
        c->freed = true;
        if (c->depth == 0)
                destroy(c);
        return NULL;
}

void role_conn_limit(struct role_conn *c, const struct role_conn_limits *l)
{
        c->limits = (struct role_conn_limits){
                .open_ms = l->open_ms ? l->open_ms : ROLE_CONN_OPEN_MS,
                .ping_ms = l->ping_ms ? l->ping_ms : ROLE_CONN_PING_MS,
                .silence_ms = l->silence_ms ? l->silence_ms : ROLE_CONN_SILENCE_MS,
                .close_ms = l->close_ms ? l->close_ms : ROLE_CONN_CLOSE_MS,
        };
        timer_start(&c->deadline, c->loop, c->limits.open_ms, 0, on_deadline, c);
}

int role_conn_send(struct role_conn *c, bool text, struct bytes m, struct err *e)
{
        const size_t max = text ? ROLE_CONN_TEXT_MAX : ROLE_CONN_BINARY_MAX;

        if (c->phase != ROLE_CONN_UP)
                return err_set(e, ERR_STATE, "the link is not open");
        if (m.n > max)
                return err_set(e, ERR_INVALID, "a message of %zu bytes, at most %zu", m.n, max);
        if (stream_queued(c->stream) + m.n > ROLE_CONN_QUEUE_MAX)
                return err_fault(e, ERR_EXHAUSTED, FAULT_DOES_NOT_READ,
                        "the other side does not read: %zu bytes wait already",
                        stream_queued(c->stream));
        return write_frame(c, text ? WEBSOCKET_TEXT : WEBSOCKET_BINARY, m, e);
}

size_t role_conn_queued(const struct role_conn *c)
{
        return c->stream ? stream_queued(c->stream) : 0;
}

void role_conn_hold(struct role_conn *c, bool held)
{
        if (c->phase > ROLE_CONN_UP)
                return;
        c->held = held;
        c->heard_ms = uv_now(loop_uv(c->loop));
        role_conn_update_reading(c);
}

void role_conn_close(struct role_conn *c, uint16_t status, const char *reason)
{
        struct err e;

        if (c->phase >= ROLE_CONN_CLOSING)
                return;
        err_set(&e, ERR_CANCELLED, "closed here (%u%s%s)", status, *reason ? " " : "", reason);
        if (c->phase != ROLE_CONN_UP) {
                role_conn_over(c, &e);
                return;
        }
        say_close(c, status, reason);
        c->why = e;
        end_in(c, ROLE_CONN_CLOSING, c->limits.close_ms);
}

const struct tls_role_peer *role_conn_peer(const struct role_conn *c)
{
        return c->have_peer ? &c->peer : NULL;
}

int role_conn_rekey(struct role_conn *c, struct err *e)
{
        int r = c->phase == ROLE_CONN_TLS || !c->tls
                        ? err_set(e, ERR_STATE, "the connection is not open")
                        : tls_rekey(c->tls, e);

        if (r == 0)
                stream_hold(c->stream, false); /* sends what the session has put out */
        return r;
}

void role_conn_recheck(struct role_conn *c, struct tls_role_config *config, int64_t now_us)
{
        struct err e;

        if (c->have_peer && c->phase < ROLE_CONN_OVER &&
                tls_role_recheck(c->tls, config, now_us, &e) < 0)
                role_conn_over(c, &e);
}

void role_conn_state(const struct role_conn *c, struct role_conn_state *ret)
{
        struct role_conn_state s = { .open = c->phase == ROLE_CONN_UP, .accepted = c->accepted };

        if (!c->stream) {
                *ret = c->last;
                return;
        }
        memcpy(s.address, c->address, sizeof s.address);
        s.tls_version = tls_version(c->tls);
        s.cipher = tls_cipher(c->tls);
        s.opened_us = c->opened_us;
        s.bytes_in = stream_received(c->stream);
        s.bytes_out = stream_sent(c->stream);
        s.plaintext_bytes = stream_plaintext(c->stream);
        tls_rekeys(c->tls, &s.rekeys_out, &s.rekeys_in);
        s.queued = stream_queued(c->stream);
        *ret = s;
}
