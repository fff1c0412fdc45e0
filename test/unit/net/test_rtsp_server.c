/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The server against hostile clients, over loopback in the clear: one loop, clients as plain
 * blocking sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/str.h"
#include "net/loopback.h"
#include "net/rtsp_server.h"

#define CONNECTIONS 4
#define MANY_CONNECTIONS (RTSP_SERVER_HALVES_MAX + 8)
#define REQUEST_MS 150
#define IDLE_MS 1000

struct fixture {
        struct loop *loop;
        struct stream_shared *shared;
        struct rtsp_server *server;
        uint16_t port;
        struct rtsp_peer *playing;
        unsigned plays, stops, ends;
        struct err last_end;
        struct timer pause;
};

static int describe(void *owner, struct rtsp_peer *p, const char *path, struct buf *sdp,
        unsigned *ret_tracks, struct err *e)
{
        (void)owner;
        (void)p;
        *ret_tracks = 1;
        if (strcmp(path, "cam") != 0)
                return err_set(e, ERR_NOT_FOUND, "no camera");
        return sdp ? buf_append(sdp, bytes_str("v=0\r\n"), e) : 0;
}

static int play(void *owner, struct rtsp_peer *p, const char *path,
        struct rtsp_dialog_start ret[static RTSP_DIALOG_TRACKS_MAX], struct err *e)
{
        (void)owner;
        (void)p;
        (void)path;
        (void)e;
        ret[0] = (struct rtsp_dialog_start){ 1, 2 };
        return 0;
}

static void on_play(void *owner, struct rtsp_peer *p)
{
        struct fixture *x = owner;
        struct err e;

        x->playing = p;
        x->plays++;
        assert_int_equal(rtsp_peer_write(p, BYTES("$\0\0\2hi", 6), &e), 0);
}

static void on_stop(void *owner, struct rtsp_peer *p)
{
        struct fixture *x = owner;

        assert_ptr_equal(x->playing, p);
        x->playing = NULL;
        x->stops++;
}

static void on_end(void *owner, struct rtsp_peer *p, const struct err *why)
{
        struct fixture *x = owner;

        (void)p;
        x->ends++;
        x->last_end = *why;
}

static int start(void **state, unsigned connections_max, bool datagrams)
{
        static const struct rtsp_peer_events events = { .describe = describe,
                .play = play,
                .on_play = on_play,
                .on_stop = on_stop,
                .on_end = on_end };
        struct fixture *x = xcalloc(1, sizeof *x);
        const struct rtsp_server_options o = { .connections_max = connections_max,
                .datagrams = datagrams,
                .request_ms = REQUEST_MS,
                .idle_ms = IDLE_MS,
                .events = &events,
                .owner = x };

        x->loop = loop_new();
        x->shared = stream_shared_new(x->loop);
        x->server = rtsp_server_new(x->shared, &o);
        *state = x;
        return rtsp_server_listen(x->server, "127.0.0.1:0", &x->port, NULL);
}

static int setup(void **state)
{
        return start(state, CONNECTIONS, false);
}

static int setup_many(void **state)
{
        return start(state, MANY_CONNECTIONS, true);
}

static int teardown(void **state)
{
        struct fixture *x = *state;

        timer_done(&x->pause);
        rtsp_server_free(x->server);
        stream_shared_free(x->shared);
        loop_free(x->loop);
        free(x);
        return 0;
}

static void on_pause(void *owner)
{
        struct fixture *x = owner;

        loop_stop(x->loop);
}

static void run_ms(struct fixture *x, unsigned ms)
{
        timer_start(&x->pause, x->loop, ms, 0, on_pause, x);
        loop_run(x->loop);
}

/* from: the last byte of the address in 127.0.0.0/24 that it comes from. */
static int dial_from(struct fixture *x, unsigned from)
{
        const struct sockaddr_in own = { .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + from) };
        const struct sockaddr_in a = { .sin_family = AF_INET,
                .sin_port = htons(x->port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

        assert_true(fd >= 0);
        assert_int_equal(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), 0);
        assert_int_equal(bind(fd, (const struct sockaddr *)&own, sizeof own), 0);
        assert_int_equal(connect(fd, (const struct sockaddr *)&a, sizeof a), 0);
        return fd;
}

static int dial(struct fixture *x)
{
        return dial_from(x, 1);
}

