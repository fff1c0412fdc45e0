/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The client against a camera that says what a script says, well and badly, over TLS. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "net/rtsp_client.h"
#include "scripted_rtsp.c"

#define SDP                                                                                        \
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=Camera\r\nc=IN IP4 0.0.0.0\r\nt=0 "                  \
        "0\r\na=control:*\r\n"                                                                     \
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:trackID=1\r\n"                \
        "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\na=control:trackID=2\r\n"
#define DESCRIBED                                                                                  \
        "200 OK\r\nContent-Type: application/sdp\r\nContent-Base: rtsps://127.0.0.1:8322/main/"
#define SET_UP(n, channels)                                                                        \
        "200 OK\r\nSession: 4711;timeout=60\r\nTransport: "                                        \
        "RTP/AVP/TCP;unicast;interleaved=" channels
#define PLAYS "200 OK\r\nSession: 4711\r\nRTP-Info: url=rtsps://127.0.0.1:8322/main/trackID=1;seq=1"
#define OPTIONS_STEP                                                                               \
        {                                                                                          \
                .method = "OPTIONS",                                                               \
                .status = "200 OK\r\nPublic: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"             \
        }
#define MD5_OFFER "WWW-Authenticate: Digest realm=\"cam\", nonce=\"abcdef\""
#define SHA_OFFER                                                                                  \
        "WWW-Authenticate: Digest realm=\"cam\", nonce=\"fedcba\", qop=\"auth\", "                 \
        "algorithm=SHA-256"
#define BASIC_OFFER "WWW-Authenticate: Basic realm=\"cam\""

struct scene {
        struct loop *loop;
        struct stream_shared *shared;
        struct scripted_pki pki;
        struct scripted_rtsp camera;
        struct rtsp_client *client;
        struct url url;
        struct secret password;
        struct digest_client auth;
        struct timer guard;
        struct rtsp_client_options options;
        unsigned want; /* how many tracks */
        bool with_user, late, free_on_packet, free_on_play, keep_going;
        unsigned secure, plays, packets[4], ended, lost;
        uint32_t last_timestamp;
        struct buf payloads, traced;
        struct err why;
        unsigned stop_at_packets;
};

static int on_secure(void *owner, const struct tls *tls, struct err *e)
{
        struct scene *s = owner;

        (void)e;
        assert_true(tls_chain_verified(tls));
        s->secure++;
        return 0;
}

static int on_describe(void *owner, const struct sdp *sdp,
        unsigned wanted[static RTSP_CLIENT_TRACKS_MAX], struct err *e)
{
        struct scene *s = owner;

        if (sdp->media_n < s->want)
                return err_set(e, ERR_NOT_FOUND, "%u media", sdp->media_n);
        for (unsigned i = 0; i < s->want; i++)
                wanted[i] = i;
        return (int)s->want;
}

static int on_play(void *owner, struct err *e)
{
        struct scene *s = owner;

        (void)e;
        s->plays++;
        if (s->free_on_play) {
                s->client = rtsp_client_free(s->client);
                loop_stop(s->loop);
        }
        return 0;
}

static int on_packet(void *owner, unsigned track, const struct rtp_packet *p,
        const struct rtp_arrival *a, int64_t arrival_us, struct err *e)
{
        struct scene *s = owner;

        assert_int_equal(s->plays, 1);
        assert_true(arrival_us > clock_wall_us() - 5000000 && arrival_us <= clock_wall_us());
        s->packets[track]++;
        s->lost += a->lost_packets;
        s->last_timestamp = p->timestamp;
        assert_int_equal(buf_append(&s->payloads, p->payload, e), 0);
        if (s->free_on_packet)
                s->client = rtsp_client_free(s->client);
        if (s->free_on_packet || s->packets[0] + s->packets[1] == s->stop_at_packets)
                loop_stop(s->loop);
        return 0;
}

static void on_end(void *owner, const struct err *why)
{
        struct scene *s = owner;

        s->ended++;
        s->why = *why;
        if (!s->keep_going)
                loop_stop(s->loop);
}

