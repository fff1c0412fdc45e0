/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Odd cameras, a row each: what they answer byte for byte and send, and either how many pictures
 * come out of it, or with which words they are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <unistd.h>

#include "ingest/camera.h"
#include "os/clock.h"
#include "scripted_rtsp.c"

/* 352x288 and 1920x1080, of fixtures protocol/sps. */
#define SPS_A "\x67\x64\x00\x0c\xac\x3b\x50\xb0\x4b\x42\x00\x00\x03\x00\x02\x00\x00\x03\x00\x3d\x08"
#define SPS_B                                                                                      \
        "\x67\x42\xc0\x28\xd9\x00\x78\x02\x27\xe5\x84\x00\x00\x03\x00\x04\x00\x00\x03\x00\xf0\x3c" \
        "\x60\xc9\x20"
#define PPS "\x68\xce\x35\x20"
#define KEY "\x65\x88\x80\x40\x01\x02\x03"
#define PICTURE "\x41\x9a\x11\x04\x05"

#define MEDIUM "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
#define SETS                                                                                       \
        "a=fmtp:96 packetization-mode=1;sprop-parameter-sets=Z2QADKw7ULBLQgAAAwACAAADAD0I,aM41IA==\r\n"
#define SDP "v=0\r\ns=x\r\n" MEDIUM SETS "a=control:track1\r\n"

#define OPTIONS "RTSP/1.0 200 OK\r\nCSeq: 1\r\nPublic: DESCRIBE, SETUP, PLAY, GET_PARAMETER\r\n\r\n"
#define DESCRIBE(lines) "RTSP/1.0 200 OK\r\nCSeq: 2\r\n" lines "Content-Length: {n}\r\n\r\n{sdp}"
#define SETUP                                                                                      \
        "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 7;timeout=60\r\nTransport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n"
#define PLAY "RTSP/1.0 200 OK\r\nCSeq: 4\r\nSession: 7\r\n\r\n"

/* ---- what they send ---- */

struct sending {
        struct buf *to;
        uint16_t sequence;
        uint32_t time, ssrc;
        uint8_t channel;
};

#define NAL(s, marker, nal) send_nal(s, marker, BYTES(nal, sizeof(nal) - 1))

static void send_nal(struct sending *s, bool marker, struct bytes nal)
{
        scripted_rtp(s->to, s->channel, 96, marker, s->sequence++, s->time, s->ssrc, nal);
}

static void next(struct sending *s)
{
        s->time += 3600;
}

/* n pictures, the first a key frame. */
static void send_pictures(struct sending *s, unsigned n)
{
        for (unsigned i = 0; i < n; i++, next(s))
                send_nal(s, true,
                        i == 0 ? BYTES(KEY, sizeof(KEY) - 1) : BYTES(PICTURE, sizeof(PICTURE) - 1));
}

static void well(struct sending *s)
{
        send_pictures(s, 5);
}

static void no_markers(struct sending *s)
{
        for (unsigned i = 0; i < 6; i++, next(s)) /* the last one has no next to end it */
                send_nal(s, false,
                        i == 0 ? BYTES(KEY, sizeof(KEY) - 1) : BYTES(PICTURE, sizeof(PICTURE) - 1));
}

static void markers_everywhere(struct sending *s)
{
        NAL(s, true, SPS_A);
        NAL(s, true, PPS);
        send_pictures(s, 5);
}

static void several_slices(struct sending *s)
{
        for (unsigned i = 0; i < 5; i++, next(s)) {
                send_nal(s, false, i == 0 ? BYTES(KEY, 7) : BYTES(PICTURE, 5));
                send_nal(s, false, i == 0 ? BYTES(KEY, 7) : BYTES(PICTURE, 5));
                send_nal(s, true, i == 0 ? BYTES(KEY, 7) : BYTES(PICTURE, 5));
        }
}

/* Two fields of a frame with one time, a marker behind each. */
static void fields(struct sending *s)
{
        for (unsigned i = 0; i < 5; i++, next(s)) {
                send_nal(s, false, i == 0 ? BYTES(KEY, 7) : BYTES(PICTURE, 5));
                send_nal(s, true, BYTES(PICTURE, 5));
        }
}

static void start_codes(struct sending *s)
{
        NAL(s, true, "\0\0\0\1" SPS_A "\0\0\0\1" PPS "\0\0\1" KEY);
        next(s);
        for (unsigned i = 0; i < 4; i++, next(s))
                NAL(s, true, "\0\0\0\1" PICTURE);
}

