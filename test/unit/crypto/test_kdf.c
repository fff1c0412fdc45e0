/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Expected values: RFC 5869 appendix A (HKDF), RFC 4231 section 4 (HMAC). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"
#include "crypto/kdf.h"

struct hex {
        uint8_t p[256];
        size_t n;
};

static struct bytes unhex(struct hex *h, const char *s)
{
        h->n = strlen(s) / 2;
        assert_int_equal(str_unhex(h->p, h->n, s, NULL), 0);
        return BYTES(h->p, h->n);
}

static void hkdf_case(const char *ikm, const char *salt, const char *info, const char *okm)
{
        struct hex a, b, c, want;
        uint8_t got[128];

        unhex(&want, okm);
        kdf_hkdf_sha256(unhex(&a, ikm), unhex(&b, salt), unhex(&c, info), got, want.n);
        assert_memory_equal(got, want.p, want.n);
}

static void hkdf_rfc5869(void **state)
{
        (void)state;
        hkdf_case("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "000102030405060708090a0b0c",
                "f0f1f2f3f4f5f6f7f8f9",
                "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b8871858"
                "65");
        hkdf_case("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f2021222324252627"
                  "28292a2b2c2d2e2f"
                  "303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4e4f",
                "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f808182838485868788"
                "898a8b8c8d8e8f"
                "909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
                "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8"
                "d9dadbdcdddedf"
                "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
                "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271"
                "cb41c65e590e09"
                "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87");
        hkdf_case("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "", "",
                "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96"
                "c8");
}

/* The longest output: 255 blocks, and its beginning is the short one's. */
static void hkdf_longest(void **state)
{
        uint8_t *all = xcalloc(1, KDF_HKDF_MAX), little[33];

        (void)state;
        kdf_hkdf_sha256(
                bytes_str("secret"), bytes_str("salt"), bytes_str("info"), all, KDF_HKDF_MAX);
        kdf_hkdf_sha256(
                bytes_str("secret"), bytes_str("salt"), bytes_str("info"), little, sizeof little);
        assert_memory_equal(all, little, sizeof little);
        assert_memory_not_equal(all + KDF_HKDF_MAX - 32, all + KDF_HKDF_MAX - 64, 32);
        own_freep(&all);
}

static void hmac_case(const char *key, const char *message, const char *mac)
{
        struct hex k, m, want;
        uint8_t got[32];

        unhex(&k, key);
        unhex(&m, message);
        unhex(&want, mac);
        kdf_hmac_sha256(BYTES(k.p, k.n), BYTES(m.p, m.n), got);
        assert_memory_equal(got, want.p, 32);
        struct bytes parts[] = { BYTES(m.p, 3), BYTES(NULL, 0), BYTES(m.p + 3, m.n - 3) };
        memset(got, 0, sizeof got);
        kdf_hmac_sha256_parts(BYTES(k.p, k.n), parts, ARRAY_LEN(parts), got);
        assert_memory_equal(got, want.p, 32);
}

static void hmac_rfc4231(void **state)
{
        char long_key[2 * 131 + 1];

        (void)state;
        memset(long_key, 'a', 262);
        long_key[262] = '\0';
        hmac_case("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
        hmac_case("4a656665", "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
        hmac_case(long_key,
                "54657374205573696e67204c6172676572205468616e20426c6f636b2d53697a65204b6579202d2048"
                "617368204b6579204669727374",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(hkdf_rfc5869),
                cmocka_unit_test(hkdf_longest),
                cmocka_unit_test(hmac_rfc4231),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
