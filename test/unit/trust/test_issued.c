/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The register of certificates: a key is one subject's alone, and nobody's once it was revoked;
 * kept over writing; and it does not grow. */
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

static const uint8_t key_a[32] = { 1 }, key_b[32] = { 2 }, key_c[32] = { 3 }, key_d[32] = { 4 };

static struct issued_certificate entry(enum issued_issuer issuer, const char *subject,
        const uint8_t key[static 32], uint8_t serial, int64_t until_us)
{
        struct issued_certificate c = { .issuer = issuer,
                .serial = { serial, 7 },
                .serial_n = 2,
                .from_us = NOW - DAY,
                .until_us = until_us };

        snprintf(c.subject, sizeof c.subject, "%s", subject);
        memcpy(c.key, key, 32);
        return c;
}

static void add(struct issued *r, enum issued_issuer issuer, const char *subject,
        const uint8_t key[static 32], uint8_t serial, int64_t until_us)
{
        const struct issued_certificate c = entry(issuer, subject, key, serial, until_us);

        assert_int_equal(issued_add(r, &c, NOW - DAY, NULL), 0);
}

static void fill(struct issued *r)
{
        issued_init(r);
        add(r, ISSUED_CAMERAS, "lobby", key_a, 1, NOW + DAY);
        add(r, ISSUED_CAMERAS, "lobby", key_a, 2, NOW + 2 * DAY); /* renewed with the same key */
        add(r, ISSUED_CAMERAS, "yard", key_b, 3, NOW + DAY);
        add(r, ISSUED_CAMERAS, "gone", key_c, 4, NOW - SECOND); /* expired */
        add(r, ISSUED_NODES, "recorder/lobby", key_d, 5, NOW + DAY);
}

static int allows(const struct issued *r, enum issued_issuer issuer, const char *subject,
        const uint8_t key[static 32], const char *says)
{
        struct err e = { 0 };
        int done = issued_allows_key(r, issuer, subject, key, NOW, &e);

        if (!strstr(e.text, says))
                fail_msg("%s: %s", subject, e.text);
        return done;
}

static void one_key_one_subject(void **state)
{
        struct issued r;

        (void)state;
        fill(&r);
        assert_int_equal(allows(&r, ISSUED_CAMERAS, "lobby", key_a, ""), 0);
        assert_int_equal(
                allows(&r, ISSUED_CAMERAS, "yard", key_a, "key of camera lobby"), ERR_DENIED);
        assert_int_equal(allows(&r, ISSUED_WEB, "lobby", key_a, "key of camera lobby"), ERR_DENIED);
        assert_int_equal(
                allows(&r, ISSUED_CAMERAS, "x", key_d, "key of node recorder/lobby"), ERR_DENIED);
        assert_int_equal(
                allows(&r, ISSUED_SEALS, "recorder/lobby", key_d, "key of node"), ERR_DENIED);
        assert_int_equal(allows(&r, ISSUED_NODES, "recorder/lobby", key_d, ""), 0);
        assert_int_equal(allows(&r, ISSUED_CAMERAS, "yard", key_c, ""), 0); /* nobody's any more */
        issued_done(&r);
}

