/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/sign.h"

#include <stdlib.h>

#include "crypto/hash.h"
#include "crypto/ossl.h"
#include "crypto/tpm.h"

/* Hash, key operation and id are made once: a recorder makes hundreds of signatures a second, each
 * of which names its signer, and encoding a key costs more than a signature. */
struct sign_key {
        EVP_PKEY *pkey; /* of one in a TPM the public half */
        EVP_PKEY_CTX *ctx;
        struct hash *hash;
        uint8_t id[32];
        struct buf tpm_pem; /* empty: the key itself is here */
        struct tpm *tpm;    /* NULL: away says why */
        struct err away;
};

struct verify_key {
        EVP_PKEY *pkey;
        EVP_PKEY_CTX *ctx;
        struct hash *hash;
        uint8_t id[32];
};

/* P-256 by name: the curve given by its parameters could be another one that looks alike. */
static bool sign_is_p256(const EVP_PKEY *pkey)
{
        char group[32] = "", encoding[32] = "";

        return EVP_PKEY_is_a(pkey, "EC") &&
               EVP_PKEY_get_utf8_string_param(
                       pkey, OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof group, NULL) == 1 &&
               EVP_PKEY_get_utf8_string_param(
                       pkey, OSSL_PKEY_PARAM_EC_ENCODING, encoding, sizeof encoding, NULL) == 1 &&
               strcmp(group, SN_X9_62_prime256v1) == 0 &&
               strcmp(encoding, OSSL_PKEY_EC_ENCODING_GROUP) == 0;
}

static void sign_id(EVP_PKEY *pkey, uint8_t ret[static 32])
{
        unsigned char *der = NULL;
        int n = i2d_PUBKEY(pkey, &der);

        ossl_must(n > 0, "encoding a public key");
        hash_once(BYTES(der, (size_t)n), ret);
        OPENSSL_free(der);
}

/* Takes pkey. */
static struct sign_key *sign_key_of(EVP_PKEY *pkey)
{
        struct sign_key *k = xcalloc(1, sizeof *k);

        k->pkey = pkey;
        k->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
        k->hash = hash_new();
        buf_init(&k->tpm_pem, TPM_PEM_MAX);
        ossl_must(k->ctx && EVP_PKEY_sign_init(k->ctx) == 1, "ECDSA");
        sign_id(pkey, k->id);
        return k;
}

int sign_key_of_tpm(struct tpm *tpm, const struct err *why, struct bytes pem, struct bytes spki_der,
        struct sign_key **ret, struct err *e)
{
        CLEANUP(ossl_pkeyp) EVP_PKEY *public_half = NULL;

        ossl_begin();
        public_half = ossl_spki(spki_der, e);
        if (!public_half)
                return ERR_INVALID;
        if (!sign_is_p256(public_half))
                return err_set(e, ERR_INVALID, "the TPM's key is not on the curve P-256");
        struct sign_key *k = xcalloc(1, sizeof *k);
        buf_init(&k->tpm_pem, TPM_PEM_MAX);
        int r = buf_append(&k->tpm_pem, pem, e);
        if (r < 0) {
                buf_done(&k->tpm_pem);
                free(k);
                return r;
        }
        k->pkey = TAKE(public_half);
        k->hash = hash_new();
        sign_id(k->pkey, k->id);
        k->tpm = tpm;
        if (why)
                k->away = *why;
        *ret = k;
        return 0;
}

struct sign_key *sign_key_generate(void)
{
        ossl_begin();
        EVP_PKEY *pkey = EVP_EC_gen(SN_X9_62_prime256v1);

        ossl_must(pkey != NULL, "making a P-256 key");
        return sign_key_of(pkey);
}

/* The DER inside the first PEM block, which must be a "PRIVATE KEY"; owned by the caller, who wipes
 * it. */
static int sign_pem_der(struct bytes pem, unsigned char **ret, long *ret_n, struct err *e)
{
        char *name = NULL, *header = NULL;
        unsigned char *der = NULL;
        long n = 0;
        int r = 0;

        if (pem.n == 0 || pem.n > SIGN_PEM_MAX)
                return err_set(e, ERR_INVALID,
                        "a private key of %zu bytes of PEM, expected 1 to %d", pem.n, SIGN_PEM_MAX);
        BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
        ossl_must(in != NULL, "a memory BIO");
        if (PEM_read_bio(in, &name, &header, &der, &n) != 1)
                r = ossl_err(e, ERR_INVALID, "no private key in PEM");
        else if (strcmp(name, "PRIVATE KEY") != 0)
                r = err_set(e, ERR_INVALID,
                        "the first PEM block is not a PRIVATE KEY (PKCS#8, not encrypted); convert "
                        "with `openssl pkcs8 -topk8 -nocrypt`");
        BIO_free(in);
        OPENSSL_free(name);
        OPENSSL_free(header);
        if (r < 0) {
                OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
                return r;
        }
        *ret = der;
        *ret_n = n;
        return 0;
}

