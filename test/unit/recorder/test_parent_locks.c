/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests about locks: what is taken, what is kept, what is listed, and how much it holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/str.h"
#include "fake_storage.h"
#include "net/link.h"
#include "vault/lock_record.h"

static struct err failure;

static int add(const char *id, const char *stream, const char *from, const char *to, const char *by,
        const char *reason)
{
        json_t *ret = NULL;
        json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "id", id, "stream", stream,
                "from", from, "to", to, "by", by, "reason", reason);
        int r = parent_locks_add(&fake_parent, body, &ret, &failure);

        json_decref(body);
        json_decref(ret);
        return r;
}

static int add_number(unsigned n)
{
        char id[33];

        snprintf(id, sizeof id, "%032x", n);
        return add(id, "a-main", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "root",
                "a reason that is neither short nor long");
}

static int remove_lock(const char *id)
{
        json_t *ret = NULL, *body = json_pack("{s:s}", "id", id);
        int r = parent_locks_remove(&fake_parent, body, &ret, &failure);

        json_decref(body);
        json_decref(ret);
        return r;
}

static json_t *list(const char *after, int limit)
{
        json_t *ret = NULL, *body = json_pack("{s:s}", "after", after);

        if (limit)
                json_object_set_new(body, "limit", json_integer(limit));
        int r = parent_locks_list(&fake_parent, body, &ret, &failure);
        json_decref(body);
        return r < 0 ? NULL : ret;
}

#define ID "0123456789abcdef0123456789abcdef"
#define ADD(stream, from, to) add(ID, stream, from, to, "jo", "case 7")

static bool covers(const char *stream, const char *time)
{
        const struct lock_set *set;
        int64_t us;

        assert_int_equal(str_parse_time(time, &us, &failure), 0);
        assert_int_equal(parent_locks_set(fake_parent.locks, &set, &failure), 0);
        return lock_set_covers(set, stream, us, us, NULL);
}

