/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ECDSA P-256 with SHA-256 (FIPS 186-5). Signatures are r | s, 64 bytes, big endian (IEEE P1363).
 * Private keys are P-256 only; other algorithms are refused when loaded.
 */
#ifndef CUSTOS_CRYPTO_SIGN_H
#define CUSTOS_CRYPTO_SIGN_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"

#define SIGN_BYTES 64
#define SIGN_SPKI_MAX 128 /* DER SubjectPublicKeyInfo of a P-256 key is 91 bytes */
#define SIGN_PEM_MAX 4096

struct sign_key;    /* private key, owned */
struct verify_key;  /* public key, owned */
struct evp_pkey_st; /* OpenSSL's EVP_PKEY, for the other files of crypto/ */

struct sign_key *sign_key_generate(void);
/* PEM (PKCS#8, "PRIVATE KEY"), not encrypted; at most SIGN_PEM_MAX bytes, what follows the key is
 * ignored. */
int sign_key_parse(struct bytes pem, struct sign_key **ret, struct err *e) MUST_USE;
/* Appends PEM; out is wiped by the caller. */
int sign_key_format(const struct sign_key *k, struct buf *out, struct err *e) MUST_USE;
struct tpm; /* crypto/tpm.h */
/* One that a TPM has: its PEM, copied, and its public half. tpm is borrowed; NULL where it could
 * not be opened: then it signs nothing, and says why (copied). ERR_INVALID: not P-256. */
int sign_key_of_tpm(struct tpm *tpm, const struct err *why, struct bytes pem, struct bytes spki_der,
        struct sign_key **ret, struct err *e) MUST_USE;
struct sign_key *sign_key_free(struct sign_key *k);
void sign_key_freep(struct sign_key **k);
/* SHA-256 of the DER SubjectPublicKeyInfo. */
void sign_key_id(const struct sign_key *k, uint8_t ret[static 32]);
/* The public half, owned. */
struct verify_key *sign_key_public(const struct sign_key *k);
struct evp_pkey_st *sign_key_evp(const struct sign_key *k); /* borrowed; crypto/ only */
/* ECDSA-Sig-Value in DER (RFC 3279 section 2.2.3), appended. */
int sign_make_der(
        struct sign_key *k, struct bytes message, struct buf *der, struct err *e) MUST_USE;
int sign_make(struct sign_key *k, struct bytes message, uint8_t ret[static SIGN_BYTES],
        struct err *e) MUST_USE;

/* From a DER certificate's key, or a DER SubjectPublicKeyInfo. ERR_INVALID when it is not P-256. */
int verify_key_of_cert(struct bytes cert_der, struct verify_key **ret, struct err *e) MUST_USE;
int verify_key_parse(struct bytes spki_der, struct verify_key **ret, struct err *e) MUST_USE;
/* Appends the DER SubjectPublicKeyInfo. */
int verify_key_format(const struct verify_key *k, struct buf *out, struct err *e) MUST_USE;
struct verify_key *verify_key_free(struct verify_key *k);
void verify_key_freep(struct verify_key **k);
void verify_key_id(const struct verify_key *k, uint8_t ret[static 32]);
struct evp_pkey_st *verify_key_evp(const struct verify_key *k); /* borrowed; crypto/ only */
bool sign_check(
        struct verify_key *k, struct bytes message, const uint8_t signature[static SIGN_BYTES]);

#endif