/* "SECURE TLS|REQUEST DESCRIBE Authorization=Digest|ANSWER DESCRIBE 401|..." */
static void on_trace(void *owner, const struct rtsp_client_trace *t)
{
        static const char *const said[] = { "SECURE", "REQUEST", "ANSWER", "ASKED" };
        struct scene *s = owner;

        assert_int_equal(buf_printf(&s->traced, NULL, "%s %.*s ", said[t->kind], (int)t->method.n,
                                 (const char *)t->method.p),
                0);
        if (t->kind == RTSP_CLIENT_TRACE_ANSWER)
                assert_int_equal(buf_printf(&s->traced, NULL, "%u", t->status), 0);
        for (unsigned i = 0; i < t->headers_n; i++)
                if (bytes_equal(t->headers[i].name, bytes_str("Authorization")))
                        assert_int_equal(buf_printf(&s->traced, NULL, " auth=%.*s",
                                                 (int)t->headers[i].value.n,
                                                 (const char *)t->headers[i].value.p),
                                0);
        if (t->body.n)
                assert_int_equal(buf_printf(&s->traced, NULL, " body=%zu", t->body.n), 0);
        assert_int_equal(buf_append(&s->traced, bytes_str("|"), NULL), 0);
}

static const struct rtsp_client_events client_events = { .on_secure = on_secure,
        .on_describe = on_describe,
        .on_play = on_play,
        .on_packet = on_packet,
        .on_end = on_end,
        .on_trace = on_trace };

static void on_guard(void *owner)
{
        struct scene *s = owner;

        s->late = true;
        loop_stop(s->loop);
}

static void on_script_end(void *owner)
{
        struct scene *s = owner;

        if (!s->keep_going)
                loop_stop(s->loop);
}

static void scene_init(struct scene *s)
{
        struct err e;

        memset(s, 0, sizeof *s);
        s->loop = loop_new();
        s->shared = stream_shared_new(s->loop);
        scripted_pki_init(&s->pki, SCRIPTED_GOOD);
        assert_int_equal(url_parse("rtsps://127.0.0.1:8322/main", &s->url, &e), 0);
        assert_int_equal(secret_set(&s->password, bytes_str("open sesame"), &e), 0);
        digest_client_init(&s->auth, true);
        buf_init(&s->payloads, 1 << 20);
        buf_init(&s->traced, 1 << 20);
        s->want = 1;
        s->options = (struct rtsp_client_options){ .step_ms = 2000 };
}

static void scene_connect(
        struct scene *s, const struct scripted_step *steps, unsigned n, unsigned piece_bytes)
{
        struct tls *t;
        struct err e = { 0 };
        int fd[2];

        s->options.url = &s->url;
        s->options.auth = &s->auth;
        s->options.user = s->with_user ? "viewer" : NULL;
        s->options.password = &s->password;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
        scripted_rtsp_init(&s->camera, s->loop, &s->pki, fd[1], steps, n, piece_bytes);
        s->camera.on_finished = on_script_end;
        s->camera.owner = s;
        assert_int_equal(
                tls_client_new(s->pki.client, s->url.host, NULL, clock_wall_us(), &t, &e), 0);
        assert_int_equal(rtsp_client_new(s->shared, fd[0], t, &s->options, &client_events, s,
                                 &s->client, &e),
                0);
        timer_start(&s->guard, s->loop, 5000, 0, on_guard, s);
}

static void scene_run(struct scene *s)
{
        loop_run(s->loop);
        if (s->late)
                fail_msg("nothing came for 5 s; requests so far:\n%.*s", (int)s->camera.requests.n,
                        (const char *)s->camera.requests.p);
}

static void on_settled(void *owner)
{
        loop_stop(owner);
}

/* What is under way arrives. */
static void scene_settle(struct scene *s, unsigned ms)
{
        struct timer t = { 0 };

        timer_start(&t, s->loop, ms, 0, on_settled, s->loop);
        scene_run(s);
        timer_done(&t);
}

/* Waits for what comes for certain, however busy the machine is. */
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
        buf_done(&s->payloads);
        buf_done(&s->traced);
        stream_shared_free(s->shared);
        loop_free(s->loop);
        scripted_pki_done(&s->pki);
}

#define RUN(s, steps) (scene_connect(s, steps, ARRAY_LEN(steps), 0), scene_run(s))
/* Until the session ended. */
#define RUN_TO_END(s, steps)                                                                       \
        do {                                                                                       \
                scene_connect(s, steps, ARRAY_LEN(steps), 0);                                      \
                (s)->camera.on_finished = NULL;                                                    \
                scene_run(s);                                                                      \
                assert_int_equal((s)->ended, 1);                                                   \
        } while (0)
