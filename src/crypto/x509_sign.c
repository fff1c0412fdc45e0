/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/x509_sign.h"

#include "crypto/ossl.h"

#define X509_SIGN_SEQUENCE 0x30 /* X.690 */
#define X509_SIGN_BIT_STRING 0x03
/* ecdsa-with-SHA256, without parameters (RFC 5758 section 3.2). */
static const uint8_t x509_sign_algorithm[] = { 0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3,
        2 };

/* Identifier and length, in the shortest form. */
static int x509_sign_head(struct buf *out, uint8_t tag, size_t n, struct err *e)
{
        uint8_t head[6] = { tag };
        unsigned bytes = 0;

        for (size_t rest = n; n > 127 && rest; rest >>= 8)
                bytes++;
        head[1] = bytes ? (uint8_t)(0x80 | bytes) : (uint8_t)n;
        for (unsigned i = 0; i < bytes; i++)
                head[2 + i] = (uint8_t)(n >> 8 * (bytes - 1 - i));
        return buf_append(out, BYTES(head, 2 + bytes), e);
}

static int x509_sign_tbs(struct bytes tbs, struct sign_key *key, struct buf *out, struct err *e)
{
        static const uint8_t no_bits_left = 0;
        CLEANUP(buf_done) struct buf signature, head;

        buf_init(&signature, 80);
        buf_init(&head, 8);
        int r = sign_make_der(key, tbs, &signature, e);
        if (r == 0)
                r = x509_sign_head(&head, X509_SIGN_BIT_STRING, signature.n + 1, e);
        if (r == 0)
                r = x509_sign_head(out, X509_SIGN_SEQUENCE,
                        tbs.n + sizeof x509_sign_algorithm + head.n + 1 + signature.n, e);
        if (r == 0)
                r = buf_append(out, tbs, e);
        if (r == 0)
                r = buf_append(out, BYTES(x509_sign_algorithm, sizeof x509_sign_algorithm), e);
        if (r == 0)
                r = buf_append(out, buf_bytes(&head), e);
        if (r == 0)
                r = buf_append(out, BYTES(&no_bits_left, 1), e);
        return r < 0 ? r : buf_append(out, buf_bytes(&signature), e);
}

/* One that signs nothing that leaves here: its signature has the algorithm filled in. */
static EVP_PKEY *x509_sign_stand_in(void)
{
        EVP_PKEY *key = EVP_EC_gen(SN_X9_62_prime256v1);

        ossl_must(key != NULL, "making a P-256 key");
        return key;
}

/* What is signed, as it stands; der is freed. */
static int x509_sign_encoded(
        unsigned char *der, int n, struct sign_key *key, struct buf *out, struct err *e)
{
        ossl_must(n > 0, "encoding what is to be signed");
        size_t before = out->n;
        int r = x509_sign_tbs(BYTES(der, (size_t)n), key, out, e);
        if (r < 0)
                out->n = before;
        OPENSSL_free(der);
        return r;
}

int x509_sign_cert(X509 *cert, struct sign_key *key, struct buf *out, struct err *e)
{
        CLEANUP(ossl_pkeyp) EVP_PKEY *stand_in = x509_sign_stand_in();
        unsigned char *der = NULL;

        ossl_must(X509_sign(cert, stand_in, EVP_sha256()) > 0, "a certificate's algorithm");
        int n = i2d_re_X509_tbs(cert, &der);
        return x509_sign_encoded(der, n, key, out, e);
}

int x509_sign_crl(X509_CRL *list, struct sign_key *key, struct buf *out, struct err *e)
{
        CLEANUP(ossl_pkeyp) EVP_PKEY *stand_in = x509_sign_stand_in();
        unsigned char *der = NULL;

        ossl_must(X509_CRL_sign(list, stand_in, EVP_sha256()) > 0, "a list's algorithm");
        int n = i2d_re_X509_CRL_tbs(list, &der);
        return x509_sign_encoded(der, n, key, out, e);
}
