/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Nodes in a database: which code is taken when, and which key may renew. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "manager/inventory.h"
#include "manager/nodes.h"

#define MINUTE_US INT64_C(60000000)
#define DAY_US (24 * 60 * MINUTE_US)
#define NOW_US (INT64_C(1800000000) * 1000000)

static char dir[] = "/tmp/custos-test-nodes-XXXXXX", path[64];
static struct inventory *inventory;

static struct db *fresh(void)
{
        char wal[80];

        inventory = inventory_free(inventory);
        unlink(path);
        snprintf(wal, sizeof wal, "%s-wal", path);
        unlink(wal);
        snprintf(wal, sizeof wal, "%s-shm", path);
        unlink(wal);
        assert_int_equal(inventory_open(path, &inventory, NULL), 0);
        return inventory_db(inventory);
}

/* As the manager is ended and begun again. */
static struct db *reopened(void)
{
        inventory = inventory_free(inventory);
        assert_int_equal(inventory_open(path, &inventory, NULL), 0);
        return inventory_db(inventory);
}

static const uint8_t *bytes_of(uint8_t value)
{
        static uint8_t room[4][32];
        static unsigned at;
        uint8_t *to = room[at++ % 4];

        memset(to, value, 32);
        return to;
}

static struct nodes_node node(struct db *d, const char *role, const char *name)
{
        struct nodes_node n;
        struct err e;

        if (nodes_get(d, role, name, &n, &e) < 0)
                fail_msg("%s", e.text);
        return n;
}

static void expect(int r, int wanted, const struct err *e, const char *says)
{
        if (r != wanted || (says && !strstr(e->text, says)))
                fail_msg("%d, not %d: %s", r, wanted, r < 0 ? e->text : "");
}

static int count(void *owner, const struct nodes_node *n, struct err *e)
{
        (void)n;
        (void)e;
        ++*(unsigned *)owner;
        return 0;
}

static void test_who_is_there_from_the_start(void **state)
{
        struct db *d = fresh();
        struct nodes_node n;
        unsigned all = 0;
        struct err e;

        (void)state;
        assert_int_equal(nodes_each(d, count, &all, &e), 0);
        assert_int_equal(all, 3);
        n = node(d, "recorder", "main");
        assert_true(n.added_us > INT64_C(1600000000) * 1000000);
        assert_false(nodes_is_certified(&n, NOW_US));
        (void)node(d, "manager", "main");
        (void)node(d, "gateway", "main");
        expect(nodes_get(d, "gateway", "front", &n, &e), ERR_NOT_FOUND, &e, "custos node list");
        expect(nodes_get(d, "worker", "main", &n, &e), ERR_INVALID, &e, "recorder, gateway");
        expect(nodes_get(d, "recorder", "No", &n, &e), ERR_INVALID, &e, "a-z");
        expect(nodes_get(
                       d, "recorder", "a-name-of-forty-eight-characters-is-one-too-many-", &n, &e),
                ERR_INVALID, &e, "47");
        expect(nodes_remove(d, "recorder", "main", &e), ERR_DENIED, &e, "beginning");
        expect(nodes_open_code(d, "manager", "main", bytes_of(1), NOW_US, &e), ERR_DENIED, &e,
                "one manager");
}

