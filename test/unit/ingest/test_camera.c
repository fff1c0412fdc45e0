/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One camera from socket to units, against scripted ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <unistd.h>

#include "ingest/camera.h"
#include "scripted_rtsp.c"

/* Parameter sets of two clips of real footage (768x432 Baseline and 640x360 High, by ffprobe). */
#define SPROP "Z0KAFpZUBgG9NQYGBkAAAAMAQAAABmE=,aM41IA=="
static const uint8_t other_sps[] = { 0x67, 0x64, 0x00, 0x1E, 0xAC, 0xD9, 0x40, 0xA0, 0x2F, 0xF9,
        0x70, 0x11, 0x00, 0x00, 0x03, 0x00, 0x06, 0x00, 0x00, 0x03, 0x01, 0x66, 0x0F, 0x16, 0x2D,
        0x96 };
static const uint8_t other_pps[] = { 0x68, 0xEB, 0xE2, 0x4B, 0x22, 0xC0 };

#define HEAD "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=Camera\r\nt=0 0\r\n"
#define VIDEO                                                                                      \
        "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"                                       \
        "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=" SPROP "\r\na=control:v\r\n"
#define VIDEO_BARE "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n"
/* AudioSpecificConfig 1408: AAC-LC, 16 kHz, one channel (ISO/IEC 14496-3 section 1.6.2.1). */
#define AUDIO                                                                                      \
        "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 MPEG4-GENERIC/16000/1\r\n"                            \
        "a=fmtp:97 "                                                                               \
        "streamtype=5;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408\r\n" \
        "a=control:a\r\n"
#define METADATA                                                                                   \
        "m=application 0 RTP/AVP 98\r\na=rtpmap:98 vnd.onvif.metadata/90000\r\na=control:m\r\n"
#define PACKED_METADATA                                                                            \
        "m=application 0 RTP/AVP 99\r\na=rtpmap:99 vnd.onvif.metadata+gzip/90000\r\na=control:z\r\n"
#define PCMU "m=audio 0 RTP/AVP 0\r\na=control:u\r\n"
#define MPEG4 "m=video 0 RTP/AVP 95\r\na=rtpmap:95 MP4V-ES/90000\r\na=control:4\r\n"
#define JPEG_MEDIUM "m=video 0 RTP/AVP 26\r\na=control:j\r\n"
#define JPEG_AS_AUDIO "m=audio 0 RTP/AVP 26\r\na=control:k\r\n"
#define BACK_CHANNEL "m=audio 0 RTP/AVP 0\r\na=sendonly\r\na=control:b\r\n"

#define OPTIONS_STEP                                                                               \
        {                                                                                          \
                .method = "OPTIONS", .status = "200 OK\r\nPublic: OPTIONS, DESCRIBE"               \
        }
#define DESCRIBE_STEP(sdp)                                                                         \
        {                                                                                          \
                .method = "DESCRIBE", .status = "200 OK\r\nContent-Type: application/sdp",         \
                .body = sdp                                                                        \
        }
#define SETUP_STEP                                                                                 \
        {                                                                                          \
                .method = "SETUP", .status = "200 OK\r\nSession: 9;timeout=60"                     \
        }

struct note {
        unsigned track;
        int64_t pts, arrival_us, sender_us;
        bool key, lost_before;
        uint32_t width; /* of new_config; 0: none */
        size_t n;
        uint8_t first[8];
};

struct scene {
        struct loop *loop;
        struct scripted_pki pki;
        struct scripted_rtsp server;
        struct camera *camera;
        struct camera_options options;
        struct secret password;
        struct timer guard;
        const struct scripted_step *steps;
        unsigned steps_n;
        bool served, no_answer, no_socket, late;
        enum fault no_main; /* the main port gives no connection but this fault */
        bool talks_plainly; /* the main port answers in the clear */
        unsigned mains, fallbacks;
        int plain_fd;
        const char *canned; /* each connection says this, whatever it is asked */
        size_t canned_n;
        unsigned free_at_need; /* with FREE_ON_NEED: at which */
        enum { FREE_NEVER, FREE_ON_NEED, FREE_ON_START, FREE_ON_UNIT, FREE_ON_LOST } free_at;
        unsigned needs, starts, losses, units_n;
        bool refuse_unit;
        unsigned stop_at_units;
        int64_t need_us[8];
        struct camera_connection connection;
        struct note units[64];
        struct err why;
};

static void free_camera(struct scene *s)
{
        s->camera = camera_free(s->camera);
        loop_stop(s->loop);
}

static void need_socket(void *owner, struct camera *c, enum camera_socket kind)
{
        struct scene *s = owner;
        const struct err nobody = { .code = ERR_UNAVAILABLE, .text = "connect: refused" };
        struct err e;
        int fd[2];

        assert_true(kind == CAMERA_SOCKET_MAIN || kind == CAMERA_SOCKET_FALLBACK);
        s->mains += kind == CAMERA_SOCKET_MAIN;
        s->fallbacks += kind == CAMERA_SOCKET_FALLBACK;
        assert_true(camera_state(c) == CAMERA_CONNECTING || s->canned);
        if (s->needs < ARRAY_LEN(s->need_us))
                s->need_us[s->needs] = clock_boot_us();
        s->needs++;
        if (s->free_at == FREE_ON_NEED && s->needs > s->free_at_need) {
                free_camera(s);
                return;
        }
        if (s->no_answer)
                return;
        if (s->no_socket) {
                camera_no_socket(c, &nobody);
                return;
        }
        if (kind == CAMERA_SOCKET_MAIN && s->no_main) {
                err_fault(&e, ERR_UNAVAILABLE, s->no_main, "port 322");
                camera_no_socket(c, &e);
                return;
        }
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
        if (s->canned) {
                assert_int_equal(write(fd[1], s->canned, s->canned_n), s->canned_n);
                if (s->plain_fd)
                        close(s->plain_fd);
                s->plain_fd = fd[1];
                camera_socket(c, fd[0]);
                return;
        }
        if (kind == CAMERA_SOCKET_MAIN && s->talks_plainly) {
                assert_int_equal(write(fd[1], "RTSP/1.0 400 Bad Request\r\n\r\n", 28), 28);
                s->plain_fd = fd[1];
                camera_socket(c, fd[0]);
                return;
        }
        if (s->served)
                scripted_rtsp_done(&s->server);
        s->served = true;
        bool plain = s->options.transport == CAMERA_PLAIN || kind == CAMERA_SOCKET_FALLBACK;
        scripted_rtsp_init(
                &s->server, s->loop, plain ? NULL : &s->pki, fd[1], s->steps, s->steps_n, 0);
        camera_socket(c, fd[0]);
}

