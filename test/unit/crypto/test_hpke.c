/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Expected values: RFC 9180 appendix A.3.1 (the same KEM and KDF with AES-128-GCM; the source is
 * included so that its ephemeral key can be given), and for AES-256-GCM a text sealed by another
 * implementation (pyhpke 0.6).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/str.h"
#include "crypto/hpke.c"

static const struct hpke_aead aes_128_gcm = { 0x0001, "AES-128-GCM", 16 };

static const char rfc_private[] =
        "f3ce7fdae57e1a310d87f1ebbde6f328be0a99cdbcadf4d6589cf29de4b8ffd2";
static const char rfc_public[] =
        "04fe8c19ce0905191ebc298a9245792531f26f0cece2460639e8bc39cb7f706a826a779b4cf969b8a0e539c7f"
        "62fb3d30ad6aa8f80e30f1d128aafd68a2ce72ea0";
static const char rfc_ephemeral[] =
        "4995788ef4b9d6132b249ce59a77281493eb39af373d236a1fe415cb0c2d7beb";
static const char rfc_enc[] = "04a92719c6195d5085104f469a8b9814d5838ff72b60501e2c4466e5e67b325ac985"
                              "36d7b61a1af4b78e5b7f951c"
                              "0900be863c403ce65c9bfcb9382657222d18c4";
static const char rfc_ct[] = "5ad590bb8baa577f8619db35a36311226a896e7342a6d836d8b7bcd2f20b6c7f9076a"
                             "c232e3ab2523f39513434";
static const char rfc_info[] = "Ode on a Grecian Urn";
static const char rfc_plain[] = "Beauty is truth, truth beauty";

static void unhex(uint8_t *to, size_t n, const char *s)
{
        assert_int_equal(str_unhex(to, n, s, NULL), 0);
}

static void rfc9180_vector(void **state)
{
        uint8_t private_key[32], public_key[65], ephemeral[32], enc[65], want_enc[65], ct[45],
                want_ct[45], plain[29];

        (void)state;
        unhex(private_key, 32, rfc_private);
        unhex(ephemeral, 32, rfc_ephemeral);
        unhex(want_enc, 65, rfc_enc);
        unhex(want_ct, 45, rfc_ct);
        assert_int_equal(hpke_public_of(private_key, public_key, NULL), 0);
        uint8_t want_public[65];
        unhex(want_public, 65, rfc_public);
        assert_memory_equal(public_key, want_public, 65);

        assert_int_equal(hpke_seal_from(&aes_128_gcm, ephemeral, public_key, bytes_str(rfc_info),
                                 bytes_str("Count-0"), bytes_str(rfc_plain), enc, ct, NULL),
                0);
        assert_memory_equal(enc, want_enc, 65);
        assert_memory_equal(ct, want_ct, 45);
        assert_int_equal(hpke_open_with(&aes_128_gcm, private_key, enc, bytes_str(rfc_info),
                                 bytes_str("Count-0"), BYTES(ct, 45), plain, NULL),
                0);
        assert_memory_equal(plain, rfc_plain, 29);
}

static void rfc9180_schedule(void **state)
{
        uint8_t shared[32], want[32];
        struct hpke_context k;

        (void)state;
        unhex(shared, 32, "c0d26aeab536609a572b07695d933b589dcf363ff9d93c93adea537aeabb8cb8");
        hpke_schedule(&aes_128_gcm, shared, bytes_str(rfc_info), &k);
        unhex(want, 16, "868c066ef58aae6dc589b6cfdd18f97e");
        assert_memory_equal(k.key, want, 16);
        unhex(want, 12, "4e0bc5018beba4bf004cca59");
        assert_memory_equal(k.nonce, want, 12);
}

/* Sealed by pyhpke with DHKEM(P-256), HKDF-SHA256, AES-256-GCM to the RFC's recipient key. */
static void other_implementation(void **state)
{
        static const char info[] = "custos-hour-key-1";
        static const char aad[] = "lobby-3-main\n2026-11-22T17\n000102030405060708090a0b0c0d0e0f";
        uint8_t private_key[32], enc[65], ct[48], plain[32];

        (void)state;
        unhex(private_key, 32, rfc_private);
        unhex(enc, 65,
                "04697f6367b4c59c8df56e63f49cdcbabe0502c2dc1eeae7782118b2ada5ae63cb21c160330338610e"
                "5b3efdebce3d22d592c7f8b30c27"
                "151e62fc25a9663ee48b");
        unhex(ct, 48,
                "61295afe869779a82fa6875c55d620b7b274a512cf22fd274bb618acaecec6943462a44e8a5b26b284"
                "8fa392efc0e170");
        assert_int_equal(hpke_open(private_key, enc, bytes_str(info), bytes_str(aad), BYTES(ct, 48),
                                 plain, NULL),
                0);
        for (unsigned i = 0; i < 32; i++)
                assert_int_equal(plain[i], i);
}

