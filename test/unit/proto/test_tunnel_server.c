/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/str.h"
#include "proto/tunnel_server.h"

#define COOKIE "0123456789abcdef"
#define GET "GET /cam HTTP/1.0\r\nx-sessioncookie: " COOKIE "\r\n\r\n"
#define POST_OF(n)                                                                                 \
        "POST /cam HTTP/1.0\r\nX-SessionCookie: " COOKIE "\r\nContent-Length: " n "\r\n\r\n"

static void test_first_bytes(void **state)
{
        static const struct {
                const char *text;
                enum tunnel_server_look is;
        } looks[] = {
                { "", TUNNEL_SERVER_UNSURE },
                { "G", TUNNEL_SERVER_UNSURE },
                { "GET", TUNNEL_SERVER_UNSURE },
                { "GET /", TUNNEL_SERVER_YES },
                { "GET_PARAMETER rtsp://h/ RTSP/1.0", TUNNEL_SERVER_NO },
                { "P", TUNNEL_SERVER_UNSURE },
                { "POST", TUNNEL_SERVER_UNSURE },
                { "POST /", TUNNEL_SERVER_YES },
                { "PLAY rtsp://h/ RTSP/1.0", TUNNEL_SERVER_NO },
                { "PAUSE", TUNNEL_SERVER_NO },
                { "OPTIONS", TUNNEL_SERVER_NO },
                { "$", TUNNEL_SERVER_NO },
                { "\x16\x03\x01", TUNNEL_SERVER_NO },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(looks); i++)
                if (tunnel_server_look(bytes_str(looks[i].text)) != looks[i].is)
                        fail_msg("%s is taken for another thing", looks[i].text);
}

static void test_heads(void **state)
{
        struct tunnel_server_head h;

        (void)state;
        assert_int_equal(tunnel_server_parse(bytes_str(GET "rest"), &h, NULL), 1);
        assert_false(h.is_post);
        assert_string_equal(h.cookie, COOKIE);
        assert_int_equal(h.n, strlen(GET));
        assert_int_equal(tunnel_server_parse(bytes_str(POST_OF("32767")), &h, NULL), 1);
        assert_true(h.is_post);
        assert_int_equal(h.body_bytes, 32767);
        assert_int_equal(
                tunnel_server_parse(
                        bytes_str("POST / HTTP/1.1\nx-sessioncookie:" COOKIE "\n\n"), &h, NULL),
                1);
        assert_true(h.body_bytes == UINT64_MAX);
        for (size_t i = 0; i < strlen(GET); i++)
                assert_int_equal(tunnel_server_parse(BYTES(GET, i), &h, NULL), 0);
}

static void test_heads_that_are_refused(void **state)
{
        static const struct {
                const char *head, *why;
        } heads[] = {
                { "GET /cam HTTP/1.0\r\nHost: x\r\n\r\n", "no x-sessioncookie" },
                { "GET /cam HTTP/2.0\r\nx-sessioncookie: " COOKIE "\r\n\r\n", "HTTP/1.0 or" },
                { "GET /cam RTSP/1.0\r\nx-sessioncookie: " COOKIE "\r\n\r\n", "HTTP/1.0 or" },
                { "GET /cam HTTP/1.0\r\nx-sessioncookie: 123456789abcdef\r\n\r\n",
                        "15 characters" },
                { "GET /cam HTTP/1.0\r\nx-sessioncookie: " COOKIE "\r\nx-sessioncookie: " COOKIE
                  "\r\n\r\n",
                        "two x-sessioncookie" },
                { "POST /cam HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 2\r\n"
                  "x-sessioncookie: " COOKIE "\r\n\r\n",
                        "two different" },
                { POST_OF("-1"), "not a number" },
                { POST_OF("99999999999999999999"), "not a number" },
                { "POST /cam HTTP/1.1\r\nTransfer-Encoding: chunked\r\nx-sessioncookie: " COOKIE
                  "\r\n\r\n",
                        "Transfer-Encoding" },
                { "GET /cam HTTP/1.0\r\n: " COOKIE "\r\n\r\n", "without a name" },
                { "GET /cam HTTP/1.0\r\nA: b\r\n x-sessioncookie: " COOKIE "\r\n\r\n",
                        "without a name" },
                { "GET /\x01 HTTP/1.0\r\nx-sessioncookie: " COOKIE "\r\n\r\n", "line 1" },
                { "GET / HTTP/1.0\r\nx-sessioncookie: " COOKIE "\x7f\r\n\r\n", "line 2" },
        };
        char many[TUNNEL_SERVER_HEAD_MAX + 1];
        struct tunnel_server_head h;
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(heads); i++) {
                assert_int_equal(
                        tunnel_server_parse(bytes_str(heads[i].head), &h, &e), ERR_PROTOCOL);
                if (!strstr(e.text, heads[i].why))
                        fail_msg("%s: %s", heads[i].head, e.text);
        }
        memset(many, 'a', sizeof many);
        memcpy(many, "GET /", 5);
        assert_int_equal(tunnel_server_parse(BYTES(many, sizeof many), &h, &e), ERR_PROTOCOL);
        assert_non_null(strstr(e.text, "longer than"));
        memcpy(many, "GET / HTTP/1.0\r\n", 16);
        for (size_t i = 16; i + 6 < 600; i += 6)
                memcpy(many + i, "a: b\r\n", 6);
        memcpy(many + 600, "\r\n\r\n", 4);
        assert_int_equal(tunnel_server_parse(BYTES(many, 604), &h, &e), ERR_PROTOCOL);
        assert_non_null(strstr(e.text, "more than"));
}

