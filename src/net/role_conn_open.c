/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is said in HTTP before a role_conn is open: RFC 6455 section 4, and the requests that need
 * no link. */
#include <stdio.h>

#include "base/str.h"
#include "crypto/random.h"
#include "net/role_conn_parts.h"
#include "proto/http.h"

#define PATH_PREFIX "/link/"
#define PATH PATH_PREFIX "1"
#define ANSWER_HEADERS_MAX 12

/* What could not be said breaks the stream, whose end follows. */
static void say(struct role_conn *c)
{
        (void)!stream_write(c->stream, buf_bytes(&c->out), NULL);
}

/* ---- connecting side ---- */

void role_conn_ask(struct role_conn *c)
{
        char key[WEBSOCKET_KEY_ROOM];
        uint8_t random[16];
        struct err e;

        random_bytes(random, sizeof random);
        websocket_key(random, key);
        websocket_accept(key, c->accept);
        c->phase = ROLE_CONN_ASKED;
        buf_clear(&c->out);
        if (buf_printf(&c->out, &e,
                    "GET " PATH " HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Protocol: " ROLE_CONN_PROTOCOL "\r\n\r\n",
                    c->peer.name, key) < 0)
                role_conn_over(c, &e);
        else
                say(c);
}

static bool has_one(const struct http_answer *a, const char *name, struct bytes *ret)
{
        *ret = http_answer_header(a, name, 0);
        return ret->p && !http_answer_header(a, name, 1).p;
}

static int refused(const struct http_answer *a, struct err *e)
{
        const struct bytes speaks = http_answer_header(a, "Sec-WebSocket-Protocol", 0);
        char text[80], names[80];

        str_escape(text, sizeof text, a->reason);
        switch (a->status) {
        case 401:
        case 403:
                return err_set(e, ERR_AUTH,
                        "the other side will not have a link with us (%u %s): it takes our "
                        "certificate for none",
                        a->status, text);
        case 426:
                return err_set(e, ERR_PROTOCOL,
                        "the other side does not speak " ROLE_CONN_PROTOCOL
                        " but \"%s\": bring both to the same release",
                        str_escape(names, sizeof names, speaks));
        default:
                return err_fault(e, ERR_UNAVAILABLE, FAULT_REQUEST_REFUSED,
                        "the other side answered the request for a link with %u %s", a->status,
                        text);
        }
}

/* RFC 6455 section 4.1, the second list. */
static int check_answer(const struct role_conn *c, const struct http_answer *a, struct err *e)
{
        struct bytes value;
        bool upgrade = false;

        if (a->status != 101)
                return refused(a, e);
        if (!has_one(a, "Upgrade", &value) || !str_is(value, "websocket"))
                return err_set(e, ERR_PROTOCOL, "101 without \"Upgrade: websocket\"");
        if (has_one(a, "Connection", &value))
                while (value.n > 0 && !upgrade)
                        upgrade = str_is(str_cut(&value, ','), "upgrade");
        if (!upgrade)
                return err_set(e, ERR_PROTOCOL, "101 without \"Connection: Upgrade\"");
        if (!has_one(a, "Sec-WebSocket-Accept", &value) ||
                !bytes_equal(value, bytes_str(c->accept)))
                return err_set(e, ERR_PROTOCOL, "101 with a wrong Sec-WebSocket-Accept");
        if (!has_one(a, "Sec-WebSocket-Protocol", &value) ||
                !bytes_equal(value, bytes_str(ROLE_CONN_PROTOCOL)))
                return err_set(
                        e, ERR_PROTOCOL, "101 for another protocol than " ROLE_CONN_PROTOCOL);
        if (http_answer_header(a, "Sec-WebSocket-Extensions", 0).p)
                return err_set(e, ERR_PROTOCOL, "101 with an extension that nobody asked for");
        return 0;
}

void role_conn_take_answer(struct role_conn *c, struct bytes plain)
{
        struct http_answer a;
        struct err e;
        int n, r = buf_append(&c->in, plain, &e);

        n = r < 0 ? r : http_answer_parse(buf_bytes(&c->in), &a, &e);
        if (n == ERR_AGAIN)
                return;
        if (n >= 0)
                r = check_answer(c, &a, &e);
        if (n < 0 || r < 0) {
                role_conn_over(c, &e);
                return;
        }
        role_conn_up(c, bytes_sub(buf_bytes(&c->in), (size_t)n, c->in.n));
        if (!c->freed)
                buf_done(&c->in);
}

