/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "net/http_pull.h"

#include <stdlib.h>
#include <unistd.h>

#include "net/rtsp_refusal.h"

#define REQUEST_MAX 8192

enum pull_state { PULL_HEAD, PULL_BODY, PULL_IDLE };

struct http_pull {
        struct stream_shared *shared; /* borrowed */
        const struct http_pull_events *events;
        void *owner;
        struct url url;
        struct login login;
        bool plain;
        unsigned handshake_ms, answer_ms, pace_ms;
        struct stream *stream; /* owned; NULL: none */
        uint8_t key[32];       /* of the first connection's peer */
        bool has_key;
        enum pull_state state;
        bool ready;  /* the stream may be written to */
        bool wanted; /* a connection was asked for */
        bool stays_open, endless;
        bool used; /* an answer came on this connection */
        enum http_body body;
        uint64_t left;
        struct http_chunks chunks;
        struct buf head;
        struct timer timer; /* the answer's limit; a broken pull's end */
        struct err broken;
        uint64_t received; /* on closed connections */
        unsigned busy;     /* our own calls on the stack */
        bool ended, freed;
};

static void destroy(struct http_pull *p)
{
        buf_done(&p->head);
        free(p);
}

static void enter(struct http_pull *p)
{
        p->busy++;
}

/* False: p is gone. */
static bool leave(struct http_pull *p)
{
        if (--p->busy > 0 || !p->freed)
                return !p->freed;
        destroy(p);
        return false;
}

static void end(struct http_pull *p, const struct err *why)
{
        struct err e = *why;

        if (p->ended || p->freed)
                return;
        p->ended = true;
        timer_done(&p->timer);
        p->events->on_end(p->owner, &e);
}

static void on_late(void *owner)
{
        struct http_pull *p = owner;
        struct err e;

        if (p->broken.code) {
                end(p, &p->broken);
                return;
        }
        err_fault(&e, ERR_TIMEOUT, FAULT_NO_ANSWER, "GET: no whole answer within %u ms",
                p->answer_ms);
        end(p, &e);
}

/* In a call of the owner's: told from the loop. */
static void end_soon(struct http_pull *p, const struct err *why)
{
        p->broken = *why;
        timer_start(&p->timer, stream_shared_loop(p->shared), 0, 0, on_late, p);
}

static void close_stream(struct http_pull *p)
{
        if (p->stream)
                p->received += stream_received(p->stream);
        p->stream = stream_free(p->stream);
        p->ready = p->used = false;
}

/* Between enter and leave: the owner may free the pull. */
static void want(struct http_pull *p)
{
        close_stream(p);
        if (p->wanted)
                return;
        p->wanted = true;
        p->events->need_connection(p->owner);
}

/* ---- the request ---- */

static int send_get(struct http_pull *p, struct err *e)
{
        char answer[DIGEST_ANSWER_ROOM];
        int r = login_answer(&p->login, "GET", p->url.path, answer, e);
        struct buf out;

        if (r < 0)
                return r;
        const struct http_line lines[] = { { "User-Agent", "Custos" },
                { "Accept", "image/jpeg, multipart/x-mixed-replace" },
                { "Authorization", r ? answer : NULL } };
        buf_init(&out, REQUEST_MAX);
        r = http_request_format(&out, "GET", &p->url, lines, ARRAY_LEN(lines), e);
        if (r >= 0)
                r = stream_write(p->stream, buf_bytes(&out), e);
        if (out.p)
                explicit_bzero(out.p, out.room); /* with Basic it holds the password */
        buf_done(&out);
        explicit_bzero(answer, sizeof answer);
        p->state = PULL_HEAD;
        p->endless = false;
        buf_clear(&p->head);
        timer_start(&p->timer, stream_shared_loop(p->shared), p->answer_ms, 0, on_late, p);
        return r;
}

void http_pull_again(struct http_pull *p)
{
        struct err e;

        if (p->ended || p->wanted || p->state != PULL_IDLE)
                return;
        p->login.tries = 0;
        enter(p);
        if (!p->ready || !p->stays_open || send_get(p, &e) < 0)
                want(p);
        leave(p);
}

/* ---- the answer ---- */

