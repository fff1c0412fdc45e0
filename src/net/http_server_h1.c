/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1.1 on one connection: requests one after the other, each answered before the next is looked
 * at. */
#include "base/str.h"
#include "net/http_server_parts.h"

/* Requests that came behind the one that is being answered. Who sends more than that without
 * waiting is answered that one, and no other. */
#define BEHIND_MAX (HTTP_SERVER_HEAD_MAX + 2 * TLS_RECORD_MAX)

static const struct http_request_limits limits = { HTTP_SERVER_HEAD_MAX, HTTP_REQUEST_HEADERS_MAX };

/* ---- what is said ---- */

static int put_headers(struct buf *to, const char *const *headers)
{
        int r = 0;

        for (; r == 0 && headers && headers[0] && headers[1]; headers += 2) {
                r = buf_append(to, bytes_str(headers[0]), NULL);
                if (r == 0)
                        r = buf_append(to, bytes_str(": "), NULL);
                if (r == 0)
                        r = buf_append(to, bytes_str(headers[1]), NULL);
                if (r == 0)
                        r = buf_append(to, bytes_str("\r\n"), NULL);
        }
        return r;
}

static int put_status(struct buf *to, struct http_server *s, int status)
{
        return buf_printf(to, NULL, "HTTP/1.1 %d %s\r\ndate: %s\r\n", status,
                http_status_text(status), http_server_date(s));
}

void http_server_h1_head(
        struct http_exchange *x, int status, const char *const *headers, int64_t length)
{
        const char *end = x->conn->last ? "connection: close\r\n\r\n" : "\r\n";
        int r = put_status(&x->out, x->conn->server, status);

        x->chunked = length < 0 && !x->no_body;
        if (r == 0)
                r = put_headers(&x->out, headers);
        if (status == 204 || status == 304) /* RFC 9110 section 8.6 */
                r = r ? r : buf_append(&x->out, bytes_str(end), NULL);
        else if (length < 0)
                r = r ? r : buf_printf(&x->out, NULL, "transfer-encoding: chunked\r\n%s", end);
        else
                r = r ? r
                      : buf_printf(&x->out, NULL, "content-length: %lld\r\n%s", (long long)length,
                                end);
        if (r < 0)
                http_server_over(x->conn); /* no memory */
}

void http_server_h1_part(struct http_exchange *x, struct bytes part)
{
        int r = x->chunked ? buf_printf(&x->out, NULL, "%zx\r\n", part.n) : 0;

        if (r == 0)
                r = buf_append(&x->out, part, NULL);
        if (r == 0 && x->chunked)
                r = buf_append(&x->out, bytes_str("\r\n"), NULL);
        if (r < 0)
                http_server_over(x->conn);
}

/* The answer has gone on its way. */
static void done(struct http_exchange *x);

void http_server_h1_pump(struct http_server_conn *c)
{
        struct http_exchange *x = TAILQ_FIRST(&c->exchanges);

        if (!x || c->phase != HTTP_SERVER_H1)
                return;
        while (http_exchange_waiting(x) > 0 && stream_queued(c->stream) < HTTP_SERVER_HIGH) {
                if (stream_write(c->stream, http_exchange_pull(x, HTTP_SERVER_STEP), NULL) < 0) {
                        http_server_over(c); /* broken: its end follows anyway */
                        return;
                }
        }
        if (http_exchange_waiting(x) == 0) {
                buf_clear(&x->out);
                x->out_at = 0;
                if (x->out.room > HTTP_SERVER_STEP)
                        buf_done(&x->out);
        }
        http_exchange_account(x);
        if (x->over && http_exchange_waiting(x) == 0)
                done(x);
        else
                http_server_touch(c);
}

void http_server_h1_finish(struct http_exchange *x)
{
        if (x->chunked && buf_append(&x->out, bytes_str("0\r\n\r\n"), NULL) < 0)
                http_server_over(x->conn);
        http_server_h1_pump(x->conn);
}

