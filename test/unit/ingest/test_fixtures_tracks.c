/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which tracks of the fixtures' descriptions are recorded, with the pictures' size and rate by
 * their parameter sets, and which are left out and why; and one whole recorded session. Sizes and
 * rates were read with ffmpeg's trace_headers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixtures.c"
#include "ingest/camera_track.h"
#include "media/h264.h"
#include "media/h265.h"
#include "media/media_config.h"
#include "net/rtsp_track.h"
#include "proto/rtsp_splitter.h"

struct take {
        enum media_codec codec;   /* NONE: left out, or not for this table */
        uint32_t width, height;   /* 0: only in the stream; of audio: the sample rate */
        uint32_t framerate_milli; /* of the SPS; 0: not told */
        const char *left_out;     /* part of the reason */
};
#define H264(w, h, fps)                                                                            \
        {                                                                                          \
                MEDIA_H264, w, h, fps, NULL                                                        \
        }
#define H265(w, h, fps)                                                                            \
        {                                                                                          \
                MEDIA_H265, w, h, fps, NULL                                                        \
        }
#define AAC(rate)                                                                                  \
        {                                                                                          \
                MEDIA_AAC, rate, 0, 0, NULL                                                        \
        }
#define OUT(why)                                                                                   \
        {                                                                                          \
                MEDIA_NONE, 0, 0, 0, why                                                           \
        }
/* G.711, JPEG, ONVIF metadata: of media/'s tests */
#define OTHER                                                                                      \
        {                                                                                          \
                0                                                                                  \
        }

static const struct {
        const char *file;
        struct take media[4];
} rows[] = {
        /* clang-format off */
        { "rtsp/go2rtc/TestBugSDP1.sdp", { H264(1280, 720, 0), AAC(8000) } },
        { "rtsp/go2rtc/TestBugSDP3.sdp", { H264(2560, 1920, 0), AAC(16000), OUT("back channel") } },
        /* the picture is "sendonly", as the camera sees it, and no back channel */
        { "rtsp/go2rtc/TestBugSDP5.sdp", { H264(1920, 1080, 14985), AAC(8000) } },
        { "rtsp/go2rtc/TestBugSDP7.sdp", { H264(640, 360, 20000), OTHER, OUT("back channel"), OTHER } },
        { "rtsp/gortsplib-sdp/media__relative_control_control_is_query.sdp", { H264(0, 0, 0) } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_gortsplib_1025_undisclosed_cameras_ipv6.sdp", { OUT("encoding \"\"") } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_gortsplib_448_no_v_0_at_start.sdp", { H264(0, 0, 0) } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_gortsplib_474_UDP_technology_cameras.sdp", { OTHER } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_1119_fritzbox_6660_Cable.sdp", { OUT("MP2T") } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_121_empty_unicast_address.sdp", { H264(800, 448, 0), OTHER } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_127_Amcrest_cameras.sdp", { OTHER } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_136_RS_bandwidth.sdp", { OUT("x-asf-pf"), OTHER } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_227_Hik_Media_Server.sdp", { H264(704, 480, 12000) } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_2708_Y_CAM_Bullet_HD.sdp", { OUT("MP4V-ES") } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_2762_Altasec_NVR.sdp", { H264(640, 360, 5000), OTHER, OTHER } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_5008_Uniview_IPC2122LB_SF28K_A.sdp", { H264(1920, 1080, 15000), OTHER } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_5292_Verint_cameras_IP_instead_of_IN_in_origin.sdp", { H264(3840, 2160, 9990) } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_75_LiveReporter_App.sdp", { H264(640, 480, 0), AAC(48000) } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_948_TIAS_bitrate.sdp", { H264(384, 830, 0) } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__issue_mediamtx_990_TP_Link.sdp", { H265(2304, 1296, 15000), OTHER, OUT("neither video nor audio") } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__onvif_specification.sdp", { OTHER, OTHER, OUT("back channel") } },
        { "rtsp/gortsplib-sdp/sdpunmarshaler__unix_newlines.sdp", { OTHER } },
        { "rtsp/gortsplib-sdp/session__key_mgmt_in_media.sdp", { OTHER } },
        { "rtsp/gortsplib-sdp/session__multiple_formats_for_each_media.sdp", { OUT("not RTP"), OUT("not RTP") } },
        { "rtsp/gortsplib-sdp/session__multiple_formats_for_each_media_2.sdp", { H264(1920, 1080, 0) } },
        { "rtsp/gortsplib-sdp/session__one_format_for_each_media_relative.sdp", { H264(1920, 1080, 0), OTHER, OUT("") } },
        { "rtsp/retina/anjvision_describe.txt", { H265(1280, 704, 0) } },
        { "rtsp/retina/bunny_describe.txt", { AAC(12000), H264(240, 160, 24000) } },
        { "rtsp/retina/dahua_describe_h264_aac_onvif.txt", { H264(704, 480, 15000), AAC(48000), OTHER } },
        { "rtsp/retina/dahua_describe_h265_pcma.txt", { H265(704, 480, 12000), OTHER } },
        { "rtsp/retina/foscam_describe.txt", { H264(1280, 720, 0), OTHER } },
        { "rtsp/retina/hikvision_describe.txt", { H264(1920, 1080, 30000), OTHER } },
        { "rtsp/retina/reolink_describe.txt", { H264(2560, 1440, 0), AAC(16000) } },
        { "rtsp/retina/reolink_describe_control_first.txt", { H264(2560, 1440, 0), AAC(16000) } },
        { "rtsp/retina/response.txt", { AAC(12000), H264(240, 160, 24000) } },
        { "rtsp/retina/tplink_sdp.txt", { H265(2560, 1440, 15000), OTHER, OUT("neither video nor audio") } },
        { "rtsp/retina/vstarcam_describe.txt", { H264(1920, 1080, 7500), OTHER } },
        { "traces-from-issues/axis_describe_2017.txt", { H264(1280, 800, 0) } },
        /* clang-format on */
};

