/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Record terms as they are typed and as they are shown. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "cli/cli_record.h"

static const struct cli_args_command set = {
        .name = "set", .help = "", .verbs_n = 1, .verbs = { { .takes = CLI_RECORD_OPTIONS } }
};

static json_t *asked(const char *first, ...)
{
        static char name[] = "set";
        char *argv[32] = { name, (char *)(uintptr_t)first };
        int argc = first ? 2 : 1;
        struct cli_args a;
        va_list list;

        va_start(list, first);
        while (first && (argv[argc] = va_arg(list, char *)))
                argc++;
        va_end(list);
        assert_true(cli_args_parse(&a, &set, argc, argv));
        return cli_record_asked(&a);
}

static void what_was_typed(void **state)
{
        (void)state;
        assert_null(asked(NULL));
        json_t *r = asked("--record", "event", "--pre", "0", NULL);
        assert_int_equal(json_object_size(r), 2);
        assert_string_equal(cli_text(r, "mode"), "event");
        assert_true(json_is_integer(json_object_get(r, "pre_s")));
        assert_int_equal(json_integer_value(json_object_get(r, "pre_s")), 0);
        json_decref(r);
        r = asked("--schedule", "", "--post", "3600", "--between", "key-frames", "--min-days", "1",
                "--max-days", "36500", "--quota", "1099511627776", NULL);
        assert_int_equal(json_object_size(r), 6);
        assert_true(json_is_string(json_object_get(r, "schedule")));
        assert_string_equal(cli_text(r, "between"), "key-frames");
        assert_int_equal(json_integer_value(json_object_get(r, "post_s")), 3600);
        assert_int_equal(json_integer_value(json_object_get(r, "min_days")), 1);
        assert_int_equal(json_integer_value(json_object_get(r, "max_days")), 36500);
        assert_int_equal(json_integer_value(json_object_get(r, "quota_mb")), 1099511627776);
        json_decref(r);
}

static void as_shown(void **state)
{
        static const struct {
                const char *json, *text;
        } cases[] = {
                { "{\"mode\": \"always\", \"pre_s\": 5, \"post_s\": 5, \"between\": \"nothing\","
                  " \"schedule\": \"\"}",
                        "always" },
                { "{\"mode\": \"off\", \"min_days\": 3}", "off; kept 3 days at least" },
                { "{\"mode\": \"always\", \"min_days\": 3, \"max_days\": 9, \"quota_mb\": 500}",
                        "always; kept 3 to 9 days; 500 MB at most" },
                { "{\"mode\": \"schedule\", \"schedule\": \"mon 08:00-09:00\", \"pre_s\": 1,"
                  " \"post_s\": 2, \"max_days\": 4}",
                        "schedule (mon 08:00-09:00), 1 s before and 2 s behind an event; kept 4 "
                        "days at most" },
                { "{\"mode\": \"event\", \"between\": \"key-frames\", \"schedule\": \"\\u001b[1m\"}",
                        "event (\\x1b[1m), 0 s before and 0 s behind an event, key frames "
                        "between" },
        };
        char text[CLI_RECORD_ROOM];

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                json_t *record = json_loads(cases[i].json, 0, NULL);
                assert_non_null(record);
                assert_string_equal(cli_record_text(text, record), cases[i].text);
                json_decref(record);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(what_was_typed),
                cmocka_unit_test(as_shown) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
