/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request and its answer, whichever HTTP they are spoken in. */
#include <stdlib.h>

#include "base/str.h"
#include "net/http_server_parts.h"

#define TEXT_MAX (64u << 10)
#define ANSWER_MAX (64u << 20) /* of one that is given whole */
#define BODY_MS 30000          /* for 64 KiB, and a second more for each further 64 KiB */
#define BODY_STEP (64u << 10)

struct http_exchange *http_exchange_new(struct http_server_conn *c)
{
        struct http_exchange *x = xcalloc(1, sizeof *x);

        x->conn = c;
        x->since_ms = x->moved_ms = http_server_now(c->server);
        x->left = -1;
        buf_init(&x->text, TEXT_MAX);
        buf_init(&x->cookie, HTTP_SERVER_HEAD_MAX);
        buf_init(&x->authority, HTTP_SERVER_HEAD_MAX);
        buf_init(&x->body, 0);
        buf_init(&x->out, ANSWER_MAX);
        TAILQ_INSERT_TAIL(&c->exchanges, x, all);
        http_server_touch(c);
        return x;
}

void http_exchange_free(struct http_exchange *x)
{
        struct http_server_conn *c = x->conn;

        http_server_hold(c, x->held, 0);
        TAILQ_REMOVE(&c->exchanges, x, all);
        buf_done(&x->text);
        buf_done(&x->cookie);
        buf_done(&x->authority);
        buf_done(&x->body);
        buf_done(&x->out);
        free(x);
}

size_t http_exchange_waiting(const struct http_exchange *x)
{
        return x->out.n - x->out_at;
}

void http_exchange_account(struct http_exchange *x)
{
        const size_t body = x->receiving && x->body_need > x->body.n ? x->body_need : x->body.n;
        const size_t held = body + http_exchange_waiting(x);

        http_server_hold(x->conn, x->held, held);
        x->held = held;
}

struct bytes http_exchange_pull(struct http_exchange *x, size_t n)
{
        const struct bytes part = bytes_sub(buf_bytes(&x->out), x->out_at, n);

        x->out_at += part.n;
        if (part.n > 0)
                x->moved_ms = http_server_now(x->conn->server);
        return part;
}

/* ---- the request ---- */

static int add_text(struct http_exchange *x, struct bytes s, bool lower)
{
        uint8_t *to = buf_reserve(&x->text, s.n + 1);

        if (!to)
                return ERR_EXHAUSTED;
        for (size_t i = 0; i < s.n; i++)
                to[i] = lower && s.p[i] >= 'A' && s.p[i] <= 'Z' ? s.p[i] | 0x20 : s.p[i];
        to[s.n] = '\0';
        x->text.n += s.n + 1;
        return 0;
}

int http_exchange_set_query(struct http_exchange *x, struct bytes query)
{
        return add_text(x, query, false);
}

int http_exchange_add_header(struct http_exchange *x, struct bytes name, struct bytes value)
{
        const size_t before = x->text.n;
        int r = add_text(x, name, true);

        if (r == 0)
                r = add_text(x, value, false);
        if (r == 0)
                x->headers_n++;
        else
                x->text.n = before;
        return r;
}

bool http_exchange_is_known(const char *method)
{
        static const char *const known[] = { "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE",
                "OPTIONS" };

        for (size_t i = 0; i < ARRAY_LEN(known); i++)
                if (strcmp(known[i], method) == 0)
                        return true;
        return false;
}

int http_exchange_admit(struct http_exchange *x, uint64_t body_n)
{
        void *owner;
        const struct http_server_events *events = http_server_events(x->conn->server, &owner);

        if (http_server_is_full(x->conn, 0))
                return 503;
        x->body_max = events->body_max ? events->body_max(owner, x) : HTTP_SERVER_BODY_MAX;
        if (body_n > x->body_max)
                return 413;
        if (http_server_is_full(x->conn, (size_t)body_n))
                return 503;
        x->body.max = x->body_max;
        x->body_need = (size_t)body_n;
        return 0;
}

uint64_t http_exchange_body_deadline(const struct http_exchange *x)
{
        const size_t n = x->body_need > x->body.n ? x->body_need : x->body.n;

        return x->since_ms + BODY_MS + (n > BODY_STEP ? (n - 1) / BODY_STEP * 1000 : 0);
}