static void on_start(void *owner, struct camera *c, const struct camera_connection *k)
{
        struct scene *s = owner;

        assert_int_equal(camera_state(c), CAMERA_STREAMING);
        s->starts++;
        s->connection = *k;
        if (s->free_at == FREE_ON_START)
                free_camera(s);
}

static int on_unit(
        void *owner, struct camera *c, unsigned track, const struct access_unit *u, struct err *e)
{
        struct scene *s = owner;
        struct note *n = &s->units[s->units_n];

        (void)c;
        assert_true(s->starts > 0);
        assert_true(s->units_n < ARRAY_LEN(s->units));
        *n = (struct note){ track, u->pts, u->arrival_us, u->sender_us, u->key, u->lost_before,
                u->new_config ? u->new_config->width : 0, u->data.n, { 0 } };
        memcpy(n->first, u->data.p, u->data.n < 8 ? u->data.n : 8);
        s->units_n++;
        if (s->stop_at_units == s->units_n)
                loop_stop(s->loop);
        if (s->free_at == FREE_ON_UNIT)
                free_camera(s);
        return s->refuse_unit ? err_set(e, ERR_IO, "the disk is gone") : 0;
}

static void on_lost(void *owner, struct camera *c, const struct err *why)
{
        struct scene *s = owner;

        (void)c;
        s->losses++;
        s->why = *why;
        loop_stop(s->loop);
        if (s->free_at == FREE_ON_LOST)
                free_camera(s);
}

static const struct camera_events events = { need_socket, on_start, on_unit, on_lost };

static void on_guard(void *owner)
{
        struct scene *s = owner;

        s->late = true;
        loop_stop(s->loop);
}

static void scene_init(struct scene *s, enum scripted_fault fault)
{
        memset(s, 0, sizeof *s);
        s->loop = loop_new();
        scripted_pki_init(&s->pki, fault);
        assert_int_equal(secret_set(&s->password, bytes_str("open sesame"), NULL), 0);
        s->options = (struct camera_options){ .name = "lobby-main",
                .url = "rtsps://127.0.0.1/main",
                .user = "viewer",
                .password = &s->password,
                .tls = s->pki.client,
                .transport = CAMERA_TLS };
        /* Long enough that no retry comes where a test does not want it. */
        s->options.times =
                (struct camera_times){ .step_ms = 1000, .quick_ms = 30000, .first_ms = 30000 };
}

static void scene_run(struct scene *s)
{
        loop_run(s->loop);
        if (s->late)
                fail_msg("nothing came for 5 s; last error: %s", s->why.text);
}

static void scene_start(struct scene *s, const struct scripted_step *steps, unsigned n)
{
        s->steps = steps;
        s->steps_n = n;
        timer_start(&s->guard, s->loop, 5000, 0, on_guard, s);
        s->camera = camera_new(s->loop, &s->options, &events, s);
        assert_int_equal(camera_state(s->camera), CAMERA_IDLE);
        camera_start(s->camera);
}

#define START(s, steps) scene_start(s, steps, ARRAY_LEN(steps))

static void on_settled(void *owner)
{
        loop_stop(owner);
}

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
        camera_free(s->camera);
        if (s->served)
                scripted_rtsp_done(&s->server);
        loop_free(s->loop);
        scripted_pki_done(&s->pki);
}

#define ASSERT_SAYS(s, part)                                                                       \
        do {                                                                                       \
                if (!strstr((s)->why.text, part))                                                  \
                        fail_msg("expected \"%s\" in \"%s\"", part, (s)->why.text);                \
        } while (0)

/* ---- packets: a letter each. K: key picture, P: picture, S: other parameter sets, A: audio, x:
 * lost video ---- */

struct packets {
        struct buf b;
        uint16_t video_sequence, audio_sequence;
        uint32_t video_time, audio_time;
};

static void video(struct packets *p, bool marker, const uint8_t *nal, size_t n)
{
        scripted_rtp(&p->b, 0, 96, marker, p->video_sequence++, p->video_time, 0xAA, BYTES(nal, n));
}

static void add(struct packets *p, const char *letters)
{
        static const uint8_t key[] = { 0x65, 0x88, 0x80, 0x40, 1, 2, 3 },
                             picture[] = { 0x41, 0x9A, 0x11, 4, 5 };
        /* RFC 3640 section 3.3.6: header length in bits, size 5 in 13 bits, index 0 */
        static const uint8_t sound[] = { 0, 16, 0, 5 << 3, 0x21, 1, 2, 3, 4 };

        for (; *letters; letters++) {
                switch (*letters) {
                case 'K':
                        video(p, true, key, sizeof key);
                        break;
                case 'P':
                        video(p, true, picture, sizeof picture);
                        break;
                case 'S':
                        video(p, false, other_sps, sizeof other_sps);
                        video(p, false, other_pps, sizeof other_pps);
                        continue; /* part of the next picture */
                case 'A':
                        scripted_rtp(&p->b, 2, 97, true, p->audio_sequence++, p->audio_time, 0xBB,
                                BYTES(sound, sizeof sound));
                        p->audio_time += 1024;
                        continue;
                case 'x':
                        p->video_sequence++;
                        break;
                default:
                        abort();
                }
                p->video_time += 3600;
        }
}

