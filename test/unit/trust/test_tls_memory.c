/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/str.h"
#include "trust/tls_memory_store.h"

#define SECOND INT64_C(1000000)
#define DAY (86400 * SECOND)

static const uint8_t key_a[32] = { 1 }, key_b[32] = { 2 }, key_c[32] = { 3 };

static int64_t at(const char *time)
{
        int64_t us = 0;

        assert_int_equal(str_parse_time(time, &us, NULL), 0);
        return us;
}

static int note(struct tls_memory *m, const char *camera, const char *host, const uint8_t *key,
        const char *time)
{
        return tls_memory_note(m, camera, host, key, TLS_MEMORY_VERIFIED, at(time), NULL);
}

static void no_way_back(void **state)
{
        struct tls_memory *m = tls_memory_new();
        struct err e;

        (void)state;
        assert_int_equal(tls_memory_allows(m, "lobby-3", "10.1.2.3", TLS_MEMORY_PLAIN, &e), 0);
        assert_int_equal(note(m, "lobby-3", "10.1.2.3", key_a, "2026-11-18T10:00:00Z"), 1);
        assert_int_equal(note(m, "lobby-3", "10.1.2.3", key_a, "2026-11-20T10:00:00Z"), 1);
        assert_int_equal(
                tls_memory_allows(m, "lobby-3", "10.1.2.3", TLS_MEMORY_PLAIN, &e), ERR_DENIED);
        assert_string_equal(e.text, "Camera lobby-3 spoke TLS until 2026-11-20 and now only "
                                    "answers plain RTSP. Refused: possible downgrade. Fix: switch "
                                    "TLS on in the camera again; if it was replaced, an "
                                    "administrator clears its TLS memory.");
        assert_int_equal(
                tls_memory_allows(m, "lobby-3", "10.9.9.9", TLS_MEMORY_PLAIN, &e), ERR_DENIED);
        assert_int_equal(
                tls_memory_allows(m, "lobby-3", "10.1.2.3", TLS_MEMORY_UNVERIFIED, &e), ERR_DENIED);
        assert_non_null(strstr(e.text, "not verified"));
        /* Entering it a second time under another name is no way around it. */
        assert_int_equal(
                tls_memory_allows(m, "lobby-4", "10.1.2.3", TLS_MEMORY_PLAIN, &e), ERR_DENIED);
        assert_non_null(strstr(e.text, "as camera lobby-3"));
        assert_int_equal(tls_memory_allows(m, "lobby-4", "10.1.2.4", TLS_MEMORY_PLAIN, &e), 0);

        assert_int_equal(tls_memory_clear(m, "lobby-4", &e), ERR_NOT_FOUND);
        assert_int_equal(tls_memory_clear(m, "lobby-3", &e), 0);
        assert_int_equal(tls_memory_allows(m, "lobby-3", "10.1.2.3", TLS_MEMORY_PLAIN, &e), 0);
        assert_int_equal(tls_memory_allows(m, "lobby-4", "10.1.2.3", TLS_MEMORY_PLAIN, &e), 0);
        tls_memory_freep(&m);
}

static void a_pin_counts_as_well(void **state)
{
        struct tls_memory *m = tls_memory_new();

        (void)state;
        assert_int_equal(tls_memory_note(m, "gate", "Gate.Example", key_a, TLS_MEMORY_PINNED,
                                 at("2026-01-01T00:00:00Z"), NULL),
                1);
        assert_int_equal(tls_memory_allows(m, "gate", "x", TLS_MEMORY_PLAIN, NULL), ERR_DENIED);
        assert_int_equal(
                tls_memory_allows(m, "other", "gate.example", TLS_MEMORY_PLAIN, NULL), ERR_DENIED);
        tls_memory_freep(&m);
}

static void the_longest_names_fit(void **state)
{
        struct tls_memory *m = tls_memory_new();
        char camera[64], other[64], host[254];
        struct err e;

        (void)state;
        memset(camera, 'a', 63);
        memset(other, 'b', 63);
        memset(host, 'h', 253);
        camera[63] = other[63] = host[253] = '\0';
        assert_int_equal(note(m, camera, host, key_a, "2026-11-18T10:00:00Z"), 1);
        for (unsigned offer = 0; offer < 2; offer++) {
                assert_int_equal(tls_memory_allows(m, camera, host, offer, &e), ERR_DENIED);
                assert_int_equal(e.text[strlen(e.text) - 1], '.');
        }
        assert_int_equal(tls_memory_allows(m, other, host, TLS_MEMORY_PLAIN, &e), ERR_DENIED);
        assert_non_null(strstr(e.text, "Refused: possible downgrade"));
        tls_memory_freep(&m);
}

