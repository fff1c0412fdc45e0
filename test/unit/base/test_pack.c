/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/pack.h"

/* Big-endian, written out by hand. */
static const uint8_t all[] = { 0xfe,                    /* u8 */
        0x01, 0x02,                                     /* u16 */
        0x03, 0x04, 0x05,                               /* u24 */
        0xff, 0x00, 0x00, 0x01,                         /* u32 */
        0x80, 0, 0, 0, 0, 0, 0, 0x02,                   /* u64 */
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, /* i64, -2 */
        0, 0, 0,                                        /* zeros */
        0, 0, 0, 2, 'a', 'b',                           /* field32 */
        0, 1, 'c',                                      /* field16 */
        0, 3, 'x', 'y', 'z' /* string */ };

static void test_pack_writes_big_endian(void **state)
{
        CLEANUP(buf_done) struct buf b;
        struct pack p = pack_to(&b);

        (void)state;
        buf_init(&b, 1000);
        pack_u8(&p, 0xfe);
        pack_u16(&p, 0x0102);
        pack_u24(&p, 0x030405);
        pack_u32(&p, 0xff000001);
        pack_u64(&p, UINT64_C(0x8000000000000002));
        pack_i64(&p, -2);
        pack_zeros(&p, 3);
        pack_field32(&p, bytes_str("ab"));
        pack_field16(&p, bytes_str("c"));
        pack_string(&p, "xyz");
        assert_false(p.bad);
        assert_true(bytes_equal(buf_bytes(&b), BYTES(all, sizeof all)));
}

static void test_unpack_reads_it(void **state)
{
        struct unpack u = unpack_of(BYTES(all, sizeof all));
        char text[4];
        uint8_t zeros[3] = { 1, 1, 1 };

        (void)state;
        assert_int_equal(unpack_u8(&u), 0xfe);
        assert_int_equal(unpack_u16(&u), 0x0102);
        assert_int_equal(unpack_u24(&u), 0x030405);
        assert_int_equal(unpack_u32(&u), 0xff000001);
        assert_true(unpack_u64(&u) == UINT64_C(0x8000000000000002));
        assert_true(unpack_i64(&u) == -2);
        unpack_copy(&u, zeros, 3);
        assert_memory_equal(zeros, "\0\0\0", 3);
        assert_true(bytes_equal(unpack_field32(&u, 2), bytes_str("ab")));
        assert_true(bytes_equal(unpack_field16(&u, 1), bytes_str("c")));
        assert_false(unpack_complete(&u));
        assert_int_equal(unpack_left(&u), 5);
        unpack_string(&u, text, sizeof text);
        assert_string_equal(text, "xyz");
        assert_true(unpack_complete(&u));
}

/* Cut at every length: never past the end, bad from the first short read on, zeros after it. */
static void test_unpack_of_every_prefix(void **state)
{
        (void)state;
        for (size_t n = 0; n < sizeof all; n++) {
                uint8_t *cut =
                        xcalloc(1, n ? n : 1); /* its own block: the sanitizer sees the end */
                char text[4] = "???";
                uint8_t raw[3] = { 1, 1, 1 };
                memcpy(cut, all, n);
                struct unpack u = unpack_of(BYTES(cut, n));
                unpack_u8(&u);
                unpack_u16(&u);
                unpack_u24(&u);
                unpack_u32(&u);
                unpack_u64(&u);
                unpack_i64(&u);
                unpack_copy(&u, raw, 3);
                unpack_field32(&u, 100);
                unpack_field16(&u, 100);
                unpack_string(&u, text, sizeof text);
                assert_true(u.bad);
                assert_false(unpack_complete(&u));
                assert_int_equal(unpack_left(&u), 0);
                assert_string_equal(text, "");
                assert_int_equal(unpack_u32(&u), 0);
                assert_memory_equal(raw, "\0\0\0", 3);
                assert_int_equal(unpack_rest(&u).n, 0);
                own_freep(&cut);
        }
}

static void test_lying_lengths(void **state)
{
        static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 'a' };
        static const uint8_t nul[] = { 0, 3, 'a', 0, 'b' };
        struct unpack u = unpack_of(BYTES(huge, sizeof huge));
        char text[8];

        (void)state;
        assert_int_equal(unpack_field32(&u, SIZE_MAX).n, 0);
        assert_true(u.bad);
        u = unpack_of(BYTES(all + 29, 6)); /* "ab", but one byte allowed */
        assert_int_equal(unpack_field32(&u, 1).n, 0);
        assert_true(u.bad);
        u = unpack_of(BYTES(nul, sizeof nul));
        unpack_string(&u, text, sizeof text);
        assert_true(u.bad);
        assert_string_equal(text, "");
        u = unpack_of(BYTES(all + sizeof all - 5, 5)); /* "xyz" does not fit with its end */
        unpack_string(&u, text, 3);
        assert_true(u.bad);
        assert_string_equal(text, "");
        u = unpack_of(BYTES(NULL, 0));
        assert_true(unpack_complete(&u));
        assert_int_equal(unpack_bytes(&u, SIZE_MAX).n, 0);
        assert_true(u.bad);
}

static void test_pack_over_the_maximum_is_bad(void **state)
{
        CLEANUP(buf_done) struct buf b;
        struct pack p = pack_to(&b);

        (void)state;
        buf_init(&b, 6);
        pack_u32(&p, 1);
        pack_u32(&p, 2);
        assert_true(p.bad);
        pack_u8(&p, 3); /* would fit, but nothing follows a failure */
        assert_int_equal(b.n, 4);
        p = pack_to(&b);
        pack_zeros(&p, 3);
        assert_true(p.bad);
        assert_int_equal(b.n, 4);
}

static void test_field16_is_at_most_64k(void **state)
{
        static uint8_t much[65536];
        CLEANUP(buf_done) struct buf b;
        struct pack p = pack_to(&b);

        (void)state;
        buf_init(&b, 100000);
        pack_field16(&p, BYTES(much, 65536));
        assert_true(p.bad);
        assert_int_equal(b.n, 0);
        p = pack_to(&b);
        pack_field16(&p, BYTES(much, 65535));
        assert_false(p.bad);
        assert_int_equal(b.n, 65537);
}

static void test_patch(void **state)
{
        static const uint8_t want[] = { 9, 1, 2, 3, 4, 1, 2, 3, 4, 5, 6, 7, 8, 9 };
        CLEANUP(buf_done) struct buf b;
        struct pack p = pack_to(&b);

        (void)state;
        buf_init(&b, 100);
        pack_u8(&p, 9);
        pack_zeros(&p, 12);
        pack_u8(&p, 9);
        pack_patch_u32(&p, 1, 0x01020304);
        pack_patch_u64(&p, 5, UINT64_C(0x0102030405060708));
        assert_true(bytes_equal(buf_bytes(&b), BYTES(want, sizeof want)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pack_writes_big_endian),
                cmocka_unit_test(test_unpack_reads_it),
                cmocka_unit_test(test_unpack_of_every_prefix),
                cmocka_unit_test(test_lying_lengths),
                cmocka_unit_test(test_pack_over_the_maximum_is_bad),
                cmocka_unit_test(test_field16_is_at_most_64k),
                cmocka_unit_test(test_patch),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
