/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Two streams over a socket pair, one loop: what one says the other hears, and every way to end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/ossl.h"
#include "scripted_rtsp.c"

struct side {
        struct stream *stream;
        struct loop *loop;
        struct buf got;
        unsigned ready, drained, ended, records;
        struct err why;
        enum fault fault;
        bool stop_on_end, refuse_data, free_on_data, free_on_ready, free_on_end, answer;
        size_t stop_at;   /* bytes */
        size_t drains_to; /* bytes */
};

static void side_free_stream(struct side *s)
{
        s->stream = stream_free(s->stream);
        loop_stop(s->loop);
}

static void side_ready(void *owner, struct stream *st)
{
        struct side *s = owner;

        s->ready++;
        s->stream = st; /* stream_new may not have returned yet in a server */
        if (s->free_on_ready)
                side_free_stream(s);
}

static int side_data(void *owner, struct stream *st, struct bytes plain, struct err *e)
{
        struct side *s = owner;
        int r = buf_append(&s->got, plain, e);

        assert_int_equal(s->ready, 1);
        s->records++;
        if (s->refuse_data)
                return err_set(e, ERR_PROTOCOL, "not to my taste");
        if (s->answer)
                assert_int_equal(stream_write(st, plain, NULL), 0);
        if (s->stop_at && s->got.n >= s->stop_at)
                loop_stop(s->loop);
        if (s->free_on_data)
                side_free_stream(s);
        return r;
}

static void side_drain(void *owner, struct stream *st)
{
        struct side *s = owner;

        assert_true(stream_queued(st) <= s->drains_to);
        s->drained++;
}

static void side_end(void *owner, struct stream *st, const struct err *why)
{
        struct side *s = owner;

        (void)st;
        s->ended++;
        s->why = *why;
        s->fault = why->fault;
        if (s->free_on_end)
                s->stream = stream_free(s->stream);
        if (s->stop_on_end)
                loop_stop(s->loop);
}

static const struct stream_events side_events = { side_ready, side_data, side_drain, side_end };

struct pair {
        struct loop *loop;
        struct stream_shared *shared;
        struct scripted_pki pki;
        struct side client, server;
        int fd[2];
        struct timer guard;
        bool late;
};

static void on_guard(void *owner)
{
        struct pair *p = owner;

        p->late = true;
        loop_stop(p->loop);
}

/* Without TLS too: what is not its own must be the same. */
static bool plainly;

static int go_plain(void **state)
{
        (void)state;
        plainly = true;
        return 0;
}

static int go_back(void **state)
{
        (void)state;
        plainly = false;
        return 0;
}

static void side_open(struct pair *p, struct side *s, bool client, struct stream_options o)
{
        struct tls *t = NULL;
        struct err e = { 0 };

        s->loop = p->loop;
        buf_init(&s->got, 64 << 20);
        o.client = client;
        o.plain = plainly;
        if (plainly)
                ;
        else if (client)
                assert_int_equal(
                        tls_client_new(p->pki.client, "127.0.0.1", NULL, clock_wall_us(), &t, &e),
                        0);
        else
                assert_int_equal(tls_server_new(p->pki.server, &t, &e), 0);
        assert_int_equal(
                stream_new(p->shared, p->fd[client], t, &o, &side_events, s, &s->stream, &e), 0);
}

static void pair_init(struct pair *p, enum scripted_fault fault)
{
        memset(p, 0, sizeof *p);
        p->loop = loop_new();
        p->shared = stream_shared_new(p->loop);
        scripted_pki_init(&p->pki, fault);
        assert_int_equal(
                socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, p->fd), 0);
        timer_start(&p->guard, p->loop, 5000, 0, on_guard, p);
}

static void pair_open(struct pair *p, enum scripted_fault fault)
{
        pair_init(p, fault);
        side_open(p, &p->client, true, (struct stream_options){ 0 });
        side_open(p, &p->server, false, (struct stream_options){ 0 });
}

/* Until something calls loop_stop, or nothing happened for 5 s. */
static void pair_run(struct pair *p)
{
        loop_run(p->loop);
        assert_false(p->late);
}

static void on_settled(void *owner)
{
        loop_stop(owner);
}

static void pair_settle(struct pair *p, unsigned ms)
{
        struct timer t = { 0 };

        timer_start(&t, p->loop, ms, 0, on_settled, p->loop);
        loop_run(p->loop);
        timer_done(&t);
        assert_false(p->late);
}

/* Waits for what comes for certain, however busy the machine is. */
#define UNTIL(p, condition)                                                                        \
        do {                                                                                       \
                while (!(condition))                                                               \
                        pair_settle(p, 2);                                                         \
        } while (0)