static void say(int fd, const char *text)
{
        assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What has come within ms of the loop running; -1: the connection is closed and nothing came. */
static int hear(struct fixture *x, int fd, unsigned ms, char *to, size_t room)
{
        ssize_t n;

        run_ms(x, ms);
        n = recv(fd, to, room - 1, MSG_DONTWAIT);
        to[n > 0 ? n : 0] = 0;
        return n == 0 || (n < 0 && errno == ECONNRESET) ? -1 : n < 0 ? 0 : (int)n;
}

#define SETUP                                                                                      \
        "SETUP rtsp://h/cam/track0 RTSP/1.0\r\nCSeq: 1\r\nTransport: "                             \
        "RTP/AVP/TCP;interleaved=0-1\r\n\r\n"

static void start_playing(struct fixture *x, int fd)
{
        char text[4096], request[512];
        const char *id;

        say(fd, SETUP);
        assert_true(hear(x, fd, 30, text, sizeof text) > 0);
        id = strstr(text, "Session: ");
        assert_non_null(id);
        snprintf(request, sizeof request,
                "PLAY rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\nSession: %.32s\r\n\r\n", id + 9);
        say(fd, request);
        assert_true(hear(x, fd, 30, text, sizeof text) > 0);
        assert_non_null(strstr(text, "seq=1;rtptime=2"));
        id = strstr(text, "\r\n\r\n");
        assert_memory_equal(id + 4, "$\0\0\2hi", 6); /* media only behind the response */
        assert_int_equal(x->plays, 1);
}

static void test_play_and_hang_up(void **state)
{
        struct fixture *x = *state;
        const int fd = dial(x);

        start_playing(x, fd);
        assert_int_equal(rtsp_server_connections(x->server), 1);
        close(fd);
        run_ms(x, 30);
        assert_int_equal(x->stops, 1);
        assert_int_equal(x->ends, 1);
        assert_int_equal(rtsp_server_connections(x->server), 0);
}

static void test_request_in_pieces_and_pipelined(void **state)
{
        static const char two[] =
                "OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\nOPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n";
        struct fixture *x = *state;
        const int fd = dial(x);
        char text[4096];

        for (size_t i = 0; i < sizeof two - 1; i++) {
                assert_int_equal(send(fd, two + i, 1, 0), 1);
                if (i % 8 == 0)
                        run_ms(x, 1);
        }
        assert_true(hear(x, fd, 30, text, sizeof text) > 0);
        assert_non_null(strstr(text, "CSeq: 1\r\n"));
        assert_non_null(strstr(text, "CSeq: 2\r\n"));
        close(fd);
}

static void test_hostile_bytes_end_the_connection(void **state)
{
        static const char *const junk[] = {
                "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", /* a TLS ClientHello to the plain
                                                                   port */
                "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
                "DESCRIBE rtsp://h/cam RTSP/1.0\r\nCSeq: 99999999999999999999\r\n\r\n",
                "DESCRIBE rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 4294967296\r\n\r\n",
                "DESCRIBE rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\nContent-Length: -1\r\n\r\n",
                "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n",
                "DESCRIBE rtsp://h/cam RTSP/1.0\r\n\r\n",
        };
        struct fixture *x = *state;
        char text[4096];

        for (size_t i = 0; i < ARRAY_LEN(junk); i++) {
                const int fd = dial(x);

                say(fd, junk[i]);
                run_ms(x, 60);
                if (rtsp_server_connections(x->server) != 0)
                        fail_msg("still connected after %s", junk[i]);
                while (hear(x, fd, 1, text, sizeof text) > 0)
                        assert_null(strstr(text, " 200 "));
                close(fd);
        }
        assert_int_equal(x->ends, ARRAY_LEN(junk));
}

static void test_endless_head(void **state)
{
        struct fixture *x = *state;
        const int fd = dial(x);
        char line[1024];

        memset(line, 'a', sizeof line);
        say(fd, "DESCRIBE rtsp://h/cam RTSP/1.0\r\nCSeq: 1\r\n");
        for (int i = 0; i < 200 && rtsp_server_connections(x->server) + (i < 2) > 0; i++) {
                (void)!send(fd, "X: ", 3, MSG_NOSIGNAL | MSG_DONTWAIT);
                (void)!send(fd, line, sizeof line, MSG_NOSIGNAL | MSG_DONTWAIT);
                (void)!send(fd, "\r\n", 2, MSG_NOSIGNAL | MSG_DONTWAIT);
                run_ms(x, 1);
        }
        assert_int_equal(rtsp_server_connections(x->server), 0);
        assert_int_not_equal(x->last_end.code, ERR_TIMEOUT); /* by size, not only by time */
        close(fd);
}

static void test_deadlines(void **state)
{
        struct fixture *x = *state;
        const int silent = dial(x), slow = dial(x);
        char text[64];

        for (int i = 0; i < 6; i++) { /* a byte now and then does not help */
                (void)!send(slow, "O", 1, MSG_NOSIGNAL);
                run_ms(x, REQUEST_MS / 4);
        }
        run_ms(x, REQUEST_MS);
        assert_int_equal(hear(x, silent, 1, text, sizeof text), -1);
        assert_int_equal(hear(x, slow, 1, text, sizeof text), -1);
        assert_int_equal(x->ends, 2);
        assert_int_equal(x->last_end.code, ERR_TIMEOUT);
        close(silent);
        close(slow);
}

static void test_session_lives_by_rtcp(void **state)
{
        struct fixture *x = *state;
        const int fd = dial(x);

        start_playing(x, fd);
        for (int i = 0; i < 6; i++) {
                assert_int_equal(send(fd, "$\1\0\4\x80\xc9\0\0", 8, MSG_NOSIGNAL), 8);
                run_ms(x, IDLE_MS / 4);
        }
        assert_non_null(x->playing);
        run_ms(x, IDLE_MS + 100);
        assert_null(x->playing);
        assert_int_equal(x->last_end.code, ERR_TIMEOUT);
        close(fd);
}

/* Empty lines are no sign of life: who has no session and asks nothing goes in time. */
static void test_empty_lines_keep_nothing_open(void **state)
{
        struct fixture *x = *state;
        const int fd = dial(x);

        for (unsigned ms = 0; ms < 2 * REQUEST_MS; ms += REQUEST_MS / 3) {
                (void)!send(fd, "\r\n", 2, MSG_NOSIGNAL);
                run_ms(x, REQUEST_MS / 3);
        }
        assert_int_equal(rtsp_server_connections(x->server), 0);
        close(fd);
}

/* ---- tunnels ---- */

#define COOKIE "0123456789abcdef"
#define GET(cookie) "GET /cam HTTP/1.0\r\nx-sessioncookie: " cookie "\r\n\r\n"
#define POST(cookie, length)                                                                       \
        "POST /cam HTTP/1.0\r\nx-sessioncookie: " cookie "\r\nContent-Length: " length "\r\n\r\n"
#define OPTIONS "OPTIONS * RTSP/1.0\r\nCSeq: 7\r\n\r\n"

static void say_base64(int fd, const char *text)
{
        char coded[STR_BASE64_ROOM(1024)];

        say(fd, str_base64(coded, bytes_str(text)));
}

/* The GET of a tunnel, answered. */
static int open_get(struct fixture *x)
{
        const int get = dial(x);
        char text[4096];

        say(get, GET(COOKIE));
        assert_true(hear(x, get, 20, text, sizeof text) > 0);
        assert_memory_equal(text, "HTTP/1.0 200 OK\r\n", 17);
        assert_non_null(strstr(text, "application/x-rtsp-tunnelled"));
        return get;
}

static void expect_answer(struct fixture *x, int get, const char *what)
{
        char text[4096];

        assert_true(hear(x, get, 20, text, sizeof text) > 0);
        if (!strstr(text, what))
                fail_msg("%s is not in: %s", what, text);
}

static void test_tunnel_plays(void **state)
{
        struct fixture *x = *state;
        const int get = open_get(x);
        int post = dial(x), again;
        char text[4096], request[512];
        const char *id;

        say(post, POST(COOKIE, "32767"));
        say_base64(post, SETUP);
        assert_true(hear(x, get, 30, text, sizeof text) > 0);
        id = strstr(text, "Session: ");
        assert_non_null(id);
        snprintf(request, sizeof request,
                "PLAY rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\nSession: %.32s\r\n\r\n", id + 9);
        str_base64(text, bytes_str(request));
        for (const char *c = text; *c; c++) {
                assert_int_equal(send(post, c, 1, 0), 1);
                if ((c - text) % 16 == 0)
                        run_ms(x, 1);
        }
        assert_true(hear(x, get, 30, text, sizeof text) > 0);
        assert_memory_equal(strstr(text, "\r\n\r\n") + 4, "$\0\0\2hi", 6);
        assert_true(rtsp_peer_is_tunnelled(x->playing));
        assert_int_equal(rtsp_server_connections(x->server), 1);
        /* A POST may end, and another one go on. */
        close(post);
        run_ms(x, 20);
        assert_non_null(x->playing);
        again = dial(x);
        say(again, POST(COOKIE, "4"));
        say_base64(again, OPTIONS);
        expect_answer(x, get, "CSeq: 7\r\n");
        say(again, "\r\n");
        close(get);
        run_ms(x, 20);
        assert_null(x->playing);
        assert_int_equal(rtsp_server_connections(x->server), 0);
        assert_int_equal(hear(x, again, 10, text, sizeof text), -1);
        close(again);
}

static void test_tunnel_post_comes_first(void **state)
{
        struct fixture *x = *state;
        const int post = dial(x), get = dial(x);
        char text[4096];

        say(post, POST(COOKIE, "32767"));
        say_base64(post, OPTIONS);
        run_ms(x, 20);
        say(get, GET(COOKIE));
        assert_true(hear(x, get, 20, text, sizeof text) > 0);
        assert_memory_equal(text, "HTTP/1.0 200 OK\r\n", 17); /* before the RTSP answer */
        assert_non_null(strstr(text, "\r\n\r\nRTSP/1.0 200 OK\r\nCSeq: 7\r\n"));
        close(get);
        close(post);
}

/* The half of somebody else: from another address, or with another cookie. */
static void test_tunnel_halves_that_do_not_belong(void **state)
{
        struct fixture *x = *state;
        const int get = open_get(x), other = dial_from(x, 2), wrong = dial(x);
        char text[4096];

        say(other, POST(COOKIE, "32767"));
        say_base64(other, OPTIONS);
        say(wrong, POST("0123456789abcdeF", "32767"));
        say_base64(wrong, OPTIONS);
        assert_int_equal(hear(x, get, 30, text, sizeof text), 0);
        assert_int_equal(rtsp_server_connections(x->server), 3);
        run_ms(x, REQUEST_MS + 50);
        assert_int_equal(rtsp_server_connections(x->server), 0);
        assert_int_equal(x->last_end.code, ERR_TIMEOUT);
        assert_non_null(strstr(x->last_end.text, "other half"));
        close(get);
        close(other);
        close(wrong);
}

/* A POST without its GET is kept for it, but not without end. */
static void test_tunnel_post_says_too_much(void **state)
{
        struct fixture *x = *state;
        const int post = dial(x);
        char text[1001];

        memset(text, 'A', sizeof text - 1);
        text[sizeof text - 1] = 0;
        say(post, POST(COOKIE, "32767"));
        for (unsigned i = 0; i < 6; i++) {
                (void)!send(post, text, strlen(text), MSG_NOSIGNAL);
                run_ms(x, 5);
        }
        assert_int_equal(rtsp_server_connections(x->server), 0);
        assert_int_equal(x->last_end.code, ERR_PROTOCOL);
        close(post);
}

static void test_tunnel_is_not_taken_over(void **state)
{
        struct fixture *x = *state;
        const int get = open_get(x), second = dial(x), post = dial(x);
        char text[4096];

        say(second, GET(COOKIE));
        assert_true(hear(x, second, 20, text, sizeof text) > 0);
        assert_memory_equal(text, "HTTP/1.0 409 ", 13);
        say(post, POST(COOKIE, "32767"));
        say_base64(post, OPTIONS);
        expect_answer(x, get, "RTSP/1.0 200 OK");
        close(get);
        close(second);
        close(post);
}

static void test_tunnel_bytes_that_are_refused(void **state)
{
        static const struct {
                const char *first, *then;
        } cases[] = {
                { POST(COOKIE, "32767"), "!!!!" }, { POST(COOKIE, "32767"), "T1BU=" },
                { POST(COOKIE, "0"),
                        "POST /cam HTTP/1.0\r\nx-sessioncookie: ffff456789abcdef\r\n\r\n" },
                { POST(COOKIE, "32767"), "R0VUIC8gSFRUUC8xLjANCg0K" }, /* HTTP in the tunnel */
        };
        struct fixture *x = *state;

        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const int get = open_get(x), post = dial(x);

                say(post, cases[i].first);
                run_ms(x, 10);
                assert_int_equal(rtsp_server_connections(x->server), 1);
                say(post, cases[i].then);
                run_ms(x, 20);
                if (rtsp_server_connections(x->server) != 0)
                        fail_msg("still connected after %s", cases[i].then);
                close(get);
                close(post);
        }
        const int get = open_get(x);
        say(get, "x"); /* the GET says nothing more */
        run_ms(x, 20);
        assert_int_equal(rtsp_server_connections(x->server), 0);
        close(get);
}