static struct packets packets_of(const char *letters)
{
        struct packets p = { .video_sequence = 65534,
                .audio_sequence = 7,
                .video_time = UINT32_MAX - 3600,
                .audio_time = 500 };

        buf_init(&p.b, 1 << 20);
        add(&p, letters);
        return p;
}

static void test_gate_clocks_and_loss(void **state)
{
        struct scene s;
        struct packets p = packets_of("PAPAKAPxPSKA");
        const uint64_t ntp = (uint64_t)(2208988800u + 1763827200u) << 32; /* 2025-11-22T16:00:00Z */
        const struct scripted_step steps[] = { OPTIONS_STEP,
                DESCRIBE_STEP(HEAD PACKED_METADATA VIDEO BACK_CHANNEL AUDIO), SETUP_STEP,
                SETUP_STEP, { .method = "PLAY", .status = "200 OK", .after = buf_bytes(&p.b) } };

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        s.stop_at_units = 7; /* K A P P K A, and one more below */
        START(&s, steps);
        assert_string_equal(camera_state_name(camera_state(s.camera)), "negotiating");
        UNTIL(&s, s.units_n == 6);
        assert_int_equal(s.starts, 1);
        assert_int_equal(s.connection.tracks_n, 2);
        assert_int_equal(s.connection.tracks[0].codec, MEDIA_H264);
        assert_int_equal(s.connection.tracks[0].width, 768);
        assert_int_equal(s.connection.tracks[0].height, 432);
        assert_int_equal(s.connection.tracks[1].codec, MEDIA_AAC);
        assert_int_equal(s.connection.tracks[1].sample_rate, 16000);
        assert_int_equal(s.connection.protection, 3);
        assert_int_equal(s.connection.tls_version, 0x0304);
        assert_memory_equal(s.connection.camera_key, s.pki.camera_key, 32);
        assert_true(s.connection.from_us > 0 && s.connection.until_us > s.connection.from_us);
        assert_true(camera_counters(s.camera).bytes > 0);
        assert_int_equal(camera_counters(s.camera).clear_bytes, 0);

        static const struct {
                unsigned track;
                bool key, lost;
                uint32_t width;
        } expected[] = { { 0, true, false, 0 }, { 1, true, false, 0 }, { 0, false, false, 0 },
                { 0, false, true, 0 }, { 0, true, false, 640 }, { 1, true, false, 0 } };
        for (unsigned i = 0; i < 6; i++) {
                assert_int_equal(s.units[i].track, expected[i].track);
                if (expected[i].track == 0)
                        assert_int_equal(s.units[i].key, expected[i].key);
                assert_int_equal(s.units[i].lost_before, expected[i].lost);
                assert_int_equal(s.units[i].width, expected[i].width);
                assert_true(s.units[i].sender_us == INT64_MIN);
                assert_true(s.units[i].arrival_us <= clock_wall_us() &&
                            s.units[i].arrival_us > clock_wall_us() - 3000000);
        }
        /* 32 bits have wrapped in between: P (one before the end), P, K; a lost one; P; P; K */
        assert_int_equal(s.units[2].pts - s.units[0].pts, 3600);
        assert_int_equal(s.units[3].pts - s.units[0].pts, 3 * 3600);
        assert_int_equal(s.units[4].pts - s.units[0].pts, 4 * 3600);
        assert_int_equal(s.units[0].n, 4 + 7);
        assert_memory_equal(s.units[0].first, "\0\0\0\x07\x65\x88\x80\x40", 8);

        buf_clear(&p.b);
        scripted_sender_report(&p.b, 1, 0xAA, ntp, p.video_time - 3600);
        p.video_time += 90000 - 3600;
        add(&p, "P");
        scripted_rtsp_send(&s.server, buf_bytes(&p.b));
        scene_run(&s);
        assert_true(
                s.units[6].sender_us == INT64_C(1763827201000000)); /* a second behind the report */

        struct camera_counters n = camera_counters(s.camera);
        assert_int_equal(n.units, 7);
        assert_int_equal(n.lost_packets, 1);
        assert_int_equal(n.connects, 1);
        assert_int_equal(n.gated_units, 4);
        assert_true(n.bytes > 1000);
        buf_done(&p.b);
        scene_done(&s);
}

/* A picture in two packets has the arrival of the first. */
static void test_arrival_is_of_the_first_packet(void **state)
{
        static const uint8_t start[] = { 0x7C, 0x85, 0x88, 0x80 },
                             rest[] = { 0x7C, 0x45, 1, 2 }; /* FU-A */
        struct scene s;
        struct packets p = packets_of("");
        const struct scripted_step steps[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD VIDEO), SETUP_STEP,
                { .method = "PLAY", .status = "200 OK" } };

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        s.stop_at_units = 1;
        START(&s, steps);
        UNTIL(&s, s.starts == 1);
        video(&p, false, start, sizeof start);
        int64_t before_us = clock_wall_us();
        scripted_rtsp_send(&s.server, buf_bytes(&p.b));
        UNTIL(&s, camera_counters(s.camera).packets == 1);
        scene_settle(&s, 20);
        int64_t between_us = clock_wall_us();
        buf_clear(&p.b);
        video(&p, true, rest, sizeof rest);
        scripted_rtsp_send(&s.server, buf_bytes(&p.b));
        scene_run(&s);
        assert_true(s.units[0].arrival_us >= before_us && s.units[0].arrival_us < between_us);
        buf_done(&p.b);
        scene_done(&s);
}

/* No parameter sets anywhere: not decodable, so not begun, until they come in-band. */
static void test_gate_waits_for_parameter_sets(void **state)
{
        struct scene s;
        struct packets p = packets_of("KPKPSKP");
        const struct scripted_step steps[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD VIDEO_BARE),
                SETUP_STEP, { .method = "PLAY", .status = "200 OK", .after = buf_bytes(&p.b) } };

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        s.stop_at_units = 2;
        START(&s, steps);
        scene_run(&s);
        assert_int_equal(s.connection.tracks[0].parameters_n, 0);
        assert_true(s.units[0].key);
        assert_int_equal(s.units[0].width, 640);
        assert_int_equal(camera_counters(s.camera).gated_units, 4);
        buf_done(&p.b);
        scene_done(&s);
}