/* ---- accepting side ---- */

/* Answers what is no request for the owner, with a line for people, and ends. */
static void refuse(
        struct role_conn *c, int status, const char *const *headers, const struct err *why)
{
        static const char *const close_only[] = { "Connection: close", NULL };
        char text[ERR_TEXT_BYTES + 2];

        snprintf(text, sizeof text, "%s\n", why->text);
        buf_clear(&c->out);
        if (http_answer_format(
                    status, headers ? headers : close_only, bytes_str(text), &c->out, NULL) == 0)
                say(c);
        role_conn_linger(c, why);
}

static void refuse_method(struct role_conn *c, const char *const *headers)
{
        struct err e;

        err_set(&e, ERR_PROTOCOL, "HTTP request: not a method for this path");
        refuse(c, 405, headers, &e);
}

static bool is_version_path(const char *path)
{
        const char *p = path + strlen(PATH_PREFIX);

        return *p && strspn(p, "0123456789") == strlen(p);
}

/* RFC 6455 section 4.2.1. 0, or the status of the refusal. */
static int check_upgrade(struct role_conn *c, const struct http_request *r, struct err *e)
{
        const struct bytes key = http_request_header(r, "Sec-WebSocket-Key");
        char text[WEBSOCKET_KEY_ROOM] = "";

        if (strcmp(r->path, PATH) != 0) {
                err_set(e, ERR_PROTOCOL,
                        "another version of the link protocol is asked for; " PATH
                        " is spoken here");
                return 426;
        }
        if (!http_request_has_token(r, "Upgrade", "websocket") ||
                !http_request_has_token(r, "Connection", "upgrade") ||
                !str_is(http_request_header(r, "Sec-WebSocket-Version"), "13")) {
                err_set(e, ERR_PROTOCOL, "a link is a WebSocket of version 13");
                return 426;
        }
        if (!http_request_has_token(r, "Sec-WebSocket-Protocol", ROLE_CONN_PROTOCOL)) {
                err_set(e, ERR_PROTOCOL, "the sub-protocol is " ROLE_CONN_PROTOCOL);
                return 426;
        }
        if (key.n < sizeof text)
                memcpy(text, key.p ? (const char *)key.p : "", key.n);
        if (!websocket_is_key(text) || key.n != strlen(text) || r->body.n > 0) {
                err_set(e, ERR_PROTOCOL, "Sec-WebSocket-Key is none, or there is a body");
                return 400;
        }
        websocket_accept(text, c->accept);
        return 0;
}

/* A request for a link: granted to who has shown a certificate. True where it is open now. */
static bool upgrade(struct role_conn *c, const struct http_request *r)
{
        static const char *const unauthorized[] = { "WWW-Authenticate: Certificate",
                "Connection: close", NULL };
        static const char *const required[] = { "Upgrade: websocket", "Connection: upgrade, close",
                "Sec-WebSocket-Version: 13", "Sec-WebSocket-Protocol: " ROLE_CONN_PROTOCOL, NULL };
        static const char *const get[] = { "Allow: GET", "Connection: close", NULL };
        char accept[sizeof "Sec-WebSocket-Accept: " + WEBSOCKET_ACCEPT_ROOM];
        const char *const granted[] = { "Upgrade: websocket", "Connection: Upgrade", accept,
                "Sec-WebSocket-Protocol: " ROLE_CONN_PROTOCOL, NULL };
        struct err e;
        int status;

        if (!c->have_peer) {
                err_set(&e, ERR_AUTH, "a link was asked for without a certificate");
                refuse(c, 401, unauthorized, &e);
                return false;
        }
        if (strcmp(r->method, "GET") != 0) {
                refuse_method(c, get);
                return false;
        }
        if (!is_version_path(r->path) || r->has_query) {
                err_set(&e, ERR_PROTOCOL, "no such path");
                refuse(c, 404, NULL, &e);
                return false;
        }
        status = check_upgrade(c, r, &e);
        if (status) {
                refuse(c, status, status == 426 ? required : NULL, &e);
                return false;
        }
        snprintf(accept, sizeof accept, "Sec-WebSocket-Accept: %s", c->accept);
        buf_clear(&c->out);
        if (http_answer_format(101, granted, BYTES(NULL, 0), &c->out, &e) < 0) {
                role_conn_over(c, &e);
                return false;
        }
        say(c);
        return true;
}

