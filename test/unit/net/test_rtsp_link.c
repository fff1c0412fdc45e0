/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The ways that the bytes of a session travel: tunnels of every sort, no TLS, datagrams; and what
 * is refused on each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <unistd.h>

#include "net/rtsp_client.h"
#include "scripted_rtsp.c"

#define SDP                                                                                        \
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=Camera\r\nt=0 0\r\na=control:*\r\n"                  \
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n"                \
        "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\na=control:trackID=2\r\n"
#define OPTIONS_STEP                                                                               \
        {                                                                                          \
                .method = "OPTIONS", .status = "200 OK\r\nPublic: OPTIONS, GET_PARAMETER"          \
        }
#define DESCRIBE_STEP                                                                              \
        {                                                                                          \
                .method = "DESCRIBE", .status = "200 OK\r\nContent-Type: application/sdp",         \
                .body = SDP                                                                        \
        }
#define SETUP_STEP                                                                                 \
        {                                                                                          \
                .method = "SETUP", .status = "200 OK\r\nSession: 9;timeout=60"                     \
        }
#define PLAY_STEP                                                                                  \
        {                                                                                          \
                .method = "PLAY", .status = "200 OK\r\nSession: 9"                                 \
        }
#define DIGEST "\r\nWWW-Authenticate: Digest realm=\"http\", nonce=\"n1\", qop=\"auth\""
#define BASIC "\r\nWWW-Authenticate: Basic realm=\"http\""

static const struct scripted_step session[] = { OPTIONS_STEP, DESCRIBE_STEP, SETUP_STEP,
        PLAY_STEP };

struct scene {
        struct loop *loop;
        struct stream_shared *shared;
        struct scripted_pki pki, other;
        struct scripted_rtsp camera;
        struct rtsp_client *client;
        struct url url;
        struct secret password;
        struct digest_client auth;
        struct timer guard;
        struct rtsp_client_options options;
        unsigned want;
        bool late, other_key, refuse_left_out, no_more, free_when_asked;
        unsigned secure, plays, packets[4], ended, asked, pairs, left_out;
        uint32_t lost, newest;
        uint16_t ports[4];
        struct err why, why_left_out;
};

static int on_secure(void *owner, const struct tls *tls, struct err *e)
{
        struct scene *s = owner;

        (void)e;
        assert_int_equal(tls == NULL, s->options.plain);
        s->secure++;
        return 0;
}

static int on_describe(void *owner, const struct sdp *sdp,
        unsigned wanted[static RTSP_CLIENT_TRACKS_MAX], struct err *e)
{
        struct scene *s = owner;

        (void)sdp;
        (void)e;
        for (unsigned i = 0; i < s->want; i++)
                wanted[i] = i;
        return (int)s->want;
}

static int on_left_out(void *owner, unsigned track, const struct err *why, struct err *e)
{
        struct scene *s = owner;

        s->left_out |= 1u << track;
        s->why_left_out = *why;
        return s->refuse_left_out ? err_set(e, ERR_DENIED, "this one is needed") : 0;
}

static int on_play(void *owner, struct err *e)
{
        struct scene *s = owner;

        (void)e;
        s->plays++;
        return 0;
}

static int on_packet(void *owner, unsigned track, const struct rtp_packet *p,
        const struct rtp_arrival *a, int64_t arrival_us, struct err *e)
{
        struct scene *s = owner;

        (void)arrival_us;
        (void)e;
        s->packets[track]++;
        s->newest = p->timestamp;
        s->lost += a->lost_packets;
        return 0;
}

