/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * HTTP/2 on one connection, by nghttp2, which is known in this file alone. It checks what RFC 9113
 * says of frames, streams and header fields (pseudo fields, lower case, no Connection, a body as
 * long as its Content-Length); what a request may be besides is as in HTTP/1.1.
 *
 * Nothing is sent from within its callbacks: h2->busy says that one may be on the stack, and what
 * is due is done behind it.
 */
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/http_server_parts.h"

/* Streams that the other side may end at once, and each second after that; ours that it made us
 * end are counted too (frames that are none). Beyond: the connection ends. */
#define RESETS 200
#define RESETS_PER_S 33
#define CONTINUATIONS 8 /* frames of one head */
#define ACKS_MAX 256    /* answers to PING and SETTINGS that wait */
#define SETTINGS_ENTRIES_MAX 32
#define FIELD_OVERHEAD 32 /* RFC 9113 section 6.5.2 */
/* So much larger than it may be a head is read to its end and answered; beyond that it is an
 * attack: compressed it may be a thousandth of that. */
#define HEAD_PATIENCE 4
/* RFC 9113 section 8.1: who is answered before all of his request has come is told not to send the
 * rest; later, because there are those that drop the answer when they hear that. */
#define LINGER_MS 1000
#define HEADERS_SENT_MAX 64
#define PENDING_MAX (4u * HTTP_SERVER_QUEUE_MAX) /* of all answers of a connection */

struct http_server_h2 {
        nghttp2_session *session;
        TAILQ_HEAD(, http_exchange) ready; /* whole, to be handed up */
        bool busy;
        bool in_head; /* a head is under way, since */
        uint64_t head_ms;
        bool greeted; /* the other side's first words were whole */
        uint64_t forgiven_ms;
        unsigned offences;
};

static uint64_t now_of(const struct http_server_conn *c)
{
        return http_server_now(c->server);
}

/* ---- the end ---- */

void http_server_h2_done(struct http_server_conn *c)
{
        if (!c->h2)
                return;
        nghttp2_session_del(c->h2->session);
        free(c->h2);
        c->h2 = NULL;
}

/* Says why (RFC 9113 section 7) and ends. */
static void end(struct http_server_conn *c, uint32_t code)
{
        if (c->phase != HTTP_SERVER_H2)
                return;
        (void)!nghttp2_session_terminate_session(c->h2->session, code);
        http_server_h2_pump(c);
        if (c->phase == HTTP_SERVER_H2)
                http_server_close(c, true);
}

/* A frame that is none costs us an answer, as a stream that is ended again costs us its beginning:
 * nghttp2 counts the latter. False: too many. */
static bool forgive(struct http_server_conn *c)
{
        struct http_server_h2 *h = c->h2;
        const uint64_t now = now_of(c), back = (now - h->forgiven_ms) * RESETS_PER_S / 1000;

        if (back > 0) {
                h->offences -= back < h->offences ? (unsigned)back : h->offences;
                h->forgiven_ms = now;
        }
        return h->offences++ < RESETS;
}

/* ---- requests ---- */

static struct http_exchange *of_stream(nghttp2_session *session, int32_t id)
{
        return nghttp2_session_get_stream_user_data(session, id);
}