static void what_is_revoked(void **state)
{
        struct issued r;

        (void)state;
        fill(&r);
        assert_int_equal(issued_revoke(&r, ISSUED_CAMERAS, "lobby", NOW), 2);
        assert_int_equal(issued_revoke(&r, ISSUED_CAMERAS, "lobby", NOW), 0);
        assert_int_equal(issued_revoke(&r, ISSUED_CAMERAS, "gone", NOW), 0);
        assert_int_equal(issued_revoke(&r, ISSUED_CAMERAS, "lob", NOW), 0);
        assert_int_equal(issued_revoke(&r, ISSUED_WEB, "yard", NOW), 0);
        /* Under any name, and for any purpose. */
        assert_int_equal(allows(&r, ISSUED_CAMERAS, "lobby", key_a, "revoked"), ERR_DENIED);
        assert_int_equal(allows(&r, ISSUED_CAMERAS, "yard", key_a, "revoked"), ERR_DENIED);
        assert_int_equal(allows(&r, ISSUED_NODES, "recorder/x", key_a, "camera lobby"), ERR_DENIED);
        assert_true(issued_key_is_revoked(&r, key_a));
        assert_false(issued_key_is_revoked(&r, key_b));
        issued_revoke_undo(&r, ISSUED_CAMERAS, "lobby", NOW + 1);
        assert_true(issued_key_is_revoked(&r, key_a)); /* another's */
        issued_revoke_undo(&r, ISSUED_NODES, "lobby", NOW);
        assert_true(issued_key_is_revoked(&r, key_a));
        issued_revoke_undo(&r, ISSUED_CAMERAS, "lobby", NOW);
        assert_false(issued_key_is_revoked(&r, key_a));
        /* What hangs below a subject goes with it. */
        add(&r, ISSUED_NODES, "manager/main", key_b, 8, NOW + DAY);
        add(&r, ISSUED_NODES, "manager/main/grants", key_c, 9, NOW + DAY);
        add(&r, ISSUED_NODES, "manager/mainz", key_d, 10, NOW + DAY);
        assert_int_equal(issued_revoke(&r, ISSUED_NODES, "manager/main", NOW), 2);
        assert_false(issued_key_is_revoked(&r, key_d));
        issued_done(&r);
}

/* A node's certificate lasts 14 days and is renewed every 9: two a node, however long it runs. */
static void it_does_not_grow(void **state)
{
        struct issued r;
        int64_t now = NOW;

        (void)state;
        issued_init(&r);
        struct issued_certificate c = entry(ISSUED_NODES, "recorder/bad", key_b, 1, NOW + 14 * DAY);
        assert_int_equal(issued_add(&r, &c, now, NULL), 0);
        assert_int_equal(issued_revoke(&r, ISSUED_NODES, "recorder/bad", now), 1);
        assert_true(issued_is_listed(&r.certificates[0], now));
        for (unsigned i = 0; i < 2000; i++, now += 9 * DAY) {
                c = entry(ISSUED_NODES, "recorder/good", key_a, (uint8_t)i, now + 14 * DAY);
                memcpy(c.key, &i, sizeof i);
                assert_int_equal(issued_add(&r, &c, now, NULL), 0);
                assert_true(r.n <= 3);
        }
        /* What was revoked leaves the list with its certificate's end, and a day for slow clocks,
         * but the key stays known. */
        assert_true(issued_is_listed(&r.certificates[0], NOW + 14 * DAY + 1));
        assert_false(issued_is_listed(&r.certificates[0], NOW + 15 * DAY));
        assert_true(issued_key_is_revoked(&r, key_b));
        /* Full of certificates that are good: no more. Of revoked ones: the oldest makes room. */
        while (r.n < ISSUED_MAX) {
                unsigned i = (unsigned)r.n + 5000;
                c = entry(ISSUED_CAMERAS, "x", key_a, 1, now + (r.n == 100 ? 1 : 2) * DAY);
                memcpy(c.key, &i, sizeof i);
                assert_int_equal(issued_add(&r, &c, now, NULL), 0);
        }
        c = entry(ISSUED_CAMERAS, "y", key_c, 1, now + 2 * DAY);
        assert_int_equal(issued_add(&r, &c, now, NULL), 0); /* in the place of recorder/bad */
        assert_int_equal(r.n, ISSUED_MAX);
        assert_false(issued_key_is_revoked(&r, key_b));
        struct err e;
        assert_int_equal(issued_add(&r, &c, now, &e), ERR_EXHAUSTED);
        issued_revoke(&r, ISSUED_CAMERAS, "x", now);
        assert_int_equal(
                issued_add(&r, &c, now, &e), ERR_EXHAUSTED); /* they are in the list still */
        assert_int_equal(issued_add(&r, &c, now + 2 * DAY, &e), 0);
        assert_int_equal(r.n, ISSUED_MAX);
        issued_done(&r);
}

/* One node that asks without end fills no register; others go on, and so does it when it has come
 * to an end with what it has. */