#define ASSERT_SAYS(s, part)                                                                       \
        do {                                                                                       \
                if (!strstr((s)->why.text, part))                                                  \
                        fail_msg("expected \"%s\" in \"%s\"", part, (s)->why.text);                \
        } while (0)

static struct bytes packets(struct buf *b, unsigned from, unsigned n, uint8_t channel)
{
        for (unsigned i = from; i < from + n; i++) {
                char text[16];

                snprintf(text, sizeof text, "packet %03u;", i);
                scripted_rtp(b, channel, channel < 2 ? 96 : 97, true, (uint16_t)(65530 + i),
                        3600 * i, 0x1234, bytes_str(text));
        }
        return buf_bytes(b);
}

/* The whole session, the camera's answers in pieces of one byte (each a TLS record), and of three
 * and all at once. */
static void test_session_in_pieces(void **state)
{
        static const unsigned pieces[] = { 1, 3, 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
                struct scene s;
                struct buf b;

                buf_init(&b, 65536);
                packets(&b, 0, 10, 0);
                packets(&b, 0, 10, 2);
                const struct scripted_step steps[] = { OPTIONS_STEP,
                        { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                        { .method = "SETUP", .status = SET_UP(1, "0-1") },
                        { .method = "SETUP", .status = SET_UP(2, "2-3") },
                        { .method = "PLAY", .status = PLAYS, .after = buf_bytes(&b) } };

                scene_init(&s);
                s.want = 2;
                s.stop_at_packets = 20;
                s.keep_going = true;
                scene_connect(&s, steps, ARRAY_LEN(steps), pieces[i]);
                scene_run(&s);
                assert_int_equal(s.packets[0], 10);
                assert_int_equal(s.packets[1], 10);
                assert_int_equal(s.payloads.n, 20 * 11);
                assert_memory_equal(s.payloads.p, "packet 000;packet 001;", 22);
                assert_int_equal(scripted_rtsp_count(&s.camera,
                                         "SETUP rtsps://127.0.0.1:8322/main/trackID=1 RTSP/1.0"),
                        1);
                assert_int_equal(scripted_rtsp_count(&s.camera,
                                         "SETUP rtsps://127.0.0.1:8322/main/trackID=2 RTSP/1.0"),
                        1);
                assert_int_equal(scripted_rtsp_count(&s.camera, "interleaved=0-1"), 1);
                assert_int_equal(scripted_rtsp_count(&s.camera, "interleaved=2-3"), 1);
                assert_int_equal(scripted_rtsp_count(
                                         &s.camera, "PLAY rtsps://127.0.0.1:8322/main/ RTSP/1.0"),
                        1);
                assert_int_equal(scripted_rtsp_count(&s.camera, "Session: 4711\r\n"), 2);
                assert_int_equal(scripted_rtsp_count(&s.camera, "Authorization"), 0);
                assert_int_equal(rtsp_client_counters(s.client).packets, 20);

                s.client = rtsp_client_free(s.client);
                UNTIL(&s, scripted_rtsp_count(&s.camera, "TEARDOWN") > 0);
                assert_int_equal(scripted_rtsp_count(&s.camera,
                                         "TEARDOWN rtsps://127.0.0.1:8322/main/ RTSP/1.0"),
                        1);
                buf_done(&b);
                scene_done(&s);
        }
}

static void test_channels_as_the_camera_likes(void **state)
{
        struct scene s;
        struct buf b;

        (void)state;
        buf_init(&b, 65536);
        packets(&b, 0, 3, 0); /* nobody's */
        packets(&b, 0, 4, 10);
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                { .method = "SETUP", .status = SET_UP(1, "10-11") },
                { .method = "PLAY", .status = PLAYS, .after = buf_bytes(&b) } };

        scene_init(&s);
        s.keep_going = true;
        scene_connect(&s, steps, ARRAY_LEN(steps), 0);
        UNTIL(&s, s.plays == 1 && rtsp_client_counters(s.client).packets == 4);
        /* payload type 97 on a track of 96 is not this track's */
        assert_int_equal(s.packets[0], 0);
        assert_int_equal(rtsp_client_counters(s.client).stray_frames, 3);
        buf_clear(&b);
        for (unsigned i = 0; i < 4; i++)
                scripted_rtp(&b, 10, 96, true, (uint16_t)(65534 + i), i, 0x1234, bytes_str("x"));
        scripted_rtsp_send(&s.camera, buf_bytes(&b));
        UNTIL(&s, s.packets[0] == 4);
        buf_done(&b);
        scene_done(&s);
}