/* What is news is saved; that a camera connects forty times a day is not. */
static void news(void **state)
{
        struct tls_memory *m = tls_memory_new();
        struct buf text;

        (void)state;
        buf_init(&text, 65536);
        assert_int_equal(note(m, "a", "h", key_a, "2026-11-20T10:00:00Z"), 1);
        assert_int_equal(note(m, "a", "h", key_a, "2026-11-20T23:59:59Z"), 0);
        assert_int_equal(note(m, "a", "h", key_a, "2026-11-21T00:00:00Z"), 1);
        assert_int_equal(note(m, "a", "h2", key_a, "2026-11-21T00:00:01Z"), 1);
        assert_int_equal(note(m, "a", "h2", key_b, "2026-11-21T00:00:02Z"), 1);
        assert_int_equal(tls_memory_note(m, "a", "h2", key_b, TLS_MEMORY_PINNED,
                                 at("2026-11-21T00:00:03Z"), NULL),
                1);
        assert_int_equal(tls_memory_note(m, "a", "h2", key_b, TLS_MEMORY_PINNED,
                                 at("2020-01-01T00:00:00Z"), NULL),
                0);
        assert_int_equal(tls_memory_format(m, &text, NULL), 0);
        assert_int_equal(buf_append(&text, BYTES("", 1), NULL), 0);
        assert_non_null(strstr((char *)text.p,
                "\"since\": \"2026-11-21T00:00:03.000Z\", \"last\": \"2026-11-21T00:00:03.000Z\""));
        buf_done(&text);
        tls_memory_freep(&m);
}

static void one_key_one_camera(void **state)
{
        struct tls_memory *m = tls_memory_new();
        struct err e;

        (void)state;
        assert_int_equal(note(m, "a", "h1", key_a, "2026-11-20T10:00:00Z"), 1);
        assert_int_equal(tls_memory_allows_key(m, "a", key_a, &e), 0);
        assert_int_equal(tls_memory_allows_key(m, "b", key_b, &e), 0);
        assert_int_equal(tls_memory_allows_key(m, "b", key_a, &e), ERR_DENIED);
        const char *host = NULL;
        assert_string_equal(tls_memory_key_owner(m, "b", key_a, &host), "a");
        assert_non_null(host);
        assert_null(tls_memory_key_owner(m, "a", key_a, &host));
        assert_non_null(strstr(e.text, "Camera b shows the key of camera a (0100"));
        assert_non_null(strstr(e.text, "Fix:"));
        assert_int_equal(note(m, "b", "h2", key_a, "2026-11-20T10:00:00Z"), ERR_DENIED);
        assert_int_equal(
                tls_memory_allows(m, "b", "h2", TLS_MEMORY_PLAIN, &e), 0); /* nothing was noted */
        assert_int_equal(note(m, "b", "h2", key_b, "2026-11-20T10:00:00Z"), 1);
        assert_int_equal(note(m, "b", "h2", key_c, "2026-11-20T10:00:00Z"),
                1); /* renewed; key_b is free again */
        assert_int_equal(tls_memory_allows_key(m, "c", key_b, &e), 0);
        tls_memory_freep(&m);
}

static void bad_names(void **state)
{
        struct tls_memory *m = tls_memory_new();

        (void)state;
        assert_int_equal(note(m, "A", "h", key_a, "2026-11-20T10:00:00Z"), ERR_INVALID);
        assert_int_equal(note(m, "a", "", key_a, "2026-11-20T10:00:00Z"), ERR_INVALID);
        assert_int_equal(note(m, "a", "h\"", key_a, "2026-11-20T10:00:00Z"), ERR_INVALID);
        assert_int_equal(note(m, "a", "user@h", key_a, "2026-11-20T10:00:00Z"), ERR_INVALID);
        assert_int_equal(tls_memory_allows(m, "a b", "h", TLS_MEMORY_PLAIN, NULL), ERR_INVALID);
        tls_memory_freep(&m);
}