static void one_node_has_its_share(void **state)
{
        struct issued r;
        struct issued_certificate c;
        struct err e;

        (void)state;
        issued_init(&r);
        for (unsigned i = 0; i <= ISSUED_OF_ONE_MAX; i++) {
                c = entry(ISSUED_NODES, "gateway/greedy", key_a, 1, NOW + 14 * DAY);
                memcpy(c.key, &i, sizeof i);
                int wanted = i < ISSUED_OF_ONE_MAX ? 0 : ERR_EXHAUSTED;
                assert_int_equal(issued_add(&r, &c, NOW, &e), wanted);
        }
        assert_non_null(strstr(e.text, "gateway/greedy has 64 certificates"));
        c = entry(ISSUED_NODES, "gateway/modest", key_b, 1, NOW + 14 * DAY);
        assert_int_equal(issued_add(&r, &c, NOW, &e), 0);
        c = entry(ISSUED_WEB, "gateway/greedy", key_c, 1, NOW + 14 * DAY);
        assert_int_equal(issued_add(&r, &c, NOW, &e), 0);
        c = entry(ISSUED_NODES, "gateway/greedy", key_d, 1, NOW + 30 * DAY);
        assert_int_equal(issued_add(&r, &c, NOW + 15 * DAY, &e), 0);
        issued_done(&r);
}

/* A node may come back by the key of its newest certificate. */
static void a_nodes_newest_stays(void **state)
{
        struct issued r;

        (void)state;
        issued_init(&r);
        add(&r, ISSUED_NODES, "recorder/a", key_a, 1, NOW + DAY);
        add(&r, ISSUED_NODES, "recorder/a", key_b, 2, NOW + 2 * DAY);
        add(&r, ISSUED_NODES, "recorder/b", key_c, 3, NOW + DAY);
        add(&r, ISSUED_CAMERAS, "a", key_d, 4, NOW + DAY);
        issued_prune(&r, NOW + 4 * DAY);
        assert_int_equal(r.n, 2);
        assert_memory_equal(issued_newest(&r, ISSUED_NODES, "recorder/a")->key, key_b, 32);
        assert_memory_equal(issued_newest(&r, ISSUED_NODES, "recorder/b")->key, key_c, 32);
        assert_null(issued_newest(&r, ISSUED_NODES, "recorder"));
        assert_null(issued_newest(&r, ISSUED_SEALS, "recorder/a"));
        issued_prune(&r, NOW + 92 * DAY - 1);
        assert_int_equal(r.n, 1);
        issued_prune(&r, NOW + 92 * DAY);
        assert_int_equal(r.n, 0);
        issued_done(&r);
}

static void kept_over_writing(void **state)
{
        struct issued r, again;
        struct buf first, second;

        (void)state;
        fill(&r);
        assert_int_equal(issued_revoke(&r, ISSUED_CAMERAS, "yard", NOW), 1);
        r.lists[ISSUED_CAMERAS].number = 7;
        r.lists[ISSUED_NODES].number = 9;
        assert_int_equal(buf_append(&r.lists[ISSUED_CAMERAS].crl,
                                 bytes_str("-----BEGIN X509 CRL-----\nAA==\n"), NULL),
                0);
        buf_init(&first, ISSUED_FILE_MAX);
        buf_init(&second, ISSUED_FILE_MAX);
        assert_int_equal(issued_format(&r, &first, NULL), 0);
        issued_init(&again);
        assert_int_equal(issued_parse(buf_bytes(&first), &again, NULL), 0);
        assert_int_equal(again.n, r.n);
        assert_int_equal(again.lists[ISSUED_CAMERAS].number, 7);
        assert_int_equal(again.lists[ISSUED_NODES].number, 9);
        assert_int_equal(again.lists[ISSUED_WEB].number, 0);
        assert_true(bytes_equal(buf_bytes(&again.lists[ISSUED_CAMERAS].crl),
                buf_bytes(&r.lists[ISSUED_CAMERAS].crl)));
        assert_true(issued_key_is_revoked(&again, key_b));
        assert_false(issued_key_is_revoked(&again, key_a));
        for (size_t i = 0; i < r.n; i++)
                assert_memory_equal(
                        &again.certificates[i], &r.certificates[i], sizeof r.certificates[i]);
        assert_int_equal(issued_format(&again, &second, NULL), 0);
        assert_true(bytes_equal(buf_bytes(&first), buf_bytes(&second)));
        issued_done(&again);
        issued_done(&r);
        buf_done(&first);
        buf_done(&second);
}

