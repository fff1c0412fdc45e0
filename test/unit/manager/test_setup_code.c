/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The code for the first administrator: once, for 20 minutes and five wrong tries. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "manager/inventory.h"
#include "manager/setup_code.h"

#define NOW_US (INT64_C(1800000000) * 1000000)

static struct inventory *inventory;
static struct db *d;
static char code[SETUP_CODE_ROOM];

static int setup(void **state)
{
        int64_t until_us = 0;

        (void)state;
        assert_int_equal(inventory_open(NULL, &inventory, NULL), 0);
        d = inventory_db(inventory);
        assert_int_equal(setup_code_make(d, false, NOW_US, code, &until_us, NULL), 0);
        assert_int_equal(until_us, NOW_US + SETUP_CODE_LIFE_US);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        inventory = inventory_free(inventory);
        return 0;
}

static int try(const char *typed)
{
        struct err e = { 0 };
        int r = setup_code_check(d, typed, true, NOW_US + 1, &e);

        if (r < 0)
                assert_string_equal(e.text, "that is not the code, or it is not good any more");
        return r;
}

static void test_right(void **state)
{
        char typed[40];

        (void)state;
        assert_int_equal(strlen(code), 11);
        assert_int_equal(code[5], '-');
        assert_int_equal(try(code), 0);
        snprintf(typed, sizeof typed, " %.3s %.2s%s ", code, code + 3, code + 6);
        for (char *c = typed; *c; c++)
                *c = *c >= 'A' && *c <= 'Z' ? (char)(*c + 32) : *c == 'O' ? '0' : *c;
        assert_int_equal(try(typed), 0);
        assert_int_equal(setup_code_close(d, NULL), 0);
        assert_int_equal(try(code), ERR_AUTH); /* once */
}

static void test_wrong_ones(void **state)
{
        (void)state;
        assert_int_equal(try(""), ERR_AUTH);
        assert_int_equal(try("AAAAA-AAAAA"), ERR_AUTH);
        assert_int_equal(try("AAAAA-AAAAAA"), ERR_AUTH);
        assert_int_equal(try("!!!!!-!!!!!"), ERR_AUTH);
        assert_int_equal(try(code), 0); /* the fifth may be right */
        assert_int_equal(try("AAAAA-AAAAA"), ERR_AUTH);
        assert_int_equal(try(code), ERR_AUTH); /* closed */
}

static void test_late(void **state)
{
        struct err e;

        (void)state;
        assert_int_equal(setup_code_check(d, code, true, NOW_US + SETUP_CODE_LIFE_US - 1, &e), 0);
        assert_int_equal(
                setup_code_check(d, code, true, NOW_US + SETUP_CODE_LIFE_US, &e), ERR_AUTH);
        assert_int_equal(e.fault, FAULT_SETUP_CODE);
}

static void test_not_from_there(void **state)
{
        char again[SETUP_CODE_ROOM];
        int64_t until_us;
        struct err e;

        (void)state;
        for (unsigned i = 0; i < 20; i++) { /* counts nothing: nobody closes it from elsewhere */
                assert_int_equal(
                        setup_code_check(d, i % 2 ? code : "AAAAA-AAAAA", false, NOW_US, &e),
                        ERR_DENIED);
                assert_int_equal(e.fault, FAULT_SETUP_NOT_HERE);
        }
        assert_int_equal(try(code), 0);
        assert_int_equal(setup_code_make(d, true, NOW_US, again, &until_us, NULL), 0);
        assert_string_not_equal(code, again);
        assert_int_equal(try(code), ERR_AUTH); /* there is one at most */
        assert_int_equal(setup_code_check(d, again, false, NOW_US, &e), 0);
}

/* What lies in the database is no code. */
static void test_kept_as_a_hash(void **state)
{
        struct buf image;
        char letters[11];

        (void)state;
        buf_init(&image, 1 << 22);
        assert_int_equal(db_image(d, &image, NULL), 0);
        snprintf(letters, sizeof letters, "%.5s%.5s", code, code + 6);
        assert_null(memmem(image.p, image.n, letters, 10));
        assert_null(memmem(image.p, image.n, code, 11));
        buf_done(&image);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_right, setup, teardown),
                cmocka_unit_test_setup_teardown(test_wrong_ones, setup, teardown),
                cmocka_unit_test_setup_teardown(test_late, setup, teardown),
                cmocka_unit_test_setup_teardown(test_not_from_there, setup, teardown),
                cmocka_unit_test_setup_teardown(test_kept_as_a_hash, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
