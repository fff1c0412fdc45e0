/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory for fragments under construction: chunks of CHUNK_BYTES, aligned for direct I/O, shared by
 * all streams of a worker. Bounded; free chunks are kept and the surplus is given back to the
 * kernel.
 */
#ifndef CUSTOS_VAULT_CHUNK_POOL_H
#define CUSTOS_VAULT_CHUNK_POOL_H

#include <stddef.h>
#include <stdint.h>

#define CHUNK_BYTES 65536

struct chunk_pool;

struct chunk_pool *chunk_pool_new(size_t max_bytes);
struct chunk_pool *chunk_pool_free(struct chunk_pool *p);
uint8_t *chunk_pool_take(struct chunk_pool *p); /* NULL when the maximum is in use */
void chunk_pool_give(struct chunk_pool *p, uint8_t *chunk);
size_t chunk_pool_in_use(const struct chunk_pool *p); /* bytes */

#endif