static bool is_request(const nghttp2_frame *f)
{
        return f->hd.type == NGHTTP2_HEADERS && f->headers.cat == NGHTTP2_HCAT_REQUEST;
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *f, void *owner)
{
        struct http_server_conn *c = owner;
        struct http_exchange *x;

        c->h2->in_head = true;
        c->h2->head_ms = now_of(c);
        if (!is_request(f))
                return 0;
        x = http_exchange_new(c);
        x->stream_id = f->hd.stream_id;
        if (nghttp2_session_set_stream_user_data(session, x->stream_id, x) != 0 ||
                http_exchange_set_query(x, BYTES(NULL, 0)) < 0) {
                http_exchange_free(x);
                return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
        return 0;
}

static void refuse_later(struct http_exchange *x, int status)
{
        if (!x->refusal)
                x->refusal = status;
}

/* Section 8.3.1. nghttp2 sees to it that each is there once, and before the others. */
static void take_pseudo(struct http_exchange *x, struct bytes name, struct bytes value)
{
        struct http_request r = { 0 };
        int status = 400;

        if (bytes_equal(name, bytes_str(":method"))) {
                if (http_request_target(value, bytes_str("/"), &r, &status, NULL) < 0)
                        refuse_later(x, status);
                memcpy(x->method, r.method, sizeof x->method);
                if (!http_exchange_is_known(x->method))
                        refuse_later(x, 501);
        } else if (bytes_equal(name, bytes_str(":path"))) {
                if (http_request_target(bytes_str("GET"), value, &r, &status, NULL) < 0)
                        refuse_later(x, status);
                memcpy(x->path, r.path, sizeof x->path);
                x->text.n = 0;
                if (x->headers_n > 0 || http_exchange_set_query(x, r.query) < 0)
                        refuse_later(x, 400);
        } else if (bytes_equal(name, bytes_str(":authority"))) {
                x->has_authority = true;
                if (buf_append(&x->authority, value, NULL) < 0)
                        refuse_later(x, 431);
        } else if (!bytes_equal(name, bytes_str(":scheme")) ||
                   !bytes_equal(value, bytes_str("https"))) {
                refuse_later(x, 400);
        }
}

static void take_cookie(struct http_exchange *x, struct bytes value)
{
        if ((x->cookie.n > 0 && buf_append(&x->cookie, bytes_str("; "), NULL) < 0) ||
                buf_append(&x->cookie, value, NULL) < 0)
                refuse_later(x, 431);
}

static bool has(const struct http_exchange *x, struct bytes name)
{
        char text[64];

        if (name.n >= sizeof text)
                return false;
        memcpy(text, name.p, name.n);
        text[name.n] = '\0';
        return http_exchange_header(x, text) != NULL;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *f, const uint8_t *name_p,
        size_t name_n, const uint8_t *value_p, size_t value_n, uint8_t flags, void *owner)
{
        struct http_exchange *x = of_stream(session, f->hd.stream_id);
        const struct bytes name = BYTES(name_p, name_n), value = BYTES(value_p, value_n);

        (void)flags;
        (void)owner;
        if (!x)
                return 0;
        x->list_bytes += name_n + value_n + FIELD_OVERHEAD;
        if (x->list_bytes > HEAD_PATIENCE * HTTP_SERVER_HEAD_MAX)
                return NGHTTP2_ERR_CALLBACK_FAILURE;
        if (x->list_bytes > HTTP_SERVER_HEAD_MAX || x->headers_n == HTTP_REQUEST_HEADERS_MAX)
                refuse_later(x, 431);
        if (x->refusal || !is_request(f)) /* trailers say nothing here */
                return 0;
        if (!http_request_is_text(value))
                refuse_later(x, 400);
        else if (name_n > 0 && name_p[0] == ':')
                take_pseudo(x, name, value);
        else if (bytes_equal(name, bytes_str("cookie")))
                take_cookie(x, value);
        else if (http_request_is_single(name) && has(x, name))
                refuse_later(x, 400);
        else if (http_exchange_add_header(x, name, value) < 0)
                refuse_later(x, 431);
        return 0;
}

/* Section 8.3.1: :authority and Host say the same, where both are there. */
static void check_host(struct http_exchange *x)
{
        const char *host = http_exchange_header(x, "host");
        const struct bytes authority = buf_bytes(&x->authority);
        int status = 400;

        if (x->has_authority && host && !bytes_equal(authority, bytes_str(host)))
                refuse_later(x, 400);
        else if (http_request_host(host ? bytes_str(host) : authority, &status, NULL) < 0 ||
                 (!host && http_exchange_add_header(x, bytes_str("host"), authority) < 0))
                refuse_later(x, status);
}

static void make_ready(struct http_exchange *x)
{
        if (x->is_ready || x->asked)
                return;
        x->is_ready = true;
        TAILQ_INSERT_TAIL(&x->conn->h2->ready, x, ready);
}

/* The head is whole; ends: there is no body. */
static void take_head(struct http_exchange *x, bool ends)
{
        const char *length, *expect;
        uint64_t body_n = 0;

        if (x->cookie.n > 0 &&
                http_exchange_add_header(x, bytes_str("cookie"), buf_bytes(&x->cookie)) < 0)
                refuse_later(x, 431);
        buf_done(&x->cookie);
        if (!x->refusal)
                check_host(x);
        length = http_exchange_header(x, "content-length");
        expect = http_exchange_header(x, "expect");
        /* nghttp2 has seen that it is a number; it may stand there though no body comes */
        if (length)
                body_n = strtoull(length, NULL, 10);
        if (expect && strcasecmp(expect, "100-continue") != 0)
                refuse_later(x, 417);
        if (!x->refusal)
                x->refusal = http_exchange_admit(x, ends ? 0 : body_n);
        x->since_ms = http_server_now(x->conn->server);
        x->receiving = !ends;
        http_exchange_account(x);
        if (ends || x->refusal)
                make_ready(x);
        else if (expect)
                (void)!nghttp2_submit_headers(x->conn->h2->session, NGHTTP2_FLAG_NONE, x->stream_id,
                        NULL,
                        &(nghttp2_nv){ (uint8_t *)":status", (uint8_t *)"100", 7, 3,
                                NGHTTP2_NV_FLAG_NONE },
                        1, NULL);
}

static int on_data_chunk(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p,
        size_t n, void *owner)
{
        struct http_exchange *x = of_stream(session, id);
        const struct bytes part = BYTES(p, n);

        (void)flags;
        (void)owner;
        if (!x || x->over || x->refusal) {
                (void)!nghttp2_session_consume_connection(session, n); /* dropped */
                return 0;
        }
        if (n > x->body_max - x->body.n)
                x->refusal = 413;
        else if (http_server_is_full(x->conn, n) || buf_append(&x->body, part, NULL) < 0)
                x->refusal = 503;
        if (x->refusal) {
                (void)!nghttp2_session_consume_connection(session, n);
                make_ready(x);
                return 0;
        }
        http_exchange_account(x);
        (void)!nghttp2_session_consume(session, id, n);
        return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *f, void *owner)
{
        struct http_server_conn *c = owner;
        struct http_exchange *x;

        c->h2->greeted = true;
        if (f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA)
                return 0;
        if (f->hd.type == NGHTTP2_HEADERS)
                c->h2->in_head = false;
        x = of_stream(session, f->hd.stream_id);
        if (!x || x->over)
                return 0;
        if (is_request(f)) {
                take_head(x, f->hd.flags & NGHTTP2_FLAG_END_STREAM);
        } else if (f->hd.flags & NGHTTP2_FLAG_END_STREAM) {
                x->receiving = false;
                make_ready(x);
        }
        return 0;
}

static int on_invalid_frame(
        nghttp2_session *session, const nghttp2_frame *f, int error, void *owner)
{
        (void)session;
        (void)f;
        (void)error;
        return forgive(owner) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame_send(nghttp2_session *session, const nghttp2_frame *f, void *owner)
{
        struct http_exchange *x;

        (void)owner;
        if ((f->hd.type == NGHTTP2_DATA || f->hd.type == NGHTTP2_HEADERS) &&
                (f->hd.flags & NGHTTP2_FLAG_END_STREAM)) {
                x = of_stream(session, f->hd.stream_id);
                if (x && x->receiving)
                        x->answered_ms = http_server_now(x->conn->server);
        }
        return 0;
}

/* Tells of those whose stream was closed before their answer was whole. */
static void on_soon(void *owner)
{
        struct http_server_conn *c = owner;
        void *to;
        const struct http_server_events *events = http_server_events(c->server, &to);
        struct http_exchange *x = TAILQ_FIRST(&c->exchanges);

        while (x) {
                if (!x->closed || x->over) {
                        x = TAILQ_NEXT(x, all);
                        continue;
                }
                x->over = true;
                events->on_gone(to, x);
                http_exchange_free(x);
                x = TAILQ_FIRST(&c->exchanges); /* any of them may have ended */
        }
        http_server_touch(c);
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *owner)
{
        struct http_server_conn *c = owner;
        struct http_exchange *x = of_stream(session, id);

        (void)code;
        if (!x)
                return 0;
        if (x->is_ready)
                TAILQ_REMOVE(&c->h2->ready, x, ready);
        (void)!nghttp2_session_set_stream_user_data(session, id, NULL);
        if (x->asked && !x->over) { /* its owner may be who called us */
                x->closed = true;
                timer_start(&c->soon, http_server_loop(c->server), 0, 0, on_soon, c);
                return 0;
        }
        http_exchange_free(x);
        return 0;
}

/* ---- answers ---- */

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *to, size_t n, uint32_t *flags,
        nghttp2_data_source *source, void *owner)
{
        struct http_exchange *x = source->ptr;
        const struct bytes part = http_exchange_pull(x, n);

        (void)session;
        (void)id;
        (void)owner;
        if (part.n > 0)
                memcpy(to, part.p, part.n);
        if (http_exchange_waiting(x) == 0) {
                buf_clear(&x->out);
                x->out_at = 0;
                if (x->out.room > HTTP_SERVER_STEP)
                        buf_done(&x->out);
        }
        http_exchange_account(x);
        if (x->over && http_exchange_waiting(x) == 0)
                *flags |= NGHTTP2_DATA_FLAG_EOF;
        else if (part.n == 0)
                return NGHTTP2_ERR_DEFERRED;
        return (ssize_t)part.n;
}

static nghttp2_nv pair(const char *name, const char *value)
{
        return (nghttp2_nv){ (uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name),
                strlen(value), NGHTTP2_NV_FLAG_NONE };
}

void http_server_h2_head(
        struct http_exchange *x, int status, const char *const *headers, int64_t length)
{
        struct http_server_conn *c = x->conn;
        nghttp2_nv all[HEADERS_SENT_MAX];
        const nghttp2_data_provider source = { { .ptr = x }, on_read };
        char code[4], bytes[24];
        size_t n = 0;

        if (c->phase != HTTP_SERVER_H2 || x->closed)
                return;
        snprintf(code, sizeof code, "%03u", (unsigned)status % 1000);
        snprintf(bytes, sizeof bytes, "%lld", (long long)length);
        all[n++] = pair(":status", code);
        all[n++] = pair("date", http_server_date(c->server));
        for (; headers && headers[0] && headers[1] && n < HEADERS_SENT_MAX - 1; headers += 2)
                all[n++] = pair(headers[0], headers[1]);
        if (length >= 0 && status != 204 && status != 304)
                all[n++] = pair("content-length", bytes);
        if (nghttp2_submit_response(c->h2->session, x->stream_id, all, n,
                    x->no_body || length == 0 ? NULL : &source) != 0)
                http_server_h2_abort(x);
}

static void resume(struct http_server_conn *c, int32_t id)
{
        (void)!nghttp2_session_resume_data(c->h2->session, id); /* fails where none waits */
        http_server_h2_pump(c);
}

void http_server_h2_resume(struct http_exchange *x)
{
        struct http_server_conn *c = x->conn;

        if (x->closed && x->over)
                http_exchange_free(x);
        else if (c->phase == HTTP_SERVER_H2 && !x->closed)
                resume(c, x->stream_id);
}

void http_server_h2_abort(struct http_exchange *x)
{
        struct http_server_conn *c = x->conn;

        x->over = true;
        if (x->closed) {
                http_exchange_free(x);
                return;
        }
        if (c->phase != HTTP_SERVER_H2)
                return;
        (void)!nghttp2_submit_rst_stream(
                c->h2->session, NGHTTP2_FLAG_NONE, x->stream_id, NGHTTP2_INTERNAL_ERROR);
        http_server_h2_pump(c);
}

static void refuse(struct http_exchange *x)
{
        void *owner;
        const char *const *common = http_server_events(x->conn->server, &owner)->headers;
        const char *all[HEADERS_SENT_MAX], *const text = http_status_text(x->refusal);
        size_t n = 0;

        for (; common && common[n] && common[n + 1] && n < ARRAY_LEN(all) - 6; n += 2) {
                all[n] = common[n];
                all[n + 1] = common[n + 1];
        }
        all[n++] = "content-type";
        all[n++] = "text/plain";
        if (x->refusal == 503) {
                all[n++] = "retry-after";
                all[n++] = "1";
        }
        all[n] = NULL;
        if (x->method[0] == '\0')
                memcpy(x->method, "GET", 4);
        http_exchange_answer(x, x->refusal, all, bytes_str(text));
}

static size_t pending(const struct http_server_conn *c)
{
        size_t n = stream_queued(c->stream);
        const struct http_exchange *x;

        TAILQ_FOREACH(x, &c->exchanges, all)
        n += http_exchange_waiting(x);
        return n;
}

/* Hands up what is whole, while there is room for the answers. */
static void give_ready(struct http_server_conn *c)
{
        struct http_exchange *x;

        while (c->phase == HTTP_SERVER_H2 && (x = TAILQ_FIRST(&c->h2->ready)) &&
                pending(c) < PENDING_MAX) {
                TAILQ_REMOVE(&c->h2->ready, x, ready);
                x->is_ready = false;
                if (x->refusal)
                        refuse(x);
                else
                        http_exchange_give(x);
        }
}

/* ---- the connection ---- */

static int send_scratch(struct http_server_conn *c, struct buf *out)
{
        int r = out->n > 0 ? stream_write(c->stream, buf_bytes(out), NULL) : 0;

        buf_clear(out);
        return r;
}

void http_server_h2_pump(struct http_server_conn *c)
{
        struct http_server_h2 *h = c->h2;
        struct buf *out;
        const uint8_t *p;
        ssize_t n = 0;
        int r = 0;

        if (h->busy || c->phase != HTTP_SERVER_H2)
                return;
        h->busy = true;
        out = http_server_scratch(c->server);
        while (r == 0 && stream_queued(c->stream) < HTTP_SERVER_HIGH &&
                (n = nghttp2_session_mem_send(h->session, &p)) > 0) {
                r = buf_append(out, BYTES(p, (size_t)n), NULL);
                if (r == 0 && out->n >= HTTP_SERVER_STEP)
                        r = send_scratch(c, out);
        }
        if (r == 0 && n >= 0)
                r = send_scratch(c, out);
        h->busy = false;
        if (r < 0 || n < 0)
                http_server_over(c);
        else if (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session))
                http_server_close(c, true);
        else /* who does not read what we answer is not asked for more */
                stream_pause(c->stream, stream_queued(c->stream) >= HTTP_SERVER_HIGH);
}

