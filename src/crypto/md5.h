/* SPDX-License-Identifier: GPL-3.0-or-later */
/* MD5 (RFC 1321), for HTTP Digest with cameras that know nothing better, and for nothing else. */
#ifndef CUSTOS_CRYPTO_MD5_H
#define CUSTOS_CRYPTO_MD5_H

#include "base/bytes.h"
#include "base/err.h"

#define MD5_BYTES 16

/* ERR_INTERNAL where the library refuses MD5 (a FIPS configuration). */
int md5_once(struct bytes b, uint8_t ret[static MD5_BYTES], struct err *e) MUST_USE;

#endif