#define HANDSHAKE(p) UNTIL(p, (p)->client.ready && (p)->server.ready)

static void pair_done(struct pair *p)
{
        timer_done(&p->guard);
        stream_free(p->client.stream);
        stream_free(p->server.stream);
        buf_done(&p->client.got);
        buf_done(&p->server.got);
        stream_shared_free(p->shared);
        loop_free(p->loop);
        scripted_pki_done(&p->pki);
}

static void test_both_ways(void **state)
{
        struct pair p;
        struct err e;

        (void)state;
        pair_open(&p, SCRIPTED_GOOD);
        assert_int_equal(stream_write(p.client.stream, bytes_str("early"), &e), ERR_STATE);
        p.server.answer = true;
        p.client.stop_at = 5;
        HANDSHAKE(&p);
        assert_int_equal(p.client.ready, 1);
        assert_int_equal(p.server.ready, 1);
        assert_int_equal(stream_write(p.client.stream, bytes_str("hello"), &e), 0);
        pair_run(&p);
        assert_memory_equal(p.client.got.p, "hello", 5);
        if (plainly)
                assert_null(stream_tls(p.client.stream));
        else
                assert_true(tls_chain_verified(stream_tls(p.client.stream)));
        pair_done(&p);
}

/* 8 MB against a socket buffer of some 200 KB, through a queue that holds 1 MB. */
static void test_queue_is_bounded_and_drains(void **state)
{
        static uint8_t block[100000];
        struct pair p;
        struct err e;
        size_t sent = 0;
        unsigned refusals = 0;

        (void)state;
        pair_init(&p, SCRIPTED_GOOD);
        side_open(&p, &p.client, true, (struct stream_options){ .output_max_bytes = 1 << 20 });
        side_open(&p, &p.server, false, (struct stream_options){ 0 });
        HANDSHAKE(&p);
        while (sent < 8000000) {
                memset(block, (int)(sent / sizeof block), sizeof block);
                int r = stream_write(p.client.stream, BYTES(block, sizeof block), &e);

                if (r == 0) {
                        sent += sizeof block;
                        continue;
                }
                assert_int_equal(r, ERR_EXHAUSTED);
                assert_true(stream_queued(p.client.stream) <= (1 << 20) + 4096);
                refusals++;
                pair_settle(&p, 5);
        }
        p.server.stop_at = sent;
        pair_run(&p);
        assert_true(refusals > 0);
        assert_true(p.client.drained > 0);
        assert_int_equal(p.server.got.n, sent);
        for (size_t i = 0; i < sent; i++)
                if (p.server.got.p[i] != (uint8_t)(i / sizeof block))
                        fail_msg("byte %zu", i);
        pair_done(&p);
}

/* Held, nothing reaches the socket; let go, all of it does, and each write is a record of its own.
 */
static void test_hold(void **state)
{
        struct pair p;

        (void)state;
        pair_open(&p, SCRIPTED_GOOD);
        HANDSHAKE(&p);
        pair_settle(&p, 20);
        stream_hold(p.client.stream, true);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(stream_write(p.client.stream, bytes_str("piece"), NULL), 0);
        assert_true(stream_queued(p.client.stream) > 15);
        pair_settle(&p, 20);
        assert_int_equal(p.server.got.n, 0);
        stream_hold(p.client.stream, false);
        assert_int_equal(stream_queued(p.client.stream), 0);
        p.server.stop_at = 15;
        pair_run(&p);
        assert_memory_equal(p.server.got.p, "piecepiecepiece", 15);
        assert_int_equal(p.server.records, 3);
        pair_done(&p);
}

/* Paused, nothing is read, and the other side's queue grows; let go, all of it comes. The drain is
 * told at the mark, once, though a write of the owner's may have been what emptied the queue. */
static void test_pause_and_drain_at_a_mark(void **state)
{
        static uint8_t block[100000];
        struct pair p;

        (void)state;
        pair_init(&p, SCRIPTED_GOOD);
        side_open(&p, &p.client, true,
                (struct stream_options){ .output_max_bytes = 4 << 20, .drain_bytes = 1 << 20 });
        side_open(&p, &p.server, false, (struct stream_options){ 0 });
        p.client.drains_to = 1 << 20;
        HANDSHAKE(&p);
        stream_pause(p.server.stream, true);
        for (unsigned i = 0; i < 30; i++)
                assert_int_equal(
                        stream_write(p.client.stream, BYTES(block, sizeof block), NULL), 0);
        pair_settle(&p, 30);
        assert_int_equal(p.server.got.n, 0);
        assert_int_equal(p.client.drained, 0);
        assert_true(stream_queued(p.client.stream) > 1 << 20);
        stream_pause(p.server.stream, false);
        UNTIL(&p, p.server.got.n == 30 * sizeof block);
        assert_int_equal(p.client.drained, 1);
        assert_true(stream_sent(p.client.stream) >= 30 * sizeof block);
        assert_true(stream_sent(p.client.stream) <= stream_received(p.server.stream));
        assert_int_equal(stream_plaintext(p.client.stream),
                plainly ? stream_sent(p.client.stream) + stream_received(p.client.stream) : 0);
        pair_done(&p);
}