static void on_soon(void *owner)
{
        http_server_h1_serve(owner);
}

static void done(struct http_exchange *x)
{
        struct http_server_conn *c = x->conn;

        http_exchange_free(x);
        if (c->last)
                http_server_close(c, c->in.n > 0);
        else if (!c->serving && c->in.n > 0)
                timer_start(&c->soon, http_server_loop(c->server), 0, 0, on_soon, c);
        http_server_touch(c);
}

/* Answers what is no request for the owner, with a line for people, and ends. */
static void refuse(struct http_server_conn *c, int status, const char *const *more, const char *why)
{
        void *owner;
        const char *const *common = http_server_events(c->server, &owner)->headers;
        struct buf *out = http_server_scratch(c->server);
        int r = put_status(out, c->server, status);

        c->last = true;
        if (r == 0)
                r = put_headers(out, common);
        if (r == 0)
                r = put_headers(out, more);
        if (r == 0)
                r = buf_printf(out, NULL,
                        "content-type: text/plain\r\nconnection: close\r\n"
                        "content-length: %zu\r\n\r\n%s\n",
                        strlen(why) + 1, why);
        if (r == 0)
                r = stream_write(c->stream, buf_bytes(out), NULL);
        if (r < 0)
                http_server_over(c);
        else
                http_server_close(c, true);
}

/* ---- what is heard ---- */

/* RFC 6455 section 4.2.1: what every WebSocket has to say; 0, or the status of the refusal. */
static int check_upgrade(const struct http_request *r, uint64_t body_n)
{
        const struct bytes key = http_request_header(r, "Sec-WebSocket-Key");
        char text[WEBSOCKET_KEY_ROOM] = "";

        if (strcmp(r->method, "GET") != 0 || !http_request_has_token(r, "Upgrade", "websocket") ||
                !http_request_has_token(r, "Connection", "upgrade"))
                return 0;
        if (!str_is(http_request_header(r, "Sec-WebSocket-Version"), "13"))
                return 426;
        if (key.n < sizeof text && key.p)
                memcpy(text, key.p, key.n);
        return !websocket_is_key(text) || key.n != strlen(text) || body_n > 0 ? 400 : 0;
}

static int copy_head(const struct http_request *r, struct http_exchange *x)
{
        memcpy(x->method, r->method, sizeof x->method);
        memcpy(x->path, r->path, sizeof x->path);
        int y = http_exchange_set_query(x, r->query);
        for (unsigned i = 0; y == 0 && i < r->headers_n; i++)
                y = http_exchange_add_header(x, r->headers[i].name, r->headers[i].value);
        return y;
}

static struct bytes take_body(struct http_exchange *x, struct bytes plain)
{
        const struct bytes part = bytes_sub(plain, 0, x->body_need - x->body.n);

        if (buf_append(&x->body, part, NULL) < 0) {
                refuse(x->conn, 503, NULL, "No memory for the body of this request.");
                return BYTES(NULL, 0);
        }
        return bytes_sub(plain, part.n, plain.n);
}

/* A head is whole, and its first body_n bytes of body may be in what follows. False: refused. */
static bool begin(
        struct http_server_conn *c, const struct http_request *r, size_t head_n, uint64_t body_n)
{
        static const char *const version[] = { "sec-websocket-version", "13", "upgrade",
                "websocket", NULL };
        static const char *const later[] = { "retry-after", "1", NULL };
        const bool expects = http_request_header(r, "Expect").p && body_n > 0;
        int status = http_exchange_is_known(r->method) ? check_upgrade(r, body_n) : 501;
        struct http_exchange *x;

