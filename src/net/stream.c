/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/stream.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/own.h"

#define RECEIVE_BYTES (256u << 10)
/* One stream may not keep the others waiting: what is left is read at the next turn of the loop. */
#define READS_PER_TURN 4
/* Beyond the queue's maximum: what sealing adds, and what TLS says by itself. */
#define TALK_BEYOND (64u << 10)

struct stream_shared {
        struct loop *loop; /* borrowed */
        struct timer tick;
        unsigned tick_ms;                /* 0: the timer is not running */
        struct stream_turn *paced;       /* list */
        struct stream_turn *tick_cursor; /* next of the running tick */
        unsigned users; /* stream_shared_new calls, and our own calls on the stack */
        uint8_t received[RECEIVE_BYTES];
};

struct stream {
        uv_poll_t poll;
        struct stream_shared *shared; /* borrowed */
        struct tls *tls;              /* owned; NULL: plain */
        struct buf plain_output;      /* what waits for the socket, where there is no session */
        const struct stream_events *events;
        void *owner;
        int fd; /* owned; -1 once closed */
        size_t output_max, drain_bytes;
        size_t talk_max;       /* 0: none, or no longer */
        struct timer deadline; /* handshake, later a pending end */
        struct stream_turn turn;
        unsigned handshake_ms;
        int poll_events; /* what the poll handle is started with; 0: stopped */
        uint64_t received_bytes, sent_bytes;
        bool ready, ended, freed, drain_due, held, paused;
        struct err broken; /* why a write failed; code 0: none did */
};

/* The loop keeps the pointer (uv_loop_t.data, used by nobody else), so that there is one for each
 * loop without a global. */
struct stream_shared *stream_shared_new(struct loop *l)
{
        struct stream_shared *sh = loop_uv(l)->data;

        if (!sh) {
                sh = xcalloc(1, sizeof *sh);
                sh->loop = l;
                loop_uv(l)->data = sh;
        }
        sh->users++;
        return sh;
}

struct stream_shared *stream_shared_free(struct stream_shared *sh)
{
        if (!sh || --sh->users > 0)
                return NULL;
        timer_done(&sh->tick);
        loop_uv(sh->loop)->data = NULL;
        explicit_bzero(sh->received, sizeof sh->received);
        free(sh);
        return NULL;
}

struct loop *stream_shared_loop(const struct stream_shared *sh)
{
        return sh->loop;
}

uint8_t *stream_shared_room(struct stream_shared *sh, size_t *ret_bytes)
{
        *ret_bytes = sizeof sh->received;
        return sh->received;
}

/* What waits for the socket. */
static struct buf *output(struct stream *s)
{
        return s->tls ? tls_output(s->tls) : &s->plain_output;
}

/* The last step of a stream's life. libuv calls it from the loop, so none of our functions is on
 * the stack. */
static void on_closed(uv_handle_t *h)
{
        struct stream *s = h->data;

        tls_free(s->tls);
        buf_done(&s->plain_output);
        free(s);
}

static void on_poll(uv_poll_t *h, int status, int events);

static void poll_update(struct stream *s)
{
        int want = 0;

        if (!s->ended && !s->freed) {
                if (!s->turn.link && !s->paused)
                        want |= UV_READABLE;
                if (output(s)->n > 0 || s->drain_due) /* a write may have sent it all meanwhile */
                        want |= UV_WRITABLE;
        }
        if (want == s->poll_events)
                return;
        s->poll_events = want;
        if (want)
                uv_poll_start(&s->poll, want, on_poll);
        else
                uv_poll_stop(&s->poll);
}

static void pace_unlink(struct stream_shared *sh, struct stream_turn *t)
{
        if (!t->link)
                return;
        if (sh->tick_cursor == t)
                sh->tick_cursor = t->next;
        *t->link = t->next;
        if (t->next)
                t->next->link = t->link;
        t->link = NULL;
        t->next = NULL;
}

static void end(struct stream *s, const struct err *why)
{
        if (s->ended || s->freed)
                return;
        s->ended = true;
        timer_done(&s->deadline);
        pace_unlink(s->shared, &s->turn);
        poll_update(s);
        s->events->on_end(s->owner, s, why);
}

/* Sends what is queued, as far as the socket takes it. */
static int flush(struct stream *s, struct err *e)
{
        struct buf *out = output(s);

        while (out->n > 0 && !s->held) {
                ssize_t n = send(s->fd, out->p, out->n, MSG_DONTWAIT | MSG_NOSIGNAL);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
                        s->drain_due = s->drain_due || out->n > s->drain_bytes;
                        break;
                }
                if (n < 0) {
                        err_os(e, ERR_IO, errno, "sending");
                        if (e)
                                e->fault = FAULT_CONNECTION_CLOSED;
                        return ERR_IO;
                }
                s->sent_bytes += (uint64_t)n;
                buf_consume(out, (size_t)n);
        }
        return 0;
}

