/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which of several copies of a manager's state is followed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>
#include <cmocka.h>

#include "trust/site_history.c"

static void id_of(uint8_t *to, uint8_t n)
{
        memset(to, n, SITE_HISTORY_ID_BYTES);
}

/* A manager's start `id`; before: the starts before it, newest first; restores likewise; 0 ends. */
static struct site_history *start_of(uint8_t id, const char *before, const char *restores)
{
        struct site_history *h = xcalloc(1, sizeof *h);

        id_of(h->id, id);
        for (; before[h->before_n]; h->before_n++)
                id_of(h->before[h->before_n], (uint8_t)before[h->before_n]);
        for (; restores[h->restores_n]; h->restores_n++)
                id_of(h->restores[h->restores_n], (uint8_t)restores[h->restores_n]);
        return h;
}

/* Offers it: taken where it follows. */
static bool offer(
        struct site_history_known *k, uint8_t id, const char *before, const char *restores)
{
        CLEANUP(own_freep) struct site_history *h = start_of(id, before, restores);
        bool follows = site_history_follows(k, h);

        if (follows)
                site_history_take(k, h);
        return follows;
}

static void test_starts_follow_each_other(void **state)
{
        struct site_history_known k = { 0 };

        (void)state;
        assert_true(offer(&k, 'a', "", ""));
        assert_true(offer(&k, 'a', "", ""));
        assert_true(offer(&k, 'b', "a", ""));
        assert_true(offer(&k, 'f', "edcba", "")); /* it was away meanwhile */
        assert_false(offer(&k, 'f' + 100, "", ""));
}

static void test_older_copies_and_forks_are_refused(void **state)
{
        struct site_history_known k = { 0 };

        (void)state;
        assert_true(offer(&k, 'c', "ba", ""));
        assert_false(offer(&k, 'b', "a", ""));   /* the same as it was before */
        assert_false(offer(&k, 'x', "ba", ""));  /* a copy of then, started now */
        assert_true(offer(&k, 'y', "cba", ""));  /* a copy of now, that came first */
        assert_false(offer(&k, 'd', "cba", "")); /* the real one, after it */
        assert_false(offer(&k, 'e', "dcba", ""));
        assert_true(offer(&k, 'z', "ycba", ""));
}

static void test_a_restore_counts_once(void **state)
{
        struct site_history_known k = { 0 };

        (void)state;
        assert_true(offer(&k, 'c', "ba", ""));
        assert_true(offer(&k, 'x', "a", "1"));
        assert_false(offer(&k, 'd', "cba", ""));
        assert_true(offer(&k, 'y', "xa", "1"));
        assert_false(offer(&k, 'v', "a", "1")); /* the other copy of the same restore */
        assert_true(offer(&k, 'd', "cba", "2"));
        assert_false(offer(&k, 'y', "xa", "1"));
        /* It heard of restores that it was not there for. */
        assert_true(offer(&k, 'r', "q", "543"));
        assert_false(offer(&k, 's', "p", "4"));
}

static void test_many_restores(void **state)
{
        struct site_history_known k = { 0 };
        char newest[2] = { 0 };

        (void)state;
        for (unsigned i = 1; i <= SITE_HISTORY_RESTORES_MAX + 10u; i++) {
                newest[0] = (char)i;
                assert_true(offer(&k, 200, "", newest));
        }
        assert_int_equal(k.restores_n, SITE_HISTORY_RESTORES_MAX);
        assert_int_equal(k.restores[0][0], SITE_HISTORY_RESTORES_MAX + 10);
        assert_int_equal(k.restores[SITE_HISTORY_RESTORES_MAX - 1][0], 11);
}

static void test_the_message(void **state)
{
        CLEANUP(own_freep) struct site_history *h = start_of('a', "bc", "12"), *back = NULL;
        static const char *const bad[] = {
                "{}", "[]", "{\"id\": \"00\", \"before\": [], \"restores\": []}",
                "{\"id\": \"00112233445566778899aabbccddeeff\", \"before\": {}, \"restores\": []}",
                "{\"id\": \"00112233445566778899aabbccddeeff\", \"before\": [1], \"restores\": []}",
                "{\"id\": \"00112233445566778899aabbccddeefg\", \"before\": [], \"restores\": []}",
                "{\"id\": \"00112233445566778899aabbccddeeff\", \"before\": [], \"restores\": [], \"x\": 1}"
        };
        struct err e;

        (void)state;
        back = xcalloc(1, sizeof *back);
        json_t *body = site_history_format(h);
        assert_int_equal(site_history_parse(body, back, &e), 0);
        assert_memory_equal(back, h, sizeof *h);
        json_decref(body);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                body = json_loads(bad[i], 0, NULL);
                assert_int_equal(site_history_parse(body, back, &e), ERR_INVALID);
                json_decref(body);
        }
        body = json_pack("{s:s, s:[], s:[]}", "id", "00112233445566778899aabbccddeeff", "before",
                "restores");
        for (unsigned i = 0; i <= SITE_HISTORY_BEFORE_MAX; i++)
                json_array_append_new(json_object_get(body, "before"),
                        json_string("00112233445566778899aabbccddeeff"));
        assert_int_equal(site_history_parse(body, back, &e), ERR_INVALID);
        assert_memory_equal(back, h, sizeof *h); /* untouched */
        json_decref(body);
}

static void test_the_file(void **state)
{
        struct site_history_known k = { 0 }, back = { 0 };
        static const char *const bad[] = {
                "start 00\n", "end 00112233445566778899aabbccddeeff\n",
                "start 00112233445566778899aabbccddeeff\nstart 00112233445566778899aabbccddeeff\n"
        };
        struct buf text;
        struct err e;

        (void)state;
        buf_init(&text, SITE_HISTORY_FILE_MAX);
        assert_int_equal(site_history_known_parse(BYTES("", 0), &back, &e), 0);
        assert_false(back.any);
        assert_true(offer(&k, 'c', "ba", "21"));
        for (uint8_t i = 3; i <= SITE_HISTORY_RESTORES_MAX; i++)
                site_history_note_restore(&k, (uint8_t[SITE_HISTORY_ID_BYTES]){ i });
        assert_int_equal(site_history_known_format(&k, &text, &e), 0);
        assert_int_equal(site_history_known_parse(buf_bytes(&text), &back, &e), 0);
        assert_true(back.any);
        assert_int_equal(back.restores_n, k.restores_n);
        assert_memory_equal(back.id, k.id, sizeof k.id);
        assert_memory_equal(back.restores, k.restores, sizeof k.restores);
        buf_done(&text);
        for (size_t i = 0; i < ARRAY_LEN(bad); i++)
                assert_int_equal(
                        site_history_known_parse(bytes_str(bad[i]), &back, &e), ERR_CORRUPT);
        assert_int_equal(site_history_known_parse(BYTES("\0", 1), &back, &e), ERR_CORRUPT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_starts_follow_each_other),
                cmocka_unit_test(test_older_copies_and_forks_are_refused),
                cmocka_unit_test(test_a_restore_counts_once),
                cmocka_unit_test(test_many_restores),
                cmocka_unit_test(test_the_message),
                cmocka_unit_test(test_the_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
