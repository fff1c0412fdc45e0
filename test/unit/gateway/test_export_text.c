/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A file that comes in messages is whole, or it is seen that it is not, whatever was left out,
 * doubled or added on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "gateway/export_text.h"

static struct export_text_parts parts;
static struct err e;

static int take(unsigned kind, uint64_t number, const char *text)
{
        const struct media_message m = { .kind = (uint8_t)kind, .number = number };

        return export_text_take(&parts, &m, bytes_str(text), &e);
}

static int begin(void **state)
{
        (void)state;
        parts = (struct export_text_parts){ 0 };
        assert_int_equal(take(MEDIA_MESSAGE_PLAN, 0, "{\"bytes\":10}"), 1);
        return 0;
}

static void whole(void **state)
{
        (void)state;
        assert_int_equal(parts.bytes, 10);
        assert_int_equal(take(MEDIA_MESSAGE_FILE, 1, "abcdef"), 0);
        assert_int_equal(take(MEDIA_MESSAGE_FILE, 2, "ghij"), 0);
        assert_int_equal(parts.received, 10);
        assert_int_equal(take(MEDIA_MESSAGE_FILE, 3, "k"), ERR_PROTOCOL);
        assert_non_null(strstr(e.text, "more than the file has"));
}

static void left_out(void **state)
{
        (void)state;
        assert_int_equal(take(MEDIA_MESSAGE_FILE, 1, "abc"), 0);
        assert_int_equal(take(MEDIA_MESSAGE_FILE, 3, "def"), ERR_PROTOCOL);
        assert_non_null(strstr(e.text, "missing"));
        assert_int_equal(take(MEDIA_MESSAGE_FILE, 1, "abc"), ERR_PROTOCOL); /* once more */
        assert_int_equal(parts.received, 3);
}

static void of_another_kind(void **state)
{
        (void)state;
        assert_int_equal(take(MEDIA_MESSAGE_FRAGMENT, 1, "abc"), ERR_PROTOCOL);
        assert_int_equal(take(MEDIA_MESSAGE_PLAN, 1, "{\"bytes\":3}"), ERR_PROTOCOL);
        assert_int_equal(parts.bytes, 10);
}

static void without_its_plan(void **state)
{
        (void)state;
        parts = (struct export_text_parts){ 0 };
        assert_int_equal(take(MEDIA_MESSAGE_FILE, 0, "abc"), ERR_PROTOCOL);
        assert_int_equal(take(MEDIA_MESSAGE_FILE, 1, "abc"), ERR_PROTOCOL);
}

static void plans(void **state)
{
        static const char *const bad[] = { "", "{}", "[]", "{\"bytes\":0}", "{\"bytes\":-1}",
                "{\"bytes\":\"1\"}", "{\"bytes\":1.0}", "{\"bytes\":1,\"bytes\":2}",
                "{\"bytes\":1,\"more\":2}", "{\"bytes\":1125899906842625}", "{\"bytes\":1}x" };
        uint64_t bytes = 7;

        (void)state;
        for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
                assert_int_equal(export_text_plan(bytes_str(bad[i]), &bytes, &e), ERR_PROTOCOL);
        assert_int_equal(bytes, 7);
        assert_int_equal(export_text_plan(bytes_str("{\"bytes\":1}"), &bytes, &e), 0);
        assert_int_equal(bytes, 1);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(whole, begin),
                cmocka_unit_test_setup(left_out, begin),
                cmocka_unit_test_setup(of_another_kind, begin),
                cmocka_unit_test(without_its_plan),
                cmocka_unit_test(plans),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