/* Closing a socket with unread input makes TCP send a reset, which can overtake what was just sent:
 * so the input that is there is thrown away first (MSG_TRUNC: without copying it). */
static void say_last(struct stream *s)
{
        (void)!flush(s, NULL);
        (void)!shutdown(s->fd, SHUT_WR);
        (void)!recv(s->fd, NULL, 4 * RECEIVE_BYTES, MSG_DONTWAIT | MSG_TRUNC);
}

static void become_ready(struct stream *s)
{
        if (s->ready)
                return;
        s->ready = true;
        timer_done(&s->deadline);
        s->events->on_ready(s->owner, s);
}

struct feeding {
        struct stream *stream;
        struct err *why; /* what on_data said */
};

static int on_record(void *owner, struct bytes plain, struct err *e)
{
        struct feeding *f = owner;
        struct stream *s = f->stream;
        int r;

        (void)e;
        become_ready(s); /* data may come in the same segment as the end of the handshake */
        if (s->freed || s->ended)
                return ERR_CANCELLED;
        r = s->events->on_data(s->owner, s, plain, f->why);
        return s->freed || s->ended ? ERR_CANCELLED : r;
}

static void feed_plain(struct stream *s, struct bytes received)
{
        struct err e = { 0 };
        struct feeding f = { s, &e };

        if (on_record(&f, received, NULL) < 0)
                end(s, &e);
        else
                poll_update(s);
}

/* What TLS says by itself (the answers to KeyUpdates, to a renegotiation) waits too, for a peer
 * that asks for it again and again and reads nothing. */
static bool asks_too_much(struct stream *s)
{
        struct err e;

        if (!s->tls || output(s)->n <= s->output_max + TALK_BEYOND)
                return false;
        err_fault(&e, ERR_EXHAUSTED, FAULT_DOES_NOT_READ,
                "the other side does not read: %zu bytes wait, and it asks for more", output(s)->n);
        end(s, &e);
        return true;
}

/* Gives received bytes to TLS and acts on what came of it. */
static void feed(struct stream *s, struct bytes received)
{
        struct err e = { 0 }, refused = { 0 };
        struct feeding f = { s, &refused };
        bool closed = false;
        int r;

        if (!s->tls) {
                feed_plain(s, received);
                return;
        }
        r = tls_feed(s->tls, received, on_record, &f, &closed, &e);
        if (s->freed || s->ended)
                return;
        if (r < 0) {
                /* An alert may be waiting; whether it gets through changes nothing here. */
                say_last(s);
                end(s, refused.code ? &refused : &e);
                return;
        }
        if (tls_established(s->tls))
                become_ready(s);
        if (s->freed || s->ended)
                return;
        if (closed) {
                err_fault(&e, ERR_UNAVAILABLE, FAULT_CONNECTION_CLOSED,
                        "the other side closed the connection");
                end(s, &e);
                return;
        }
        if (flush(s, &e) < 0)
                end(s, &e);
        else if (!asks_too_much(s))
                poll_update(s);
}

static void ended_by_peer(struct stream *s)
{
        struct err e;

        err_fault(&e, ERR_UNAVAILABLE, FAULT_CONNECTION_CLOSED,
                !s->tls    ? "the other side closed the connection"
                : s->ready ? "the other side dropped the connection (no close_notify)"
                           : "the other side closed the connection during the TLS handshake");
        end(s, &e);
}

/* A handshake can be made to go on for ever, and so can answers that nobody asked for. */
static void talks_too_much(struct stream *s)
{
        struct err e;

        err_fault(&e, ERR_PROTOCOL, FAULT_TOO_MUCH_DATA,
                "the other side sent more than %zu bytes before anything was played", s->talk_max);
        end(s, &e);
}

