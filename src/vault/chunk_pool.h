/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Memory for fragments under construction: chunks of CHUNK_BYTES, aligned for direct I/O, shared by
 * all streams of a worker. Bounded; as many chunks are kept as were in use at once lately, and the
 * surplus is given back to the kernel.
 *
 * Each stream takes by a share of its own: never more than what is left free then (and a few). So
 * one stream alone has at most half of the pool, two have a third each, and whoever needs little
 * finds it, however greedy the others are or however long their disk keeps what they have.
 */
#ifndef CUSTOS_VAULT_CHUNK_POOL_H
#define CUSTOS_VAULT_CHUNK_POOL_H

#include <stddef.h>
#include <stdint.h>

#define CHUNK_BYTES 65536

struct chunk_pool;

struct chunk_pool *chunk_pool_new(size_t max_bytes);
struct chunk_pool *chunk_pool_free(struct chunk_pool *p);
/* Once a second: what was not needed for some seconds goes back to the kernel, a sixteenth each
 * time. */
void chunk_pool_tick(struct chunk_pool *p);

#define CHUNK_SHARE_MIN 4 /* chunks that every share may have, while there are any */

struct chunk_share;

struct chunk_share *chunk_share_new(struct chunk_pool *p); /* the pool outlives it */
/* Lives on until its last chunk was given back. */
struct chunk_share *chunk_share_free(struct chunk_share *s);
uint8_t *chunk_share_take(struct chunk_share *s); /* NULL when the share or the pool is used up */
void chunk_share_give(struct chunk_share *s, uint8_t *chunk);
size_t chunk_share_in_use(const struct chunk_share *s); /* bytes */
size_t chunk_pool_in_use(const struct chunk_pool *p);   /* bytes */

#endif
