/* SPDX-License-Identifier: GPL-3.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "media/nal.h"

#define LITERAL(s) BYTES(s, sizeof(s) - 1)

static void lengths(void **state)
{
        (void)state;
        struct bytes rest = LITERAL("\0\0\0\2ab\0\0\0\1c"), nal;
        assert_true(nal_next(&rest, &nal));
        assert_memory_equal(nal.p, "ab", 2);
        assert_true(nal_next(&rest, &nal));
        assert_int_equal(nal.p[0], 'c');
        assert_false(nal_next(&rest, &nal));
        assert_int_equal(rest.n, 0);
        const struct bytes bad[] = { LITERAL("\0\0\0"), LITERAL("\0\0\0\2a"), LITERAL("\0\0\0\0"),
                LITERAL("\xff\xff\xff\xff"
                        "a") };
        for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
                rest = bad[i];
                assert_false(nal_next(&rest, &nal));
                assert_true(rest.n > 0);
        }
}

static void start_codes(void **state)
{
        (void)state;
        assert_true(nal_find_start_code(LITERAL("\0\0\1"), 0) == 0);
        assert_true(nal_find_start_code(LITERAL("a\0\0\0\1b"), 0) == 2);
        assert_true(nal_find_start_code(LITERAL("\0\0\1\0\0\1"), 1) == 3);
        assert_true(nal_find_start_code(LITERAL("\0\1\1\1\0\2\1\0\1"), 0) == SIZE_MAX);
        assert_true(nal_find_start_code(LITERAL("\0\0"), 0) == SIZE_MAX);
        assert_true(nal_find_start_code(BYTES(NULL, 0), 0) == SIZE_MAX);
        struct bytes rest = LITERAL("\0\0\0\1ab\0\0\0\1\0\0\1c\0\0\1"), nal;
        assert_true(nal_next_annexb(&rest, &nal));
        assert_int_equal(nal.n, 2);
        assert_true(nal_next_annexb(&rest, &nal));
        assert_int_equal(nal.p[0], 'c');
        assert_false(nal_next_annexb(&rest, &nal));
        rest = LITERAL("plain");
        assert_true(nal_next_annexb(&rest, &nal));
        assert_int_equal(nal.n, 5);
}

/* ITU-T H.264 table 9-2: 1, 010, 011, 00100, 00101 are 0..4; table 9-3: 0, 1, -1, 2, -2. */
static void golomb(void **state)
{
        (void)state;
        static const uint8_t codes[] = { 0xa6, 0x42, 0x80 }; /* 1 010 011 0 0100 0010 1... */
        struct nal_bits b = nal_bits_of(BYTES(codes, 3));
        for (uint32_t i = 0; i < 5; i++)
                assert_int_equal(nal_bits_ue(&b), i);
        b = nal_bits_of(BYTES(codes, 3));
        static const int32_t expected[] = { 0, 1, -1, 2, -2 };
        for (size_t i = 0; i < 5; i++)
                assert_int_equal(nal_bits_se(&b), expected[i]);
        assert_false(b.bad);
        /* 31 zeros is the longest prefix; 32 is none. */
        b = nal_bits_of(LITERAL("\x00\x00\x00\x01\xff\xff\xff\xfe"));
        b.zeros = 0;
        assert_int_equal(nal_bits_ue(&b), 0xfffffffe);
        assert_false(b.bad);
        b = nal_bits_of(LITERAL("\x00\x00\x03\x00\x00\x03\x00\x00"));
        nal_bits_ue(&b);
        assert_true(b.bad);
        assert_int_equal(nal_bits_u(&b, 8), 0);
}

static void emulation_prevention(void **state)
{
        (void)state;
        struct nal_bits b = nal_bits_of(LITERAL("\0\0\3\1\0\0\3\0\0\3\3"));
        assert_int_equal(nal_bits_u(&b, 24), 0x000001);
        assert_int_equal(nal_bits_u(&b, 32), 0);
        assert_int_equal(nal_bits_u(&b, 8), 3);
        assert_false(b.bad);
        nal_bits_u(&b, 1);
        assert_true(b.bad);
        b = nal_bits_of(LITERAL("\x12\x34"));
        assert_int_equal(nal_bits_u(&b, 4), 1);
        assert_int_equal(nal_bits_u(&b, 8), 0x23);
        nal_bits_skip(&b, 5);
        assert_true(b.bad);
}

int main(void)
{
        const struct CMUnitTest tests[] = { cmocka_unit_test(lengths),
                cmocka_unit_test(start_codes), cmocka_unit_test(golomb),
                cmocka_unit_test(emulation_prevention) };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
