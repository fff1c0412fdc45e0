/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Certificate signing requests (PKCS#10, RFC 2986): nothing is taken from one but its public key,
 * and that only where the request proves that its maker has the private half. Names come from the
 * inventory.
 */
#ifndef CUSTOS_CRYPTO_X509_CSR_H
#define CUSTOS_CRYPTO_X509_CSR_H

#include "crypto/sign.h"

#define X509_CSR_MAX 16384

/* PEM ("CERTIFICATE REQUEST") or DER. P-256 keys only. ERR_INVALID, saying what it is not. */
int x509_csr_key(struct bytes csr, struct verify_key **ret, struct err *e) MUST_USE;

#endif
