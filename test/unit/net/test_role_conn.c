/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Two role_conns of one site on one loop, and each of them against a TLS stream that says what the
 * test wants (`raw`): as a client that asks for all kinds of things, and as a server that grants
 * them wrongly.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/x509.h"
#include "crypto/x509_crl.h"
#include "net/role_conn.h"
#include "proto/websocket.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define NOW (INT64_C(1795000000) * SECOND)
#define SITE "north"
#define KEY "dGhlIHNhbXBsZSBub25jZQ=="
#define ACCEPT "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
#define UPGRADE_LINES                                                                              \
        "Host: main\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"                  \
        "Sec-WebSocket-Key: " KEY "\r\nSec-WebSocket-Version: 13\r\n"                              \
        "Sec-WebSocket-Protocol: custos.link.1\r\n\r\n"
#define UPGRADE "GET /link/1 HTTP/1.1\r\n" UPGRADE_LINES
#define GRANTED                                                                                    \
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"        \
        "Sec-WebSocket-Accept: " ACCEPT "\r\nSec-WebSocket-Protocol: custos.link.1\r\n\r\n"

/* ---- a site ---- */

struct node {
        struct sign_key *key;
        struct buf der;
        struct tls_role_config *config;
};

static struct site {
        struct node root, nodes, manager, recorder;
        struct tls_client_config *anonymous; /* a client without a certificate */
} site;

static void issue(
        struct node *n, enum x509_purpose purpose, const char *uri, const struct node *above)
{
        static const char *const dns[] = { "main", NULL };
        const struct x509_request r = { .purpose = purpose,
                .common_name = "test",
                .dns = uri ? dns : NULL,
                .uri = uri,
                .not_before_us = NOW - DAY,
                .not_after_us = NOW + 14 * DAY };
        struct buf chain;
        struct err e;

        n->key = sign_key_generate();
        buf_init(&n->der, X509_CERT_MAX);
        if (x509_issue(&r, n->key, above ? buf_bytes(&above->der) : BYTES(NULL, 0),
                    above ? above->key : n->key, &n->der, &e) < 0)
                fail_msg("%s", e.text);
        if (!uri)
                return;
        buf_init(&chain, 65536);
        assert_int_equal(x509_pem_format(buf_bytes(&n->der), &chain, NULL), 0);
        assert_int_equal(x509_pem_format(buf_bytes(&above->der), &chain, NULL), 0);
        const struct tls_role_identity id = { .site = SITE,
                .root_der = buf_bytes(&site.root.der),
                .issuer_der = buf_bytes(&site.nodes.der),
                .chain_pem = buf_bytes(&chain),
                .key = n->key };
        if (tls_role_config_new(&id, &n->config, &e) < 0)
                fail_msg("%s", e.text);
        buf_done(&chain);
}

static void node_done(struct node *n)
{
        sign_key_free(n->key);
        buf_done(&n->der);
        tls_role_config_free(n->config);
}

static int site_init(void **state)
{
        struct buf pem;

        (void)state;
        issue(&site.root, X509_ROOT, NULL, NULL);
        issue(&site.nodes, X509_ISSUER, NULL, &site.root);
        issue(&site.manager, X509_NODE, "custos://" SITE "/manager/main", &site.nodes);
        issue(&site.recorder, X509_NODE, "custos://" SITE "/recorder/lobby", &site.nodes);
        buf_init(&pem, 65536);
        assert_int_equal(x509_pem_format(buf_bytes(&site.root.der), &pem, NULL), 0);
        assert_int_equal(tls_client_config_new(buf_bytes(&pem), &site.anonymous, NULL), 0);
        buf_done(&pem);
        return 0;
}

static int site_done(void **state)
{
        (void)state;
        node_done(&site.root);
        node_done(&site.nodes);
        node_done(&site.manager);
        node_done(&site.recorder);
        tls_client_config_free(site.anonymous);
        return 0;
}

static struct tls *session(bool server, bool anonymous)
{
        static const char *const takes[] = { "recorder", "gateway", NULL };
        struct tls *t = NULL;
        int r = server      ? tls_role_server_new(site.manager.config, takes, NOW, &t, NULL)
                : anonymous ? tls_client_new(site.anonymous, "main", NULL, NOW, &t, NULL)
                            : tls_role_client_new(
                                      site.recorder.config, "manager", "main", NOW, &t, NULL);

        assert_int_equal(r, 0);
        return t;
}

/* ---- both ends ---- */

struct side {
        struct role_conn *c;
        unsigned opened, drained, ended, messages, requests;
        struct buf got;  /* of each message: kind, length (4 bytes), bytes */
        char asked[600]; /* "GET /x body;" of each request */
        struct err why;
        bool answer_at_once, echo, refuse;
        enum { NEVER, ON_OPEN, ON_MESSAGE, ON_DRAIN, ON_REQUEST, ON_END } free_in;
        const char *close_on_message;
};

struct raw {
        struct stream *s;
        struct buf got;
        bool ready, ended;
        const char *say_when_ready;
        const char *answer; /* of a server, to the first that comes */
};

struct pair {
        struct loop *loop;
        struct stream_shared *shared;
        struct side client, server;
        struct raw raw;
        int fd[2];
        struct timer guard;
        bool late;
};

static void maybe_free(struct side *s, int where)
{
        if ((int)s->free_in == where)
                s->c = role_conn_free(s->c);
}

static void on_open(void *owner, struct role_conn *c)
{
        struct side *s = owner;

        assert_ptr_equal(c, s->c);
        s->opened++;
        maybe_free(s, ON_OPEN);
}

static int on_message(void *owner, struct role_conn *c, bool text, struct bytes m, struct err *e)
{
        struct side *s = owner;
        const uint8_t head[5] = { text, (uint8_t)(m.n >> 24), (uint8_t)(m.n >> 16),
                (uint8_t)(m.n >> 8), (uint8_t)m.n };

        assert_int_equal(s->opened, 1);
        assert_int_equal(s->ended, 0);
        s->messages++;
        assert_int_equal(buf_append(&s->got, BYTES(head, 5), NULL), 0);
        assert_int_equal(buf_append(&s->got, m, NULL), 0);
        if (s->echo)
                assert_int_equal(role_conn_send(c, text, m, NULL), 0);
        if (s->close_on_message)
                role_conn_close(c, 1000, s->close_on_message);
        if (s->refuse)
                return err_set(e, ERR_DENIED, "not to my taste");
        maybe_free(s, ON_MESSAGE);
        return 0;
}

