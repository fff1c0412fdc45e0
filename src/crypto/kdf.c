/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/kdf.h"

#include <assert.h>

#include "crypto/ossl.h"

#define KDF_BLOCK 32

void kdf_hmac_sha256_parts(
        struct bytes key, const struct bytes *parts, size_t parts_n, uint8_t ret[static 32])
{
        static const uint8_t none[1] = { 0 };
        char digest[] = "SHA256";
        OSSL_PARAM params[] = {
                OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                OSSL_PARAM_construct_end(),
        };
        size_t n = 0;

        ossl_begin();
        EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
        EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
        /* A NULL key would mean "as last time" to OpenSSL; an empty one is a key. */
        ossl_must(ctx && EVP_MAC_init(ctx, key.n ? key.p : none, key.n, params) == 1, "HMAC");
        for (size_t i = 0; i < parts_n; i++)
                ossl_must(EVP_MAC_update(ctx, parts[i].p, parts[i].n) == 1, "HMAC");
        ossl_must(EVP_MAC_final(ctx, ret, &n, KDF_BLOCK) == 1 && n == KDF_BLOCK, "HMAC");
        EVP_MAC_CTX_free(ctx);
        EVP_MAC_free(mac);
}

void kdf_hmac_sha256(struct bytes key, struct bytes message, uint8_t ret[static 32])
{
        kdf_hmac_sha256_parts(key, &message, 1, ret);
}

void kdf_hkdf_sha256(struct bytes ikm, struct bytes salt, struct bytes info, uint8_t *ret, size_t n)
{
        uint8_t prk[KDF_BLOCK], block[KDF_BLOCK];
        size_t block_n = 0;

        assert(n <= KDF_HKDF_MAX);
        kdf_hmac_sha256(salt, ikm, prk);
        for (uint8_t i = 1; n > 0; i++) {
                struct bytes parts[] = { BYTES(block, block_n), info, BYTES(&i, 1) };
                kdf_hmac_sha256_parts(BYTES(prk, sizeof prk), parts, ARRAY_LEN(parts), block);
                block_n = n < KDF_BLOCK ? n : KDF_BLOCK;
                memcpy(ret, block, block_n);
                ret += block_n;
                n -= block_n;
        }
        explicit_bzero(prk, sizeof prk);
        explicit_bzero(block, sizeof block);
}
