/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

static long long now;

static long long fake_wall_us(void)
{
        return now;
}

static int saved_stderr, pipe_fds[2];
static char got[8192];

static void capture(void)
{
        assert_int_equal(pipe2(pipe_fds, O_NONBLOCK), 0);
        saved_stderr = dup(STDERR_FILENO);
        dup2(pipe_fds[1], STDERR_FILENO);
        now += 60000000; /* past any repeat */
}

static const char *captured(void)
{
        dup2(saved_stderr, STDERR_FILENO);
        close(saved_stderr);
        close(pipe_fds[1]);
        ssize_t n = read(pipe_fds[0], got, sizeof got - 1);
        got[n > 0 ? n : 0] = '\0';
        close(pipe_fds[0]);
        return got;
}

static const struct log_ctx worker = { .prefix = "worker=1" };
static const struct log_ctx camera = { .parent = &worker, .prefix = "cam=7" };

static int begin(void **state)
{
        (void)state;
        now = 1795362001221000; /* 2026-11-22T15:40:01.221Z */
        log_open("test", LOG_LEVEL_INFO, fake_wall_us);
        return 0;
}

static void test_line(void **state)
{
        (void)state;
        capture();
        log_warn(&camera, "camera.lost", "err=\"%s\" after_ms=%d", "SPS: width 0", 1200);
        assert_string_equal(captured(), "2026-11-22T15:41:01.221Z W test worker=1 cam=7 "
                                        "camera.lost err=\"SPS: width 0\" after_ms=1200\n");
        capture();
        log_info(NULL, "started", "%s", "");
        assert_string_equal(captured(), "2026-11-22T15:42:01.221Z I test started\n");
}

static void test_levels(void **state)
{
        (void)state;
        capture();
        log_debug(NULL, "a", "%d", 1);
        log_info(NULL, "b", "%d", 1);
        log_error(NULL, "c", "%d", 1);
        captured();
        assert_null(strstr(got, " a "));
        assert_non_null(strstr(got, " I test b 1\n"));
        assert_non_null(strstr(got, " E test c 1\n"));
        log_open("test", LOG_LEVEL_ERROR, fake_wall_us);
        capture();
        log_warn(NULL, "d", "%d", 1);
        assert_string_equal(captured(), "");
}

static void test_one_event_is_one_line(void **state)
{
        char much[4000];

        (void)state;
        capture();
        log_info(NULL, "forged", "name=%s", "x\n2026-01-01T00:00:00.000Z I test fake \x1b[2J\xff");
        captured();
        assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
        assert_null(strchr(got, '\x1b'));
        assert_null(strchr(got, '\xff'));
        memset(much, 'y', sizeof much - 1);
        much[sizeof much - 1] = '\0';
        capture();
        log_info(&camera, "long", "%s", much);
        captured();
        assert_in_range(strlen(got), 600, 1024);
        assert_ptr_equal(strchr(got, '\n'), got + strlen(got) - 1);
}

static void test_repeats_are_counted(void **state)
{
        (void)state;
        capture();
        for (int i = 0; i < 100; i++) {
                log_warn(&camera, "loss", "n=%d", i);
                now += 1000;
        }
        assert_string_equal(
                captured(), "2026-11-22T15:41:01.221Z W test worker=1 cam=7 loss n=0\n");
        capture(); /* a minute later */
        log_warn(&camera, "loss", "n=%d", 100);
        captured();
        assert_non_null(strstr(got, "log.repeated event=\"worker=1 cam=7 loss\" times=99\n"));
        assert_non_null(strstr(got, "loss n=100\n"));
        /* The same event of another camera is another event. */
        capture();
        log_warn(&camera, "loss", "n=%d", 1);
        log_warn(&worker, "loss", "n=%d", 2);
        captured();
        assert_non_null(strstr(got, "cam=7 loss n=1\n"));
        assert_non_null(strstr(got, "worker=1 loss n=2\n"));
}

static void test_errno_is_kept(void **state)
{
        (void)state;
        int null_fd = open("/dev/null", O_RDONLY); /* write fails there */
        int kept = dup(STDERR_FILENO);
        dup2(null_fd, STDERR_FILENO);
        now += 60000000;
        errno = 1234;
        log_error(NULL, "unwritable", "%d", 1);
        int after = errno;
        dup2(kept, STDERR_FILENO);
        close(kept);
        close(null_fd);
        assert_int_equal(after, 1234);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_line, begin),
                cmocka_unit_test_setup(test_levels, begin),
                cmocka_unit_test_setup(test_one_event_is_one_line, begin),
                cmocka_unit_test_setup(test_repeats_are_counted, begin),
                cmocka_unit_test_setup(test_errno_is_kept, begin),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