static void on_drain(void *owner, struct role_conn *c)
{
        struct side *s = owner;

        assert_true(role_conn_queued(c) <= ROLE_CONN_LOW);
        s->drained++;
        maybe_free(s, ON_DRAIN);
}

static void on_request(void *owner, struct role_conn *c, const struct http_request *r)
{
        static const char *const headers[] = { "Content-Type: text/plain", NULL };
        struct side *s = owner;
        size_t n = strlen(s->asked);

        s->requests++;
        snprintf(s->asked + n, sizeof s->asked - n, "%s%s %s %.*s;", role_conn_peer(c) ? "" : "?",
                r->method, r->path, (int)r->body.n, (const char *)r->body.p);
        if (s->answer_at_once) {
                assert_int_equal(role_conn_answer(c, 200, headers, bytes_str(r->path), NULL), 0);
                assert_int_equal(
                        role_conn_answer(c, 200, headers, bytes_str("twice"), NULL), ERR_STATE);
        }
        maybe_free(s, ON_REQUEST);
}

static void on_end(void *owner, struct role_conn *c, const struct err *why)
{
        struct side *s = owner;

        (void)c;
        s->ended++;
        s->why = *why;
        maybe_free(s, ON_END);
}

static const struct role_conn_events events = { on_open, on_message, on_drain, on_request, on_end };

static void raw_ready(void *owner, struct stream *st)
{
        struct raw *w = owner;

        w->ready = true;
        if (w->say_when_ready)
                assert_int_equal(stream_write(st, bytes_str(w->say_when_ready), NULL), 0);
}

static int raw_data(void *owner, struct stream *st, struct bytes plain, struct err *e)
{
        struct raw *w = owner;

        (void)e;
        assert_int_equal(buf_append(&w->got, plain, NULL), 0);
        if (w->answer)
                assert_int_equal(stream_write(st, bytes_str(w->answer), NULL), 0);
        w->answer = NULL;
        return 0;
}

static void raw_end(void *owner, struct stream *st, const struct err *why)
{
        struct raw *w = owner;

        (void)st;
        (void)why;
        w->ended = true;
}

static const struct stream_events raw_events = { raw_ready, raw_data, NULL, raw_end };

static void on_guard(void *owner)
{
        struct pair *p = owner;

        p->late = true;
        loop_stop(p->loop);
}

static void pair_init(struct pair *p)
{
        memset(p, 0, sizeof *p);
        p->loop = loop_new();
        p->shared = stream_shared_new(p->loop);
        buf_init(&p->client.got, 16 << 20);
        buf_init(&p->server.got, 16 << 20);
        buf_init(&p->raw.got, 16 << 20);
        assert_int_equal(
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p->fd), 0);
        timer_start(&p->guard, p->loop, 8000, 0, on_guard, p);
}

static void accept_side(struct pair *p, struct role_conn_limits l)
{
        assert_int_equal(role_conn_accept(p->shared, p->fd[0], session(true, false), &events,
                                 &p->server, &p->server.c, NULL),
                0);
        role_conn_limit(p->server.c, &l);
}

static void connect_side(struct pair *p, struct role_conn_limits l)
{
        assert_int_equal(role_conn_connect(p->shared, p->fd[1], session(false, false), &events,
                                 &p->client, &p->client.c, NULL),
                0);
        role_conn_limit(p->client.c, &l);
}

static void raw_side(struct pair *p, bool server, bool anonymous)
{
        const struct stream_options o = { .client = !server, .output_max_bytes = 1 << 20 };

        assert_int_equal(stream_new(p->shared, p->fd[!server], session(server, anonymous), &o,
                                 &raw_events, &p->raw, &p->raw.s, NULL),
                0);
}

static void on_settled(void *owner)
{
        loop_stop(owner);
}

static void settle(struct pair *p, unsigned ms)
{
        struct timer t = { 0 };

        timer_start(&t, p->loop, ms, 0, on_settled, p->loop);
        loop_run(p->loop);
        timer_done(&t);
        if (p->late)
                fail_msg("late: client ended %u (%s), server ended %u (%s), raw %.300s",
                        p->client.ended, p->client.why.text, p->server.ended, p->server.why.text,
                        p->raw.got.n ? (const char *)p->raw.got.p : "");
}

#define UNTIL(p, condition)                                                                        \
        do {                                                                                       \
                while (!(condition))                                                               \
                        settle(p, 2);                                                              \
        } while (0)

static void pair_done(struct pair *p)
{
        timer_done(&p->guard);
        role_conn_free(p->client.c);
        role_conn_free(p->server.c);
        stream_free(p->raw.s);
        buf_done(&p->client.got);
        buf_done(&p->server.got);
        buf_done(&p->raw.got);
        stream_shared_free(p->shared);
        loop_free(p->loop);
}

static const struct role_conn_limits usual;

static void open_pair(struct pair *p)
{
        pair_init(p);
        accept_side(p, usual);
        connect_side(p, usual);
        UNTIL(p, p->client.opened && p->server.opened);
}

static const char *raw_text(struct pair *p)
{
        assert_int_equal(buf_append(&p->raw.got, BYTES("", 1), NULL), 0);
        p->raw.got.n--;
        return (const char *)p->raw.got.p;
}

/* ---- open ---- */

static void test_opens(void **state)
{
        struct role_conn_state s;
        struct pair p;

        (void)state;
        pair_init(&p);
        accept_side(&p, usual);
        connect_side(&p, usual);
        assert_int_equal(role_conn_send(p.client.c, true, bytes_str("early"), NULL), ERR_STATE);
        assert_int_equal(role_conn_rekey(p.client.c, NULL), ERR_STATE);
        assert_null(role_conn_peer(p.server.c));
        UNTIL(&p, p.client.opened && p.server.opened);
        assert_string_equal(role_conn_peer(p.server.c)->uri, "custos://" SITE "/recorder/lobby");
        assert_string_equal(role_conn_peer(p.client.c)->uri, "custos://" SITE "/manager/main");
        role_conn_state(p.server.c, &s);
        assert_true(s.open && s.accepted);
        assert_int_equal(s.tls_version, 0x0304);
        assert_non_null(strstr(s.cipher, "GCM"));
        assert_true(s.opened_us > NOW - 3650 * DAY);
        assert_true(s.bytes_in > 500 && s.bytes_out > 500);
        assert_string_equal(s.address, "");
        role_conn_state(p.client.c, &s);
        assert_true(s.open && !s.accepted);
        assert_int_equal(role_conn_answer(p.server.c, 200, NULL, BYTES(NULL, 0), NULL), ERR_STATE);
        assert_int_equal(p.server.requests, 0);
        pair_done(&p);
}