        if (status == 0) {
                x = http_exchange_new(c);
                if (copy_head(r, x) < 0)
                        status = 431;
                if (status == 0)
                        status = http_exchange_admit(x, body_n);
                if (status)
                        http_exchange_free(x);
        }
        if (status) {
                refuse(c, status,
                        status == 426   ? version
                        : status == 503 ? later
                                        : NULL,
                        status == 426   ? "A WebSocket is of version 13."
                        : status == 400 ? "Sec-WebSocket-Key is none, or there is a body."
                        : status == 501 ? "This method is not known here."
                        : status == 413 ? "The body of this request is larger than is taken."
                        : status == 431 ? "The head of this request is larger than is taken."
                                        : "Too much waits to be read already; try again.");
                return false;
        }
        c->last = !r->keep_alive;
        buf_consume(&c->in, head_n); /* r is gone with it */
        x->receiving = body_n > 0;
        if (x->receiving) {
                http_exchange_account(x);
                if (expects && c->in.n == 0 &&
                        stream_write(c->stream, bytes_str("HTTP/1.1 100 Continue\r\n\r\n"), NULL) <
                                0)
                        http_server_over(c);
                buf_consume(&c->in, c->in.n - take_body(x, buf_bytes(&c->in)).n);
        }
        return c->phase == HTTP_SERVER_H1;
}

/* Until an end of a line has come there is nothing new to be found. */
static bool is_worth_reading(struct http_server_conn *c)
{
        const size_t from = c->searched;

        c->searched = c->in.n;
        return from == 0 || c->in.n >= HTTP_SERVER_HEAD_MAX ||
               memchr(c->in.p + from, '\n', c->in.n - from);
}

/* False: there is nothing more to do now. */
static bool serve_one(struct http_server_conn *c)
{
        struct http_exchange *x = TAILQ_FIRST(&c->exchanges);
        struct http_request r;
        struct err e;
        uint64_t body_n = 0;
        size_t head_n = 0;
        int status = 400, y;

        if (x && (!x->receiving || x->body.n < x->body_need))
                return false;
        if (!x) {
                if (c->last || c->in.n == 0 || stream_queued(c->stream) >= HTTP_SERVER_HIGH ||
                        !is_worth_reading(c))
                        return false;
                y = http_request_head(
                        buf_bytes(&c->in), &limits, &r, &head_n, &body_n, &status, &e);
                if (y < 0)
                        refuse(c, status, NULL, e.text);
                if (y == 0 && !c->in_head) {
                        c->in_head = true;
                        c->since_ms = http_server_now(c->server);
                }
                if (y <= 0)
                        return false;
                c->searched = 0;
                c->in_head = false;
                if (!begin(c, &r, head_n, body_n))
                        return false;
                x = TAILQ_FIRST(&c->exchanges);
                if (x->receiving)
                        return x->body.n == x->body_need;
        }
        http_exchange_give(x);
        return true;
}

void http_server_h1_serve(struct http_server_conn *c)
{
        c->serving = true;
        while (c->phase == HTTP_SERVER_H1 && serve_one(c)) {
        }
        c->serving = false;
        if (c->in.n == 0 && c->in.room > 0)
                buf_done(&c->in);
        http_server_touch(c);
}

void http_server_h1_take(struct http_server_conn *c, struct bytes plain)
{
        struct http_exchange *x = TAILQ_FIRST(&c->exchanges);

        c->in.max = BEHIND_MAX;
        if (x && x->receiving)
                plain = take_body(x, plain);
        if (plain.n > 0 && buf_append(&c->in, plain, NULL) < 0) {
                c->last = true;
                stream_pause(c->stream, true);
        }
        http_server_h1_serve(c);
}

uint64_t http_server_h1_deadline(const struct http_server_conn *c)
{
        const struct http_exchange *x = TAILQ_FIRST(&c->exchanges);
        const struct http_server_limits *l = http_server_limits(c->server);

        if (x)
                return x->receiving ? http_exchange_body_deadline(x) : 0;
        return c->since_ms + (c->in_head ? l->head_ms : l->idle_ms);
}

void http_server_h1_timeout(struct http_server_conn *c)
{
        if (!c->in_head && TAILQ_EMPTY(&c->exchanges))
                http_server_over(c);
        else
                refuse(c, 408, NULL, "The request was not whole in time.");
}
