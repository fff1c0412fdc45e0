/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SHA-256 (FIPS 180-4). One context is kept and restarted; nothing is allocated per message. */
#ifndef CUSTOS_CRYPTO_HASH_H
#define CUSTOS_CRYPTO_HASH_H

#include "base/bytes.h"
#include "base/err.h"

#define HASH_BYTES 32

struct hash; /* owned */

struct hash *hash_new(void);
struct hash *hash_free(struct hash *h);
void hash_freep(struct hash **h);
void hash_start(struct hash *h);
void hash_update(struct hash *h, struct bytes b);
void hash_finish(struct hash *h, uint8_t ret[static HASH_BYTES]);
void hash_once(struct bytes b, uint8_t ret[static HASH_BYTES]);

#endif
