/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which ranges of time are locked, against a list of locks asked one by one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "vault/lock_set.h"

#define LOCKS 400

static const char *const streams[] = { "a-main", "b-main", "ba-main" };

static unsigned long random_state = 7;
static int64_t any(int64_t below)
{
        random_state = random_state * 6364136223846793005u + 1442695040888963407u;
        return (int64_t)((random_state >> 33) % (unsigned long)below);
}

static void test_as_each_lock_says(void **state)
{
        (void)state;
        struct {
                const char *stream;
                int64_t from, to;
        } locks[LOCKS];
        struct lock_set *s = lock_set_new();

        for (unsigned i = 0; i < LOCKS; i++) {
                locks[i].stream = streams[any(3)];
                locks[i].from = any(100000);
                locks[i].to = locks[i].from + any(i % 20 ? 50 : 3000);
                lock_set_add(s, locks[i].stream, locks[i].from, locks[i].to);
        }
        lock_set_seal(s);
        for (unsigned n = 0; n < 20000; n++) {
                const char *stream = streams[any(3)];
                int64_t first = any(110000), last = first + any(60), to = -1;
                bool locked = false;
                for (unsigned i = 0; i < LOCKS; i++)
                        locked |= locks[i].stream == stream && locks[i].from <= last &&
                                  locks[i].to >= first;
                assert_int_equal(lock_set_covers(s, stream, first, last, &to), locked);
                if (!locked)
                        continue;
                /* Any segment that ends between last and there is covered too. */
                for (int64_t end = last; end <= to && end < last + 50; end++)
                        assert_true(lock_set_covers(s, stream, end, end, NULL) || end < to);
        }
        lock_set_free(s);
}

static void test_ends_are_inside(void **state)
{
        (void)state;
        struct lock_set *s = lock_set_new();
        lock_set_add(s, "a", 10, 20);
        lock_set_add(s, "a", INT64_MAX - 1, INT64_MAX);
        lock_set_add(s, "a", INT64_MIN, INT64_MIN + 1);
        lock_set_seal(s);
        assert_false(lock_set_covers(s, "a", 0, 9, NULL));
        assert_true(lock_set_covers(s, "a", 0, 10, NULL));
        assert_true(lock_set_covers(s, "a", 20, 30, NULL));
        assert_false(lock_set_covers(s, "a", 21, 30, NULL));
        assert_true(lock_set_covers(s, "a", 21, INT64_MAX, NULL));
        assert_true(lock_set_covers(s, "a", INT64_MIN, 0, NULL));
        assert_false(lock_set_covers(s, "aa", 10, 20, NULL));
        assert_false(lock_set_covers(s, "", 10, 20, NULL));
        lock_set_free(s);
}

static void test_none(void **state)
{
        (void)state;
        const char *stream;
        int64_t from, to;
        struct lock_set *s = lock_set_new();
        lock_set_seal(s);
        assert_false(lock_set_covers(s, "a", INT64_MIN, INT64_MAX, &to));
        assert_false(lock_set_range(s, 0, &stream, &from, &to));
        lock_set_free(s);
}

static void test_ranges_are_joined(void **state)
{
        (void)state;
        const char *stream;
        int64_t from, to;
        struct lock_set *s = lock_set_new();
        lock_set_add(s, "b", 1, 2);
        lock_set_add(s, "a", 15, 40);
        lock_set_add(s, "a", 10, 20);
        lock_set_add(s, "a", 12, 13);
        lock_set_seal(s);
        assert_true(lock_set_range(s, 0, &stream, &from, &to));
        assert_string_equal(stream, "a");
        assert_int_equal(from, 10);
        assert_int_equal(to, 40);
        assert_true(lock_set_range(s, 1, &stream, &from, &to));
        assert_string_equal(stream, "b");
        assert_false(lock_set_range(s, 2, &stream, &from, &to));
        lock_set_free(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_as_each_lock_says),
                cmocka_unit_test(test_ends_are_inside),
                cmocka_unit_test(test_none),
                cmocka_unit_test(test_ranges_are_joined),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
