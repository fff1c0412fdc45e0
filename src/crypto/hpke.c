/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/hpke.h"

#include "crypto/kdf.h"
#include "crypto/ossl.h"

#define HPKE_HASH_BYTES 32
#define HPKE_KEM_ID 0x0010 /* DHKEM(P-256, HKDF-SHA256), RFC 9180 section 7.1 */
#define HPKE_KDF_ID 0x0001 /* HKDF-SHA256 */
#define HPKE_NONCE_BYTES 12
#define HPKE_TEXT_MAX ((size_t)1 << 20)

/* The suite differs only in its AEAD, so that the published vectors of another AEAD test the
 * schedule too. */
struct hpke_aead {
        uint16_t id;
        const char *cipher;
        size_t key_bytes;
};

static const struct hpke_aead hpke_aes_256_gcm = { 0x0002, "AES-256-GCM", 32 };

struct hpke_context {
        uint8_t key[HPKE_HASH_BYTES];
        uint8_t nonce[HPKE_NONCE_BYTES];
};

/* LabeledExtract, RFC 9180 section 4. */
static void hpke_extract(struct bytes suite, struct bytes salt, const char *label, struct bytes ikm,
        uint8_t ret[static HPKE_HASH_BYTES])
{
        struct bytes parts[] = { bytes_str("HPKE-v1"), suite, bytes_str(label), ikm };

        kdf_hmac_sha256_parts(salt, parts, ARRAY_LEN(parts), ret);
}

/* LabeledExpand, section 4, for at most one block of the hash: all that this suite asks for. */
static void hpke_expand(struct bytes suite, const uint8_t prk[static HPKE_HASH_BYTES],
        const char *label, struct bytes info, uint8_t *ret, size_t n)
{
        uint8_t length[2] = { 0, (uint8_t)n }, one = 1, block[HPKE_HASH_BYTES];
        struct bytes parts[] = { BYTES(length, 2), bytes_str("HPKE-v1"), suite, bytes_str(label),
                info, BYTES(&one, 1) };

        kdf_hmac_sha256_parts(BYTES(prk, HPKE_HASH_BYTES), parts, ARRAY_LEN(parts), block);
        memcpy(ret, block, n);
        explicit_bzero(block, sizeof block);
}

/* ExtractAndExpand, section 4.1, over the DH result and kem_context = enc | recipient. */
static void hpke_shared_secret(const uint8_t dh[static 32],
        const uint8_t enc[static HPKE_PUBLIC_BYTES],
        const uint8_t recipient[static HPKE_PUBLIC_BYTES], uint8_t ret[static HPKE_HASH_BYTES])
{
        static const uint8_t suite_id[] = { 'K', 'E', 'M', HPKE_KEM_ID >> 8, HPKE_KEM_ID & 255 };
        struct bytes suite = BYTES(suite_id, sizeof suite_id);
        uint8_t prk[HPKE_HASH_BYTES], context[2 * HPKE_PUBLIC_BYTES];

        memcpy(context, enc, HPKE_PUBLIC_BYTES);
        memcpy(context + HPKE_PUBLIC_BYTES, recipient, HPKE_PUBLIC_BYTES);
        hpke_extract(suite, BYTES(NULL, 0), "eae_prk", BYTES(dh, 32), prk);
        hpke_expand(
                suite, prk, "shared_secret", BYTES(context, sizeof context), ret, HPKE_HASH_BYTES);
        explicit_bzero(prk, sizeof prk);
}

/* KeySchedule for mode_base, section 5.1. */
static void hpke_schedule(const struct hpke_aead *aead,
        const uint8_t shared[static HPKE_HASH_BYTES], struct bytes info, struct hpke_context *ret)
{
        uint8_t suite_id[] = { 'H', 'P', 'K', 'E', HPKE_KEM_ID >> 8, HPKE_KEM_ID & 255,
                HPKE_KDF_ID >> 8, HPKE_KDF_ID & 255, (uint8_t)(aead->id >> 8), (uint8_t)aead->id };
        struct bytes suite = BYTES(suite_id, sizeof suite_id), none = BYTES(NULL, 0);
        uint8_t context[1 + 2 * HPKE_HASH_BYTES] = { 0 }, secret[HPKE_HASH_BYTES];

        hpke_extract(suite, none, "psk_id_hash", none, context + 1);
        hpke_extract(suite, none, "info_hash", info, context + 1 + HPKE_HASH_BYTES);
        hpke_extract(suite, BYTES(shared, HPKE_HASH_BYTES), "secret", none, secret);
        hpke_expand(
                suite, secret, "key", BYTES(context, sizeof context), ret->key, aead->key_bytes);
        hpke_expand(suite, secret, "base_nonce", BYTES(context, sizeof context), ret->nonce,
                HPKE_NONCE_BYTES);
        explicit_bzero(secret, sizeof secret);
}