/* Of eight media that a camera describes four are recorded, each on its own channel. */
static void test_every_track_that_is_known(void **state)
{
        struct scene s;
        struct packets p = packets_of("K");
        static const uint8_t sound[] = { 0, 16, 0, 5 << 3, 0x21, 1, 2, 3, 4 };
        static const struct {
                unsigned track;
                enum media_codec codec;
                int64_t n;
                const char *first;
        } expected[] = { { 0, MEDIA_H264, 11, "" }, { 1, MEDIA_AAC, 5, "\x21" },
                { 2, MEDIA_PCMU, 6, "ulaw.." }, { 3, MEDIA_ONVIF_METADATA, 23, "<tt:Meta" } };

        (void)state;
        scripted_rtp(&p.b, 2, 97, true, 1, 500, 0xBB, BYTES(sound, sizeof sound));
        scripted_rtp(&p.b, 4, 0, false, 1, 160, 0xCC, bytes_str("ulaw.."));
        scripted_rtp(&p.b, 6, 98, false, 1, 9, 0xDD, bytes_str("<tt:MetadataStream"));
        scripted_rtp(&p.b, 6, 98, true, 2, 10, 0xDD, bytes_str("/>..."));
        const struct scripted_step steps[] = { OPTIONS_STEP,
                DESCRIBE_STEP(HEAD MPEG4 PACKED_METADATA VIDEO JPEG_AS_AUDIO AUDIO JPEG_MEDIUM PCMU
                                METADATA),
                SETUP_STEP, SETUP_STEP, SETUP_STEP, SETUP_STEP,
                { .method = "PLAY", .status = "200 OK", .after = buf_bytes(&p.b) } };

        scene_init(&s, SCRIPTED_GOOD);
        s.stop_at_units = 4;
        START(&s, steps);
        scene_run(&s);
        assert_int_equal(s.connection.tracks_n, 4);
        for (unsigned i = 0; i < 4; i++) {
                assert_int_equal(s.connection.tracks[i].codec, expected[i].codec);
                assert_int_equal(s.units[i].track, expected[i].track);
                assert_int_equal(s.units[i].n, expected[i].n);
                assert_memory_equal(s.units[i].first, expected[i].first, strlen(expected[i].first));
        }
        assert_int_equal(s.units[3].pts, 9);
        buf_done(&p.b);
        scene_done(&s);
}

static void test_as_many_tracks_as_a_file_holds(void **state)
{
        struct scene s;
        struct packets p = packets_of("K");
        const struct scripted_step steps[] = { OPTIONS_STEP,
                DESCRIBE_STEP(HEAD PCMU PCMU PCMU PCMU PCMU PCMU VIDEO PCMU PCMU PCMU), SETUP_STEP,
                SETUP_STEP, SETUP_STEP, SETUP_STEP, SETUP_STEP, SETUP_STEP, SETUP_STEP, SETUP_STEP,
                { .method = "PLAY", .status = "200 OK" } };

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        START(&s, steps);
        UNTIL(&s, s.starts == 1);
        assert_int_equal(s.connection.tracks_n, CAMERA_TRACKS_MAX);
        assert_int_equal(s.connection.tracks[6].codec, MEDIA_H264);
        buf_done(&p.b);
        scene_done(&s);
}

/* Nothing to put on a time line. */
static void test_metadata_alone(void **state)
{
        struct scene s;
        const struct scripted_step steps[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD METADATA) };

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        START(&s, steps);
        scene_run(&s);
        assert_int_equal(s.losses, 1);
        ASSERT_SAYS(&s, "the camera describes nothing that can be recorded (metadata alone)");
        scene_done(&s);
}

static void test_audio_alone_and_not_at_all(void **state)
{
        struct scene s;
        struct packets p = packets_of("");

        /* audio is the only track: channel 0 */
        static const uint8_t sound[] = { 0, 16, 0, 5 << 3, 0x21, 1, 2, 3, 4 };
        (void)state;
        scripted_rtp(&p.b, 0, 97, true, 1, 500, 0xBB, BYTES(sound, sizeof sound));
        const struct scripted_step steps[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD AUDIO), SETUP_STEP,
                { .method = "PLAY", .status = "200 OK", .after = buf_bytes(&p.b) } };

        scene_init(&s, SCRIPTED_GOOD);
        s.stop_at_units = 1;
        START(&s, steps);
        scene_run(&s);
        assert_int_equal(s.units[0].n, 5);
        assert_int_equal(s.connection.tracks_n, 1);
        scene_done(&s);

        scene_init(&s, SCRIPTED_GOOD);
        s.options.without_audio = true;
        START(&s, steps);
        scene_run(&s);
        assert_int_equal(s.losses, 1);
        ASSERT_SAYS(&s, "DESCRIBE: the camera describes nothing that can be recorded (audio "
                        "MPEG4-GENERIC)");
        buf_done(&p.b);
        scene_done(&s);
}

/* Each refusal has its reason, and nothing was said to that camera: no request, so no credential.
 */