static uint32_t framerate(const struct media_config *c)
{
        struct bytes record = BYTES(c->parameters, c->parameters_n);
        struct h264_sps a = { 0 };
        struct h265_sps b = { 0 };
        struct nal_sets sets = { 0 };

        if (c->codec == MEDIA_H264 && h264_config_sets(record, &sets, NULL, NULL) == 0)
                assert_int_equal(h264_sps_parse(sets.set[0], &a, NULL), 0);
        if (c->codec == MEDIA_H265 && h265_config_sets(record, &sets, NULL, NULL) == 0)
                assert_int_equal(h265_sps_parse(sets.set[1], &b, NULL), 0);
        return a.framerate_milli + b.framerate_milli;
}

static void check_take(const char *file, const struct sdp_media *m, const struct take *t)
{
        struct media_config c = { 0 };
        struct camera_track track;
        struct err e = { 0 };
        int r = camera_track_config(m, &c, &e);

        if (t->left_out) {
                if (r == 0 || !strstr(e.text, t->left_out))
                        fail_msg("%s: \"%s\", expected to be left out: %s", file, e.text,
                                t->left_out);
                return;
        }
        if (t->codec == MEDIA_NONE)
                return;
        if (r < 0)
                fail_msg("%s: left out: %s", file, e.text);
        bool video = media_is_video(c.codec);
        if (c.codec != t->codec || (video ? c.width : c.sample_rate) != t->width ||
                c.height != t->height || framerate(&c) != t->framerate_milli)
                fail_msg("%s: %s %ux%u %u at %u", file, media_config_codec_name(c.codec), c.width,
                        c.height, c.sample_rate, framerate(&c));
        assert_int_equal(camera_track_init(&track, &c, &e), 0);
        camera_track_done(&track);
}

static void tracks(void **state)
{
        static uint8_t text[65536];

        (void)state;
        fixtures_or_skip();
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                struct bytes file = fixtures_load(rows[i].file, text, sizeof text);
                const uint8_t *body = memmem(file.p, file.n, "\r\n\r\n", 4);
                struct sdp s;

                if (body && memcmp(file.p, "RTSP", 4) == 0)
                        file = bytes_sub(file, (size_t)(body - file.p) + 4, file.n);
                assert_int_equal(sdp_parse(file, &s, NULL), 0);
                for (unsigned k = 0; k < s.media_n; k++)
                        check_take(rows[i].file, &s.media[k], &rows[i].media[k]);
        }
}

static bool is_description(const char *name)
{
        return strstr(name, "describe") || strstr(name, "sdp") || strstr(name, "response");
}