static void go_on(struct http_server_conn *c)
{
        give_ready(c);
        http_server_h2_pump(c);
        if (c->phase == HTTP_SERVER_H2)
                http_server_tell_writable(c);
        http_server_touch(c);
}

void http_server_h2_take(struct http_server_conn *c, struct bytes plain)
{
        struct http_server_h2 *h = c->h2;
        ssize_t n;

        h->busy = true;
        n = nghttp2_session_mem_recv(h->session, plain.p, plain.n);
        h->busy = false;
        if (n < 0)
                end(c, n == NGHTTP2_ERR_BAD_CLIENT_MAGIC ? NGHTTP2_PROTOCOL_ERROR
                                                         : NGHTTP2_ENHANCE_YOUR_CALM);
        else
                go_on(c);
        http_server_touch(c);
}

void http_server_h2_drained(struct http_server_conn *c)
{
        http_server_h2_pump(c);
        if (c->phase == HTTP_SERVER_H2)
                go_on(c);
}

static nghttp2_session *new_session(struct http_server_conn *c)
{
        nghttp2_session_callbacks *callbacks;
        nghttp2_session *session;
        nghttp2_option *option;
        bool made = nghttp2_session_callbacks_new(&callbacks) == 0;

        made = made && nghttp2_option_new(&option) == 0;
        if (!made)
                abort(); /* no memory, as xcalloc */
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data_chunk);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
        nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_send);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
        nghttp2_option_set_no_auto_window_update(option, 1);
        nghttp2_option_set_stream_reset_rate_limit(option, RESETS, RESETS_PER_S);
        nghttp2_option_set_max_continuations(option, CONTINUATIONS);
        nghttp2_option_set_max_outbound_ack(option, ACKS_MAX);
        nghttp2_option_set_max_settings(option, SETTINGS_ENTRIES_MAX);
        made = nghttp2_session_server_new2(&session, callbacks, c, option) == 0;
        if (!made)
                abort();
        nghttp2_session_callbacks_del(callbacks);
        nghttp2_option_del(option);
        return session;
}

