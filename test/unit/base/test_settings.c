/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/settings.h"

static void test_defaults(void **state)
{
        struct settings s;

        (void)state;
        memset(&s, 0xff, sizeof s);
        settings_defaults(&s);
        assert_string_equal(settings_text(&s, SETTINGS_SITE_NAME), "site");
        assert_int_equal(settings_get(&s, SETTINGS_WORKERS), 0);
        assert_int_equal(settings_get(&s, SETTINGS_FRAGMENT_MS), 1000);
        assert_int_equal(settings_get(&s, SETTINGS_SEGMENT_S), 60);
        assert_int_equal(settings_get(&s, SETTINGS_PACE_MS), 40);
        assert_int_equal(settings_get(&s, SETTINGS_CHUNK_MEMORY_MB), 0);
        assert_int_equal(settings_get(&s, SETTINGS_CONNECT_TIMEOUT_MS), 10000);
        assert_int_equal(settings_get(&s, SETTINGS_IDLE_TIMEOUT_MS), 10000);
        assert_int_equal(settings_get(&s, SETTINGS_BACKOFF_MAX_MS), 30000);
        assert_int_equal(settings_get(&s, SETTINGS_SYNC_MS), 1000);
        assert_int_equal(settings_get(&s, SETTINGS_LOG_LEVEL), LOG_LEVEL_INFO);
        assert_string_equal(settings_text(&s, SETTINGS_LOG_LEVEL), "info");
}

static void test_numbers(void **state)
{
        struct settings s;
        struct err e;

        (void)state;
        settings_defaults(&s);
        assert_int_equal(settings_set(&s, SETTINGS_FRAGMENT_MS, "200", &e), 0);
        assert_int_equal(settings_get(&s, SETTINGS_FRAGMENT_MS), 200);
        assert_int_equal(settings_set(&s, SETTINGS_FRAGMENT_MS, "2000", &e), 0);
        assert_int_equal(settings_set(&s, SETTINGS_FRAGMENT_MS, "5000", &e), ERR_INVALID);
        assert_string_equal(e.text, "fragment_ms = 5000 is outside 200..2000 (milliseconds)");
        assert_int_equal(settings_set(&s, SETTINGS_FRAGMENT_MS, "199", &e), ERR_INVALID);
        assert_int_equal(
                settings_set(&s, SETTINGS_FRAGMENT_MS, "99999999999999999999999", &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "is outside 200..2000"));
        assert_int_equal(settings_set(&s, SETTINGS_FRAGMENT_MS, "1 s", &e), ERR_INVALID);
        assert_string_equal(
                e.text, "fragment_ms = 1 s is not a whole number in 200..2000 (milliseconds)");
        assert_int_equal(settings_set(&s, SETTINGS_FRAGMENT_MS, "", &e), ERR_INVALID);
        assert_int_equal(settings_set(&s, SETTINGS_FRAGMENT_MS, "-300", &e), ERR_INVALID);
        assert_int_equal(settings_set(&s, SETTINGS_WORKERS, "x\n\x1b", &e), ERR_INVALID);
        assert_string_equal(e.text, "workers = x\\x0a\\x1b is not a whole number in 0..64");
        assert_int_equal(settings_get(&s, SETTINGS_FRAGMENT_MS), 2000);
}

