/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "crypto/random.h"
#include "os/file.h"
#include "vault/key_store.h"

#define STREAM "lobby-main"
#define HOUR "2026-11-22T15"
#define WALL_US INT64_C(1795359600000000)

struct pair {
        uint8_t private_key[HPKE_PRIVATE_BYTES];
        struct key_store_recipient recipient;
};

static struct pair make_pair(const char *kind)
{
        struct pair p = { 0 };

        hpke_generate(p.private_key, p.recipient.public_key);
        snprintf(p.recipient.kind, sizeof p.recipient.kind, "%s", kind);
        return p;
}

static void test_names(void **state)
{
        uint8_t id[16] = { 0xab, 0x01 };
        char hour[KEY_STORE_HOUR_ROOM], path[200];

        (void)state;
        key_store_hour(WALL_US + 59 * INT64_C(60000000), hour);
        assert_string_equal(hour, HOUR);
        key_store_hour(WALL_US - 1, hour);
        assert_string_equal(hour, "2026-11-22T14");
        key_store_path(STREAM, HOUR, id, path, sizeof path);
        assert_string_equal(
                path, "keys/lobby-main/2026-11-22/15.ab010000000000000000000000000000.json");
}

static void test_each_recipient_opens(void **state)
{
        struct pair recorder = make_pair("recorder"), recovery = make_pair("recovery"),
                    other = make_pair("recorder");
        struct key_store_recipient to[2] = { recorder.recipient, recovery.recipient };
        uint8_t hour_key[32], id[16], found[32] = { 0 };
        CLEANUP(buf_done) struct buf text;
        struct key_store_file file;
        struct err e;

        (void)state;
        random_bytes(hour_key, sizeof hour_key);
        seal_hour_key_id(hour_key, STREAM, id);
        buf_init(&text, KEY_STORE_FILE_MAX);
        assert_int_equal(key_store_wrap(STREAM, HOUR, hour_key, to, 2, &text, &e), 0);
        assert_null(memmem(text.p, text.n, hour_key, 32));
        assert_int_equal(
                key_store_unwrap(buf_bytes(&text), STREAM, id, recorder.private_key, found, &e), 0);
        assert_memory_equal(found, hour_key, 32);
        assert_int_equal(
                key_store_unwrap(buf_bytes(&text), STREAM, id, recovery.private_key, found, &e), 0);
        assert_memory_equal(found, hour_key, 32);
        assert_int_equal(
                key_store_unwrap(buf_bytes(&text), STREAM, id, other.private_key, found, &e),
                ERR_NOT_FOUND);
        assert_int_equal(key_store_unwrap(buf_bytes(&text), "lobby-sub", id, recorder.private_key,
                                 found, &e),
                ERR_CORRUPT);
        id[0] ^= 1;
        assert_int_equal(
                key_store_unwrap(buf_bytes(&text), STREAM, id, recorder.private_key, found, &e),
                ERR_CORRUPT);
        assert_int_equal(key_store_parse(buf_bytes(&text), &file, &e), 0);
        assert_int_equal(file.wraps_n, 2);
        assert_string_equal(file.wraps[1].kind, "recovery");
        assert_string_equal(file.hour, HOUR);
}

/* A wrap is bound to stream, hour and key id: moved to another file it does not open. */
static void test_moved_wrap_does_not_open(void **state)
{
        struct pair recorder = make_pair("recorder");
        uint8_t hour_key[32], id[16], found[32];
        CLEANUP(buf_done) struct buf text;
        struct err e;

        (void)state;
        random_bytes(hour_key, sizeof hour_key);
        seal_hour_key_id(hour_key, STREAM, id);
        buf_init(&text, KEY_STORE_FILE_MAX);
        assert_int_equal(
                key_store_wrap(STREAM, HOUR, hour_key, &recorder.recipient, 1, &text, &e), 0);
        uint8_t *hour = memmem(text.p, text.n, HOUR, strlen(HOUR));
        assert_non_null(hour);
        hour[12] = '6';
        assert_int_equal(
                key_store_unwrap(buf_bytes(&text), STREAM, id, recorder.private_key, found, &e),
                ERR_AUTH);
}

