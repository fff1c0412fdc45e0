/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SRTP in a session with a scripted camera: keys from each place where a description may have them,
 * and of our own; what does not authenticate is dropped and counted; no key is taken, sent or shown
 * where it should not be.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/str.h"
#include "net/rtsp_client.h"
#include "net/rtsp_srtp.h"
#include "os/sandbox.h"
#include "proto/key_mgmt.h"
#include "proto/sdp_crypto.h"
#include "scripted_rtsp.c"

#define HEAD "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=Camera\r\nt=0 0\r\na=control:*\r\n"
#define VIDEO(profile) "m=video 0 " profile " 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n"
#define DESCRIBED "200 OK\r\nContent-Type: application/sdp"
#define OPTIONS_STEP                                                                               \
        {                                                                                          \
                .method = "OPTIONS", .status = "200 OK\r\nPublic: OPTIONS"                         \
        }
#define SET_UP(profile)                                                                            \
        "200 OK\r\nSession: 4711\r\nTransport: " profile "/TCP;unicast;interleaved=0-1"
#define SSRC 0x1234u

struct scene {
        struct loop *loop;
        struct stream_shared *shared;
        struct scripted_pki pki;
        struct scripted_rtsp camera;
        struct rtsp_client *client;
        struct url url;
        struct digest_client auth;
        struct timer guard;
        struct rtsp_client_options options;
        unsigned packets, ended, wanted_sockets;
        bool late;
        struct buf payloads, traced;
        struct err why;
        /* the camera's side */
        struct srtp_key key;
        struct srtp_session *sender;
        struct buf description, frames;
};

static int on_secure(void *owner, const struct tls *tls, struct err *e)
{
        (void)owner;
        (void)e;
        assert_true(tls_chain_verified(tls));
        return 0;
}

static int on_describe(void *owner, const struct sdp *sdp,
        unsigned wanted[static RTSP_CLIENT_TRACKS_MAX], struct err *e)
{
        (void)owner;
        (void)e;
        for (unsigned i = 0; i < sdp->media_n; i++)
                wanted[i] = i;
        return (int)sdp->media_n;
}

static int on_play(void *owner, struct err *e)
{
        (void)owner;
        (void)e;
        return 0;
}

static int on_packet(void *owner, unsigned track, const struct rtp_packet *p,
        const struct rtp_arrival *a, int64_t arrival_us, struct err *e)
{
        struct scene *s = owner;

        (void)track;
        (void)a;
        (void)arrival_us;
        s->packets++;
        return buf_append(&s->payloads, p->payload, e);
}

static void on_end(void *owner, const struct err *why)
{
        struct scene *s = owner;

        s->ended++;
        s->why = *why;
        loop_stop(s->loop);
}

static void need_socket(void *owner, enum rtsp_client_socket kind)
{
        struct scene *s = owner;

        assert_int_equal(kind, RTSP_CLIENT_DATAGRAMS);
        s->wanted_sockets++;
        loop_stop(s->loop);
}

static void on_trace(void *owner, const struct rtsp_client_trace *t)
{
        struct scene *s = owner;

        for (unsigned i = 0; i < t->headers_n; i++)
                assert_int_equal(
                        buf_printf(&s->traced, NULL, "%.*s: %.*s\n", (int)t->headers[i].name.n,
                                t->headers[i].name.p, (int)t->headers[i].value.n,
                                t->headers[i].value.n ? (const char *)t->headers[i].value.p : ""),
                        0);
        assert_int_equal(buf_append(&s->traced, t->body, NULL), 0);
}

static const struct rtsp_client_events client_events = { .on_secure = on_secure,
        .on_describe = on_describe,
        .on_play = on_play,
        .on_packet = on_packet,
        .need_socket = need_socket,
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

        loop_stop(s->loop);
}

static void scene_init(struct scene *s, enum srtp_suite suite, const char *mki)
{
        const struct srtp_session_options o = {
                .keys = &s->key, .keys_n = 1, .has_ssrc = true, .ssrc = SSRC
        };
        struct err e;

        memset(s, 0, sizeof *s);
        s->loop = loop_new();
        s->shared = stream_shared_new(s->loop);
        scripted_pki_init(&s->pki, SCRIPTED_GOOD);
        assert_int_equal(url_parse("rtsps://127.0.0.1:8322/main", &s->url, &e), 0);
        digest_client_init(&s->auth, true);
        buf_init(&s->payloads, 1 << 16);
        buf_init(&s->traced, 1 << 16);
        buf_init(&s->description, 1 << 16);
        buf_init(&s->frames, 1 << 16);
        srtp_suite_draw_key(suite, &s->key);
        s->key.mki_n = strlen(mki);
        memcpy(s->key.mki, mki, s->key.mki_n);
        assert_int_equal(srtp_session_new_sender(&o, &s->sender, &e), 0);
}