void http_server_h2_open(struct http_server_conn *c)
{
        const nghttp2_settings_entry settings[] = {
                { NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, http_server_limits(c->server)->streams },
                { NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_SERVER_HEAD_MAX },
        };

        c->h2 = xcalloc(1, sizeof *c->h2);
        TAILQ_INIT(&c->h2->ready);
        c->h2->session = new_session(c);
        c->phase = HTTP_SERVER_H2;
        if (nghttp2_submit_settings(
                    c->h2->session, NGHTTP2_FLAG_NONE, settings, ARRAY_LEN(settings)) != 0)
                http_server_over(c);
        else
                http_server_h2_pump(c);
}

/* ---- deadlines ---- */

static uint64_t earliest(uint64_t a, uint64_t b)
{
        return a == 0 || b < a ? b : a;
}

/* Of one exchange: for its body, or for its peer to take what waits. 0: the owner's turn. */
static uint64_t deadline_of(const struct http_exchange *x)
{
        if (x->answered_ms)
                return x->answered_ms + LINGER_MS;
        if (x->receiving && !x->refusal && !x->over)
                return http_exchange_body_deadline(x);
        return http_exchange_waiting(x) > 0
                       ? x->moved_ms + http_server_limits(x->conn->server)->idle_ms
                       : 0;
}