struct sealed {
        uint8_t private_key[32], public_key[65], enc[65], ct[32 + HPKE_TAG_BYTES];
};

static struct sealed seal_one(void)
{
        struct sealed s;

        hpke_generate(s.private_key, s.public_key);
        assert_int_equal(hpke_seal(s.public_key, bytes_str("info"), bytes_str("aad"),
                                 bytes_str("0123456789abcdef0123456789abcdef"), s.enc, s.ct, NULL),
                0);
        return s;
}

static int open_one(
        const struct sealed *s, const char *info, const char *aad, size_t n, uint8_t *plain)
{
        struct err e;
        int r = hpke_open(s->private_key, s->enc, bytes_str(info), bytes_str(aad), BYTES(s->ct, n),
                plain, &e);

        if (r < 0)
                assert_true(e.code == r && strlen(e.text) > 10);
        return r;
}

static void round_trip_and_refusals(void **state)
{
        uint8_t plain[32] = { 0 }, zeros[32] = { 0 }, unused[65];
        struct sealed s = seal_one(), other = seal_one();

        (void)state;
        assert_memory_not_equal(s.enc, other.enc, 65);
        assert_int_equal(open_one(&s, "info2", "aad", 48, plain), ERR_AUTH);
        assert_int_equal(open_one(&s, "info", "aad2", 48, plain), ERR_AUTH);
        assert_int_equal(open_one(&s, "info", "aad", 47, plain), ERR_AUTH);
        assert_int_equal(open_one(&s, "info", "aad", 15, plain), ERR_INVALID);
        for (unsigned i = 0; i < 48; i++) {
                struct sealed bad = s;
                bad.ct[i] ^= 1;
                assert_int_equal(open_one(&bad, "info", "aad", 48, plain), ERR_AUTH);
        }
        for (unsigned i = 0; i < 65; i++) {
                struct sealed bad = s;
                bad.enc[i] ^= 1;
                assert_int_equal(open_one(&bad, "info", "aad", 48, plain), ERR_INVALID);
        }
        struct sealed foreign = s;
        memcpy(foreign.private_key, other.private_key, 32);
        assert_int_equal(open_one(&foreign, "info", "aad", 48, plain), ERR_AUTH);
        assert_memory_equal(plain, zeros, 32); /* nothing reached the caller so far */
        assert_int_equal(open_one(&s, "info", "aad", 48, plain), 0);
        assert_memory_equal(plain, "0123456789abcdef0123456789abcdef", 32);

        memset(plain, 0xff, 32); /* past the order */
        assert_int_equal(hpke_public_of(zeros, unused, NULL), ERR_INVALID);
        assert_int_equal(hpke_public_of(plain, unused, NULL), ERR_INVALID);
        uint8_t enc[65], ct[16];
        s.public_key[64] ^= 1;
        assert_int_equal(hpke_seal(s.public_key, BYTES(NULL, 0), BYTES(NULL, 0), BYTES(NULL, 0),
                                 enc, ct, NULL),
                ERR_INVALID);
}

static void empty_texts(void **state)
{
        uint8_t private_key[32], public_key[65], enc[65], ct[16], plain[1];
        struct bytes none = BYTES(NULL, 0);

        (void)state;
        hpke_generate(private_key, public_key);
        assert_int_equal(hpke_seal(public_key, none, none, none, enc, ct, NULL), 0);
        assert_int_equal(hpke_open(private_key, enc, none, none, BYTES(ct, 16), plain, NULL), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(rfc9180_vector),
                cmocka_unit_test(rfc9180_schedule),
                cmocka_unit_test(other_implementation),
                cmocka_unit_test(round_trip_and_refusals),
                cmocka_unit_test(empty_texts),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
