/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "media/box.h"

#define T BOX_TYPE

static void test_walk(void **state)
{
        /* ISO/IEC 14496-12 section 4.2: 32-bit size, 64-bit size, user type. */
        static const uint8_t in[] = { 0, 0, 0, 10, 'f', 'r', 'e', 'e', 7, 8, /* */
                0, 0, 0, 1, 'm', 'd', 'a', 't', 0, 0, 0, 0, 0, 0, 0, 17, 9,  /* */
                0, 0, 0, 25, 'u', 'u', 'i', 'd', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
                16, 0xaa };
        struct bytes all = BYTES(in, sizeof in);
        uint64_t at = 0;
        struct box b;
        struct err e;

        (void)state;
        assert_int_equal(box_next(all, &at, &b, &e), 1);
        assert_int_equal(b.type, T('f', 'r', 'e', 'e'));
        assert_int_equal(b.payload.n, 2);
        assert_ptr_equal(b.payload.p, in + 8);
        assert_int_equal(box_next(all, &at, &b, &e), 1);
        assert_int_equal(b.offset, 10);
        assert_int_equal(b.whole.n, 17);
        assert_int_equal(b.payload.n, 1);
        assert_int_equal(b.payload.p[0], 9);
        assert_int_equal(box_next(all, &at, &b, &e), 1);
        assert_int_equal(b.user_type[15], 16);
        assert_int_equal(b.payload.n, 1);
        assert_int_equal(b.payload.p[0], 0xaa);
        assert_int_equal(box_next(all, &at, &b, &e), 0);
        assert_int_equal(at, sizeof in);
        assert_int_equal(box_find(all, T('m', 'd', 'a', 't'), &b, &e), 0);
        assert_int_equal(b.offset, 10);
        assert_int_equal(box_find(all, T('m', 'o', 'o', 'v'), &b, &e), ERR_NOT_FOUND);
        assert_non_null(strstr(e.text, "moov"));
}

static void test_broken(void **state)
{
        static const struct {
                uint8_t in[24];
                size_t n;
        } cases[] = {
                { { 0, 0, 0, 7, 'f', 'r', 'e', 'e' }, 8 }, /* below its header */
                { { 0, 0, 0, 0, 'f', 'r', 'e', 'e' }, 8 }, /* "to the end" */
                { { 0, 0, 0, 9, 'f', 'r', 'e', 'e' }, 8 }, /* past the end */
                { { 0, 0, 0, 8, 'f', 'r', 'e' }, 7 },      /* header cut off */
                { { 0, 0, 0, 1, 'f', 'r', 'e', 'e', 0, 0, 0, 0, 0, 0, 0 },
                        15 }, /* 64-bit size cut off */
                { { 0, 0, 0, 1, 'f', 'r', 'e', 'e', 0, 0, 0, 0, 0, 0, 0, 15 },
                        16 }, /* below its header */
                { { 0, 0, 0, 1, 'f', 'r', 'e', 'e', 255, 255, 255, 255, 255, 255, 255, 255 }, 16 },
                { { 0, 0, 0, 16, 'u', 'u', 'i', 'd', 1, 2, 3, 4, 5, 6, 7, 8 },
                        16 }, /* user type cut off */
                { { 0, 0, 0, 16, 'u', 'u', 'i', 'd', 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14,
                          15, 16 },
                        24 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
                struct box b = { .type = 1 };
                uint64_t at = 0;
                struct err e;
                assert_int_equal(
                        box_next(BYTES(cases[i].in, cases[i].n), &at, &b, &e), ERR_CORRUPT);
                assert_int_equal(at, 0);
                assert_int_equal(b.type, 1);
        }
}

static void test_past_the_end(void **state)
{
        static const uint8_t in[8] = { 0, 0, 0, 8, 'f', 'r', 'e', 'e' };
        uint64_t at = 9;
        struct box b;

        (void)state;
        assert_int_equal(box_next(BYTES(in, 8), &at, &b, NULL), ERR_CORRUPT);
        at = UINT64_MAX;
        assert_int_equal(box_next(BYTES(in, 8), &at, &b, NULL), ERR_CORRUPT);
}

static void test_write(void **state)
{
        static const uint8_t user_type[16] = { 1, 2, 3 };
        CLEANUP(buf_done) struct buf out;
        struct pack p = pack_to(&out);
        struct box b;

        (void)state;
        buf_init(&out, 100);
        size_t outer = box_begin(&p, T('m', 'o', 'o', 'f'));
        size_t full = box_begin_full(&p, T('m', 'f', 'h', 'd'), 1, 0x020304);
        pack_u32(&p, 5);
        box_end(&p, full);
        box_end(&p, outer);
        size_t uuid = box_begin_uuid(&p, user_type);
        box_end(&p, uuid);
        box_free_space(&p, 8);
        assert_false(p.bad);
        static const uint8_t expected[] = { 0, 0, 0, 24, 'm', 'o', 'o', 'f', 0, 0, 0, 16, 'm', 'f',
                'h', 'd', 1, 2, 3, 4, 0, 0, 0, 5, 0, 0, 0, 24, 'u', 'u', 'i', 'd', 1, 2, 3, 0, 0, 0,
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8, 'f', 'r', 'e', 'e' };
        assert_int_equal(out.n, sizeof expected);
        assert_memory_equal(out.p, expected, sizeof expected);
        assert_int_equal(box_find(buf_bytes(&out), T('f', 'r', 'e', 'e'), &b, NULL), 0);

        box_free_space(&p, 100);
        assert_true(p.bad);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_walk),
                cmocka_unit_test(test_broken),
                cmocka_unit_test(test_past_the_end),
                cmocka_unit_test(test_write),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