static void test_a_code_is_good_once_and_for_twenty_minutes(void **state)
{
        struct db *d = fresh();
        struct nodes_node n;
        struct err e;

        (void)state;
        expect(nodes_check_code(d, "recorder", "lab", bytes_of(1), NOW_US, &e), ERR_AUTH, &e,
                "no open code");
        assert_int_equal(nodes_open_code(d, "recorder", "lab", bytes_of(1), NOW_US, &e), 0);
        n = node(d, "recorder", "lab");
        assert_int_equal(n.code_until_us, NOW_US + 20 * MINUTE_US);
        assert_int_equal(n.code_tries, 5);
        d = reopened();
        /* Asking does not use it up: signing may fail behind that. */
        for (unsigned i = 0; i < 2; i++)
                expect(nodes_check_code(
                               d, "recorder", "lab", bytes_of(1), NOW_US + 20 * MINUTE_US - 1, &e),
                        0, &e, NULL);
        /* Of another node it is none. */
        expect(nodes_check_code(d, "gateway", "lab", bytes_of(1), NOW_US, &e), ERR_AUTH, &e,
                "no open code");
        assert_int_equal(nodes_enrol(d, "recorder", "lab", NOW_US + DAY_US, NOW_US, &e), 0);
        d = reopened();
        expect(nodes_check_code(d, "recorder", "lab", bytes_of(1), NOW_US, &e), ERR_AUTH, &e,
                "was used");
        n = node(d, "recorder", "lab");
        assert_true(nodes_is_certified(&n, NOW_US));
        assert_false(nodes_is_certified(&n, NOW_US + DAY_US));
        assert_int_equal(n.enrolled_us, NOW_US);
        expect(nodes_open_code(d, "recorder", "lab", bytes_of(2), NOW_US, &e), ERR_STATE, &e,
                "--again");
        /* Its certificate ran out: it comes again by a code. */
        assert_int_equal(
                nodes_open_code(d, "recorder", "lab", bytes_of(2), NOW_US + DAY_US, &e), 0);
        /* Late, by the clock, to the microsecond; and then it is closed, whatever the clock says.
         */
        expect(nodes_check_code(
                       d, "recorder", "lab", bytes_of(2), NOW_US + DAY_US + 20 * MINUTE_US, &e),
                ERR_AUTH, &e, "late");
        expect(nodes_check_code(d, "recorder", "lab", bytes_of(2), NOW_US + DAY_US, &e), ERR_AUTH,
                &e, "no open code");
}

static void test_another_code_replaces_the_first(void **state)
{
        struct db *d = fresh();
        struct err e;

        (void)state;
        assert_int_equal(nodes_open_code(d, "gateway", "g", bytes_of(1), NOW_US, &e), 0);
        assert_int_equal(nodes_open_code(d, "gateway", "g", bytes_of(2), NOW_US, &e), 0);
        expect(nodes_check_code(d, "gateway", "g", bytes_of(1), NOW_US, &e), ERR_AUTH, &e, "wrong");
        expect(nodes_check_code(d, "gateway", "g", bytes_of(2), NOW_US, &e), 0, &e, NULL);
        assert_int_equal(nodes_close_code(d, "gateway", "g", &e), 0);
        expect(nodes_check_code(d, "gateway", "g", bytes_of(2), NOW_US, &e), ERR_AUTH, &e,
                "no open code");
}

static void test_five_wrong_secrets_close_it(void **state)
{
        struct db *d = fresh();
        struct err e;

        (void)state;
        assert_int_equal(nodes_open_code(d, "recorder", "lab", bytes_of(1), NOW_US, &e), 0);
        assert_int_equal(nodes_open_code(d, "recorder", "yard", bytes_of(1), NOW_US, &e), 0);
        for (unsigned i = 0; i < 4; i++) {
                expect(nodes_check_code(d, "recorder", "lab", bytes_of(2), NOW_US, &e), ERR_AUTH,
                        &e, "tries are left");
                d = reopened(); /* the count is kept over a restart */
        }
        expect(nodes_check_code(d, "recorder", "lab", bytes_of(1), NOW_US, &e), 0, &e, NULL);
        expect(nodes_check_code(d, "recorder", "lab", bytes_of(2), NOW_US, &e), ERR_AUTH, &e,
                "last try");
        expect(nodes_check_code(d, "recorder", "lab", bytes_of(1), NOW_US, &e), ERR_AUTH, &e,
                "no open code");
        expect(nodes_check_code(d, "recorder", "yard", bytes_of(1), NOW_US, &e), 0, &e, NULL);
}

static struct nodes_sight sight(uint8_t key)
{
        struct nodes_sight s = { .at_us = NOW_US + 5,
                .address = "192.0.2.7:4000",
                .has_key = key != 0,
                .until_us = NOW_US + 3 * DAY_US };

        memset(s.key, key, sizeof s.key);
        return s;
}

