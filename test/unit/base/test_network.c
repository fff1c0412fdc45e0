/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Networks: what people write, what they mistype, and what lies in them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/network.h"

static bool holds(const char *list, const char *address)
{
        struct network_list l;
        uint8_t a[NETWORK_ADDRESS_BYTES];

        assert_int_equal(network_list_parse(list, &l, NULL), 0);
        assert_int_equal(network_address_parse(address, a, NULL), 0);
        return network_list_has(&l, a);
}

static void test_what_lies_in_a_network(void **state)
{
        (void)state;
        assert_true(holds("10.1.0.0/16", "10.1.255.255"));
        assert_false(holds("10.1.0.0/16", "10.2.0.0"));
        assert_true(holds("192.0.2.128/25", "192.0.2.128"));
        assert_false(holds("192.0.2.128/25", "192.0.2.127"));
        assert_true(holds("192.0.2.7", "192.0.2.7"));
        assert_false(holds("192.0.2.7", "192.0.2.6"));
        assert_true(holds("0.0.0.0/0", "203.0.113.9"));
        assert_false(holds("0.0.0.0/0", "2001:db8::1"));
        assert_true(holds("2001:db8::/32", "2001:db8:ffff::1"));
        assert_false(holds("2001:db8::/32", "2001:db9::1"));
        assert_true(holds("::/0", "2001:db8::1"));
        /* One address has one form. */
        assert_true(holds("10.0.0.0/8", "::ffff:10.9.8.7"));
        assert_true(holds("::ffff:10.0.0.0/104", "10.9.8.7"));
        assert_true(holds("10.0.0.0/8, fd00::/8 192.0.2.1", "192.0.2.1"));
        assert_true(holds("10.0.0.0/8, fd00::/8 192.0.2.1", "fd12::1"));
        assert_false(holds("", "192.0.2.1"));
}

static void test_one_text(void **state)
{
        static const char *const texts[][2] = { { "192.0.2.1", "192.0.2.1" },
                { "::ffff:192.0.2.1", "192.0.2.1" }, { "2001:DB8:0:0::1", "2001:db8::1" },
                { "::1", "::1" } };
        uint8_t address[NETWORK_ADDRESS_BYTES];
        char text[NETWORK_ADDRESS_ROOM];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
                assert_int_equal(network_address_parse(texts[i][0], address, NULL), 0);
                assert_string_equal(network_address_format(address, text), texts[i][1]);
        }
}

static void test_what_is_refused(void **state)
{
        static const char *const bad[] = {
                "10.1.0.0/33", "10.1.0.0/", "10.1.0.0/x", "10.1.0.0/-1", "10.1.0.0/16/2",
                "10.1.2.3/16", "2001:db8::1/32", "::/129", "10.1", "lobby",
                "10.1.0.0/16;10.2.0.0/16", "[::1]", "fe80::1%eth0", "/8",
                "2001:db8:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:00000000/32"
        };
        struct network_list l = { .n = 77 };
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                assert_int_equal(network_list_parse(bad[i], &l, &e), ERR_INVALID);
                assert_int_equal(l.n, 77);
        }
        assert_int_equal(network_list_parse("1.0.0.1 1.0.0.2 1.0.0.3 1.0.0.4 1.0.0.5 1.0.0.6 "
                                            "1.0.0.7 1.0.0.8 1.0.0.9 1.0.0.10 1.0.0.11 1.0.0.12 "
                                            "1.0.0.13 1.0.0.14 1.0.0.15 1.0.0.16 1.0.0.17",
                                 &l, &e),
                ERR_EXHAUSTED);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_what_lies_in_a_network),
                cmocka_unit_test(test_one_text), cmocka_unit_test(test_what_is_refused) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
