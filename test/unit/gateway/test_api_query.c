/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "gateway/api_parts.h"

static int decode(const char *text, char *to, size_t room)
{
        return api_query_decode(bytes_str(text), to, room, NULL);
}

static void test_decodes_what_is_text(void **state)
{
        char to[16];

        (void)state;
        assert_int_equal(decode("a%20b%C3%a4", to, sizeof to), 0);
        assert_string_equal(to, "a b\xc3\xa4");
        assert_int_equal(decode("1+1", to, sizeof to), 0);
        assert_string_equal(to, "1+1"); /* a form's '+' would make another time of a time */
        assert_int_equal(decode("", to, sizeof to), 0);
}

static void test_refuses_what_is_none(void **state)
{
        static const char *const bad[] = { "%", "%4", "%zz", "a%0", "%00", "a%0ab", "%7f", "\x01",
                "%ff", "%c0%af", "%ed%a0%80" };
        char to[16] = "kept";

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(decode(bad[i], to, sizeof to), ERR_INVALID);
        assert_int_equal(decode("123456789012345", to, sizeof to), 0);
        assert_int_equal(decode("1234567890123456", to, sizeof to), ERR_INVALID);
}

static int read_query(const char *query, const char *allowed, json_t **ret)
{
        struct err e;

        *ret = json_object();
        int r = api_query_read(query, allowed, *ret, &e);
        if (r < 0) {
                json_decref(*ret);
                *ret = NULL;
        }
        return r;
}

static void test_takes_members_of_their_kind(void **state)
{
        json_t *q;

        (void)state;
        assert_int_equal(read_query("after=x%26y&limit=20&all=true", "after limit# all?", &q), 0);
        assert_string_equal(json_string_value(json_object_get(q, "after")), "x&y");
        assert_int_equal(json_integer_value(json_object_get(q, "limit")), 20);
        assert_true(json_is_true(json_object_get(q, "all")));
        json_decref(q);
        assert_int_equal(read_query("", "", &q), 0);
        assert_int_equal(json_object_size(q), 0);
        json_decref(q);
}

static void test_refuses_members_that_are_not_there(void **state)
{
        static const struct {
                const char *query, *allowed;
        } bad[] = { { "x=1", "" }, { "aft=1", "after" }, { "fter=1", "after" },
                { "limit%23=1", "limit#" }, { "=1", "after" }, { "after=1&after=2", "after" },
                { "limit=-1", "limit#" }, { "limit=1x", "limit#" }, { "limit=", "limit#" },
                { "limit=99999999999999999999", "limit#" }, { "all=1", "all?" },
                { "after limit=1", "after limit" } };
        json_t *q;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                assert_int_equal(read_query(bad[i].query, bad[i].allowed, &q), ERR_INVALID);
                assert_null(q);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_decodes_what_is_text),
                cmocka_unit_test(test_refuses_what_is_none),
                cmocka_unit_test(test_takes_members_of_their_kind),
                cmocka_unit_test(test_refuses_members_that_are_not_there),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