static void test_choices_and_texts(void **state)
{
        static const char *const levels[] = { "debug", "info", "warn", "error" };
        struct settings s;
        struct err e;

        (void)state;
        settings_defaults(&s);
        for (unsigned i = 0; i < ARRAY_LEN(levels); i++) {
                assert_int_equal(settings_set(&s, SETTINGS_LOG_LEVEL, levels[i], &e), 0);
                assert_int_equal(settings_get(&s, SETTINGS_LOG_LEVEL), LOG_LEVEL_DEBUG + i);
                assert_string_equal(settings_text(&s, SETTINGS_LOG_LEVEL), levels[i]);
        }
        assert_int_equal(settings_set(&s, SETTINGS_LOG_LEVEL, "loud", &e), ERR_INVALID);
        assert_string_equal(e.text, "level = loud is none of debug, info, warn, error");
        assert_int_equal(settings_set(&s, SETTINGS_LOG_LEVEL, "", &e), ERR_INVALID);
        assert_int_equal(settings_get(&s, SETTINGS_LOG_LEVEL), LOG_LEVEL_ERROR);

        assert_int_equal(settings_set(&s, SETTINGS_SITE_NAME, "north-7", &e), 0);
        assert_string_equal(settings_text(&s, SETTINGS_SITE_NAME), "north-7");
        assert_int_equal(settings_set(&s, SETTINGS_SITE_NAME, "a/../b", &e), ERR_INVALID);
        assert_int_equal(settings_set(&s, SETTINGS_SITE_NAME, "", &e), ERR_INVALID);
        assert_int_equal(
                settings_set(&s, SETTINGS_SITE_NAME,
                        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", &e),
                ERR_INVALID);
        assert_string_equal(settings_text(&s, SETTINGS_SITE_NAME), "north-7");
}

static void test_networks(void **state)
{
        struct settings s;
        struct err e;
        char much[SETTINGS_TEXT_ROOM + 8];

        (void)state;
        settings_defaults(&s);
        assert_string_equal(settings_text(&s, SETTINGS_CAMERA_NETWORKS), "");
        assert_int_equal(
                settings_set(&s, SETTINGS_CAMERA_NETWORKS, "10.0.0.0/8, 2001:db8::/32", &e), 0);
        assert_int_equal(settings_set(&s, SETTINGS_CAMERA_NETWORKS, "10.0.0.1/8", &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "camera_networks: 10.0.0.1/8"));
        memset(much, ' ', sizeof much - 1);
        much[sizeof much - 1] = '\0';
        assert_int_equal(settings_set(&s, SETTINGS_CAMERA_NETWORKS, much, &e), ERR_INVALID);
        assert_string_equal(
                settings_text(&s, SETTINGS_CAMERA_NETWORKS), "10.0.0.0/8, 2001:db8::/32");
}

static void test_find(void **state)
{
        enum settings_key key = SETTINGS_COUNT;
        struct err e;
        char much[300];

        (void)state;
        assert_int_equal(settings_find("recorder", "sync_ms", &key, &e), 0);
        assert_int_equal(key, SETTINGS_SYNC_MS);
        assert_int_equal(settings_find("recorder", "framgent_ms", &key, &e), ERR_INVALID);
        assert_string_equal(e.text, "there is no setting \"framgent_ms\" in [recorder]; the "
                                    "nearest is \"fragment_ms\" in [recorder]");
        assert_int_equal(settings_find("log", "workers", &key, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "\"workers\" in [recorder]"));
        assert_int_equal(settings_find("", "nme", &key, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "nearest is \"name\" in [site]"));
        memset(much, 'z', sizeof much - 1);
        much[sizeof much - 1] = '\0';
        assert_int_equal(settings_find("recorder", much, &key, &e), ERR_INVALID);
        assert_int_equal(settings_find(much, "name", &key, &e), ERR_INVALID);
        assert_int_equal(settings_find("a\nb", "\x1b", &key, &e), ERR_INVALID);
        assert_null(strchr(e.text, '\n'));
        assert_null(strchr(e.text, '\x1b'));
        assert_int_equal(key, SETTINGS_SYNC_MS);
}

static const char *const names[] = { "name", "workers", "fragment_ms", "segment_s", "pace_ms",
        "chunk_memory_mb", "connect_timeout_ms", "idle_timeout_ms", "backoff_max_ms",
        "camera_networks", "udp_port_first", "udp_port_last", "camera_mbit_max", "sync_ms",
        "queue_memory_mb", "volume_patience_ms", "reserve_mb", "scrub_mb_s", "link_address",
        "manager_port", "recorder_port", "rekey_seconds", "node_days", "https_port", "key_store",
        "https_address", "web_days", "web_certificate", "web_key", "session_hours",
        "session_idle_minutes", "transcoders", "level" };

/* Every setting is in every text, and no line is wider than a terminal. */
static void check_print(int (*print)(struct buf *, struct err *), size_t width)
{
        CLEANUP(buf_done) struct buf b, tiny;
        struct err e;
        size_t column = 0;

        buf_init(&b, 100000);
        buf_init(&tiny, 500);
        assert_int_equal(ARRAY_LEN(names), SETTINGS_COUNT);
        assert_int_equal(print(&b, &e), 0);
        assert_non_null(buf_reserve(&b, 1));
        b.p[b.n] = '\0';
        for (size_t i = 0; i < ARRAY_LEN(names); i++)
                assert_non_null(strstr((char *)b.p, names[i]));
        assert_non_null(strstr((char *)b.p, "[site]"));
        assert_non_null(strstr((char *)b.p, "[recorder]"));
        assert_non_null(strstr((char *)b.p, "[log]"));
        assert_non_null(strstr((char *)b.p, "200..2000 milliseconds"));
        assert_non_null(strstr((char *)b.p, "debug, info, warn, error"));
        for (size_t i = 0; i < b.n; i++) {
                column = b.p[i] == '\n' ? 0 : column + 1;
                assert_true(column <= width);
        }
        assert_int_equal(column, 0);
        assert_int_equal(print(&tiny, &e), ERR_EXHAUSTED);
}

static void test_prints(void **state)
{
        (void)state;
        check_print(settings_print_example, 100);
        check_print(settings_print_help, 100);
        check_print(settings_print_markdown, 400);
}

static void test_markdown_is_a_table(void **state)
{
        CLEANUP(buf_done) struct buf b;
        unsigned bars = 0;

        (void)state;
        buf_init(&b, 100000);
        assert_int_equal(settings_print_markdown(&b, NULL), 0);
        for (size_t i = 0; i < b.n; i++) {
                bars += b.p[i] == '|';
                if (b.p[i] == '\n') {
                        assert_true(bars == 0 || bars == 5);
                        bars = 0;
                }
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_numbers),
                cmocka_unit_test(test_choices_and_texts),
                cmocka_unit_test(test_networks),
                cmocka_unit_test(test_find),
                cmocka_unit_test(test_prints),
                cmocka_unit_test(test_markdown_is_a_table),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
