/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HKDF-SHA256 (RFC 5869) and HMAC-SHA256 (RFC 2104). */
#ifndef CUSTOS_CRYPTO_KDF_H
#define CUSTOS_CRYPTO_KDF_H

#include "base/bytes.h"
#include "base/err.h"

#define KDF_HKDF_MAX 8160 /* 255 blocks, RFC 5869 section 2.3 */

/* Extract-and-expand; n at most KDF_HKDF_MAX. */
void kdf_hkdf_sha256(
        struct bytes ikm, struct bytes salt, struct bytes info, uint8_t *ret, size_t n);
void kdf_hmac_sha256(struct bytes key, struct bytes message, uint8_t ret[static 32]);
/* The message is the parts in a row. */
void kdf_hmac_sha256_parts(
        struct bytes key, const struct bytes *parts, size_t parts_n, uint8_t ret[static 32]);

#endif