static void sets_change(struct sending *s)
{
        send_pictures(s, 2);
        NAL(s, false, SPS_B);
        NAL(s, false, PPS);
        send_pictures(s, 3);
}

static void reordered_display(struct sending *s)
{
        static const int times[] = { 0, 3, 1, 2, 6 }; /* I P B B P in decoding order */

        for (unsigned i = 0; i < 5; i++) {
                s->time = 90000 + 3600 * (uint32_t)times[i];
                send_nal(s, true, i == 0 ? BYTES(KEY, 7) : BYTES(PICTURE, 5));
        }
}

static void wraps(struct sending *s)
{
        s->sequence = 65534;
        s->time = UINT32_MAX - 7200;
        send_pictures(s, 5);
}

static void sequence_jumps(struct sending *s)
{
        send_pictures(s, 3);
        s->sequence += 20000;
        send_pictures(s, 3); /* the first behind the jump is not believed yet */
}

static void time_jumps(struct sending *s)
{
        send_pictures(s, 3);
        s->time += 90000u * 3600;
        send_pictures(s, 2);
}

static void again_and_late(struct sending *s)
{
        send_pictures(s, 4);
        s->sequence -= 2;
        send_pictures(s, 2); /* the numbers of two that came already */
        send_pictures(s, 1);
}

static void sender_changes(struct sending *s)
{
        send_pictures(s, 3);
        s->ssrc = 0xBEEF;
        s->sequence = 9000;
        s->time = 5;
        send_pictures(s, 2);
}

/* Another sender's packets of another type on our channel. */
static void stranger(struct sending *s)
{
        for (unsigned i = 0; i < 5; i++, next(s)) {
                send_nal(s, true, i == 0 ? BYTES(KEY, 7) : BYTES(PICTURE, 5));
                scripted_rtp(s->to, s->channel, 120, false, (uint16_t)(7000 + i), i, 0x5A5A,
                        bytes_str("repair"));
        }
}

static void garbage(struct sending *s)
{
        send_pictures(s, 2);
        for (unsigned i = 0; i < 300; i++)
                scripted_must(buf_append(s->to, BYTES("\xA7$", 2), NULL), NULL, "garbage");
        send_pictures(s, 3);
}

static void damaged_packets(struct sending *s)
{
        send_pictures(s, 2);
        scripted_must(buf_append(s->to, BYTES("$\0\0\4\x80\x60\0\1", 8), NULL), NULL, "cut");
        NAL(s, true, "\x7f\x00"); /* a type that there is not */
        next(s);
        send_pictures(s, 3);
}

static void clock_of_1970(struct sending *s)
{
        send_pictures(s, 2);
        scripted_sender_report(s->to, 1, s->ssrc, UINT64_C(2208988801) << 32, s->time);
        send_pictures(s, 3);
}

static void clock_of_2036(struct sending *s)
{
        send_pictures(s, 2);
        scripted_sender_report(s->to, 1, s->ssrc, UINT64_C(5) << 32, s->time);
        send_pictures(s, 3);
}

static void on_channel_6(struct sending *s)
{
        s->channel = 6;
        send_pictures(s, 5);
}

/* ---- the rows ---- */

struct quirk {
        const char *name;
        const char *options, *describe, *sdp, *setup, *play; /* NULL: as a good camera */
        void (*media)(struct sending *s);                    /* NULL: well */
        unsigned units, lost; /* pictures; units told as behind a loss */
        const char *refused;  /* words of the error */
        uint32_t width;       /* of the newest parameter sets; 0: not asked */
        int64_t sender_s; /* of the newest unit's sender clock, in seconds of 1970; 0: not asked */
        bool in_pieces;   /* answers byte by byte */
};

