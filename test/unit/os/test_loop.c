/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/loop.h"

struct ticker {
        struct timer timer;
        struct loop *loop;
        int ticks, stop_after;
};

static void on_tick(void *owner)
{
        struct ticker *t = owner;

        if (++t->ticks == t->stop_after)
                timer_done(&t->timer);
}

static void test_a_timer_repeats_until_done_in_its_callback(void **state)
{
        struct loop *l = loop_new();
        struct ticker t = { .stop_after = 3 };

        (void)state;
        timer_start(&t.timer, l, 1, 1, on_tick, &t);
        loop_run(l); /* ends by itself: nothing is left */
        assert_int_equal(t.ticks, 3);
        assert_null(t.timer.handle);
        timer_done(&t.timer); /* a second time is nothing */
        assert_null(loop_free(l));
}

static void test_a_timer_runs_once_and_starts_again(void **state)
{
        struct loop *l = loop_new();
        struct ticker t = { .stop_after = 100 };

        (void)state;
        timer_start(&t.timer, l, 100000, 0, on_tick, &t);
        timer_start(&t.timer, l, 1, 0, on_tick, &t); /* replaces the long one */
        loop_run(l);
        assert_int_equal(t.ticks, 1);
        timer_start(&t.timer, l, 1, 0, on_tick, &t);
        loop_run(l);
        assert_int_equal(t.ticks, 2);
        timer_done(&t.timer);
        loop_free(l);
}

static void on_tick_free(void *owner)
{
        struct ticker *t = owner;

        loop_stop(t->loop);
        timer_done(&t->timer);
        free(t); /* the sanitizer watches */
}

static void test_the_owner_may_go_in_the_callback(void **state)
{
        struct loop *l = loop_new();
        struct ticker *t = calloc(1, sizeof *t);

        (void)state;
        t->loop = l;
        timer_start(&t->timer, l, 1, 1, on_tick_free, t);
        loop_run(l);
        loop_free(l);
}

static void test_free_closes_running_handles(void **state)
{
        struct loop *l = loop_new();
        uv_timer_t left;

        (void)state;
        loop_catch_signals(l, NULL, NULL);
        uv_timer_init(loop_uv(l), &left);
        uv_timer_start(&left, (uv_timer_cb)abort, 100000, 0);
        loop_stop(l); /* before it ever ran */
        assert_null(loop_free(l));
        assert_null(loop_free(NULL));
}

static void on_stop_count(void *owner)
{
        struct ticker *t = owner;

        t->ticks++;
        loop_stop(t->loop);
}

static void on_raise(void *owner)
{
        (void)owner;
        raise(SIGTERM);
}

static void test_the_first_signal_asks(void **state)
{
        struct ticker t = { .loop = loop_new() };
        struct timer raises = { 0 };

        (void)state;
        loop_catch_signals(t.loop, on_stop_count, &t);
        timer_start(&raises, t.loop, 1, 0, on_raise, NULL);
        timer_start(&t.timer, t.loop, 60000, 0, on_tick, &t);
        loop_run(t.loop);
        assert_int_equal(t.ticks, 1);
        timer_done(&raises);
        timer_done(&t.timer);
        loop_free(t.loop);
}

static void on_stop_ignore(void *owner)
{
        (void)owner;
        raise(SIGINT);
}

static void test_the_second_signal_ends(void **state)
{
        int status;

        (void)state;
        pid_t pid = fork();
        if (pid == 0) {
                struct loop *l = loop_new();
                struct timer raises = { 0 }, holds = { 0 };
                loop_catch_signals(l, on_stop_ignore, NULL);
                timer_start(&raises, l, 1, 0, on_raise, NULL);
                timer_start(&holds, l, 20000, 0, on_raise, NULL);
                loop_run(l);
                _exit(0);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 128 + SIGINT);
}

static void test_signals_do_not_hold_the_loop(void **state)
{
        struct loop *l = loop_new();

        (void)state;
        loop_catch_signals(l, NULL, NULL);
        loop_run(l); /* returns */
        loop_free(l);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_timer_repeats_until_done_in_its_callback),
                cmocka_unit_test(test_a_timer_runs_once_and_starts_again),
                cmocka_unit_test(test_the_owner_may_go_in_the_callback),
                cmocka_unit_test(test_free_closes_running_handles),
                cmocka_unit_test(test_the_first_signal_asks),
                cmocka_unit_test(test_the_second_signal_ends),
                cmocka_unit_test(test_signals_do_not_hold_the_loop),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
