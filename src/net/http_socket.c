/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A WebSocket of the people's port. */
#include <stdlib.h>

#include "net/http_server_parts.h"

/* RFC 6455 section 7.4.1 */
enum { STATUS_NORMAL = 1000, STATUS_GOING_AWAY = 1001, STATUS_NONE = 1005, STATUS_POLICY = 1008 };

#define PINGS 3 /* in the time that one may be silent */
/* Pings, pongs and a close go out though the queue is full of messages. */
#define OUT_MAX (HTTP_SERVER_QUEUE_MAX + WEBSOCKET_FRAME_OVERHEAD)
#define OUT_KEPT (64u << 10) /* of the room for a frame */

struct http_socket {
        struct http_server_conn *conn;
        struct websocket_reader *reader;
        const struct http_socket_events *events;
        void *owner;
        struct buf out;    /* one frame, as it is written */
        struct timer ping; /* and what came behind the request */
        unsigned unheard;  /* pings since something was heard */
        bool first;        /* what came behind the request was not read yet */
        bool reading;      /* the reader is on the stack */
        bool over;         /* on_end was called, or nobody wants it */
};

static int say(struct http_socket *k, enum websocket_kind kind, struct bytes payload, struct err *e)
{
        buf_clear(&k->out);
        int r = websocket_format(kind, payload, NULL, &k->out, e);
        if (r == 0)
                r = stream_write(k->conn->stream, buf_bytes(&k->out), e);
        if (k->out.room > OUT_KEPT)
                buf_done(&k->out);
        return r;
}

static void free_socket(struct http_socket *k)
{
        timer_done(&k->ping);
        websocket_reader_free(k->reader);
        buf_done(&k->out);
        free(k);
}

/* It is over for its owner, who is told where he does not know. */
static void end(struct http_socket *k, bool tells)
{
        if (k->over)
                return;
        k->over = true;
        k->conn->socket = NULL;
        if (tells)
                k->events->on_end(k->owner, k);
        if (!k->reading)
                free_socket(k);
}

/* Best effort: where the queue is full, or the connection broken, its end is near anyway. */
static void say_close(struct http_socket *k, uint16_t status, const char *reason)
{
        struct buf payload;

        buf_init(&payload, 125);
        websocket_close_payload(status, reason, &payload);
        (void)!say(k, WEBSOCKET_CLOSE, buf_bytes(&payload), NULL);
        buf_done(&payload);
}

static void close_it(struct http_socket *k, uint16_t status, const char *reason, bool tells)
{
        struct http_server_conn *c = k->conn;

        say_close(k, status, reason);
        http_server_close(c, true);
        end(k, tells);
}

static int on_frame(void *owner, const struct websocket_message *m, struct err *e)
{
        struct http_socket *k = owner;
        struct http_server_conn *c = k->conn;
        int r = 0;

        switch (m->kind) {
        case WEBSOCKET_TEXT:
        case WEBSOCKET_BINARY:
                r = k->events->on_message(k->owner, k, m, e);
                break;
        case WEBSOCKET_PING:
                (void)!say(k, WEBSOCKET_PONG, m->payload, NULL);
                break;
        case WEBSOCKET_PONG:
                break;
        case WEBSOCKET_CLOSE: /* section 5.5.1: answered by one; then it is the server that ends */
                say_close(k, m->status == STATUS_NONE ? STATUS_NORMAL : m->status, "");
                http_server_close(c, false);
                end(k, true);
                break;
        }
        return k->over ? ERR_CANCELLED : r;
}

void http_socket_take(struct http_server_conn *c, struct bytes plain)
{
        struct http_socket *k = c->socket;
        struct err e = { 0 };
        uint16_t status = STATUS_POLICY; /* where it is the owner that will not have it */

        k->unheard = 0;
        if (k->first) { /* behind what is read at the loop's next turn */
                if (buf_append(&c->in, plain, NULL) < 0)
                        http_server_over(c);
                return;
        }
        k->reading = true;
        int r = websocket_reader_push(k->reader, plain, on_frame, k, &status, &e);
        k->reading = false;
        if (k->over)
                free_socket(k);
        else if (r < 0)
                close_it(k, status, e.text, true);
}

/* Counted in pings, so that time in which we did not run is not held against the other side. */
static void on_ping(void *owner)
{
        struct http_socket *k = owner;
        struct http_server_conn *c = k->conn;
        const unsigned every = http_server_limits(c->server)->idle_ms / PINGS;

        timer_start(&k->ping, http_server_loop(c->server), every, every, on_ping, k);
        if (k->unheard++ >= PINGS) {
                http_server_over(c); /* finish tells */
                return;
        }
        (void)!say(k, WEBSOCKET_PING, BYTES(NULL, 0), NULL);
}

/* At the loop's next turn: what came behind the request. */
static void on_first(void *owner)
{
        struct http_socket *k = owner;
        struct http_server_conn *c = k->conn;
        const unsigned every = http_server_limits(c->server)->idle_ms / PINGS;
        struct buf rest = c->in;

        timer_start(&k->ping, http_server_loop(c->server), every, every, on_ping, k);
        buf_init(&c->in, 0);
        k->first = false;
        if (rest.n > 0 && c->phase == HTTP_SERVER_SOCKET)
                http_socket_take(c, buf_bytes(&rest));
        buf_done(&rest);
}

struct http_socket *http_socket_new(struct http_server_conn *c, size_t text_max, size_t binary_max,
        const struct http_socket_events *events, void *owner)
{
        struct http_socket *k = xcalloc(1, sizeof *k);

        k->conn = c;
        k->first = true;
        k->events = events;
        k->owner = owner;
        k->reader = websocket_reader_new(true, text_max, binary_max);
        buf_init(&k->out, OUT_MAX);
        c->socket = k;
        c->phase = HTTP_SERVER_SOCKET;
        timer_start(&k->ping, http_server_loop(c->server), 0, 0, on_first, k);
        http_server_touch(c);
        return k;
}

void http_socket_drained(struct http_server_conn *c)
{
        if (c->socket->events->on_drain)
                c->socket->events->on_drain(c->socket->owner, c->socket);
}

void http_socket_gone(struct http_server_conn *c)
{
        if (stream_queued(c->stream) == 0)
                say_close(c->socket, STATUS_GOING_AWAY, "");
        end(c->socket, true);
}

int http_socket_send(
        struct http_socket *k, enum websocket_kind kind, struct bytes payload, struct err *e)
{
        const size_t waits = http_socket_queued(k);

        if (k->over)
                return err_set(e, ERR_STATE, "this WebSocket is over");
        if (payload.n > HTTP_SERVER_QUEUE_MAX)
                return err_set(e, ERR_INVALID, "a message of %zu bytes", payload.n);
        if (waits > HTTP_SERVER_QUEUE_MAX - payload.n)
                return err_fault(e, ERR_EXHAUSTED, FAULT_DOES_NOT_READ,
                        "the other side does not read: %zu bytes wait already", waits);
        return say(k, kind, payload, e);
}

size_t http_socket_queued(const struct http_socket *k)
{
        return k->over ? 0 : stream_queued(k->conn->stream);
}

void http_socket_close(struct http_socket *k, uint16_t status, const char *reason)
{
        close_it(k, status, reason, false);
}
