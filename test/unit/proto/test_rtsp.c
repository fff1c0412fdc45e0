/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "proto/rtsp.h"

static struct rtsp_message parsed(const char *text)
{
        struct rtsp_message m;
        struct err e = { 0 };

        if (rtsp_parse_head(bytes_str(text), &m, &e) < 0)
                fail_msg("%s", e.text);
        return m;
}

static void is(struct bytes b, const char *text)
{
        assert_non_null(b.p);
        assert_int_equal(b.n, strlen(text));
        assert_memory_equal(b.p, text, b.n);
}

static void responses(void **state)
{
        (void)state;
        struct rtsp_message m = parsed("RTSP/1.0 200 OK\r\nCseq: 7 \r\nContent-Length:  12\r\n"
                                       "WWW-Authenticate: a\r\nwww-authenticate: b\r\n\r\n");
        assert_false(m.is_request);
        assert_int_equal(m.status, 200);
        is(m.reason, "OK");
        assert_true(m.has_cseq);
        assert_int_equal(m.cseq, 7);
        assert_int_equal(m.content_length, 12);
        is(rtsp_header(&m, "WWW-AUTHENTICATE", 0), "a");
        is(rtsp_header(&m, "WWW-Authenticate", 1), "b");
        assert_null(rtsp_header(&m, "WWW-Authenticate", 2).p);
        m = parsed("RTSP/1.0 404\n\n");
        assert_int_equal(m.status, 404);
        assert_int_equal(m.reason.n, 0);
        assert_false(m.has_cseq);
}

/* fixtures protocol/rtsp/axis/answer_02.txt: Date comes behind a space, so it is part of Server. */
static void folded(void **state)
{
        (void)state;
        struct rtsp_message m = parsed("RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n"
                                       "Server: GStreamer RTSP server\r\n Date: Sat\r\n\r\n");
        assert_int_equal(m.headers_n, 2);
        is(rtsp_header(&m, "Server", 0), "GStreamer RTSP server\r\n Date: Sat");
        m = parsed("RTSP/1.0 200 OK\r\nSession:\r\n\t 12;timeout=5\r\nCSeq: 2\r\n\r\n");
        is(rtsp_header(&m, "Session", 0), "12;timeout=5");
        assert_int_equal(m.cseq, 2);
}

static void requests(void **state)
{
        (void)state;
        struct rtsp_message m = parsed("DESCRIBE rtsp://h/s RTSP/1.0\r\nCSeq: 1\r\n\r\n");
        assert_true(m.is_request);
        assert_true(rtsp_method_is(&m, "DESCRIBE"));
        assert_false(rtsp_method_is(&m, "DESCRIB"));
        is(m.uri, "rtsp://h/s");
        assert_true(rtsp_list_has(bytes_str("OPTIONS, get_parameter,PLAY"), "GET_PARAMETER"));
        assert_false(rtsp_list_has(bytes_str("OPTIONS, GET_PARAMETERS"), "GET_PARAMETER"));
        assert_false(rtsp_list_has(BYTES(NULL, 0), "X"));
}

static void refused(void **state)
{
        (void)state;
        static const char *const cases[] = { "", "\r\n", "HTTP/1.1 200 OK\r\n\r\n",
                "RTSP/1.0 20 OK\r\n\r\n", "RTSP/1.0 2000 OK\r\n\r\n", "RTSP/1.0 abc\r\n\r\n",
                "RTSP/1.0 099 x\r\n\r\n", "DESCRIBE rtsp://h\r\n\r\n", "DESCRIBE  RTSP/1.0\r\n\r\n",
                "DESCRIBE a b RTSP/1.0\r\n\r\n", "DES(RIBE a RTSP/1.0\r\n\r\n",
                "PLAY a RTSP/1.0\r\nno colon\r\n\r\n", "PLAY a RTSP/1.0\r\n: x\r\n\r\n",
                "PLAY a RTSP/1.0\r\n folded: x\r\n\r\n",
                "PLAY a RTSP/1.0\r\nContent-Length: x\r\n\r\n",
                "PLAY a RTSP/1.0\r\nContent-Length: -1\r\n\r\n",
                "PLAY a RTSP/1.0\r\nContent-Length: 65537\r\n\r\n",
                "PLAY a RTSP/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
                "PLAY a RTSP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n" };
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct rtsp_message m = { .status = 5 };
                assert_int_equal(rtsp_parse_head(bytes_str(cases[i]), &m, NULL), ERR_PROTOCOL);
                assert_int_equal(m.status, 5);
        }
        struct rtsp_message m;
        assert_int_equal(rtsp_parse_head(BYTES("PLAY a RTSP/1.0\r\nA: b\0c\r\n\r\n", 29), &m, NULL),
                ERR_PROTOCOL);
}

static void limits(void **state)
{
        (void)state;
        char text[8192];
        struct rtsp_message m;
        int n = sprintf(text, "RTSP/1.0 200 OK\r\n");
        for (int i = 0; i < RTSP_HEADERS_MAX; i++)
                n += sprintf(text + n, "H: %d\r\n", i);
        assert_int_equal(rtsp_parse_head(BYTES(text, n), &m, NULL), 0);
        n += sprintf(text + n, "H: x\r\n");
        assert_int_equal(rtsp_parse_head(BYTES(text, n), &m, NULL), ERR_PROTOCOL);
        n = sprintf(text, "RTSP/1.0 200 OK\r\nH:");
        memset(text + n, 'a', RTSP_LINE_MAX);
        assert_int_equal(rtsp_parse_head(BYTES(text, n + RTSP_LINE_MAX - 2), &m, NULL), 0);
        assert_int_equal(
                rtsp_parse_head(BYTES(text, n + RTSP_LINE_MAX - 1), &m, NULL), ERR_PROTOCOL);
}