void http_exchange_give(struct http_exchange *x)
{
        void *owner;
        const struct http_server_events *events = http_server_events(x->conn->server, &owner);

        x->receiving = false;
        x->asked = true;
        http_exchange_account(x);
        events->on_request(owner, x);
}

const char *http_exchange_method(const struct http_exchange *x)
{
        return x->method;
}

const char *http_exchange_path(const struct http_exchange *x)
{
        return x->path;
}

const char *http_exchange_query(const struct http_exchange *x)
{
        return (const char *)x->text.p;
}

const char *http_exchange_header(const struct http_exchange *x, const char *name)
{
        const char *at = (const char *)x->text.p;

        at += strlen(at) + 1;
        for (unsigned i = 0; i < x->headers_n; i++) {
                const char *value = at + strlen(at) + 1;

                if (strcmp(at, name) == 0)
                        return value;
                at = value + strlen(value) + 1;
        }
        return NULL;
}

const char *http_exchange_cookie(
        const struct http_exchange *x, const char *name, char *to, size_t room)
{
        const char *all = http_exchange_header(x, "cookie");
        struct bytes rest = all ? bytes_str(all) : BYTES(NULL, 0), found = { 0 };
        const size_t n = strlen(name);

        while (rest.n > 0) {
                const struct bytes pair = str_cut(&rest, ';');

                if (pair.n <= n || memcmp(pair.p, name, n) != 0 || pair.p[n] != '=')
                        continue;
                if (found.p)
                        return NULL;
                found = bytes_sub(pair, n + 1, pair.n);
        }
        if (!found.p || found.n >= room)
                return NULL;
        memcpy(to, found.p, found.n);
        to[found.n] = '\0';
        return to;
}

struct bytes http_exchange_body(const struct http_exchange *x)
{
        return buf_bytes(&x->body);
}

const char *http_exchange_address(const struct http_exchange *x)
{
        return x->conn->address;
}

const char *http_exchange_version(const struct http_exchange *x)
{
        return x->conn->h2 ? "2" : "1.1";
}

void http_exchange_wipe(struct http_exchange *x)
{
        if (x->body.p)
                explicit_bzero(x->body.p, x->body.room);
        x->body.n = 0;
}

void http_exchange_set_owner(struct http_exchange *x, void *owner)
{
        x->owner = owner;
}

void *http_exchange_owner(const struct http_exchange *x)
{
        return x->owner;
}

/* ---- the answer ---- */

static bool is_clean(const char *const *headers)
{
        for (; headers && headers[0] && headers[1]; headers += 2) {
                const struct bytes name = bytes_str(headers[0]);

                if (name.n == 0 || !http_request_is_text(name) ||
                        !http_request_is_text(bytes_str(headers[1])) || strchr(headers[0], ':') ||
                        strchr(headers[0], ' '))
                        return false;
        }
        return true;
}

static void say_head(
        struct http_exchange *x, int status, const char *const *headers, int64_t length)
{
        x->begun = true;
        x->no_body = strcmp(x->method, "HEAD") == 0 || status == 204 || status == 304;
        x->left = length;
        if (x->conn->h2)
                http_server_h2_head(x, status, headers, length);
        else
                http_server_h1_head(x, status, headers, length);
}

static void add_part(struct http_exchange *x, struct bytes part)
{
        if (x->no_body || part.n == 0)
                return;
        if (x->conn->h2)
                (void)!buf_append(&x->out, part, NULL);
        else
                http_server_h1_part(x, part);
}

static void finish(struct http_exchange *x)
{
        x->over = true;
        http_exchange_account(x);
        if (x->conn->h2)
                http_server_h2_resume(x);
        else
                http_server_h1_finish(x);
}

void http_exchange_answer(
        struct http_exchange *x, int status, const char *const *headers, struct bytes body)
{
        if (status < 200 || status > 599 || body.n > ANSWER_MAX - HTTP_SERVER_STEP ||
                !is_clean(headers)) { /* a value that came from outside and was not looked at */
                static const char *const text[] = { "content-type", "text/plain", NULL };

                status = 500;
                headers = text;
                body = bytes_str("This answer cannot be given.\n");
        }
        say_head(x, status, headers, (int64_t)body.n);
        add_part(x, body);
        finish(x);
}

