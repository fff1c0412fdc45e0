/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/x509_root.h"

#include <stdlib.h>

#include "crypto/hash.h"
#include "crypto/ossl.h"
#include "crypto/tls.h"

#define X509_ROOT_STRENGTH_BITS 112

static const char x509_root_is_key[] =
        "there is a private key in the file. Nobody but the CA itself may have it: ask its maker for "
        "the root certificate alone";

/* --- what was given --- */

/* The next block of the PEM text: 1, 0 at the end. A certificate goes to *ret. */
static int x509_root_block(BIO *in, X509 **ret, struct err *e)
{
        char *name = NULL, *header = NULL;
        unsigned char *der = NULL;
        long n = 0;
        int r = 1;

        if (PEM_read_bio(in, &name, &header, &der, &n) != 1) {
                bool end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
                return end ? 0 : ossl_err(e, ERR_INVALID, "broken PEM");
        }
        size_t length = strlen(name), tail = strlen("PRIVATE KEY");
        if (length >= tail && strcmp(name + length - tail, "PRIVATE KEY") == 0) {
                r = err_set(e, ERR_INVALID, "%s", x509_root_is_key);
        } else if (strcmp(name, PEM_STRING_X509) == 0 && *ret) {
                r = err_set(e, ERR_INVALID,
                        "there is more than one certificate in the file: give the root alone");
        } else if (strcmp(name, PEM_STRING_X509) == 0) {
                *ret = ossl_cert(BYTES(der, (size_t)n), e);
                r = *ret ? 1 : ERR_INVALID;
        }
        OPENSSL_free(name);
        OPENSSL_free(header);
        OPENSSL_clear_free(der, (size_t)n);
        return r;
}

/* 0, and *ret stays NULL where there is no certificate in the text. */
static int x509_root_pem(struct bytes file, X509 **ret, struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = NULL;
        BIO *in = BIO_new_mem_buf(file.p, (int)file.n);
        int r;

        ossl_must(in != NULL, "a memory BIO");
        while ((r = x509_root_block(in, &cert, e)) == 1)
                ;
        BIO_free(in);
        ERR_clear_error();
        if (r == 0)
                *ret = TAKE(cert);
        return r;
}

static bool x509_root_is_private(struct bytes der)
{
        const uint8_t *at = der.p;
        EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &at, (long)der.n);
        bool is = key != NULL;

        EVP_PKEY_free(key);
        ERR_clear_error();
        return is;
}

static int x509_root_open(struct bytes file, X509 **ret, struct err *e)
{
        ossl_begin();
        ERR_clear_error();
        if (file.n == 0 || file.n > X509_ROOT_FILE_MAX)
                return err_set(
                        e, ERR_INVALID, "a file of %zu bytes is no root certificate", file.n);
        int r = x509_root_pem(file, ret, e);
        if (r < 0 || *ret)
                return r;
        if (x509_root_is_private(file))
                return err_set(e, ERR_INVALID, "%s", x509_root_is_key);
        *ret = ossl_cert(file, NULL);
        return *ret ? 0 : err_set(e, ERR_INVALID, "there is no certificate in the file");
}

/* --- what it has to be --- */

static int x509_root_check_dates(const struct x509_root *c, int64_t now_us, struct err *e)
{
        if (c->until_us <= now_us)
                return err_fault(e, ERR_INVALID, FAULT_EXPIRED, "%s has expired", c->subject);
        if (c->from_us > now_us)
                return err_fault(
                        e, ERR_INVALID, FAULT_NOT_YET_VALID, "%s is not good yet", c->subject);
        return 0;
}

/* As a chain that ends in it would be judged (tls_verify.c). */
static int x509_root_check_form(X509 *cert, int64_t now_us, struct err *e)
{
        X509_STORE *store = X509_STORE_new();
        X509_STORE_CTX *ctx = X509_STORE_CTX_new();

        ossl_must(store && ctx && X509_STORE_add_cert(store, cert) == 1 &&
                          X509_STORE_CTX_init(ctx, store, cert, NULL) == 1,
                "setting a chain up");
        X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
        X509_VERIFY_PARAM_set_time(param, (time_t)(now_us / 1000000));
        X509_VERIFY_PARAM_set_flags(
                param, X509_V_FLAG_X509_STRICT | X509_V_FLAG_CHECK_SS_SIGNATURE);
        int r = 0;
        if (X509_verify_cert(ctx) != 1)
                r = err_set(e, ERR_INVALID, "the certificate is not to the rules: %s",
                        X509_verify_cert_error_string(X509_STORE_CTX_get_error(ctx)));
        X509_STORE_CTX_free(ctx);
        X509_STORE_free(store);
        ERR_clear_error();
        return r;
}

static int x509_root_check(X509 *cert, const struct x509_root *c, int64_t now_us, struct err *e)
{
        EVP_PKEY *key = X509_get0_pubkey(cert);

        if (X509_check_ca(cert) != 1)
                return err_set(e, ERR_INVALID,
                        "%s is not a CA's certificate (basic constraints, key usage): it cannot "
                        "vouch for others. The certificate of a single camera is pinned instead: "
                        "custos camera set NAME --pin",
                        c->subject);
        if (X509_check_issued(cert, cert) != X509_V_OK)
                return err_set(e, ERR_INVALID,
                        "%s is not a root: somebody else has issued it. Give the root that it hangs "
                        "from",
                        c->subject);
        if (!key || EVP_PKEY_get_security_bits(key) < X509_ROOT_STRENGTH_BITS)
                return err_fault(e, ERR_INVALID, FAULT_WEAK_KEY,
                        "the key of %s is too weak (RSA needs 2048 bits, elliptic curves 224)",
                        c->subject);
        int r = x509_root_check_dates(c, now_us, e);
        return r < 0 ? r : x509_root_check_form(cert, now_us, e);
}

static int x509_root_take(X509 *cert, struct x509_root *c, struct err *e)
{
        unsigned char *der = NULL;
        int n = i2d_X509(cert, &der);

        ossl_must(n > 0, "encoding a certificate");
        if ((size_t)n > sizeof c->der) {
                OPENSSL_free(der);
                return err_set(e, ERR_INVALID, "a certificate of %d bytes", n);
        }
        c->der_n = (size_t)n;
        memcpy(c->der, der, c->der_n);
        OPENSSL_free(der);
        hash_once(BYTES(c->der, c->der_n), c->fingerprint);
        ossl_spki_id(X509_get_X509_PUBKEY(cert), c->key);
        if (!ossl_time_us(X509_get0_notBefore(cert), &c->from_us) ||
                !ossl_time_us(X509_get0_notAfter(cert), &c->until_us))
                return err_set(e, ERR_INVALID, "the certificate's dates cannot be read");
        return x509_subject(BYTES(c->der, c->der_n), c->subject, sizeof c->subject, e);
}

int x509_root_read(struct bytes file, int64_t now_us, struct x509_root *ret, struct err *e)
{
        CLEANUP(ossl_certp) X509 *cert = NULL;

        int r = x509_root_open(file, &cert, e);
        if (r < 0)
                return r;
        struct x509_root *c = xcalloc(1, sizeof *c);
        r = x509_root_take(cert, c, e);
        if (r == 0)
                r = x509_root_check(cert, c, now_us, e);
        if (r == 0)
                *ret = *c;
        free(c);
        return r;
}