/* The socket takes it all again before the loop has noticed, because the owner writes once more. */
static void test_drain_is_told_though_a_write_emptied_the_queue(void **state)
{
        static uint8_t block[100000];
        struct pair p;

        (void)state;
        pair_open(&p, SCRIPTED_GOOD);
        HANDSHAKE(&p);
        stream_pause(p.server.stream, true);
        while (stream_queued(p.client.stream) == 0)
                assert_int_equal(
                        stream_write(p.client.stream, BYTES(block, sizeof block), NULL), 0);
        while (read(p.fd[0], block, sizeof block) > 0)
                ;
        assert_int_equal(stream_write(p.client.stream, bytes_str("x"), NULL), 0);
        assert_int_equal(stream_queued(p.client.stream), 0);
        assert_int_equal(p.client.drained, 0);
        while (read(p.fd[0], block, sizeof block) > 0)
                ;
        UNTIL(&p, p.client.drained == 1);
        pair_done(&p);
}

static void test_orderly_close_and_drop(void **state)
{
        struct pair p;

        (void)state;
        pair_open(&p, SCRIPTED_GOOD);
        HANDSHAKE(&p);
        p.server.stop_on_end = p.server.free_on_end = true;
        p.client.stream = stream_free(p.client.stream);
        pair_run(&p);
        assert_int_equal(p.server.why.code, ERR_UNAVAILABLE);
        assert_null(strstr(p.server.why.text, "close_notify"));
        pair_done(&p);

        pair_open(&p, SCRIPTED_GOOD);
        HANDSHAKE(&p);
        p.server.stop_on_end = true;
        shutdown(p.fd[1], SHUT_RDWR); /* a cut, as an attacker on the wire can make it */
        pair_run(&p);
        assert_int_equal(p.server.ended, 1);
        assert_non_null(strstr(p.server.why.text, "close_notify"));
        assert_int_equal(stream_write(p.server.stream, bytes_str("x"), NULL), ERR_STATE);
        pair_done(&p);
}

static void test_refusals_end_both(void **state)
{
        static const struct {
                enum scripted_fault scripted;
                enum fault fault;
        } cases[] = { { SCRIPTED_WRONG_NAME, FAULT_WRONG_NAME },
                { SCRIPTED_EXPIRED, FAULT_EXPIRED }, { SCRIPTED_OTHER_CA, FAULT_UNKNOWN_ISSUER },
                { SCRIPTED_SELF_SIGNED, FAULT_SELF_SIGNED } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct pair p;

                pair_open(&p, cases[i].scripted);
                p.client.stop_on_end = true;
                pair_run(&p);
                assert_int_equal(p.client.fault, cases[i].fault);
                assert_int_equal(p.client.ready, 0);
                pair_settle(&p, 20);
                assert_int_equal(p.client.ended, 1);
                assert_int_equal(p.server.got.n, 0);
                pair_done(&p);
        }
}

static void test_not_tls(void **state)
{
        struct pair p;

        (void)state;
        pair_init(&p, SCRIPTED_GOOD);
        side_open(&p, &p.client, true, (struct stream_options){ 0 });
        p.client.stop_on_end = true;
        assert_int_equal(write(p.fd[0], "RTSP/1.0 400 Bad Request\r\n\r\n", 28), 28);
        pair_run(&p);
        assert_int_equal(p.client.fault, FAULT_NOT_TLS);
        close(p.fd[0]);
        pair_done(&p);
}

static void test_handshake_deadline(void **state)
{
        struct pair p;

        (void)state;
        pair_init(&p, SCRIPTED_GOOD);
        side_open(&p, &p.client, true, (struct stream_options){ .handshake_ms = 80 });
        p.client.stop_on_end = true;
        pair_run(&p);
        assert_int_equal(p.client.why.code, ERR_TIMEOUT);
        assert_non_null(strstr(p.client.why.text, "80 ms"));
        close(p.fd[0]);
        pair_done(&p);
}