static void test_it_holds_at_once_and_lies_beside_the_footage(void **state)
{
        (void)state;
        struct lock_record l;
        assert_false(covers("lobby-main", "2026-03-01T12:00:00Z"));
        assert_int_equal(ADD("lobby-main", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00.5Z"), 0);
        assert_true(covers("lobby-main", "2026-03-02T00:00:00.5Z"));
        assert_false(covers("lobby-main", "2026-03-02T00:00:00.6Z"));
        assert_false(covers("lobby-sub", "2026-03-01T12:00:00Z"));
        assert_string_equal(fake.lock_id, ID);
        assert_int_equal(lock_record_parse(bytes_str(fake.lock_text), &l, &failure), 0);
        assert_string_equal(l.stream, "lobby-main");
        assert_string_equal(l.by, "jo");
        assert_string_equal(l.reason, "case 7");
        assert_int_equal(l.made_us, fake_wall_us);
        /* A recorder that begins again knows it from the index. */
        fake_end();
        fake_begin();
        assert_true(covers("lobby-main", "2026-03-01T12:00:00Z"));
        /* Said twice, it is the same; another of that id is refused. */
        fake.locks = 0;
        assert_int_equal(ADD("lobby-main", "2026-03-01T00:00:00Z", "2026-03-02T00:00:00.5Z"), 0);
        assert_int_equal(
                ADD("lobby-main", "2026-03-01T00:00:01Z", "2026-03-02T00:00:00.5Z"), ERR_STATE);
        assert_int_equal(fake.locks, 0);
        assert_int_equal(remove_lock(ID), 0);
        assert_false(covers("lobby-main", "2026-03-01T12:00:00Z"));
        assert_string_equal(fake.lock_text, "(removed)");
        assert_int_equal(remove_lock(ID), ERR_NOT_FOUND);
}

static void test_what_is_no_lock(void **state)
{
        (void)state;
        char longer[600];
        json_t *ret = NULL, *body;
        memset(longer, 'x', sizeof longer - 1);
        longer[sizeof longer - 1] = '\0';
        const char *a = "2026-03-01T00:00:00Z", *b = "2026-03-01T00:00:01Z";
        assert_int_equal(add("xyz", "a-main", a, b, "jo", ""), ERR_INVALID);
        assert_int_equal(
                add("../../../../../../../../../etc/x", "a-main", a, b, "jo", ""), ERR_INVALID);
        assert_int_equal(add(longer, "a-main", a, b, "jo", ""), ERR_INVALID);
        assert_int_equal(ADD("lobby", a, b), ERR_INVALID);
        assert_int_equal(ADD("../a-main", a, b), ERR_INVALID);
        assert_int_equal(ADD(longer, a, b), ERR_INVALID);
        assert_int_equal(ADD("a-main", b, a), ERR_INVALID);
        assert_int_equal(ADD("a-main", "yesterday", b), ERR_INVALID);
        assert_int_equal(ADD("a-main", a, "2026-13-01T00:00:00Z"), ERR_INVALID);
        assert_int_equal(add(ID, "a-main", a, b, longer, ""), ERR_INVALID);
        assert_int_equal(add(ID, "a-main", a, b, "jo", longer), ERR_INVALID);
        body = json_pack("{s:s, s:i}", "id", ID, "more", 1);
        assert_int_equal(parent_locks_add(&fake_parent, body, &ret, &failure), ERR_INVALID);
        assert_int_equal(parent_locks_remove(&fake_parent, body, &ret, &failure), ERR_INVALID);
        assert_int_equal(parent_locks_list(&fake_parent, body, &ret, &failure), ERR_INVALID);
        json_decref(body);
        assert_int_equal(remove_lock(longer), ERR_INVALID);
        assert_null(list("", -1));
        assert_null(list("", 201));
        assert_int_equal(fake.locks, 0);
        unsigned n = 9;
        assert_int_equal(index_lock_count(fake_parent.index, &n, &failure), 0);
        assert_int_equal(n, 0);
}

static void test_ten_thousand_and_no_more(void **state)
{
        (void)state;
        struct err e;
        assert_int_equal(index_begin(fake_parent.index, &e), 0);
        for (unsigned i = 0; i < LOCK_SET_MAX; i++)
                assert_int_equal(add_number(i), 0);
        assert_int_equal(index_commit(fake_parent.index, &e), 0);
        assert_int_equal(add_number(LOCK_SET_MAX), ERR_EXHAUSTED);
        assert_int_equal(add_number(77), 0); /* is there already */
        /* All are listed, page by page, and no page is too long for a message. */
        char after[33] = "";
        unsigned n = 0;
        bool more = true;
        while (more) {
                json_t *page = list(after, 0);
                assert_non_null(page);
                json_t *locks = json_object_get(page, "locks");
                assert_true(link_json_bytes(page) < CHAN_BODY_MAX);
                for (size_t i = 0; i < json_array_size(locks); i++, n++) {
                        const char *id =
                                json_string_value(json_object_get(json_array_get(locks, i), "id"));
                        assert_true(strcmp(id, after) > 0);
                        snprintf(after, sizeof after, "%s", id);
                }
                more = json_is_true(json_object_get(page, "more"));
                assert_true(more || n == LOCK_SET_MAX);
                json_decref(page);
        }
        assert_int_equal(n, LOCK_SET_MAX);
        json_t *page = list("", 3);
        assert_int_equal(json_array_size(json_object_get(page, "locks")), 3);
        assert_true(json_is_true(json_object_get(page, "more")));
        json_decref(page);
        assert_int_equal(remove_lock("00000000000000000000000000000005"), 0);
        assert_int_equal(add_number(LOCK_SET_MAX), 0);
}

static void test_a_page_of_long_texts(void **state)
{
        (void)state;
        char longest[LOCK_RECORD_TEXT_MAX], id[33];
        memset(longest, 'x', sizeof longest - 1);
        longest[sizeof longest - 1] = '\0';
        for (unsigned i = 0; i < 200; i++) {
                snprintf(id, sizeof id, "%032x", i);
                assert_int_equal(add(id, "a-main", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z",
                                         longest, longest),
                        0);
        }
        json_t *page = list("", 200);
        assert_true(link_json_bytes(page) < CHAN_BODY_MAX - 1000);
        assert_true(json_is_true(json_object_get(page, "more")));
        json_decref(page);
}

static void test_bytes(void **state)
{
        (void)state;
        char from[STR_TIME_ROOM], to[STR_TIME_ROOM];
        fake_volume("main", 500 * MB);
        for (unsigned i = 0; i < 3000; i++)
                fake_segment(
                        i % 2 ? "a-main" : "b-main", i % 3, (3000 - i) * 60 * SECOND, 1000, true);
        /* Two that overlap, of all that there is of a stream; one of nothing. */
        str_time(from, fake_wall_us - 10 * DAY);
        str_time(to, fake_wall_us);
        assert_int_equal(ADD("a-main", from, to), 0);
        assert_int_equal(add("0123456789abcdef0123456789abcde0", "a-main", from, to, "jo", ""), 0);
        assert_int_equal(add("0123456789abcdef0123456789abcde1", "c-main", from, to, "jo", ""), 0);
        parent_locks_tick(fake_parent.locks); /* a slice is not the whole */
        assert_int_equal(parent_locks_bytes(fake_parent.locks, 0), 0);
        for (unsigned i = 0; i < 10; i++)
                parent_locks_tick(fake_parent.locks);
        for (unsigned v = 0; v < 3; v++)
                assert_int_equal(parent_locks_bytes(fake_parent.locks, v), 500 * 1000);
        assert_int_equal(parent_locks_bytes(fake_parent.locks, 7), 0);
        assert_int_equal(remove_lock(ID), 0);
        assert_int_equal(remove_lock("0123456789abcdef0123456789abcde0"), 0);
        parent_locks_tick(fake_parent.locks);
        assert_int_equal(parent_locks_bytes(fake_parent.locks, 0), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, fake_setup, fake_teardown)

int main(void)
{
        const struct CMUnitTest tests[] = {
                CASE(test_it_holds_at_once_and_lies_beside_the_footage),
                CASE(test_what_is_no_lock),
                CASE(test_ten_thousand_and_no_more),
                CASE(test_a_page_of_long_texts),
                CASE(test_bytes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