static void test_same_channel_twice_is_refused(void **state)
{
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                { .method = "SETUP", .status = SET_UP(1, "0-1") },
                { .method = "SETUP", .status = SET_UP(2, "1-2") } };
        struct scene s;

        (void)state;
        scene_init(&s);
        s.want = 2;
        RUN_TO_END(&s, steps);
        ASSERT_SAYS(&s, "SETUP of track 2: ");
        assert_int_equal(s.why.code, ERR_PROTOCOL);
        scene_done(&s);
}

/* Media outside of the TLS connection would be media in the clear. */
static void test_udp_is_refused(void **state)
{
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                { .method = "SETUP",
                        .status = "200 OK\r\nSession: 1\r\nTransport: "
                                  "RTP/AVP;unicast;client_port=5000-5001" } };
        struct scene s;

        (void)state;
        scene_init(&s);
        RUN_TO_END(&s, steps);
        assert_int_equal(s.why.code, ERR_DENIED);
        scene_done(&s);
}

static void test_garbage_between_packets(void **state)
{
        struct scene s;
        struct buf b;
        uint8_t garbage[300];

        (void)state;
        memset(garbage, 0xA7, sizeof garbage);
        buf_init(&b, 65536);
        packets(&b, 0, 5, 0);
        assert_int_equal(buf_append(&b, BYTES(garbage, sizeof garbage), NULL), 0);
        packets(&b, 5, 5, 0);
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                { .method = "SETUP", .status = SET_UP(1, "0-1") },
                { .method = "PLAY", .status = PLAYS, .after = buf_bytes(&b) } };

        scene_init(&s);
        s.keep_going = true;
        s.stop_at_packets = 10;
        RUN(&s, steps);
        assert_int_equal(s.packets[0], 10);
        assert_int_equal(s.lost, 0);
        assert_int_equal(rtsp_client_counters(s.client).skipped_bytes, sizeof garbage);
        buf_done(&b);
        scene_done(&s);
}

/* The first picture overtakes the answer to PLAY: it counts, it may be the key frame. */
static void test_packets_before_the_answer(void **state)
{
        struct scene s;
        struct buf b;

        (void)state;
        buf_init(&b, 65536);
        packets(&b, 0, 3, 0);
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                { .method = "SETUP", .status = SET_UP(1, "0-1") },
                { .method = "PLAY", .status = NULL, .after = buf_bytes(&b) },
                { .status = PLAYS, .after = buf_bytes(&b) } };

        scene_init(&s);
        s.keep_going = true;
        s.stop_at_packets = 3;
        RUN(&s, steps);
        scene_settle(&s, 50);
        assert_int_equal(s.plays, 1);
        assert_int_equal(s.packets[0], 3); /* the same again are duplicates */
        assert_int_equal(s.ended, 0);
        buf_done(&b);
        scene_done(&s);
}

/* ---- who are you ---- */

static void test_strongest_challenge(void **state)
{
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE",
                        .status = "401 Unauthorized\r\n" BASIC_OFFER "\r\n" MD5_OFFER
                                  "\r\n" SHA_OFFER },
                { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                { .method = "SETUP", .status = SET_UP(1, "0-1") },
                { .method = "PLAY", .status = PLAYS } };
        struct scene s;

        (void)state;
        scene_init(&s);
        s.with_user = true;
        RUN(&s, steps);
        assert_int_equal(scripted_rtsp_count(&s.camera, "Authorization: Digest "), 3);
        assert_int_equal(scripted_rtsp_count(&s.camera, "algorithm=SHA-256"), 3);
        assert_int_equal(scripted_rtsp_count(&s.camera, "nonce=\"fedcba\""), 3);
        assert_int_equal(scripted_rtsp_count(&s.camera, "abcdef"), 0);
        assert_int_equal(scripted_rtsp_count(&s.camera, "Basic"), 0);
        assert_int_equal(scripted_rtsp_count(&s.camera, "sesame"), 0);
        /* and what an observer is told of it */
        assert_int_equal(buf_append(&s.traced, BYTES("", 1), NULL), 0);
        if (!strstr((char *)s.traced.p,
                    "SECURE  |REQUEST OPTIONS |ANSWER OPTIONS 200|REQUEST DESCRIBE |"
                    "ANSWER DESCRIBE 401|REQUEST DESCRIBE  auth=Digest|ANSWER DESCRIBE 200 body="))
                fail_msg("traced: %s", (char *)s.traced.p);
        scene_done(&s);
}

