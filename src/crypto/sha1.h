/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * SHA-1 (FIPS 180-4), for Sec-WebSocket-Accept (RFC 6455 section 4.2.2), where it protects nothing,
 * and for nothing else: it is broken.
 */
#ifndef CUSTOS_CRYPTO_SHA1_H
#define CUSTOS_CRYPTO_SHA1_H

#include "base/bytes.h"

#define SHA1_BYTES 20

void sha1_once(struct bytes b, uint8_t ret[static SHA1_BYTES]);

#endif
