/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A volume that hangs keeps three threads of the pool, and no other volume waits for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file_lane.h"

#include "hung_memory.c"

struct done {
        int calls, result, number;
};

static int ended; /* how many have, so far */

static void on_done(void *owner, int result, const struct err *e)
{
        struct done *d = owner;

        (void)e;
        d->calls++;
        d->result = result;
        d->number = ++ended;
}

static int scratch(void)
{
        char name[] = "/tmp/custos-lane-XXXXXX";
        int fd = mkstemp(name);

        assert_true(fd >= 0);
        unlink(name);
        return fd;
}

static void run_until(struct loop *l, const int *calls)
{
        while (!*calls)
                uv_run(loop_uv(l), UV_RUN_ONCE);
}

static char x[] = "x";
static const struct iovec one = { x, 1 };

static void test_order(void **state)
{
        struct loop *l = loop_new();
        struct file_lane *lane = file_lane_new(l);
        struct done d[20] = { 0 };
        int fd = scratch();
        struct stat st;

        (void)state;
        ended = 0;
        for (unsigned i = 0; i < 20; i++) {
                file_lane_write(lane, fd, &one, 1, i, on_done, &d[i]);
                assert_in_range(file_lane_under_way(lane), 1, FILE_LANE_WIDTH);
        }
        assert_int_equal(file_lane_under_way(lane), FILE_LANE_WIDTH);
        assert_int_equal(file_lane_waiting(lane), 20 - FILE_LANE_WIDTH);
        assert_int_equal(ended, 0); /* never from within */
        run_until(l, &d[19].calls);
        while (file_lane_under_way(lane))
                uv_run(loop_uv(l), UV_RUN_ONCE);
        for (unsigned i = 0; i < 20; i++) {
                assert_int_equal(d[i].calls, 1);
                assert_int_equal(d[i].result, 0);
                /* It began when all before it had ended but two. */
                assert_in_range(d[i].number, i < 2 ? 1 : i - 1, 20);
        }
        struct done cut = { 0 };
        file_lane_set_length(lane, fd, 7, on_done, &cut);
        run_until(l, &cut.calls);
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_size, 7);
        close(fd);
        file_lane_free(lane);
        loop_free(l);
}

/* The length is set before a close, but nothing is made longer. */
static void test_close(void **state)
{
        static const struct {
                int64_t length;
                off_t want;
        } cases[] = { { 5, 5 }, { 10, 10 }, { 11, 10 }, { -1, 10 }, { 0, 0 } };
        struct loop *l = loop_new();
        struct file_lane *lane = file_lane_new(l);
        struct stat st;

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                int fd = scratch(), other = dup(fd);

                assert_int_equal(pwrite(fd, "0123456789", 10, 0), 10);
                file_lane_close(lane, fd, cases[i].length);
                while (file_lane_under_way(lane))
                        uv_run(loop_uv(l), UV_RUN_ONCE);
                assert_int_equal(fcntl(fd, F_GETFD), -1);
                assert_int_equal(fstat(other, &st), 0);
                assert_int_equal(st.st_size, cases[i].want);
                close(other);
        }
        file_lane_free(lane);
        loop_free(l);
}

static void test_a_hung_volume_holds_three_threads(void **state)
{
        struct loop *l = loop_new();
        struct file_lane *bad = file_lane_new(l), *good = file_lane_new(l);
        struct done d[6] = { 0 }, g[8] = { 0 };
        struct file_lane_job *jobs[6];
        struct hung_memory memory;
        int fd = scratch(), other = scratch(), closed = dup(fd);
        struct stat st;

        (void)state;
        hung_memory_make(&memory);
        struct iovec parts[70]; /* more than one call takes */
        for (unsigned i = 0; i < 70; i++)
                parts[i] = (struct iovec){ i == 0 ? memory.bytes : (void *)x, 1 };
        for (unsigned i = 0; i < 6; i++)
                jobs[i] = file_lane_write(bad, fd, parts, 70, 1000 * i, on_done, &d[i]);
        /* One thread is left of four: the other volume goes on. */
        for (unsigned i = 0; i < 8; i++)
                file_lane_write(good, other, &one, 1, i, on_done, &g[i]);
        run_until(l, &g[7].calls);
        assert_int_equal(file_lane_under_way(bad), 3);
        assert_int_equal(file_lane_waiting(bad), 3);

        /* What waits is given up at once. */
        file_lane_cancel(jobs[4]);
        assert_int_equal(d[4].calls, 1);
        assert_int_equal(d[4].result, ERR_CANCELLED);
        file_lane_cancel(jobs[5]);
        file_lane_cancel(jobs[3]);
        assert_int_equal(file_lane_waiting(bad), 0);
        /* What the kernel has is not, and nothing follows it. */
        file_lane_cancel(jobs[0]);
        assert_int_equal(d[0].calls, 0);
        file_lane_close(bad, closed, -1); /* done though the lane's owner is gone */
        file_lane_free(bad);
        hung_memory_release(&memory);
        while (!d[0].calls || !d[1].calls || !d[2].calls)
                uv_run(loop_uv(l), UV_RUN_ONCE);
        assert_int_equal(d[0].result, ERR_CANCELLED);
        assert_int_equal(d[1].result, 0);
        assert_int_equal(d[2].result, 0);
        assert_int_equal(d[3].calls + d[4].calls + d[5].calls, 3);
        file_lane_free(good);
        loop_free(l);
        assert_int_equal(fcntl(closed, F_GETFD), -1);
        close(fd);
        assert_int_equal(fstat(other, &st), 0);
        assert_int_equal(st.st_size, 8);
        close(other);
        hung_memory_done(&memory);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_close),
                cmocka_unit_test(test_a_hung_volume_holds_three_threads),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
