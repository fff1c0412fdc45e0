/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/tpm.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/ossl.h"

#include <openssl/provider.h>

#define TPM_PROPERTIES "provider=tpm2"
#define TPM_DEVICE "device:/dev/tpmrm0"
#define TPM_SIGNATURE_MAX 80

struct tpm {
        OSSL_LIB_CTX *library;
        OSSL_PROVIDER *tpm2, *base, *usual;
};

struct tpm *tpm_free(struct tpm *t)
{
        if (!t)
                return NULL;
        if (t->tpm2)
                OSSL_PROVIDER_unload(t->tpm2);
        if (t->usual)
                OSSL_PROVIDER_unload(t->usual);
        if (t->base)
                OSSL_PROVIDER_unload(t->base);
        OSSL_LIB_CTX_free(t->library);
        free(t);
        return NULL;
}

static int tpm_missing(struct err *e)
{
        const char *where = getenv(TPM_TCTI);

        ossl_err(e, ERR_UNAVAILABLE, "the provider did not load");
        return err_set(e, ERR_UNAVAILABLE,
                "the TPM at %.200s cannot be used. Is there one (ls -l /dev/tpmrm0), may this user "
                "open it (group tss), and is its provider installed (apt install tpm2-openssl)?",
                where ? where : TPM_DEVICE);
}

int tpm_open(struct tpm **ret, struct err *e)
{
        struct tpm *t = xcalloc(1, sizeof *t);

        ossl_begin();
        ERR_clear_error();
        if (!getenv(TPM_TCTI) && setenv(TPM_TCTI, TPM_DEVICE, 1) < 0)
                abort(); /* memory alone */
        t->library = OSSL_LIB_CTX_new();
        ossl_must(t->library != NULL, "a library context");
        t->usual = OSSL_PROVIDER_load(t->library, "default");
        t->base = OSSL_PROVIDER_load(t->library, "base");
        t->tpm2 = OSSL_PROVIDER_load(t->library, "tpm2");
        if (!t->usual || !t->base || !t->tpm2) {
                tpm_free(t);
                return tpm_missing(e);
        }
        *ret = t;
        return 0;
}

/* --- keys --- */

bool tpm_key_is(struct bytes pem)
{
        static const char first[] = "-----BEGIN TSS2 PRIVATE KEY-----";

        return pem.n > sizeof first && memcmp(pem.p, first, sizeof first - 1) == 0;
}

static EVP_PKEY *tpm_key_load(struct tpm *t, struct bytes pem, struct err *e)
{
        EVP_PKEY *key = NULL;

        ERR_clear_error();
        if (pem.n == 0 || pem.n > TPM_PEM_MAX) {
                err_set(e, ERR_INVALID, "a key of %zu bytes of PEM", pem.n);
                return NULL;
        }
        BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
        ossl_must(in != NULL, "a memory BIO");
        key = PEM_read_bio_PrivateKey_ex(in, NULL, NULL, NULL, t->library, "?" TPM_PROPERTIES);
        BIO_free(in);
        if (!key)
                ossl_err(e, ERR_DENIED,
                        "this machine's TPM cannot use the key: it was made in another one, this "
                        "one was cleared, or it does not answer");
        return key;
}

int tpm_key_check(struct tpm *t, struct bytes pem, struct bytes spki_der, struct err *e)
{
        CLEANUP(ossl_pkeyp) EVP_PKEY *key = tpm_key_load(t, pem, e);
        unsigned char *der = NULL;

        if (!key)
                return ERR_DENIED;
        int n = i2d_PUBKEY(key, &der);
        bool same = n > 0 && bytes_equal(BYTES(der, (size_t)n), spki_der);
        OPENSSL_free(der);
        return same ? 0 : err_set(e, ERR_CORRUPT, "the TPM's key is not the certificate's");
}

/* The TPM's own object goes with the key. */
static int tpm_key_format(EVP_PKEY *key, struct buf *pem, struct buf *spki_der, struct err *e)
{
        const uint8_t *text = NULL;
        unsigned char *der = NULL;
        BIO *bio = BIO_new(BIO_s_mem());
        int n = i2d_PUBKEY(key, &der);

        ossl_must(bio != NULL, "a memory BIO");
        int r = n > 0 && PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1
                        ? 0
                        : ossl_err(e, ERR_INTERNAL, "writing a key of the TPM");
        long length = BIO_get_mem_data(bio, (void *)&text);
        if (r == 0)
                r = buf_append(pem, BYTES(text, (size_t)length), e);
        if (r == 0)
                r = buf_append(spki_der, BYTES(der, (size_t)n), e);
        BIO_free(bio);
        OPENSSL_free(der);
        return r;
}

int tpm_key_make(struct tpm *t, struct buf *pem, struct buf *spki_der, struct err *e)
{
        ERR_clear_error();
        CLEANUP(ossl_pkeyp)
        EVP_PKEY *key = EVP_PKEY_Q_keygen(t->library, TPM_PROPERTIES, "EC", "P-256");
        if (!key)
                return ossl_err(e, ERR_UNAVAILABLE, "the TPM did not make a key");
        return tpm_key_format(key, pem, spki_der, e);
}

int tpm_key_sign(struct tpm *t, struct bytes pem, const uint8_t digest[static 32], struct buf *der,
        struct err *e)
{
        uint8_t signature[TPM_SIGNATURE_MAX];
        size_t n = sizeof signature;
        CLEANUP(ossl_pkeyp) EVP_PKEY *key = tpm_key_load(t, pem, e);

        if (!key)
                return ERR_DENIED;
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(t->library, key, TPM_PROPERTIES);
        bool signs = ctx && EVP_PKEY_sign_init(ctx) == 1 &&
                     EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha256()) == 1 &&
                     EVP_PKEY_sign(ctx, signature, &n, digest, 32) == 1;
        EVP_PKEY_CTX_free(ctx);
        if (!signs)
                return ossl_err(e, ERR_UNAVAILABLE, "the TPM did not sign");
        return buf_append(der, BYTES(signature, n), e);
}
