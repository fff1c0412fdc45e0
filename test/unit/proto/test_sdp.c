/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/sdp.h"

static void is(struct bytes b, const char *text)
{
        if (b.n != strlen(text) || (b.n && memcmp(b.p, text, b.n) != 0))
                fail_msg("\"%.*s\", expected \"%s\"", (int)b.n, (const char *)b.p, text);
}

static struct sdp parsed(const char *text)
{
        struct sdp s;
        struct err e = { 0 };

        if (sdp_parse(bytes_str(text), &s, &e) < 0)
                fail_msg("%s", e.text);
        return s;
}

/* The shape of fixtures protocol/rtsp/retina/dahua_describe_h264_aac_onvif.txt. */
static void camera(void **state)
{
        (void)state;
        struct sdp s = parsed(
                "v=0\r\no=- 2252542845 2252542845 IN IP4 0.0.0.0\r\ns=Media Server\r\nt=0 0\r\n"
                "a=control:*\r\na=range:npt=now-\r\nm=video 0 RTP/AVP 96\r\na=control:trackID=0\r\n"
                "a=framerate:15.000000\r\na=rtpmap:96 H264/90000\r\n"
                "a=fmtp:96 packetization-mode=1;profile-level-id=64001E\r\na=recvonly\r\n"
                "m=audio 0 RTP/AVP 97\r\na=control:trackID=1\r\na=rtpmap:97 "
                "MPEG4-GENERIC/48000/2\r\n"
                "m=application 0 RTP/AVP 107\r\na=control:trackID=4\r\n"
                "a=rtpmap:107 vnd.onvif.metadata/90000\r\na=sendonly\r\n");
        is(s.name, "Media Server");
        is(s.control, "*");
        assert_int_equal(s.media_n, 3);
        const struct sdp_media *m = s.media;
        assert_int_equal(m[0].kind, SDP_VIDEO);
        assert_int_equal(m[0].payload_type, 96);
        is(m[0].protocol, "RTP/AVP");
        is(m[0].encoding, "H264");
        assert_int_equal(m[0].clock_rate, 90000);
        is(m[0].fmtp, "packetization-mode=1;profile-level-id=64001E");
        is(m[0].control, "trackID=0");
        assert_int_equal(m[0].direction, SDP_RECVONLY);
        assert_int_equal(m[0].framerate_milli, 15000);
        assert_int_equal(m[1].kind, SDP_AUDIO);
        assert_int_equal(m[1].channels, 2);
        assert_int_equal(m[1].direction, SDP_NOT_SAID);
        assert_int_equal(m[2].kind, SDP_APPLICATION);
        is(m[2].encoding, "vnd.onvif.metadata");
        assert_int_equal(m[2].direction, SDP_SENDONLY);
        assert_true(sdp_encoding_is(m[1].encoding, "mpeg4-generic"));
}

static void oddities(void **state)
{
        (void)state;
        /* No v=, a static type, a second control, a direction for all, lines that are no SDP. */
        struct sdp s = parsed(
                "a=sendonly\nm=audio 0/2 RTP/AVP 8\t \nrubbish\na=control:a\na=control:b\n"
                "a=framerate:29.97\nm=application/TP-LINK 0 RTP/AVP smart/1/90000\na=inactive\n"
                "m=video\nm=video 0 RTP/AVP 98\na=rtpmap:96 H264/90000\na=fmtp:96 x=1\n");
        assert_int_equal(s.media_n, 4);
        is(s.media[0].encoding, "PCMA");
        assert_int_equal(s.media[0].clock_rate, 8000);
        is(s.media[0].control, "a");
        assert_int_equal(s.media[0].direction, SDP_SENDONLY);
        assert_int_equal(s.media[0].framerate_milli, 29970);
        assert_int_equal(s.media[1].kind, SDP_OTHER);
        assert_int_equal(s.media[1].payload_type, -1);
        assert_int_equal(s.media[1].direction, SDP_INACTIVE);
        assert_int_equal(s.media[2].payload_type, -1);
        /* The map of a format that is not this media's says nothing about it. */
        assert_int_equal(s.media[3].encoding.n, 0);
        assert_int_equal(s.media[3].fmtp.n, 0);
}