static void test_hostile_texts(void **state)
{
        static const char *const texts[] = {
                "",
                "[]",
                "{}",
                "{\"version\":1}",
                "null",
                "{\"version\":2,\"stream\":\"a-b\",\"hour\":\"2026-11-22T15\",\"key_id\":"
                "\"00000000000000000000000000000000\",\"wraps\":[]}",
                "{\"version\":1,\"version\":1,\"stream\":\"a-b\",\"hour\":\"2026-11-22T15\",\"key_"
                "id\":\"00000000000000000000000000000000\",\"wraps\":[{}]}",
                "{\"version\":1,\"stream\":\"../"
                "x-y\",\"hour\":\"2026-11-22T15\",\"key_id\":\"00000000000000000000000000000000\","
                "\"wraps\":[{}]}",
                "{\"version\":1,\"stream\":\"a-b\",\"hour\":\"2026-11-22T15\",\"key_id\":\"0000\","
                "\"wraps\":[{}]}",
                "{\"version\":1,\"stream\":\"a-b\",\"hour\":\"2026-11-22T15\",\"key_id\":"
                "\"00000000000000000000000000000000\",\"wraps\":[{},{},{},{},{}]}",
                "{\"version\":1,\"stream\":\"a-b\",\"hour\":\"2026-11-22T15\",\"key_id\":"
                "\"00000000000000000000000000000000\",\"wraps\":[1]}",
        };
        struct key_store_file file;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(texts); i++)
                assert_true(key_store_parse(bytes_str(texts[i]), &file, NULL) < 0);
        char *large = xcalloc(1, KEY_STORE_FILE_MAX + 2);
        memset(large, ' ', KEY_STORE_FILE_MAX + 1);
        assert_int_equal(key_store_parse(bytes_str(large), &file, NULL), ERR_EXHAUSTED);
        free(large);
}

static void write_key(
        const char *vault, const char *hour, const uint8_t hour_key[32], const struct pair *to)
{
        CLEANUP(buf_done) struct buf text;
        uint8_t id[16];
        char name[200];

        buf_init(&text, KEY_STORE_FILE_MAX);
        seal_hour_key_id(hour_key, STREAM, id);
        assert_int_equal(key_store_wrap(STREAM, hour, hour_key, &to->recipient, 1, &text, NULL), 0);
        key_store_path(STREAM, hour, id, name, sizeof name);
        CLEANUP(own_freep) char *path = xasprintf("%s/%s", vault, name);
        CLEANUP(own_freep) char *dir = xasprintf("%.*s", (int)(strrchr(path, '/') - path), path);
        assert_int_equal(file_make_dirs(dir, 0700, NULL), 0);
        assert_int_equal(file_write_atomic(path, buf_bytes(&text), 0600, NULL), 0);
}

static void test_found_in_another_hour(void **state)
{
        static const char *const hours[] = { HOUR, "2026-11-22T14", "2026-11-22T16",
                "2025-01-02T03" };
        char vault[] = "/tmp/custos-keys-XXXXXX";
        struct pair recorder = make_pair("recorder");
        struct head head = { .stream = STREAM };
        uint8_t hour_key[32], key[16], expected[16];
        struct err e;

        (void)state;
        assert_non_null(mkdtemp(vault));
        struct vault_set set = { .n = 1, .members = { { .path = vault } } };
        for (size_t i = 0; i < ARRAY_LEN(hours); i++) {
                random_bytes(hour_key, sizeof hour_key);
                seal_hour_key_id(hour_key, STREAM, head.hour_key_id);
                random_bytes(head.kid, sizeof head.kid);
                assert_int_equal(key_store_segment_key(
                                         &set, 0, &head, WALL_US, recorder.private_key, key, &e),
                        ERR_NOT_FOUND);
                write_key(vault, hours[i], hour_key, &recorder);
                assert_int_equal(key_store_segment_key(
                                         &set, 0, &head, WALL_US, recorder.private_key, key, &e),
                        0);
                seal_segment_key(hour_key, head.kid, expected);
                assert_memory_equal(key, expected, sizeof key);
        }
        CLEANUP(own_freep) char *command = xasprintf("rm -r %s", vault);
        assert_int_equal(system(command), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_each_recipient_opens),
                cmocka_unit_test(test_moved_wrap_does_not_open),
                cmocka_unit_test(test_hostile_texts),
                cmocka_unit_test(test_found_in_another_hour),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
