/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rtsp_transport.h"

static struct rtsp_transport parsed(const char *text, unsigned index)
{
        struct rtsp_transport t;
        struct err e = { 0 };

        if (rtsp_transport_parse(bytes_str(text), index, &t, &e) < 0)
                fail_msg("%s: %s", text, e.text);
        return t;
}

/* Values from fixtures protocol/rtsp/retina and gortsplib-headers.json. */
static void cameras(void **state)
{
        (void)state;
        struct rtsp_transport t = parsed("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc=30A98EE7", 0);
        assert_int_equal(t.lower, RTSP_TRANSPORT_TCP);
        assert_true(t.unicast && t.has_interleaved && t.has_ssrc);
        assert_int_equal(t.interleaved[1], 1);
        assert_int_equal(t.ssrc, 0x30a98ee7);
        t = parsed("RTP/AVP/TCP;unicast;interleaved=0-1;ssrc= d6d6627", 0);
        assert_int_equal(t.ssrc, 0xd6d6627);
        t = parsed("RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=4cacc3d1;mode=\"play\"", 0);
        assert_int_equal(t.interleaved[0], 2);
        assert_false(t.record);
        t = parsed("RTP/AVP/"
                   "TCP;unicast;destination=192.168.1.210;source=192.168.5.206;interleaved=0-1",
                0);
        assert_int_equal(t.interleaved[0], 0);
        t = parsed("client_port=3456-3457;RTP/AVP;mode=\"RECORD\";unicast", 0);
        assert_int_equal(t.lower, RTSP_TRANSPORT_UDP);
        assert_int_equal(t.client_port[1], 3457);
        assert_true(t.record);
        assert_true(parsed("RTP/SAVP;unicast", 0).secure_profile);
        assert_false(parsed("RTP/SAVP;unicast", 0).feedback);
        t = parsed("RTP/SAVPF/TCP;unicast", 0);
        assert_true(t.secure_profile && t.feedback && t.lower == RTSP_TRANSPORT_TCP);
        t = parsed("RTP/AVPF/UDP;unicast", 0);
        assert_true(!t.secure_profile && t.feedback && t.lower == RTSP_TRANSPORT_UDP);
        assert_int_equal(parsed("RTP/XAVP;unicast", 0).lower, RTSP_TRANSPORT_OTHER);
        assert_int_equal(parsed("RTP/AVP/UDP;ssrc=nonsense", 0).has_ssrc, false);
        assert_int_equal(parsed("RTP/AVP/TCP;interleaved=6", 0).interleaved[1], 7);
        assert_int_equal(parsed("RTP/XYZ/TCP", 0).lower, RTSP_TRANSPORT_OTHER);
        assert_true(parsed("RTP/AVP;multicast;ttl=127", 0).multicast);
}

static void choices(void **state)
{
        (void)state;
        const char *two =
                "RTP/AVP;unicast;client_port=3456-3457, RTP/AVP/TCP;unicast;interleaved=0-1";
        struct rtsp_transport t = { .ssrc = 9 };
        assert_int_equal(parsed(two, 0).lower, RTSP_TRANSPORT_UDP);
        assert_int_equal(parsed(two, 1).lower, RTSP_TRANSPORT_TCP);
        assert_int_equal(rtsp_transport_parse(bytes_str(two), 2, &t, NULL), ERR_NOT_FOUND);
        assert_int_equal(rtsp_transport_parse(BYTES(NULL, 0), 0, &t, NULL), ERR_NOT_FOUND);
        static const char *const bad[] = { "RAW/RAW/UDP;unicast", "unicast",
                "RTP/AVP/TCP;interleaved=256-257", "RTP/AVP/TCP;interleaved=255",
                "RTP/AVP/TCP;interleaved=", "RTP/AVP/TCP;interleaved=1-",
                "RTP/AVP/TCP;interleaved=1-2-3", "RTP/AVP/TCP;interleaved=-1",
                "RTP/AVP;client_port=70000-70001" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(
                        rtsp_transport_parse(bytes_str(bad[i]), 0, &t, NULL), ERR_PROTOCOL);
        assert_int_equal(t.ssrc, 9);
}

static void formatted(void **state)
{
        (void)state;
        char to[RTSP_TRANSPORT_ROOM];
        struct rtsp_transport t = { .lower = RTSP_TRANSPORT_TCP,
                .unicast = true,
                .has_interleaved = true,
                .interleaved = { 2, 3 },
                .has_ssrc = true,
                .ssrc = 0xa0b0c };
        assert_string_equal(
                rtsp_transport_format(&t, to), "RTP/AVP/TCP;unicast;interleaved=2-3;ssrc=000A0B0C");
        t = (struct rtsp_transport){ .secure_profile = true,
                .multicast = true,
                .record = true,
                .has_client_port = true,
                .client_port = { 65534, 65535 } };
        assert_string_equal(rtsp_transport_format(&t, to),
                "RTP/SAVP;multicast;client_port=65534-65535;mode=RECORD");
        t = (struct rtsp_transport){ .secure_profile = true,
                .feedback = true,
                .lower = RTSP_TRANSPORT_TCP,
                .unicast = true };
        assert_string_equal(rtsp_transport_format(&t, to), "RTP/SAVPF/TCP;unicast");
        t.secure_profile = false;
        assert_string_equal(rtsp_transport_format(&t, to), "RTP/AVPF/TCP;unicast");
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(cameras), cmocka_unit_test(choices),
                cmocka_unit_test(formatted) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