static void read_available(struct stream *s)
{
        uint8_t *to = s->shared->received;
        struct err e;

        for (int i = 0; i < READS_PER_TURN && !s->ended && !s->freed && !s->paused; i++) {
                ssize_t n = recv(s->fd, to, RECEIVE_BYTES, MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
                        return;
                if (n < 0) {
                        err_os(&e, ERR_IO, errno, "receiving");
                        e.fault = FAULT_CONNECTION_CLOSED;
                        end(s, &e);
                        return;
                }
                if (n == 0) {
                        ended_by_peer(s);
                        return;
                }
                s->received_bytes += (uint64_t)n;
                if (s->talk_max && s->received_bytes > s->talk_max) {
                        talks_too_much(s);
                        return;
                }
                feed(s, BYTES(to, (size_t)n));
                if ((size_t)n < RECEIVE_BYTES)
                        return; /* the socket was emptied */
        }
}

static void write_pending(struct stream *s)
{
        struct err e;
        bool drained;

        if (flush(s, &e) < 0) {
                end(s, &e);
                return;
        }
        drained = s->drain_due && output(s)->n <= s->drain_bytes;
        s->drain_due = s->drain_due && !drained;
        poll_update(s);
        if (drained && s->ready && s->events->on_drain)
                s->events->on_drain(s->owner, s);
}

static void on_turn(void *owner)
{
        read_available(owner);
}

/*
 * A connection that broke may have brought something before that: above all the alert of a peer
 * that refuses us, which in TLS 1.3 comes after our first words, so that it goes before a reset.
 */
static void hear_last(struct stream *s)
{
        ssize_t n = recv(s->fd, s->shared->received, RECEIVE_BYTES, MSG_DONTWAIT);

        if (n <= 0)
                return;
        s->received_bytes += (uint64_t)n;
        feed(s, BYTES(s->shared->received, (size_t)n));
}

/* What the socket says: libuv tells any error of one as a bad descriptor. */
static void socket_error(const struct stream *s, struct err *e)
{
        int code = 0;
        socklen_t n = sizeof code;

        (void)!getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &code, &n);
        err_os(e, ERR_IO, code ? code : EIO, "connection");
        e->fault = FAULT_CONNECTION_CLOSED;
}

static void on_poll(uv_poll_t *h, int status, int events)
{
        struct stream *s = h->data;
        struct stream_shared *sh = s->shared;
        struct err e;

        sh->users++; /* the last stream may go in a callback */
        if (status < 0) {
                socket_error(s, &e);
                hear_last(s);
                end(s, &e);
        } else {
                if (events & UV_WRITABLE)
                        write_pending(s);
                if ((events & UV_READABLE) && !s->ended && !s->freed)
                        read_available(s);
        }
        stream_shared_free(sh);
}

static void on_deadline(void *owner)
{
        struct stream *s = owner;
        struct err e;

        if (s->broken.code) {
                hear_last(s);
                end(s, &s->broken);
                return;
        }
        if (!s->tls) {
                become_ready(s);
                return;
        }
        err_fault(&e, ERR_TIMEOUT, FAULT_NO_ANSWER, "TLS handshake not finished after %u ms",
                s->handshake_ms);
        end(s, &e);
}

static void set_socket_options(int fd)
{
        const int on = 1, idle_s = 30, interval_s = 10, probes = 3;

        /* Best effort: the tests' socket pairs are not TCP, and no answer here would change what we
         * do. */
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        (void)!setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof interval_s);
        (void)!setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &probes, sizeof probes);
}

static int begin(struct stream *s, bool client, struct err *e)
{
        int r;

        set_socket_options(s->fd);
        if (!s->tls) {
                timer_start(&s->deadline, s->shared->loop, 0, 0, on_deadline, s);
                poll_update(s);
                return 0;
        }
        if (client) {
                r = tls_start(s->tls, e);
                if (r < 0)
                        return r;
                r = flush(s, e);
                if (r < 0)
                        return r;
        }
        timer_start(&s->deadline, s->shared->loop, s->handshake_ms, 0, on_deadline, s);
        poll_update(s);
        return 0;
}

int stream_new(struct stream_shared *sh, int fd, struct tls *t, const struct stream_options *o,
        const struct stream_events *events, void *owner, struct stream **ret, struct err *e)
{
        struct stream *s;
        int r;

        if (!t != o->plain) {
                close(fd);
                tls_free(t);
                return err_set(e, ERR_INVALID, "a stream is either TLS or said to be plain");
        }
        s = xcalloc(1, sizeof *s);
        r = uv_poll_init(loop_uv(sh->loop), &s->poll, fd);
        if (r < 0) {
                close(fd);
                tls_free(t);
                free(s);
                return err_set(e, ERR_IO, "watching the socket: %s", uv_strerror(r));
        }
        s->poll.data = s;
        s->turn = (struct stream_turn){ .on_turn = on_turn, .owner = s };
        s->shared = sh;
        s->fd = fd;
        s->tls = t;
        s->events = events;
        s->owner = owner;
        s->handshake_ms = o->handshake_ms ? o->handshake_ms : STREAM_HANDSHAKE_MS;
        s->output_max = o->output_max_bytes ? o->output_max_bytes : STREAM_OUTPUT_MAX;
        s->drain_bytes = o->drain_bytes;
        s->talk_max = o->talk_max_bytes;
        buf_init(&s->plain_output, s->output_max);
        r = begin(s, o->client, e);
        if (r < 0) {
                stream_free(s);
                return r;
        }
        *ret = s;
        return 0;
}