static void test_no_step_down(void **state)
{
        static const char *const later[] = { "401 Unauthorized\r\n" BASIC_OFFER,
                "401 Unauthorized\r\n" MD5_OFFER };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(later); i++) {
                const struct scripted_step first[] = { OPTIONS_STEP,
                        { .method = "DESCRIBE", .status = "401 Unauthorized\r\n" SHA_OFFER },
                        { .method = "DESCRIBE", .status = later[i] } };
                const struct scripted_step second[] = { OPTIONS_STEP,
                        { .method = "DESCRIBE", .status = later[i] } };
                struct scene s;

                scene_init(&s);
                s.with_user = true;
                RUN_TO_END(&s, first);
                ASSERT_SAYS(&s, "DESCRIBE: 401");
                assert_int_equal(scripted_rtsp_count(&s.camera, "Authorization: Basic"), 0);
                assert_int_equal(scripted_rtsp_count(&s.camera, "abcdef"), 0);

                /* The next connection remembers. */
                s.client = rtsp_client_free(s.client);
                scripted_rtsp_done(&s.camera);
                s.ended = 0;
                RUN_TO_END(&s, second);
                assert_int_equal(s.why.code, ERR_DENIED);
                assert_int_equal(scripted_rtsp_count(&s.camera, "Authorization"), 0);
                scene_done(&s);
        }
}

/* The link is verified TLS, so a camera that knows nothing better gets it; where the owner forbids
 * it, not. */
static void test_basic_alone(void **state)
{
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = "401 Unauthorized\r\n" BASIC_OFFER },
                { .method = "DESCRIBE", .status = "404 Not Found" } };
        struct scene s;

        (void)state;
        scene_init(&s);
        s.with_user = true;
        RUN_TO_END(&s, steps);
        /* viewer:open sesame, by the base64 tool */
        assert_int_equal(
                scripted_rtsp_count(&s.camera, "Authorization: Basic dmlld2VyOm9wZW4gc2VzYW1l\r\n"),
                1);
        assert_string_equal(s.why.text, "DESCRIBE: 404 Not Found");
        assert_int_equal(s.why.code, ERR_NOT_FOUND);
        scene_done(&s);

        scene_init(&s);
        s.with_user = true;
        digest_client_init(&s.auth, false);
        RUN_TO_END(&s, steps);
        assert_int_equal(scripted_rtsp_count(&s.camera, "Authorization"), 0);
        assert_int_equal(s.why.code, ERR_DENIED);
        scene_done(&s);
}

static void test_wrong_password_and_endless_challenges(void **state)
{
        const struct scripted_step wrong[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = "401 Unauthorized\r\n" SHA_OFFER },
                { .method = "DESCRIBE", .status = "401 Unauthorized\r\n" SHA_OFFER } };
        /* Always stale: a camera that gathers answers. */
        const struct scripted_step stale = { .method = "DESCRIBE",
                .status = "401 Unauthorized\r\n" SHA_OFFER ", stale=true" };
        const struct scripted_step endless[] = { OPTIONS_STEP, stale, stale, stale, stale, stale,
                stale, stale, stale };
        struct scene s;

        (void)state;
        scene_init(&s);
        s.with_user = true;
        RUN_TO_END(&s, wrong);
        assert_int_equal(s.why.code, ERR_AUTH);
        assert_int_equal(scripted_rtsp_count(&s.camera, "Authorization"), 1);
        assert_null(strstr(s.why.text, "sesame"));
        scene_done(&s);

        scene_init(&s);
        s.with_user = true;
        RUN_TO_END(&s, endless);
        assert_int_equal(s.why.code, ERR_AUTH);
        assert_int_equal(scripted_rtsp_count(&s.camera, "Authorization"), RTSP_CLIENT_AUTH_MAX);
        scene_done(&s);

        scene_init(&s);
        RUN_TO_END(&s, wrong);
        ASSERT_SAYS(&s, "none is set");
        scene_done(&s);
}

/* ---- where to ---- */

