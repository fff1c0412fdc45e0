/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Expected value: `openssl enc -aes-128-ctr -K 000102030405060708090a0b0c0d0e0f -iv
 * f0f1f2f3f4f5f6f70000000000000000` over the bytes 00 to 63 (hex).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"
#include "crypto/cipher.h"

static const char expected_hex[] =
        "1764b0bca000f35d04be47e4dd214fb066017d04e2ed545421576c9a85a74d948aab8d8bd45af50b5187f3b097"
        "7b35e2cbe0f76b85f78bf4"
        "27154481d39427913056e77c9c028b54f3cce8be6c10e47c92b4e0f8b7933dce62575a8bd870311d0f16c534";

#define TEXT 100
#define IV 0xf0f1f2f3f4f5f6f7u

static struct cipher *fixture(uint8_t plain[TEXT], uint8_t expected[TEXT])
{
        uint8_t key[CIPHER_KEY_BYTES];

        for (unsigned i = 0; i < TEXT; i++)
                plain[i] = (uint8_t)i;
        for (unsigned i = 0; i < sizeof key; i++)
                key[i] = (uint8_t)i;
        assert_int_equal(str_unhex(expected, TEXT, expected_hex, NULL), 0);
        return cipher_new(key);
}

static void as_openssl(void **state)
{
        uint8_t plain[TEXT], expected[TEXT], out[TEXT];
        struct cipher *c = fixture(plain, expected);

        (void)state;
        for (unsigned round = 0; round < 3; round++) {
                cipher_start(c, IV);
                cipher_apply(c, plain, out, TEXT);
                assert_memory_equal(out, expected, TEXT);
        }
        cipher_start(c, IV + 1);
        cipher_apply(c, plain, out, TEXT);
        assert_memory_not_equal(out, expected, 16);
        cipher_freep(&c);
}

/* In pieces of every size, as subsamples come, out of place and in place. */
static void in_pieces(void **state)
{
        uint8_t plain[TEXT], expected[TEXT], out[TEXT];
        struct cipher *c = fixture(plain, expected);

        (void)state;
        for (size_t piece = 1; piece <= TEXT; piece++) {
                memset(out, 0, sizeof out);
                cipher_start(c, IV);
                for (size_t at = 0; at < TEXT; at += piece) {
                        size_t n = TEXT - at < piece ? TEXT - at : piece;
                        cipher_apply(c, plain + at, out + at, n);
                }
                assert_memory_equal(out, expected, TEXT);
                cipher_start(c, IV);
                cipher_apply(c, out, out, piece);
                cipher_apply(c, out + piece, out + piece, TEXT - piece);
                assert_memory_equal(out, plain, TEXT);
        }
        cipher_freep(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(as_openssl),
                cmocka_unit_test(in_pieces),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