static void test_address(void **state)
{
        struct sockaddr_in at = { .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof at;
        struct role_conn_state s;
        char expected[64];
        struct pair p;
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        (void)state;
        pair_init(&p);
        close(p.fd[0]);
        close(p.fd[1]);
        assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &n), 0);
        p.fd[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(p.fd[1], (struct sockaddr *)&at, sizeof at), 0);
        p.fd[0] = accept(listener, NULL, NULL);
        snprintf(expected, sizeof expected, "127.0.0.1:%u", ntohs(at.sin_port));
        accept_side(&p, usual);
        connect_side(&p, usual);
        UNTIL(&p, p.client.opened && p.server.opened);
        role_conn_state(p.client.c, &s);
        assert_string_equal(s.address, expected);
        close(listener);
        pair_done(&p);
}

/* ---- messages ---- */

static const uint8_t *pattern(size_t n)
{
        static uint8_t bytes[ROLE_CONN_BINARY_MAX + 2];

        for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (uint8_t)('a' + i % 23);
        return bytes + (n & 1);
}

static void check_got(const struct side *s, const size_t *sizes, size_t sizes_n)
{
        size_t at = 0;

        for (size_t i = 0; i < sizes_n; i++) {
                const uint8_t *h = s->got.p + at;

                assert_int_equal(h[0], i & 1);
                assert_int_equal((size_t)h[1] << 24 | h[2] << 16 | h[3] << 8 | h[4], sizes[i]);
                if (memcmp(h + 5, pattern(sizes[i]), sizes[i]) != 0)
                        fail_msg("message %zu of %zu bytes", i, sizes[i]);
                at += 5 + sizes[i];
        }
        assert_int_equal(at, s->got.n);
}

static void test_messages_both_ways(void **state)
{
        static const size_t sizes[] = { 0, 1, 125, 126, 65535, 65536, 131072, 0, 127, 131072 };
        struct pair p;

        (void)state;
        open_pair(&p);
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
                const struct bytes m = BYTES(pattern(sizes[i]), sizes[i]);

                assert_int_equal(role_conn_send(p.client.c, i & 1, m, NULL), 0);
                assert_int_equal(role_conn_send(p.server.c, i & 1, m, NULL), 0);
        }
        UNTIL(&p, p.client.messages == ARRAY_LEN(sizes) && p.server.messages == ARRAY_LEN(sizes));
        check_got(&p.client, sizes, ARRAY_LEN(sizes));
        check_got(&p.server, sizes, ARRAY_LEN(sizes));
        for (unsigned text = 0; text < 2; text++)
                assert_int_equal(role_conn_send(p.client.c, text, BYTES(pattern(0), 131073), NULL),
                        ERR_INVALID);
        settle(&p, 20);
        assert_int_equal(p.server.messages, ARRAY_LEN(sizes));
        assert_int_equal(p.client.ended + p.server.ended, 0);
        pair_done(&p);
}

/* One side does not read: the other's queue has an end, control frames get through it still, and
 * nothing is lost. */
static void test_back_pressure(void **state)
{
        struct err e = { 0 };
        struct pair p;
        unsigned sent = 0;
        int r;

        (void)state;
        open_pair(&p);
        role_conn_hold(p.server.c, true);
        settle(&p, 10);
        while ((r = role_conn_send(p.client.c, false, BYTES(pattern(sent), 131072), &e)) == 0) {
                sent++;
                settle(&p, 1);
        }
        assert_int_equal(r, ERR_EXHAUSTED);
        assert_int_equal(e.fault, FAULT_DOES_NOT_READ);
        assert_true(role_conn_queued(p.client.c) <= ROLE_CONN_QUEUE_MAX + 4096);
        assert_true(role_conn_queued(p.client.c) > ROLE_CONN_QUEUE_MAX - 2 * 131072);
        settle(&p, 50);
        assert_int_equal(p.server.messages, 0);
        assert_int_equal(p.client.drained, 0);
        /* the way back is open */
        assert_int_equal(role_conn_send(p.server.c, true, bytes_str("hello"), NULL), 0);
        UNTIL(&p, p.client.messages == 1);
        role_conn_hold(p.server.c, false);
        UNTIL(&p, p.client.drained == 1);
        assert_int_equal(role_conn_send(p.client.c, false, BYTES(pattern(sent), 131072), &e), 0);
        sent++;
        UNTIL(&p, p.server.messages == sent);
        assert_int_equal(p.server.got.n, sent * (131072 + 5));
        for (unsigned i = 0; i < sent; i++)
                if (memcmp(p.server.got.p + i * (131072 + 5) + 5, pattern(i), 131072) != 0)
                        fail_msg("message %u", i);
        assert_int_equal(p.client.ended + p.server.ended, 0);
        pair_done(&p);
}

static void test_owner_refuses(void **state)
{
        struct pair p;

        (void)state;
        open_pair(&p);
        p.server.refuse = true;
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(role_conn_send(p.client.c, true, bytes_str("{}"), NULL), 0);
        UNTIL(&p, p.client.ended && p.server.ended);
        assert_int_equal(p.server.messages, 1);
        assert_int_equal(p.server.why.code, ERR_DENIED);
        assert_string_equal(p.server.why.text, "not to my taste");
        assert_non_null(strstr(p.client.why.text, "1008 denied"));
        pair_done(&p);
}

/* ---- ends ---- */

static void test_close(void **state)
{
        struct role_conn_state s;

        (void)state;
        for (unsigned by_server = 0; by_server < 2; by_server++) {
                struct side *from, *to;
                struct pair p;

                open_pair(&p);
                from = by_server ? &p.server : &p.client;
                to = by_server ? &p.client : &p.server;
                for (unsigned i = 0; i < 20; i++) /* more than the socket takes */
                        assert_int_equal(
                                role_conn_send(from->c, false, BYTES(pattern(0), 131072), NULL), 0);
                role_conn_close(from->c, 4001, "moved");
                assert_int_equal(from->ended, 0);
                assert_int_equal(role_conn_send(from->c, true, bytes_str("x"), NULL), ERR_STATE);
                UNTIL(&p, from->ended && to->ended);
                assert_int_equal(to->messages, 20);
                assert_int_equal(to->why.code, ERR_UNAVAILABLE);
                assert_int_equal(to->why.fault, FAULT_CONNECTION_CLOSED);
                assert_non_null(strstr(to->why.text, "4001 moved"));
                assert_int_equal(from->why.code, ERR_CANCELLED);
                role_conn_state(from->c, &s);
                assert_false(s.open);
                assert_true(s.bytes_out > 20 * 131072);
                assert_non_null(role_conn_peer(from->c));
                assert_int_equal(role_conn_queued(from->c), 0);
                role_conn_hold(from->c, true);
                role_conn_close(from->c, 1000, "again");
                assert_int_equal(role_conn_rekey(from->c, NULL), ERR_STATE);
                settle(&p, 20);
                assert_int_equal(from->ended + to->ended, 2);
                pair_done(&p);
        }
}

