/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * AES-128-CTR as ISO/IEC 23001-7 scheme 'cenc' uses it: counter block = IV (64 bits) | block count
 * (64 bits from 0). One context per track, kept over samples; the encryption is the copy (out of
 * place), and in place works too. Encrypting and decrypting are the same call.
 */
#ifndef CUSTOS_CRYPTO_CIPHER_H
#define CUSTOS_CRYPTO_CIPHER_H

#include "base/bytes.h"
#include "base/err.h"

#define CIPHER_KEY_BYTES 16

struct cipher; /* owned */

struct cipher *cipher_new(const uint8_t key[static CIPHER_KEY_BYTES]);
struct cipher *cipher_free(struct cipher *c); /* wipes the key */
void cipher_freep(struct cipher **c);
/* Begins a sample: counter block = iv << 64. */
void cipher_start(struct cipher *c, uint64_t iv);
/* n bytes of key stream over in, to out (out == in, or not overlapping). Goes on from the last
 * call. */
void cipher_apply(struct cipher *c, const uint8_t *in, uint8_t *out, size_t n);

#endif
