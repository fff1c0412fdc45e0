/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The end of a stream on the disk, for whoever goes on recording it (docs/spec/vault.md section 2).
 * Looks at the newest segment only, and at its neighbours where nothing was written to that yet;
 * the cost does not grow with the vault.
 *
 * No writer may have the files open: they are mended.
 */
#ifndef CUSTOS_VAULT_VAULT_TAIL_H
#define CUSTOS_VAULT_VAULT_TAIL_H

#include "seal/seal.h"

struct vault_tail {
        bool empty;                    /* nothing sealed was found; the rest is zero then */
        char object_key[HEAD_KEY_MAX]; /* the segment that holds the last seal */
        struct seal_link last;         /* its last seal */
        int64_t last_arrival_us;       /* of that seal */
        int64_t first_arrival_us;      /* of the segment's first seal */
        uint64_t bytes;                /* of the file now */
        uint32_t fragments;            /* in it */
        bool closed;                   /* with its LAST seal */
        uint64_t cut_bytes;            /* that were cut off, in all files looked at */
        unsigned deleted; /* files in which nothing had been sealed, or all was behind the bound */
        bool completed;   /* a segment whose LAST seal was there got its index */
};

/*
 * object_key: of the segment that was made last. Cuts its unsealed tail, gives back the room set
 * aside behind it, completes a close that was interrupted, and deletes a file in which nothing had
 * been sealed. ERR_CORRUPT, nothing changed, when the file has seals and still cannot be read:
 * custos vault check says more. On a disk that fails or can only be read, it is read and not
 * mended; but for what lies behind a bound, which fails then.
 *
 * bound: NULL, or the seal with which the stream went on elsewhere while this volume was away. What
 * was sealed behind it in these hours would be a second history, and is cut off (it was never
 * acknowledged): the rest of the segment that holds the bound, and segments that continue what was
 * cut or begin behind the bound. What does not lead back to it stays, and a bound of zeros cuts
 * nothing.
 */
int vault_tail_read(const char *vault, const char *stream, const char *object_key,
        const struct seal_link *bound, struct vault_tail *ret, struct err *e) MUST_USE;

#endif
