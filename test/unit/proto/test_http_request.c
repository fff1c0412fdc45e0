/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/http_request.h"

#define GET "GET /x HTTP/1.1\r\nHost: a\r\n"
#define POST "POST /x HTTP/1.1\r\nHost: a\r\n"

/* Whole, and one byte short of it at every length. */
static struct http_request takes(struct bytes in, size_t expected_n)
{
        struct http_request r = { 0 };
        struct err e = { 0 };
        size_t n = 0;
        int status = 0;

        for (size_t i = 0; i < expected_n; i++)
                if (http_request_parse(bytes_sub(in, 0, i), &r, &n, &status, &e) != 0)
                        fail_msg("after %zu bytes: %d %s", i, status, e.text);
        if (http_request_parse(in, &r, &n, &status, &e) != 1)
                fail_msg("%d %s", status, e.text);
        assert_int_equal(n, expected_n);
        return r;
}

static struct http_request takes_text(const char *text)
{
        return takes(bytes_str(text), strlen(text));
}

static void refuses_bytes(struct bytes in, int expected, const char *text)
{
        struct http_request r;
        struct err e = { 0 };
        int status = 0, x = 0;
        size_t n = 7;

        /* the same answer whether it comes at once or byte by byte */
        assert_int_equal(http_request_parse(in, &r, &n, &status, &e), ERR_PROTOCOL);
        if (status != expected || !strstr(e.text, text))
                fail_msg("%.60s: %d %s", (const char *)in.p, status, e.text);
        for (size_t i = 0; x == 0 && i <= in.n; i++)
                x = http_request_parse(bytes_sub(in, 0, i), &r, &n, &status, &e);
        assert_int_equal(x, ERR_PROTOCOL);
        assert_int_equal(status, expected);
        assert_int_equal(n, 7);
}

static void refuses(const char *in, int expected, const char *text)
{
        refuses_bytes(bytes_str(in), expected, text);
}

static void test_get(void **state)
{
        const char *text = "GET /.well-known/est/cacerts?x=%41 HTTP/1.1\r\nhost: [::1]:8320\r\n"
                           "X-Empty:\r\nAccept:  a, b \t\r\naccept: c\r\n\r\n";
        struct http_request r = takes_text(text);

        (void)state;
        assert_string_equal(r.method, "GET");
        assert_string_equal(r.path, "/.well-known/est/cacerts");
        assert_true(r.has_query);
        assert_true(r.keep_alive);
        assert_int_equal(r.headers_n, 4);
        assert_int_equal(r.body.n, 0);
        assert_true(bytes_equal(http_request_header(&r, "Host"), bytes_str("[::1]:8320")));
        assert_true(bytes_equal(http_request_header(&r, "ACCEPT"), bytes_str("a, b")));
        assert_non_null(http_request_header(&r, "x-empty").p);
        assert_int_equal(http_request_header(&r, "x-empty").n, 0);
        assert_null(http_request_header(&r, "Authorization").p);
        assert_true(http_request_has_token(&r, "Accept", "A"));
        assert_true(http_request_has_token(&r, "Accept", "b"));
        assert_false(http_request_has_token(&r, "Accept", "a, b"));
        assert_false(http_request_has_token(&r, "Accept", "c"));
}

static void test_post_and_pipeline(void **state)
{
        const char *first = POST "Content-Length: 005\r\nConnection: x, Close\r\n\r\nhello";
        struct http_request r;
        char both[256];

        (void)state;
        snprintf(both, sizeof both, "%s%s", first, GET "\r\n");
        r = takes(bytes_str(both), strlen(first));
        assert_true(bytes_equal(r.body, bytes_str("hello")));
        assert_false(r.keep_alive);
        r = takes_text(POST "Content-Length: 0\r\n\r\n");
        assert_int_equal(r.body.n, 0);
        r = takes_text(POST "\r\n");
        assert_int_equal(r.body.n, 0);
        assert_false(r.has_query);
}

