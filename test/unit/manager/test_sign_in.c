/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How often a password may be tried: what one address does to another, and what it costs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "manager/sign_in.h"

#define S INT64_C(1000000)
#define START (1000 * S)

static struct sign_in *s;
static int64_t now;

static int setup(void **state)
{
        (void)state;
        s = sign_in_new();
        now = START;
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        s = sign_in_free(s);
        return 0;
}

static struct sign_in_try from(const char *name, const char *address, bool known)
{
        struct sign_in_try t = { .name = name, .known = known };
        uint8_t bytes[NETWORK_ADDRESS_BYTES];

        assert_int_equal(network_address_parse(address, bytes, NULL), 0);
        sign_in_place(bytes, t.address);
        return t;
}

/* A wrong try: 0 where it was looked at, else the wait. */
static unsigned wrong(const char *name, const char *address, bool known)
{
        struct sign_in_try t = from(name, address, known);
        unsigned wait_s = 0;
        struct err e;

        if (sign_in_admit(s, &t, now, &wait_s, &e) == 0)
                return 0;
        assert_int_equal(e.code, ERR_EXHAUSTED);
        assert_int_equal(e.fault, FAULT_TOO_MANY_TRIES);
        assert_true(wait_s > 0);
        return wait_s;
}

/* From the fifth wrong one on a wait that doubles, to a quarter of an hour. */
static void test_doubling(void **state)
{
        static const unsigned waits[] = { 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900 };

        (void)state;
        for (unsigned i = 0; i < SIGN_IN_FREE; i++)
                assert_int_equal(wrong("erika", "192.0.2.1", false), 0);
        for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
                assert_int_equal(wrong("erika", "192.0.2.1", false), waits[i]);
                now += waits[i] * S - 1;
                assert_int_equal(wrong("ERIKA", "192.0.2.1", false), 1); /* the same name */
                now += 1;
                assert_int_equal(wrong("erika", "192.0.2.1", false), 0);
        }
        /* An hour later nothing is left of it. */
        now += SIGN_IN_FORGET_US;
        for (unsigned i = 0; i < SIGN_IN_FREE; i++)
                assert_int_equal(wrong("erika", "192.0.2.1", false), 0);
        assert_int_equal(wrong("erika", "192.0.2.1", false), 1);
}

/* Many at the same moment are counted before the first of them was wrong. */
static void test_at_once(void **state)
{
        unsigned looked_at = 0;

        (void)state;
        for (unsigned i = 0; i < 1000; i++)
                looked_at += wrong("erika", "192.0.2.1", false) == 0;
        assert_int_equal(looked_at, SIGN_IN_FREE);
}

/* T-BRUTE: 10,000 tries of one address, each as soon as it may. */
static void test_one_address(void **state)
{
        unsigned looked_at = 0;
        char name[32];

        (void)state;
        for (unsigned i = 0; i < 10000; i++) {
                snprintf(name, sizeof name, "name-%u", i);
                looked_at += wrong(name, "192.0.2.1", false) == 0;
                now += S / 10;
        }
        assert_int_equal(looked_at, SIGN_IN_OF_ADDRESS); /* in a quarter of an hour */
        unsigned wait_s = wrong("another", "192.0.2.1", false);
        assert_in_range(wait_s, 2500, 2700);
        now += wait_s * S;
        assert_int_equal(wrong("another", "192.0.2.1", false), 0);
}

/* Whoever tries from elsewhere locks nobody out of where he works, nor his neighbours. */
static void test_nobody_is_locked_out(void **state)
{
        struct sign_in_try home = from("erika", "198.51.100.7", true);
        unsigned wait_s = 0, looked_at = 0;
        char address[32];

        (void)state;
        for (unsigned i = 0; i < 5000; i++) {
                snprintf(address, sizeof address, "10.%u.%u.1", i / 200, i % 200);
                looked_at += wrong("erika", address, false) == 0;
                now += S / 10;
        }
        /* 500 s: the free ones, and those between waits of 1 to 256 s. */
        assert_in_range(looked_at, SIGN_IN_OF_NAME + 1, SIGN_IN_OF_NAME + 10);
        assert_true(wrong("erika", "203.0.113.9", false) > 0); /* from anywhere else */
        assert_int_equal(sign_in_admit(s, &home, now, &wait_s, NULL), 0);
        sign_in_succeeded(s, &home);
        assert_int_equal(wrong("otto", "203.0.113.9", false), 0); /* nobody else */
        /* And from there wrong ones count for there alone. */
        for (unsigned i = 0; i < SIGN_IN_FREE; i++)
                assert_int_equal(wrong("erika", "198.51.100.7", true), 0);
        assert_int_equal(wrong("erika", "198.51.100.7", true), 1);
}