static void test_refused_cameras_hear_nothing(void **state)
{
        static const struct {
                enum scripted_fault scripted;
                enum fault fault;
        } cases[] = { { SCRIPTED_WRONG_NAME, FAULT_WRONG_NAME },
                { SCRIPTED_EXPIRED, FAULT_EXPIRED }, { SCRIPTED_OTHER_CA, FAULT_UNKNOWN_ISSUER },
                { SCRIPTED_SELF_SIGNED, FAULT_SELF_SIGNED } };
        const struct scripted_step steps[] = { { .method = "OPTIONS",
                .status = "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"" } };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct scene s;

                scene_init(&s, cases[i].scripted);
                START(&s, steps);
                scene_run(&s);
                assert_int_equal(s.why.fault, cases[i].fault);
                ASSERT_SAYS(&s, fault_text(cases[i].fault));
                ASSERT_SAYS(&s, fault_remedy(cases[i].fault));
                assert_int_equal(camera_state(s.camera), CAMERA_WAITING);
                scene_settle(&s, 50);
                assert_int_equal(s.server.requests_n, 0);
                assert_int_equal(s.server.in.n, 0);
                assert_int_equal(s.starts, 0);
                scene_done(&s);
        }
}

static void test_pin(void **state)
{
        static const uint8_t wrong[32] = { 1, 2, 3 };
        struct packets p = packets_of("K");
        const struct scripted_step steps[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD VIDEO), SETUP_STEP,
                { .method = "PLAY", .status = "200 OK", .after = buf_bytes(&p.b) } };
        struct scene s;

        (void)state;
        scene_init(&s, SCRIPTED_SELF_SIGNED);
        s.options.transport = CAMERA_TLS_PINNED;
        s.options.pin = s.pki.camera_key;
        s.stop_at_units = 1;
        START(&s, steps);
        scene_run(&s);
        assert_int_equal(s.connection.protection, 2);
        scene_done(&s);

        scene_init(&s, SCRIPTED_GOOD);
        s.options.transport = CAMERA_TLS_PINNED;
        s.options.pin = wrong;
        START(&s, steps);
        scene_run(&s);
        assert_int_equal(s.why.fault, FAULT_PIN_MISMATCH);
        scene_settle(&s, 50);
        assert_int_equal(s.server.requests_n, 0);
        buf_done(&p.b);
        scene_done(&s);
}

static void test_plain_url_is_refused(void **state)
{
        const struct scripted_step steps[] = { OPTIONS_STEP };
        struct scene s;

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        s.options.url = "rtsp://127.0.0.1:322/main";
        START(&s, steps);
        assert_int_equal(s.losses, 1);
        assert_int_equal(s.needs, 0);
        ASSERT_SAYS(&s, "rtsp://");
        assert_int_equal(camera_state(s.camera), CAMERA_STOPPED);
        scene_done(&s);
}

/* Streamed, then cut: a quick try; then failures double. */
static void test_comes_back(void **state)
{
        struct packets p = packets_of("KP");
        const struct scripted_step steps[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD VIDEO), SETUP_STEP,
                { .method = "PLAY", .status = "200 OK", .after = buf_bytes(&p.b), .close = true } };
        struct scene s;

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        s.options.times = (struct camera_times){ .quick_ms = 10, .first_ms = 400, .last_ms = 500 };
        START(&s, steps);
        scene_run(&s);
        assert_int_equal(s.losses, 1);
        assert_int_equal(s.units_n, 2);
        assert_int_equal(camera_state(s.camera), CAMERA_WAITING);
        int64_t lost_us = clock_boot_us();

        s.no_socket = true;
        for (int i = 0; i < 4; i++)
                scene_run(&s);
        assert_int_equal(s.losses, 5);
        assert_int_equal(s.needs, 5);
        /* Each with a quarter of jitter; the exact steps are test_backoff's. libuv counts from the
         * start of the loop's turn, so on a busy machine a timer can seem early. */
        assert_in_range(s.need_us[1] - lost_us, 0, 240000);
        assert_in_range(s.need_us[2] - s.need_us[1], 250000, 1500000);
        assert_in_range(s.need_us[3] - s.need_us[2], 300000, 1500000);
        assert_in_range(s.need_us[4] - s.need_us[3], 300000, 1500000);

        s.no_socket = false; /* and it works again, from a key frame on */
        s.stop_at_units = 4;
        scene_run(&s);
        assert_true(s.units[2].key);
        assert_int_equal(camera_counters(s.camera).connects, 2);
        assert_int_equal(camera_counters(s.camera).packets, 4);
        buf_done(&p.b);
        scene_done(&s);
}

static void test_wrong_password_waits_longest(void **state)
{
        const struct scripted_step steps[] = { OPTIONS_STEP,
                { .method = "DESCRIBE",
                        .status = "401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"c\", "
                                  "nonce=\"n1\"" },
                { .method = "DESCRIBE",
                        .status = "401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"c\", "
                                  "nonce=\"n2\"" } };
        struct scene s;

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        s.options.times = (struct camera_times){ .first_ms = 20, .last_ms = 30000 };
        START(&s, steps);
        scene_run(&s);
        assert_int_equal(s.why.code, ERR_AUTH);
        assert_false(fault_is_tls(s.why.fault));
        ASSERT_SAYS(&s, "DESCRIBE: 401");
        assert_int_equal(scripted_rtsp_count(&s.server, "Authorization: Digest"), 1);
        scene_settle(&s, 200);
        assert_int_equal(s.needs, 1); /* cameras lock accounts */
        scene_done(&s);
}

static void test_silence(void **state)
{
        struct packets p = packets_of("KP"), no_key = packets_of("PPP");
        const struct scripted_step steps[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD VIDEO), SETUP_STEP,
                { .method = "PLAY", .status = "200 OK", .after = buf_bytes(&p.b) } };
        const struct scripted_step keyless[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD VIDEO),
                SETUP_STEP,
                { .method = "PLAY", .status = "200 OK", .after = buf_bytes(&no_key.b) } };
        struct scene s;

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        s.options.times.idle_ms = 200; /* the picture stops, the test waits for that */
        START(&s, steps);
        scene_run(&s);
        assert_int_equal(s.units_n, 2);
        assert_string_equal(s.why.text, "no picture from the camera for 200 ms");
        assert_int_equal(s.why.code, ERR_TIMEOUT);
        UNTIL(&s, scripted_rtsp_count(&s.server, "TEARDOWN") == 1);
        scene_done(&s);

        scene_init(&s, SCRIPTED_GOOD);
        s.options.times.idle_ms = 2400;
        s.options.times.key_ms = 300;
        START(&s, keyless);
        scene_run(&s);
        assert_int_equal(s.units_n, 0);
        ASSERT_SAYS(&s, "no key frame");
        scene_done(&s);

        scene_init(&s, SCRIPTED_GOOD);
        s.options.times.socket_ms = 50;
        s.no_answer = true;
        START(&s, steps);
        scene_run(&s);
        ASSERT_SAYS(&s, "no connection within 50 ms");
        camera_socket(
                s.camera, open("/dev/null", O_RDONLY | O_CLOEXEC)); /* late: closed, not used */
        assert_int_equal(camera_state(s.camera), CAMERA_WAITING);
        scene_done(&s);
        buf_done(&p.b);
        buf_done(&no_key.b);
}

