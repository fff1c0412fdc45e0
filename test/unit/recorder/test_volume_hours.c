/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All key files of an hour go by one name, and no other file does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recorder/volume_work.h"

#define ID "0123456789abcdef0123456789abcdef"
#define DAY "keys/a-main/2026-11-22"

static const char *const files[] = { DAY "/15." ID ".json",
        DAY "/15.ffffffffffffffffffffffffffffffff.json", DAY "/16." ID ".json", DAY "/15.txt",
        DAY "/15.", DAY "/15." ID ".json.tmp" };

static int setup(void **state)
{
        static char dir[] = "/tmp/cst-hours-XXXXXX";
        (void)state;

        if (!mkdtemp(dir) || chdir(dir) < 0 || mkdir("keys", 0700) < 0 ||
                mkdir("keys/a-main", 0700) < 0 || mkdir(DAY, 0700) < 0)
                return -1;
        *state = dir;
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                close(open(files[i], O_CREAT | O_WRONLY, 0600));
        return 0;
}

static int teardown(void **state)
{
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                unlink(files[i]);
        rmdir(DAY);
        rmdir("keys/a-main");
        rmdir("keys");
        return chdir("/") < 0 ? -1 : rmdir(*state);
}

static int remove_name(const char *name)
{
        char names[1][HEAD_KEY_MAX];
        struct volume_work w;
        struct err e;

        volume_work_init(&w);
        snprintf(names[0], sizeof names[0], "%s", name);
        int r = volume_work_remove(&w, (const char(*)[HEAD_KEY_MAX])names, 1, &e);
        volume_work_done(&w);
        return r;
}

static void test_keys_of_an_hour(void **state)
{
        (void)state;
        static const char *const wrong[] = { "keys/a-main/2026-11-22/1*",
                "keys/a-main/2026-11-22/*", "keys/*", "*", "keys/a-main/*/15.*",
                "keys/a-main/2026-11-22/15.*/x", "keys/a-main/2026-11-22/15.**",
                "keys/../keys/a-main/2026-11-22/15.*", "a-main/2026-11-22/15.*", "locks/15.*" };
        for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
                assert_int_equal(remove_name(wrong[i]), ERR_INVALID);
        for (size_t i = 0; i < ARRAY_LEN(files); i++)
                assert_int_equal(access(files[i], F_OK), 0);
        assert_int_equal(remove_name(DAY "/15.*"), 0);
        assert_int_equal(access(files[0], F_OK), -1);
        assert_int_equal(access(files[1], F_OK), -1);
        for (size_t i = 2; i < ARRAY_LEN(files); i++)
                assert_int_equal(access(files[i], F_OK), 0);
        /* What is not there is as good as removed. */
        assert_int_equal(remove_name(DAY "/15.*"), 0);
        assert_int_equal(remove_name(DAY "/03.*"), 0);
        assert_int_equal(remove_name("keys/b-main/2026-11-22/15.*"), 0);
        /* The last file takes its directories with it. */
        for (size_t i = 3; i < ARRAY_LEN(files); i++)
                unlink(files[i]);
        assert_int_equal(remove_name(DAY "/16.*"), 0);
        assert_int_equal(access("keys/a-main", F_OK), -1);
        assert_int_equal(access("keys", F_OK), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(
                test_keys_of_an_hour, setup, teardown) };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
