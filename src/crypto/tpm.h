/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * P-256 keys that a TPM 2.0 made and that it alone can use, by the provider "tpm2" (Debian:
 * tpm2-openssl). A key file is PEM ("TSS2 PRIVATE KEY"): worth nothing without that TPM. The
 * provider lives in a library context of its own, since loaded into ours it would be asked for
 * everything. A key is loaded for one signature: a TPM has room for three. Each call blocks, up to
 * some tenths of a second of a real one.
 *
 * Where the TPM is: environment TPM2OPENSSL_TCTI (tpm2-tss's notation), else /dev/tpmrm0. Opened
 * before the sandbox; from then on only that descriptor is used.
 */
#ifndef CUSTOS_CRYPTO_TPM_H
#define CUSTOS_CRYPTO_TPM_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"

#define TPM_TCTI "TPM2OPENSSL_TCTI"
#define TPM_PEM_MAX 4096

struct tpm; /* owned */

/* ERR_UNAVAILABLE says which is missing: the provider's package, or the TPM. */
int tpm_open(struct tpm **ret, struct err *e) MUST_USE;
struct tpm *tpm_free(struct tpm *t);

/* A new key: its PEM, and its public half as SubjectPublicKeyInfo in DER. */
int tpm_key_make(struct tpm *t, struct buf *pem, struct buf *spki_der, struct err *e) MUST_USE;
bool tpm_key_is(struct bytes pem); /* by its first line */
/* ERR_DENIED: this TPM cannot use it. ERR_CORRUPT: it is not that public half's. */
int tpm_key_check(struct tpm *t, struct bytes pem, struct bytes spki_der, struct err *e) MUST_USE;
/* ECDSA of a SHA-256 digest, DER appended. */
int tpm_key_sign(struct tpm *t, struct bytes pem, const uint8_t digest[static 32], struct buf *der,
        struct err *e) MUST_USE;

#endif
