/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Bytes in chunks of a share of a pool, as one sequence from 0. Room is taken first
 * (chunk_list_reserve, which can fail), then written piece by piece; so what is written never fails
 * half way.
 */
#ifndef CUSTOS_VAULT_CHUNK_LIST_H
#define CUSTOS_VAULT_CHUNK_LIST_H

#include <sys/uio.h>

#include "base/bytes.h"
#include "base/err.h"
#include "vault/chunk_pool.h"

struct chunk_list {
        struct chunk_share *share; /* borrowed */
        uint8_t **chunks;
        unsigned n, room;
        uint64_t bytes; /* written */
};

void chunk_list_init(struct chunk_list *l, struct chunk_share *share);
void chunk_list_done(struct chunk_list *l); /* gives the chunks back */
/* Room for n more bytes; ERR_EXHAUSTED when the share or the pool has none. */
int chunk_list_reserve(struct chunk_list *l, uint64_t n, struct err *e) MUST_USE;
/* Up to max bytes of the reserved room at `at`, in one piece; *ret_n says how many. */
uint8_t *chunk_list_piece(const struct chunk_list *l, uint64_t at, uint64_t max, size_t *ret_n);
/* Into reserved room. */
void chunk_list_append(struct chunk_list *l, struct bytes b);
void chunk_list_append_zeros(struct chunk_list *l, uint64_t n);
/* The written bytes; `to` has room for l->n. Returns how many parts. */
unsigned chunk_list_iovec(const struct chunk_list *l, struct iovec *to);

#endif
