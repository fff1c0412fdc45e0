/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/config.h"
#include "os/file.h"

static int parse(const char *text, struct settings *s, struct err *e)
{
        settings_defaults(s);
        e->text[0] = '\0';
        return config_parse(bytes_str(text), "config", s, e);
}

static void test_values(void **state)
{
        struct settings s;
        struct err e;

        (void)state;
        assert_int_equal(parse("; a comment\n# another\n\n[site]\nname=north\r\n"
                               "[recorder]\n  fragment_ms = 500 ; half a second\n\tworkers : 3\n"
                               "[log]\nlevel = debug",
                                 &s, &e),
                0);
        assert_string_equal(settings_text(&s, SETTINGS_SITE_NAME), "north");
        assert_int_equal(settings_get(&s, SETTINGS_FRAGMENT_MS), 500);
        assert_int_equal(settings_get(&s, SETTINGS_WORKERS), 3);
        assert_string_equal(settings_text(&s, SETTINGS_LOG_LEVEL), "debug");
        assert_int_equal(settings_get(&s, SETTINGS_SYNC_MS), 1000); /* not mentioned */
        assert_int_equal(parse("", &s, &e), 0);
        assert_int_equal(
                parse("\xef\xbb\xbf[log]\nlevel=warn\n", &s, &e), 0); /* as Windows editors save */
        assert_string_equal(settings_text(&s, SETTINGS_LOG_LEVEL), "warn");
}

static const struct {
        const char *text, *error;
} bad[] = {
        { "[recorder]\n\n\nfragment_ms = 5000\nsync_ms = 1\n",
                "config line 4: fragment_ms = 5000 is outside 200..2000 (milliseconds)" },
        { "[recorder]\nfragmnt_ms = 500\n",
                "config line 2: there is no setting \"fragmnt_ms\" in [recorder]; the nearest is "
                "\"fragment_ms\" in [recorder]" },
        { "workers = 3\n", "config line 1: there is no setting \"workers\" in []; the nearest is "
                           "\"workers\" in [recorder]" },
        { "[recorder]\nsync_ms = 500\nworkers = 2\nsync_ms = 600\n",
                "config line 4: sync_ms is set again, after line 2" },
        { "[recorder]\nworkers = 2\nhello\n",
                "config line 3: neither \"[section]\" nor \"name = value\"" },
        { "[recorder\nworkers = 2\n", "config line 1: neither \"[section]\" nor \"name = value\"" },
        { "[recorder]\nhello\nworkers = x\n",
                "config line 2: neither \"[section]\" nor \"name = value\"" },
        { "[recorder]\nworkers = x\nhello\n",
                "config line 2: workers = x is not a whole number in 0..64" },
        { "[log]\nlevel = \x1b[2J\n", "config line 2: a control character" },
        { "[recorder]\nworkers =\n", "config line 2: workers =  is not a whole number in 0..64" },
        /* An indented line is a setting of its own, never more of the value above. */
        { "[recorder]\nworkers = 2\n  3\n",
                "config line 3: neither \"[section]\" nor \"name = value\"" },
};

static void test_errors_name_the_line(void **state)
{
        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                struct settings s, before;
                struct err e;
                settings_defaults(&before);
                assert_int_equal(parse(bad[i].text, &s, &e), ERR_INVALID);
                assert_string_equal(e.text, bad[i].error);
                assert_memory_equal(&s, &before, sizeof s); /* nothing of it is taken */
        }
}

static void test_hostile_text(void **state)
{
        struct settings s;
        struct err e;
        CLEANUP(own_freep) char *line = xcalloc(1, 5000);

        (void)state;
        settings_defaults(&s);
        assert_int_equal(
                config_parse(BYTES("[log]\nlevel=\0info", 17), "config", &s, &e), ERR_INVALID);
        memset(line, ' ', 4000);
        memcpy(line, "[log]\nlevel = info", 18);
        memcpy(line + 3990, "; end\n", 7);
        assert_int_equal(parse(line, &s, &e), ERR_INVALID);
        assert_string_equal(e.text, "config line 2: longer than 190 characters");
        /* The longest that is allowed arrives whole. */
        memset(line, 'x', 190);
        line[0] = ';';
        memcpy(line + 190, "\n[log]\nlevel = warn\n", 21);
        assert_int_equal(parse(line, &s, &e), 0);
        assert_string_equal(settings_text(&s, SETTINGS_LOG_LEVEL), "warn");
        assert_int_equal(config_parse(BYTES("\n\n\n", 3), "config", &s, &e), 0);
}

static void test_the_example_is_the_defaults(void **state)
{
        CLEANUP(buf_done) struct buf b, plain;
        struct settings s, defaults;
        struct err e;

        (void)state;
        buf_init(&b, 100000);
        buf_init(&plain, 100000);
        settings_defaults(&defaults);
        settings_defaults(&s);
        assert_int_equal(settings_print_example(&b, &e), 0);
        assert_int_equal(config_parse(buf_bytes(&b), "example", &s, &e), 0);
        assert_memory_equal(&s, &defaults, sizeof s);
        /* With the comment signs before the settings taken away it says the same, in full. */
        unsigned settings = 0;
        for (size_t i = 0; i < b.n; i++) {
                bool first = i == 0 || b.p[i - 1] == '\n';
                if (first && b.p[i] == ';' && b.p[i + 1] != ' ') {
                        settings++;
                        continue;
                }
                assert_int_equal(buf_append(&plain, BYTES(&b.p[i], 1), &e), 0);
        }
        assert_int_equal(settings, SETTINGS_COUNT);
        memset(&s, 0, sizeof s);
        if (config_parse(buf_bytes(&plain), "example", &s, &e) < 0)
                fail_msg("%s", e.text);
        for (int i = 0; i < SETTINGS_COUNT; i++) {
                assert_int_equal(settings_get(&s, i), settings_get(&defaults, i));
                assert_string_equal(settings_text(&s, i), settings_text(&defaults, i));
        }
}

static void test_read(void **state)
{
        struct settings s;
        struct err e;
        char path[] = "/tmp/custos-config-XXXXXX";
        int fd = mkstemp(path);

        (void)state;
        assert_true(fd >= 0);
        close(fd);
        settings_defaults(&s);
        assert_int_equal(
                file_write_atomic(path, bytes_str("[recorder]\nsync_ms = 99\n"), 0644, &e), 0);
        assert_int_equal(config_read(path, &s, &e), ERR_INVALID);
        CLEANUP(own_freep)
        char *want = xasprintf("%s line 2: sync_ms = 99 is outside 100..3000 (milliseconds)", path);
        assert_string_equal(e.text, want);
        assert_int_equal(
                file_write_atomic(path, bytes_str("[recorder]\nsync_ms = 300\n"), 0644, &e), 0);
        assert_int_equal(config_read(path, &s, &e), 0);
        assert_int_equal(settings_get(&s, SETTINGS_SYNC_MS), 300);
        assert_int_equal(truncate(path, CONFIG_FILE_MAX + 1), 0);
        assert_int_equal(config_read(path, &s, &e), ERR_EXHAUSTED);
        unlink(path);
        assert_int_equal(config_read(path, &s, &e), ERR_NOT_FOUND);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_errors_name_the_line),
                cmocka_unit_test(test_hostile_text),
                cmocka_unit_test(test_the_example_is_the_defaults),
                cmocka_unit_test(test_read),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