/* Two UDP sockets on the loopback, the first port even. */
static void bind_pair(int fds[static 2], uint16_t *ret_port)
{
        for (unsigned port = 30000;; port += 2) {
                int bound = 0;

                assert_true(port < 60000);
                for (unsigned i = 0; i < 2; i++) {
                        const struct sockaddr_in at = { .sin_family = AF_INET,
                                .sin_port = htons((uint16_t)(port + i)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

                        fds[i] = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
                        bound += bind(fds[i], (const struct sockaddr *)&at, sizeof at) == 0;
                }
                if (bound == 2) {
                        *ret_port = (uint16_t)port;
                        return;
                }
                close(fds[0]);
                close(fds[1]);
        }
}

static struct tls *client_tls(struct scene *s)
{
        struct tls *t;
        struct err e;

        if (s->options.plain)
                return NULL;
        scripted_must(tls_client_new(s->pki.client, s->url.host, NULL, clock_wall_us(), &t, &e), &e,
                "client session");
        return t;
}

static void need_socket(void *owner, enum rtsp_client_socket kind)
{
        struct scene *s = owner;
        int fd[2];

        if (kind == RTSP_CLIENT_DATAGRAMS) {
                bind_pair(fd, &s->ports[s->pairs]);
                s->pairs++;
                rtsp_client_datagrams(s->client, fd, s->ports[s->pairs - 1]);
                return;
        }
        s->asked++;
        if (s->free_when_asked) {
                s->client = rtsp_client_free(s->client);
                return;
        }
        if (s->no_more) {
                const struct err gone = { .code = ERR_UNAVAILABLE,
                        .fault = FAULT_CONNECTION_REFUSED,
                        .text = "nobody there" };

                rtsp_client_no_socket(s->client, &gone);
                return;
        }
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
        scripted_rtsp_connection(&s->camera,
                s->options.plain ? NULL
                : s->other_key   ? &s->other
                                 : &s->pki,
                fd[1]);
        rtsp_client_connection(s->client, fd[0], client_tls(s));
}

static void on_end(void *owner, const struct err *why)
{
        struct scene *s = owner;

        s->ended++;
        s->why = *why;
}

static const struct rtsp_client_events client_events = { .on_secure = on_secure,
        .on_describe = on_describe,
        .on_left_out = on_left_out,
        .on_play = on_play,
        .on_packet = on_packet,
        .need_socket = need_socket,
        .on_end = on_end };

static void on_guard(void *owner)
{
        struct scene *s = owner;

        s->late = true;
        loop_stop(s->loop);
}

static void scene_init(struct scene *s, const char *url, enum rtsp_link_carrier carrier, bool plain)
{
        struct err e;

        memset(s, 0, sizeof *s);
        s->loop = loop_new();
        s->shared = stream_shared_new(s->loop);
        scripted_pki_init(&s->pki, SCRIPTED_GOOD);
        scripted_must(url_parse(url, &s->url, &e), &e, "url");
        scripted_must(secret_set(&s->password, bytes_str("open sesame"), &e), &e, "password");
        digest_client_init(&s->auth, /* basic_allowed= */ !plain);
        s->want = 1;
        s->options = (struct rtsp_client_options){ .url = &s->url,
                .carrier = carrier,
                .plain = plain,
                .user = "viewer",
                .password = &s->password,
                .auth = &s->auth,
                .step_ms = 1000 };
}

static void connect_fds(
        struct scene *s, int client, int server, const struct scripted_step *steps, unsigned n)
{
        struct err e;

        scripted_rtsp_init(
                &s->camera, s->loop, s->options.plain ? NULL : &s->pki, server, steps, n, 0);
        scripted_must(rtsp_client_new(s->shared, client, client_tls(s), &s->options, &client_events,
                              s, &s->client, &e),
                &e, "client");
        timer_start(&s->guard, s->loop, 5000, 0, on_guard, s);
}

static void scene_connect(struct scene *s, const struct scripted_step *steps, unsigned n)
{
        int fd[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
        connect_fds(s, fd[0], fd[1], steps, n);
        s->camera.tunnel.on = s->options.carrier == RTSP_LINK_TUNNEL;
}

static void on_settled(void *owner)
{
        loop_stop(owner);
}

static void scene_settle(struct scene *s, unsigned ms)
{
        struct timer t = { 0 };

        timer_start(&t, s->loop, ms, 0, on_settled, s->loop);
        loop_run(s->loop);
        timer_done(&t);
        if (s->late)
                fail_msg("nothing came for 5 s; %s; requests:\n%.*s%.*s", s->why.text,
                        (int)s->camera.tunnel.heads.n, (const char *)s->camera.tunnel.heads.p,
                        (int)s->camera.requests.n, (const char *)s->camera.requests.p);
}

#define UNTIL(s, condition)                                                                        \
        do {                                                                                       \
                while (!(condition))                                                               \
                        scene_settle(s, 2);                                                        \
        } while (0)

static void scene_done(struct scene *s)
{
        timer_done(&s->guard);
        rtsp_client_free(s->client);
        scripted_rtsp_done(&s->camera);
        stream_shared_free(s->shared);
        loop_free(s->loop);
        scripted_pki_done(&s->pki);
}

#define ASSERT_ENDS(s, which, part)                                                                \
        do {                                                                                       \
                UNTIL(s, (s)->ended > 0);                                                          \
                if ((s)->why.fault != (which) || !strstr((s)->why.text, part))                     \
                        fail_msg("expected %s \"%s\", got %s \"%s\"", fault_name(which), part,     \
                                fault_name((s)->why.fault), (s)->why.text);                        \
        } while (0)

/* ---- tunnels ---- */

enum odd { ODD_NOT, ODD_POST_OK, ODD_POST_CLOSES, ODD_ANSWERS_ON_POST };

static void test_tunnel(void **state)
{
        struct buf b;

        (void)state;
        buf_init(&b, 4096);
        for (unsigned i = 0; i < 5; i++)
                scripted_rtp(&b, 0, 96, true, (uint16_t)i, i, 1, bytes_str("picture"));
        for (int plain = 0; plain < 2; plain++) {
                for (enum odd odd = ODD_NOT; odd <= ODD_ANSWERS_ON_POST; odd++) {
                        struct scene s;

                        scene_init(&s,
                                plain ? "http://127.0.0.1:8080/main" : "https://127.0.0.1/main",
                                RTSP_LINK_TUNNEL, plain);
                        s.options.keepalive_ms = 20;
                        scene_connect(&s, session, ARRAY_LEN(session));
                        s.camera.tunnel.post_ok = odd == ODD_POST_OK;
                        s.camera.tunnel.post_closes = odd == ODD_POST_CLOSES;
                        s.camera.tunnel.answers_on_post = odd == ODD_ANSWERS_ON_POST;
                        UNTIL(&s, s.plays == 1);
                        s.camera.tunnel.answers_on_post = false;
                        scripted_rtsp_send(&s.camera, buf_bytes(&b));
                        UNTIL(&s, s.packets[0] == 5);
                        UNTIL(&s, s.camera.requests_n >= 7); /* keep-alives */
                        assert_int_equal(s.ended, 0);
                        assert_int_equal(s.camera.tunnel.gets, 1);
                        if (odd == ODD_POST_CLOSES)
                                assert_true(s.camera.tunnel.posts >= 6);
                        else
                                assert_int_equal(s.camera.tunnel.posts, 1);
                        assert_int_equal(s.secure, s.camera.tunnel.posts + 1);
                        /* One cookie, of 128 bits in 22 characters, for all connections. */
                        const uint8_t *cookie = memmem(s.camera.tunnel.heads.p,
                                s.camera.tunnel.heads.n, "x-sessioncookie: ", 17);
                        char text[64];

                        assert_non_null(cookie);
                        snprintf(text, sizeof text, "%.*s\r\n", 17 + 22, (const char *)cookie);
                        assert_int_equal(
                                scripted_tunnel_count(&s.camera, text), s.camera.tunnel.posts + 1);
                        assert_int_equal(
                                scripted_tunnel_count(&s.camera, "GET /main HTTP/1.1\r\nHost: "
                                                                 "127.0.0.1"),
                                1);
                        assert_int_equal(scripted_tunnel_count(&s.camera, "Content-Length: 32767"),
                                s.camera.tunnel.posts);
                        /* What is tunnelled is RTSP of the same host and port, once each. */
                        assert_int_equal(
                                scripted_rtsp_count(&s.camera,
                                        plain ? "DESCRIBE rtsp://127.0.0.1:8080/main RTSP/1.0"
                                              : "DESCRIBE rtsp://127.0.0.1:443/main RTSP/1.0"),
                                1);
                        assert_int_equal(scripted_rtsp_count(&s.camera, "SETUP "), 1);
                        assert_int_equal(scripted_rtsp_count(&s.camera, "interleaved=0-1"), 1);
                        assert_int_equal(s.camera.frames, 0); /* no reports where one request is
                                                                 all that a POST may take */
                        scene_done(&s);
                }
        }
        buf_done(&b);
}

static void test_tunnel_password_by_http(void **state)
{
        struct scene s;

        (void)state;
        scene_init(&s, "https://127.0.0.1/main", RTSP_LINK_TUNNEL, false);
        scene_connect(&s, session, ARRAY_LEN(session));
        s.camera.tunnel.refusals[0] = "401 Unauthorized" BASIC DIGEST;
        UNTIL(&s, s.plays == 1);
        assert_int_equal(s.camera.tunnel.gets, 2);
        assert_int_equal(s.camera.tunnel.posts, 1);
        assert_int_equal(scripted_tunnel_count(&s.camera, "Authorization: Digest "), 2);
        assert_int_equal(scripted_tunnel_count(&s.camera, "uri=\"/main\""), 2);
        assert_int_equal(scripted_tunnel_count(&s.camera, "Basic"), 0);
        /* HTTP's nonce is no answer to RTSP, which did not ask. */
        assert_int_equal(scripted_rtsp_count(&s.camera, "Authorization"), 0);
        scene_done(&s);

        scene_init(&s, "https://127.0.0.1/main", RTSP_LINK_TUNNEL, false);
        scene_connect(&s, session, ARRAY_LEN(session));
        s.camera.tunnel.post_refusals[0] = "401 Unauthorized" DIGEST;
        UNTIL(&s, s.plays == 1);
        assert_int_equal(s.camera.tunnel.posts, 2);
        assert_int_equal(scripted_rtsp_count(&s.camera, "OPTIONS"), 1);
        scene_done(&s);

        scene_init(&s, "https://127.0.0.1/main", RTSP_LINK_TUNNEL, false);
        scene_connect(&s, session, ARRAY_LEN(session));
        s.camera.tunnel.refusals[0] = s.camera.tunnel.refusals[1] = "401 Unauthorized" DIGEST;
        ASSERT_ENDS(&s, FAULT_WRONG_PASSWORD, "tunnel: GET: 401 Unauthorized: ");
        scene_done(&s);
}

static void test_tunnel_in_the_clear_gets_no_basic(void **state)
{
        struct scene s;

        (void)state;
        scene_init(&s, "http://127.0.0.1/main", RTSP_LINK_TUNNEL, true);
        scene_connect(&s, session, ARRAY_LEN(session));
        s.camera.tunnel.refusals[0] = "401 Unauthorized" BASIC;
        ASSERT_ENDS(&s, FAULT_BASIC_ONLY, "GET: 401 Unauthorized");
        assert_int_equal(scripted_tunnel_count(&s.camera, "Authorization"), 0);
        scene_done(&s);
}

static void test_tunnel_refused(void **state)
{
        static const struct {
                const char *status;
                enum fault fault;
                const char *says;
        } cases[] = { { "302 Found\r\nLocation: https://10.0.0.1/main", FAULT_REDIRECT,
                              "GET: 302 Found: the camera redirects to https://10.0.0.1/main" },
                { "404 Not Found", FAULT_NO_SUCH_STREAM, "tunnel: GET: 404" },
                { "403 Forbidden", FAULT_FORBIDDEN, "GET: 403" },
                { "503 Busy", FAULT_CAMERA_BUSY, "GET: 503" },
                { "405 Method Not Allowed", FAULT_NO_TUNNEL, "GET: 405" } };
        struct scene s;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                scene_init(&s, "https://127.0.0.1/main", RTSP_LINK_TUNNEL, false);
                scene_connect(&s, session, ARRAY_LEN(session));
                s.camera.tunnel.refusals[0] = cases[i].status;
                ASSERT_ENDS(&s, cases[i].fault, cases[i].says);
                assert_int_equal(s.asked, 0);
                assert_int_equal(s.camera.requests_n, 0);
                scene_done(&s);
        }
        scene_init(&s, "https://127.0.0.1/main", RTSP_LINK_TUNNEL, false);
        scene_connect(&s, session, ARRAY_LEN(session));
        s.camera.tunnel.post_refusals[0] = "302 Found\r\nLocation: http://10.0.0.1/";
        ASSERT_ENDS(&s, FAULT_REDIRECT, "POST: 302 Found");
        scene_done(&s);

        scene_init(&s, "https://127.0.0.1/main", RTSP_LINK_TUNNEL, false);
        s.no_more = true;
        scene_connect(&s, session, ARRAY_LEN(session));
        ASSERT_ENDS(&s, FAULT_CONNECTION_REFUSED, "nobody there");
        scene_done(&s);
}

/* Whenever another connection is asked for, the owner may have had enough: for the POST, for a GET
 * with a password, for a keep-alive. */
static void test_tunnel_freed_when_asked(void **state)
{
        struct scene s;

        (void)state;
        for (int i = 0; i < 3; i++) {
                scene_init(&s, "https://127.0.0.1/main", RTSP_LINK_TUNNEL, false);
                s.free_when_asked = i < 2;
                s.options.keepalive_ms = 20;
                scene_connect(&s, session, ARRAY_LEN(session));
                if (i == 1)
                        s.camera.tunnel.refusals[0] = "401 Unauthorized" DIGEST;
                if (i == 2) {
                        s.camera.tunnel.post_closes = true;
                        UNTIL(&s, s.plays == 1);
                        s.free_when_asked = true;
                }
                UNTIL(&s, !s.client);
                assert_int_equal(s.ended, 0);
                scene_done(&s);
        }
}

/* Verified, and yet another: both halves must end at the same peer. */
static void test_tunnel_of_two_keys(void **state)
{
        struct scene s;

        (void)state;
        scene_init(&s, "https://127.0.0.1/main", RTSP_LINK_TUNNEL, false);
        s.other.server = s.pki.second;
        s.other_key = true;
        scene_connect(&s, session, ARRAY_LEN(session));
        ASSERT_ENDS(&s, FAULT_TUNNEL_KEYS, "another key");
        assert_int_equal(s.camera.tunnel.gets, 1);
        assert_int_equal(s.camera.tunnel.posts, 0);
        assert_int_equal(s.camera.requests_n, 0);
        scene_done(&s);
}

/* ---- without TLS ---- */

static void test_plain_digest_only(void **state)
{
        const struct scripted_step digest[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = "401 Unauthorized" BASIC DIGEST }, DESCRIBE_STEP,
                SETUP_STEP, PLAY_STEP };
        const struct scripted_step basic[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = "401 Unauthorized" BASIC } };
        struct scene s;

        (void)state;
        scene_init(&s, "rtsp://127.0.0.1/main", RTSP_LINK_INTERLEAVED, true);
        scene_connect(&s, digest, ARRAY_LEN(digest));
        UNTIL(&s, s.plays == 1);
        assert_int_equal(s.secure, 1);
        assert_int_equal(scripted_rtsp_count(&s.camera, "Authorization: Digest"), 3);
        assert_int_equal(scripted_rtsp_count(&s.camera, "Basic"), 0);
        scene_done(&s);

        scene_init(&s, "rtsp://127.0.0.1/main", RTSP_LINK_INTERLEAVED, true);
        scene_connect(&s, basic, ARRAY_LEN(basic));
        ASSERT_ENDS(&s, FAULT_BASIC_ONLY, "DESCRIBE: 401 Unauthorized: Camera offers Basic only");
        assert_int_equal(scripted_rtsp_count(&s.camera, "Authorization"), 0);
        scene_done(&s);
}

