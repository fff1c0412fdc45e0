/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/own.h"

/* Asking for too much yields NULL under the sanitizer too. */
__attribute__((visibility("default"))) const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
        return "allocator_may_return_null=1";
}

static void test_take_hands_over(void **state)
{
        char *p = xstrdup("mine");
        char *q = TAKE(p);

        (void)state;
        assert_null(p);
        assert_string_equal(q, "mine");
        free(q);
}

static void test_calloc_is_zeroed(void **state)
{
        CLEANUP(own_freep) unsigned char *p = xcalloc(1000, 3);
        CLEANUP(own_freep) void *none = xcalloc(0, 0);

        (void)state;
        for (int i = 0; i < 3000; i++)
                assert_int_equal(p[i], 0);
        assert_non_null(none);
}

static void test_text(void **state)
{
        CLEANUP(own_freep) char *p = xasprintf("%s-%d", "a", 5);

        (void)state;
        assert_string_equal(p, "a-5");
        p = xrealloc(p, 100, 10);
        assert_string_equal(p, "a-5");
}

static void test_cleanup_closes(void **state)
{
        int fd;

        (void)state;
        {
                CLEANUP(own_closep) int scoped = open("/dev/null", O_RDONLY);
                CLEANUP(own_closep) int none = -1;
                fd = scoped;
                assert_true(fcntl(fd, F_GETFD) >= 0);
                assert_int_equal(none, -1);
                errno = 77;
        }
        assert_int_equal(errno, 77); /* kept */
        assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* A multiplication that wraps, and memory that is not there, end the process instead of yielding a
 * small block. */
static int ending(size_t n, size_t size)
{
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                int quiet = open("/dev/null", O_WRONLY);
                dup2(quiet, STDERR_FILENO);
                signal(SIGABRT, SIG_DFL);
                void *volatile p = xcalloc(n, size);
                _exit(p ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void test_no_memory_ends(void **state)
{
        (void)state;
        assert_int_equal(ending(10, 10), 0);
        assert_int_equal(ending(SIZE_MAX / 2, 4), -SIGABRT);
        assert_int_equal(ending(1, SIZE_MAX / 2), -SIGABRT);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_take_hands_over),
                cmocka_unit_test(test_calloc_is_zeroed),
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_cleanup_closes),
                cmocka_unit_test(test_no_memory_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