static void test_owner_refuses_data(void **state)
{
        struct pair p;

        (void)state;
        pair_open(&p, SCRIPTED_GOOD);
        HANDSHAKE(&p);
        p.server.refuse_data = p.server.stop_on_end = true;
        assert_int_equal(stream_write(p.client.stream, bytes_str("x"), NULL), 0);
        pair_run(&p);
        assert_int_equal(p.server.why.code, ERR_PROTOCOL);
        assert_string_equal(p.server.why.text, "not to my taste");
        pair_done(&p);
}

static void test_free_in_every_callback(void **state)
{
        struct pair p;

        (void)state;
        for (int paced = 0; paced < 2; paced++) {
                pair_open(&p, SCRIPTED_GOOD);
                p.client.free_on_ready = true;
                pair_run(&p);
                assert_null(p.client.stream);
                pair_settle(&p, 20);
                pair_done(&p);

                pair_open(&p, SCRIPTED_GOOD);
                HANDSHAKE(&p);
                if (paced)
                        stream_pace(p.server.stream, 20);
                p.server.free_on_data = true;
                assert_int_equal(stream_write(p.client.stream, bytes_str("x"), NULL), 0);
                assert_int_equal(stream_write(p.client.stream, bytes_str("y"), NULL), 0);
                pair_run(&p);
                assert_int_equal(p.server.records, 1); /* nothing after it was freed */
                assert_int_equal(p.server.ended, 0);
                pair_done(&p);
        }
}

/* Many small records within an interval come in few reads, in one tick. */
static void test_paced(void **state)
{
        struct pair p;

        (void)state;
        pair_open(&p, SCRIPTED_GOOD);
        HANDSHAKE(&p);
        stream_pace(p.server.stream, 1000);
        pair_settle(&p, 1);
        for (int i = 0; i < 50; i++)
                assert_int_equal(stream_write(p.client.stream, bytes_str("0123456789"), NULL), 0);
        pair_settle(&p, 30);
        assert_int_equal(p.server.got.n, 0); /* not yet its turn */
        p.server.stop_at = 500;
        pair_run(&p);
        assert_int_equal(p.server.records, 50);
        p.server.stop_at = 510;
        stream_pace(p.server.stream, 0);
        assert_int_equal(stream_write(p.client.stream, bytes_str("0123456789"), NULL), 0);
        UNTIL(&p, p.server.got.n == 510); /* no timer reads it now */

        stream_pace(p.server.stream, 20);
        p.server.stop_on_end = true;
        p.client.stream = stream_free(p.client.stream);
        pair_run(&p);
        assert_int_equal(p.server.ended, 1);
        pair_done(&p);
}

/* Before anything was asked for, a peer has little to say; once a stream is paced it may send as
 * much as it likes. */
static void test_talk_has_a_maximum(void **state)
{
        static const uint8_t block[8192];

        (void)state;
        for (unsigned playing = 0; playing < 2; playing++) {
                struct pair p;
                pair_init(&p, SCRIPTED_GOOD);
                side_open(&p, &p.client, true, (struct stream_options){ .talk_max_bytes = 20000 });
                side_open(&p, &p.server, false, (struct stream_options){ 0 });
                HANDSHAKE(&p);
                if (playing)
                        stream_pace(p.client.stream, 0);
                for (unsigned i = 0; i < 10; i++)
                        assert_int_equal(
                                stream_write(p.server.stream, BYTES(block, sizeof block), NULL), 0);
                if (playing) {
                        UNTIL(&p, p.client.got.n == 10 * sizeof block);
                        assert_int_equal(p.client.ended, 0);
                } else {
                        UNTIL(&p, p.client.ended);
                        assert_int_equal(p.client.fault, FAULT_TOO_MUCH_DATA);
                }
                pair_done(&p);
        }
}

/* A peer that is gone: the write may still succeed (the kernel knows later), the end is told from
 * the loop. */
/* Each KeyUpdate that asks for another is answered by TLS itself, past the owner's maximum: a peer
 * that reads none of the answers is ended. */