static const struct quirk quirks[] = {
        { "as it should be", .units = 5 },
        { "answers in pieces of one byte", .units = 5, .in_pieces = true },
        /* messages */
        { "no CSeq", .options = "RTSP/1.0 200 OK\r\n\r\n",
                .setup = "RTSP/1.0 200 OK\r\nSession: 7\r\n\r\n", .units = 5 },
        { "a CSeq that nobody asked with", .options = "RTSP/1.0 200 OK\r\nCSeq: 99\r\n\r\n",
                .play = "RTSP/1.0 200 OK\r\nCSeq: 0\r\nSession: 7\r\n\r\n", .units = 5 },
        { "lower-case headers",
                .setup = "RTSP/1.0 200 OK\r\ncseq: 3\r\nsession: 7\r\n"
                         "transport: RTP/AVP/TCP;interleaved=0-1\r\n\r\n",
                .units = 5 },
        { "folded headers",
                .setup = "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 7\r\n"
                         "Transport: RTP/AVP/TCP;\r\n unicast;\r\n\tinterleaved=0-1\r\n\r\n",
                .units = 5 },
        { "line feeds alone", .options = "RTSP/1.0 200 OK\nCSeq: 1\n\n",
                .describe = "RTSP/1.0 200 OK\nCSeq: 2\nContent-Length: {n}\n\n{sdp}",
                .setup = "RTSP/1.0 200 OK\nCSeq: 3\nSession: 7\n\n", .units = 5 },
        { "no reason", .options = "RTSP/1.0 200\r\nCSeq: 1\r\n\r\n", .units = 5 },
        { "a reason in another script",
                .options = "RTSP/1.0 200 \xe6\x88\x90\xe5\x8a\x9f\r\nCSeq: 1\r\n\r\n", .units = 5 },
        { "spaces in the first line", .options = "RTSP/1.0  200   OK \r\nCSeq: 1\r\n\r\n",
                .units = 5 },
        { "OPTIONS without Public", .options = "RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n", .units = 5 },
        { "OPTIONS refused", .options = "RTSP/1.0 405 Method Not Allowed\r\nCSeq: 1\r\n\r\n",
                .units = 5 },
        { "empty lines between answers", .options = "\r\n\r\n" OPTIONS "\r\n\r\n", .units = 5 },
        { "asks before it answers",
                .describe = "ANNOUNCE rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\nContent-Length: 3\r\n\r\nv=0"
                            "SET_PARAMETER * RTSP/1.0\r\nCSeq: 2\r\n\r\n" DESCRIBE(""),
                .units = 5 },
        { "sends us elsewhere",
                .play = "REDIRECT rtsp://x/ RTSP/1.0\r\nCSeq: 1\r\nLocation: "
                        "rtsp://192.0.2.1/\r\n\r\n",
                .refused = "REDIRECT" },
        { "401 without a challenge", .describe = "RTSP/1.0 401 Unauthorized\r\nCSeq: 2\r\n\r\n",
                .refused = "neither Digest nor Basic" },
        { "a Content-Length that is none",
                .describe = "RTSP/1.0 200 OK\r\nCSeq: 2\r\nContent-Length: many\r\n\r\n",
                .refused = "byte 74 of the stream: RTSP: Content-Length is not a number" },
        { "bytes that are no RTSP", .options = "{garbage}",
                .refused = "not RTSP, from byte 0 of the stream on" },
        /* the description */
        { "no Content-Length", .describe = "RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n{sdp}",
                .refused = "Content-Length is 0 or missing" },
        { "an odd Content-Type", .describe = DESCRIBE("Content-Type: text/plain; charset=gbk\r\n"),
                .units = 5 },
        { "a relative Content-Base", .describe = DESCRIBE("Content-Base: live/\r\n"), .units = 5 },
        { "an empty Content-Base", .describe = DESCRIBE("Content-Base:\r\n"), .units = 5 },
        { "a Content-Base without scheme",
                .describe = DESCRIBE("Content-Base: 127.0.0.1:322/live/\r\n"), .units = 5 },
        { "a Content-Base of another host",
                .describe = DESCRIBE("Content-Base: rtsps://192.0.2.1/live/\r\n"),
                .refused = "192.0.2.1" },
        { "a Content-Location instead",
                .describe = DESCRIBE("Content-Location: rtsps://127.0.0.1/other/\r\n"),
                .units = 5 },
        { "parameter sets only in the description", .units = 5, .width = 352 },
        { "parameter sets only in the stream", .sdp = "v=0\r\n" MEDIUM "a=control:track1\r\n",
                .media = markers_everywhere, .units = 5, .width = 352 },
        { "no control anywhere", .sdp = "v=0\r\n" MEDIUM SETS, .units = 5 },
        { "nothing but media", .sdp = MEDIUM SETS, .units = 5 },
        { "a picture that says sendonly", .sdp = SDP "a=sendonly\r\n", .units = 5 },
        /* SETUP and PLAY */
        { "a Session with spaces",
                .setup = "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession:    7  ; timeout=0\r\n\r\n",
                .units = 5 },
        { "a Session of two words", .setup = "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 7 8\r\n\r\n",
                .refused = "Session id with a bad character" },
        { "no Session", .setup = "RTSP/1.0 200 OK\r\nCSeq: 3\r\n\r\n", .refused = "no session" },
        { "no Transport", .setup = "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 7\r\n\r\n", .units = 5 },
        { "other channels than asked",
                .setup = "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 7\r\n"
                         "Transport: RTP/AVP/TCP;interleaved=6-7\r\n\r\n",
                .media = on_channel_6, .units = 5 },
        { "another ssrc in Transport",
                .setup = "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 7\r\n"
                         "Transport: RTP/AVP/TCP;interleaved=0-1;ssrc= DEAD\r\n\r\n",
                .units = 5 },
        { "an ssrc that is none",
                .setup = "RTSP/1.0 200 OK\r\nCSeq: 3\r\nSession: 7\r\n"
                         "Transport: RTP/AVP/TCP;interleaved=0-1;ssrc=(null)\r\n\r\n",
                .units = 5 },
        { "RTP-Info that is none",
                .play = "RTSP/1.0 200 OK\r\nCSeq: 4\r\nSession: 7\r\nRTP-Info: nonsense\r\n\r\n",
                .units = 5 },
        /* media */
        { "no marker bits", .media = no_markers, .units = 5 },
        { "marker bits everywhere", .media = markers_everywhere, .units = 5 },
        { "several slices", .media = several_slices, .units = 5 },
        { "fields", .media = fields, .units = 5 },
        { "start codes within a packet", .media = start_codes, .units = 5 },
        { "changing parameter sets", .media = sets_change, .units = 5, .width = 1920 },
        { "B-frames", .media = reordered_display, .units = 5 },
        { "sequence and time wrap", .media = wraps, .units = 5 },
        { "the sequence jumps", .media = sequence_jumps, .units = 5, .lost = 1 },
        { "the time jumps", .media = time_jumps, .units = 5 },
        { "again and late", .media = again_and_late, .units = 5 },
        { "the sender changes", .media = sender_changes, .units = 5, .lost = 1 },
        { "a stranger on the channel", .media = stranger, .units = 5 },
        { "garbage between frames", .media = garbage, .units = 5 },
        { "damaged packets", .media = damaged_packets, .units = 5, .lost = 1 },
        { "a clock of 1970", .media = clock_of_1970, .units = 5, .sender_s = 1 },
        { "a clock beyond 2036", .media = clock_of_2036, .units = 5, .sender_s = 2085978501 },
};