static void scene_done(struct scene *s)
{
        timer_done(&s->guard);
        rtsp_client_free(s->client);
        scripted_rtsp_done(&s->camera);
        srtp_session_free(s->sender);
        buf_done(&s->payloads);
        buf_done(&s->traced);
        buf_done(&s->description);
        buf_done(&s->frames);
        stream_shared_free(s->shared);
        loop_free(s->loop);
        scripted_pki_done(&s->pki);
}

static void scene_run(struct scene *s)
{
        loop_run(s->loop);
        if (s->late)
                fail_msg("nothing came for 5 s; requests so far:\n%.*s", (int)s->camera.requests.n,
                        (const char *)s->camera.requests.p);
}

static void scene_connect(struct scene *s, const struct scripted_step *steps, unsigned n)
{
        struct tls *t;
        struct err e = { 0 };
        int fd[2];

        s->options.url = &s->url;
        s->options.auth = &s->auth;
        s->options.step_ms = 2000;
        s->options.report_ms = 20;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
        scripted_rtsp_init(&s->camera, s->loop, &s->pki, fd[1], steps, n, 0);
        s->camera.on_finished = on_script_end;
        s->camera.owner = s;
        assert_int_equal(
                tls_client_new(s->pki.client, s->url.host, NULL, clock_wall_us(), &t, &e), 0);
        assert_int_equal(rtsp_client_new(s->shared, fd[0], t, &s->options, &client_events, s,
                                 &s->client, &e),
                0);
        timer_start(&s->guard, s->loop, 5000, 0, on_guard, s);
        scene_run(s);
}

static void on_settled(void *owner)
{
        loop_stop(owner);
}

static void settle(struct scene *s, unsigned ms)
{
        struct timer t = { 0 };

        timer_start(&t, s->loop, ms, 0, on_settled, s->loop);
        scene_run(s);
        timer_done(&t);
}

#define UNTIL(s, condition)                                                                        \
        do {                                                                                       \
                while (!(condition))                                                               \
                        settle(s, 2);                                                              \
        } while (0)

static void describe(struct scene *s, const char *format, const char *keys)
{
        buf_clear(&s->description);
        assert_int_equal(buf_append(&s->description, bytes_str(HEAD), NULL), 0);
        assert_int_equal(buf_append(&s->description, bytes_str(format), NULL), 0);
        assert_int_equal(buf_append(&s->description, bytes_str(keys), NULL), 0);
        assert_int_equal(buf_append(&s->description, BYTES("", 1), NULL), 0);
}

static char *mikey_line(const struct scene *s, uint32_t ssrc)
{
        static const uint8_t random[MIKEY_RAND_BYTES];
        static char line[2048];
        struct mikey m = { .streams_n = 1, .streams = { { ssrc, 0 } }, .keys_n = 1 };
        struct buf b;

        m.keys[0] = s->key;
        buf_init(&b, sizeof line);
        assert_int_equal(key_mgmt_encode(&m, 0, random, &b, NULL), 0);
        snprintf(line, sizeof line, "a=key-mgmt:mikey %.*s\r\n", (int)b.n, (char *)b.p);
        buf_done(&b);
        return line;
}

static char *crypto_line(const struct scene *s)
{
        static char line[1024];
        struct sdp_crypto c = { .tag = 2, .keys_n = 1 };
        struct buf b;

        c.keys[0] = s->key;
        buf_init(&b, sizeof line);
        assert_int_equal(sdp_crypto_format(&c, &b, NULL), 0);
        snprintf(line, sizeof line,
                "a=crypto:1 F8_128_HMAC_SHA1_80 inline:AAAA\r\na=crypto:%.*s\r\n", (int)b.n,
                (char *)b.p);
        buf_done(&b);
        return line;
}

static struct bytes rtp(uint8_t to[static 64], uint16_t sequence)
{
        static const uint8_t head[12] = { 0x80, 0x80 | 96, 0, 0, 0, 0, 0, 1, 0, 0, 0x12, 0x34 };