/* Freed while open: the other side is told that it goes away. */
static void test_free_says_going_away(void **state)
{
        struct pair p;

        (void)state;
        open_pair(&p);
        p.server.c = role_conn_free(p.server.c);
        UNTIL(&p, p.client.ended);
        assert_non_null(strstr(p.client.why.text, "1001"));
        pair_done(&p);
}

/* The other side says close to a close of its own wish, and it comes while messages still do. */
static void test_close_within_messages(void **state)
{
        struct pair p;

        (void)state;
        open_pair(&p);
        p.server.close_on_message = "enough";
        for (unsigned i = 0; i < 5; i++)
                assert_int_equal(role_conn_send(p.client.c, true, bytes_str("{}"), NULL), 0);
        UNTIL(&p, p.client.ended && p.server.ended);
        assert_int_equal(p.server.messages, 1);
        assert_int_equal(p.server.why.code, ERR_CANCELLED);
        assert_non_null(strstr(p.client.why.text, "1000 enough"));
        pair_done(&p);
}

static void test_close_is_not_answered(void **state)
{
        struct pair p;

        (void)state;
        pair_init(&p);
        accept_side(&p, (struct role_conn_limits){ .close_ms = 100 });
        p.raw.say_when_ready = UPGRADE;
        raw_side(&p, false, false);
        UNTIL(&p, p.server.opened);
        role_conn_close(p.server.c, 1000, "");
        settle(&p, 20);
        assert_int_equal(p.server.ended, 0);
        UNTIL(&p, p.server.ended);
        assert_int_equal(p.server.why.code, ERR_CANCELLED);
        pair_done(&p);
}

static void test_peer_is_cut(void **state)
{
        struct pair p;

        (void)state;
        open_pair(&p);
        shutdown(p.fd[0], SHUT_RDWR);
        UNTIL(&p, p.client.ended && p.server.ended);
        assert_int_equal(p.client.why.fault, FAULT_CONNECTION_CLOSED);
        assert_int_equal(role_conn_send(p.client.c, true, bytes_str("x"), NULL), ERR_STATE);
        pair_done(&p);
}

static void test_free_in_every_callback(void **state)
{
        (void)state;
        for (int where = ON_OPEN; where <= ON_END; where++) {
                struct pair p;

                pair_init(&p);
                accept_side(&p, usual);
                p.server.free_in = where;
                if (where == ON_REQUEST) {
                        p.raw.say_when_ready = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
                                               "GET /b HTTP/1.1\r\nHost: a\r\n\r\n";
                        raw_side(&p, false, false);
                        UNTIL(&p, !p.server.c && p.raw.ended);
                        assert_int_equal(p.server.requests, 1);
                        pair_done(&p);
                        continue;
                }
                connect_side(&p, usual);
                if (where != ON_OPEN) {
                        UNTIL(&p, p.client.opened && p.server.opened);
                        if (where == ON_DRAIN) {
                                role_conn_hold(p.client.c, true);
                                for (unsigned i = 0; i < 20; i++)
                                        assert_int_equal(role_conn_send(p.server.c, false,
                                                                 BYTES(pattern(0), 131072), NULL),
                                                0);
                                settle(&p, 10);
                                role_conn_hold(p.client.c, false);
                        }
                        for (unsigned i = 0; i < 3; i++)
                                assert_int_equal(
                                        role_conn_send(p.client.c, true, bytes_str("{}"), NULL), 0);
                        if (where == ON_END)
                                role_conn_close(p.client.c, 1000, "");
                }
                UNTIL(&p, !p.server.c && p.client.ended);
                assert_int_equal(p.server.messages, where == ON_OPEN      ? 0
                                                    : where == ON_MESSAGE ? 1
                                                                          : 3);
                assert_int_equal(p.server.ended, where == ON_END);
                pair_done(&p);
        }
}

/* ---- deadlines ---- */

static void test_pings_keep_it_open(void **state)
{
        const struct role_conn_limits l = { .ping_ms = 40, .silence_ms = 250 };
        struct role_conn_state before, after;
        struct pair p;

        (void)state;
        pair_init(&p);
        accept_side(&p, l);
        connect_side(&p, (struct role_conn_limits){ .silence_ms = 250 }); /* answers only */
        UNTIL(&p, p.client.opened && p.server.opened);
        role_conn_state(p.client.c, &before);
        settle(&p, 700);
        role_conn_state(p.client.c, &after);
        assert_int_equal(p.client.ended + p.server.ended, 0);
        assert_true(after.bytes_out > before.bytes_out);
        pair_done(&p);
}

static void test_silence(void **state)
{
        const struct role_conn_limits l = { .ping_ms = 40, .silence_ms = 200 };
        struct pair p;

        (void)state;
        pair_init(&p);
        accept_side(&p, l);
        connect_side(&p, (struct role_conn_limits){ .silence_ms = 100 });
        UNTIL(&p, p.client.opened && p.server.opened);
        role_conn_hold(p.client.c, true); /* as one whose other end is gone */
        UNTIL(&p, p.server.ended);
        assert_int_equal(p.server.why.code, ERR_TIMEOUT);
        assert_int_equal(p.server.why.fault, FAULT_NO_ANSWER);
        assert_non_null(strstr(p.server.why.text, "200 ms"));
        /* who does not listen cannot tell that nothing is said */
        assert_int_equal(p.client.ended, 0);
        role_conn_hold(p.client.c, false);
        UNTIL(&p, p.client.ended);
        pair_done(&p);
}

