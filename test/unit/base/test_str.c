/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/str.h"

static void test_hex(void **state)
{
        static const uint8_t raw[] = { 0x00, 0x9f, 0xa0, 0xff };
        char text[9];
        uint8_t back[4] = { 7, 7, 7, 7 };
        struct err e;

        (void)state;
        assert_string_equal(str_hex(text, BYTES(raw, 4)), "009fa0ff");
        assert_string_equal(str_hex(text, BYTES(raw, 0)), "");
        assert_int_equal(str_unhex(back, 4, "009fA0Ff", &e), 0);
        assert_memory_equal(back, raw, 4);
        memset(back, 7, 4);
        assert_int_equal(str_unhex(back, 4, "009fa0f", &e), ERR_INVALID);
        assert_int_equal(str_unhex(back, 4, "009fa0ff0", &e), ERR_INVALID);
        assert_int_equal(str_unhex(back, 4, "009fa0fg", &e), ERR_INVALID);
        assert_int_equal(str_unhex(back, 4, "0x9fa0ff", &e), ERR_INVALID);
        assert_memory_equal(back, "\7\7\7\7", 4); /* untouched */
}

/* RFC 4648 section 10. */
static const char *const base64[][2] = { { "", "" }, { "f", "Zg==" }, { "fo", "Zm8=" },
        { "foo", "Zm9v" }, { "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" } };

static void test_base64(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(base64); i++) {
                char text[STR_BASE64_ROOM(6)];
                uint8_t back[6];
                size_t n = strlen(base64[i][0]);
                assert_string_equal(str_base64(text, bytes_str(base64[i][0])), base64[i][1]);
                assert_int_equal(str_unbase64(back, n, bytes_str(base64[i][1]), NULL), n);
                assert_memory_equal(back, base64[i][0], n);
        }
        static const uint8_t high[] = { 0xfb, 0xff, 0xfe };
        char text[5];
        assert_string_equal(str_base64(text, BYTES(high, 3)), "+//+");
}

static void test_base64_refuses(void **state)
{
        static const char *const bad[] = { "Z", "Zg", "Zg=", "Zg===", "=", "====", "Z===", "Zm9v\n",
                "Zm 9", "Zm9-", "Zm9_", "Zg==Zg==", "Z=g=", "Zm9vYg==\n\n\n\n" };
        uint8_t to[16];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(str_unbase64(to, sizeof to, bytes_str(bad[i]), NULL), ERR_INVALID);
        assert_int_equal(str_unbase64(to, sizeof to, BYTES("Zm\0v", 4), NULL), ERR_INVALID);
        assert_int_equal(str_unbase64(to, 2, bytes_str("Zm9v"), NULL), ERR_EXHAUSTED);
}

/* The same without padding, and the one text alone that encoding makes. */
static void test_base64url(void **state)
{
        static const char *const good[][2] = { { "", "" }, { "f", "Zg" }, { "fo", "Zm8" },
                { "foo", "Zm9v" }, { "foob", "Zm9vYg" }, { "fooba", "Zm9vYmE" },
                { "foobar", "Zm9vYmFy" } };
        static const char *const bad[] = { "Z", "Zg=", "Zg==", "Zm9vY", "Zm9v\n", "Zm 9", "Zm9+",
                "Zm9/", "Zm9v=", "=", "Zh", "Zn", "Zm9", "Zm-", ".Zm8" };
        static const uint8_t high[] = { 0xfb, 0xff, 0xfe };
        char text[STR_BASE64_ROOM(6)];
        uint8_t to[16];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
                size_t n = strlen(good[i][0]);
                assert_string_equal(str_base64url(text, bytes_str(good[i][0])), good[i][1]);
                assert_int_equal(str_unbase64url(to, n, bytes_str(good[i][1]), NULL), n);
                assert_memory_equal(to, good[i][0], n);
        }
        assert_string_equal(str_base64url(text, BYTES(high, 3)), "-__-");
        assert_int_equal(str_unbase64url(to, 3, bytes_str("-__-"), NULL), 3);
        assert_memory_equal(to, high, 3);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                if (str_unbase64url(to, sizeof to, bytes_str(bad[i]), NULL) != ERR_INVALID)
                        fail_msg("%s", bad[i]);
        assert_int_equal(str_unbase64url(to, sizeof to, BYTES("Zm\0v", 4), NULL), ERR_INVALID);
        assert_int_equal(str_unbase64url(to, 2, bytes_str("Zm9v"), NULL), ERR_EXHAUSTED);
}