        memcpy(to, head, 12);
        to[2] = (uint8_t)(sequence >> 8);
        to[3] = (uint8_t)sequence;
        snprintf((char *)to + 12, 52, "packet %03u;", sequence);
        return BYTES(to, 12 + strlen("packet 000;"));
}

static void add_frame(struct scene *s, uint8_t channel, struct bytes packet)
{
        uint8_t head[4] = { '$', channel, (uint8_t)(packet.n >> 8), (uint8_t)packet.n };

        assert_int_equal(buf_append(&s->frames, BYTES(head, 4), NULL), 0);
        assert_int_equal(buf_append(&s->frames, packet, NULL), 0);
}

static struct bytes protected(struct scene *s, uint16_t sequence)
{
        uint8_t plain[64];
        struct bytes packet;

        assert_int_equal(
                srtp_session_protect_rtp(s->sender, rtp(plain, sequence), &packet, NULL), 0);
        return packet;
}

static void add_packets(struct scene *s, uint16_t from, uint16_t n)
{
        for (uint16_t i = 0; i < n; i++)
                add_frame(s, 0, protected(s, (uint16_t)(from + i)));
}

static void assert_nothing_secret(const struct buf *b, const struct scene *s)
{
        char base64[STR_BASE64_ROOM(64)];

        str_base64(base64, secret_bytes(&s->key.master));
        base64[12] = 0; /* of any alignment that matters: a=crypto begins with the key */
        assert_null(b->n ? memmem(b->p, b->n, base64, 12) : NULL);
        assert_null(b->n ? memmem(b->p, b->n, "AQAF", 4) : NULL); /* how each MIKEY begins */
}

/* ---- keys of the description ---- */

static void play_with(struct scene *s, const char *profile, const char *keys)
{
        char media[256], set_up[128];

        snprintf(media, sizeof media, VIDEO("%s"), profile);
        snprintf(set_up, sizeof set_up, SET_UP("%s"), profile);
        describe(s, media, keys);
        add_packets(s, 1, 5);
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = (char *)s->description.p },
                { .method = "SETUP", .status = set_up },
                { .method = "PLAY",
                        .status = "200 OK\r\nSession: 4711",
                        .after = buf_bytes(&s->frames) } };
        scene_connect(s, steps, ARRAY_LEN(steps));
        UNTIL(s, s->packets == 5 || s->ended);
        assert_int_equal(s->packets, 5);
        assert_true(bytes_equal(buf_bytes(&s->payloads),
                bytes_str("packet 001;packet 002;packet 003;packet 004;packet 005;")));
        snprintf(set_up, sizeof set_up, "Transport: %s/TCP;unicast;interleaved=0-1", profile);
        assert_int_equal(scripted_rtsp_count(&s->camera, set_up), 1);
        assert_int_equal(scripted_rtsp_count(&s->camera, "KeyMgmt"), 0);
        assert_int_equal(rtsp_client_counters(s->client).srtp.packets, 5);
        assert_int_equal(rtsp_client_counters(s->client).bad_packets, 0);
        assert_nothing_secret(&s->traced, s);
        assert_non_null(memmem(s->traced.p, s->traced.n, "...", 3));
        settle(s, 60);
        assert_int_equal(s->camera.frames, 0); /* no report in the clear */
}

static void keys_of_the_description(void **state)
{
        static const enum srtp_suite suites[] = { SRTP_SUITE_AES_CM_128_HMAC_SHA1_80,
                SRTP_SUITE_AEAD_AES_256_GCM };
        struct scene s;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(suites); i++) {
                scene_init(&s, suites[i], "");
                play_with(&s, "RTP/SAVP", mikey_line(&s, SSRC));
                scene_done(&s);
                scene_init(&s, suites[i], "\1\2\3\4");
                play_with(&s, "RTP/SAVPF", mikey_line(&s, 0));
                scene_done(&s);
                scene_init(&s, suites[i], "\1");
                play_with(&s, "RTP/SAVP", crypto_line(&s));
                scene_done(&s);
        }
        /* MIKEY that is not understood beside a=crypto that is. */
        scene_init(&s, suites[0], "");
        char both[2048];
        snprintf(both, sizeof both, "a=key-mgmt:mikey AQIA\r\n%s", crypto_line(&s));
        play_with(&s, "RTP/SAVP", both);
        scene_done(&s);
}

static struct rtsp_srtp_track *taken(
        struct rtsp_srtp *srtp, unsigned track, const struct sdp *sdp, unsigned media)
{
        struct err e;

