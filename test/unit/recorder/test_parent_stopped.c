/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was stopped by an operator is known to the next parent, once; what died is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recorder/parent_stopped.h"

static char dir[64], file[128];

static int setup(void **state)
{
        char recorder[96];
        (void)state;

        snprintf(dir, sizeof dir, "/tmp/cst-stopped-XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(recorder, sizeof recorder, "%s/storage", dir);
        snprintf(file, sizeof file, "%s/stopped", recorder);
        return mkdir(recorder, 0700);
}

static int teardown(void **state)
{
        char recorder[96];
        (void)state;

        snprintf(recorder, sizeof recorder, "%s/storage", dir);
        unlink(file);
        rmdir(recorder);
        return rmdir(dir);
}

static struct parent_stopped *begin(void)
{
        struct parent_stopped *s = NULL;
        struct err e;

        assert_int_equal(parent_stopped_open(dir, &s, &e), 0);
        return s;
}

static void test_a_stop_is_told_once(void **state)
{
        (void)state;
        struct parent_stopped *s = begin();
        assert_false(parent_stopped_take(s, "a-main"));
        parent_stopped_note(s, "a-main");
        parent_stopped_note(s, "b-main");
        parent_stopped_note(s, "a-main");
        parent_stopped_free(s);

        s = begin();
        assert_true(parent_stopped_take(s, "a-main"));
        assert_false(parent_stopped_take(s, "a-main"));
        assert_false(parent_stopped_take(s, "c-main"));
        parent_stopped_free(s); /* dies here: b was not taken, and nothing was noted again */

        s = begin();
        assert_false(parent_stopped_take(s, "a-main"));
        assert_false(parent_stopped_take(s, "b-main"));
        parent_stopped_free(s);
}

static void test_shorter_than_before(void **state)
{
        (void)state;
        struct parent_stopped *s = begin();
        parent_stopped_note(s, "a-rather-long-name-main");
        parent_stopped_note(s, "b-main");
        assert_true(parent_stopped_take(s, "a-rather-long-name-main"));
        parent_stopped_note(s, "b-main"); /* writes the file anew */
        parent_stopped_free(s);

        s = begin();
        assert_true(parent_stopped_take(s, "b-main"));
        assert_false(parent_stopped_take(s, "a-rather-long-name-main"));
        parent_stopped_free(s);
}

static void test_any_content_is_survived(void **state)
{
        (void)state;
        FILE *f = fopen(file, "w");
        for (int i = 0; i < 300000; i++)
                fputc(i % 251 == 0 ? '\n' : i % 256, f);
        fputs("\n\n\ngood-main\n", f);
        fclose(f);
        struct parent_stopped *s = begin();
        assert_false(parent_stopped_take(s, ""));
        parent_stopped_note(s, "x-main");
        parent_stopped_free(s);
        s = begin();
        assert_true(parent_stopped_take(s, "x-main"));
        parent_stopped_free(s);
}

static void test_a_link_is_not_followed(void **state)
{
        (void)state;
        struct parent_stopped *s = NULL;
        struct err e;

        assert_int_equal(symlink("/dev/null", file), 0);
        assert_true(parent_stopped_open(dir, &s, &e) < 0);
        assert_null(s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_a_stop_is_told_once, setup, teardown),
                cmocka_unit_test_setup_teardown(test_shorter_than_before, setup, teardown),
                cmocka_unit_test_setup_teardown(test_any_content_is_survived, setup, teardown),
                cmocka_unit_test_setup_teardown(test_a_link_is_not_followed, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