/* What nobody protected, from a camera that told keys, is no picture: and the reason says so. */
static void test_srtp_that_is_none(void **state)
{
        struct packets p = packets_of("KPPP");
        const struct scripted_step steps[] = { OPTIONS_STEP,
                DESCRIBE_STEP(
                        HEAD "m=video 0 RTP/SAVP 96\r\na=rtpmap:96 H264/90000\r\na=control:v\r\n"
                             "a=crypto:1 AES_CM_128_HMAC_SHA1_80 "
                             "inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR\r\n"),
                SETUP_STEP, { .method = "PLAY", .status = "200 OK", .after = buf_bytes(&p.b) } };
        struct scene s;

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        s.options.times.idle_ms = 200;
        START(&s, steps);
        scene_run(&s);
        assert_int_equal(s.units_n, 0);
        assert_int_equal(s.why.fault, FAULT_SRTP_UNAUTHENTICATED);
        assert_int_equal(s.why.code, ERR_AUTH);
        ASSERT_SAYS(&s, "none authenticates");
        assert_true(camera_counters(s.camera).bad_packets > 0);
        assert_int_equal(camera_counters(s.camera).packets, 0);
        scene_done(&s);
        buf_done(&p.b);
}

static void test_owner_stops_it(void **state)
{
        struct packets p = packets_of("KPP");
        const struct scripted_step steps[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD VIDEO), SETUP_STEP,
                { .method = "PLAY", .status = "200 OK", .after = buf_bytes(&p.b) } };
        struct scene s;

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        s.refuse_unit = true;
        START(&s, steps);
        UNTIL(&s, camera_state(s.camera) == CAMERA_STOPPED);
        scene_settle(&s, 20);
        assert_int_equal(s.units_n, 1);
        assert_int_equal(camera_state(s.camera), CAMERA_STOPPED);
        assert_int_equal(s.losses, 0);
        assert_int_equal(s.needs, 1);
        buf_done(&p.b);
        scene_done(&s);
}

static void test_free_anywhere(void **state)
{
        struct packets p = packets_of("KPP");
        const struct scripted_step steps[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD VIDEO), SETUP_STEP,
                { .method = "PLAY", .status = "200 OK", .after = buf_bytes(&p.b), .close = true } };

        (void)state;
        for (int paced = 0; paced < 2; paced++) {
                for (int at = FREE_ON_NEED; at <= FREE_ON_LOST; at++) {
                        struct scene s;

                        scene_init(&s, SCRIPTED_GOOD);
                        s.options.pace_ms = paced ? 20 : 0;
                        s.free_at = at;
                        s.steps = steps;
                        s.steps_n = ARRAY_LEN(steps);
                        timer_start(&s.guard, s.loop, 5000, 0, on_guard, &s);
                        struct camera *c = s.camera = camera_new(s.loop, &s.options, &events, &s);
                        camera_start(c);
                        scene_run(&s);
                        assert_null(s.camera);
                        scene_settle(&s, 30);
                        assert_int_equal(s.units_n, at < FREE_ON_UNIT    ? 0
                                                    : at == FREE_ON_UNIT ? 1
                                                                         : 3);
                        scene_done(&s);
                }
        }
        buf_done(&p.b);
}

static void test_state_names(void **state)
{
        (void)state;
        assert_string_equal(camera_state_name(CAMERA_IDLE), "idle");
        assert_string_equal(camera_state_name(CAMERA_CONNECTING), "connecting");
        assert_string_equal(camera_state_name(CAMERA_STREAMING), "streaming");
        assert_string_equal(camera_state_name(CAMERA_WAITING), "waiting");
        assert_string_equal(camera_state_name(CAMERA_STOPPED), "stopped");
}

/* ---- transports ---- */

static const struct scripted_step bare[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD VIDEO), SETUP_STEP,
        { .method = "PLAY", .status = "200 OK" } };

static void test_plain(void **state)
{
        struct scene s;

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        s.options.transport = CAMERA_PLAIN;
        s.options.url = "rtsp://127.0.0.1/main";
        START(&s, bare);
        UNTIL(&s, s.starts == 1);
        assert_int_equal(s.connection.protection, 0);
        assert_int_equal(s.connection.tls_version, 0);
        assert_string_equal(s.connection.tls_cipher, "");
        scene_done(&s);
}

static void test_scheme_must_fit(void **state)
{
        static const struct {
                const char *url;
                enum camera_transport transport;
                enum camera_carrier carrier;
        } wrong[] = {
                { "rtsp://c/", CAMERA_TLS, CAMERA_INTERLEAVED },
                { "http://c/", CAMERA_TLS, CAMERA_TUNNEL },
                { "https://c/", CAMERA_TLS, CAMERA_INTERLEAVED },
                { "rtsps://c/", CAMERA_TLS, CAMERA_TUNNEL },
                { "rtsp://c/", CAMERA_TLS_IF_AVAILABLE, CAMERA_UDP },
                { "http://c/", CAMERA_TLS_IF_AVAILABLE, CAMERA_SNAPSHOT },
                { "rtsps://c/", CAMERA_PLAIN, CAMERA_INTERLEAVED },
                { "https://c/", CAMERA_PLAIN, CAMERA_MJPEG },
        };
        struct scene s;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
                scene_init(&s, SCRIPTED_GOOD);
                s.options.transport = wrong[i].transport;
                s.options.carrier = wrong[i].carrier;
                s.options.url = wrong[i].url;
                START(&s, bare);
                UNTIL(&s, s.losses == 1);
                assert_int_equal(s.why.fault, FAULT_WRONG_SCHEME);
                assert_int_equal(camera_state(s.camera), CAMERA_STOPPED);
                assert_int_equal(s.needs, 0);
                scene_done(&s);
        }
}

