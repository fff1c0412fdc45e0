/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which addresses a camera may have: the table of those that are never, loopback, and networks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "recorder/connect_policy.h"

static struct connect_policy policy(const char *networks)
{
        struct connect_policy p;
        struct settings s;

        settings_defaults(&s);
        assert_int_equal(settings_set(&s, SETTINGS_CAMERA_NETWORKS, networks, NULL), 0);
        assert_int_equal(connect_policy_init(&p, &s, NULL), 0);
        return p;
}

static int judge_port(
        const char *networks, const char *text, uint16_t port, bool literal, struct err *e)
{
        struct connect_policy p = policy(networks);
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(port) };
        struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

        if (inet_pton(AF_INET, text, &v4.sin_addr) == 1)
                return connect_policy_check(&p, (struct sockaddr *)&v4, literal, e);
        assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
        return connect_policy_check(&p, (struct sockaddr *)&v6, literal, e);
}

static bool allowed(const char *networks, const char *text, bool literal)
{
        struct err e;
        int r = judge_port(networks, text, 322, literal, &e);

        if (r < 0) {
                assert_int_equal(r, ERR_DENIED);
                assert_int_equal(e.fault, FAULT_ADDRESS_NOT_ALLOWED);
        }
        return r == 0;
}

static void test_never(void **state)
{
        static const char *const never[] = { "0.0.0.0", "0.1.2.3", "224.0.0.1", "239.255.255.250",
                "240.0.0.1", "255.255.255.255", "169.254.169.254", "::", "ff02::1", "ff0e::1",
                "fd00:ec2::254",
                /* the same in the clothes of IPv6 */
                "::ffff:0.0.0.0", "::ffff:224.0.0.1", "::ffff:169.254.169.254", "::169.254.169.254",
                "64:ff9b::169.254.169.254", "2002:a9fe:a9fe::1", "64:ff9b::127.0.0.1",
                "::127.0.0.1", "2002:7f00:1::" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(never); i++) {
                assert_false(allowed("", never[i], true));
                assert_false(allowed("", never[i], false));
                assert_false(allowed("0.0.0.0/0 ::/0", never[i], true)); /* no setting opens it */
        }
        assert_int_equal(judge_port("", "192.0.2.1", 0, true, NULL), ERR_DENIED);
        struct connect_policy p = policy("");
        struct sockaddr other = { .sa_family = AF_UNIX };
        assert_int_equal(connect_policy_check(&p, &other, true, NULL), ERR_DENIED);
}

static void test_everything_else_by_default(void **state)
{
        static const char *const fine[] = { "192.0.2.1", "10.1.2.3", "172.16.0.9", "192.168.1.64",
                "169.254.7.7", "203.0.113.5", "223.255.255.255", "2001:db8::5", "fe80::1",
                "fd12::1", "::ffff:192.168.1.64", "64:ff9b::192.0.2.1" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(fine); i++) {
                assert_true(allowed("", fine[i], true));
                assert_true(allowed("", fine[i], false));
        }
}

static void test_loopback_only_by_its_address(void **state)
{
        static const char *const here[] = { "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1" };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(here); i++) {
                assert_true(allowed("", here[i], true));
                assert_false(allowed("", here[i], false));
                assert_false(allowed("10.0.0.0/8", here[i], true));
                assert_true(allowed("127.0.0.0/8 ::1", here[i], false));
        }
        assert_true(connect_policy_is_literal("127.0.0.1"));
        assert_true(connect_policy_is_literal("::1"));
        assert_true(connect_policy_is_literal("localhost"));
        assert_true(connect_policy_is_literal("LocalHost"));
        assert_false(connect_policy_is_literal("localhost.evil.test"));
        assert_false(connect_policy_is_literal("127.1")); /* what only getaddrinfo reads as one */
        assert_false(connect_policy_is_literal("0x7f000001"));
        assert_false(connect_policy_is_literal("lobby"));
        assert_false(connect_policy_is_literal(""));
}

static void test_named_networks_alone(void **state)
{
        (void)state;
        assert_true(allowed("10.1.0.0/16", "10.1.2.3", false));
        assert_true(allowed("10.1.0.0/16", "::ffff:10.1.2.3", false));
        assert_false(allowed("10.1.0.0/16", "10.2.2.3", true));
        assert_false(allowed("10.1.0.0/16", "2001:db8::1", true));
        assert_true(allowed("10.1.0.0/16, 2001:db8::/32", "2001:db8::1", true));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_never),
                cmocka_unit_test(test_everything_else_by_default),
                cmocka_unit_test(test_loopback_only_by_its_address),
                cmocka_unit_test(test_named_networks_alone) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
