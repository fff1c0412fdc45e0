/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "proto/tunnel.h"

#define ASSERT_TEXT(b, text) assert_true(bytes_equal(b, bytes_str(text)))

static void test_answer(void **state)
{
        static const char text[] = "HTTP/1.0 401 Not you\r\nWWW-Authenticate: Basic\r\n"
                                   "www-authenticate:  Digest realm=\"x\" \r\nContent-Length: 5\r\n"
                                   "\r\nhello";
        struct http_answer a;

        (void)state;
        for (size_t n = 0; n < sizeof text - 1 - 5; n++)
                assert_int_equal(http_answer_parse(BYTES(text, n), &a, NULL), ERR_AGAIN);
        assert_int_equal(http_answer_parse(bytes_str(text), &a, NULL), sizeof text - 1 - 5);
        assert_int_equal(a.status, 401);
        ASSERT_TEXT(a.reason, "Not you");
        assert_int_equal(a.body, HTTP_BODY_LENGTH);
        assert_int_equal(a.length, 5);
        assert_false(a.stays_open); /* 1.0 says nothing of it */
        ASSERT_TEXT(http_answer_header(&a, "WWW-AUTHENTICATE", 0), "Basic");
        ASSERT_TEXT(http_answer_header(&a, "WWW-Authenticate", 1), "Digest realm=\"x\"");
        assert_null(http_answer_header(&a, "WWW-Authenticate", 2).p);
}

static void test_where_the_body_ends(void **state)
{
        static const struct {
                const char *text;
                enum http_body body;
                bool stays_open;
        } cases[] = {
                { "HTTP/1.1 200 OK\r\n\r\n", HTTP_BODY_CLOSE, false },
                { "HTTP/1.1 200 OK\nContent-Length: 0\n\n", HTTP_BODY_LENGTH, true },
                { "HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n", HTTP_BODY_CHUNKED, true },
                { "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: Close\r\n\r\n",
                        HTTP_BODY_LENGTH, false },
                { "HTTP/1.0 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\n",
                        HTTP_BODY_LENGTH, true },
                { "HTTP/1.1 204 No\r\n\r\n", HTTP_BODY_LENGTH, true },
        };
        struct http_answer a;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                assert_true(http_answer_parse(bytes_str(cases[i].text), &a, NULL) > 0);
                assert_int_equal(a.body, cases[i].body);
                assert_int_equal(a.stays_open, cases[i].stays_open);
        }
}

static void test_answers_refused(void **state)
{
        static const char *const bad[] = { "RTSP/1.0 200 OK\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n",
                "HTTP/1.1 20 OK\r\n\r\n", "HTTP/1.1 2000 OK\r\n\r\n", "HTTP/1.1 600 OK\r\n\r\n",
                "<html>", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "HTTP/1.1 200 OK\r\n a: b\r\n\r\n",
                "HTTP/1.1 200 OK\r\na b: c\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n" };
        static char long_head[HTTP_HEAD_MAX + 64] = "HTTP/1.1 200 OK\r\nx: ";
        struct http_answer a = { .status = 7 };
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                if (http_answer_parse(bytes_str(bad[i]), &a, &e) != ERR_PROTOCOL)
                        fail_msg("taken: %s", bad[i]);
                assert_int_equal(e.fault, FAULT_BAD_ANSWER);
                assert_int_equal(a.status, 7);
        }
        memset(long_head + strlen(long_head), 'x', sizeof long_head - strlen(long_head) - 1);
        assert_int_equal(
                http_answer_parse(BYTES(long_head, HTTP_HEAD_MAX - 1), &a, NULL), ERR_AGAIN);
        assert_int_equal(
                http_answer_parse(BYTES(long_head, HTTP_HEAD_MAX), &a, NULL), ERR_PROTOCOL);
}

static void test_content_type(void **state)
{
        struct bytes t = bytes_str("Multipart/X-Mixed-Replace ; charset=x;boundary=\"a;b c\"");

        (void)state;
        assert_true(http_type_is(t, "multipart/x-mixed-replace"));
        assert_false(http_type_is(t, "multipart/mixed"));
        ASSERT_TEXT(http_type_parameter(t, "boundary"), "a;b c");
        ASSERT_TEXT(http_type_parameter(bytes_str("a/b; boundary=--x"), "BOUNDARY"), "--x");
        assert_null(http_type_parameter(bytes_str("a/b; c=d"), "boundary").p);
        assert_null(http_type_parameter(BYTES(NULL, 0), "boundary").p);
}