void http_exchange_begin(
        struct http_exchange *x, int status, const char *const *headers, int64_t length)
{
        if (status < 200 || status > 599 || !is_clean(headers)) {
                status = 500;
                headers = NULL;
        }
        say_head(x, status, headers, length);
        if (x->conn->h2)
                http_server_h2_resume(x);
        else
                http_server_h1_pump(x->conn);
}

int http_exchange_write(struct http_exchange *x, struct bytes part, struct err *e)
{
        const size_t waits = http_exchange_waiting(x);

        if (!x->begun || x->over)
                return err_set(e, ERR_STATE, "no answer was begun here");
        if (part.n > HTTP_SERVER_QUEUE_MAX || (x->left >= 0 && part.n > (uint64_t)x->left))
                return err_set(
                        e, ERR_INVALID, "%zu bytes, more than were announced or may wait", part.n);
        if (x->conn->phase >= HTTP_SERVER_CLOSING || x->closed)
                return 0; /* on_gone is on its way */
        if (waits > HTTP_SERVER_QUEUE_MAX - part.n ||
                (waits > 0 && http_server_is_full(x->conn, 0))) {
                x->waits = true;
                return err_fault(e, ERR_EXHAUSTED, FAULT_DOES_NOT_READ,
                        "the other side does not read: %zu bytes wait already", waits);
        }
        if (x->left >= 0)
                x->left -= (int64_t)part.n;
        add_part(x, part);
        http_exchange_account(x);
        if (x->conn->h2)
                http_server_h2_resume(x);
        else
                http_server_h1_pump(x->conn);
        return 0;
}

void http_exchange_finish(struct http_exchange *x)
{
        if (!x->begun || (x->left > 0 && !x->no_body))
                http_exchange_abort(x); /* less than was announced */
        else
                finish(x);
}

void http_exchange_abort(struct http_exchange *x)
{
        struct http_server_conn *c = x->conn;

        x->over = true;
        if (c->h2)
                http_server_h2_abort(x);
        else
                http_server_over(c);
}

/* ---- WebSocket ---- */

static bool has_token(const char *value, const char *token)
{
        struct bytes rest = value ? bytes_str(value) : BYTES(NULL, 0);

        while (rest.n > 0)
                if (str_is(str_cut(&rest, ','), token))
                        return true;
        return false;
}

/* What else it has to have was looked at before it was handed up (http_server_h1). */
bool http_exchange_wants_socket(const struct http_exchange *x, const char *protocol)
{
        return !x->conn->h2 && strcmp(x->method, "GET") == 0 &&
               has_token(http_exchange_header(x, "upgrade"), "websocket") &&
               has_token(http_exchange_header(x, "connection"), "upgrade") &&
               has_token(http_exchange_header(x, "sec-websocket-protocol"), protocol);
}

int http_exchange_socket(struct http_exchange *x, const char *protocol, size_t text_max,
        size_t binary_max, const struct http_socket_events *events, void *owner,
        struct http_socket **ret, struct err *e)
{
        struct http_server_conn *c = x->conn;
        char accept[WEBSOCKET_ACCEPT_ROOM];
        struct buf *out;

        if (x->begun || !http_exchange_wants_socket(x, protocol) || c->phase != HTTP_SERVER_H1)
                return err_set(
                        e, ERR_INVALID, "no request for a WebSocket that speaks %s", protocol);
        websocket_accept(http_exchange_header(x, "sec-websocket-key"), accept);
        out = http_server_scratch(c->server);
        int r = buf_printf(out, e,
                "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
                "sec-websocket-accept: %s\r\nsec-websocket-protocol: %s\r\n\r\n",
                accept, protocol);
        if (r == 0)
                r = stream_write(c->stream, buf_bytes(out), e);
        if (r < 0)
                return r;
        x->over = true;
        http_exchange_free(x);
        *ret = http_socket_new(c, text_max, binary_max, events, owner);
        return 0;
}