/* Where there is no TLS at all, and there never was, and only then. */
static void test_if_available_goes_on_without(void **state)
{
        static const enum fault none[] = { FAULT_CONNECTION_REFUSED, FAULT_CONNECTION_TIMEOUT,
                FAULT_NOT_TLS };
        struct scene s;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(none); i++) {
                scene_init(&s, SCRIPTED_GOOD);
                s.options.transport = CAMERA_TLS_IF_AVAILABLE;
                if (none[i] == FAULT_NOT_TLS)
                        s.talks_plainly = true;
                else
                        s.no_main = none[i];
                START(&s, bare);
                UNTIL(&s, s.starts == 1);
                assert_int_equal(s.mains, 1);
                assert_int_equal(s.fallbacks, 1);
                assert_int_equal(s.losses, 0);
                assert_int_equal(s.connection.protection, 0);
                assert_int_equal(
                        scripted_rtsp_count(&s.server, "DESCRIBE rtsp://127.0.0.1/main RTSP"), 1);
                if (s.talks_plainly)
                        close(s.plain_fd);
                scene_done(&s);
        }
}

static void test_if_available_is_no_way_round(void **state)
{
        static const enum scripted_fault bad[] = { SCRIPTED_WRONG_NAME, SCRIPTED_EXPIRED,
                SCRIPTED_OTHER_CA, SCRIPTED_SELF_SIGNED };
        struct scene s;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                scene_init(&s, bad[i]);
                s.options.transport = CAMERA_TLS_IF_AVAILABLE;
                START(&s, bare);
                UNTIL(&s, s.losses == 1);
                assert_true(fault_is_tls(s.why.fault));
                assert_int_equal(s.fallbacks, 0);
                assert_int_equal(s.server.requests_n, 0);
                scene_done(&s);
        }
        scene_init(&s, SCRIPTED_GOOD);
        s.options.transport = CAMERA_TLS_IF_AVAILABLE;
        s.no_main = FAULT_NO_CONNECTION;
        START(&s, bare);
        UNTIL(&s, s.losses == 1);
        assert_int_equal(s.fallbacks, 0);
        scene_done(&s);

        scene_init(&s, SCRIPTED_GOOD); /* `tls` itself */
        s.no_main = FAULT_CONNECTION_REFUSED;
        START(&s, bare);
        UNTIL(&s, s.losses == 1);
        assert_int_equal(s.fallbacks, 0);
        scene_done(&s);
}

/* T-DOWNGRADE: a camera that was once on TLS is there, or it is not. */
static void test_if_available_never_goes_back(void **state)
{
        const struct scripted_step ends[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD VIDEO), SETUP_STEP,
                { .method = "PLAY", .status = "200 OK", .close = true } };
        struct scene s;

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        s.options.transport = CAMERA_TLS_IF_AVAILABLE;
        s.options.times = (struct camera_times){ .quick_ms = 1, .first_ms = 1, .last_ms = 1 };
        START(&s, ends);
        UNTIL(&s, s.losses == 1);
        assert_int_equal(s.connection.protection, 3);
        s.no_main = FAULT_CONNECTION_REFUSED;
        UNTIL(&s, s.losses == 4);
        assert_int_equal(s.fallbacks, 0);
        assert_int_equal(s.starts, 1);
        scene_done(&s);
}

/* Each try begins with TLS: the camera may have got it meanwhile. */
static void test_if_available_begins_with_tls(void **state)
{
        const struct scripted_step ends[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD VIDEO), SETUP_STEP,
                { .method = "PLAY", .status = "200 OK", .close = true } };
        struct scene s;

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        s.options.transport = CAMERA_TLS_IF_AVAILABLE;
        s.options.times = (struct camera_times){ .quick_ms = 1, .first_ms = 1, .last_ms = 1 };
        s.no_main = FAULT_CONNECTION_REFUSED;
        START(&s, ends);
        UNTIL(&s, s.losses == 1);
        assert_int_equal(s.connection.protection, 0);
        s.no_main = FAULT_NONE;
        UNTIL(&s, s.losses == 2);
        assert_int_equal(s.connection.protection, 3);
        scene_done(&s);
}

/* A picture of 32 x 16, as far as anybody looks (ITU-T T.81 annex B). */
#define JPEG "\xff\xd8\xff\xc0\x00\x0b\x08\x00\x10\x00\x20\x01\x01\x11\x00\xff\xd9"
#define PART "--b\r\nContent-Type: image/jpeg\r\nContent-Length: 17\r\n\r\n" JPEG "\r\n"
static const char pushed[] = "HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;"
                             "boundary=b\r\n\r\n" PART PART PART;
static const char unauthorized[] = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n"
                                   "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n\r\n";

static void pull_scene(struct scene *s, const char *canned, size_t n, enum camera_carrier carrier)
{
        scene_init(s, SCRIPTED_GOOD);
        s->options.transport = CAMERA_PLAIN;
        s->options.carrier = carrier;
        s->options.url = "http://127.0.0.1/pictures";
        s->options.times.snapshot_ms = 5;
        s->canned = canned;
        s->canned_n = n;
}

static void pull_scene_done(struct scene *s)
{
        if (s->plain_fd)
                close(s->plain_fd);
        scene_done(s);
}

