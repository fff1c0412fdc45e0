/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Passwords in the pool: two at a time, in their order, and no more waiting than there may be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "manager/hash_queue.h"

static struct loop *loop;
static struct hash_queue *q;
static unsigned done_n, freed_n, wanted;
static struct hash_queue_result results[64];
static int order[64];

static int setup(void **state)
{
        (void)state;
        loop = loop_new();
        q = hash_queue_new(loop, &done_n);
        done_n = freed_n = 0;
        return 0;
}

static void count_freed(void *context)
{
        assert_non_null(context);
        freed_n++;
}

static int teardown(void **state)
{
        (void)state;
        q = hash_queue_free(q, count_freed);
        loop = loop_free(loop);
        return 0;
}

static void then(void *owner, void *context, const struct hash_queue_result *result)
{
        assert_ptr_equal(owner, &done_n);
        order[done_n] = *(int *)context;
        results[*(int *)context] = *result;
        if (++done_n == wanted)
                loop_stop(loop);
}

static int add(int *number, const char *password, const char *kept, const char *fresh)
{
        struct hash_queue_job job = {
                .compare = password != NULL, .kept = kept, .then = then, .context = number
        };
        struct err e;

        if (password)
                assert_int_equal(secret_set(&job.password, bytes_str(password), NULL), 0);
        if (fresh)
                assert_int_equal(secret_set(&job.fresh, bytes_str(fresh), NULL), 0);
        int r = hash_queue_add(q, &job, &e);
        assert_int_equal(job.password.n + job.fresh.n, 0); /* wiped, either way */
        if (r < 0)
                assert_int_equal(e.fault, FAULT_SIGN_IN_BUSY);
        return r;
}

static void run(unsigned n)
{
        wanted = n;
        loop_run(loop);
        assert_int_equal(done_n, n);
}

static void test_what_is_done(void **state)
{
        static int numbers[] = { 0, 1, 2, 3, 4, 5 };
        char kept[PASSWORD_ROOM];

        (void)state;
        assert_int_equal(password_hash(bytes_str("right"), kept, NULL), 0);
        assert_int_equal(add(&numbers[0], "right", kept, NULL), 0);
        assert_int_equal(add(&numbers[1], "wrong", kept, "new"), 0);
        assert_int_equal(add(&numbers[2], "right", kept, "new"), 0);
        assert_int_equal(add(&numbers[3], NULL, NULL, "new"), 0);
        assert_int_equal(add(&numbers[4], "right", "", "new"), 0); /* nobody's */
        assert_int_equal(add(&numbers[5], "", kept, "new"), 0);
        assert_int_equal(done_n, 0);
        run(6);
        for (unsigned i = 0; i < 6; i++)
                assert_int_equal(results[i].why.code, 0);
        assert_true(results[0].same && !results[1].same && results[2].same && !results[3].same);
        assert_true(!results[4].same && !results[5].same);
        assert_string_equal(results[0].made, ""); /* of the cost of today */
        assert_string_equal(results[1].made, ""); /* who does not know the old one sets none */
        assert_int_equal(password_verify(results[2].made, bytes_str("new"), NULL), 1);
        assert_int_equal(password_verify(results[3].made, bytes_str("new"), NULL), 1);
        assert_string_equal(results[4].made, "");
        assert_string_equal(results[5].made, "");
}

/* One of another cost is made anew when the password is known. */
static void test_made_anew(void **state)
{
        static const char cheap[] =
                "$argon2id$v=19$m=1024,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$kT7pA1mWpIxCyvdphWLoxD5001U6itc4vWjkQ4J85co";
        static int numbers[] = { 0, 1, 2 };

        (void)state;
        assert_int_equal(add(&numbers[0], "hafen lampe ziegel moos", cheap, NULL), 0);
        assert_int_equal(add(&numbers[1], "hafen lampe", cheap, NULL), 0);
        assert_int_equal(add(&numbers[2], "hafen lampe", "$argon2id$broken", NULL), 0);
        run(3);
        assert_true(results[0].same && password_is_current(results[0].made));
        assert_int_equal(
                password_verify(results[0].made, bytes_str("hafen lampe ziegel moos"), NULL), 1);
        assert_true(!results[1].same && !results[1].made[0]);
        assert_int_equal(results[2].why.code, ERR_CORRUPT);
}

static void test_bounded(void **state)
{
        static int numbers[HASH_QUEUE_AT_ONCE + HASH_QUEUE_WAITING + 1];
        unsigned n = HASH_QUEUE_AT_ONCE + HASH_QUEUE_WAITING;

        (void)state;
        for (unsigned i = 0; i < n; i++) {
                numbers[i] = (int)i;
                assert_int_equal(add(&numbers[i], "x", NULL, NULL), 0);
        }
        assert_int_equal(add(&numbers[n], "x", NULL, NULL), ERR_UNAVAILABLE);
        run(4);
        assert_int_equal(order[0] + order[1], 1); /* those that came first */
        assert_int_equal(add(&numbers[n], "x", NULL, NULL), 0);
        hash_queue_free(q, count_freed); /* while two run */
        q = NULL;
        assert_int_equal(freed_n, n + 1 - done_n);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_what_is_done, setup, teardown),
                cmocka_unit_test_setup_teardown(test_made_anew, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bounded, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
