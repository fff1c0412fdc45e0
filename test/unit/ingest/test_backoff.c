/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/backoff.h"

#define MIDDLE 0x80000000u /* no jitter, to a millisecond */

static struct backoff usual(void)
{
        return (struct backoff){ .quick_ms = 250, .first_ms = 1000, .last_ms = 30000 };
}

static void test_doubles_up_to_the_last(void **state)
{
        static const unsigned expected[] = { 1000, 2000, 4000, 8000, 16000, 30000, 30000 };
        struct backoff b = usual();

        (void)state;
        for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
                assert_in_range(
                        backoff_next(&b, BACKOFF_FAILED, MIDDLE), expected[i] - 1, expected[i] + 1);
        for (int i = 0; i < 1000; i++) /* no overflow, ever */
                assert_in_range(backoff_next(&b, BACKOFF_FAILED, MIDDLE), 29999, 30001);
}

static void test_jitter_is_a_quarter(void **state)
{
        (void)state;
        struct backoff b = usual();
        assert_int_equal(backoff_next(&b, BACKOFF_FAILED, 0), 750);
        b = usual();
        assert_int_equal(backoff_next(&b, BACKOFF_FAILED, UINT32_MAX), 1250);
}

/* A camera that streams for a moment and drops gets one quick try, and is then a failing one. */
static void test_quick_once(void **state)
{
        struct backoff b = usual();

        (void)state;
        assert_in_range(backoff_next(&b, BACKOFF_STREAMED, MIDDLE), 249, 251);
        assert_in_range(backoff_next(&b, BACKOFF_STREAMED, MIDDLE), 999, 1001);
        assert_in_range(backoff_next(&b, BACKOFF_STREAMED, MIDDLE), 1999, 2001);
        assert_in_range(backoff_next(&b, BACKOFF_WAS_WELL, MIDDLE), 249, 251);
        assert_in_range(backoff_next(&b, BACKOFF_FAILED, MIDDLE), 999, 1001);
}

static void test_refused_waits_longest(void **state)
{
        struct backoff b = usual();

        (void)state;
        assert_in_range(backoff_next(&b, BACKOFF_REFUSED, MIDDLE), 29999, 30001);
        assert_in_range(backoff_next(&b, BACKOFF_FAILED, MIDDLE), 999, 1001);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_doubles_up_to_the_last),
                cmocka_unit_test(test_jitter_is_a_quarter),
                cmocka_unit_test(test_quick_once),
                cmocka_unit_test(test_refused_waits_longest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