static void test_redirects_are_refused(void **state)
{
        const struct scripted_step moved[] = { OPTIONS_STEP,
                { .method = "DESCRIBE",
                        .status = "302 Moved\r\nLocation: rtsp://10.0.0.1/\x01secret" } };
        const struct scripted_step asked[] = { OPTIONS_STEP,
                { .method = "DESCRIBE",
                        .status = NULL,
                        .after = { (const uint8_t *)"REDIRECT * RTSP/1.0\r\nCSeq: 9\r\nLocation: "
                                                    "rtsp://10.0.0.1/\r\n\r\n",
                                61 } } };
        struct scene s;

        (void)state;
        scene_init(&s);
        RUN_TO_END(&s, moved);
        ASSERT_SAYS(&s, "DESCRIBE: 302 Moved: the camera redirects to rtsp://10.0.0.1/");
        assert_int_equal(s.why.code, ERR_DENIED);
        assert_null(strchr(s.why.text, 1));
        scene_done(&s);

        scene_init(&s);
        RUN_TO_END(&s, asked);
        ASSERT_SAYS(&s, "REDIRECT");
        scene_done(&s);
}

/* T-SSRF: a description may not make us name another place, be it in Content-Base or in a control
 * line. */
static void test_description_cannot_send_us_elsewhere(void **state)
{
        static const struct {
                const char *status, *control;
                const char *says; /* NULL: goes on, to: */
                const char *setup;
        } cases[] = {
                { "200 OK\r\nContent-Base: rtsps://10.1.2.3:8322/main/", "trackID=1",
                        "another host", NULL },
                { "200 OK", "rtsps://10.1.2.3:8322/main/1", "another host", NULL },
                { "200 OK", "rtsps://127.0.0.1:22/main/1", "another port", NULL },
                /* not an RTSP address, so a name below our own */
                { "200 OK\r\nContent-Base: http://10.1.2.3/", "http://10.1.2.3/admin", NULL,
                        "rtsps://127.0.0.1:8322/main/http://10.1.2.3/admin" },
                { "200 OK\r\nContent-Base: rtsp://127.0.0.1/main/", "trackID=1", NULL,
                        "rtsps://127.0.0.1:8322/main/trackID=1" },
                { "200 OK", "/other/1", NULL, "rtsps://127.0.0.1:8322/other/1" },
                { "200 OK", "rtsp://127.0.0.1:8322/abs/1", NULL, "rtsps://127.0.0.1:8322/abs/1" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char sdp[512], line[256];
                struct scene s;

                snprintf(sdp, sizeof sdp,
                        "v=0\r\ns=x\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 "
                        "H264/90000\r\na=control:%s\r\n",
                        cases[i].control);
                const struct scripted_step steps[] = { OPTIONS_STEP,
                        { .method = "DESCRIBE", .status = cases[i].status, .body = sdp },
                        { .method = "SETUP", .status = "454 Stop Here" } };

                scene_init(&s);
                RUN_TO_END(&s, steps);
                if (cases[i].says) {
                        ASSERT_SAYS(&s, cases[i].says);
                        assert_int_equal(s.why.code, ERR_DENIED);
                        assert_int_equal(scripted_rtsp_count(&s.camera, "SETUP"), 0);
                } else {
                        snprintf(line, sizeof line, "SETUP %s RTSP/1.0\r\n", cases[i].setup);
                        ASSERT_SAYS(&s, "SETUP of track 1: 454 Stop Here");
                        assert_int_equal(scripted_rtsp_count(&s.camera, line), 1);
                }
                scene_done(&s);
        }
}

/* ---- when it goes wrong ---- */

static void test_steps_have_limits(void **state)
{
        const struct scripted_step slow[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP, .wait_ms = 4000 } };
        const struct scripted_step cut[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = NULL, .close = true } };
        const struct scripted_step noise[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = "200 OK", .body = "<html>hello</html>" } };
        struct scene s;

        (void)state;
        scene_init(&s);
        s.options.step_ms = 100;
        RUN_TO_END(&s, slow);
        assert_int_equal(s.why.code, ERR_TIMEOUT);
        assert_string_equal(s.why.text, "DESCRIBE: no answer within 100 ms");
        scene_done(&s);

        scene_init(&s);
        RUN_TO_END(&s, cut);
        ASSERT_SAYS(&s, "DESCRIBE: the other side closed the connection");
        scene_done(&s);

        scene_init(&s);
        RUN_TO_END(&s, noise);
        ASSERT_SAYS(&s, "DESCRIBE: ");
        assert_int_equal(s.why.code, ERR_PROTOCOL);
        scene_done(&s);
}