/* As it was before it knew other issuers. */
static void the_older_form(void **state)
{
        static const char old[] =
                "{\"version\":1,\"number\":3,\"crl\":\"LIST\",\"issued\":[{\"serial\":\"0a\",\"camera\":\"a\","
                "\"key\":\"0101010101010101010101010101010101010101010101010101010101010101\","
                "\"issued\":\"2026-01-01T12:00:00Z\",\"until\":\"2027-01-01T00:00:00Z\",\"revoked\":"
                "\"2026-02-01T00:00:00Z\"}]}";
        struct issued r, again;
        struct buf text;
        struct err e;

        (void)state;
        issued_init(&r);
        issued_init(&again);
        buf_init(&text, ISSUED_FILE_MAX);
        assert_int_equal(issued_parse(bytes_str(old), &r, &e), 0);
        assert_int_equal(r.n, 1);
        assert_int_equal(r.certificates[0].issuer, ISSUED_CAMERAS);
        assert_string_equal(r.certificates[0].subject, "a");
        assert_int_equal(r.certificates[0].from_us, INT64_C(1767265200) * SECOND);
        assert_true(r.certificates[0].revoked_us > 0);
        assert_int_equal(r.lists[ISSUED_CAMERAS].number, 3);
        assert_memory_equal(r.lists[ISSUED_CAMERAS].crl.p, "LIST", 4);
        assert_int_equal(issued_format(&r, &text, NULL), 0);
        assert_int_equal(buf_append(&text, BYTES("", 1), NULL), 0);
        assert_non_null(strstr((const char *)text.p, "\"version\": 2"));
        text.n--;
        assert_int_equal(issued_parse(buf_bytes(&text), &again, &e), 0);
        assert_memory_equal(&again.certificates[0], &r.certificates[0], sizeof *r.certificates);
        issued_done(&r);
        issued_done(&again);
        buf_done(&text);
}

static void what_is_damaged_is_no_register(void **state)
{
        static const char good[] =
                "{\"version\":2,\"lists\":{\"nodes\":{\"number\":1,\"crl\":\"\"},\"cameras\":{\"number\":0,"
                "\"crl\":\"\"},\"web\":{\"number\":0,\"crl\":\"\"}},\"issued\":[{\"issuer\":\"nodes\","
                "\"subject\":\"manager/a/grants\",\"serial\":\"0a\","
                "\"key\":\"0101010101010101010101010101010101010101010101010101010101010101\","
                "\"from\":\"2026-01-01T00:00:00Z\",\"until\":\"2027-01-01T00:00:00Z\",\"revoked\":null}]}";
        static const char *const edits[][2] = { { "\"version\":2", "\"version\":1" },
                { "\"version\":2", "\"version\":3" }, { "\"number\":1", "\"number\":-1" },
                { "\"web\"", "\"seals\"" }, { "\"web\"", "\"nodes\"" },
                { "\"issuer\":\"nodes\"", "\"issuer\":\"node\"" },
                { "\"serial\":\"0a\"", "\"serial\":\"0\"" },
                { "\"serial\":\"0a\"", "\"serial\":\"\"" },
                { "manager/a/grants", "Manager/a/grants" },
                { "manager/a/grants", "manager//grants" }, { "manager/a/grants", "manager/a/" },
                { "manager/a/grants", "/a/grants" }, { "manager/a/grants", "manager/a/b/grants" },
                { "manager/a/grants", "" },
                { "manager/a/grants", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/"
                                      "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
                { "\"revoked\":null", "\"revoked\":false" },
                { "\"revoked\":null", "\"revoked\":\"now\"" },
                { "\"revoked\":null", "\"revoked\":\"1970-01-01T00:00:00Z\"" },
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
                assert_non_null(at);
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
        const struct CMUnitTest tests[] = { cmocka_unit_test(one_key_one_subject),
                cmocka_unit_test(what_is_revoked), cmocka_unit_test(it_does_not_grow),
                cmocka_unit_test(one_node_has_its_share), cmocka_unit_test(a_nodes_newest_stays),
                cmocka_unit_test(kept_over_writing), cmocka_unit_test(the_older_form),
                cmocka_unit_test(what_is_damaged_is_no_register) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
