/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/url.h"

static struct url parsed(const char *s)
{
        struct url u;
        struct err e = { 0 };

        if (url_parse(s, &u, &e) < 0)
                fail_msg("%s: %s", s, e.text);
        return u;
}

static void parts(void **state)
{
        (void)state;
        struct url u = parsed("rtsps://cam1.example:8322/a/b?x=1&y=2#f");
        assert_int_equal(u.scheme, URL_RTSPS);
        assert_string_equal(u.host, "cam1.example");
        assert_int_equal(u.port, 8322);
        assert_string_equal(u.path, "/a/b?x=1&y=2");
        u = parsed("RTSP://[2001:db8::1]");
        assert_int_equal(u.scheme, URL_RTSP);
        assert_string_equal(u.host, "2001:db8::1");
        assert_int_equal(u.port, 554);
        assert_string_equal(u.path, "/");
        u = parsed("https://10.0.0.1?q");
        assert_string_equal(u.path, "/?q");
        assert_int_equal(u.port, 443);
        assert_int_equal(parsed("rtsps://h/").port, 322);
        assert_int_equal(parsed("http://h/").port, 80);
        /* An '@' behind the authority is no user. */
        assert_string_equal(parsed("rtsp://h/a@b").path, "/a@b");
}

static void refused(void **state)
{
        (void)state;
        static const struct {
                const char *url, *word;
        } cases[] = {
                { "rtsp://admin:pw@h/", "give them apart" },
                { "rtsp://admin@h/", "give them apart" },
                { "cam/stream", "no scheme" },
                { "ftp://h/", "scheme" },
                { "rtsp://", "host" },
                { "rtsp:///x", "host" },
                { "rtsp://h:0/", "port" },
                { "rtsp://h:65536/", "port" },
                { "rtsp://h:99999999999999/", "port" },
                { "rtsp://h:/", "port" },
                { "rtsp://h:5a/", "port" },
                { "rtsp://[::1/", "bracket" },
                { "rtsp://[::1]x/", "between" },
                { "rtsp://[fe80::1%25eth0]/", "host" },
                { "rtsp://h/a b", "0x20" },
                { "rtsp://h/a\r\nX: y", "0x0d" },
                { "rtsp://h/\xc3\xa9", "0xc3" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct url u = { .port = 7 };
                struct err e = { 0 };
                assert_int_equal(url_parse(cases[i].url, &u, &e), ERR_INVALID);
                if (!strstr(e.text, cases[i].word))
                        fail_msg("%s: %s", cases[i].url, e.text);
                assert_null(strstr(e.text, "pw"));
                assert_int_equal(u.port, 7);
        }
        char longer[URL_MAX + 10] = "rtsp://h/";
        memset(longer + 9, 'a', sizeof longer - 10);
        struct url u;
        assert_int_equal(url_parse(longer, &u, NULL), ERR_INVALID);
}

static void formatted(void **state)
{
        (void)state;
        char text[URL_MAX];
        static const char *const same[] = { "rtsps://cam.example/",
                "rtsp://[2001:db8::1]:8554/a?b=1", "https://h:80/x" };
        for (size_t i = 0; i < ARRAY_LEN(same); i++) {
                struct url u = parsed(same[i]);
                assert_int_equal(url_format(&u, text, sizeof text, NULL), 0);
                assert_string_equal(text, same[i]);
        }
        struct url u = parsed("rtsp://h:554/x");
        assert_int_equal(url_format(&u, text, sizeof text, NULL), 0);
        assert_string_equal(text, "rtsp://h/x");
        assert_int_equal(url_format(&u, text, 10, NULL), ERR_INVALID);
}

/* RFC 2326 C.1.1, and what cameras send (fixtures rtsp/retina, rtsp/gortsplib-sdp). */
static void controls(void **state)
{
        (void)state;
        static const struct {
                const char *request, *base, *control, *expected;
        } cases[] = {
                { "rtsp://h/s", "", "*", "rtsp://h/s" },
                { "rtsp://h/s", "", "", "rtsp://h/s" },
                { "rtsp://h/s", "rtsp://h/s/", "*", "rtsp://h/s/" },
                { "rtsp://h/s", "", "trackID=1", "rtsp://h/s/trackID=1" },
                { "rtsp://h/s/", "", "trackID=1", "rtsp://h/s/trackID=1" },
                { "rtsp://h/s", "rtsp://h/other/ ", " track1 ", "rtsp://h/other/track1" },
                { "rtsp://h/s", "", "rtsp://x/audio", "rtsp://x/audio" },
                { "rtsps://h/s", "", "RTSPS://h/a", "RTSPS://h/a" },
                { "rtsp://h/s?a=1", "", "/video", "rtsp://h/video" },
                { "rtsp://h", "", "/video", "rtsp://h/video" },
                { "rtsp://h/s", "", "?ctype=video", "rtsp://h/s?ctype=video" },
                /* Dahua: the base's query stays in front. */
                { "rtsp://192.168.5.111:554/cam",
                        "rtsp://192.168.5.111:554/cam/"
                        "realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/",
                        "trackID=0",
                        "rtsp://192.168.5.111:554/cam/"
                        "realmonitor?channel=1&subtype=1&unicast=true&proto=Onvif/trackID=0" },
                /* Anjvision: no scheme. */
                { "rtsp://192.168.1.10/stream0", "192.168.1.10:554/stream0/", "trackID=1",
                        "rtsp://192.168.1.10/stream0/trackID=1" },
        };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                char to[URL_MAX];
                assert_int_equal(url_resolve(cases[i].request, bytes_str(cases[i].base),
                                         bytes_str(cases[i].control), to, sizeof to, NULL),
                        0);
                assert_string_equal(to, cases[i].expected);
        }
        char to[URL_MAX] = "kept", longer[URL_MAX];
        memset(longer, 'a', sizeof longer);
        assert_int_equal(url_resolve("rtsp://h/", BYTES(NULL, 0), BYTES(longer, sizeof longer), to,
                                 sizeof to, NULL),
                ERR_PROTOCOL);
        assert_int_equal(
                url_resolve("rtsp://h/", BYTES(NULL, 0), bytes_str("a b"), to, sizeof to, NULL),
                ERR_PROTOCOL);
        assert_int_equal(url_resolve("rtsp://h/", BYTES(NULL, 0), bytes_str("a\r\nX:1"), to,
                                 sizeof to, NULL),
                ERR_PROTOCOL);
        assert_string_equal(to, "kept");
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(parts), cmocka_unit_test(refused),
                cmocka_unit_test(formatted), cmocka_unit_test(controls) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