        if (rtsp_srtp_take_description(srtp, track, sdp, media, true, &e) < 0)
                fail_msg("%s", e.text);
        return &srtp->tracks[track];
}

/* One message for the session: its i-th crypto session is the i-th medium's. */
static void keys_of_the_session(void **state)
{
        static const uint8_t random[MIKEY_RAND_BYTES];
        struct mikey m = {
                .streams_n = 2, .streams = { { SSRC + 1, 0 }, { SSRC, 3 } }, .keys_n = 1
        };
        struct rtsp_srtp srtp = { 0 };
        struct scene s;
        struct buf b;
        struct sdp sdp;
        struct err e;

        (void)state;
        scene_init(&s, SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, "");
        m.keys[0] = s.key;
        const struct srtp_session_options o = {
                .keys = &s.key, .keys_n = 1, .has_ssrc = true, .ssrc = SSRC, .roc = 3
        };
        srtp_session_free(s.sender);
        assert_int_equal(srtp_session_new_sender(&o, &s.sender, &e), 0);
        buf_init(&b, 8192);
        assert_int_equal(buf_append(&b, bytes_str(HEAD "a=key-mgmt:mikey "), &e), 0);
        assert_int_equal(key_mgmt_encode(&m, 0, random, &b, &e), 0);
        assert_int_equal(buf_append(&b,
                                 bytes_str("\r\n" VIDEO("RTP/SAVP") VIDEO("RTP/SAVP")
                                                 VIDEO("RTP/SAVP") VIDEO("RTP/AVP")),
                                 &e),
                0);
        assert_int_equal(sdp_parse(buf_bytes(&b), &sdp, &e), 0);
        struct bytes packet = protected(&s, 9), got = packet;
        struct rtsp_srtp_track *first = taken(&srtp, 0, &sdp, 0),
                               *second = taken(&srtp, 1, &sdp, 1);
        assert_true(rtsp_srtp_unprotect(first, false, &got) < 0); /* another sender's */
        got = packet;
        assert_int_equal(rtsp_srtp_unprotect(second, false, &got), 0);
        assert_int_equal(rtsp_srtp_counters(&srtp).packets, 1);
        assert_int_equal(rtsp_srtp_counters(&srtp).foreign, 1);
        assert_int_equal(rtsp_srtp_take_description(&srtp, 2, &sdp, 2, true, &e), ERR_INVALID);
        assert_int_equal(e.fault, FAULT_SRTP_KEYS);
        assert_int_equal(rtsp_srtp_take_description(&srtp, 2, &sdp, 3, true, &e), 0);
        assert_false(rtsp_srtp_is_on(&srtp, 2));
        rtsp_srtp_done(&srtp);
        buf_done(&b);
        scene_done(&s);
}

/* ---- keys of ours ---- */

static void take_offer(struct scene *s, struct mikey *ret)
{
        const char *text = memmem(s->camera.requests.p, s->camera.requests.n, "KeyMgmt: ", 9);
        struct err e;

        assert_non_null(text);
        text += 9;
        if (key_mgmt_parse(BYTES(text, strcspn(text, "\r\n")), NULL, ret, &e) < 0)
                fail_msg("%s", e.text);
}

static void keys_of_ours(void **state)
{
        struct scene s;
        struct mikey offer;
        struct err e;

        (void)state;
        scene_init(&s, SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, "");
        describe(&s, VIDEO("RTP/SAVP"), "");
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = (char *)s.description.p },
                { .method = "SETUP", .status = SET_UP("RTP/SAVP") },
                { .method = "PLAY", .status = "200 OK\r\nSession: 4711" } };
        scene_connect(&s, steps, ARRAY_LEN(steps));
        take_offer(&s, &offer);
        assert_int_equal(offer.keys_n, 1);
        assert_int_equal(offer.keys[0].suite, SRTP_SUITE_AES_CM_128_HMAC_SHA1_80);
        assert_int_equal(offer.keys[0].mki_n, 4);
        assert_int_equal(offer.streams[0].ssrc, 0);
        const struct srtp_session_options o = {
                .keys = offer.keys, .keys_n = 1, .has_ssrc = true, .ssrc = SSRC
        };
        srtp_session_free(s.sender);
        assert_int_equal(srtp_session_new_sender(&o, &s.sender, &e), 0);
        add_packets(&s, 1, 3);
        scripted_rtsp_send(&s.camera, buf_bytes(&s.frames));
        UNTIL(&s, s.packets == 3);
        s.key = offer.keys[0];
        assert_nothing_secret(&s.traced, &s);
        assert_non_null(memmem(s.traced.p, s.traced.n, "KeyMgmt: \n", 10));
        mikey_done(&offer);
        scene_done(&s);
}