/* A camera without OPTIONS still plays. */
static void test_options_may_fail(void **state)
{
        const struct scripted_step steps[] = { { .method = "OPTIONS",
                                                       .status = "501 Not Implemented" },
                { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                { .method = "SETUP", .status = SET_UP(1, "0-1") },
                { .method = "PLAY", .status = PLAYS } };
        struct scene s;

        (void)state;
        scene_init(&s);
        s.keep_going = true;
        scene_connect(&s, steps, ARRAY_LEN(steps), 0);
        UNTIL(&s, s.plays == 1);
        scene_done(&s);
}

/* ---- staying ---- */

static void test_keep_alive(void **state)
{
        static const struct {
                const char *options, *first, *second;
                const char *first_answer;
        } cases[] = {
                { "200 OK\r\nPublic: OPTIONS, DESCRIBE, GET_PARAMETER", "GET_PARAMETER",
                        "GET_PARAMETER", "200 OK" },
                { "200 OK\r\nPublic: OPTIONS, DESCRIBE, GET_PARAMETER", "GET_PARAMETER", "OPTIONS",
                        "501 Not Implemented" },
                { "200 OK\r\nPublic: OPTIONS, DESCRIBE", "OPTIONS", "OPTIONS", "200 OK" },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                const struct scripted_step steps[] = { { .method = "OPTIONS",
                                                               .status = cases[i].options },
                        { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                        { .method = "SETUP", .status = SET_UP(1, "0-1") },
                        { .method = "PLAY", .status = PLAYS },
                        { .method = cases[i].first, .status = cases[i].first_answer },
                        { .method = cases[i].second, .status = "454 Session Not Found" } };
                struct scene s;

                scene_init(&s);
                s.options.keepalive_ms = 60;
                RUN_TO_END(&s, steps);
                ASSERT_SAYS(&s, "454");
                assert_int_equal(s.camera.at, ARRAY_LEN(steps));
                scene_done(&s);
        }
}

/* Without being told otherwise: half of the camera's session timeout. */
static void test_keep_alive_by_session_timeout(void **state)
{
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                { .method = "SETUP",
                        .status = "200 OK\r\nSession: 4711;timeout=2\r\nTransport: "
                                  "RTP/AVP/TCP;interleaved=0-1" },
                { .method = "PLAY", .status = PLAYS },
                { .method = "OPTIONS", .status = "200 OK" } };
        struct scene s;

        (void)state;
        scene_init(&s);
        s.keep_going = true;
        scene_connect(&s, steps, ARRAY_LEN(steps), 0);
        UNTIL(&s, s.plays == 1);
        int64_t played_us = clock_boot_us();

        UNTIL(&s, s.camera.at == 5);
        assert_in_range(clock_boot_us() - played_us, 600000, 1900000);
        assert_int_equal(s.ended, 0);
        scene_done(&s);
}

static uint32_t be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* RFC 3550 section 6.4.2, read here by hand. */
static void test_reports_both_ways(void **state)
{
        struct scene s;
        struct buf b;
        const uint64_t ntp = (uint64_t)(2208988800u + 1763827200u) << 32 |
                             0x80000000u; /* 2025-11-22T16:00:00.5Z */

        (void)state;
        buf_init(&b, 65536);
        scripted_rtp(&b, 0, 96, true, 100, 1000, 0xCAFE, bytes_str("a"));
        scripted_rtp(&b, 0, 96, true, 103, 4000, 0xCAFE, bytes_str("b")); /* two lost */
        scripted_sender_report(&b, 1, 0xCAFE, ntp, 4000);
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                { .method = "SETUP", .status = SET_UP(1, "0-1") },
                { .method = "PLAY", .status = PLAYS, .after = buf_bytes(&b) } };

        scene_init(&s);
        s.options.report_ms = 60;
        s.keep_going = true;
        scene_connect(&s, steps, ARRAY_LEN(steps), 0);
        UNTIL(&s, s.packets[0] == 2 && s.camera.frames >= 2);
        assert_int_equal(s.lost, 2);
        const struct rtcp_clock *c = rtsp_client_clock(s.client, 0);

        assert_true(c->known);
        assert_true(rtcp_clock_wall_us(c, 4000 + 45000, 90000) == INT64_C(1763827201000000));
        assert_int_equal(s.camera.frame_channel, 1);
        const uint8_t *f = s.camera.frame;

        assert_int_equal(f[0], 0x81); /* version 2, one block */
        assert_int_equal(f[1], 201);
        assert_int_equal(be32(f + 8), 0xCAFE);
        assert_int_equal(be32(f + 12) & 0xFFFFFF, 2); /* lost in all */
        assert_int_equal(be32(f + 16), 103);          /* highest sequence number */
        assert_int_equal(be32(f + 24), (uint32_t)(ntp >> 16));
        buf_done(&b);
        scene_done(&s);
}