/* The one sealed text of a context has sequence 0, so its nonce is the base nonce (section 5.2). */
static void hpke_aead_seal(const struct hpke_aead *aead, const struct hpke_context *k,
        struct bytes aad, struct bytes plain, uint8_t *ret_ct)
{
        EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, aead->cipher, NULL);
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        int n = 0, rest = 0;

        bool ok =
                gcm && ctx && EVP_EncryptInit_ex2(ctx, gcm, k->key, k->nonce, NULL) == 1 &&
                (aad.n == 0 || EVP_EncryptUpdate(ctx, NULL, &n, aad.p, (int)aad.n) == 1) &&
                (plain.n == 0 || EVP_EncryptUpdate(ctx, ret_ct, &n, plain.p, (int)plain.n) == 1) &&
                EVP_EncryptFinal_ex(ctx, ret_ct + plain.n, &rest) == 1 &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, HPKE_TAG_BYTES, ret_ct + plain.n) ==
                        1;
        ossl_must(ok, "AES-GCM");
        EVP_CIPHER_CTX_free(ctx);
        EVP_CIPHER_free(gcm);
}

static bool hpke_aead_open(const struct hpke_aead *aead, const struct hpke_context *k,
        struct bytes aad, struct bytes ct, uint8_t *ret_plain)
{
        EVP_CIPHER *gcm = EVP_CIPHER_fetch(NULL, aead->cipher, NULL);
        EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
        struct bytes body = bytes_sub(ct, 0, ct.n - HPKE_TAG_BYTES);
        uint8_t tag[HPKE_TAG_BYTES];
        int n = 0, rest = 0;

        memcpy(tag, ct.p + body.n, sizeof tag);
        bool ok =
                gcm && ctx && EVP_DecryptInit_ex2(ctx, gcm, k->key, k->nonce, NULL) == 1 &&
                (aad.n == 0 || EVP_DecryptUpdate(ctx, NULL, &n, aad.p, (int)aad.n) == 1) &&
                (body.n == 0 || EVP_DecryptUpdate(ctx, ret_plain, &n, body.p, (int)body.n) == 1) &&
                EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, sizeof tag, tag) == 1;
        ossl_must(ok, "AES-GCM");
        bool good = EVP_DecryptFinal_ex(ctx, ret_plain + body.n, &rest) == 1;
        EVP_CIPHER_CTX_free(ctx);
        EVP_CIPHER_free(gcm);
        ERR_clear_error();
        return good;
}

/* Public from private by the group's generator; false when the scalar is not in [1, n - 1]. */
static bool hpke_multiply(
        const uint8_t private_key[static HPKE_PRIVATE_BYTES], uint8_t ret[static HPKE_PUBLIC_BYTES])
{
        EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
        BIGNUM *d = BN_secure_new();
        EC_POINT *point = group ? EC_POINT_new(group) : NULL;
        bool ok = false;

        ossl_must(point && d && BN_bin2bn(private_key, HPKE_PRIVATE_BYTES, d), "P-256");
        BN_set_flags(d, BN_FLG_CONSTTIME);
        if (!BN_is_zero(d) && BN_cmp(d, EC_GROUP_get0_order(group)) < 0) {
                ok = true;
                ossl_must(EC_POINT_mul(group, point, d, NULL, NULL, NULL) == 1 &&
                                  EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED,
                                          ret, HPKE_PUBLIC_BYTES, NULL) == HPKE_PUBLIC_BYTES,
                        "P-256");
        }
        EC_POINT_free(point);
        BN_clear_free(d);
        EC_GROUP_free(group);
        return ok;
}