/* A public half that belongs to another private key would make every signature worthless. */
static bool sign_key_whole(EVP_PKEY *pkey)
{
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
        bool ok = ctx && EVP_PKEY_public_check(ctx) == 1 && EVP_PKEY_private_check(ctx) == 1 &&
                  EVP_PKEY_pairwise_check(ctx) == 1;

        EVP_PKEY_CTX_free(ctx);
        return ok;
}

int sign_key_parse(struct bytes pem, struct sign_key **ret, struct err *e)
{
        CLEANUP(ossl_pkeyp) EVP_PKEY *pkey = NULL;
        unsigned char *der = NULL;
        long n = 0;

        ossl_begin();
        ERR_clear_error();
        int r = sign_pem_der(pem, &der, &n, e);
        if (r < 0)
                return r;
        const unsigned char *at = der;
        PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, n);
        pkey = info ? EVP_PKCS82PKEY(info) : NULL;
        PKCS8_PRIV_KEY_INFO_free(info);
        OPENSSL_clear_free(der, (size_t)n);
        if (!pkey)
                return ossl_err(e, ERR_INVALID, "not a private key in PKCS#8");
        if (!sign_is_p256(pkey))
                return ossl_err(e, ERR_INVALID, "the private key is not on the curve P-256");
        if (!sign_key_whole(pkey))
                return ossl_err(e, ERR_INVALID, "private and public half do not belong together");
        *ret = sign_key_of(TAKE(pkey));
        return 0;
}

int sign_key_format(const struct sign_key *k, struct buf *out, struct err *e)
{
        const uint8_t *text = NULL;

        if (k->tpm_pem.n)
                return buf_append(out, buf_bytes(&k->tpm_pem), e);
        BIO *bio = BIO_new(BIO_s_secmem());

        ossl_must(
                bio && PEM_write_bio_PKCS8PrivateKey(bio, k->pkey, NULL, NULL, 0, NULL, NULL) == 1,
                "writing a private key");
        long n = BIO_get_mem_data(bio, (void *)&text);
        int r = buf_append(out, BYTES(text, (size_t)n), e);
        BIO_free(bio);
        return r;
}

struct sign_key *sign_key_free(struct sign_key *k)
{
        if (!k)
                return NULL;
        hash_free(k->hash);
        EVP_PKEY_CTX_free(k->ctx);
        EVP_PKEY_free(k->pkey);
        buf_done(&k->tpm_pem);
        free(k);
        return NULL;
}

void sign_key_freep(struct sign_key **k)
{
        sign_key_free(*k);
}

void sign_key_id(const struct sign_key *k, uint8_t ret[static 32])
{
        memcpy(ret, k->id, sizeof k->id);
}

struct evp_pkey_st *sign_key_evp(const struct sign_key *k)
{
        return k->pkey;
}

static void sign_hash(struct hash *hash, struct bytes message, uint8_t ret[static 32])
{
        hash_start(hash);
        hash_update(hash, message);
        hash_finish(hash, ret);
}

int sign_make_der(struct sign_key *k, struct bytes message, struct buf *der, struct err *e)
{
        uint8_t digest[32], made[80];
        size_t n = sizeof made;

        ERR_clear_error();
        sign_hash(k->hash, message, digest);
        if (k->tpm_pem.n && !k->tpm)
                return err_set(
                        e, k->away.code ? k->away.code : ERR_UNAVAILABLE, "%s", k->away.text);
        if (k->tpm_pem.n)
                return tpm_key_sign(k->tpm, buf_bytes(&k->tpm_pem), digest, der, e);
        if (EVP_PKEY_sign(k->ctx, made, &n, digest, sizeof digest) != 1)
                return ossl_err(e, ERR_INTERNAL, "ECDSA P-256 did not sign");
        return buf_append(der, BYTES(made, n), e);
}

int sign_make(
        struct sign_key *k, struct bytes message, uint8_t ret[static SIGN_BYTES], struct err *e)
{
        CLEANUP(buf_done) struct buf der;

        buf_init(&der, 80);
        int r = sign_make_der(k, message, &der, e);
        if (r < 0)
                return r;
        const uint8_t *at = der.p;
        ECDSA_SIG *sig = d2i_ECDSA_SIG(NULL, &at, (long)der.n);
        ossl_must(sig && BN_bn2binpad(ECDSA_SIG_get0_r(sig), ret, 32) == 32 &&
                          BN_bn2binpad(ECDSA_SIG_get0_s(sig), ret + 32, 32) == 32,
                "taking a signature apart");
        ECDSA_SIG_free(sig);
        return 0;
}

