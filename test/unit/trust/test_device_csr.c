/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which requests of foreign devices may be signed, and for which names. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "trust/device_csr.h"

/* A request as x509_csr_read gives it: a key, DNS names and addresses. */
static struct x509_csr request(const char *dns, const char *ip)
{
        struct x509_csr c = { .kind = X509_CSR_P256, .bits = 256 };

        if (dns)
                snprintf(c.dns[c.dns_n++], X509_CSR_NAME_ROOM, "%s", dns);
        if (ip)
                snprintf(c.ip[c.ip_n++], X509_CSR_ADDRESS_ROOM, "%s", ip);
        return c;
}

static struct device_csr_names names(const char *dns, const char *ip)
{
        return (struct device_csr_names){ .dns = { dns }, .ip = { ip } };
}

static void check(const struct x509_csr *csr, const char *dns, const char *ip, const char *says)
{
        struct device_csr_names given = names(dns, ip);
        struct err e = { 0 };
        int r = device_csr_check(csr, &given, &e);

        if (says ? r != ERR_INVALID || !strstr(e.text, says) : r != 0)
                fail_msg("%s %s: %d %s", dns ? dns : "-", ip ? ip : "-", r, e.text);
}

static void names_that_are_taken(void **state)
{
        static const char *const good[] = { "gate-1.example", "GATE-1.Example", "gate", "a.b.c",
                "1gate.example", "my_cam.local", "xn--zo-yia.example",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example" };
        static const char *const addresses[] = { "192.0.2.7", "2001:db8::7", "fe80:0:0:0:0:0:0:7" };
        const struct x509_csr csr = request(NULL, NULL);

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(good); i++)
                check(&csr, good[i], NULL, NULL);
        for (unsigned i = 0; i < ARRAY_LEN(addresses); i++)
                check(&csr, NULL, addresses[i], NULL);
        check(&csr, "gate", "192.0.2.7", NULL);
}

static void names_that_are_refused(void **state)
{
        static const char *const bad[] = { "", ".example", "example.", "a..b", "-a", "a-", "a-.b",
                "a.-b", "a b", "a/b", "zo\xc3\xab", "a@b",
                "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example" };
        static const char *const wild[] = { "*", "*.example", "gate-*.example", "a.*.example" };
        static const char *const addresses[] = { "", "192.0.2", "192.0.2.300", "192.0.2.0/24",
                "gate", "fe80::7%eth0", "[fe80::7]" };
        const struct x509_csr csr = request(NULL, NULL);
        char large[300];

        (void)state;
        check(&csr, NULL, NULL, "no name at all");
        for (unsigned i = 0; i < ARRAY_LEN(bad); i++)
                check(&csr, bad[i], NULL, "is no DNS name");
        for (unsigned i = 0; i < ARRAY_LEN(wild); i++)
                check(&csr, wild[i], NULL, "is a wildcard");
        check(&csr, "192.0.2.7", NULL, "is an address");
        check(&csr, "::1", NULL, "is an address");
        for (unsigned i = 0; i < ARRAY_LEN(addresses); i++)
                check(&csr, NULL, addresses[i], "is no address");
        for (unsigned i = 0; i < 254; i++)
                large[i] = i % 10 == 9 ? '.' : 'a';
        large[254] = '\0';
        check(&csr, large, NULL, "is no DNS name");
        large[253] = '\0';
        check(&csr, large, NULL, NULL);
        /* The second counts too. */
        struct device_csr_names two = { .dns = { "good", "*.bad" } };
        struct err e;
        assert_int_equal(device_csr_check(&csr, &two, &e), ERR_INVALID);
}

static void requests_that_are_refused(void **state)
{
        struct x509_csr csr = request("gate", NULL);

        (void)state;
        csr.asks_ca = true;
        check(&csr, "gate", NULL, "CA:TRUE");
        csr = request("*.example", NULL);
        check(&csr, "gate", NULL, "wildcard *.example");
        csr = request("gate", NULL);
        snprintf(csr.dns[csr.dns_n++], X509_CSR_NAME_ROOM, "*");
        check(&csr, "gate", NULL, "wildcard *");
}

static void what_is_left_out(void **state)
{
        struct x509_csr csr = request("Gate.example", "fe80:0:0:0:0:0:0:7");
        struct device_csr_names asked, none = { 0 };
        char line[200], small[20];

        (void)state;
        device_csr_asked(&csr, &asked);
        assert_string_equal(asked.dns[0], "Gate.example");
        assert_string_equal(asked.ip[0], "fe80:0:0:0:0:0:0:7");
        assert_null(asked.dns[1]);
        assert_int_equal(device_csr_left_out(&csr, &asked, line, sizeof line), 0);
        assert_string_equal(line, "");
        struct device_csr_names same = names("gate.EXAMPLE", "fe80::7");
        assert_int_equal(device_csr_left_out(&csr, &same, line, sizeof line), 0);
        csr.others_n = 2;
        snprintf(csr.uris[csr.uris_n++], X509_URI_ROOM, "custos://berlin/manager/main");
        assert_int_equal(device_csr_left_out(&csr, &none, line, sizeof line), 5);
        assert_string_equal(line,
                "DNS Gate.example, IP fe80:0:0:0:0:0:0:7, URI custos://berlin/manager/main, 2 "
                "others");
        assert_int_equal(device_csr_left_out(&csr, &none, small, sizeof small), 5);
        assert_string_equal(small, "DNS Gate.example");
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(names_that_are_taken),
                cmocka_unit_test(names_that_are_refused),
                cmocka_unit_test(requests_that_are_refused), cmocka_unit_test(what_is_left_out) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