static void test_pictures_over_http(void **state)
{
        static const char one[] = "HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"
                                  "Content-Length: 17\r\nConnection: close\r\n\r\n" JPEG;
        struct scene s;

        (void)state;
        for (int snapshots = 0; snapshots < 2; snapshots++) {
                if (snapshots)
                        pull_scene(&s, one, sizeof one - 1, CAMERA_SNAPSHOT);
                else
                        pull_scene(&s, pushed, sizeof pushed - 1, CAMERA_MJPEG);
                START(&s, bare);
                UNTIL(&s, s.units_n >= 3);
                assert_int_equal(s.starts, 1);
                assert_int_equal(s.connection.tracks_n, 1);
                assert_int_equal(s.connection.tracks[0].codec, MEDIA_JPEG);
                assert_int_equal(s.connection.tracks[0].width, 32);
                assert_int_equal(s.connection.tracks[0].height, 16);
                assert_int_equal(s.connection.protection, 0);
                for (unsigned i = 0; i < 3; i++) {
                        assert_true(s.units[i].key);
                        assert_int_equal(s.units[i].n, 17);
                        assert_true(
                                i == 0 ? s.units[i].pts == 0 : s.units[i].pts > s.units[i - 1].pts);
                }
                assert_true(snapshots ? s.needs >= 3 : s.needs == 1);
                assert_int_equal(camera_counters(s.camera).units, s.units_n);
                pull_scene_done(&s);
        }
        /* It answers for ever that the password is wrong: asked twice, not more. */
        pull_scene(&s, unauthorized, sizeof unauthorized - 1, CAMERA_SNAPSHOT);
        START(&s, bare);
        UNTIL(&s, s.losses == 1);
        assert_int_equal(s.why.fault, FAULT_WRONG_PASSWORD);
        assert_int_equal(s.needs, 2);
        pull_scene_done(&s);
}

static void test_free_anywhere_over_http(void **state)
{
        struct scene s;

        (void)state;
        for (int at = FREE_ON_NEED; at <= FREE_ON_UNIT; at++) {
                pull_scene(&s, pushed, sizeof pushed - 1, CAMERA_MJPEG);
                s.free_at = at;
                START(&s, bare);
                UNTIL(&s, !s.camera);
                pull_scene_done(&s);
        }
        pull_scene(&s, unauthorized, sizeof unauthorized - 1, CAMERA_SNAPSHOT);
        s.free_at = FREE_ON_NEED; /* for the answer to the challenge */
        s.free_at_need = 1;
        START(&s, bare);
        UNTIL(&s, !s.camera);
        pull_scene_done(&s);
        pull_scene(&s, "HTTP/1.1 404 No\r\n\r\n", 19, CAMERA_MJPEG);
        s.free_at = FREE_ON_LOST;
        START(&s, bare);
        UNTIL(&s, !s.camera);
        pull_scene_done(&s);
}

/* The camera refuses the sound: the picture moves up to be the only track. */
static void test_refused_audio_is_left_out(void **state)
{
        struct packets p = packets_of("AKAPA");
        const struct scripted_step steps[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD AUDIO VIDEO),
                { .method = "SETUP", .status = "461 Unsupported transport" },
                { .method = "SETUP",
                        .status = "200 OK\r\nSession: 9\r\nTransport: "
                                  "RTP/AVP/TCP;unicast;interleaved=0-1" },
                { .method = "PLAY", .status = "200 OK", .after = buf_bytes(&p.b) } };
        const struct scripted_step no_video[] = { OPTIONS_STEP, DESCRIBE_STEP(HEAD VIDEO AUDIO),
                { .method = "SETUP", .status = "461 Unsupported transport" }, SETUP_STEP,
                { .method = "PLAY", .status = "200 OK" } };
        struct scene s;

        (void)state;
        scene_init(&s, SCRIPTED_GOOD);
        START(&s, steps);
        UNTIL(&s, s.units_n == 2);
        assert_int_equal(s.connection.tracks_n, 1);
        assert_int_equal(s.connection.tracks[0].codec, MEDIA_H264);
        assert_int_equal(s.units[0].track, 0);
        assert_true(s.units[0].key);
        scene_done(&s);
        buf_done(&p.b);
        /* Without its picture a camera is not recorded as if all were well. */
        scene_init(&s, SCRIPTED_GOOD);
        START(&s, no_video);
        UNTIL(&s, s.losses == 1);
        assert_int_equal(s.why.fault, FAULT_SETUP_REFUSED);
        assert_int_equal(s.starts, 0);
        scene_done(&s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_gate_clocks_and_loss),
                cmocka_unit_test(test_arrival_is_of_the_first_packet),
                cmocka_unit_test(test_gate_waits_for_parameter_sets),
                cmocka_unit_test(test_every_track_that_is_known),
                cmocka_unit_test(test_as_many_tracks_as_a_file_holds),
                cmocka_unit_test(test_metadata_alone),
                cmocka_unit_test(test_audio_alone_and_not_at_all),
                cmocka_unit_test(test_refused_cameras_hear_nothing),
                cmocka_unit_test(test_pin),
                cmocka_unit_test(test_plain_url_is_refused),
                cmocka_unit_test(test_comes_back),
                cmocka_unit_test(test_wrong_password_waits_longest),
                cmocka_unit_test(test_silence),
                cmocka_unit_test(test_srtp_that_is_none),
                cmocka_unit_test(test_owner_stops_it),
                cmocka_unit_test(test_free_anywhere),
                cmocka_unit_test(test_plain),
                cmocka_unit_test(test_scheme_must_fit),
                cmocka_unit_test(test_if_available_goes_on_without),
                cmocka_unit_test(test_if_available_is_no_way_round),
                cmocka_unit_test(test_if_available_never_goes_back),
                cmocka_unit_test(test_if_available_begins_with_tls),
                cmocka_unit_test(test_refused_audio_is_left_out),
                cmocka_unit_test(test_pictures_over_http),
                cmocka_unit_test(test_free_anywhere_over_http),
                cmocka_unit_test(test_state_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