static void test_tunnel_halves_are_few(void **state)
{
        struct fixture *x = *state;
        int fds[RTSP_SERVER_HALVES_MAX], last;
        char text[512];

        for (unsigned i = 0; i < RTSP_SERVER_HALVES_MAX; i++) {
                snprintf(text, sizeof text, "POST / HTTP/1.0\r\nx-sessioncookie: %016u\r\n\r\n", i);
                fds[i] = dial(x);
                say(fds[i], text);
        }
        run_ms(x, 20);
        assert_int_equal(rtsp_server_connections(x->server), RTSP_SERVER_HALVES_MAX);
        last = dial(x);
        say(last, GET(COOKIE));
        assert_true(hear(x, last, 20, text, sizeof text) > 0);
        assert_memory_equal(text, "HTTP/1.0 503 ", 13);
        close(last);
        for (unsigned i = 0; i < RTSP_SERVER_HALVES_MAX; i++)
                close(fds[i]);
        run_ms(x, 20);
        close(open_get(x));
}

/* ---- datagrams ---- */

static void test_datagrams_go_to_the_client_alone(void **state)
{
        struct fixture *x = *state;
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        const int fd = dial(x), udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        socklen_t n = sizeof a;
        char text[4096], request[512];
        unsigned port, server;
        const char *at;

        assert_int_equal(bind(udp, (struct sockaddr *)&a, n), 0);
        assert_int_equal(getsockname(udp, (struct sockaddr *)&a, &n), 0);
        port = ntohs(a.sin_port);
        /* A destination that is not the client's own address is left out of account. */
        snprintf(request, sizeof request,
                "SETUP rtsp://h/cam/track0 RTSP/1.0\r\nCSeq: 1\r\nTransport: "
                "RTP/AVP;unicast;destination=192.0.2.9;client_port=%u-%u\r\n\r\n",
                port, port + 1);
        say(fd, request);
        assert_true(hear(x, fd, 20, text, sizeof text) > 0);
        at = strstr(text, ";server_port=");
        assert_non_null(at);
        assert_null(strstr(text, "192.0.2.9"));
        assert_int_equal(sscanf(at, ";server_port=%u-", &server), 1);
        assert_int_equal(server % 2, 0);
        at = strstr(text, "Session: ");
        snprintf(request, sizeof request,
                "PLAY rtsp://h/cam RTSP/1.0\r\nCSeq: 2\r\nSession: %.32s\r\n\r\n", at + 9);
        say(fd, request);
        assert_true(hear(x, fd, 20, text, sizeof text) > 0);
        rtsp_peer_datagram(x->playing, 0, false, bytes_str("media"));
        rtsp_peer_datagram(x->playing, 1, false, bytes_str("not set up"));
        n = sizeof a;
        assert_int_equal(recvfrom(udp, text, sizeof text, 0, (struct sockaddr *)&a, &n), 5);
        assert_int_equal(ntohs(a.sin_port), server);
        assert_int_equal(recv(udp, text, sizeof text, MSG_DONTWAIT), -1);
        close(fd);
        close(udp);
}