static int on_unauthorized(struct http_pull *p, const struct http_answer *a, struct err *e)
{
        struct bytes values[DIGEST_CHALLENGES_MAX];
        unsigned n = 0;
        int r;

        while (n < DIGEST_CHALLENGES_MAX &&
                (values[n] = http_answer_header(a, "WWW-Authenticate", n)).p)
                n++;
        r = login_challenge(&p->login, values, n, e);
        if (r < 0)
                return err_wrap(e, r, "GET");
        want(p);
        return 0;
}

static int on_answer(struct http_pull *p, const struct http_answer *a, struct err *e)
{
        int r;

        if (a->status < 200)
                return 0;
        if (a->status == 401)
                return on_unauthorized(p, a, e);
        if (a->status != 200)
                return rtsp_refusal_set(e, "GET", a->status, a->reason,
                        http_answer_header(a, "Location", 0), FAULT_REQUEST_REFUSED);
        digest_client_accepted(p->login.auth);
        p->state = PULL_BODY;
        p->used = true;
        p->body = a->body;
        p->left = a->length;
        p->chunks = (struct http_chunks){ 0 };
        p->stays_open = a->stays_open;
        r = p->events->on_head(p->owner, a, e);
        if (r < 0 || p->freed)
                return r;
        p->endless = r == 1;
        if (p->endless)
                timer_done(&p->timer);
        return 0;
}

static int take_head(struct http_pull *p, struct bytes *b, struct err *e)
{
        struct bytes more = bytes_sub(*b, 0, HTTP_HEAD_MAX - p->head.n);
        const struct stream *before = p->stream;
        size_t had = p->head.n;
        struct http_answer a;
        int n, r = buf_append(&p->head, more, e);

        if (r < 0)
                return r;
        n = http_answer_parse(buf_bytes(&p->head), &a, e);
        if (n == ERR_AGAIN) {
                *b = bytes_sub(*b, more.n, b->n);
                return 0;
        }
        if (n < 0)
                return err_wrap(e, n, "GET");
        *b = bytes_sub(*b, (size_t)n - had, b->n);
        r = on_answer(p, &a, e);
        if (p->stream != before)
                *b = BYTES(NULL, 0);
        else
                buf_clear(&p->head);
        return r;
}

static int done(struct http_pull *p, struct err *e)
{
        p->state = PULL_IDLE;
        timer_done(&p->timer);
        if (p->endless)
                return err_fault(e, ERR_UNAVAILABLE, FAULT_SESSION_ENDED,
                        "the camera ended the stream of pictures");
        return p->events->on_done(p->owner, e);
}

static int take_body(struct http_pull *p, struct bytes *b, struct err *e)
{
        struct bytes piece = *b;
        int r;

        if (p->body == HTTP_BODY_CHUNKED) {
                r = http_chunks_pull(&p->chunks, b, &piece, e);
                if (r == 2)
                        return done(p, e);
                return r == 1 ? p->events->on_body(p->owner, piece, e) : r;
        }
        if (p->body == HTTP_BODY_LENGTH && p->left < piece.n)
                piece.n = (size_t)p->left;
        *b = bytes_sub(*b, piece.n, b->n);
        p->left -= p->body == HTTP_BODY_LENGTH ? piece.n : 0;
        return piece.n ? p->events->on_body(p->owner, piece, e) : 0;
}

static bool is_whole(const struct http_pull *p)
{
        return p->state == PULL_BODY && p->body == HTTP_BODY_LENGTH && p->left == 0;
}

static int take(struct http_pull *p, struct bytes b, struct err *e)
{
        const struct stream *of = p->stream;
        int r = 0;

        while (r >= 0 && !p->freed && p->stream == of && (b.n > 0 || is_whole(p))) {
                if (p->state == PULL_IDLE)
                        return err_fault(e, ERR_PROTOCOL, FAULT_BAD_ANSWER,
                                "the camera sends more than it was asked for");
                if (is_whole(p))
                        r = done(p, e);
                else if (p->state == PULL_HEAD)
                        r = take_head(p, &b, e);
                else
                        r = take_body(p, &b, e);
        }
        return r;
}

/* ---- the stream's events ---- */

static int check_key(struct http_pull *p, const struct tls *t, struct err *e)
{
        uint8_t key[32];

        if (!t)
                return 0;
        if (!tls_peer_key(t, key))
                return err_set(e, ERR_AUTH, "the peer showed no key");
        if (p->has_key && memcmp(key, p->key, sizeof key) != 0)
                return err_fault(e, ERR_AUTH, FAULT_TUNNEL_KEYS,
                        "a further connection leads to another key: nothing is sent on it");
        memcpy(p->key, key, sizeof key);
        p->has_key = true;
        return 0;
}