static void limits(void **state)
{
        (void)state;
        struct sdp s = { .media_n = 3 };
        char *text = malloc(SDP_TEXT_MAX + 1);
        assert_int_equal(sdp_parse(BYTES("v=0\0x", 5), &s, NULL), ERR_PROTOCOL);
        assert_int_equal(sdp_parse(BYTES(NULL, 0), &s, NULL), ERR_PROTOCOL);
        assert_int_equal(sdp_parse(bytes_str("<html>\n"), &s, NULL), ERR_PROTOCOL);
        memset(text, 'a', SDP_TEXT_MAX + 1);
        assert_int_equal(sdp_parse(BYTES(text, SDP_TEXT_MAX + 1), &s, NULL), ERR_PROTOCOL);
        memset(text, '\n', SDP_TEXT_MAX);
        assert_int_equal(sdp_parse(BYTES(text, SDP_TEXT_MAX), &s, NULL), ERR_PROTOCOL);
        assert_int_equal(s.media_n, 3);
        *text = '\0';
        for (int i = 0; i < SDP_MEDIA_MAX + 3; i++)
                strcat(text, "m=video 0 RTP/AVP 96\na=control:x\n");
        s = parsed(text);
        assert_int_equal(s.media_n, SDP_MEDIA_MAX);
        assert_int_equal(s.media_left_out, 3);
        /* What a section beyond the limit says is not taken for the last one kept. */
        strcat(text, "a=framerate:9\n");
        assert_int_equal(parsed(text).media[SDP_MEDIA_MAX - 1].framerate_milli, 0);
        /* Numbers that do not fit. */
        s = parsed("m=video 99999999999 RTP/AVP 128\na=rtpmap:128 "
                   "H264/99999999999\na=framerate:99999999999\n");
        assert_int_equal(s.media[0].payload_type, -1);
        assert_int_equal(s.media[0].framerate_milli, 0);
        free(text);
}

static void formatted(void **state)
{
        (void)state;
        struct buf out;
        buf_init(&out, 4096);
        struct sdp s = { .name = bytes_str("demo"),
                .control = bytes_str("*"),
                .media_n = 2,
                .direction = SDP_RECVONLY,
                .media = { { .kind_name = bytes_str("video"),
                                   .protocol = bytes_str("RTP/AVP"),
                                   .payload_type = 96,
                                   .encoding = bytes_str("H264"),
                                   .clock_rate = 90000,
                                   .fmtp = bytes_str("packetization-mode=1"),
                                   .control = bytes_str("track1"),
                                   .direction = SDP_RECVONLY,
                                   .framerate_milli = 29970 },
                        { .kind = SDP_AUDIO,
                                .kind_name = bytes_str("audio"),
                                .protocol = bytes_str("RTP/AVP"),
                                .payload_type = 97,
                                .encoding = bytes_str("MPEG4-GENERIC"),
                                .clock_rate = 48000,
                                .channels = 2,
                                .control = bytes_str("track2"),
                                .direction = SDP_SENDRECV } } };
        assert_int_equal(sdp_format(&s, 7, "192.0.2.1", &out, NULL), 0);
        is(buf_bytes(&out),
                "v=0\r\no=- 7 1 IN IP4 192.0.2.1\r\ns=demo\r\nc=IN IP4 192.0.2.1\r\nt=0 "
                "0\r\na=control:*\r\n"
                "a=recvonly\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n"
                "a=fmtp:96 packetization-mode=1\r\na=framerate:29.970\r\na=control:track1\r\n"
                "m=audio 0 RTP/AVP 97\r\na=rtpmap:97 "
                "MPEG4-GENERIC/48000/2\r\na=control:track2\r\na=sendrecv\r\n");
        size_t before = out.n;
        s.media[1].control = bytes_str("x\r\na=y");
        assert_int_equal(sdp_format(&s, 7, "192.0.2.1", &out, NULL), ERR_INVALID);
        s.media[1].control = BYTES(NULL, 0);
        assert_int_equal(sdp_format(&s, 7, "a b", &out, NULL), ERR_INVALID);
        assert_int_equal(out.n, before);
        buf_clear(&out);
        assert_int_equal(sdp_format(&s, 7, "2001:db8::1", &out, NULL), 0);
        struct sdp again;
        assert_int_equal(sdp_parse(buf_bytes(&out), &again, NULL), 0);
        assert_int_equal(again.media_n, 2);
        assert_int_equal(again.media[0].framerate_milli, 29970);
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(camera), cmocka_unit_test(oddities),
                cmocka_unit_test(limits), cmocka_unit_test(formatted) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
