/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What every file of crypto/ needs around OpenSSL: its headers, starting it, and turning its
 * failures into errors. For crypto/ only; other folders never see OpenSSL.
 */
#ifndef CUSTOS_CRYPTO_OSSL_H
#define CUSTOS_CRYPTO_OSSL_H

/* OpenSSL has a type of the name of one of our error codes; nothing of ours uses that type. */
#define ERR_STATE openssl_ERR_STATE
#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#undef ERR_STATE

#include "base/bytes.h"
#include "base/err.h"

/*
 * Call before the first use of OpenSSL in every constructor; cheap after the first time. It keeps
 * openssl.cnf out: what is allowed is decided here and not by a file of the machine, and nothing is
 * opened behind a sandbox.
 */
void ossl_begin(void);

/* For calls that only fail when memory is out or OpenSSL is broken: says which, and aborts. */
void ossl_must(bool ok, const char *what);

/* As err_set, with OpenSSL's first reason behind the text; empties its queue. */
int ossl_err(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/* One certificate in DER and nothing behind it, at most X509_CERT_MAX bytes; owned, or NULL. */
X509 *ossl_cert(struct bytes der, struct err *e);
/* The key of one SubjectPublicKeyInfo in DER and nothing behind it; owned, or NULL. */
EVP_PKEY *ossl_spki(struct bytes der, struct err *e);
/* SHA-256 of the SubjectPublicKeyInfo as it stands in the certificate. */
void ossl_spki_id(X509_PUBKEY *spki, uint8_t ret[static 32]);

void ossl_certp(X509 **cert); /* for CLEANUP */
void ossl_pkeyp(EVP_PKEY **key);

#endif
