/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificates in a PKCS#7 "certs-only" message (degenerate SignedData, RFC 5652 section 5 with no
 * signers and no content), as EST hands them out (RFC 7030 section 4.1.3; there in base64, which is
 * the HTTP side's). It proves nothing: whoever reads one judges the certificates.
 */
#ifndef CUSTOS_CRYPTO_X509_PKCS7_H
#define CUSTOS_CRYPTO_X509_PKCS7_H

#include "crypto/x509.h"

#define X509_PKCS7_CERTS_MAX 8
#define X509_PKCS7_MAX (X509_PKCS7_CERTS_MAX * X509_CERT_MAX + 256) /* bytes, DER */

/* certs: n of them in DER, 1 to X509_PKCS7_CERTS_MAX. Appends DER to out. */
int x509_pkcs7_format(
        const struct bytes *certs, unsigned n, struct buf *out, struct err *e) MUST_USE;

struct x509_pkcs7 {
        unsigned n;                             /* 1 to X509_PKCS7_CERTS_MAX */
        struct buf certs[X509_PKCS7_CERTS_MAX]; /* DER, owned */
};
/* In the order of the message, which says nothing: a leaf is found by its key. ERR_INVALID where it
 * is no such message, ERR_EXHAUSTED where it is too large. */
int x509_pkcs7_parse(struct bytes der, struct x509_pkcs7 *ret, struct err *e) MUST_USE;
void x509_pkcs7_done(struct x509_pkcs7 *p);

#endif
