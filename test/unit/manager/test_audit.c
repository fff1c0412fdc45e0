/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The audit log on a disk: it goes on where it ended, over restarts and torn lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "manager/audit.h"
#include "os/file.h"
#include "trust/audit_line.h"

static char dir[] = "/tmp/custos-test-audit-XXXXXX", path[64];

static void note(const char *event)
{
        struct audit *a = NULL;
        struct err e;

        if (audit_open(path, &a, &e) < 0 ||
                audit_write(a, event, json_pack("{s:s}", "camera", "lobby"), &e) < 0)
                fail_msg("%s", e.text);
        audit_free(a);
}

/* Checks the whole file: how many lines, and the number of the one that is broken (0: none). */
static unsigned check(unsigned *ret_broken)
{
        struct audit_line_chain c = { 0 };
        struct buf all;
        unsigned n = 0;

        *ret_broken = 0;
        buf_init(&all, 1 << 20);
        assert_true(file_read(path, 1 << 20, &all, NULL) >= 0);
        for (struct bytes left = buf_bytes(&all); left.n;) {
                const uint8_t *end = memchr(left.p, '\n', left.n);
                assert_non_null(end);
                n++;
                if (audit_line_parse(&c, bytes_sub(left, 0, (size_t)(end - left.p)), NULL, NULL) <
                        0)
                        *ret_broken = n;
                left = bytes_sub(left, (size_t)(end - left.p) + 1, left.n);
        }
        buf_done(&all);
        return n;
}

static void goes_on(void **state)
{
        struct stat st;
        unsigned broken;

        (void)state;
        unlink(path);
        for (int i = 0; i < 5; i++)
                note("camera.added");
        assert_int_equal(check(&broken), 5);
        assert_int_equal(broken, 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
        /* A power cut in the middle of a line, at every place of it. */
        off_t whole = st.st_size;
        note("camera.removed");
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(truncate(path, whole + 30), 0);
        note("camera.added");
        assert_int_equal(check(&broken), 7);
        assert_int_equal(broken, 6);
        assert_int_equal(truncate(path, whole), 0);
        note("camera.added");
        assert_int_equal(check(&broken), 6);
        assert_int_equal(broken, 0);
}

/* A full disk, played by a limit on the size of files. */
static void no_half_line(void **state)
{
        struct rlimit before, small;
        struct audit *a = NULL;
        struct stat st;
        unsigned broken;
        struct err e;

        (void)state;
        unlink(path);
        note("camera.added");
        assert_int_equal(audit_open(path, &a, NULL), 0);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
        signal(SIGXFSZ, SIG_IGN);
        small = before;
        small.rlim_cur = (rlim_t)st.st_size + 50;
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        int r = audit_write(a, "camera.removed", NULL, &e);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(r, ERR_IO);
        assert_int_equal(check(&broken), 1);
        assert_int_equal(audit_write(a, "camera.removed", NULL, &e), 0);
        audit_free(a);
        assert_int_equal(check(&broken), 2);
        assert_int_equal(broken, 0);
}

static void no_link_is_followed(void **state)
{
        struct audit *a = NULL;

        (void)state;
        unlink(path);
        assert_int_equal(symlink("/dev/null", path), 0);
        assert_int_equal(audit_open(path, &a, NULL), ERR_IO);
        unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(goes_on),
                cmocka_unit_test(no_half_line), cmocka_unit_test(no_link_is_followed) };

        if (!mkdtemp(dir))
                return 1;
        snprintf(path, sizeof path, "%s/audit.log", dir);
        int failed = cmocka_run_group_tests(tests, NULL, NULL);
        unlink(path);
        rmdir(dir);
        return failed;
}