static void say_goodbye(struct stream *s)
{
        if (!s->ready || s->ended || s->broken.code)
                return;
        if (s->tls)
                tls_shutdown(s->tls);
        say_last(s);
}

struct stream *stream_free(struct stream *s)
{
        if (!s)
                return NULL;
        timer_done(&s->deadline);
        pace_unlink(s->shared, &s->turn);
        say_goodbye(s);
        s->freed = true;
        uv_close((uv_handle_t *)&s->poll, on_closed);
        close(s->fd);
        s->fd = -1;
        return NULL;
}

/* A write failed in a call of the owner: told from the loop. */
static void break_soon(struct stream *s, int code, const struct err *why)
{
        s->broken = *why;
        s->broken.code = code;
        timer_start(&s->deadline, s->shared->loop, 0, 0, on_deadline, s);
}

int stream_write(struct stream *s, struct bytes plain, struct err *e)
{
        struct err why = { 0 };
        int r;

        if (!s->ready || s->ended || s->freed || s->broken.code)
                return err_set(e, ERR_STATE, "the connection is not open");
        if (plain.n > s->output_max || output(s)->n > s->output_max - plain.n)
                return err_fault(e, ERR_EXHAUSTED, FAULT_DOES_NOT_READ,
                        "the other side does not read: %zu bytes wait already", output(s)->n);
        r = s->tls ? tls_write(s->tls, plain, &why) : buf_append(&s->plain_output, plain, &why);
        if (r >= 0)
                r = flush(s, &why);
        if (r < 0) {
                break_soon(s, r, &why);
                if (e)
                        *e = why;
                return r;
        }
        if (!s->held)
                poll_update(s);
        return 0;
}

void stream_hold(struct stream *s, bool held)
{
        struct err why = { 0 };

        s->held = held;
        if (held || !s->ready || s->ended || s->freed || s->broken.code)
                return;
        int r = flush(s, &why);
        if (r < 0)
                break_soon(s, r, &why);
        else
                poll_update(s);
}

void stream_pause(struct stream *s, bool paused)
{
        s->paused = paused;
        poll_update(s);
}

size_t stream_queued(const struct stream *s)
{
        return s->tls ? tls_output(s->tls)->n : s->plain_output.n;
}

/* ---- paced reading ---- */

static void on_tick(void *owner)
{
        struct stream_shared *sh = owner;

        sh->users++; /* the last stream may go in a callback */
        sh->tick_cursor = sh->paced;
        while (sh->tick_cursor) {
                struct stream_turn *t = sh->tick_cursor;

                sh->tick_cursor = t->next;
                t->on_turn(t->owner);
        }
        if (!sh->paced) {
                timer_done(&sh->tick);
                sh->tick_ms = 0;
        }
        stream_shared_free(sh);
}

void stream_shared_pace(struct stream_shared *sh, struct stream_turn *t, unsigned interval_ms)
{
        if (interval_ms == 0) {
                pace_unlink(sh, t);
        } else if (!t->link) {
                t->next = sh->paced;
                t->link = &sh->paced;
                if (sh->paced)
                        sh->paced->link = &t->next;
                sh->paced = t;
        }
        if (interval_ms && (sh->tick_ms == 0 || interval_ms < sh->tick_ms)) {
                sh->tick_ms = interval_ms;
                timer_start(&sh->tick, sh->loop, interval_ms, interval_ms, on_tick, sh);
        }
}

void stream_pace(struct stream *s, unsigned interval_ms)
{
        if (s->ended || s->freed)
                return;
        s->talk_max = 0;
        stream_shared_pace(s->shared, &s->turn, interval_ms);
        poll_update(s);
}

const struct tls *stream_tls(const struct stream *s)
{
        return s->tls;
}

uint64_t stream_received(const struct stream *s)
{
        return s->received_bytes;
}

uint64_t stream_sent(const struct stream *s)
{
        return s->sent_bytes;
}

uint64_t stream_plaintext(const struct stream *s)
{
        return s->tls ? 0 : s->received_bytes + s->sent_bytes;
}
