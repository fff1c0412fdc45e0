/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is recorded, and how long it is kept: names, defaults, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/record_terms.h"

static void test_names(void **state)
{
        (void)state;
        for (enum record_mode m = RECORD_ALWAYS; m <= RECORD_OFF; m++)
                assert_int_equal(record_mode_find(record_mode_name(m)), m);
        assert_string_equal(record_mode_name(RECORD_SCHEDULE), "schedule");
        assert_int_equal(record_mode_find("Always"), -1);
        assert_int_equal(record_mode_find(""), -1);
        for (enum record_between b = RECORD_NOTHING; b <= RECORD_KEY_FRAMES; b++)
                assert_int_equal(record_between_find(record_between_name(b)), b);
        assert_string_equal(record_between_name(RECORD_KEY_FRAMES), "key-frames");
        assert_int_equal(record_between_find("key_frames"), -1);
}

static void refused(const struct record_terms *t, const char *text)
{
        struct err e = { 0 };

        assert_int_equal(record_terms_check(t, &e), ERR_INVALID);
        if (!strstr(e.text, text))
                fail_msg("\"%s\" does not say \"%s\"", e.text, text);
}

static void test_bounds(void **state)
{
        struct record_terms good, t;
        struct err e;

        (void)state;
        record_terms_defaults(&good);
        assert_int_equal(good.mode, RECORD_ALWAYS);
        assert_int_equal(good.pre_s, 5);
        assert_int_equal(good.post_s, 5);
        assert_int_equal(good.max_days, 0);
        assert_int_equal(record_terms_check(&good, &e), 0);

        t = good;
        t.pre_s = RECORD_TERMS_PRE_MAX_S;
        t.post_s = RECORD_TERMS_POST_MAX_S;
        t.min_days = t.max_days = RECORD_TERMS_DAYS_MAX;
        t.quota_mb = RECORD_TERMS_QUOTA_MAX_MB;
        assert_int_equal(record_terms_check(&t, &e), 0);
        t.pre_s++;
        refused(&t, "61 s before an event");
        t = good;
        t.post_s = RECORD_TERMS_POST_MAX_S + 1;
        refused(&t, "3601 s after an event");
        t = good;
        t.max_days = RECORD_TERMS_DAYS_MAX + 1;
        refused(&t, "36500 days");
        t = good;
        t.min_days = 31;
        t.max_days = 30;
        refused(&t, "31 days at least and 30 at most");
        t.max_days = 0; /* never for its age */
        assert_int_equal(record_terms_check(&t, &e), 0);
        t = good;
        t.quota_mb = RECORD_TERMS_QUOTA_MAX_MB + 1;
        refused(&t, "quota");
        t = good;
        t.mode = RECORD_OFF + 1;
        refused(&t, "mode is");
        t = good;
        t.between = RECORD_KEY_FRAMES + 1;
        refused(&t, "between is");
        t = good;
        strcpy(t.schedule, "mon 8-18");
        refused(&t, "\"mon 8-18\"");
        memset(t.schedule, ' ', sizeof t.schedule); /* no end */
        refused(&t, "longer than 255");
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(test_names),
                cmocka_unit_test(test_bounds) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
