/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/err.h"

static void test_set_returns_the_code(void **state)
{
        struct err e = { .os_errno = 5 };

        (void)state;
        assert_int_equal(err_set(&e, ERR_CORRUPT, "box %s at %d", "moof", 7), ERR_CORRUPT);
        assert_int_equal(e.code, ERR_CORRUPT);
        assert_int_equal(e.os_errno, 0);
        assert_string_equal(e.text, "box moof at 7");
        assert_int_equal(err_set(NULL, ERR_IO, "nobody asks"), ERR_IO);
}

static void test_os_says_why(void **state)
{
        struct err e;

        (void)state;
        assert_int_equal(err_os(&e, ERR_IO, ENOENT, "open %s", "x"), ERR_IO);
        assert_int_equal(e.os_errno, ENOENT);
        assert_string_equal(e.text, "open x: No such file or directory");
        assert_int_equal(err_os(NULL, ERR_IO, ENOENT, "open"), ERR_IO);
}

static void test_wrap_puts_context_before(void **state)
{
        struct err e;

        (void)state;
        err_os(&e, ERR_IO, EACCES, "open");
        assert_int_equal(err_wrap(&e, ERR_UNAVAILABLE, "camera %d", 3), ERR_UNAVAILABLE);
        assert_string_equal(e.text, "camera 3: open: Permission denied");
        assert_int_equal(e.code, ERR_UNAVAILABLE);
        assert_int_equal(e.os_errno, EACCES); /* stays */
        assert_int_equal(err_wrap(NULL, ERR_IO, "x"), ERR_IO);
}

static void test_long_texts_are_cut(void **state)
{
        char much[1000];
        struct err e;

        (void)state;
        memset(much, 'x', sizeof much - 1);
        much[sizeof much - 1] = '\0';
        err_set(&e, ERR_IO, "%s", much);
        assert_int_equal(strlen(e.text), ERR_TEXT_BYTES - 1);
        err_wrap(&e, ERR_IO, "%s", much);
        assert_int_equal(strlen(e.text), ERR_TEXT_BYTES - 1);
        err_os(&e, ERR_IO, ENOENT, "%s", much);
        assert_int_equal(strlen(e.text), ERR_TEXT_BYTES - 1);
}

static void test_names(void **state)
{
        (void)state;
        assert_string_equal(err_name(0), "ok");
        assert_string_equal(err_name(ERR_INVALID), "invalid");
        assert_string_equal(err_name(ERR_PROTOCOL), "protocol");
        assert_string_equal(err_name(ERR_CORRUPT), "corrupt");
        assert_string_equal(err_name(ERR_AUTH), "auth");
        assert_string_equal(err_name(ERR_DENIED), "denied");
        assert_string_equal(err_name(ERR_NOT_FOUND), "not_found");
        assert_string_equal(err_name(ERR_TIMEOUT), "timeout");
        assert_string_equal(err_name(ERR_UNAVAILABLE), "unavailable");
        assert_string_equal(err_name(ERR_EXHAUSTED), "exhausted");
        assert_string_equal(err_name(ERR_IO), "io");
        assert_string_equal(err_name(ERR_CANCELLED), "cancelled");
        assert_string_equal(err_name(ERR_AGAIN), "again");
        assert_string_equal(err_name(ERR_STATE), "state");
        assert_string_equal(err_name(ERR_INTERNAL), "internal");
        assert_string_equal(err_name(-15), "unknown");
        assert_string_equal(err_name(1), "unknown");
        assert_string_equal(err_name(INT32_MIN + 1), "unknown");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_set_returns_the_code),
                cmocka_unit_test(test_os_says_why),
                cmocka_unit_test(test_wrap_puts_context_before),
                cmocka_unit_test(test_long_texts_are_cut),
                cmocka_unit_test(test_names),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