static void test_refuses_lines(void **state)
{
        (void)state;
        refuses("GET /x HTTP/1.1\nHost: a\n\n", 400, "LF alone");
        refuses("GET /x HTTP/1.1\r\nHost: a\n\r\n", 400, "LF alone");
        refuses("GET /x HTTP/1.1\r\nHost: a\rb\r\n\r\n", 400, "CR within");
        refuses("GET /x HTTP/1.1\r\r\nHost: a\r\n\r\n", 400, "CR within");
        refuses(GET "A: b\r\n c\r\n\r\n", 400, "folded");
        refuses(GET "A: b\r\n\tc\r\n\r\n", 400, "folded");
        refuses(GET "A: b\x01\r\n\r\n", 400, "printable");
        refuses(GET "A: b\x7f\r\n\r\n", 400, "printable");
        refuses(GET "A: \xc3\xa4\r\n\r\n", 400, "printable");
        refuses_bytes(BYTES("GET /x\0 HTTP/1.1\r\n", 19), 400, "printable");
        refuses_bytes(BYTES(GET "A: b\0c\r\n\r\n", sizeof GET - 1 + 10), 400, "printable");
        refuses("\x16\x03\x01", 400, "printable"); /* TLS within TLS */
        refuses(GET "A b\r\n\r\n", 400, "without a name");
        refuses(GET "A : b\r\n\r\n", 400, "without a name");
        refuses(GET ": b\r\n\r\n", 400, "without a name");
        refuses(GET "A(: b\r\n\r\n", 400, "without a name");
}

static void test_refuses_request_lines(void **state)
{
        char text[400];

        (void)state;
        refuses("\r\nGET / HTTP/1.1\r\n", 400, "request line");
        refuses("GET\r\n", 400, "request line");
        refuses("GET /\r\n", 400, "request line");
        refuses("GET  / HTTP/1.1\r\n", 400, "request line");
        refuses("GET / HTTP/1.1 \r\n", 400, "request line");
        refuses("GET / x HTTP/1.1\r\n", 400, "request line");
        refuses("GET / http/1.1\r\n", 400, "request line");
        refuses("GET / HTTP/11\r\n", 400, "request line");
        refuses("G(T / HTTP/1.1\r\n", 400, "request line");
        refuses(" GET / HTTP/1.1\r\n", 400, "request line");
        refuses("RTSP/1.0 200 OK\r\n", 400, "request line");
        refuses("GET / HTTP/1.0\r\n", 505, "HTTP/1.1 alone");
        refuses("GET / HTTP/2.0\r\n", 505, "HTTP/1.1 alone");
        refuses("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/1.1 alone");
        refuses("PROPFIND / HTTP/1.1\r\n", 501, "unknown method");
        refuses("GET https://a/x HTTP/1.1\r\n", 400, "not a path");
        refuses("GET a HTTP/1.1\r\n", 400, "not a path");
        refuses("OPTIONS * HTTP/1.1\r\n", 400, "not a path");
        refuses("CONNECT a:443 HTTP/1.1\r\n", 400, "not a path");
        refuses("GET /x#y HTTP/1.1\r\n", 400, "not a path");
        refuses("GET /x\ty HTTP/1.1\r\n", 400, "not a path");
        for (int n = 255; n <= 256; n++) {
                snprintf(
                        text, sizeof text, "GET /%0*d?query HTTP/1.1\r\nHost: a\r\n\r\n", n - 1, 0);
                if (n == 255)
                        takes_text(text);
                else
                        refuses(text, 414, "255 bytes");
        }
}