/* Takes pkey. spki NULL: the encoding OpenSSL makes of pkey. */
static struct verify_key *verify_key_of(EVP_PKEY *pkey, X509_PUBKEY *spki)
{
        struct verify_key *k = xcalloc(1, sizeof *k);

        k->pkey = pkey;
        k->ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
        k->hash = hash_new();
        ossl_must(k->ctx && EVP_PKEY_verify_init(k->ctx) == 1, "ECDSA");
        if (spki)
                ossl_spki_id(spki, k->id);
        else
                sign_id(pkey, k->id);
        return k;
}

struct verify_key *sign_key_public(const struct sign_key *k)
{
        unsigned char *der = NULL;
        struct verify_key *public_half = NULL;
        int n = i2d_PUBKEY(k->pkey, &der);

        ossl_must(n > 0 && verify_key_parse(BYTES(der, (size_t)n), &public_half, NULL) == 0,
                "taking a public key from a private one");
        OPENSSL_free(der);
        return public_half;
}

static int verify_key_of_spki(X509_PUBKEY *spki, struct verify_key **ret, struct err *e)
{
        EVP_PKEY *pkey = X509_PUBKEY_get0(spki);

        if (!pkey)
                return ossl_err(e, ERR_INVALID, "a public key of an unknown kind or off its curve");
        if (!sign_is_p256(pkey))
                return ossl_err(e, ERR_INVALID, "the public key is not on the curve P-256");
        ossl_must(EVP_PKEY_up_ref(pkey) == 1, "counting a key");
        *ret = verify_key_of(pkey, spki);
        return 0;
}

int verify_key_of_cert(struct bytes cert_der, struct verify_key **ret, struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = ossl_cert(cert_der, e);

        if (!cert)
                return ERR_INVALID;
        return verify_key_of_spki(X509_get_X509_PUBKEY(cert), ret, e);
}

int verify_key_parse(struct bytes spki_der, struct verify_key **ret, struct err *e)
{
        const uint8_t *at = spki_der.p;

        ossl_begin();
        ERR_clear_error();
        if (spki_der.n == 0 || spki_der.n > SIGN_SPKI_MAX)
                return err_set(e, ERR_INVALID, "a public key of %zu bytes, expected 1 to %d",
                        spki_der.n, SIGN_SPKI_MAX);
        X509_PUBKEY *spki = d2i_X509_PUBKEY(NULL, &at, (long)spki_der.n);
        if (!spki)
                return ossl_err(e, ERR_INVALID, "not a SubjectPublicKeyInfo in DER");
        int r = at == spki_der.p + spki_der.n
                        ? verify_key_of_spki(spki, ret, e)
                        : err_set(e, ERR_INVALID, "bytes behind the public key");
        X509_PUBKEY_free(spki);
        return r;
}

int verify_key_format(const struct verify_key *k, struct buf *out, struct err *e)
{
        unsigned char *der = NULL;
        int n = i2d_PUBKEY(k->pkey, &der);

        ossl_must(n > 0, "encoding a public key");
        int r = buf_append(out, BYTES(der, (size_t)n), e);
        OPENSSL_free(der);
        return r;
}

struct verify_key *verify_key_free(struct verify_key *k)
{
        if (!k)
                return NULL;
        hash_free(k->hash);
        EVP_PKEY_CTX_free(k->ctx);
        EVP_PKEY_free(k->pkey);
        free(k);
        return NULL;
}

void verify_key_freep(struct verify_key **k)
{
        verify_key_free(*k);
}

void verify_key_id(const struct verify_key *k, uint8_t ret[static 32])
{
        memcpy(ret, k->id, sizeof k->id);
}

struct evp_pkey_st *verify_key_evp(const struct verify_key *k)
{
        return k->pkey;
}

bool sign_check(
        struct verify_key *k, struct bytes message, const uint8_t signature[static SIGN_BYTES])
{
        uint8_t digest[32], der[80], *end = der;
        ECDSA_SIG *sig = ECDSA_SIG_new();
        BIGNUM *r = BN_bin2bn(signature, 32, NULL), *s = BN_bin2bn(signature + 32, 32, NULL);

        ossl_must(sig && r && s && ECDSA_SIG_set0(sig, r, s) == 1, "putting a signature together");
        int n = i2d_ECDSA_SIG(sig, &end);
        ECDSA_SIG_free(sig);
        ossl_must(n > 0 && (size_t)n <= sizeof der, "putting a signature together");
        sign_hash(k->hash, message, digest);
        bool good = EVP_PKEY_verify(k->ctx, der, (size_t)n, digest, sizeof digest) == 1;
        ERR_clear_error();
        return good;
}