/* Feeds text in pieces of step bytes; returns the result, what was decoded in to. */
static int feed(const char *text, size_t step, char *to, struct err *e)
{
        struct tunnel_server_head h;
        struct tunnel_server t;
        struct buf out;
        size_t at;
        int r = 0;

        assert_int_equal(tunnel_server_parse(bytes_str(text), &h, e), 1);
        at = h.n;
        tunnel_server_init(&t, &h);
        buf_init(&out, 65536);
        while (r >= 0 && at < strlen(text)) {
                const struct bytes piece = bytes_sub(bytes_str(text), at, step);

                r = tunnel_server_feed(&t, piece, &out, e);
                at += piece.n;
        }
        memcpy(to, out.n ? out.p : (const uint8_t *)"", out.n);
        to[out.n] = 0;
        buf_done(&out);
        tunnel_server_done(&t);
        return r;
}

/* RFC 4648 section 10, each for itself and one behind the other. */
static void test_bodies(void **state)
{
        static const struct {
                const char *text, *is;
        } bodies[] = {
                { POST_OF("32767") "Zg==", "f" },
                { POST_OF("32767") "Zg==Zm8=Zm9vZm9vYg==", "ffofoofoob" },
                { POST_OF("32767") "Zm9v\r\nYmE=\r\n", "fooba" },
                { POST_OF("4") "Zm9vYmE=", "fooba" },                     /* goes on past it */
                { POST_OF("4") "Zm9v" POST_OF("4") "YmE=", "fooba" },     /* another POST */
                { POST_OF("4") "Zm9v\r\n" POST_OF("4") "YmE=", "fooba" }, /* behind a line break */
                { POST_OF("0") POST_OF("8") "Zm9vYmE=", "fooba" },
                { POST_OF("4") "Zm9vPOSA", "foo<\xe4\x80" }, /* base64 that begins like one */
                { POST_OF("4") "Zm9vP", "foo" },
        };
        char got[256];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
                for (size_t step = 1; step < 200; step = step * 3 + 1) {
                        assert_int_equal(feed(bodies[i].text, step, got, NULL), 0);
                        assert_string_equal(got, bodies[i].is);
                }
}

static void test_bodies_that_are_refused(void **state)
{
        static const struct {
                const char *text, *why;
        } bodies[] = {
                { POST_OF("99") "Zm9v!", "0x21" },
                { POST_OF("99") "Zm 9v", "0x20" },
                { POST_OF("99") "=m9v", "wrong place" },
                { POST_OF("99") "Z=9v", "wrong place" },
                { POST_OF("99") "Zg=v", "wrong place" },
                { POST_OF("99") "Zh==", "bits behind" },
                { POST_OF("99") "Zm9=", "bits behind" },
                { POST_OF("99") "Zg==\x80", "0x80" },
                { POST_OF("4") "Zm9vPOST / HTTP/1.0\r\nx-sessioncookie: 1123456789abcdef\r\n\r\n",
                        "another tunnel's" },
                { POST_OF("4") "Zm9vPOST / RTSP/1.0\r\n\r\n", "HTTP/1.0 or" },
        };
        char got[256];
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bodies); i++)
                for (size_t step = 1; step < 200; step = step * 3 + 1) {
                        assert_int_equal(feed(bodies[i].text, step, got, &e), ERR_PROTOCOL);
                        if (!strstr(e.text, bodies[i].why))
                                fail_msg("%s: %s", bodies[i].text, e.text);
                }
}

/* Another POST's head is bounded, however slowly it comes. */
static void test_endless_second_head(void **state)
{
        struct tunnel_server_head h;
        struct tunnel_server t;
        struct buf out;
        struct err e;
        int r = 0;

        (void)state;
        assert_int_equal(tunnel_server_parse(bytes_str(POST_OF("0")), &h, NULL), 1);
        tunnel_server_init(&t, &h);
        buf_init(&out, 65536);
        assert_int_equal(tunnel_server_feed(&t, bytes_str("POST /"), &out, NULL), 0);
        for (unsigned i = 0; r == 0 && i <= TUNNEL_SERVER_HEAD_MAX; i++)
                r = tunnel_server_feed(&t, bytes_str("a"), &out, &e);
        assert_int_equal(r, ERR_PROTOCOL);
        assert_true(t.head.room <= 2 * TUNNEL_SERVER_HEAD_MAX);
        buf_done(&out);
        tunnel_server_done(&t);
}

static void test_answers(void **state)
{
        struct buf out;

        (void)state;
        buf_init(&out, 4096);
        assert_int_equal(tunnel_server_answer(&out, 200, NULL), 0);
        assert_int_equal(buf_append(&out, BYTES("", 1), NULL), 0);
        assert_non_null(strstr((char *)out.p, "Content-Type: application/x-rtsp-tunnelled\r\n"));
        assert_null(strstr((char *)out.p, "Content-Length"));
        buf_clear(&out);
        assert_int_equal(tunnel_server_answer(&out, 404, NULL), 0);
        assert_memory_equal(out.p, "HTTP/1.0 404 Not Found\r\n", 24);
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_first_bytes),
                cmocka_unit_test(test_heads),
                cmocka_unit_test(test_heads_that_are_refused),
                cmocka_unit_test(test_bodies),
                cmocka_unit_test(test_bodies_that_are_refused),
                cmocka_unit_test(test_endless_second_head),
                cmocka_unit_test(test_answers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