/* No TLS; TLS and no request; half a request; a request that nobody answers. */
static void test_opening_deadline(void **state)
{
        static const char *const says[] = { NULL, NULL, "GET /link/1 HTTP/1.1\r\nHost: a\r\n",
                "GET /x HTTP/1.1\r\nHost: a\r\n\r\n" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(says); i++) {
                struct pair p;

                pair_init(&p);
                accept_side(&p, (struct role_conn_limits){ .open_ms = 150 });
                p.raw.say_when_ready = says[i];
                if (i > 0)
                        raw_side(&p, false, false);
                UNTIL(&p, p.server.ended);
                assert_int_equal(p.server.why.code, ERR_TIMEOUT);
                assert_non_null(strstr(p.server.why.text, "150 ms"));
                assert_int_equal(p.server.requests, i == 3);
                assert_int_equal(
                        role_conn_answer(p.server.c, 200, NULL, BYTES(NULL, 0), NULL), ERR_STATE);
                if (i == 0)
                        close(p.fd[1]);
                pair_done(&p);
        }
}

/* ---- requests ---- */

/* A whole answer is there; then the client closes, or waits for the other side to. */
static bool is_answered(struct pair *p)
{
        const char *body = strstr(raw_text(p), "\r\n\r\n"),
                   *length = strstr(raw_text(p), "Content-Length: ");

        return body && length && strlen(body + 4) >= (size_t)atoi(length + 16);
}

/* A client with or without a certificate says that, and this is what it is answered. */
static void answered(bool anonymous, const char *says, const char *status, const char *line)
{
        struct pair p;

        pair_init(&p);
        accept_side(&p, usual);
        p.server.answer_at_once = true;
        p.raw.say_when_ready = says;
        raw_side(&p, false, anonymous);
        UNTIL(&p, is_answered(&p));
        if (strncmp(raw_text(&p), status, strlen(status)) != 0 || !strstr(raw_text(&p), line) ||
                !strstr(raw_text(&p), "close\r\n"))
                fail_msg("%s\n-> %s", says, raw_text(&p));
        assert_int_equal(p.server.ended, 0); /* time to read it */
        p.raw.s = stream_free(p.raw.s);
        UNTIL(&p, p.server.ended);
        assert_int_equal(p.server.why.code, anonymous ? ERR_AUTH : ERR_PROTOCOL);
        assert_int_equal(p.server.opened, 0);
        assert_int_equal(p.server.requests, 0);
        pair_done(&p);
}

/* Nobody waits for ever for a client to take its refusal, and what it still says is not heard. */
static void test_refused_does_not_go(void **state)
{
        struct pair p;

        (void)state;
        pair_init(&p);
        accept_side(&p, usual);
        p.raw.say_when_ready = UPGRADE;
        raw_side(&p, false, true);
        UNTIL(&p, is_answered(&p));
        while (!p.raw.ended) {
                (void)!stream_write(p.raw.s, bytes_str("GET /x HTTP/1.1\r\nHost: a\r\n\r\n"), NULL);
                settle(&p, 50);
        }
        assert_int_equal(p.server.requests, 0);
        assert_int_equal(p.server.ended, 1);
        pair_done(&p);
}

static void test_refused_requests(void **state)
{
        (void)state;
        answered(true, UPGRADE, "HTTP/1.1 401 ", "WWW-Authenticate: ");
        answered(true, "GET /link/2 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 401 ", "");
        answered(false, "GET /link/2 HTTP/1.1\r\n" UPGRADE_LINES, "HTTP/1.1 426 ",
                "Sec-WebSocket-Protocol: custos.link.1\r\n");
        answered(false, "GET /link/01 HTTP/1.1\r\n" UPGRADE_LINES, "HTTP/1.1 426 ",
                "Upgrade: websocket\r\n");
        answered(false, "GET /link/1 HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 426 ",
                "Sec-WebSocket-Version: 13\r\n");
        answered(false, "GET /link/x HTTP/1.1\r\n" UPGRADE_LINES, "HTTP/1.1 404 ", "");
        answered(false, "GET /link/ HTTP/1.1\r\n" UPGRADE_LINES, "HTTP/1.1 404 ", "");
        answered(false, "GET /link/1?x HTTP/1.1\r\n" UPGRADE_LINES, "HTTP/1.1 404 ", "");
        answered(false, "POST /link/1 HTTP/1.1\r\n" UPGRADE_LINES, "HTTP/1.1 405 ",
                "Allow: GET\r\n");
        answered(false, "HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 405 ",
                "Allow: GET, POST\r\n");
        answered(false, "GET https://a/link/1 HTTP/1.1\r\n" UPGRADE_LINES, "HTTP/1.1 400 ", "");
        answered(false, "GET /link/1 HTTP/1.1\r\nContent-Length: 2\r\n" UPGRADE_LINES "ab",
                "HTTP/1.1 400 ", "");
        answered(false, "GET /link/1 HTTP/1.1\nHost: a\n\n", "HTTP/1.1 400 ", "");
        answered(false, "\x16\x03\x01 garbage", "HTTP/1.1 400 ", "");
        answered(false, "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
                "HTTP/1.1 411 ", "");
}

/* Each line of the upgrade is needed, and says what RFC 6455 wants of it. */
static void test_upgrade_lines(void **state)
{
        static const struct {
                const char *from, *to, *status;
        } rows[] = { { "Host: main\r\n", "", "HTTP/1.1 400 " },
                { "Upgrade: websocket\r\n", "", "HTTP/1.1 426 " },
                { "Upgrade: websocket", "Upgrade: h2c", "HTTP/1.1 426 " },
                { "keep-alive, Upgrade", "keep-alive", "HTTP/1.1 426 " },
                { "Version: 13", "Version: 8", "HTTP/1.1 426 " },
                { "Sec-WebSocket-Version: 13\r\n", "", "HTTP/1.1 426 " },
                { "custos.link.1", "chat", "HTTP/1.1 426 " },
                { "Sec-WebSocket-Protocol: custos.link.1\r\n", "", "HTTP/1.1 426 " },
                { KEY, "c2hvcnQ=", "HTTP/1.1 400 " }, { KEY, "", "HTTP/1.1 400 " },
                { KEY, KEY KEY, "HTTP/1.1 400 " } };
        char text[800];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                const char *at = strstr(UPGRADE, rows[i].from);

                assert_non_null(at);
                snprintf(text, sizeof text, "%.*s%s%s", (int)(at - UPGRADE), UPGRADE, rows[i].to,
                        at + strlen(rows[i].from));
                answered(false, text, rows[i].status, "");
        }
}

static void test_no_such_path(void **state)
{
        static const struct role_conn_events few = { on_open, on_message, NULL, NULL, on_end };
        struct pair p;

        (void)state;
        pair_init(&p);
        assert_int_equal(role_conn_accept(p.shared, p.fd[0], session(true, false), &few, &p.server,
                                 &p.server.c, NULL),
                0);
        p.raw.say_when_ready = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";
        raw_side(&p, false, false);
        UNTIL(&p, is_answered(&p));
        assert_memory_equal(raw_text(&p), "HTTP/1.1 404 Not Found\r\n", 24);
        pair_done(&p);
}

