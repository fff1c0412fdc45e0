/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "vault/lock_record.h"

#define ID "00112233445566778899aabbccddeeff"

static struct lock_record example(void)
{
        return (struct lock_record){ .id = ID,
                .stream = "lobby-main",
                .from_us = INT64_C(1795359600000000),
                .to_us = INT64_C(1795359660000001),
                .made_us = INT64_C(1795360000000000),
                .by = "Ann \"A\" Ångström",
                .reason = "theft \\ case 7" };
}

static void test_there_and_back(void **state)
{
        struct lock_record l = example(), again;
        CLEANUP(buf_done) struct buf out;
        struct err e;

        (void)state;
        buf_init(&out, LOCK_RECORD_FILE_MAX);
        assert_int_equal(lock_record_format(&l, &out, &e), 0);
        assert_int_equal(lock_record_parse(buf_bytes(&out), &again, &e), 0);
        assert_memory_equal(&l, &again, sizeof l);
}

/* The longest that can be said has room, however JSON says it. */
static void test_longest(void **state)
{
        struct lock_record l = example(), again;
        CLEANUP(buf_done) struct buf out;
        struct err e;

        (void)state;
        memset(l.by, '"', sizeof l.by - 1);
        memset(l.reason, '\\', sizeof l.reason - 1);
        l.from_us = l.to_us = l.made_us = INT64_MIN;
        buf_init(&out, LOCK_RECORD_FILE_MAX);
        assert_int_equal(lock_record_format(&l, &out, &e), 0);
        assert_int_equal(lock_record_parse(buf_bytes(&out), &again, &e), 0);
        assert_memory_equal(&l, &again, sizeof l);
}

static void test_not_written(void **state)
{
        CLEANUP(buf_done) struct buf out;
        struct lock_record l;
        struct err e;

        (void)state;
        buf_init(&out, LOCK_RECORD_FILE_MAX);
        l = example();
        l.id[31] = 'F';
        assert_int_equal(lock_record_format(&l, &out, &e), ERR_INVALID);
        l = example();
        l.id[31] = '\0';
        assert_int_equal(lock_record_format(&l, &out, &e), ERR_INVALID);
        l = example();
        snprintf(l.stream, sizeof l.stream, "../etc-main");
        assert_int_equal(lock_record_format(&l, &out, &e), ERR_INVALID);
        l = example();
        l.to_us = l.from_us - 1;
        assert_int_equal(lock_record_format(&l, &out, &e), ERR_INVALID);
        l = example();
        l.reason[0] = '\n';
        assert_int_equal(lock_record_format(&l, &out, &e), ERR_INVALID);
        l = example();
        l.by[0] = '\xff'; /* not UTF-8 */
        assert_int_equal(lock_record_format(&l, &out, &e), ERR_INVALID);
        assert_int_equal(out.n, 0);
}

#define REST(from, to, reason)                                                                     \
        "\"from_us\":" from ",\"to_us\":" to ",\"made_us\":3,\"by\":\"a\",\"reason\":\"" reason "\""
#define LOCK(version, id, stream, rest)                                                            \
        ("{\"version\":" version ",\"id\":\"" id "\",\"stream\":\"" stream "\"," rest "}")

static void test_not_read(void **state)
{
        static const char *const texts[] = { "", "[]", "{}", "null",
                LOCK("1", ID, "lobby-main", "\"from_us\":1,\"to_us\":2,\"made_us\":3,\"by\":\"a\""),
                LOCK("2", ID, "lobby-main", REST("1", "2", "b")),
                LOCK("1", ID, "lobby-main", REST("1", "2", "b") ",\"more\":1"),
                LOCK("1", ID, "lobby-main", "\"from_us\":1," REST("1", "2", "b")),
                LOCK("1", ID, "lobby-main", REST("1.5", "2", "b")),
                LOCK("1", ID, "lobby-main", REST("3", "2", "b")),
                LOCK("1", ID, "lobby-main", REST("1", "2", "b\\n")),
                LOCK("1", ID, "lobby", REST("1", "2", "b")),
                LOCK("1", "../../x", "lobby-main", REST("1", "2", "b")) };
        static const char good[] = "{\"version\":1,\"id\":\"" ID
                                   "\",\"stream\":\"lobby-main\"," REST("1", "2", "b") "}";
        static char large[LOCK_RECORD_FILE_MAX + 2];
        struct lock_record l;
        struct err e;

        (void)state;
        assert_int_equal(lock_record_parse(bytes_str(good), &l, &e), 0);
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                assert_int_equal(lock_record_parse(bytes_str(texts[i]), &l, &e), ERR_CORRUPT);
        memset(large, ' ', sizeof large - 1);
        memcpy(large, good, sizeof good - 1);
        assert_int_equal(lock_record_parse(bytes_str(large), &l, &e), ERR_CORRUPT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_there_and_back),
                cmocka_unit_test(test_longest),
                cmocka_unit_test(test_not_written),
                cmocka_unit_test(test_not_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