static void route(struct role_conn *c, const struct http_request *r)
{
        static const char *const get_post[] = { "Allow: GET, POST", "Connection: close", NULL };
        struct err e;

        if (strcmp(r->method, "GET") != 0 && strcmp(r->method, "POST") != 0) {
                refuse_method(c, get_post);
                return;
        }
        if (!c->events->on_request) {
                err_set(&e, ERR_PROTOCOL, "no such path");
                refuse(c, 404, NULL, &e);
                return;
        }
        c->asked = true;
        c->keep_alive = r->keep_alive;
        role_conn_update_reading(c);
        c->events->on_request(c->owner, c, r);
}

static void say_continue(struct role_conn *c)
{
        if (c->continued || !http_request_wants_continue(buf_bytes(&c->in)))
                return;
        c->continued = true;
        buf_clear(&c->out);
        if (http_answer_format(100, NULL, BYTES(NULL, 0), &c->out, NULL) == 0)
                say(c);
}

/* One request, if it is whole; false: there is nothing more to do now. */
static bool serve_one(struct role_conn *c)
{
        struct http_request r;
        struct err e;
        size_t n = 0;
        int status = 400, x = http_request_parse(buf_bytes(&c->in), &r, &n, &status, &e);

        if (x == 0)
                say_continue(c);
        else if (x < 0)
                refuse(c, status, NULL, &e);
        if (x <= 0)
                return false;
        c->continued = false;
        if (strncmp(r.path, PATH_PREFIX, strlen(PATH_PREFIX)) == 0) {
                if (upgrade(c, &r)) {
                        role_conn_up(c, bytes_sub(buf_bytes(&c->in), n, c->in.n));
                        if (!c->freed)
                                buf_done(&c->in);
                }
                return false;
        }
        route(c, &r);
        if (!c->freed)
                buf_consume(&c->in, n);
        return true;
}

/* Requests that are there, up to one that waits for its answer. Callers have entered. */
static void serve(struct role_conn *c)
{
        c->serving = true;
        while (!c->freed && c->phase == ROLE_CONN_HTTP && !c->asked && c->in.n > 0)
                if (!serve_one(c))
                        break;
        c->serving = false;
}

void role_conn_take_requests(struct role_conn *c, struct bytes plain)
{
        struct err e;

        if (buf_append(&c->in, plain, &e) < 0) {
                err_fault(&e, ERR_PROTOCOL, FAULT_TOO_MUCH_DATA,
                        "more requests than one behind another that has no answer yet");
                role_conn_over(c, &e);
        } else {
                serve(c);
        }
}

static void on_again(void *owner)
{
        struct role_conn *c = owner;

        role_conn_enter(c);
        serve(c);
        role_conn_leave(c);
}

int role_conn_answer(struct role_conn *c, int status, const char *const *headers, struct bytes body,
        struct err *e)
{
        const char *all[ANSWER_HEADERS_MAX + 2];
        unsigned n = 0;
        struct err why;
        int r;

        if (c->phase != ROLE_CONN_HTTP || !c->asked)
                return err_set(e, ERR_STATE, "no request waits for an answer on this connection");
        for (; headers && headers[n] && n < ANSWER_HEADERS_MAX; n++)
                all[n] = headers[n];
        if (headers && headers[n])
                return err_set(
                        e, ERR_INVALID, "an answer with more than %d headers", ANSWER_HEADERS_MAX);
        if (!c->keep_alive)
                all[n++] = "Connection: close";
        all[n] = NULL;
        buf_clear(&c->out);
        r = http_answer_format(status, all, body, &c->out, e);
        if (r == 0)
                r = stream_write(c->stream, buf_bytes(&c->out), e);
        if (r < 0)
                return r;
        c->asked = false;
        role_conn_update_reading(c);
        if (!c->keep_alive) {
                err_fault(&why, ERR_UNAVAILABLE, FAULT_CONNECTION_CLOSED,
                        "the request was answered, and the client wished for no other");
                role_conn_linger(c, &why);
        } else if (!c->serving && c->in.n > 0) {
                timer_start(&c->again, c->loop, 0, 0, on_again, c);
        }
        return 0;
}