/* A session without TLS that nobody asked for is none. */
static void test_no_tls_is_not_plain(void **state)
{
        struct rtsp_client *c = NULL;
        struct scene s;
        struct err e;
        int fd[2];

        (void)state;
        scene_init(&s, "rtsps://127.0.0.1/main", RTSP_LINK_INTERLEAVED, false);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd), 0);
        assert_int_equal(
                rtsp_client_new(s.shared, fd[0], NULL, &s.options, &client_events, &s, &c, &e),
                ERR_INVALID);
        assert_null(c);
        assert_int_equal(read(fd[1], &e, 1), 0); /* closed */
        close(fd[1]);
        stream_shared_free(s.shared);
        loop_free(s.loop);
        scripted_pki_done(&s.pki);
}

/* ---- datagrams ---- */

/* A session over TCP on the loopback: whose datagrams count is told by the peer's address. */
static void connect_by_tcp(struct scene *s, const struct scripted_step *steps, unsigned n)
{
        struct sockaddr_in at = { .sin_family = AF_INET,
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t at_n = sizeof at;
        int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client, server;

        assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &at_n), 0);
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(client, (struct sockaddr *)&at, sizeof at), 0);
        server = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        close(listener);
        connect_fds(s, client, server, steps, n);
}

static void send_rtp(int fd, uint16_t port, uint16_t sequence)
{
        const struct sockaddr_in to = { .sin_family = AF_INET,
                .sin_port = htons(port),
                .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        struct buf b;

        buf_init(&b, 256);
        scripted_rtp(&b, 0, 96, true, sequence, sequence, 1, bytes_str("picture"));
        assert_int_equal(
                sendto(fd, b.p + 4, b.n - 4, 0, (const struct sockaddr *)&to, sizeof to), b.n - 4);
        buf_done(&b);
}

static int udp_from(const char *address)
{
        struct sockaddr_in at = { .sin_family = AF_INET };
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        inet_pton(AF_INET, address, &at.sin_addr);
        assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
        return fd;
}

static void test_datagrams(void **state)
{
        /* 3 is missing until the others have waited for it long enough; 5 comes twice */
        static const uint16_t order[] = { 0, 2, 1, 5, 4, 5, 7, 6 };
        const struct scripted_step steps[] = { OPTIONS_STEP, DESCRIBE_STEP, SETUP_STEP, SETUP_STEP,
                PLAY_STEP };
        struct scene s;

        (void)state;
        for (unsigned pace_ms = 0; pace_ms <= 10; pace_ms += 10) {
                int camera = udp_from("127.0.0.1"), stranger = udp_from("127.0.0.3");
                char text[64];

                scene_init(&s, "rtsp://127.0.0.1/main", RTSP_LINK_DATAGRAMS, true);
                s.want = 2;
                s.options.pace_ms = pace_ms;
                connect_by_tcp(&s, steps, ARRAY_LEN(steps));
                UNTIL(&s, s.plays == 1);
                assert_int_equal(s.pairs, 2);
                for (unsigned i = 0; i < 2; i++) {
                        snprintf(text, sizeof text,
                                "Transport: RTP/AVP;unicast;client_port=%u-%u\r\n", s.ports[i],
                                s.ports[i] + 1);
                        assert_int_equal(scripted_rtsp_count(&s.camera, text), 1);
                }
                for (size_t i = 0; i < ARRAY_LEN(order); i++) {
                        send_rtp(stranger, s.ports[0], (uint16_t)(order[i] + 20));
                        send_rtp(camera, s.ports[0], order[i]);
                }
                UNTIL(&s, s.packets[0] >= 7);
                scene_settle(&s, 250); /* what a stranger sent comes no later either */
                assert_int_equal(s.packets[0], 7);
                assert_int_equal(s.newest, 7);
                assert_int_equal(s.lost, 1);
                assert_int_equal(rtsp_client_counters(s.client).lost_packets, 1);
                assert_int_equal(s.packets[1], 0);
                assert_int_equal(s.ended, 0);
                scene_done(&s);
                close(camera);
                close(stranger);
        }
}

/* T-SPLIT: the control in TLS, the media beside it. */
static void test_no_media_outside_tls(void **state)
{
        static const char *const transports[] = { "RTP/AVP;unicast;client_port=5000-5001",
                "RTP/AVP/UDP;unicast;client_port=5000-5001;server_port=6000-6001",
                "RTP/AVP;multicast;destination=239.1.1.1;port=5000-5001",
                "RTP/AVP;unicast;source=10.0.0.1;client_port=5000-5001" };
        struct scene s;
        char status[256];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(transports); i++) {
                snprintf(status, sizeof status, "200 OK\r\nSession: 9\r\nTransport: %s",
                        transports[i]);
                const struct scripted_step steps[] = { OPTIONS_STEP, DESCRIBE_STEP,
                        { .method = "SETUP", .status = status }, PLAY_STEP };

                for (int tunnel = 0; tunnel < 2; tunnel++) {
                        scene_init(&s, tunnel ? "https://127.0.0.1/m" : "rtsps://127.0.0.1/m",
                                tunnel ? RTSP_LINK_TUNNEL : RTSP_LINK_INTERLEAVED, false);
                        scene_connect(&s, steps, ARRAY_LEN(steps));
                        ASSERT_ENDS(&s, FAULT_MEDIA_OUTSIDE_TLS, "SETUP of track 1: ");
                        assert_int_equal(scripted_rtsp_count(&s.camera, "PLAY"), 0);
                        scene_done(&s);
                }
        }
        /* and we do not ask for it */
        scene_init(&s, "rtsps://127.0.0.1/main", RTSP_LINK_DATAGRAMS, false);
        scene_connect(&s, session, ARRAY_LEN(session));
        ASSERT_ENDS(&s, FAULT_MEDIA_OUTSIDE_TLS, "SETUP of track 1: ");
        assert_int_equal(s.pairs, 0);
        assert_int_equal(scripted_rtsp_count(&s.camera, "SETUP"), 0);
        scene_done(&s);
}