static unsigned count(const char *in, const char *what)
{
        unsigned n = 0;

        while ((in = strstr(in, what))) {
                in += strlen(what);
                n++;
        }
        return n;
}

/* Three at once, answered later, one by one and in their order; then the upgrade behind them. */
static void test_pipelined_requests(void **state)
{
        struct pair p;

        (void)state;
        pair_init(&p);
        accept_side(&p, usual);
        p.raw.say_when_ready = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
                               "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nxyz"
                               "GET /c HTTP/1.1\r\nHost: a\r\n\r\n" UPGRADE;
        raw_side(&p, false, false);
        UNTIL(&p, p.server.requests == 1);
        settle(&p, 30);
        assert_string_equal(p.server.asked, "GET /a ;");
        assert_int_equal(p.raw.got.n, 0);
        assert_int_equal(role_conn_answer(p.server.c, 200, NULL, bytes_str("first"), NULL), 0);
        assert_int_equal(p.server.requests, 1); /* never from within a call of the owner's */
        UNTIL(&p, p.server.requests == 2);
        settle(&p, 30);
        assert_string_equal(p.server.asked, "GET /a ;POST /b xyz;");
        p.server.answer_at_once = true;
        assert_int_equal(role_conn_answer(p.server.c, 404, NULL, bytes_str("second"), NULL), 0);
        UNTIL(&p, p.server.opened);
        assert_string_equal(p.server.asked, "GET /a ;POST /b xyz;GET /c ;");
        UNTIL(&p, count(raw_text(&p), "HTTP/1.1 ") == 4);
        assert_true(strstr(raw_text(&p), "first") < strstr(raw_text(&p), "second"));
        assert_true(strstr(raw_text(&p), "second") < strstr(raw_text(&p), "/c"));
        assert_true(strstr(raw_text(&p), "/c") < strstr(raw_text(&p), ACCEPT));
        assert_int_equal(count(raw_text(&p), "Connection: close"), 0);
        pair_done(&p);
}

static void test_anonymous_requests(void **state)
{
        static const char *const many[] = { "A: b", "A: b", "A: b", "A: b", "A: b", "A: b", "A: b",
                "A: b", "A: b", "A: b", "A: b", "A: b", "A: b", NULL };
        struct pair p;

        (void)state;
        pair_init(&p);
        accept_side(&p, usual);
        p.raw.say_when_ready =
                "GET /.well-known/est/cacerts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                "GET /never HTTP/1.1\r\nHost: a\r\n\r\n";
        raw_side(&p, false, true);
        UNTIL(&p, p.server.requests == 1);
        assert_string_equal(p.server.asked, "?GET /.well-known/est/cacerts ;");
        role_conn_recheck(p.server.c, site.manager.config, NOW); /* nothing to judge */
        assert_int_equal(
                role_conn_answer(p.server.c, 200, many, bytes_str("x"), NULL), ERR_INVALID);
        assert_int_equal(role_conn_answer(p.server.c, 200, NULL, bytes_str("x"), NULL), 0);
        UNTIL(&p, p.raw.ended && p.server.ended);
        assert_non_null(strstr(raw_text(&p), "Connection: close\r\n"));
        assert_int_equal(count(raw_text(&p), "HTTP/1.1 "), 1);
        assert_int_equal(p.server.requests, 1);
        pair_done(&p);
}

static void test_continue(void **state)
{
        struct pair p;

        (void)state;
        pair_init(&p);
        accept_side(&p, usual);
        p.server.answer_at_once = true;
        p.raw.say_when_ready = "POST /x HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                               "Content-Length: 3\r\n\r\n";
        p.raw.answer = "abc"; /* the body, once anything came */
        raw_side(&p, false, true);
        UNTIL(&p, count(raw_text(&p), "HTTP/1.1 ") == 2);
        assert_memory_equal(raw_text(&p), "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK", 40);
        assert_string_equal(p.server.asked, "?POST /x abc;");
        pair_done(&p);
}