static void test_what_it_showed_last(void **state)
{
        const struct nodes_sight first = sight(7), other = sight(8), unknown = sight(0);
        struct db *d = fresh();
        struct nodes_node n;
        struct err e;

        (void)state;
        /* The first start certified this one: what it shows says until when. */
        assert_int_equal(nodes_see(d, "recorder", "main", &first, &e), 0);
        n = node(d, "recorder", "main");
        assert_true(nodes_is_certified(&n, NOW_US));
        assert_memory_equal(n.key, first.key, sizeof n.key);
        assert_int_equal(n.seen_us, NOW_US + 5);
        assert_string_equal(n.address, "192.0.2.7:4000");
        assert_int_equal(nodes_renew(d, "recorder", "main", first.key, NOW_US + 9 * DAY_US, &e), 0);
        assert_int_equal(nodes_see(d, "recorder", "main", &other, &e), 0);
        /* A link that ends shows no key, and changes none. */
        assert_int_equal(nodes_see(d, "recorder", "main", &unknown, &e), 0);
        d = reopened();
        n = node(d, "recorder", "main");
        assert_memory_equal(n.key, other.key, sizeof n.key);
        assert_int_equal(n.until_us, NOW_US + 9 * DAY_US);
        /* It enrols anew: what it showed before is another one's. */
        assert_int_equal(nodes_enrol(d, "recorder", "main", NOW_US + DAY_US, NOW_US, &e), 0);
        n = node(d, "recorder", "main");
        assert_memory_equal(n.key, bytes_of(0), sizeof n.key);
        assert_int_equal(n.until_us, NOW_US + DAY_US);
}

static void test_revoked_and_removed(void **state)
{
        struct db *d = fresh();
        struct nodes_node n;
        int64_t until_us = 0;
        bool remote = true;
        struct err e;

        (void)state;
        assert_int_equal(nodes_any_remote(d, NOW_US, &remote, &e), 0);
        assert_false(remote);
        assert_int_equal(nodes_open_code(d, "gateway", "g", bytes_of(1), NOW_US, &e), 0);
        assert_int_equal(nodes_any_code(d, NOW_US, &until_us, &e), 0);
        assert_int_equal(until_us, NOW_US + 20 * MINUTE_US);
        assert_int_equal(nodes_enrol(d, "gateway", "g", NOW_US + DAY_US, NOW_US, &e), 0);
        until_us = 0;
        assert_int_equal(nodes_any_code(d, NOW_US, &until_us, &e), 0);
        assert_int_equal(until_us, 0);
        assert_int_equal(nodes_any_remote(d, NOW_US, &remote, &e), 0);
        assert_true(remote);
        assert_int_equal(nodes_revoke(d, "gateway", "g", "stolen", NOW_US, &e), 0);
        n = node(d, "gateway", "g");
        assert_string_equal(n.reason, "stolen");
        assert_false(nodes_is_certified(&n, NOW_US));
        assert_int_equal(nodes_any_remote(d, NOW_US, &remote, &e), 0);
        assert_false(remote);
        /* It comes again by a code, and is revoked until it has. */
        assert_int_equal(nodes_open_code(d, "gateway", "g", bytes_of(2), NOW_US, &e), 0);
        n = node(d, "gateway", "g");
        assert_true(n.revoked_us != 0);
        assert_int_equal(nodes_enrol(d, "gateway", "g", NOW_US + DAY_US, NOW_US, &e), 0);
        n = node(d, "gateway", "g");
        assert_true(nodes_is_certified(&n, NOW_US));
        assert_string_equal(n.reason, "");
        /* Revoking closes an open code. */
        assert_int_equal(nodes_open_code(d, "events", "e", bytes_of(1), NOW_US, &e), 0);
        assert_int_equal(nodes_revoke(d, "events", "e", "never mind", NOW_US, &e), 0);
        expect(nodes_check_code(d, "events", "e", bytes_of(1), NOW_US, &e), ERR_AUTH, &e,
                "no open code");
        assert_int_equal(nodes_remove(d, "gateway", "g", &e), 0);
        expect(nodes_remove(d, "gateway", "g", &e), ERR_NOT_FOUND, &e, "no node");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_who_is_there_from_the_start),
                cmocka_unit_test(test_a_code_is_good_once_and_for_twenty_minutes),
                cmocka_unit_test(test_another_code_replaces_the_first),
                cmocka_unit_test(test_five_wrong_secrets_close_it),
                cmocka_unit_test(test_what_it_showed_last),
                cmocka_unit_test(test_revoked_and_removed),
        };

        if (!mkdtemp(dir))
                return 1;
        snprintf(path, sizeof path, "%s/db", dir);
        int r = cmocka_run_group_tests(tests, NULL, NULL);
        inventory_free(inventory);
        return r;
}