/* private_key may be NULL. NULL when the point is not on the curve. */
static EVP_PKEY *hpke_key(
        const uint8_t *private_key, const uint8_t public_key[static HPKE_PUBLIC_BYTES])
{
        OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
        BIGNUM *d = private_key ? BN_secure_new() : NULL;
        EVP_PKEY *pkey = NULL;

        bool ok = build && ctx &&
                  OSSL_PARAM_BLD_push_utf8_string(
                          build, OSSL_PKEY_PARAM_GROUP_NAME, SN_X9_62_prime256v1, 0) == 1 &&
                  OSSL_PARAM_BLD_push_octet_string(
                          build, OSSL_PKEY_PARAM_PUB_KEY, public_key, HPKE_PUBLIC_BYTES) == 1;
        if (ok && private_key)
                ok = d && BN_bin2bn(private_key, HPKE_PRIVATE_BYTES, d) &&
                     OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1;
        OSSL_PARAM *params = ok ? OSSL_PARAM_BLD_to_param(build) : NULL;
        ossl_must(params && EVP_PKEY_fromdata_init(ctx) == 1, "P-256");
        if (EVP_PKEY_fromdata(
                    ctx, &pkey, private_key ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
                pkey = NULL;
        OSSL_PARAM_free(params);
        OSSL_PARAM_BLD_free(build);
        BN_clear_free(d);
        EVP_PKEY_CTX_free(ctx);
        ERR_clear_error();
        return pkey;
}

/* ECDH; set_peer validates the peer's point (section 7.1.4). */
static int hpke_dh(EVP_PKEY *own, const uint8_t peer_bytes[static HPKE_PUBLIC_BYTES],
        uint8_t ret[static 32], struct err *e)
{
        CLEANUP(ossl_pkeyp) EVP_PKEY *peer = NULL;
        size_t n = 32;

        if (peer_bytes[0] == POINT_CONVERSION_UNCOMPRESSED)
                peer = hpke_key(NULL, peer_bytes);
        if (!peer)
                return err_set(e, ERR_INVALID, "not an uncompressed point of P-256");
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
        ossl_must(ctx && EVP_PKEY_derive_init(ctx) == 1, "ECDH");
        int r = 0;
        if (EVP_PKEY_derive_set_peer(ctx, peer) != 1 || EVP_PKEY_derive(ctx, ret, &n) != 1 ||
                n != 32)
                r = ossl_err(e, ERR_INVALID, "ECDH on P-256");
        EVP_PKEY_CTX_free(ctx);
        return r;
}

static int hpke_own_key(const uint8_t private_key[static HPKE_PRIVATE_BYTES],
        uint8_t ret_public[static HPKE_PUBLIC_BYTES], EVP_PKEY **ret, struct err *e)
{
        if (!hpke_multiply(private_key, ret_public))
                return err_set(e, ERR_INVALID,
                        "not a private key of P-256 (zero, or past the group's order)");
        *ret = hpke_key(private_key, ret_public);
        ossl_must(*ret != NULL, "P-256");
        return 0;
}

void hpke_generate(uint8_t ret_private[static HPKE_PRIVATE_BYTES],
        uint8_t ret_public[static HPKE_PUBLIC_BYTES])
{
        BIGNUM *d = NULL;

        ossl_begin();
        EVP_PKEY *pkey = EVP_EC_gen(SN_X9_62_prime256v1);
        ossl_must(pkey && EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1 &&
                          BN_bn2binpad(d, ret_private, HPKE_PRIVATE_BYTES) == HPKE_PRIVATE_BYTES &&
                          hpke_multiply(ret_private, ret_public),
                "making a P-256 key");
        BN_clear_free(d);
        EVP_PKEY_free(pkey);
}

int hpke_public_of(const uint8_t private_key[static HPKE_PRIVATE_BYTES],
        uint8_t ret_public[static HPKE_PUBLIC_BYTES], struct err *e)
{
        ossl_begin();
        if (!hpke_multiply(private_key, ret_public))
                return err_set(e, ERR_INVALID,
                        "not a private key of P-256 (zero, or past the group's order)");
        return 0;
}

static int hpke_check_sizes(struct bytes info, struct bytes aad, size_t text_n, struct err *e)
{
        if (info.n > HPKE_TEXT_MAX || aad.n > HPKE_TEXT_MAX || text_n > HPKE_TEXT_MAX)
                return err_set(e, ERR_EXHAUSTED, "HPKE: more than %zu bytes", HPKE_TEXT_MAX);
        return 0;
}

/* The sender's side with its ephemeral key given, as the published vectors need it. */
static int hpke_seal_from(const struct hpke_aead *aead,
        const uint8_t ephemeral[static HPKE_PRIVATE_BYTES],
        const uint8_t recipient[static HPKE_PUBLIC_BYTES], struct bytes info, struct bytes aad,
        struct bytes plain, uint8_t ret_enc[static HPKE_PUBLIC_BYTES], uint8_t *ret_ct,
        struct err *e)
{
        CLEANUP(ossl_pkeyp) EVP_PKEY *own = NULL;
        uint8_t enc[HPKE_PUBLIC_BYTES], dh[32], shared[HPKE_HASH_BYTES];
        struct hpke_context k;

        int r = hpke_own_key(ephemeral, enc, &own, e);
        if (r == 0)
                r = hpke_dh(own, recipient, dh, e);
        if (r < 0)
                return r;
        hpke_shared_secret(dh, enc, recipient, shared);
        hpke_schedule(aead, shared, info, &k);
        hpke_aead_seal(aead, &k, aad, plain, ret_ct);
        memcpy(ret_enc, enc, sizeof enc);
        explicit_bzero(dh, sizeof dh);
        explicit_bzero(shared, sizeof shared);
        explicit_bzero(&k, sizeof k);
        return 0;
}

static int hpke_open_with(const struct hpke_aead *aead,
        const uint8_t private_key[static HPKE_PRIVATE_BYTES],
        const uint8_t enc[static HPKE_PUBLIC_BYTES], struct bytes info, struct bytes aad,
        struct bytes ct, uint8_t *plain, struct err *e)
{
        CLEANUP(ossl_pkeyp) EVP_PKEY *own = NULL;
        uint8_t public_key[HPKE_PUBLIC_BYTES], dh[32], shared[HPKE_HASH_BYTES];
        struct hpke_context k;

        int r = hpke_own_key(private_key, public_key, &own, e);
        if (r == 0)
                r = hpke_dh(own, enc, dh, e);
        if (r < 0)
                return r;
        hpke_shared_secret(dh, enc, public_key, shared);
        hpke_schedule(aead, shared, info, &k);
        bool good = hpke_aead_open(aead, &k, aad, ct, plain);
        explicit_bzero(dh, sizeof dh);
        explicit_bzero(shared, sizeof shared);
        explicit_bzero(&k, sizeof k);
        if (!good)
                return err_set(e, ERR_AUTH,
                        "the wrapped bytes do not open: made for another key or purpose, or "
                        "changed");
        return 0;
}

int hpke_seal(const uint8_t recipient[static HPKE_PUBLIC_BYTES], struct bytes info,
        struct bytes aad, struct bytes plain, uint8_t ret_enc[static HPKE_PUBLIC_BYTES],
        uint8_t *ret_ct, struct err *e)
{
        uint8_t ephemeral[HPKE_PRIVATE_BYTES], unused[HPKE_PUBLIC_BYTES];

        int r = hpke_check_sizes(info, aad, plain.n, e);
        if (r < 0)
                return r;
        hpke_generate(ephemeral, unused);
        r = hpke_seal_from(
                &hpke_aes_256_gcm, ephemeral, recipient, info, aad, plain, ret_enc, ret_ct, e);
        explicit_bzero(ephemeral, sizeof ephemeral);
        return r;
}

int hpke_open(const uint8_t private_key[static HPKE_PRIVATE_BYTES],
        const uint8_t enc[static HPKE_PUBLIC_BYTES], struct bytes info, struct bytes aad,
        struct bytes ct, uint8_t *ret_plain, struct err *e)
{
        ossl_begin();
        ERR_clear_error();
        if (ct.n < HPKE_TAG_BYTES)
                return err_set(e, ERR_INVALID, "%zu wrapped bytes, at least %d expected", ct.n,
                        HPKE_TAG_BYTES);
        int r = hpke_check_sizes(info, aad, ct.n, e);
        if (r < 0)
                return r;
        /* Into scratch first: what was not authenticated never reaches the caller. */
        size_t n = ct.n - HPKE_TAG_BYTES;
        uint8_t *plain = xcalloc(1, n + HPKE_TAG_BYTES);
        r = hpke_open_with(&hpke_aes_256_gcm, private_key, enc, info, aad, ct, plain, e);
        if (r == 0 && n > 0)
                memcpy(ret_plain, plain, n);
        OPENSSL_cleanse(plain, n);
        own_freep(&plain);
        return r;
}
