/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "crypto/x509_pkcs7.h"

#include "crypto/ossl.h"

static void x509_pkcs7_freep(PKCS7 **p)
{
        PKCS7_free(*p);
}

/* The parts that stay the same: SignedData, version 1, of data that is absent. */
static PKCS7 *x509_pkcs7_new(void)
{
        PKCS7 *p = PKCS7_new();

        ossl_must(p && PKCS7_set_type(p, NID_pkcs7_signed) == 1 &&
                          PKCS7_content_new(p, NID_pkcs7_data) == 1 &&
                          PKCS7_set_detached(p, 1) == 1,
                "a PKCS#7 message");
        return p;
}

int x509_pkcs7_format(const struct bytes *certs, unsigned n, struct buf *out, struct err *e)
{
        if (n == 0 || n > X509_PKCS7_CERTS_MAX)
                return err_set(e, ERR_INVALID, "a PKCS#7 message of %u certificates, not 1 to %d",
                        n, X509_PKCS7_CERTS_MAX);
        ossl_begin();
        CLEANUP(x509_pkcs7_freep) PKCS7 *p = x509_pkcs7_new();
        for (unsigned i = 0; i < n; i++) {
                CLEANUP(ossl_certp) X509 *cert = ossl_cert(certs[i], e);
                if (!cert)
                        return err_wrap(e, ERR_INVALID, "certificate %u", i + 1);
                ossl_must(PKCS7_add_certificate(p, cert) == 1, "a PKCS#7 message");
        }
        unsigned char *der = NULL;
        int bytes = i2d_PKCS7(p, &der);
        ossl_must(bytes > 0, "encoding a PKCS#7 message");
        int r = buf_append(out, BYTES(der, (size_t)bytes), e);
        OPENSSL_free(der);
        return r;
}

static int x509_pkcs7_open(struct bytes der, PKCS7 **ret, struct err *e)
{
        const uint8_t *at = der.p;

        ossl_begin();
        ERR_clear_error();
        if (der.n == 0 || der.n > X509_PKCS7_MAX)
                return err_set(e, der.n ? ERR_EXHAUSTED : ERR_INVALID,
                        "a PKCS#7 message of %zu bytes, expected 1 to %d", der.n, X509_PKCS7_MAX);
        CLEANUP(x509_pkcs7_freep) PKCS7 *p = d2i_PKCS7(NULL, &at, (long)der.n);
        if (!p || at != der.p + der.n)
                return ossl_err(e, ERR_INVALID, "not a PKCS#7 message in DER");
        if (!PKCS7_type_is_signed(p) || !p->d.sign)
                return err_set(
                        e, ERR_INVALID, "a PKCS#7 message, and none that holds certificates");
        if (sk_PKCS7_SIGNER_INFO_num(p->d.sign->signer_info) > 0)
                return err_set(e, ERR_INVALID,
                        "a PKCS#7 message with a signature, which is not asked for here");
        *ret = TAKE(p);
        return 0;
}

static int x509_pkcs7_take(X509 *cert, struct buf *to, struct err *e)
{
        unsigned char *der = NULL;
        int n = i2d_X509(cert, &der);

        ossl_must(n > 0, "encoding a certificate");
        buf_init(to, X509_CERT_MAX);
        int r = buf_append(to, BYTES(der, (size_t)n), e);
        OPENSSL_free(der);
        return r < 0 ? err_wrap(e, r, "a certificate of %d bytes", n) : 0;
}

int x509_pkcs7_parse(struct bytes der, struct x509_pkcs7 *ret, struct err *e)
{
        CLEANUP(x509_pkcs7_freep) PKCS7 *p = NULL;
        struct x509_pkcs7 found = { 0 };

        int r = x509_pkcs7_open(der, &p, e);
        if (r < 0)
                return r;
        int n = sk_X509_num(p->d.sign->cert); /* -1: the field is not there */
        if (n < 1)
                return err_set(e, ERR_INVALID, "a PKCS#7 message without a certificate");
        if (n > X509_PKCS7_CERTS_MAX)
                return err_set(e, ERR_EXHAUSTED,
                        "a PKCS#7 message with %d certificates, at most %d", n,
                        X509_PKCS7_CERTS_MAX);
        for (int i = 0; r == 0 && i < n; i++)
                r = x509_pkcs7_take(sk_X509_value(p->d.sign->cert, i), &found.certs[found.n++], e);
        if (r < 0) {
                x509_pkcs7_done(&found);
                return r;
        }
        *ret = found;
        return 0;
}

void x509_pkcs7_done(struct x509_pkcs7 *p)
{
        for (unsigned i = 0; i < p->n; i++)
                buf_done(&p->certs[i]);
        p->n = 0;
}
