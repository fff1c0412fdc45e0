/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "vault/chunk_list.h"

#include <stdlib.h>

void chunk_list_init(struct chunk_list *l, struct chunk_share *share)
{
        *l = (struct chunk_list){ .share = share };
}

void chunk_list_done(struct chunk_list *l)
{
        for (unsigned i = 0; i < l->n; i++)
                chunk_share_give(l->share, l->chunks[i]);
        free(l->chunks);
        *l = (struct chunk_list){ .share = l->share };
}

int chunk_list_reserve(struct chunk_list *l, uint64_t n, struct err *e)
{
        uint64_t want = l->bytes + n;
        unsigned before = l->n;

        while ((uint64_t)l->n * CHUNK_BYTES < want) {
                uint8_t *chunk = chunk_share_take(l->share);

                if (!chunk) {
                        while (l->n > before)
                                chunk_share_give(l->share, l->chunks[--l->n]);
                        return err_set(e, ERR_EXHAUSTED,
                                "no memory left for this stream's fragments (it has %zu bytes)",
                                chunk_share_in_use(l->share));
                }
                if (l->n == l->room) {
                        l->room = l->room ? 2 * l->room : 8;
                        l->chunks = xrealloc(l->chunks, l->room, sizeof *l->chunks);
                }
                l->chunks[l->n++] = chunk;
        }
        return 0;
}

uint8_t *chunk_list_piece(const struct chunk_list *l, uint64_t at, uint64_t max, size_t *ret_n)
{
        size_t in_chunk = (size_t)(at % CHUNK_BYTES);
        size_t left = CHUNK_BYTES - in_chunk;

        *ret_n = max < left ? (size_t)max : left;
        return l->chunks[at / CHUNK_BYTES] + in_chunk;
}

void chunk_list_append(struct chunk_list *l, struct bytes b)
{
        while (b.n) {
                size_t n;
                uint8_t *to = chunk_list_piece(l, l->bytes, b.n, &n);

                memcpy(to, b.p, n);
                l->bytes += n;
                b = bytes_sub(b, n, b.n);
        }
}

void chunk_list_append_zeros(struct chunk_list *l, uint64_t left)
{
        while (left) {
                size_t n;
                uint8_t *to = chunk_list_piece(l, l->bytes, left, &n);

                memset(to, 0, n);
                l->bytes += n;
                left -= n;
        }
}

unsigned chunk_list_iovec(const struct chunk_list *l, struct iovec *to)
{
        unsigned n = 0;

        for (uint64_t at = 0; at < l->bytes; n++) {
                size_t piece;

                to[n].iov_base = chunk_list_piece(l, at, l->bytes - at, &piece);
                to[n].iov_len = piece;
                at += piece;
        }
        return n;
}
