/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The signature under a certificate or a list of revoked ones: OpenSSL signs only with a key that
 * its own library context has, an issuer's may be in a TPM. So what is to be signed comes encoded,
 * and goes out with the signature behind it (RFC 5280 sections 4.1.1 and 5.1.1). For crypto/ only.
 */
#ifndef CUSTOS_CRYPTO_X509_SIGN_H
#define CUSTOS_CRYPTO_X509_SIGN_H

#include "base/buf.h"
#include "crypto/sign.h"

struct x509_st;
struct X509_crl_st;

/* Each fills in the algorithm (ecdsa-with-SHA256) and appends the whole, DER. */
int x509_sign_cert(
        struct x509_st *cert, struct sign_key *key, struct buf *out, struct err *e) MUST_USE;
int x509_sign_crl(
        struct X509_crl_st *list, struct sign_key *key, struct buf *out, struct err *e) MUST_USE;

#endif