/* ---- what must not come through ---- */

static void add_altered(struct scene *s, struct bytes packet, size_t at)
{
        uint8_t room[128];

        memcpy(room, packet.p, packet.n);
        room[at] ^= 0x10;
        add_frame(s, 0, BYTES(room, packet.n));
}

static void refused_packets(void **state)
{
        struct scene s;
        uint8_t plain[64];
        struct srtp_session *stranger;
        struct err e;

        (void)state;
        scene_init(&s, SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, "\1\2\3\7");
        describe(&s, VIDEO("RTP/SAVP"), mikey_line(&s, SSRC));
        add_packets(&s, 1, 1);
        add_altered(&s, protected(&s, 2), 12);
        add_packets(&s, 3, 1);
        struct bytes again = protected(&s, 4);
        add_frame(&s, 0, again);
        add_frame(&s, 0, again);         /* replayed */
        add_frame(&s, 0, rtp(plain, 5)); /* never protected */
        struct srtp_key other = s.key;
        other.mki[3] = 8; /* the right key by another name */
        const struct srtp_session_options o = {
                .keys = &other, .keys_n = 1, .has_ssrc = true, .ssrc = SSRC
        };
        assert_int_equal(srtp_session_new_sender(&o, &stranger, &e), 0);
        struct bytes named;
        assert_int_equal(srtp_session_protect_rtp(stranger, rtp(plain, 6), &named, &e), 0);
        add_frame(&s, 0, named);
        /* A goodbye that nobody protected ends nothing. */
        add_frame(&s, 1, BYTES("\x81\xcb\0\1\0\0\x12\x34", 8));
        add_packets(&s, 7, 1);
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = (char *)s.description.p },
                { .method = "SETUP", .status = SET_UP("RTP/SAVP") },
                { .method = "PLAY",
                        .status = "200 OK\r\nSession: 4711",
                        .after = buf_bytes(&s.frames) } };
        scene_connect(&s, steps, ARRAY_LEN(steps));
        UNTIL(&s, s.packets >= 4 || s.ended);
        settle(&s, 20);
        assert_int_equal(s.ended, 0);
        if (!bytes_equal(buf_bytes(&s.payloads),
                    bytes_str("packet 001;packet 003;packet 004;packet 007;")))
                fail_msg("%.*s", (int)s.payloads.n, (char *)s.payloads.p);
        struct rtsp_client_counters n = rtsp_client_counters(s.client);
        assert_int_equal(n.srtp.unauthenticated, 1);
        assert_int_equal(n.srtp.replayed, 1);
        assert_int_equal(n.srtp.foreign + n.srtp.malformed, 3);
        assert_int_equal(n.bad_packets, 5);
        srtp_session_free(stranger);
        scene_done(&s);
}

/* ---- what ends the session ---- */

static void refused_with(const char *media, const char *keys, const char *set_up, enum fault fault,
        const char *says, unsigned set_ups)
{
        struct scene s;

        scene_init(&s, SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, "");
        describe(&s, media, keys);
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE", .status = DESCRIBED, .body = (char *)s.description.p },
                { .method = "SETUP", .status = set_up }, { .method = "PLAY", .status = "200 OK" } };
        scene_connect(&s, steps, ARRAY_LEN(steps));
        assert_int_equal(s.ended, 1);
        if (s.why.fault != fault || !strstr(s.why.text, says))
                fail_msg("%s: %s", fault_name(s.why.fault), s.why.text);
        assert_int_equal(scripted_rtsp_count(&s.camera, "SETUP "), set_ups);
        assert_int_equal(scripted_rtsp_count(&s.camera, "PLAY "), 0);
        scene_done(&s);
}

static void refused_sessions(void **state)
{
        (void)state;
        refused_with(VIDEO("RTP/SAVP"), "a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:AAAA\r\n", "",
                FAULT_SRTP_KEYS, "AES_256_CM_HMAC_SHA1_80", 0);
        refused_with(
                VIDEO("RTP/SAVP"), "a=key-mgmt:mikey AQIA\r\n", "", FAULT_SRTP_KEYS, "MIKEY", 0);
        refused_with(
                VIDEO("RTP/SAVP"), "", "463 Key Management Failure", FAULT_SRTP_REFUSED, "463", 1);
        refused_with(VIDEO("RTP/AVP"), "", SET_UP("RTP/SAVP"), FAULT_SETUP_REFUSED, "SRTP", 1);
}