static void test_asks_and_does_not_read(void **state)
{
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        SSL *ssl = SSL_new(ctx);
        const int small = 4096;
        unsigned asked = 0;
        struct pair p;

        (void)state;
        pair_init(&p, SCRIPTED_GOOD);
        timer_start(&p.guard, p.loop, 30000, 0, on_guard, &p); /* thousands of seals */
        side_open(&p, &p.server, false, (struct stream_options){ .output_max_bytes = 16384 });
        assert_int_equal(setsockopt(p.fd[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small), 0);
        SSL_set_fd(ssl, p.fd[1]);
        SSL_set_connect_state(ssl);
        while (SSL_do_handshake(ssl) != 1)
                pair_settle(&p, 2);
        UNTIL(&p, p.server.ready);
        while (!p.server.ended && asked < 200000) {
                if (SSL_key_update(ssl, SSL_KEY_UPDATE_REQUESTED) == 1)
                        asked++;
                (void)SSL_do_handshake(ssl); /* says it, and reads nothing */
                if (asked % 128 == 0)
                        pair_settle(&p, 1);
        }
        assert_int_equal(p.server.fault, FAULT_DOES_NOT_READ);
        assert_true(asked > 2000); /* it is the answers that count */
        SSL_free(ssl);
        SSL_CTX_free(ctx);
        close(p.fd[1]);
        pair_done(&p);
}

static void test_write_to_the_dead(void **state)
{
        struct pair p;

        (void)state;
        pair_open(&p, SCRIPTED_GOOD);
        HANDSHAKE(&p);
        stream_pace(p.server.stream, 3000); /* so that only the write can notice */
        shutdown(p.fd[1], SHUT_RDWR);
        p.server.stop_on_end = true;
        assert_int_equal(stream_write(p.server.stream, bytes_str("x"), NULL), ERR_IO);
        assert_int_equal(p.server.ended, 0);
        assert_int_equal(stream_write(p.server.stream, bytes_str("x"), NULL), ERR_STATE);
        pair_run(&p);
        assert_int_equal(p.server.why.code, ERR_IO);
        pair_done(&p);
}

/* Two ends of a TCP connection: only they have resets. */
static void tcp_pair(int fds[static 2])
{
        struct sockaddr_in at = { .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t n = sizeof at;
        int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(listening, (struct sockaddr *)&at, sizeof at), 0);
        assert_int_equal(listen(listening, 1), 0);
        assert_int_equal(getsockname(listening, (struct sockaddr *)&at, &n), 0);
        fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fds[1], (struct sockaddr *)&at, sizeof at), 0);
        fds[0] = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
        assert_true(fds[0] >= 0);
        close(listening);
}

/* What the other side said before it reset the connection (it left something unread) is heard. */
static void test_last_words_before_a_reset(void **state)
{
        struct pair p;

        (void)state;
        for (unsigned writes = 0; writes < 2; writes++) { /* noticed by the socket, or by a write */
                pair_init(&p, SCRIPTED_GOOD);
                close(p.fd[0]);
                close(p.fd[1]);
                tcp_pair(p.fd);
                side_open(&p, &p.client, true, (struct stream_options){ 0 });
                UNTIL(&p, p.client.ready);
                assert_int_equal(stream_write(p.client.stream, bytes_str("hello"), NULL), 0);
                assert_int_equal(send(p.fd[0], "go away", 7, MSG_NOSIGNAL), 7);
                close(p.fd[0]);
                if (writes)
                        assert_int_equal(
                                stream_write(p.client.stream, bytes_str("well"), NULL), ERR_IO);
                UNTIL(&p, p.client.ended);
                assert_int_equal(p.client.fault, FAULT_CONNECTION_CLOSED);
                assert_true(str_is(buf_bytes(&p.client.got), "go away"));
                pair_done(&p);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_both_ways),
                cmocka_unit_test(test_queue_is_bounded_and_drains),
                cmocka_unit_test(test_hold),
                cmocka_unit_test(test_pause_and_drain_at_a_mark),
                cmocka_unit_test(test_drain_is_told_though_a_write_emptied_the_queue),
                cmocka_unit_test(test_orderly_close_and_drop),
                cmocka_unit_test(test_refusals_end_both),
                cmocka_unit_test(test_not_tls),
                cmocka_unit_test(test_handshake_deadline),
                cmocka_unit_test(test_owner_refuses_data),
                cmocka_unit_test(test_free_in_every_callback),
                cmocka_unit_test(test_paced),
                cmocka_unit_test(test_talk_has_a_maximum),
                cmocka_unit_test(test_asks_and_does_not_read),
                cmocka_unit_test(test_write_to_the_dead),
                cmocka_unit_test_setup_teardown(test_both_ways, go_plain, go_back),
                cmocka_unit_test_setup_teardown(
                        test_queue_is_bounded_and_drains, go_plain, go_back),
                cmocka_unit_test_setup_teardown(test_owner_refuses_data, go_plain, go_back),
                cmocka_unit_test_setup_teardown(test_free_in_every_callback, go_plain, go_back),
                cmocka_unit_test_setup_teardown(test_write_to_the_dead, go_plain, go_back),
                cmocka_unit_test_setup_teardown(test_last_words_before_a_reset, go_plain, go_back),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
