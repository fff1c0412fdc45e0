/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The end of a stream on the disk, for whoever goes on recording it (docs/spec/vault.md sections 2
 * and 7). Finds it by the directories: what the index says is a hint. Looks at the newest segments
 * only, until what it has seen is older than a crash reaches back; the cost does not grow with the
 * vault.
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
        uint32_t fragments;            /* in it; of a damaged one: whole seals */
        bool closed;                   /* has its LAST seal */
        uint64_t cut_bytes; /* of unsealed tail that were cut off, in all files looked at */
        unsigned deleted;   /* files in which nothing had been sealed, or nothing that stands */
        bool completed;     /* a segment whose LAST seal was there got its index */
        /* The segment has seals and cannot be read, and not because of a crash. It is left as it
         * is, and its last seal is the one to go on from: custos vault check says more. */
        bool damaged;
        /* errno: the disk fails or can only be read. It is not mended, and what would stand is
         * said. */
        int unmended;
};

/* What is known of a stream besides its files; NULL: nothing. */
struct vault_tail_known {
        /* The last seal on this volume that was durable, so that all before it was: none of that
         * was being written when the power went. What is wrong with it is damage, and stays. */
        const struct seal_link *durable;
        /* The seal with which the stream went on elsewhere while this volume was away. */
        const struct seal_link *bound;
};

/*
 * object_key: of the segment that was made last, as far as is known; empty: nothing is known.
 * Cuts off what was not sealed whole, and segments that follow what was cut; gives back the room
 * set aside, completes a close that was interrupted, and deletes files in which nothing stands.
 * What it changes is durable when it returns, and a second call changes nothing.
 *
 * What was sealed behind known->bound in these hours would be a second history, and is cut off (it
 * was never acknowledged): the rest of the segment that holds the bound, and segments that continue
 * what was cut or begin behind the bound. What does not lead back to it stays, and a bound of zeros
 * cuts nothing. On a disk that cannot be written to, that fails.
 */
int vault_tail_read(const char *vault, const char *stream, const char *object_key,
        const struct vault_tail_known *known, struct vault_tail *ret, struct err *e) MUST_USE;
/* Of one segment, behind which others stand: that one's end, and its unsealed tail cut off. Empty
 * when nothing in it is sealed (then it is deleted), or when it is not there. */
int vault_tail_read_one(const char *vault, const char *stream, const char *object_key,
        struct vault_tail *ret, struct err *e) MUST_USE;
/* The same as vault_tail_read of every stream that has a directory, before an index is made of the
 * files: so no row says more than stays. */
int vault_tail_mend(const char *vault, struct err *e) MUST_USE;

#endif
