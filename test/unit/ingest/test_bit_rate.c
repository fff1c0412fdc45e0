/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ingest/bit_rate.h"

#define SECOND INT64_C(1000000)
#define MBIT UINT64_C(125000) /* bytes */

static void test_twice_in_a_row_is_too_much(void **state)
{
        struct bit_rate r = { .mbit_max = 100 };
        struct err e;

        (void)state;
        bit_rate_begin(&r, 7, 50 * SECOND);
        assert_int_equal(bit_rate_look(&r, 7 + 200 * MBIT, 52 * SECOND, &e), 0);           /* 100 */
        assert_int_equal(bit_rate_look(&r, 7 + 600 * MBIT, 54 * SECOND, &e), 0);           /* 200 */
        assert_int_equal(bit_rate_look(&r, 7 + 610 * MBIT, 56 * SECOND, &e), 0);           /* 5 */
        assert_int_equal(bit_rate_look(&r, 7 + 1010 * MBIT, 58 * SECOND, &e), 0);          /* 200 */
        assert_int_equal(bit_rate_look(&r, 7 + 1214 * MBIT, 60 * SECOND, &e), ERR_DENIED); /* 102 */
        assert_int_equal(e.fault, FAULT_TOO_MUCH_DATA);
        assert_non_null(strstr(e.text, "102 Mbit/s"));
        assert_non_null(strstr(e.text, "camera_mbit_max is 100"));
}

/* Another connection begins from where it is. */
static void test_begins_anew(void **state)
{
        struct bit_rate r = { .mbit_max = 1 };

        (void)state;
        bit_rate_begin(&r, 0, 0);
        assert_int_equal(bit_rate_look(&r, 900 * MBIT, SECOND, NULL), 0);
        bit_rate_begin(&r, 5000 * MBIT, 90 * SECOND);
        assert_int_equal(bit_rate_look(&r, 5009 * MBIT, 91 * SECOND, NULL), 0);
        assert_int_equal(
                bit_rate_look(&r, 5009 * MBIT, 91 * SECOND, NULL), 0); /* no time between */
}

static void test_without_a_maximum(void **state)
{
        struct bit_rate r = { 0 };

        (void)state;
        bit_rate_begin(&r, 0, 0);
        for (int i = 1; i < 10; i++)
                assert_int_equal(bit_rate_look(&r, UINT64_C(1) << (30 + i), i * SECOND, NULL), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_twice_in_a_row_is_too_much),
                cmocka_unit_test(test_begins_anew),
                cmocka_unit_test(test_without_a_maximum),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