/* Beside TLS no media go out in the clear. */
static void test_datagrams_beside_tls_are_protected(void **state)
{
        struct fixture *x = *state;
        static const struct rtsp_peer_events none = { 0 };
        const struct rtsp_server_options o = {
                .events = &none, .datagrams = true, .tls = (void *)x /* never looked into */
        };
        struct rtsp_server *s = rtsp_server_new(x->shared, &o);
        uint16_t port;

        assert_int_equal(rtsp_server_listen(s, "127.0.0.1:0", &port, NULL), ERR_DENIED);
        rtsp_server_free(s);
}

static void test_too_many(void **state)
{
        struct fixture *x = *state;
        int fds[CONNECTIONS + 3];
        char text[64];

        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
                fds[i] = dial(x);
        run_ms(x, 30);
        assert_int_equal(rtsp_server_connections(x->server), CONNECTIONS);
        assert_int_equal(rtsp_server_refused(x->server), 3);
        assert_int_equal(hear(x, fds[CONNECTIONS], 1, text, sizeof text), -1);
        for (size_t i = 0; i < ARRAY_LEN(fds); i++)
                close(fds[i]);
}

static void test_a_client_that_does_not_read_is_cut_off(void **state)
{
        struct fixture *x = *state;
        const int fd = dial(x);
        static uint8_t frame[60000] = { '$' };
        size_t written = 0;
        struct err e;
        int r = 0;

        start_playing(x, fd);
        while (r >= 0 && written < 64u << 20) {
                r = rtsp_peer_write(x->playing, BYTES(frame, sizeof frame), &e);
                written += sizeof frame;
        }
        assert_int_equal(r, ERR_EXHAUSTED);
        assert_true(written >= RTSP_PEER_OUTPUT_MAX);
        assert_int_equal(rtsp_peer_write(x->playing, BYTES(frame, 4), &e), ERR_STATE);
        assert_non_null(x->playing); /* the end comes from the loop, not from within the call */
        run_ms(x, 10);
        assert_null(x->playing);
        assert_int_equal(x->last_end.code, ERR_EXHAUSTED);
        close(fd);
}