static void test_right_ones(void **state)
{
        struct sign_in_try t = from("erika", "192.0.2.1", false);
        unsigned wait_s;

        (void)state;
        for (unsigned i = 0; i < 200; i++) {
                assert_int_equal(sign_in_admit(s, &t, now, &wait_s, NULL), 0);
                sign_in_succeeded(s, &t);
        }
        for (unsigned i = 1; i < SIGN_IN_FREE; i++)
                assert_int_equal(wrong("erika", "192.0.2.1", false), 0);
        assert_int_equal(sign_in_admit(s, &t, now, &wait_s, NULL), 0);
        sign_in_succeeded(s, &t); /* the fifth was right: all is forgotten */
        for (unsigned i = 0; i < SIGN_IN_FREE; i++)
                assert_int_equal(wrong("erika", "192.0.2.1", false), 0);
        assert_int_equal(wrong("erika", "192.0.2.1", false), 1);
        /* What was not looked at does not count. */
        struct sign_in_try other = from("otto", "192.0.2.2", false);
        for (unsigned i = 0; i < 200; i++) {
                assert_int_equal(sign_in_admit(s, &other, now, &wait_s, NULL), 0);
                sign_in_take_back(s, &other);
        }
        /* Who has an account of his own does not clear the address by it. */
        unsigned looked_at = 0;
        for (unsigned i = 0; i < 500; i++) {
                struct sign_in_try own = from("mallory", "192.0.2.3", false);
                char name[32];
                snprintf(name, sizeof name, "n%u", i);
                looked_at += wrong(name, "192.0.2.3", false) == 0;
                if (sign_in_admit(s, &own, now, &wait_s, NULL) == 0)
                        sign_in_succeeded(s, &own);
        }
        assert_int_equal(looked_at, SIGN_IN_OF_ADDRESS);
}

/* One household of IPv6 is one address; one of IPv4 is one. */
static void test_addresses(void **state)
{
        char address[64];
        unsigned looked_at = 0;

        (void)state;
        for (unsigned i = 0; i < 100; i++) {
                snprintf(address, sizeof address, "2001:db8:1:2::%x", i + 1);
                looked_at += wrong("erika", address, false) == 0;
        }
        assert_int_equal(looked_at, SIGN_IN_FREE);
        assert_int_equal(wrong("erika", "2001:db8:1:3::1", false), 0);
        looked_at = 0;
        for (unsigned i = 0; i < 20; i++) {
                snprintf(address, sizeof address, "192.0.2.%u", i + 1);
                looked_at += wrong("otto", address, false) == 0;
        }
        assert_int_equal(looked_at, 20);
}

/* Whoever has more addresses than can be remembered does not make it forget what counts most. */
static void test_bounded(void **state)
{
        char address[64], name[64];

        (void)state;
        for (unsigned i = 0; i < SIGN_IN_OF_NAME + 5; i++) {
                snprintf(address, sizeof address, "10.1.%u.1", i);
                (void)wrong("erika", address, false);
                now += 40 * S;
        }
        (void)wrong("erika", "10.2.0.1", false);
        unsigned wait_s = wrong("erika", "10.2.0.1", false);
        assert_true(wait_s >= 32);
        for (unsigned i = 0; i < SIGN_IN_REMEMBERED + 1000; i++) {
                snprintf(address, sizeof address, "2001:db8:%x:%x::1", i >> 16, i & 0xffff);
                snprintf(name, sizeof name, "name-%u", i);
                (void)wrong(name, address, false);
        }
        assert_int_equal(wrong("erika", "10.2.0.1", false), wait_s);
        /* Full of heavy ones: when their time is over there is room again. */
        for (unsigned i = 0; i < SIGN_IN_REMEMBERED; i++) {
                snprintf(address, sizeof address, "2001:db8:%x:%x::1", 7 + (i >> 16), i & 0xffff);
                for (unsigned k = 0; k < 2; k++)
                        (void)wrong("heavy", address, true);
        }
        now += SIGN_IN_FORGET_US;
        for (unsigned i = 0; i < SIGN_IN_FREE; i++)
                assert_int_equal(wrong("erika", "192.0.2.1", true), 0);
        assert_int_equal(wrong("otto", "192.0.2.2", true), 0);
        assert_int_equal(wrong("erika", "192.0.2.1", true), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_doubling, setup, teardown),
                cmocka_unit_test_setup_teardown(test_at_once, setup, teardown),
                cmocka_unit_test_setup_teardown(test_one_address, setup, teardown),
                cmocka_unit_test_setup_teardown(test_nobody_is_locked_out, setup, teardown),
                cmocka_unit_test_setup_teardown(test_right_ones, setup, teardown),
                cmocka_unit_test_setup_teardown(test_addresses, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
