/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HKDF-SHA256 (RFC 5869) and HMAC-SHA256 (RFC 2104). */
#ifndef CUSTOS_CRYPTO_KDF_H
#define CUSTOS_CRYPTO_KDF_H

#include "base/bytes.h"
#include "base/err.h"

/* Extract-and-expand; n at most 8160. */
void kdf_hkdf_sha256(struct bytes ikm, struct bytes salt, struct bytes info, uint8_t *ret, size_t n);
void kdf_hmac_sha256(struct bytes key, struct bytes message, uint8_t ret[static 32]);

#endif
