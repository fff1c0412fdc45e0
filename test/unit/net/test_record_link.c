/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Record terms in messages: what is there is taken over, what is not stays, what is wrong is named.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/bytes.h"
#include "net/record_link.h"

static int parse(const char *text, struct record_terms *t, struct err *e)
{
        json_t *object = json_loads(text, JSON_DECODE_ANY, NULL);

        assert_non_null(object);
        int r = record_link_parse(object, t, e);
        json_decref(object);
        return r;
}

static void keys(void **state)
{
        struct record_terms t, u;
        struct err e;

        (void)state;
        record_terms_defaults(&t);
        u = t;
        assert_int_equal(parse("{}", &t, &e), 0);
        assert_memory_equal(&t, &u, sizeof t);
        assert_int_equal(parse("{\"mode\": \"event\", \"pre_s\": 60}", &t, &e), 0);
        assert_int_equal(t.mode, RECORD_EVENT);
        assert_int_equal(t.pre_s, 60);
        assert_int_equal(t.post_s, u.post_s);
        assert_int_equal(parse("{\"between\": \"key-frames\", \"schedule\": \"daily 08:00-18:00\","
                               " \"post_s\": 0, \"min_days\": 3, \"max_days\": 9,"
                               " \"quota_mb\": 1099511627776}",
                                 &t, &e),
                0);
        assert_int_equal(t.mode, RECORD_EVENT);
        assert_int_equal(t.between, RECORD_KEY_FRAMES);
        assert_string_equal(t.schedule, "daily 08:00-18:00");
        assert_true(t.quota_mb == RECORD_TERMS_QUOTA_MAX_MB);
        /* What is written is what is read. */
        json_t *object = record_link_format(&t);
        assert_int_equal(json_object_size(object), 8);
        record_terms_defaults(&u);
        assert_int_equal(record_link_parse(object, &u, &e), 0);
        assert_memory_equal(&t, &u, sizeof t);
        json_decref(object);
        assert_int_equal(parse("{\"schedule\": \"\"}", &t, &e), 0);
        assert_string_equal(t.schedule, "");
}

static void refused(void **state)
{
        static const struct {
                const char *text, *says;
        } cases[] = {
                { "[]", "record: " },
                { "{\"mod\": \"event\"}", "mod" },
                { "{\"mode\": \"Event\"}", "mode is always, schedule, event or off" },
                { "{\"mode\": 1}", "record: " },
                { "{\"between\": \"all\"}", "between is nothing or key-frames" },
                { "{\"schedule\": \"sometimes\"}", "record: " },
                { "{\"pre_s\": 61}", "record: " },
                { "{\"pre_s\": -1}", "pre_s" },
                { "{\"pre_s\": 4294967301}", "pre_s" }, /* 5 in 32 bits */
                { "{\"post_s\": 3601}", "record: " },
                { "{\"post_s\": 1.5}", "record: " },
                { "{\"min_days\": 36501}", "record: " },
                { "{\"min_days\": 4, \"max_days\": 3}", "record: " },
                { "{\"quota_mb\": 1099511627777}", "record: " },
                { "{\"quota_mb\": -1}", "quota_mb" },
        };
        struct record_terms t, before;
        char longer[400];
        struct err e;

        (void)state;
        record_terms_defaults(&t);
        before = t;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                if (parse(cases[i].text, &t, &e) != ERR_INVALID || !strstr(e.text, cases[i].says))
                        fail_msg("%s: %s", cases[i].text, e.text);
                assert_memory_equal(&t, &before, sizeof t);
        }
        snprintf(longer, sizeof longer, "{\"schedule\": \"%0*d\"}", RECORD_TERMS_SCHEDULE_MAX, 0);
        assert_int_equal(parse(longer, &t, &e), ERR_INVALID);
        assert_non_null(strstr(e.text, "255 characters"));
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(keys), cmocka_unit_test(refused) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
