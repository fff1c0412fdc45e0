/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "proto/multipart.h"

struct got {
        char text[256]; /* the parts, each behind a bar */
};

static int on_part(void *owner, struct bytes part, struct err *e)
{
        struct got *g = owner;

        (void)e;
        snprintf(g->text + strlen(g->text), sizeof g->text - strlen(g->text), "|%.*s", (int)part.n,
                (const char *)part.p);
        return part.n == 4 && memcmp(part.p, "stop", 4) == 0 ? ERR_CANCELLED : 0;
}

/* In pieces of every size. */
static void parts(const char *boundary, const char *text, const char *expected)
{
        for (size_t step = 1; step <= strlen(text); step++) {
                struct bytes rest = bytes_str(text);
                struct got g = { "" };
                struct multipart m;

                assert_int_equal(multipart_init(&m, bytes_str(boundary), 64, NULL), 0);
                while (rest.n > 0) {
                        struct bytes piece = bytes_sub(rest, 0, step);

                        rest = bytes_sub(rest, piece.n, rest.n);
                        assert_int_equal(multipart_feed(&m, piece, on_part, &g, NULL), 0);
                }
                assert_string_equal(g.text, expected);
                multipart_done(&m);
        }
}

static void test_parts(void **state)
{
        (void)state;
        /* with a length: what looks like a boundary inside is content */
        parts("b",
                "--b\r\nContent-Type: image/jpeg\r\nContent-length: 9\r\n\r\none\r\n--b\r\n--b\r\n"
                "Content-Length:3\r\n\r\ntwo\r\n--b--\r\n",
                "|one\r\n--b\r|two");
        /* without */
        parts("b", "\r\n--b\r\n\r\none\r\n--b\r\nX: y\r\n\r\nt-w--o\r\n--b\r\n", "|one|t-w--o");
        /* lines that end in LF, something in front, hyphens in the boundary, an empty part */
        parts("--b", "hello\n--b\n\none\n--b\nContent-Length: 0\n\n\n--b\n\nthree\n--b\n",
                "|one||three");
        parts("b", "--b\r\n\r\n--b\r\n\r\nx\r\n--b", "||x");
}

static void test_refused(void **state)
{
        static const char *const bad[] = {
                "--b\r\nContent-Length: 65\r\n\r\n", "--b\r\nContent-Length: x\r\n\r\n",
                "--b\r\nContent-Length:\r\n\r\n",
                "--b\r\n\r\n0123456789012345678901234567890123456789012345678901234567890123456789"
        };
        static char line[MULTIPART_LINE_MAX + 2];
        struct got g = { "" };
        struct multipart m;
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                assert_int_equal(multipart_init(&m, bytes_str("b"), 64, NULL), 0);
                assert_int_equal(
                        multipart_feed(&m, bytes_str(bad[i]), on_part, &g, &e), ERR_PROTOCOL);
                assert_int_equal(e.fault, FAULT_BAD_ANSWER);
                multipart_done(&m);
        }
        memset(line, 'x', sizeof line - 1);
        assert_int_equal(multipart_init(&m, bytes_str("b"), 64, NULL), 0);
        assert_int_equal(multipart_feed(&m, bytes_str(line), on_part, &g, NULL), ERR_PROTOCOL);
        multipart_done(&m);
        assert_int_equal(multipart_init(&m, bytes_str(""), 64, NULL), ERR_PROTOCOL);
        assert_int_equal(multipart_init(&m, bytes_str(line), 64, NULL), ERR_PROTOCOL);
        assert_string_equal(g.text, "");
        assert_int_equal(multipart_init(&m, bytes_str("b"), 64, NULL), 0);
        assert_int_equal(
                multipart_feed(&m, bytes_str("--b\n\nstop\n--b\n\nx\n--b"), on_part, &g, NULL),
                ERR_CANCELLED);
        assert_string_equal(g.text, "|stop");
        multipart_done(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parts),
                cmocka_unit_test(test_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