static void test_goodbye(void **state)
{
        static const uint8_t bye[] = { '$', 1, 0, 8, 0x81, 203, 0, 1, 0, 0, 0xCA, 0xFE };
        struct scene s;
        struct buf b;

        (void)state;
        buf_init(&b, 65536);
        scripted_rtp(&b, 0, 96, true, 100, 1000, 0xCAFE, bytes_str("a"));
        assert_int_equal(buf_append(&b, BYTES(bye, sizeof bye), NULL), 0);
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                { .method = "SETUP", .status = SET_UP(1, "0-1") },
                { .method = "PLAY", .status = PLAYS, .after = buf_bytes(&b) } };

        scene_init(&s);
        RUN_TO_END(&s, steps);
        ASSERT_SAYS(&s, "BYE");
        assert_int_equal(s.packets[0], 1);
        buf_done(&b);
        scene_done(&s);
}

static void test_camera_asks_too(void **state)
{
        static const char ask[] =
                "OPTIONS * RTSP/1.0\r\nCSeq: 77\r\n\r\nSHUTDOWN * RTSP/1.0\r\nCSeq: 78\r\n\r\n";
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE",
                        .status = NULL,
                        .after = { (const uint8_t *)ask, sizeof ask - 1 } },
                { .status = DESCRIBED, .body = SDP, .wait_ms = 50 },
                { .method = "SETUP", .status = SET_UP(1, "0-1") },
                { .method = "PLAY", .status = PLAYS } };
        struct scene s;

        (void)state;
        scene_init(&s);
        s.keep_going = true;
        scene_connect(&s, steps, ARRAY_LEN(steps), 0);
        UNTIL(&s, s.plays == 1);
        assert_int_equal(scripted_rtsp_count(&s.camera, "RTSP/1.0 200 OK\r\nCSeq: 77\r\n"), 1);
        assert_int_equal(
                scripted_rtsp_count(&s.camera, "RTSP/1.0 501 Not Implemented\r\nCSeq: 78\r\n"), 1);
        scene_done(&s);
}

static void test_free_in_callbacks(void **state)
{
        struct scene s;
        struct buf b;

        (void)state;
        buf_init(&b, 65536);
        packets(&b, 0, 5, 0);
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = SDP },
                { .method = "SETUP", .status = SET_UP(1, "0-1") },
                { .method = "PLAY", .status = PLAYS, .after = buf_bytes(&b) } };

        for (int i = 0; i < 2; i++) {
                scene_init(&s);
                s.keep_going = true;
                s.free_on_play = i == 0;
                s.free_on_packet = i == 1;
                RUN(&s, steps);
                UNTIL(&s, scripted_rtsp_count(&s.camera, "TEARDOWN") > 0);
                assert_int_equal(s.packets[0], i == 0 ? 0 : 1);
                assert_int_equal(s.ended, 0);
                assert_int_equal(scripted_rtsp_count(&s.camera, "TEARDOWN"), 1);
                scene_done(&s);
        }
        buf_done(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_session_in_pieces),
                cmocka_unit_test(test_channels_as_the_camera_likes),
                cmocka_unit_test(test_same_channel_twice_is_refused),
                cmocka_unit_test(test_udp_is_refused),
                cmocka_unit_test(test_garbage_between_packets),
                cmocka_unit_test(test_packets_before_the_answer),
                cmocka_unit_test(test_strongest_challenge),
                cmocka_unit_test(test_no_step_down),
                cmocka_unit_test(test_basic_alone),
                cmocka_unit_test(test_wrong_password_and_endless_challenges),
                cmocka_unit_test(test_redirects_are_refused),
                cmocka_unit_test(test_description_cannot_send_us_elsewhere),
                cmocka_unit_test(test_steps_have_limits),
                cmocka_unit_test(test_options_may_fail),
                cmocka_unit_test(test_keep_alive),
                cmocka_unit_test(test_keep_alive_by_session_timeout),
                cmocka_unit_test(test_reports_both_ways),
                cmocka_unit_test(test_goodbye),
                cmocka_unit_test(test_camera_asks_too),
                cmocka_unit_test(test_free_in_callbacks),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
