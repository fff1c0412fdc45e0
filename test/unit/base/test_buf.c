/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/buf.h"

/* Asking for too much yields NULL under the sanitizer too. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
        return "allocator_may_return_null=1";
}

static void test_grows_to_its_maximum_and_no_further(void **state)
{
        CLEANUP(buf_done) struct buf b;
        uint8_t data[600];
        struct err e;

        (void)state;
        for (size_t i = 0; i < sizeof data; i++)
                data[i] = (uint8_t)i;
        buf_init(&b, 1000);
        assert_null(b.p);
        assert_int_equal(buf_append(&b, BYTES(data, 600), &e), 0);
        assert_int_equal(buf_append(&b, BYTES(data, 401), &e), ERR_EXHAUSTED);
        assert_int_equal(b.n, 600);
        assert_int_equal(buf_append(&b, BYTES(data, 400), &e), 0);
        assert_int_equal(b.n, 1000);
        assert_memory_equal(b.p, data, 600);
        assert_memory_equal(b.p + 600, data, 400);
        assert_int_equal(buf_append(&b, BYTES(data, 1), &e), ERR_EXHAUSTED);
        assert_int_equal(buf_append(&b, BYTES(NULL, 0), &e), 0);
        assert_true(b.room <= 1000);
}

static void test_huge_requests(void **state)
{
        CLEANUP(buf_done) struct buf b;

        (void)state;
        buf_init(&b, 1000);
        assert_int_equal(buf_append(&b, bytes_str("0123456789"), NULL), 0);
        assert_null(buf_reserve(&b, SIZE_MAX));
        assert_null(buf_reserve(&b, SIZE_MAX - 5)); /* the sum would wrap */
        assert_null(buf_reserve(&b, 991));
        assert_non_null(buf_reserve(&b, 990));
        assert_int_equal(b.n, 10);
}

static void test_without_a_limit_memory_is(void **state)
{
        CLEANUP(buf_done) struct buf b;

        (void)state;
        buf_init(&b, SIZE_MAX);
        assert_null(buf_reserve(&b, SIZE_MAX / 2 + 2)); /* not an endless loop either */
        assert_non_null(buf_reserve(&b, 100));
}

static void test_printf(void **state)
{
        CLEANUP(buf_done) struct buf b;
        struct err e;

        (void)state;
        buf_init(&b, 12);
        assert_int_equal(buf_printf(&b, &e, "%d-%s", 42, "abc"), 0);
        assert_int_equal(b.n, 6);
        assert_string_equal((char *)b.p, "42-abc"); /* terminated, which is not counted */
        assert_int_equal(buf_printf(&b, &e, "123456"), ERR_EXHAUSTED);
        assert_int_equal(b.n, 6);
        assert_int_equal(buf_printf(&b, &e, "12345"), 0);
        assert_memory_equal(b.p, "42-abc12345", 11);
}

static void test_consume_and_clear(void **state)
{
        CLEANUP(buf_done) struct buf b;

        (void)state;
        buf_init(&b, 100);
        buf_consume(&b, 3);
        assert_int_equal(buf_append(&b, bytes_str("abcdef"), NULL), 0);
        buf_consume(&b, 2);
        assert_true(bytes_equal(buf_bytes(&b), bytes_str("cdef")));
        buf_consume(&b, 0);
        assert_int_equal(b.n, 4);
        buf_consume(&b, 100);
        assert_int_equal(b.n, 0);
        assert_int_equal(buf_append(&b, bytes_str("x"), NULL), 0);
        buf_clear(&b);
        assert_int_equal(b.n, 0);
        buf_done(&b);
        assert_int_equal(b.max, 100);
        assert_int_equal(buf_append(&b, bytes_str("again"), NULL), 0);
}

static void test_views(void **state)
{
        struct bytes b = bytes_str("abcdef");

        (void)state;
        assert_true(bytes_equal(bytes_sub(b, 2, 3), bytes_str("cde")));
        assert_true(bytes_equal(bytes_sub(b, 4, SIZE_MAX), bytes_str("ef")));
        assert_int_equal(bytes_sub(b, 7, 1).n, 0);
        assert_int_equal(bytes_sub(b, SIZE_MAX, SIZE_MAX).n, 0);
        assert_int_equal(bytes_sub(BYTES(NULL, 0), 1, 1).n, 0);
        assert_false(bytes_equal(b, bytes_str("abcdeg")));
        assert_false(bytes_equal(b, bytes_str("abcde")));
        assert_true(bytes_equal(BYTES(NULL, 0), bytes_str("")));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_grows_to_its_maximum_and_no_further),
                cmocka_unit_test(test_huge_requests),
                cmocka_unit_test(test_without_a_limit_memory_is),
                cmocka_unit_test(test_printf),
                cmocka_unit_test(test_consume_and_clear),
                cmocka_unit_test(test_views),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