static void test_refuses_headers(void **state)
{
        static const char *const twice[] = { "Cookie: a=b", "Origin: a", "Host: a",
                "Content-Length: 1", "Expect: 100-continue", "Connection: close",
                "Upgrade: websocket", "Sec-WebSocket-Key: x", "Sec-WebSocket-Version: 13",
                "Sec-WebSocket-Protocol: x", "Authorization: Basic x", "Content-Type: x/y" };
        char text[12000];
        int at;

        (void)state;
        refuses("GET /x HTTP/1.1\r\n\r\n", 400, "without a Host");
        refuses("GET /x HTTP/1.1\r\nHost:\r\n\r\n", 400, "without a Host");
        refuses("GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n", 400, "Host is not");
        refuses("GET /x HTTP/1.1\r\nHost: a, b\r\n\r\n", 400, "Host is not");
        for (size_t i = 0; i < ARRAY_LEN(twice); i++) {
                snprintf(text, sizeof text, "POST / HTTP/1.1\r\n%s\r\n%s\r\n", twice[i], twice[i]);
                refuses(text, 400, "twice");
        }
        refuses(POST "Content-Length: 1\r\ncontent-length: 2\r\n\r\nab", 400, "twice");
        refuses(GET "Expect: something\r\n\r\n", 417, "Expect");

        for (int n = 39; n <= 40; n++) { /* beside Host */
                at = snprintf(text, sizeof text, GET);
                for (int i = 0; i < n; i++)
                        at += snprintf(text + at, sizeof text - (size_t)at, "X: y\r\n");
                snprintf(text + at, sizeof text - (size_t)at, "\r\n");
                if (n == 39)
                        takes_text(text);
                else
                        refuses(text, 431, "40 headers");
        }
        for (int n = 8192; n <= 8193; n++) { /* the whole head */
                at = snprintf(text, sizeof text, GET "X: ");
                at += snprintf(text + at, sizeof text - (size_t)at, "%0*d", n - at - 4, 0);
                snprintf(text + at, sizeof text - (size_t)at, "\r\n\r\n");
                if (n == 8192)
                        takes_text(text);
                else
                        refuses(text, 431, "8 KiB");
        }
        memset(text, 'G', 9000);
        refuses_bytes(BYTES(text, 9000), 414, "8 KiB");
}