static void sessions(void **state)
{
        (void)state;
        struct rtsp_session s;
        assert_int_equal(rtsp_session_parse(bytes_str("ghLlkf_I9pCBP24t;timeout=30"), &s, NULL), 0);
        assert_string_equal(s.id, "ghLlkf_I9pCBP24t");
        assert_int_equal(s.timeout_s, 30);
        assert_int_equal(rtsp_session_parse(bytes_str("A; timeout=47"), &s, NULL), 0);
        assert_int_equal(s.timeout_s, 47);
        assert_int_equal(rtsp_session_parse(bytes_str("136527041864"), &s, NULL), 0);
        assert_int_equal(s.timeout_s, 60);
        assert_int_equal(rtsp_session_parse(bytes_str("A;timeout=0;x"), &s, NULL), 0);
        assert_int_equal(s.timeout_s, 60);
        assert_int_equal(rtsp_session_parse(bytes_str(""), &s, NULL), ERR_PROTOCOL);
        assert_int_equal(rtsp_session_parse(bytes_str(";timeout=3"), &s, NULL), ERR_PROTOCOL);
        assert_int_equal(rtsp_session_parse(bytes_str("a b"), &s, NULL), ERR_PROTOCOL);
        char longer[400];
        memset(longer, 'x', sizeof longer);
        assert_int_equal(rtsp_session_parse(BYTES(longer, sizeof longer), &s, NULL), ERR_PROTOCOL);
}

/* fixtures protocol/rtsp/retina/reolink_play.txt, gortsplib-headers.json, axis answer_04. */
static void rtp_info(void **state)
{
        (void)state;
        struct rtsp_info info[RTSP_INFO_MAX];
        assert_int_equal(
                rtsp_info_parse(
                        bytes_str("url=trackID=1;seq=16852;rtptime=1070938629;ssrc=dcc4a0d8,"
                                  "url=trackID=2;seq=39409;rtptime=3075976528;ssrc=9fc9fff8"),
                        info, NULL),
                2);
        is(info[0].url, "trackID=1");
        assert_int_equal(info[0].sequence, 16852);
        assert_int_equal(info[1].rtp_time, 3075976528u);
        assert_int_equal(
                rtsp_info_parse(bytes_str("url=rtsp://127.0.0.1/test.mkv/track1;rtptime=717574556"),
                        info, NULL),
                1);
        assert_false(info[0].has_sequence);
        assert_true(info[0].has_time);
        assert_int_equal(rtsp_info_parse(bytes_str("url=rtsp://h/a,b;seq=1, url=rtsp://h/c;seq=2"),
                                 info, NULL),
                2);
        is(info[0].url, "rtsp://h/a,b");
        is(info[1].url, "rtsp://h/c");
        assert_int_equal(rtsp_info_parse(bytes_str("seq=1"), info, NULL), ERR_PROTOCOL);
        assert_int_equal(rtsp_info_parse(bytes_str(""), info, NULL), 0);
        char many[400] = "";
        for (int i = 0; i < 17; i++)
                strcat(many, "url=a;seq=1,");
        assert_int_equal(rtsp_info_parse(bytes_str(many), info, NULL), ERR_PROTOCOL);
}

static void formatted(void **state)
{
        (void)state;
        struct buf out;
        buf_init(&out, 4096);
        const struct rtsp_line lines[] = { { "Accept", "application/sdp" }, { "Session", NULL },
                { "User-Agent", "Custos" } };
        assert_int_equal(rtsp_format_request(&out, "DESCRIBE", "rtsps://h/s", 3, lines, 3,
                                 BYTES(NULL, 0), NULL),
                0);
        is(buf_bytes(&out),
                "DESCRIBE rtsps://h/s RTSP/1.0\r\nCSeq: 3\r\nAccept: application/sdp\r\n"
                "User-Agent: Custos\r\n\r\n");
        buf_clear(&out);
        assert_int_equal(rtsp_format_response(&out, 454, 9, NULL, 0, bytes_str("abc"), NULL), 0);
        is(buf_bytes(&out),
                "RTSP/1.0 454 Session Not Found\r\nCSeq: 9\r\nContent-Length: 3\r\n\r\nabc");
        size_t before = out.n;
        const struct rtsp_line evil[] = { { "Session", "a\r\nX: y" } };
        assert_int_equal(
                rtsp_format_request(&out, "PLAY", "rtsp://h/", 1, evil, 1, BYTES(NULL, 0), NULL),
                ERR_INVALID);
        assert_int_equal(
                rtsp_format_request(&out, "PLAY", "rtsp://h/ x", 1, NULL, 0, BYTES(NULL, 0), NULL),
                ERR_INVALID);
        assert_int_equal(
                rtsp_format_request(&out, "PL\nAY", "rtsp://h/", 1, NULL, 0, BYTES(NULL, 0), NULL),
                ERR_INVALID);
        assert_int_equal(out.n, before);
        buf_done(&out);
        uint8_t head[RTSP_FRAME_HEAD];
        rtsp_frame_head(head, 3, 0x1234);
        assert_memory_equal(head, "$\x03\x12\x34", 4);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(responses), cmocka_unit_test(folded),
                cmocka_unit_test(requests), cmocka_unit_test(refused), cmocka_unit_test(limits),
                cmocka_unit_test(sessions), cmocka_unit_test(rtp_info),
                cmocka_unit_test(formatted) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