/* ---- the bench ---- */

struct bench {
        struct loop *loop;
        struct scripted_pki pki;
        struct scripted_rtsp server;
        struct camera *camera;
        const struct quirk *quirk;
        const struct scripted_step *steps;
        unsigned steps_n, units, lost, losses;
        uint32_t width;
        int64_t sender_us;
        bool served, late;
        struct timer guard;
        struct err why;
};

static void need_socket(void *owner, struct camera *c, enum camera_socket kind)
{
        struct bench *b = owner;
        int fd[2];

        assert_int_equal(kind, CAMERA_SOCKET_MAIN);
        assert_false(b->served);
        b->served = true;
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
        scripted_rtsp_init(&b->server, b->loop, &b->pki, fd[1], b->steps, b->steps_n,
                b->quirk->in_pieces ? 1 : 0);
        camera_socket(c, fd[0]);
}

static void on_start(void *owner, struct camera *c, const struct camera_connection *k)
{
        struct bench *b = owner;

        (void)c;
        assert_int_equal(k->tracks_n, 1);
        b->width = k->tracks[0].width;
}

static int on_unit(
        void *owner, struct camera *c, unsigned track, const struct access_unit *u, struct err *e)
{
        struct bench *b = owner;

        (void)c;
        (void)track;
        (void)e;
        if (b->units == 0)
                assert_true(u->key);
        b->units++;
        b->lost += u->lost_before;
        if (u->new_config)
                b->width = u->new_config->width;
        b->sender_us = u->sender_us;
        return 0;
}

static void on_lost(void *owner, struct camera *c, const struct err *why)
{
        struct bench *b = owner;

        (void)c;
        b->losses++;
        b->why = *why;
}

static void on_guard(void *owner)
{
        struct bench *b = owner;

        b->late = true;
}

