/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/ossl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "crypto/hash.h"
#include "crypto/x509.h"

void ossl_begin(void)
{
        ossl_must(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1, "OpenSSL's start");
}

void ossl_must(bool ok, const char *what)
{
        if (ok)
                return;
        const char *reason = ERR_reason_error_string(ERR_peek_error());
        fprintf(stderr, "custos: %s failed: %s\n", what, reason ? reason : "out of memory");
        abort();
}

int ossl_err(struct err *e, int code, const char *fmt, ...)
{
        const char *reason = ERR_reason_error_string(ERR_peek_error());
        va_list args;

        if (e) {
                char text[ERR_TEXT_BYTES];
                va_start(args, fmt);
                vsnprintf(text, sizeof text, fmt, args);
                va_end(args);
                err_set(e, code, "%s%s%s", text, reason ? ": " : "", reason ? reason : "");
        }
        ERR_clear_error();
        return code;
}

X509 *ossl_cert(struct bytes der, struct err *e)
{
        const uint8_t *at = der.p;

        ossl_begin();
        ERR_clear_error();
        if (der.n == 0 || der.n > X509_CERT_MAX) {
                err_set(e, ERR_INVALID, "a certificate of %zu bytes, expected 1 to %d", der.n,
                        X509_CERT_MAX);
                return NULL;
        }
        X509 *cert = d2i_X509(NULL, &at, (long)der.n);
        if (!cert) {
                ossl_err(e, ERR_INVALID, "not a certificate in DER");
                return NULL;
        }
        if (at != der.p + der.n) {
                err_set(e, ERR_INVALID, "%zu bytes behind the certificate",
                        (size_t)(der.p + der.n - at));
                X509_free(cert);
                return NULL;
        }
        return cert;
}

EVP_PKEY *ossl_spki(struct bytes der, struct err *e)
{
        const uint8_t *at = der.p;

        ossl_begin();
        ERR_clear_error();
        EVP_PKEY *key = der.n && der.n <= X509_CERT_MAX ? d2i_PUBKEY(NULL, &at, (long)der.n) : NULL;
        if (key && at == der.p + der.n)
                return key;
        EVP_PKEY_free(key);
        ossl_err(e, ERR_INVALID, "not a public key in DER");
        return NULL;
}

void ossl_spki_id(X509_PUBKEY *spki, uint8_t ret[static 32])
{
        unsigned char *der = NULL;
        int n = i2d_X509_PUBKEY(spki, &der);

        ossl_must(n > 0, "encoding a public key");
        hash_once(BYTES(der, (size_t)n), ret);
        OPENSSL_free(der);
}

void ossl_certp(X509 **cert)
{
        X509_free(*cert);
}

void ossl_pkeyp(EVP_PKEY **key)
{
        EVP_PKEY_free(*key);
}