static void test_refuses_bodies(void **state)
{
        (void)state;
        refuses(POST "Content-Length: +5\r\n\r\n", 400, "not a number");
        refuses(POST "Content-Length: -5\r\n\r\n", 400, "not a number");
        refuses(POST "Content-Length: 5, 5\r\n\r\n", 400, "not a number");
        refuses(POST "Content-Length: 0x5\r\n\r\n", 400, "not a number");
        refuses(POST "Content-Length:\r\n\r\n", 400, "not a number");
        refuses(POST "Content-Length: 99999999999999999999999\r\n\r\n", 400, "not a number");
        refuses(POST "Content-Length: 65537\r\n\r\n", 413, "64 KiB");
        refuses(POST "Content-Length: 9223372036854775807\r\n\r\n", 413, "64 KiB");
        refuses(POST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 411, "Content-Length is asked");
        refuses(POST "Transfer-Encoding: gzip\r\n\r\n", 501, "transfer coding");
        refuses(POST "Transfer-Encoding: xchunked\r\n\r\n", 501, "transfer coding");
        refuses(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", 400, "beside");
        refuses(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "beside");
}

static void test_largest_body(void **state)
{
        const char *head = POST "Content-Length: 65536\r\n\r\n";
        uint8_t *in = calloc(1, strlen(head) + 65536);
        struct http_request r;
        size_t n;
        int status;

        (void)state;
        memcpy(in, head, strlen(head));
        assert_int_equal(
                http_request_parse(BYTES(in, strlen(head) + 65535), &r, &n, &status, NULL), 0);
        assert_int_equal(
                http_request_parse(BYTES(in, strlen(head) + 65536), &r, &n, &status, NULL), 1);
        assert_int_equal(r.body.n, 65536);
        assert_int_equal(n, strlen(head) + 65536);
        free(in);
}

/* The people's port: its own limits, and what comes behind the head is not looked at. */
static void test_head(void **state)
{
        const struct http_request_limits few = { .head = 100, .headers = 2 };
        const char *text = POST "Content-Length: 9999999\r\n\r\nab";
        struct http_request r;
        uint64_t body_n = 7;
        size_t n = 7;
        int status = 0;

        (void)state;
        for (size_t i = 0; i < strlen(text) - 2; i++)
                assert_int_equal(
                        http_request_head(BYTES(text, i), &few, &r, &n, &body_n, &status, NULL), 0);
        assert_int_equal(
                http_request_head(bytes_str(text), &few, &r, &n, &body_n, &status, NULL), 1);
        assert_int_equal(n, strlen(text) - 2);
        assert_int_equal(body_n, 9999999);
        assert_int_equal(http_request_head(bytes_str(GET "A: b\r\nC: d\r\n\r\n"), &few, &r, &n,
                                 &body_n, &status, NULL),
                ERR_PROTOCOL);
        assert_int_equal(status, 431);
        text = GET
                "A: bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";
        assert_int_equal(http_request_head(bytes_str(text), &few, &r, &n, &body_n, &status, NULL),
                ERR_PROTOCOL);
        assert_int_equal(status, 431);
}

static void test_target(void **state)
{
        static const struct {
                const char *method, *target;
                int status;
        } rows[] = { { "GET", "/x", 0 }, { "GET", "/?", 0 }, { "G T", "/x", 400 },
                { "", "/x", 400 }, { "PROPFIND", "/x", 501 }, { "GET", "", 400 },
                { "GET", "x", 400 }, { "OPTIONS", "*", 400 }, { "GET", "http://a/x", 400 },
                { "GET", "/a b", 400 }, { "GET", "/a\x7f", 400 }, { "GET", "/a\xc3", 400 },
                { "GET", "/?a b", 400 }, { "GET", "/?a#b", 400 } };
        struct http_request r = { 0 };
        int status;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
                status = 0;
                int x = http_request_target(
                        bytes_str(rows[i].method), bytes_str(rows[i].target), &r, &status, NULL);
                if (status != rows[i].status || (x < 0) != (status > 0))
                        fail_msg("%s %s: %d", rows[i].method, rows[i].target, status);
        }
        assert_int_equal(http_request_target(
                                 bytes_str("HEAD"), bytes_str("/a%20b?c=%41?d"), &r, &status, NULL),
                0);
        assert_string_equal(r.method, "HEAD");
        assert_string_equal(r.path, "/a%20b");
        assert_true(r.has_query);
        assert_true(bytes_equal(r.query, bytes_str("c=%41?d")));
        assert_int_equal(
                http_request_target(bytes_str("GET"), bytes_str("/a"), &r, &status, NULL), 0);
        assert_string_equal(r.method, "GET"); /* nothing of the longer one is left */
        assert_string_equal(r.path, "/a");
        assert_false(r.has_query);
        assert_int_equal(r.query.n, 0);
        assert_true(http_request_is_single(bytes_str("hOST")));
        assert_false(http_request_is_single(bytes_str("Accept")));
        assert_true(http_request_is_text(bytes_str("a\tb~ ")));
        assert_false(http_request_is_text(bytes_str("a\x1f")));
        assert_false(http_request_is_text(bytes_str("\x7f")));
        assert_false(http_request_is_text(bytes_str("\x80")));
}

static void test_continue(void **state)
{
        const char *text = POST "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\nabc";
        const size_t head_n = strlen(text) - 3;

        (void)state;
        for (size_t i = 0; i <= strlen(text); i++)
                assert_int_equal(http_request_wants_continue(BYTES(text, i)), i == head_n);
        assert_false(http_request_wants_continue(bytes_str(POST "Content-Length: 3\r\n\r\n")));
        assert_false(http_request_wants_continue(bytes_str(POST "Expect: 100-continue\r\n\r\n")));
        assert_false(http_request_wants_continue(
                bytes_str(POST "Expect: 100-continue\r\nContent-Length: 70000\r\n\r\n")));
}