static void bounded(void **state)
{
        struct tls_memory *m = tls_memory_new();
        uint8_t key[32] = { 0 };
        char name[64];
        struct buf text;

        (void)state;
        buf_init(&text, TLS_MEMORY_FILE_MAX);
        for (unsigned i = 0; i <= TLS_MEMORY_CAMERAS_MAX; i++) {
                memcpy(key, &i, sizeof i);
                key[31] = 9;
                snprintf(name, sizeof name, "c%u-%.*s", i, 50,
                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
                int r = tls_memory_note(m, name, "10.0.0.1", key, TLS_MEMORY_VERIFIED, DAY, NULL);
                if (r != (i < TLS_MEMORY_CAMERAS_MAX ? 1 : ERR_EXHAUSTED))
                        fail_msg("%u: %d", i, r);
        }
        assert_int_equal(tls_memory_format(m, &text, NULL), 0);
        struct tls_memory *again = NULL;
        assert_int_equal(tls_memory_parse(buf_bytes(&text), &again, NULL), 0);
        assert_int_equal(
                tls_memory_allows(again, "c4095-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
                        "y", TLS_MEMORY_PLAIN, NULL),
                ERR_DENIED);
        tls_memory_freep(&m);
        tls_memory_freep(&again);
        buf_done(&text);
}

#define ENTRY                                                                                      \
        "{\"camera\":\"a\",\"host\":\"h\",\"key\":\"" KEY                                          \
        "\",\"how\":\"pinned\",\"since\":\"2026-11-20T10:00:00Z\",\"last\":\"2026-11-20T10:00:"    \
        "00Z\"}"
#define KEY "0000000000000000000000000000000000000000000000000000000000000007"

static void hostile_files(void **state)
{
        static const char *const bad[] = {
                "",
                "{",
                "[]",
                "{\"version\":1}",
                "{\"version\":2,\"cameras\":[]}",
                "{\"version\":1,\"cameras\":{}}",
                "{\"version\":1,\"cameras\":[],\"more\":1}",
                "{\"version\":1,\"version\":1,\"cameras\":[]}",
                "{\"version\":1,\"cameras\":[]} x",
                "{\"version\":1,\"cameras\":[1]}",
                "{\"version\":1,\"cameras\":[{\"camera\":\"a\"}]}",
                "{\"version\":1,\"cameras\":[" ENTRY "," ENTRY "]}",
                "{\"version\":1,\"cameras\":[{\"camera\":\"a\",\"host\":\"h\",\"key\":\"00\","
                "\"how\":\"pinned\",\"since\":\"2026-11-20T10:00:00Z\",\"last\":\"2026-11-20T10:00:"
                "00Z\"}]}",
                "{\"version\":1,\"cameras\":[{\"camera\":\"a\",\"host\":\"h\",\"key\":\"" KEY
                "\",\"how\":\"trusted\",\"since\":\"2026-11-20T10:00:00Z\",\"last\":\"2026-11-"
                "20T10:00:00Z\"}]}",
                "{\"version\":1,\"cameras\":[{\"camera\":\"a\",\"host\":\"h\",\"key\":\"" KEY
                "\",\"how\":\"pinned\",\"since\":\"yesterday\",\"last\":\"2026-11-20T10:00:00Z\"}]"
                "}",
                "{\"version\":1,\"cameras\":[{\"camera\":\"../a\",\"host\":\"h\",\"key\":\"" KEY
                "\",\"how\":\"pinned\",\"since\":\"2026-11-20T10:00:00Z\",\"last\":\"2026-11-20T10:"
                "00:00Z\"}]}",
        };
        struct tls_memory *m = NULL;
        struct err e;

        (void)state;
        for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
                if (tls_memory_parse(bytes_str(bad[i]), &m, &e) != ERR_CORRUPT)
                        fail_msg("%u was taken: %s", i, bad[i]);
                assert_non_null(strstr(e.text, "TLS memory"));
                assert_null(m);
        }
        assert_int_equal(
                tls_memory_parse(bytes_str("{\"version\":1,\"cameras\":[" ENTRY "]}"), &m, &e), 0);
        assert_int_equal(tls_memory_allows(m, "a", "x", TLS_MEMORY_PLAIN, &e), ERR_DENIED);
        tls_memory_freep(&m);
}

static void in_a_file(void **state)
{
        char dir[] = "/tmp/custos-test-memory-XXXXXX";
        struct tls_memory *m = NULL, *again = NULL;
        struct err e;

        (void)state;
        assert_non_null(mkdtemp(dir));
        CLEANUP(own_freep) char *path = xasprintf("%s/tls-memory.json", dir);
        assert_int_equal(tls_memory_store_load(path, &m, &e), 0); /* the first start */
        assert_int_equal(note(m, "a", "h", key_a, "2026-11-20T10:00:00Z"), 1);
        assert_int_equal(note(m, "b", "h2", key_b, "2026-11-20T10:00:00Z"), 1);
        assert_int_equal(tls_memory_store_save(path, m, &e), 0);
        assert_int_equal(tls_memory_store_load(path, &again, &e), 0);
        assert_int_equal(tls_memory_allows(again, "b", "x", TLS_MEMORY_PLAIN, &e), ERR_DENIED);
        assert_int_equal(tls_memory_allows_key(again, "c", key_a, &e), ERR_DENIED);
        again = tls_memory_free(again);

        FILE *f = fopen(path, "wb"); /* damage is not forgetting */
        fputs("{ \"version\": 1, \"cameras\": [", f);
        fclose(f);
        assert_int_equal(tls_memory_store_load(path, &again, &e), ERR_CORRUPT);
        assert_non_null(strstr(e.text, path));
        assert_null(again);
        tls_memory_freep(&m);
        unlink(path);
        assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_way_back),
                cmocka_unit_test(a_pin_counts_as_well),
                cmocka_unit_test(the_longest_names_fit),
                cmocka_unit_test(news),
                cmocka_unit_test(one_key_one_camera),
                cmocka_unit_test(bad_names),
                cmocka_unit_test(bounded),
                cmocka_unit_test(hostile_files),
                cmocka_unit_test(in_a_file),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