static void test_plain_is_for_loopback_alone(void **state)
{
        struct fixture *x = *state;
        static const struct rtsp_peer_events none = { 0 };
        const struct rtsp_server_options o = { .events = &none };
        static const char *const addresses[] = { "0.0.0.0:0", "[::]:0", "192.0.2.1:0" };
        static const char *const nonsense[] = { "", ":", "127.0.0.1",
                "127.0.0.1:", "127.0.0.1:65536", "localhost:1", "[::1:5", "::1:5x", "[127.0.0.1]:5",
                "127.0.0.1:-1" };
        struct rtsp_server *s = rtsp_server_new(x->shared, &o);
        uint16_t port = 7;

        for (size_t i = 0; i < ARRAY_LEN(addresses); i++)
                assert_int_equal(rtsp_server_listen(s, addresses[i], &port, NULL), ERR_DENIED);
        for (size_t i = 0; i < ARRAY_LEN(nonsense); i++)
                assert_int_equal(rtsp_server_listen(s, nonsense[i], &port, NULL), ERR_INVALID);
        assert_int_equal(port, 7);
        rtsp_server_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_play_and_hang_up, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_request_in_pieces_and_pipelined, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_hostile_bytes_end_the_connection, setup, teardown),
                cmocka_unit_test_setup_teardown(test_endless_head, setup, teardown),
                cmocka_unit_test_setup_teardown(test_deadlines, setup, teardown),
                cmocka_unit_test_setup_teardown(test_session_lives_by_rtcp, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_empty_lines_keep_nothing_open, setup, teardown),
                cmocka_unit_test_setup_teardown(test_tunnel_plays, setup, teardown),
                cmocka_unit_test_setup_teardown(test_tunnel_post_comes_first, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_tunnel_halves_that_do_not_belong, setup, teardown),
                cmocka_unit_test_setup_teardown(test_tunnel_post_says_too_much, setup, teardown),
                cmocka_unit_test_setup_teardown(test_tunnel_is_not_taken_over, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_tunnel_bytes_that_are_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(test_tunnel_halves_are_few, setup_many, teardown),
                cmocka_unit_test_setup_teardown(
                        test_datagrams_go_to_the_client_alone, setup_many, teardown),
                cmocka_unit_test_setup_teardown(
                        test_datagrams_beside_tls_are_protected, setup, teardown),
                cmocka_unit_test_setup_teardown(test_too_many, setup, teardown),
                cmocka_unit_test_setup_teardown(
                        test_a_client_that_does_not_read_is_cut_off, setup, teardown),
                cmocka_unit_test_setup_teardown(test_plain_is_for_loopback_alone, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
