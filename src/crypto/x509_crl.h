/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificate revocation lists (RFC 5280 section 5): making them for a site's issuers. Complete
 * lists, version 2, with number and authority key identifier; never delta or indirect ones. No
 * clock, no memory of what was revoked: the caller gives both. Who reads them: tls.h.
 */
#ifndef CUSTOS_CRYPTO_X509_CRL_H
#define CUSTOS_CRYPTO_X509_CRL_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "crypto/sign.h"

#define X509_CRL_MAX 180000       /* bytes of one list in DER: some 3000 entries */
#define X509_CRL_REVOKED_MAX 3000 /* entries of one list made here */
#define X509_CRL_SERIAL_MAX 20    /* bytes, RFC 5280 section 4.1.2.2 */

enum x509_crl_reason { /* the values of RFC 5280 section 5.3.1 */
        X509_CRL_UNSPECIFIED = 0,
        X509_CRL_KEY_COMPROMISE = 1,
        X509_CRL_CA_COMPROMISE = 2,
        X509_CRL_AFFILIATION_CHANGED = 3,
        X509_CRL_SUPERSEDED = 4,
        X509_CRL_CESSATION_OF_OPERATION = 5,
        X509_CRL_CERTIFICATE_HOLD = 6,
        X509_CRL_PRIVILEGE_WITHDRAWN = 9,
};

struct x509_crl_revoked {
        struct bytes serial; /* big endian, positive, 1 to X509_CRL_SERIAL_MAX bytes; borrowed */
        int64_t at_us;       /* wall clock */
        enum x509_crl_reason reason;
};

struct x509_crl_request {
        const struct x509_crl_revoked *revoked; /* borrowed; n may be 0. No serial twice. */
        unsigned n;
        uint64_t number; /* higher than that of every list of this issuer before */
        int64_t this_update_us, next_update_us; /* wall clock */
};

/* The list of the issuer, signed by its key. Appends DER to out. */
int x509_crl_issue(const struct x509_crl_request *r, struct bytes issuer_cert_der,
        struct sign_key *issuer_key, struct buf *out, struct err *e) MUST_USE;
/* DER to PEM ("X509 CRL"), appended: what tls_client_config_crls takes. */
int x509_crl_pem_format(struct bytes der, struct buf *out, struct err *e) MUST_USE;

/* The serial number of a certificate, as x509_crl_revoked wants it; *ret_n bytes. ERR_INVALID where
 * it is not positive or longer than X509_CRL_SERIAL_MAX. */
int x509_crl_serial(struct bytes cert_der, uint8_t ret[static X509_CRL_SERIAL_MAX], size_t *ret_n,
        struct err *e) MUST_USE;

/*
 * A list (PEM, one) that is the issuer's own and complete, and its number. ERR_INVALID, or ERR_AUTH
 * where it is another's or its signature does not verify.
 */
int x509_crl_number(
        struct bytes crl_pem, struct bytes issuer_cert_der, uint64_t *ret, struct err *e) MUST_USE;
/*
 * What such a list says of a certificate of that issuer: 0, or ERR_DENIED (FAULT_REVOKED). An empty
 * text says nothing: 0. For TLS peers there is tls.h.
 */
int x509_crl_allows(struct bytes crl_pem, struct bytes issuer_cert_der, struct bytes cert_der,
        struct err *e) MUST_USE;

/* "key-compromise", ...: stable; NULL for a value that is none. And back: ERR_NOT_FOUND. */
const char *x509_crl_reason_name(int reason);
int x509_crl_reason_parse(const char *name, enum x509_crl_reason *ret, struct err *e) MUST_USE;

#endif
