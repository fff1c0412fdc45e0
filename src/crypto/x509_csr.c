/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/x509_csr.h"

#include "crypto/ossl.h"

static X509_REQ *x509_csr_read(struct bytes csr)
{
        const uint8_t *at = csr.p;
        X509_REQ *req = d2i_X509_REQ(NULL, &at, (long)csr.n);

        if (req && at == csr.p + csr.n)
                return req;
        X509_REQ_free(req);
        BIO *bio = BIO_new_mem_buf(csr.p, (int)csr.n);
        ossl_must(bio != NULL, "reading a request");
        req = PEM_read_bio_X509_REQ(bio, NULL, NULL, NULL);
        BIO_free(bio);
        return req;
}

static int x509_csr_take(X509_REQ *req, struct verify_key **ret, struct err *e)
{
        uint8_t *der = NULL;

        if (X509_REQ_verify(req, X509_REQ_get0_pubkey(req)) != 1)
                return ossl_err(e, ERR_INVALID,
                        "the request is not signed by its own key: whoever made it need not have "
                        "that key");
        int n = i2d_X509_PUBKEY(X509_REQ_get_X509_PUBKEY(req), &der);
        ossl_must(n > 0, "encoding a public key");
        int r = verify_key_parse(BYTES(der, (size_t)n), ret, e);
        OPENSSL_free(der);
        return r < 0 ? err_wrap(e, ERR_INVALID,
                               "the request's key is not P-256 (make one with: openssl req -new "
                               "-newkey ec -pkeyopt ec_paramgen_curve:P-256)")
                     : 0;
}

int x509_csr_key(struct bytes csr, struct verify_key **ret, struct err *e)
{
        ossl_begin();
        ERR_clear_error();
        if (csr.n == 0 || csr.n > X509_CSR_MAX)
                return err_set(e, ERR_INVALID, "a request of %zu bytes, expected 1 to %d", csr.n,
                        X509_CSR_MAX);
        X509_REQ *req = x509_csr_read(csr);
        if (!req)
                return ossl_err(e, ERR_INVALID, "not a certificate signing request (PKCS#10)");
        int r = x509_csr_take(req, ret, e);
        X509_REQ_free(req);
        return r;
}
