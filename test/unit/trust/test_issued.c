/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The register of certificates: one key a camera, nothing for a revoked key, kept over writing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "trust/issued.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)
#define NOW (INT64_C(1795000000) * SECOND)

static const uint8_t key_a[32] = { 1 }, key_b[32] = { 2 }, key_c[32] = { 3 };

static void add(struct issued *r, const char *camera, const uint8_t key[static 32], uint8_t serial,
        int64_t until_us)
{
        struct issued_certificate c = {
                .serial = { serial, 7 }, .serial_n = 2, .issued_us = NOW - DAY, .until_us = until_us
        };

        snprintf(c.camera, sizeof c.camera, "%s", camera);
        memcpy(c.key, key, 32);
        assert_int_equal(issued_add(r, &c, NULL), 0);
}

static void fill(struct issued *r)
{
        issued_init(r);
        add(r, "lobby", key_a, 1, NOW + DAY);
        add(r, "lobby", key_a, 2, NOW + 2 * DAY); /* renewed with the same key */
        add(r, "yard", key_b, 3, NOW + DAY);
        add(r, "gone", key_c, 4, NOW - 1); /* expired */
}

static void one_key_one_camera(void **state)
{
        struct issued r;
        struct err e;

        (void)state;
        fill(&r);
        assert_int_equal(issued_allows_key(&r, "lobby", key_a, NOW, &e), 0);
        assert_int_equal(issued_allows_key(&r, "yard", key_a, NOW, &e), ERR_DENIED);
        assert_non_null(strstr(e.text, "key of camera lobby"));
        assert_int_equal(issued_allows_key(&r, "yard", key_c, NOW, &e), 0); /* nobody's any more */
        assert_int_equal(issued_revoke(&r, "lobby", NOW), 2);
        assert_int_equal(issued_revoke(&r, "lobby", NOW), 0);
        assert_int_equal(issued_revoke(&r, "gone", NOW), 0);
        assert_int_equal(issued_allows_key(&r, "lobby", key_a, NOW, &e), ERR_DENIED);
        assert_non_null(strstr(e.text, "revoked"));
        assert_true(issued_key_is_revoked(&r, key_a));
        assert_false(issued_key_is_revoked(&r, key_b));
        issued_revoke_undo(&r, "lobby", NOW + 1);
        assert_true(issued_key_is_revoked(&r, key_a)); /* another's */
        issued_revoke_undo(&r, "lobby", NOW);
        assert_false(issued_key_is_revoked(&r, key_a));
        issued_done(&r);
}

static void kept_over_writing(void **state)
{
        struct issued r, again;
        struct buf first, second;

        (void)state;
        fill(&r);
        assert_int_equal(issued_revoke(&r, "yard", NOW), 1);
        r.number = 7;
        assert_int_equal(
                buf_append(&r.crl, bytes_str("-----BEGIN X509 CRL-----\nAA==\n"), NULL), 0);
        buf_init(&first, ISSUED_FILE_MAX);
        buf_init(&second, ISSUED_FILE_MAX);
        assert_int_equal(issued_format(&r, NOW, &first, NULL), 0);
        issued_init(&again);
        assert_int_equal(issued_parse(buf_bytes(&first), &again, NULL), 0);
        assert_int_equal(again.n, 3); /* the expired one is left out */
        assert_int_equal(again.number, 7);
        assert_true(bytes_equal(buf_bytes(&again.crl), buf_bytes(&r.crl)));
        assert_true(issued_key_is_revoked(&again, key_b));
        assert_false(issued_key_is_revoked(&again, key_a));
        assert_memory_equal(&again.certificates[1], &r.certificates[1], sizeof r.certificates[1]);
        assert_int_equal(issued_format(&again, NOW, &second, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
        issued_done(&again);
        issued_done(&r);
        buf_done(&first);
        buf_done(&second);
}

static void what_is_damaged_is_no_register(void **state)
{
        static const char good[] =
                "{\"version\":1,\"number\":1,\"crl\":\"\",\"issued\":[{\"serial\":\"0a\",\"camera\":\"a\","
                "\"key\":\"0101010101010101010101010101010101010101010101010101010101010101\","
                "\"issued\":\"2026-01-01T00:00:00Z\",\"until\":\"2027-01-01T00:00:00Z\",\"revoked\":null}]}";
        static const char *const edits[][2] = { { "\"version\":1", "\"version\":2" },
                { "\"number\":1", "\"number\":-1" }, { "\"serial\":\"0a\"", "\"serial\":\"0\"" },
                { "\"serial\":\"0a\"", "\"serial\":\"\"" },
                { "\"camera\":\"a\"", "\"camera\":\"A b\"" },
                { "\"revoked\":null", "\"revoked\":false" },
                { "\"revoked\":null", "\"revoked\":\"now\"" },
                { "\"revoked\":null", "\"revoke\":null" }, { "\"until\":\"2027", "\"until\":\"x" },
                { "\"key\":\"01", "\"key\":\"" }, { "{\"version\"", "{\"crl\":\"\",\"version\"" } };
        struct issued r;
        struct err e;

        (void)state;
        issued_init(&r);
        assert_int_equal(issued_parse(bytes_str(good), &r, &e), 0);
        assert_int_equal(r.n, 1);
        issued_done(&r);
        for (size_t i = 0; i < ARRAY_LEN(edits); i++) {
                const char *at = strstr(good, edits[i][0]);
                CLEANUP(own_freep)
                char *bad = xasprintf(
                        "%.*s%s%s", (int)(at - good), good, edits[i][1], at + strlen(edits[i][0]));
                issued_init(&r);
                if (issued_parse(bytes_str(bad), &r, &e) >= 0)
                        fail_msg("%s", bad);
                issued_done(&r);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(one_key_one_camera),
                cmocka_unit_test(kept_over_writing),
                cmocka_unit_test(what_is_damaged_is_no_register) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