/* ---- tracks ---- */

#define REFUSED_STEP                                                                               \
        {                                                                                          \
                .method = "SETUP", .status = "461 Unsupported transport"                           \
        }

static void test_a_refused_track_is_left_out(void **state)
{
        const struct scripted_step second[] = { OPTIONS_STEP, DESCRIBE_STEP, SETUP_STEP,
                REFUSED_STEP, PLAY_STEP };
        const struct scripted_step first[] = { OPTIONS_STEP, DESCRIBE_STEP, REFUSED_STEP,
                SETUP_STEP, PLAY_STEP };
        const struct scripted_step both[] = { OPTIONS_STEP, DESCRIBE_STEP, REFUSED_STEP,
                REFUSED_STEP };
        struct scene s;

        (void)state;
        for (unsigned i = 0; i < 2; i++) {
                scene_init(&s, "rtsps://127.0.0.1/main", RTSP_LINK_INTERLEAVED, false);
                s.want = 2;
                scene_connect(&s, i ? first : second, ARRAY_LEN(first));
                UNTIL(&s, s.plays == 1);
                assert_int_equal(s.left_out, i ? 1 : 2);
                assert_int_equal(s.why_left_out.fault, FAULT_SETUP_REFUSED);
                scene_done(&s);
        }
        scene_init(&s, "rtsps://127.0.0.1/main", RTSP_LINK_INTERLEAVED, false);
        s.want = 2;
        scene_connect(&s, both, ARRAY_LEN(both));
        ASSERT_ENDS(&s, FAULT_SETUP_REFUSED, "SETUP of track 2: 461");
        assert_int_equal(s.plays, 0);
        scene_done(&s);
        /* where the owner needs it */
        scene_init(&s, "rtsps://127.0.0.1/main", RTSP_LINK_INTERLEAVED, false);
        s.want = 2;
        s.refuse_left_out = true;
        scene_connect(&s, first, ARRAY_LEN(first));
        ASSERT_ENDS(&s, FAULT_NONE, "this one is needed");
        scene_done(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_tunnel),
                cmocka_unit_test(test_tunnel_password_by_http),
                cmocka_unit_test(test_tunnel_in_the_clear_gets_no_basic),
                cmocka_unit_test(test_tunnel_refused),
                cmocka_unit_test(test_tunnel_freed_when_asked),
                cmocka_unit_test(test_tunnel_of_two_keys),
                cmocka_unit_test(test_plain_digest_only),
                cmocka_unit_test(test_no_tls_is_not_plain),
                cmocka_unit_test(test_datagrams),
                cmocka_unit_test(test_no_media_outside_tls),
                cmocka_unit_test(test_a_refused_track_is_left_out),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