static int basic(const char *value, char *user, char *password)
{
        struct http_request r;
        char text[1200];
        size_t n;
        int status;

        snprintf(text, sizeof text, GET "Authorization: %s\r\n\r\n", value);
        assert_int_equal(http_request_parse(bytes_str(text), &r, &n, &status, NULL), 1);
        return http_request_basic(&r, user, 16, password, 16, NULL);
}

static void test_basic(void **state)
{
        char user[16] = "before", password[16] = "before", longest[1000];
        struct http_request r = takes_text(GET "\r\n");

        (void)state;
        assert_int_equal(http_request_basic(&r, user, 16, password, 16, NULL), ERR_NOT_FOUND);
        assert_int_equal(basic("Digest QTpi", user, password), ERR_NOT_FOUND);
        assert_int_equal(basic("Basic", user, password), ERR_INVALID);
        assert_int_equal(basic("Basic QTp", user, password), ERR_INVALID);      /* no base64 */
        assert_int_equal(basic("Basic QUJD", user, password), ERR_INVALID);     /* ABC */
        assert_int_equal(basic("Basic QTpiAA==", user, password), ERR_INVALID); /* A:b NUL */
        assert_int_equal(basic("Basic QTpi Cg==", user, password), ERR_INVALID);
        /* 16 bytes of user; of password */
        assert_int_equal(basic("Basic YWFhYWFhYWFhYWFhYWFhYTpi", user, password), ERR_INVALID);
        assert_int_equal(basic("Basic QTphYWFhYWFhYWFhYWFhYWFh", user, password), ERR_INVALID);
        snprintf(longest, sizeof longest, "Basic %0900d", 0);
        assert_int_equal(basic(longest, user, password), ERR_INVALID);
        assert_string_equal(user, "before");
        assert_string_equal(password, "before");
        assert_int_equal(basic("bAsIc QTpiOmM=", user, password), 0); /* A:b:c */
        assert_string_equal(user, "A");
        assert_string_equal(password, "b:c");
        assert_int_equal(basic("Basic Og==", user, password), 0); /* : */
        assert_string_equal(user, "");
        assert_string_equal(password, "");
}

static void test_answer(void **state)
{
        const char *const headers[] = { "Content-Type: text/plain", "X: y", NULL };
        const char *const split[] = { "X: y\r\nSet-Cookie: z", NULL };
        struct buf out;

        (void)state;
        buf_init(&out, 200);
        assert_int_equal(http_answer_format(200, headers, bytes_str("hello"), &out, NULL), 0);
        assert_int_equal(http_answer_format(101, NULL, BYTES(NULL, 0), &out, NULL), 0);
        assert_int_equal(buf_append(&out, BYTES("", 1), NULL), 0);
        assert_string_equal((const char *)out.p,
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nX: y\r\nContent-Length: 5\r\n\r\n"
                "helloHTTP/1.1 101 Switching Protocols\r\n\r\n");
        const size_t n = out.n;
        assert_int_equal(http_answer_format(200, split, BYTES(NULL, 0), &out, NULL), ERR_INVALID);
        assert_int_equal(http_answer_format(204, NULL, bytes_str("x"), &out, NULL), ERR_INVALID);
        assert_int_equal(http_answer_format(99, NULL, BYTES(NULL, 0), &out, NULL), ERR_INVALID);
        assert_int_equal(
                http_answer_format(200, NULL, BYTES(headers, 200), &out, NULL), ERR_EXHAUSTED);
        assert_int_equal(out.n, n);
        assert_string_equal(http_status_text(431), "Request Header Fields Too Large");
        buf_done(&out);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_get),
                cmocka_unit_test(test_post_and_pipeline),
                cmocka_unit_test(test_refuses_lines),
                cmocka_unit_test(test_refuses_request_lines),
                cmocka_unit_test(test_refuses_headers),
                cmocka_unit_test(test_refuses_bodies),
                cmocka_unit_test(test_largest_body),
                cmocka_unit_test(test_head),
                cmocka_unit_test(test_target),
                cmocka_unit_test(test_continue),
                cmocka_unit_test(test_basic),
                cmocka_unit_test(test_answer),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