/* The same description is good inside TLS (keys_of_the_description). */
static void keys_in_the_clear(void **state)
{
        static const char *const keys[] = { "", "a=key-mgmt:mikey AQIA\r\n",
                ("a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
                 "inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR\r\n") };
        struct rtsp_srtp srtp = { 0 };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
                char text[1024];
                struct sdp sdp;
                struct buf out;
                struct err e;

                snprintf(text, sizeof text, HEAD VIDEO("RTP/SAVP") "%s", keys[i]);
                assert_int_equal(sdp_parse(bytes_str(text), &sdp, &e), 0);
                assert_int_equal(
                        rtsp_srtp_take_description(&srtp, 0, &sdp, 0, false, &e), ERR_DENIED);
                assert_int_equal(e.fault, FAULT_SRTP_KEYS_IN_CLEAR);
                assert_false(rtsp_srtp_is_on(&srtp, 0));
                buf_init(&out, 1024);
                assert_int_equal(rtsp_srtp_setup_header(&srtp, 0, 0, &out, &e), 0);
                assert_int_equal(out.n, 0);
                buf_done(&out);
        }
        rtsp_srtp_done(&srtp);
}

/* UDP under TLS: sockets are only asked for where SRTP protects what comes. */
static void datagrams(void **state)
{
        static const char *const media[] = { VIDEO("RTP/AVP"), VIDEO("RTP/SAVP") };

        (void)state;
        for (unsigned i = 0; i < 2; i++) {
                struct scene s;

                scene_init(&s, SRTP_SUITE_AES_CM_128_HMAC_SHA1_80, "");
                s.options.carrier = RTSP_LINK_DATAGRAMS;
                describe(&s, media[i], i ? mikey_line(&s, SSRC) : "");
                const struct scripted_step steps[] = { OPTIONS_STEP,
                        { .method = "DESCRIBE",
                                .status = DESCRIBED,
                                .body = (char *)s.description.p },
                        { .method = "SETUP", .status = "" } };
                scene_connect(&s, steps, ARRAY_LEN(steps));
                assert_int_equal(s.wanted_sockets, i);
                assert_int_equal(s.ended, !i);
                if (!i)
                        assert_int_equal(s.why.fault, FAULT_MEDIA_OUTSIDE_TLS);
                scene_done(&s);
        }
}

/* ---- the worker's sandbox ---- */

static int in_sandbox(void)
{
        struct err e;

        srtp_session_begin();
        if (sandbox_syscalls(SANDBOX_WORKER, &e) < 0)
                return 77;
        if (open("/etc/passwd", O_RDONLY) >= 0)
                return 1;
        for (enum srtp_suite suite = 1; suite < SRTP_SUITES; suite++) {
                for (unsigned round = 0; round < 3; round++) {
                        struct srtp_key k;
                        srtp_suite_draw_key(suite, &k);
                        const struct srtp_session_options o = {
                                .keys = &k, .keys_n = 1, .has_ssrc = true, .ssrc = SSRC
                        };
                        struct srtp_session *out, *in;
                        struct bytes b;
                        uint8_t plain[64];

                        if (srtp_session_new_sender(&o, &out, &e) < 0 ||
                                srtp_session_new_receiver(&o, &in, &e) < 0 ||
                                srtp_session_protect_rtp(out, rtp(plain, 1), &b, &e) < 0 ||
                                srtp_session_unprotect_rtp(in, b, &b, &e) < 0 ||
                                !bytes_equal(b, rtp(plain, 1)))
                                return 2;
                        srtp_session_free(out);
                        srtp_session_free(in);
                }
        }
        return 0;
}

static void sandboxed(void **state)
{
        int status;
        pid_t child = fork();

        (void)state;
        if (child == 0)
                _exit(in_sandbox());
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(sandboxed), /* first: nothing may have started libsrtp2 */
                cmocka_unit_test(keys_of_the_description),
                cmocka_unit_test(keys_of_the_session),
                cmocka_unit_test(keys_of_ours),
                cmocka_unit_test(refused_packets),
                cmocka_unit_test(refused_sessions),
                cmocka_unit_test(keys_in_the_clear),
                cmocka_unit_test(datagrams),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
