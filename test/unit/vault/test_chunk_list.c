/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "vault/chunk_list.h"
#include "vault/gap_list.h"

static void test_pool_is_bounded(void **state)
{
        struct chunk_pool *p = chunk_pool_new(3 * CHUNK_BYTES + 5);
        struct chunk_share *share = chunk_share_new(p);
        uint8_t *chunks[3];

        (void)state;
        for (unsigned i = 0; i < 3; i++) {
                chunks[i] = chunk_share_take(share);
                assert_non_null(chunks[i]);
                assert_int_equal((uintptr_t)chunks[i] % 4096, 0);
                memset(chunks[i], 0xff, CHUNK_BYTES);
        }
        assert_null(chunk_share_take(share));
        assert_int_equal(chunk_pool_in_use(p), 3 * CHUNK_BYTES);
        chunk_share_give(share, chunks[1]);
        assert_ptr_equal(chunk_share_take(share), chunks[1]);
        for (unsigned i = 0; i < 3; i++)
                chunk_share_give(share, chunks[i]);
        assert_int_equal(chunk_pool_in_use(p), 0);
        chunk_share_free(share);
        chunk_pool_free(p);
}

static void test_list(void **state)
{
        struct chunk_pool *p = chunk_pool_new(4 * CHUNK_BYTES);
        struct chunk_share *share = chunk_share_new(p);
        static uint8_t bytes[3 * CHUNK_BYTES];
        struct chunk_list l;
        struct iovec iov[4];
        size_t n;

        (void)state;
        for (size_t i = 0; i < sizeof bytes; i++)
                bytes[i] = (uint8_t)(i * 31 + i / 257);
        chunk_list_init(&l, share);
        assert_int_equal(chunk_list_reserve(&l, sizeof bytes - 10, NULL), 0);
        chunk_list_append(&l, BYTES(bytes, 100));
        chunk_list_append(&l, BYTES(bytes + 100, sizeof bytes - 200));
        chunk_list_append_zeros(&l, 90);
        assert_int_equal(l.bytes, sizeof bytes - 10);
        chunk_list_piece(&l, CHUNK_BYTES - 3, 100, &n);
        assert_int_equal(n, 3);
        assert_int_equal(chunk_list_iovec(&l, iov), 3);
        assert_memory_equal(iov[0].iov_base, bytes, CHUNK_BYTES);
        assert_memory_equal(iov[1].iov_base, bytes + CHUNK_BYTES, CHUNK_BYTES);
        assert_int_equal(iov[2].iov_len, CHUNK_BYTES - 10);
        assert_memory_equal(iov[2].iov_base, bytes + 2 * CHUNK_BYTES, CHUNK_BYTES - 100);
        /* More than there is: nothing is kept of the attempt. */
        assert_int_equal(chunk_list_reserve(&l, 2 * CHUNK_BYTES, NULL), ERR_EXHAUSTED);
        assert_int_equal(chunk_pool_in_use(p), 3 * CHUNK_BYTES);
        chunk_list_done(&l);
        assert_int_equal(chunk_pool_in_use(p), 0);
        chunk_share_free(share);
        chunk_pool_free(p);
}

static void test_gaps_are_joined(void **state)
{
        struct gap_list l = { 0 };

        (void)state;
        gap_list_add(&l, SEAL_GAP_FRAMES_DROPPED, 100, 200, 3);
        gap_list_add(&l, SEAL_GAP_FRAMES_DROPPED, 300, 400, UINT32_MAX);
        gap_list_add(&l, SEAL_GAP_CLOCK_STEP, 500, 50, 0);
        gap_list_add(&l, SEAL_GAP_DISK, 900, 800,
                0); /* only a clock that went back ends before it begins */
        assert_int_equal(l.n, 3);
        assert_true(l.gaps[0].from_us == 100 && l.gaps[0].to_us == 400 &&
                    l.gaps[0].frames == UINT32_MAX);
        assert_true(l.gaps[1].from_us == 500 && l.gaps[1].to_us == 50);
        assert_true(l.gaps[2].from_us == 800 && l.gaps[2].to_us == 800);
        for (unsigned cause = SEAL_GAP_START; cause <= SEAL_GAP_OVERLOAD; cause++)
                gap_list_add(&l, cause, SEAL_UNKNOWN_US, 1000, 0);
        assert_int_equal(l.n, SEAL_GAPS_MAX);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pool_is_bounded),
                cmocka_unit_test(test_list),
                cmocka_unit_test(test_gaps_are_joined),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