/* While a request waits for its answer, nobody fills our memory with more of them. */
static void test_pipeline_has_an_end(void **state)
{
        static char many[200000];
        struct pair p;

        (void)state;
        for (size_t n = 0; n + 40 < sizeof many; n = strlen(many))
                snprintf(many + n, sizeof many - n, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        pair_init(&p);
        accept_side(&p, usual);
        p.raw.say_when_ready = many;
        raw_side(&p, false, false);
        UNTIL(&p, p.server.ended);
        assert_int_equal(p.server.requests, 1);
        assert_int_equal(p.server.why.fault, FAULT_TOO_MUCH_DATA);
        pair_done(&p);
}

/* 200 KB of headers: the answer is heard, though there is much behind it that nobody reads. */
static void test_long_head_is_answered(void **state)
{
        static char head[200000];

        (void)state;
        snprintf(head, sizeof head, "GET / HTTP/1.1\r\nHost: a\r\nX: ");
        memset(head + strlen(head), 'y', sizeof head - strlen(head) - 1);
        answered(false, head, "HTTP/1.1 431 ", "");
}

/* ---- frames of a client that does not keep to them ---- */

static void frames_are_refused(
        const void *frames, size_t n, uint16_t status, const char *text, unsigned messages)
{
        struct pair p;
        const char *at;

        pair_init(&p);
        accept_side(&p, usual);
        p.raw.say_when_ready = UPGRADE;
        raw_side(&p, false, false);
        UNTIL(&p, p.server.opened && strstr(raw_text(&p), "\r\n\r\n"));
        assert_int_equal(stream_write(p.raw.s, BYTES(frames, n), NULL), 0);
        at = strstr(raw_text(&p), "\r\n\r\n") + 4;
        const size_t head = (size_t)(at - raw_text(&p));
        UNTIL(&p, p.raw.got.n >= head + 4);
        at = raw_text(&p) + head;
        assert_int_equal((uint8_t)at[0], 0x88); /* a close frame, not masked */
        assert_int_equal((uint8_t)at[2] << 8 | (uint8_t)at[3], status);
        p.raw.s = stream_free(p.raw.s);
        UNTIL(&p, p.server.ended);
        if (!strstr(p.server.why.text, text))
                fail_msg("%s", p.server.why.text);
        assert_int_equal(p.server.messages, messages);
        pair_done(&p);
}

static void test_bad_frames(void **state)
{
        (void)state;
        frames_are_refused("\x81\x02{}", 4, 1002, "without a mask", 0);
        frames_are_refused("\x82\x80\0\0\0\0\x81\x02{}", 10, 1002, "without a mask", 1);
        frames_are_refused("\xc1\x80\0\0\0\0", 6, 1002, "reserved bit", 0);
        frames_are_refused("\x81\xff\0\0\0\0\0\x02\0\x01\0\0\0\0", 14, 1009, "131072", 0);
        frames_are_refused("\x82\xff\0\0\0\0\0\x02\0\x01\0\0\0\0", 14, 1009, "131072", 0);
        frames_are_refused("\x81\x81\0\0\0\0\xff", 7, 1007, "UTF-8", 0);
        frames_are_refused("\x88\x82\0\0\0\0\x03\xed", 8, 1002, "status", 0);
        /* a close is answered by its own status, and all behind it dropped */
        frames_are_refused("\x88\x82\0\0\0\0\x0f\xa1\x81\x80\0\0\0\0", 14, 4001, "4001", 0);
}

static void test_ping_is_answered(void **state)
{
        struct pair p;

        (void)state;
        pair_init(&p);
        accept_side(&p, usual);
        p.raw.say_when_ready = UPGRADE;
        raw_side(&p, false, false);
        UNTIL(&p, p.server.opened && strstr(raw_text(&p), "\r\n\r\n"));
        buf_clear(&p.raw.got);
        assert_int_equal(stream_write(p.raw.s, BYTES("\x89\x83\0\0\0\0abc", 9), NULL), 0);
        UNTIL(&p, p.raw.got.n == 5);
        assert_memory_equal(p.raw.got.p,
                "\x8a\x03"
                "abc",
                5);
        pair_done(&p);
}

/* ---- a server that does not keep to the opening ---- */

static void client_refuses(const char *answer, int code, const char *text)
{
        struct pair p;

        pair_init(&p);
        connect_side(&p, usual);
        p.raw.answer = answer;
        raw_side(&p, true, false);
        UNTIL(&p, p.client.ended);
        if (p.client.why.code != code || !strstr(p.client.why.text, text))
                fail_msg("%s\n-> %d %s", answer, p.client.why.code, p.client.why.text);
        assert_int_equal(p.client.opened, 0);
        pair_done(&p);
}

static void test_client_checks_the_answer(void **state)
{
        static char endless[20000];

        (void)state;
        /* right but for the key, which is another each time */
        client_refuses(GRANTED, ERR_PROTOCOL, "wrong Sec-WebSocket-Accept");
        client_refuses(
                "HTTP/1.1 101 x\r\nConnection: Upgrade\r\n\r\n", ERR_PROTOCOL, "Upgrade: web");
        client_refuses("HTTP/1.1 101 x\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
                ERR_PROTOCOL, "Upgrade: web");
        client_refuses("HTTP/1.1 101 x\r\nUpgrade: websocket\r\nUpgrade: websocket\r\n"
                       "Connection: Upgrade\r\n\r\n",
                ERR_PROTOCOL, "Upgrade: web");
        client_refuses("HTTP/1.1 101 x\r\nUpgrade: websocket\r\n\r\n", ERR_PROTOCOL,
                "Connection: Upgrade");
        client_refuses("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ERR_UNAVAILABLE, "200 OK");
        client_refuses("HTTP/1.1 503 No\r\n\r\n", ERR_UNAVAILABLE, "503 No");
        client_refuses("HTTP/1.1 401 Unauthorized\r\n\r\n", ERR_AUTH, "certificate");
        client_refuses("HTTP/1.1 426 x\r\nSec-WebSocket-Protocol: custos.link.7\r\n\r\n",
                ERR_PROTOCOL, "custos.link.7");
        client_refuses("SSH-2.0-x\r\n", ERR_PROTOCOL, "HTTP/1.x");
        snprintf(endless, sizeof endless, "HTTP/1.1 101 ");
        memset(endless + 13, 'x', sizeof endless - 14);
        client_refuses(endless, ERR_PROTOCOL, "longer than");
}

/* What it asks for, in full; and the rows above that need the right key. */
static void granted_with(const char *lines, bool good, const char *text)
{
        char key[WEBSOCKET_KEY_ROOM] = "", accept[WEBSOCKET_ACCEPT_ROOM], answer[400];
        const char *at;
        struct pair p;

        pair_init(&p);
        connect_side(&p, usual);
        raw_side(&p, true, false);
        UNTIL(&p, strstr(raw_text(&p), "\r\n\r\n"));
        assert_memory_equal(raw_text(&p), "GET /link/1 HTTP/1.1\r\nHost: main\r\n", 34);
        assert_non_null(strstr(raw_text(&p), "\r\nSec-WebSocket-Protocol: custos.link.1\r\n"));
        at = strstr(raw_text(&p), "Sec-WebSocket-Key: ");
        memcpy(key, at + 19, 24);
        assert_true(websocket_is_key(key));
        websocket_accept(key, accept);
        snprintf(answer, sizeof answer,
                "HTTP/1.1 101 x\r\nUpgrade: WebSocket\r\nConnection: upgrade\r\n"
                "Sec-WebSocket-Accept: %s\r\n%s\r\n%s",
                accept, lines, good ? "\x81\x02{}" : "");
        assert_int_equal(stream_write(p.raw.s, bytes_str(answer), NULL), 0);
        if (good) {
                UNTIL(&p, p.client.messages == 1); /* it came with the answer */
                buf_clear(&p.raw.got);
                assert_int_equal(role_conn_send(p.client.c, true, bytes_str("{}"), NULL), 0);
                UNTIL(&p, p.raw.got.n == 8);
                assert_int_equal(p.raw.got.p[1], 0x82); /* masked */
                assert_int_equal(p.raw.got.p[6] ^ p.raw.got.p[2], '{');
                /* and a server's frame is not */
                assert_int_equal(stream_write(p.raw.s, BYTES("\x81\x80\0\0\0\0", 6), NULL), 0);
                UNTIL(&p, p.client.ended);
                assert_non_null(strstr(p.client.why.text, "masked frame from a server"));
        } else {
                UNTIL(&p, p.client.ended);
                assert_int_equal(p.client.opened, 0);
                if (!strstr(p.client.why.text, text))
                        fail_msg("%s", p.client.why.text);
        }
        pair_done(&p);
}

static void test_client_checks_the_grant(void **state)
{
        (void)state;
        granted_with("Sec-WebSocket-Protocol: custos.link.1\r\n", true, NULL);
        granted_with("", false, "another protocol");
        granted_with("Sec-WebSocket-Protocol: custos.link.2\r\n", false, "another protocol");
        granted_with("Sec-WebSocket-Protocol: custos.link.1\r\n"
                     "Sec-WebSocket-Protocol: custos.link.2\r\n",
                false, "another protocol");
        granted_with("Sec-WebSocket-Protocol: custos.link.1\r\n"
                     "Sec-WebSocket-Extensions: permessage-deflate\r\n",
                false, "extension");
}

/* ---- keys and judgement ---- */

static void test_rekey(void **state)
{
        struct role_conn_state s;
        struct pair p;

        (void)state;
        open_pair(&p);
        p.server.echo = true;
        for (unsigned i = 1; i <= 3; i++) {
                assert_int_equal(role_conn_rekey(p.client.c, NULL), 0);
                assert_int_equal(role_conn_send(p.client.c, true, bytes_str("{}"), NULL), 0);
                UNTIL(&p, p.client.messages == i);
        }
        role_conn_state(p.client.c, &s);
        assert_int_equal(s.rekeys_out, 3);
        assert_int_equal(s.rekeys_in, 3);
        role_conn_state(p.server.c, &s);
        assert_int_equal(s.rekeys_in, 3);
        assert_int_equal(s.rekeys_out, 3);
        /* it goes out by itself */
        assert_int_equal(role_conn_rekey(p.client.c, NULL), 0);
        do {
                settle(&p, 2);
                role_conn_state(p.server.c, &s);
        } while (s.rekeys_in < 4);
        pair_done(&p);
}

static void take_back(struct tls_role_config *c, struct bytes cert_der)
{
        uint8_t serial[X509_CRL_SERIAL_MAX];
        struct buf der, pem;
        size_t n = 0;

        buf_init(&der, X509_CRL_MAX);
        buf_init(&pem, X509_PEM_MAX);
        assert_int_equal(x509_crl_serial(cert_der, serial, &n, NULL), 0);
        const struct x509_crl_revoked entry = { .serial = BYTES(serial, n), .at_us = NOW - SECOND };
        const struct x509_crl_request r = { .revoked = &entry,
                .n = 1,
                .number = 1,
                .this_update_us = NOW - DAY,
                .next_update_us = NOW + DAY };
        assert_int_equal(
                x509_crl_issue(&r, buf_bytes(&site.nodes.der), site.nodes.key, &der, NULL), 0);
        assert_int_equal(x509_crl_pem_format(buf_bytes(&der), &pem, NULL), 0);
        assert_int_equal(tls_role_config_crls(c, buf_bytes(&pem), NULL), 0);
        buf_done(&der);
        buf_done(&pem);
}

static void test_recheck(void **state)
{
        struct pair p;

        (void)state;
        open_pair(&p);
        role_conn_recheck(p.server.c, site.manager.config, NOW);
        role_conn_recheck(p.client.c, site.recorder.config, NOW);
        settle(&p, 20);
        assert_int_equal(p.client.ended + p.server.ended, 0);
        /* what comes after the judgement is not taken, though it was sent before */
        assert_int_equal(role_conn_send(p.client.c, true, bytes_str("{}"), NULL), 0);
        take_back(site.manager.config, buf_bytes(&site.recorder.der));
        role_conn_recheck(p.server.c, site.manager.config, NOW);
        assert_int_equal(p.server.ended, 0); /* never from within a call of the owner's */
        assert_int_equal(role_conn_send(p.server.c, true, bytes_str("{}"), NULL), ERR_STATE);
        UNTIL(&p, p.server.ended && p.client.ended);
        assert_int_equal(p.server.why.fault, FAULT_REVOKED);
        assert_int_equal(p.server.messages, 0);
        assert_int_equal(tls_role_config_crls(site.manager.config, BYTES(NULL, 0), NULL), 0);
        pair_done(&p);

        open_pair(&p);
        role_conn_recheck(p.client.c, site.recorder.config, NOW + 15 * DAY);
        UNTIL(&p, p.client.ended && p.server.ended);
        assert_int_equal(p.client.why.fault, FAULT_EXPIRED);
        pair_done(&p);
}

/* A client whose certificate is refused learns it, and the accepting side says which. */
static void test_refused_certificate(void **state)
{
        struct pair p;

        (void)state;
        take_back(site.manager.config, buf_bytes(&site.recorder.der));
        pair_init(&p);
        accept_side(&p, usual);
        connect_side(&p, usual);
        UNTIL(&p, p.client.ended && p.server.ended);
        assert_int_equal(p.server.why.fault, FAULT_REVOKED);
        assert_int_equal(p.client.why.fault, FAULT_CERTIFICATE_REFUSED);
        assert_int_equal(p.client.opened + p.server.opened, 0);
        assert_null(role_conn_peer(p.server.c));
        assert_int_equal(tls_role_config_crls(site.manager.config, BYTES(NULL, 0), NULL), 0);
        pair_done(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_opens),
                cmocka_unit_test(test_address),
                cmocka_unit_test(test_messages_both_ways),
                cmocka_unit_test(test_back_pressure),
                cmocka_unit_test(test_owner_refuses),
                cmocka_unit_test(test_close),
                cmocka_unit_test(test_free_says_going_away),
                cmocka_unit_test(test_close_within_messages),
                cmocka_unit_test(test_close_is_not_answered),
                cmocka_unit_test(test_peer_is_cut),
                cmocka_unit_test(test_free_in_every_callback),
                cmocka_unit_test(test_pings_keep_it_open),
                cmocka_unit_test(test_silence),
                cmocka_unit_test(test_opening_deadline),
                cmocka_unit_test(test_refused_requests),
                cmocka_unit_test(test_refused_does_not_go),
                cmocka_unit_test(test_upgrade_lines),
                cmocka_unit_test(test_no_such_path),
                cmocka_unit_test(test_pipelined_requests),
                cmocka_unit_test(test_anonymous_requests),
                cmocka_unit_test(test_continue),
                cmocka_unit_test(test_pipeline_has_an_end),
                cmocka_unit_test(test_long_head_is_answered),
                cmocka_unit_test(test_bad_frames),
                cmocka_unit_test(test_ping_is_answered),
                cmocka_unit_test(test_client_checks_the_answer),
                cmocka_unit_test(test_client_checks_the_grant),
                cmocka_unit_test(test_rekey),
                cmocka_unit_test(test_recheck),
                cmocka_unit_test(test_refused_certificate),
        };

        return cmocka_run_group_tests(tests, site_init, site_done);
}
