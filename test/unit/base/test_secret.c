/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/secret.h"

static bool all_zero(const void *p, size_t n)
{
        const uint8_t *b = p;

        while (n && *b == 0) {
                b++;
                n--;
        }
        return n == 0;
}

static void test_set_and_wipe(void **state)
{
        struct secret s = { 0 };

        (void)state;
        assert_int_equal(secret_set(&s, bytes_str("a long password"), NULL), 0);
        assert_true(bytes_equal(secret_bytes(&s), bytes_str("a long password")));
        assert_int_equal(secret_set(&s, bytes_str("short"), NULL), 0);
        assert_true(bytes_equal(secret_bytes(&s), bytes_str("short")));
        assert_true(all_zero(s.p + 5, sizeof s.p - 5)); /* nothing is left of the longer one */
        assert_int_equal(secret_set(&s, BYTES(NULL, 0), NULL), 0);
        assert_int_equal(s.n, 0);
        assert_int_equal(secret_set(&s, bytes_str("again"), NULL), 0);
        secret_done(&s);
        assert_true(all_zero(&s, sizeof s));
}

static void test_too_long_changes_nothing(void **state)
{
        static uint8_t much[SECRET_MAX + 1];
        struct secret s = { 0 };
        struct err e;

        (void)state;
        memset(much, 'x', sizeof much);
        assert_int_equal(secret_set(&s, bytes_str("kept"), &e), 0);
        assert_int_equal(secret_set(&s, BYTES(much, sizeof much), &e), ERR_EXHAUSTED);
        assert_null(strstr(e.text, "xx"));
        assert_true(bytes_equal(secret_bytes(&s), bytes_str("kept")));
        assert_int_equal(secret_set(&s, BYTES(much, SECRET_MAX), &e), 0);
        assert_int_equal(s.n, SECRET_MAX);
        secret_done(&s);
}

static void test_equal(void **state)
{
        (void)state;
        assert_true(secret_equal(bytes_str("abc"), bytes_str("abc")));
        assert_true(secret_equal(BYTES(NULL, 0), bytes_str("")));
        assert_false(secret_equal(bytes_str("abc"), bytes_str("abd")));
        assert_false(secret_equal(bytes_str("abc"), bytes_str("xbc")));
        assert_false(secret_equal(bytes_str("abc"), bytes_str("ab")));
        assert_false(secret_equal(bytes_str("ab"), bytes_str("abc")));
        assert_false(secret_equal(bytes_str("abc"), BYTES(NULL, 0)));
        /* Differences must not cancel each other out. */
        assert_false(secret_equal(BYTES("\x01\x01", 2), BYTES("\x02\x02", 2)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_set_and_wipe),
                cmocka_unit_test(test_too_long_changes_nothing),
                cmocka_unit_test(test_equal),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