static void none_without_a_row(void **state)
{
        const char *names[ARRAY_LEN(rows)];

        (void)state;
        fixtures_or_skip();
        for (size_t i = 0; i < ARRAY_LEN(rows); i++)
                names[i] = rows[i].file;
        fixtures_all_named("rtsp/go2rtc", NULL, names, ARRAY_LEN(rows), 4);
        fixtures_all_named("rtsp/gortsplib-sdp", NULL, names, ARRAY_LEN(rows), 22);
        fixtures_all_named("rtsp/retina", is_description, names, ARRAY_LEN(rows), 11);
        fixtures_all_named("traces-from-issues", is_description, names, ARRAY_LEN(rows), 1);
}

/* ---- a recorded session: Wowza, H.264 on channel 2, AAC on channel 0 ---- */

struct playing {
        struct rtsp_track received[2];
        struct camera_track tracks[2];
        unsigned packets[2], units[2], keys[2], nals;
        size_t nal_bytes, audio_bytes;
        int64_t first[2], last[2];
        struct media_config newest;
};

static void count_unit(struct playing *p, unsigned i, const struct access_unit *u)
{
        struct bytes rest = u->data, nal;

        assert_false(u->lost_before);
        if (p->units[i]++ == 0)
                p->first[i] = u->pts;
        assert_true(u->pts >= p->last[i]);
        p->last[i] = u->pts;
        p->keys[i] += u->key;
        if (u->new_config)
                p->newest = *u->new_config;
        if (i == 0)
                p->audio_bytes += u->data.n;
        while (i == 1 && nal_next(&rest, &nal)) {
                p->nals++;
                p->nal_bytes += nal.n;
        }
}

static int on_item(void *owner, const struct rtsp_item *item, struct err *e)
{
        struct playing *p = owner;
        struct rtcp_clock clock = { 0 };
        struct rtp_packet packet;
        struct rtp_arrival arrival;
        struct access_unit unit;
        unsigned i = item->channel / 2;

        (void)e;
        assert_null(item->message);
        assert_int_equal(item->skipped_bytes, 0);
        assert_true(i < 2 && item->channel % 2 == 0);
        assert_int_equal(
                rtsp_track_push_rtp(&p->received[i], item->frame, 0, &packet, &arrival, NULL), 1);
        p->packets[i]++;
        camera_track_push(&p->tracks[i], &packet, &arrival, 0);
        while (camera_track_pull(&p->tracks[i], &clock, &unit) == 0)
                count_unit(p, i, &unit);
        return 0;
}

static void recorded_session(void **state)
{
        static uint8_t text[1 << 18], head[4096];
        struct playing p = { 0 };
        struct rtsp_splitter s;
        struct sdp sdp;

        (void)state;
        fixtures_or_skip();
        struct bytes answer = fixtures_load("rtsp/retina/bunny_describe.txt", head, sizeof head);
        const uint8_t *body = memmem(answer.p, answer.n, "\r\n\r\n", 4);
        assert_int_equal(
                sdp_parse(bytes_sub(answer, (size_t)(body - answer.p) + 4, answer.n), &sdp, NULL),
                0);
        for (unsigned i = 0; i < 2; i++) {
                struct media_config c;

                assert_int_equal(camera_track_config(&sdp.media[i], &c, NULL), 0);
                assert_int_equal(camera_track_init(&p.tracks[i], &c, NULL), 0);
                rtsp_track_init(&p.received[i], sdp.media[i].clock_rate, sdp.media[i].payload_type);
        }
        struct bytes file = fixtures_load("rtsp/retina/bunny.rtsp", text, sizeof text);
        rtsp_splitter_init(&s);
        /* as TLS records would cut it */
        for (size_t at = 0; at < file.n; at += 1000)
                assert_int_equal(
                        rtsp_splitter_feed(&s, bytes_sub(file, at, 1000), on_item, &p, NULL), 0);
        assert_int_equal(p.packets[0], 102);
        assert_int_equal(p.packets[1], 269);
        assert_int_equal(p.units[0], 120);
        assert_int_equal(p.audio_bytes, 44290);
        assert_int_equal(p.units[1], 245);
        assert_int_equal(p.keys[1], 6);
        assert_int_equal(p.nal_bytes, 111478);
        assert_int_equal(p.last[0], 121856);
        assert_int_equal(p.last[1], 915030);
        assert_int_equal(p.received[1].source.lost, 0);
        assert_int_equal(p.tracks[1].bad_packets, 0);
        rtsp_splitter_done(&s);
        camera_track_done(&p.tracks[0]);
        camera_track_done(&p.tracks[1]);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tracks),
                cmocka_unit_test(none_without_a_row),
                cmocka_unit_test(recorded_session),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