static void test_uint(void **state)
{
        static const char *const bad[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1.0",
                "18446744073709551616", "99999999999999999999999" };
        uint64_t v = 7;
        struct err e;

        (void)state;
        assert_int_equal(str_uint("0", 0, 10, &v, &e), 0);
        assert_int_equal(v, 0);
        assert_int_equal(str_uint("0010", 0, 10, &v, &e), 0);
        assert_int_equal(v, 10);
        assert_int_equal(str_uint("18446744073709551615", 0, UINT64_MAX, &v, &e), 0);
        assert_true(v == UINT64_MAX);
        v = 7;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(str_uint(bad[i], 0, UINT64_MAX, &v, &e), ERR_INVALID);
        assert_int_equal(str_uint("11", 0, 10, &v, &e), ERR_INVALID);
        assert_string_equal(e.text, "11 is outside 0..10");
        assert_int_equal(str_uint("1", 2, 10, &v, &e), ERR_INVALID);
        assert_int_equal(v, 7);
}

static void test_names(void **state)
{
        char name[70];

        (void)state;
        memset(name, 'a', sizeof name);
        name[63] = '\0';
        assert_true(str_is_camera(name));
        name[63] = 'a';
        name[64] = '\0';
        assert_false(str_is_camera(name));
        assert_true(str_is_camera("lobby-2"));
        assert_true(str_is_camera("0"));
        static const char *const bad[] = { "", "-a", "a-", "A", "a_b", "a.b", "a/b", "..", "a b",
                "\xc3\xa4", "a\n" };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_false(str_is_camera(bad[i]));
        assert_true(str_is_stream("main"));
        assert_true(str_is_stream("0123456789abcdef"));
        assert_false(str_is_stream("0123456789abcdefg"));
        assert_false(str_is_stream(""));
        assert_false(str_is_stream("a-b"));
        assert_false(str_is_stream("Main"));
}

/* Expected: date -u -d @N. */
static const struct {
        int64_t s;
        const char *text;
} times[] = { { 0, "1970-01-01T00:00:00" }, { 951782400, "2000-02-29T00:00:00" },
        { 951868799, "2000-02-29T23:59:59" }, { 1582934400, "2020-02-29T00:00:00" },
        { 1795362001, "2026-11-22T15:40:01" }, { 2147483648, "2038-01-19T03:14:08" },
        { 4107542400, "2100-03-01T00:00:00" }, { 253402300799, "9999-12-31T23:59:59" } };

static void test_times(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(times); i++) {
                CLEANUP(own_freep) char *whole = xasprintf("%sZ", times[i].text);
                CLEANUP(own_freep) char *ms = xasprintf("%s.987Z", times[i].text);
                CLEANUP(own_freep) char *us = xasprintf("%s.987654Z", times[i].text);
                char text[STR_TIME_ROOM];
                int64_t v = 0;
                assert_string_equal(str_time(text, times[i].s * 1000000 + 987999), ms);
                assert_int_equal(str_parse_time(whole, &v, NULL), 0);
                assert_true(v == times[i].s * 1000000);
                assert_int_equal(str_parse_time(us, &v, NULL), 0);
                assert_true(v == times[i].s * 1000000 + 987654);
        }
        char text[STR_TIME_ROOM];
        assert_string_equal(str_time(text, -1), "1970-01-01T00:00:00.000Z");
        assert_string_equal(str_time(text, INT64_MAX), "9999-12-31T23:59:59.999Z");
        assert_string_equal(str_time(text, INT64_MIN), "1970-01-01T00:00:00.000Z");
}

