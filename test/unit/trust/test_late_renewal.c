/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request that is signed with the key of a certificate that ran out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/str.h"
#include "trust/late_renewal.h"

#define URI "custos://site/recorder/north"

static const struct bytes csr = { (const uint8_t *)"a request", 9 };

static void test_made_and_taken(void **state)
{
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        char value[LATE_RENEWAL_ROOM];
        uint8_t ours[32], theirs[32];
        struct late_renewal l;

        (void)state;
        assert_int_equal(late_renewal_format(URI, key, csr, value, NULL), 0);
        assert_int_equal(late_renewal_parse(bytes_str(value), &l, NULL), 0);
        assert_string_equal(l.uri, URI);
        sign_key_id(key, ours);
        verify_key_id(l.key, theirs);
        assert_memory_equal(ours, theirs, 32);
        assert_true(late_renewal_check(&l, csr));
        /* Another request, another node, another signature: not what was signed. */
        assert_false(late_renewal_check(&l, bytes_str("another")));
        assert_false(late_renewal_check(&l, BYTES(NULL, 0)));
        l.uri[strlen(l.uri) - 1] = 'x';
        assert_false(late_renewal_check(&l, csr));
        l.uri[strlen(l.uri) - 1] = 'h';
        l.signature[5] ^= 1;
        assert_false(late_renewal_check(&l, csr));
        late_renewal_done(&l);
}

static void test_another_key(void **state)
{
        CLEANUP(sign_key_freep) struct sign_key *one = sign_key_generate();
        CLEANUP(sign_key_freep) struct sign_key *two = sign_key_generate();
        char a[LATE_RENEWAL_ROOM], b[LATE_RENEWAL_ROOM], mixed[LATE_RENEWAL_ROOM];
        struct late_renewal l;

        (void)state;
        assert_int_equal(late_renewal_format(URI, one, csr, a, NULL), 0);
        assert_int_equal(late_renewal_format(URI, two, csr, b, NULL), 0);
        snprintf(mixed, sizeof mixed, "%.*s%s", (int)(strrchr(a, ' ') - a), a, strrchr(b, ' '));
        assert_int_equal(late_renewal_parse(bytes_str(mixed), &l, NULL), 0);
        assert_false(late_renewal_check(&l, csr));
        late_renewal_done(&l);
}

static void test_what_is_none(void **state)
{
        CLEANUP(sign_key_freep) struct sign_key *key = sign_key_generate();
        static const char *const bad[] = { "", "Custos-Renewal", LATE_RENEWAL_SCHEME, "Basic YTpi",
                LATE_RENEWAL_SCHEME URI, LATE_RENEWAL_SCHEME URI " AAAA AAAA",
                LATE_RENEWAL_SCHEME "  " };
        char value[LATE_RENEWAL_ROOM], cut[LATE_RENEWAL_ROOM], long_uri[LATE_RENEWAL_URI_ROOM + 1];
        struct late_renewal l;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(late_renewal_parse(bytes_str(bad[i]), &l, NULL), ERR_INVALID);
        assert_int_equal(late_renewal_format(URI, key, csr, value, NULL), 0);
        for (size_t n = 0; n < strlen(value); n++) {
                snprintf(cut, sizeof cut, "%.*s", (int)n, value);
                assert_int_equal(late_renewal_parse(bytes_str(cut), &l, NULL), ERR_INVALID);
        }
        memset(long_uri, 'x', sizeof long_uri);
        long_uri[LATE_RENEWAL_URI_ROOM] = '\0';
        assert_int_equal(late_renewal_format(long_uri, key, csr, value, NULL), ERR_INVALID);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_made_and_taken),
                cmocka_unit_test(test_another_key),
                cmocka_unit_test(test_what_is_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