uint64_t http_server_h2_deadline(const struct http_server_conn *c)
{
        const struct http_server_limits *l = http_server_limits(c->server);
        const struct http_exchange *x;
        uint64_t at = 0, one;

        if (c->h2->in_head)
                at = c->h2->head_ms + l->head_ms;
        else if (!c->h2->greeted)
                at = c->since_ms + l->head_ms;
        TAILQ_FOREACH(x, &c->exchanges, all)
        {
                one = deadline_of(x);
                at = one ? earliest(at, one) : at;
        }
        if (TAILQ_EMPTY(&c->exchanges))
                at = earliest(at, c->since_ms + l->idle_ms);
        return at;
}

void http_server_h2_timeout(struct http_server_conn *c)
{
        const struct http_server_limits *l = http_server_limits(c->server);
        const uint64_t now = now_of(c);
        struct http_exchange *x;

        if ((c->h2->in_head && now >= c->h2->head_ms + l->head_ms) || !c->h2->greeted ||
                TAILQ_EMPTY(&c->exchanges)) {
                end(c, NGHTTP2_NO_ERROR);
                return;
        }
        TAILQ_FOREACH(x, &c->exchanges, all)
        {
                const uint64_t at = deadline_of(x);

                if (at == 0 || at > now)
                        continue;
                x->moved_ms = now;
                if (x->answered_ms) {
                        x->answered_ms = now;
                        (void)!nghttp2_submit_rst_stream(
                                c->h2->session, NGHTTP2_FLAG_NONE, x->stream_id, NGHTTP2_NO_ERROR);
                } else if (x->receiving && !x->over) {
                        x->refusal = 408;
                        make_ready(x);
                } else {
                        (void)!nghttp2_submit_rst_stream(
                                c->h2->session, NGHTTP2_FLAG_NONE, x->stream_id, NGHTTP2_CANCEL);
                }
        }
        go_on(c);
}