static void test_bad_times(void **state)
{
        static const char *const bad[] = { "", "2026-11-22", "2026-11-22T15:40:01",
                "2026-11-22 15:40:01Z", "2026-13-22T15:40:01Z", "2026-00-22T15:40:01Z",
                "2026-11-31T15:40:01Z", "2026-11-00T15:40:01Z", "2025-02-29T00:00:00Z",
                "2100-02-29T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T15:60:00Z",
                "2026-11-22T15:40:60Z", "1969-12-31T23:59:59Z", "2026-11-22T15:40:01.Z",
                "2026-11-22T15:40:01.1234567Z", "2026-11-22T15:40:01+01:00",
                "2026-11-22T15:40:01Zx", "+026-11-22T15:40:01Z", "2026-11-22T15:40: 1Z" };
        int64_t v = 7;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(str_parse_time(bad[i], &v, NULL), ERR_INVALID);
        assert_true(v == 7);
}

static void test_escape(void **state)
{
        char text[16];

        (void)state;
        assert_string_equal(str_escape(text, sizeof text, bytes_str("a b~")), "a b~");
        assert_string_equal(str_escape(text, sizeof text, bytes_str("\n\"\\")), "\\x0a\\x22\\x5c");
        assert_string_equal(str_escape(text, sizeof text, BYTES("a\0\xff", 3)), "a\\x00\\xff");
        assert_string_equal(str_escape(text, sizeof text, bytes_str("\x1b[31m")), "\\x1b[31m");
        /* Cut between, never within. */
        assert_string_equal(str_escape(text, 5, bytes_str("abc\n")), "abc");
        assert_string_equal(str_escape(text, 5, bytes_str("\n\n")), "\\x0a");
        assert_string_equal(str_escape(text, 4, bytes_str("\n")), "");
        assert_string_equal(str_escape(text, 1, bytes_str("a")), "");
        text[0] = 'u';
        str_escape(text, 0, bytes_str("a"));
        assert_int_equal(text[0], 'u');
}

static void test_is(void **state)
{
        (void)state;
        assert_true(str_is(bytes_str("cSeq"), "CSeq"));
        assert_true(str_is(BYTES(NULL, 0), ""));
        assert_false(str_is(bytes_str("CSe"), "CSeq"));
        assert_false(str_is(bytes_str("CSeqs"), "CSeq"));
        assert_false(str_is(BYTES("C\0eq", 4), "C"));
}

static void test_trim_and_cut(void **state)
{
        struct bytes rest = bytes_str(" a b ; c=d ;; ");

        (void)state;
        assert_true(bytes_equal(str_trim(bytes_str("\r\n\t a\v\f ")), bytes_str("a")));
        assert_true(bytes_equal(str_trim_blanks(bytes_str(" \ta\r ")), bytes_str("a\r")));
        assert_int_equal(str_trim(bytes_str(" \t ")).n, 0);
        assert_true(bytes_equal(str_trim(BYTES("\0a\0", 3)), BYTES("\0a\0", 3)));
        assert_true(bytes_equal(str_cut(&rest, ';'), bytes_str("a b")));
        assert_true(bytes_equal(rest, bytes_str("c=d ;;")));
        assert_true(bytes_equal(str_cut(&rest, ';'), bytes_str("c=d")));
        assert_int_equal(str_cut(&rest, ';').n, 0);
        assert_int_equal(rest.n, 0);
        assert_int_equal(str_cut(&rest, ';').n, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_hex),
                cmocka_unit_test(test_base64),
                cmocka_unit_test(test_base64_refuses),
                cmocka_unit_test(test_base64url),
                cmocka_unit_test(test_uint),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_times),
                cmocka_unit_test(test_bad_times),
                cmocka_unit_test(test_escape),
                cmocka_unit_test(test_is),
                cmocka_unit_test(test_trim_and_cut),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