static void test_chunks(void **state)
{
        static const char text[] = "5;x=\"1\"\r\nhello\r\n00a \r\n, chunked \r\n6\nworld!\n0\r\n"
                                   "Trailer: 5\r\n\r\nnext";

        (void)state;
        for (size_t step = 1; step < sizeof text; step++) {
                struct bytes all = bytes_str(text);
                struct http_chunks c = { 0 };
                char got[64] = "";
                int r = 0;

                while (r != 2) {
                        struct bytes piece = bytes_sub(all, 0, step), body;

                        assert_true(piece.n > 0);
                        all = bytes_sub(all, piece.n, all.n);
                        while ((r = http_chunks_pull(&c, &piece, &body, NULL)) == 1)
                                strncat(got, (const char *)body.p, body.n);
                        assert_true(r >= 0);
                        if (r == 2)
                                assert_int_equal(piece.n + all.n, 4); /* "next" */
                }
                assert_string_equal(got, "hello, chunked world!");
        }
}

static void test_chunks_refused(void **state)
{
        static const char *const bad[] = { "\r\n", "x\r\n", "-1\r\n", "5x\r\n", "4000001\r\n",
                "fffffffffffffffff\r\n", "1\r\nab\r\n", ";\r\n" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct http_chunks c = { 0 };
                struct bytes b = bytes_str(bad[i]), body;
                int r;

                while ((r = http_chunks_pull(&c, &b, &body, NULL)) == 1)
                        ;
                if (r != ERR_PROTOCOL)
                        fail_msg("taken: %s", bad[i]);
        }
}

/* QuickTime's own example of the two requests, but for what differs from client to client. */
static void test_tunnel_heads(void **state)
{
        static const uint8_t cookie[TUNNEL_COOKIE_BYTES] = { 0xb4, 0x3f, 0x61, 0x2a };
        struct url u;
        struct buf b;

        (void)state;
        assert_int_equal(url_parse("https://[fd00::5]:8443/a?b=c", &u, NULL), 0);
        buf_init(&b, 4096);
        assert_int_equal(tunnel_get_format(&b, &u, cookie, NULL, NULL), 0);
        assert_int_equal(buf_append(&b, BYTES("", 1), NULL), 0);
        assert_string_equal((char *)b.p, "GET /a?b=c HTTP/1.1\r\nHost: [fd00::5]:8443\r\n"
                                         "User-Agent: Custos\r\n"
                                         "x-sessioncookie: tD9hKgAAAAAAAAAAAAAAAA\r\n"
                                         "Accept: application/x-rtsp-tunnelled\r\n"
                                         "Pragma: no-cache\r\nCache-Control: no-cache\r\n\r\n");
        buf_clear(&b);
        assert_int_equal(tunnel_post_format(&b, &u, cookie, "Digest x", NULL), 0);
        assert_int_equal(buf_append(&b, BYTES("", 1), NULL), 0);
        assert_non_null(strstr((char *)b.p, "POST /a?b=c HTTP/1.1\r\n"));
        assert_non_null(strstr((char *)b.p, "\r\nx-sessioncookie: tD9hKgAAAAAAAAAAAAAAAA\r\n"));
        assert_non_null(strstr((char *)b.p, "\r\nContent-Type: application/x-rtsp-tunnelled\r\n"));
        assert_non_null(strstr((char *)b.p, "\r\nContent-Length: 32767\r\n"));
        assert_non_null(strstr((char *)b.p, "\r\nAuthorization: Digest x\r\n\r\n"));
        buf_clear(&b);
        assert_int_equal(
                tunnel_post_format(&b, &u, cookie, "Digest x\r\nEvil: 1", NULL), ERR_INVALID);
        assert_int_equal(b.n, 0);
        assert_int_equal(tunnel_encode(&b, bytes_str("OPTIONS"), NULL), 0);
        ASSERT_TEXT(buf_bytes(&b), "T1BUSU9OUw==");
        buf_done(&b);
}

static void test_what_came_on_the_post(void **state)
{
        (void)state;
        assert_int_equal(tunnel_answer_kind(bytes_str("")), TUNNEL_MORE);
        assert_int_equal(tunnel_answer_kind(bytes_str("HTT")), TUNNEL_MORE);
        assert_int_equal(tunnel_answer_kind(bytes_str("R")), TUNNEL_MORE);
        assert_int_equal(tunnel_answer_kind(bytes_str("HTTP/1.1")), TUNNEL_HTTP);
        assert_int_equal(tunnel_answer_kind(bytes_str("RTSP/1.0")), TUNNEL_RTSP);
        assert_int_equal(tunnel_answer_kind(bytes_str("HTMP/")), TUNNEL_OTHER);
        assert_int_equal(tunnel_answer_kind(bytes_str("<")), TUNNEL_OTHER);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_answer),
                cmocka_unit_test(test_where_the_body_ends),
                cmocka_unit_test(test_answers_refused),
                cmocka_unit_test(test_content_type),
                cmocka_unit_test(test_chunks),
                cmocka_unit_test(test_chunks_refused),
                cmocka_unit_test(test_tunnel_heads),
                cmocka_unit_test(test_what_came_on_the_post),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
