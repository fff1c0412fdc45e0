/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A finished fragment on its way to the file (docs/spec/vault.md section 4): [free] moof and the
 * header of mdat in one aligned block, mdat's bytes in chunks behind it; then the seal and its
 * padding. Its memory is laid out so that it is written as it lies, also with direct I/O.
 */
#ifndef CUSTOS_VAULT_FRAGMENT_H
#define CUSTOS_VAULT_FRAGMENT_H

#include "media/fmp4.h"
#include "seal/seal.h"
#include "vault/chunk_list.h"

#define FRAGMENT_ALIGN 4096
#define FRAGMENT_MOOF_MAX (64u << 10)

struct segment_file;

struct fragment {
        struct fragment *next;
        struct segment_file *file; /* counted */
        uint8_t *front;            /* aligned; free, moof and mdat's header */
        size_t front_n, moof_at;
        struct chunk_list data; /* what mdat holds; seal and padding behind */
        uint64_t mdat_bytes;
        struct seal request;           /* the worker's part of the seal */
        struct fmp4_index_entry entry; /* offsets are set when it is placed in the file */
        uint32_t samples_video;
        bool sealed;
        uint8_t epoch[16]; /* of its seal */
        uint64_t sequence;
        uint8_t seal_hash[32];
        unsigned gaps_n; /* as sealed */
        struct seal_gap gaps[SEAL_GAPS_MAX];
};

/* data is taken. Makes the front from moof and reserves room for the seal. */
int fragment_new(
        struct bytes moof, struct chunk_list *data, struct fragment **ret, struct err *e) MUST_USE;
struct fragment *fragment_free(struct fragment *f); /* also gives up its part in file */
void fragment_freep(struct fragment **f);
/* Puts the seal box behind mdat, and padding up to a multiple of FRAGMENT_ALIGN. */
int fragment_seal(struct fragment *f, struct bytes seal_payload, struct err *e) MUST_USE;
uint64_t fragment_bytes(const struct fragment *f);

/* A block aligned for direct I/O, zeroed; free() it. n is rounded up to FRAGMENT_ALIGN. */
uint8_t *fragment_block(size_t n);
/* n rounded up to FRAGMENT_ALIGN so that what is added is nothing or has room for a 'free' box. */
uint64_t fragment_padded(uint64_t n);

#endif