static const struct camera_events handlers = { need_socket, on_start, on_unit, on_lost, NULL };

/* The answer with its {n}, {sdp} and {garbage} filled in. */
static struct bytes filled(const char *text, const char *sdp, struct buf *to)
{
        buf_init(to, 1 << 20);
        while (*text) {
                if (strncmp(text, "{n}", 3) == 0) {
                        scripted_must(buf_printf(to, NULL, "%zu", strlen(sdp)), NULL, "fill");
                        text += 3;
                } else if (strncmp(text, "{sdp}", 5) == 0) {
                        scripted_must(buf_append(to, bytes_str(sdp), NULL), NULL, "fill");
                        text += 5;
                } else if (strncmp(text, "{garbage}", 9) == 0) {
                        for (unsigned i = 0; i < 70000; i++)
                                scripted_must(buf_append(to, bytes_str("z"), NULL), NULL, "fill");
                        text += 9;
                } else {
                        scripted_must(buf_append(to, BYTES(text++, 1), NULL), NULL, "fill");
                }
        }
        return buf_bytes(to);
}

static bool is_as_expected(const struct bench *b, const struct quirk *q)
{
        if (q->refused)
                return b->losses == 1 && strstr(b->why.text, q->refused);
        return b->losses == 0 && b->units == q->units && b->lost == q->lost &&
               (!q->width || b->width == q->width) &&
               (!q->sender_s || b->sender_us / 1000000 == q->sender_s);
}

/* False when it came otherwise, which is printed. */
static bool try_quirk(const struct quirk *q)
{
        const char *sdp = q->sdp ? q->sdp : SDP;
        struct buf answers[4], media;
        struct bench b = { .quirk = q, .loop = loop_new() };
        struct secret password;

        buf_init(&media, 1 << 20);
        scripted_must(buf_append(&media, bytes_str(q->play ? q->play : PLAY), NULL), NULL, "PLAY");
        struct sending sending = { .to = &media, .sequence = 100, .time = 1000, .ssrc = 0xCAFE };
        (q->media ? q->media : well)(&sending);
        const struct scripted_step steps[] = {
                { .method = "OPTIONS",
                        .after = filled(q->options ? q->options : OPTIONS, sdp, &answers[0]) },
                { .method = "DESCRIBE",
                        .after = filled(
                                q->describe ? q->describe : DESCRIBE(""), sdp, &answers[1]) },
                { .method = "SETUP",
                        .after = filled(q->setup ? q->setup : SETUP, sdp, &answers[2]) },
                { .method = "PLAY", .after = buf_bytes(&media) },
        };
        b.steps = steps;
        b.steps_n = ARRAY_LEN(steps);
        scripted_pki_init(&b.pki, SCRIPTED_GOOD);
        assert_int_equal(secret_set(&password, bytes_str("x"), NULL), 0);
        const struct camera_options o = { .name = "odd-main",
                .url = "rtsps://127.0.0.1/live",
                .user = "viewer",
                .password = &password,
                .tls = b.pki.client,
                .times = { .step_ms = 1500, .quick_ms = 30000, .first_ms = 30000 } };
        timer_start(&b.guard, b.loop, 3000, 0, on_guard, &b);
        b.camera = camera_new(b.loop, &o, &handlers, &b);
        camera_start(b.camera);
        /* Until it was refused, or has shown all that it has; the guard's time at most. */
        while (!b.late && b.losses == 0 && (b.units < q->units || q->refused))
                uv_run(loop_uv(b.loop), UV_RUN_ONCE);
        for (unsigned i = 0; i < 5; i++) /* and no more comes */
                uv_run(loop_uv(b.loop), UV_RUN_NOWAIT);
        bool good = is_as_expected(&b, q);
        if (!good)
                print_error("%s: %u pictures, %u losses, %u wide, sender's clock %lld; \"%s\"\n",
                        q->name, b.units, b.lost, b.width, (long long)b.sender_us / 1000000,
                        b.why.text);
        timer_done(&b.guard);
        camera_free(b.camera);
        scripted_rtsp_done(&b.server);
        loop_free(b.loop);
        scripted_pki_done(&b.pki);
        for (unsigned i = 0; i < 3; i++)
                buf_done(&answers[i]);
        buf_done(&media);
        return good;
}

static void each(void **state)
{
        unsigned bad = 0;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(quirks); i++)
                bad += !try_quirk(&quirks[i]);
        assert_int_equal(bad, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(each) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