static void on_ready(void *owner, struct stream *s)
{
        struct http_pull *p = owner;
        struct err e = { 0 };
        int r;

        enter(p);
        r = check_key(p, stream_tls(s), &e);
        if (r >= 0)
                r = p->events->on_secure(p->owner, stream_tls(s), &e);
        if (r >= 0 && !p->freed) {
                p->ready = true;
                r = send_get(p, &e);
        }
        if (r < 0 && !p->freed)
                end(p, &e);
        leave(p);
}

static int on_data(void *owner, struct stream *s, struct bytes plain, struct err *e)
{
        struct http_pull *p = owner;
        int r;

        if (p->ended)
                return ERR_CANCELLED;
        enter(p);
        r = take(p, plain, e);
        if (r < 0 && !p->freed && p->stream != s)
                end(p, e); /* the stream is gone, and cannot end with the error */
        return leave(p) ? r : ERR_CANCELLED;
}

static void on_stream_end(void *owner, struct stream *s, const struct err *why)
{
        struct http_pull *p = owner;
        struct err e = *why;
        int r = why->code;

        (void)s;
        enter(p);
        p->ready = false;
        if (why->fault == FAULT_CONNECTION_CLOSED) {
                if (p->state == PULL_BODY && p->body == HTTP_BODY_CLOSE)
                        r = done(p, &e);
                else if (p->state == PULL_IDLE)
                        r = 0; /* between two pictures */
                else if (p->state == PULL_HEAD && p->used && p->head.n == 0) {
                        want(p); /* the request and the end crossed */
                        r = 0;
                }
        }
        if (r < 0 && !p->freed)
                end(p, &e);
        leave(p);
}

static const struct stream_events stream_handlers = {
        .on_ready = on_ready,
        .on_data = on_data,
        .on_end = on_stream_end,
};

static int open_stream(struct http_pull *p, int fd, struct tls *t, struct err *e)
{
        const struct stream_options o = {
                .client = true, .plain = p->plain, .handshake_ms = p->handshake_ms
        };
        int r = stream_new(p->shared, fd, t, &o, &stream_handlers, p, &p->stream, e);

        p->state = PULL_HEAD;
        if (r >= 0 && p->pace_ms)
                stream_pace(p->stream, p->pace_ms);
        return r;
}

/* ---- life ---- */

int http_pull_new(struct stream_shared *sh, int fd, struct tls *t,
        const struct http_pull_options *o, const struct http_pull_events *events, void *owner,
        struct http_pull **ret, struct err *e)
{
        struct http_pull *p = xcalloc(1, sizeof *p);
        int r;

        p->shared = sh;
        p->events = events;
        p->owner = owner;
        p->url = *o->url;
        p->login = o->login;
        p->plain = o->plain;
        p->handshake_ms = o->handshake_ms;
        p->answer_ms = o->answer_ms ? o->answer_ms : HTTP_PULL_ANSWER_MS;
        buf_init(&p->head, HTTP_HEAD_MAX);
        digest_client_reconnect(p->login.auth);
        r = open_stream(p, fd, t, e);
        if (r < 0) {
                destroy(p);
                return r;
        }
        *ret = p;
        return 0;
}

struct http_pull *http_pull_free(struct http_pull *p)
{
        if (!p)
                return NULL;
        timer_done(&p->timer);
        p->stream = stream_free(p->stream);
        p->freed = true;
        if (p->busy == 0)
                destroy(p);
        return NULL;
}

void http_pull_connection(struct http_pull *p, int fd, struct tls *t)
{
        struct err e;

        if (!p->wanted || p->ended) {
                close(fd);
                tls_free(t);
                return;
        }
        p->wanted = false;
        if (open_stream(p, fd, t, &e) < 0)
                end_soon(p, &e);
}

void http_pull_no_connection(struct http_pull *p, const struct err *why)
{
        if (!p->ended)
                end_soon(p, why);
}

void http_pull_pace(struct http_pull *p, unsigned interval_ms)
{
        p->pace_ms = interval_ms;
        if (p->stream)
                stream_pace(p->stream, interval_ms);
}

uint64_t http_pull_received(const struct http_pull *p)
{
        return p->received + (p->stream ? stream_received(p->stream) : 0);
}
