/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Wrapping to a public key: HPKE base mode (RFC 9180), single shot, DHKEM(P-256, HKDF-SHA256),
 * HKDF-SHA256, AES-256-GCM. Used for hour keys (docs/spec/vault.md) and nothing else.
 */
#ifndef CUSTOS_CRYPTO_HPKE_H
#define CUSTOS_CRYPTO_HPKE_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

#define HPKE_PUBLIC_BYTES 65 /* uncompressed point */
#define HPKE_PRIVATE_BYTES 32
#define HPKE_TAG_BYTES 16

void hpke_generate(uint8_t ret_private[static HPKE_PRIVATE_BYTES],
        uint8_t ret_public[static HPKE_PUBLIC_BYTES]);
int hpke_public_of(const uint8_t private_key[static HPKE_PRIVATE_BYTES],
        uint8_t ret_public[static HPKE_PUBLIC_BYTES], struct err *e) MUST_USE;
/* ret_ct gets plain.n + HPKE_TAG_BYTES bytes. */
int hpke_seal(const uint8_t recipient[static HPKE_PUBLIC_BYTES], struct bytes info,
        struct bytes aad, struct bytes plain, uint8_t ret_enc[static HPKE_PUBLIC_BYTES],
        uint8_t *ret_ct, struct err *e) MUST_USE;
/* ret_plain gets ct.n - HPKE_TAG_BYTES bytes. ERR_AUTH when the key, info or aad is another or a
 * byte was changed. */
int hpke_open(const uint8_t private_key[static HPKE_PRIVATE_BYTES],
        const uint8_t enc[static HPKE_PUBLIC_BYTES], struct bytes info, struct bytes aad,
        struct bytes ct, uint8_t *ret_plain, struct err *e) MUST_USE;

#endif
