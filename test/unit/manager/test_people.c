/* SPDX-License-Identifier: GPL-3.0-or-later */
/* People in a database: names, roles, the last administrator, and where each signed in before. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "manager/inventory.h"
#include "manager/people.h"

#define NOW_US (INT64_C(1800000000) * 1000000)

static struct inventory *inventory;
static struct db *d;

static int setup(void **state)
{
        (void)state;
        assert_int_equal(inventory_open(NULL, &inventory, NULL), 0);
        d = inventory_db(inventory);
        return 0;
}

static int teardown(void **state)
{
        (void)state;
        inventory = inventory_free(inventory);
        return 0;
}

static struct people_person person(const char *name, enum people_role role)
{
        struct people_person p = { .role = role, .added_us = NOW_US };

        snprintf(p.name, sizeof p.name, "%s", name);
        snprintf(p.password, sizeof p.password, "kept of %s", name);
        return p;
}

static int add(const char *name, enum people_role role)
{
        struct people_person p = person(name, role);

        return people_add(d, &p, NULL);
}

static struct people_person get(const char *name)
{
        struct people_person p;

        assert_int_equal(people_get(d, name, &p, NULL), 0);
        return p;
}

static void test_names(void **state)
{
        static const char *const good[] = { "e", "Erika", "Erika Mustermann", "erika@example.org",
                "Jürgen", "Ἀριστοτέλης", "山田 太郎", "a'b\"c\\d", "O–Brien" };
        static const char *const bad[] = { "", " Erika", "Erika ", "a\nb", "a\tb", "\x7f", "a\xff",
                "\xc2\xa0x", "x\xe2\x80\x83", "x\xc2\x85y", "r\xe2\x80\xaeoot", "ro\xe2\x80\x8bot",
                "\xef\xbb\xbfroot", "x\xed\xa0\x80y" };
        char longest[300] = "";
        struct err e;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(good); i++) {
                if (people_check_name(good[i], &e) < 0)
                        fail_msg("%s: %s", good[i], e.text);
        }
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                if (people_check_name(bad[i], &e) != ERR_INVALID)
                        fail_msg("number %zu is taken", i);
        }
        memset(longest, 'x', 64);
        assert_int_equal(people_check_name(longest, &e), 0);
        longest[64] = 'x';
        assert_int_equal(people_check_name(longest, &e), ERR_INVALID);
        longest[0] = '\0';
        for (unsigned i = 0; i < 63; i++)
                strcat(longest, "ü");
        assert_int_equal(people_check_name(longest, &e), 0); /* 126 bytes */
        strcat(longest, "ü");
        assert_int_equal(people_check_name(longest, &e), ERR_INVALID);
}

static void test_add_and_get(void **state)
{
        struct people_person p;
        bool any = true;
        struct err e;

        (void)state;
        assert_int_equal(people_any(d, &any, NULL), 0);
        assert_false(any);
        assert_int_equal(add("Erika", PEOPLE_ADMINISTRATOR), 0);
        assert_int_equal(people_any(d, &any, NULL), 0);
        assert_true(any);
        assert_int_equal(add("ERIKA", PEOPLE_VIEWER), ERR_STATE); /* looks the same */
        p = get("eRiKa");
        assert_string_equal(p.name, "Erika");
        assert_string_equal(p.password, "kept of Erika");
        assert_int_equal(p.role, PEOPLE_ADMINISTRATOR);
        assert_int_equal(p.password_us, NOW_US);
        assert_int_equal(p.seen_us, 0);
        assert_int_equal(people_get(d, "otto", &p, &e), ERR_NOT_FOUND);
        for (unsigned i = 1; i < PEOPLE_MAX; i++) {
                char name[16];
                snprintf(name, sizeof name, "n%u", i);
                assert_int_equal(add(name, PEOPLE_VIEWER), 0);
        }
        assert_int_equal(add("one more", PEOPLE_VIEWER), ERR_EXHAUSTED);
}

static void test_last_administrator(void **state)
{
        struct people_person p;
        struct err e;

        (void)state;
        assert_int_equal(add("Erika", PEOPLE_ADMINISTRATOR), 0);
        assert_int_equal(add("Otto", PEOPLE_ADMINISTRATOR), 0);
        assert_int_equal(add("Vera", PEOPLE_VIEWER), 0);
        p = get("Otto");
        p.disabled = true; /* two are left, of which one can sign in */
        assert_int_equal(people_set(d, &p, NULL), 0);
        p = get("Erika");
        p.role = PEOPLE_VIEWER;
        assert_int_equal(people_set(d, &p, &e), ERR_DENIED);
        assert_int_equal(e.fault, FAULT_LAST_ADMINISTRATOR);
        p = get("Erika");
        p.disabled = true;
        assert_int_equal(people_set(d, &p, NULL), ERR_DENIED);
        assert_int_equal(people_remove(d, "erika", &e), ERR_DENIED);
        assert_int_equal(e.fault, FAULT_LAST_ADMINISTRATOR);
        p = get("Erika");
        snprintf(p.password, sizeof p.password, "another");
        assert_int_equal(people_set(d, &p, NULL), 0); /* still one */
        assert_string_equal(get("Erika").password, "another");
        assert_int_equal(people_remove(d, "Vera", NULL), 0);
        p = get("Otto");
        p.disabled = false;
        assert_int_equal(people_set(d, &p, NULL), 0);
        assert_int_equal(people_remove(d, "Erika", NULL), 0);
        assert_int_equal(people_remove(d, "Otto", NULL), ERR_DENIED);
        assert_int_equal(people_remove(d, "Nobody", NULL), ERR_NOT_FOUND);
}

static bool knows(const char *name, uint8_t place)
{
        uint8_t bytes[PEOPLE_PLACE_BYTES] = { [15] = place };
        bool known = false;

        assert_int_equal(people_knows_place(d, name, bytes, &known, NULL), 0);
        return known;
}

static void test_places(void **state)
{
        uint8_t bytes[PEOPLE_PLACE_BYTES] = { 0 };

        (void)state;
        assert_int_equal(add("Erika", PEOPLE_ADMINISTRATOR), 0);
        assert_int_equal(add("Otto", PEOPLE_VIEWER), 0);
        for (uint8_t i = 0; i < PEOPLE_PLACES_MAX + 4; i++) {
                bytes[15] = i;
                assert_int_equal(people_note_place(d, "erika", bytes, NOW_US + i, NULL), 0);
        }
        assert_int_equal(get("Erika").seen_us, NOW_US + PEOPLE_PLACES_MAX + 3);
        assert_false(knows("Erika", 3)); /* the oldest are forgotten */
        assert_true(knows("Erika", 4));
        assert_true(knows("ERIKA", PEOPLE_PLACES_MAX + 3));
        assert_false(knows("Otto", 4));
        assert_int_equal(people_remove(d, "Otto", NULL), 0);
        assert_int_equal(add("Otto", PEOPLE_ADMINISTRATOR), 0);
        assert_int_equal(people_remove(d, "Erika", NULL), 0);
        assert_int_equal(add("Erika", PEOPLE_VIEWER), 0);
        assert_false(knows("Erika", 4)); /* another of that name */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test_setup_teardown(test_add_and_get, setup, teardown),
                cmocka_unit_test_setup_teardown(test_last_administrator, setup, teardown),
                cmocka_unit_test_setup_teardown(test_places, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
