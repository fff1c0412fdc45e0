/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shares of the memory for fragments: the greedy ones never leave a modest one without. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/own.h"
#include "vault/chunk_pool.h"

#define POOL 1000 /* chunks */

struct holder {
        struct chunk_share *share;
        uint8_t *chunks[POOL];
        unsigned n;
};

static void take(struct holder *h, unsigned n)
{
        uint8_t *chunk = NULL;

        for (unsigned i = 0; i < n && (chunk = chunk_share_take(h->share)); i++)
                h->chunks[h->n++] = chunk;
}

static void give(struct holder *h)
{
        while (h->n)
                chunk_share_give(h->share, h->chunks[--h->n]);
}

static void test_one_has_at_most_half(void **state)
{
        struct chunk_pool *p = chunk_pool_new((size_t)POOL * CHUNK_BYTES);
        struct holder greedy = { chunk_share_new(p), { 0 }, 0 }, modest[10];

        (void)state;
        take(&greedy, POOL);
        assert_int_equal(greedy.n, POOL / 2);
        assert_int_equal(chunk_share_in_use(greedy.share), (size_t)POOL / 2 * CHUNK_BYTES);
        for (unsigned i = 0; i < 10; i++) {
                modest[i] = (struct holder){ chunk_share_new(p), { 0 }, 0 };
                take(&modest[i], 30);
                assert_int_equal(modest[i].n, 30);
        }
        take(&greedy, 1);
        assert_int_equal(greedy.n, POOL / 2); /* less is left now than it has */
        for (unsigned i = 0; i < 10; i++) {
                give(&modest[i]);
                chunk_share_free(modest[i].share);
        }
        give(&greedy);
        chunk_share_free(greedy.share);
        chunk_pool_free(p);
}

/* However many are greedy, and whatever their disk keeps for ever. */
static void test_many_greedy(void **state)
{
        struct chunk_pool *p = chunk_pool_new((size_t)POOL * CHUNK_BYTES);
        struct holder greedy[20], modest = { chunk_share_new(p), { 0 }, 0 };
        unsigned all = 0;

        (void)state;
        for (unsigned i = 0; i < 20; i++)
                greedy[i] = (struct holder){ chunk_share_new(p), { 0 }, 0 };
        for (unsigned round = 0; round < POOL; round++) {
                for (unsigned i = 0; i < 20; i++)
                        take(&greedy[i], 1);
        }
        for (unsigned i = 0; i < 20; i++) {
                assert_in_range(greedy[i].n, POOL / 21 - 1, POOL / 21 + 1);
                all += greedy[i].n;
        }
        take(&modest, 20);
        assert_int_equal(modest.n, 20);
        assert_true(all + modest.n <= POOL);
        for (unsigned i = 0; i < 20; i++) {
                chunk_share_free(greedy[i].share); /* before its chunks: a write is under way */
                give(&greedy[i]);
        }
        give(&modest);
        chunk_share_free(modest.share);
        assert_int_equal(chunk_pool_in_use(p), 0);
        chunk_pool_free(p);
}

static size_t resident(void)
{
        size_t all = 0, pages = 0;
        FILE *f = fopen("/proc/self/statm", "r");

        assert_non_null(f);
        assert_int_equal(fscanf(f, "%zu %zu", &all, &pages), 2);
        fclose(f);
        return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* What was needed once under load goes back to the kernel. */
static void test_memory_is_given_back(void **state)
{
        struct chunk_pool *p = chunk_pool_new((size_t)2 * POOL * CHUNK_BYTES);
        struct holder h = { chunk_share_new(p), { 0 }, 0 };
        size_t before = resident();

        (void)state;
        for (unsigned round = 0; round < 3; round++) {
                take(&h, POOL);
                assert_int_equal(h.n, POOL);
                for (unsigned i = 0; i < POOL; i++)
                        memset(h.chunks[i], 1, CHUNK_BYTES);
                assert_true(resident() > before + (size_t)POOL / 2 * CHUNK_BYTES);
                give(&h);
                chunk_pool_tick(p); /* it may be needed again in a moment */
                assert_true(resident() > before + (size_t)POOL / 2 * CHUNK_BYTES);
                for (unsigned second = 0; second < 60; second++)
                        chunk_pool_tick(p);
                assert_true(resident() < before + (size_t)POOL / 10 * CHUNK_BYTES);
        }
        chunk_share_free(h.share);
        chunk_pool_free(p);
}

/* Use that goes up and down within seconds costs no page fault behind the first time. */
static void test_a_wave_is_kept(void **state)
{
        struct chunk_pool *p = chunk_pool_new((size_t)2 * POOL * CHUNK_BYTES);
        struct holder h = { chunk_share_new(p), { 0 }, 0 };
        struct rusage first, last;

        (void)state;
        for (unsigned second = 0; second < 10; second++) {
                take(&h, POOL);
                for (unsigned i = 0; i < POOL; i++)
                        memset(h.chunks[i], 1, CHUNK_BYTES);
                if (second == 0)
                        assert_return_code(getrusage(RUSAGE_SELF, &first), 0);
                give(&h);
                chunk_pool_tick(p);
        }
        assert_return_code(getrusage(RUSAGE_SELF, &last), 0);
        assert_true(last.ru_minflt - first.ru_minflt < POOL);
        chunk_share_free(h.share);
        chunk_pool_free(p);
}

static void test_a_few_for_everybody(void **state)
{
        struct chunk_pool *p = chunk_pool_new((size_t)6 * CHUNK_BYTES);
        struct holder a = { chunk_share_new(p), { 0 }, 0 }, b = { chunk_share_new(p), { 0 }, 0 };

        (void)state;
        take(&a, POOL);
        assert_int_equal(a.n, CHUNK_SHARE_MIN);
        take(&b, POOL);
        assert_int_equal(b.n, 2); /* no more than there are */
        give(&a);
        give(&b);
        chunk_share_free(a.share);
        chunk_share_free(b.share);
        chunk_pool_free(p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_one_has_at_most_half),
                cmocka_unit_test(test_many_greedy),
                cmocka_unit_test(test_memory_is_given_back),
                cmocka_unit_test(test_a_wave_is_kept),
                cmocka_unit_test(test_a_few_for_everybody),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
