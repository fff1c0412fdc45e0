/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The index, made again from the volumes' files alone. The old one stays until the new one is
 * whole. No other process may use it meanwhile. */
#ifndef CUSTOS_VAULT_REBUILD_H
#define CUSTOS_VAULT_REBUILD_H

#include "base/err.h"
#include "vault/index.h"
#include "vault/vault_set.h"

struct rebuild_result {
        uint64_t segments, bytes;
        unsigned streams;
        unsigned unreadable; /* files that are not segments, or hold nothing sealed: not in the
                                index */
        unsigned copies;     /* files of an object key that another volume has too: not in it */
        unsigned locks, unreadable_locks;
        unsigned away_n; /* volumes that are not there, or not what they should be: their segments
                            are not in it */
        struct rebuild_away {
                uint32_t number;
                char text[ERR_TEXT_BYTES];
        } away[VOLUME_MAX];
};

/* INDEX_NAME in directory, from all volumes that can be read. The segments of a stream are ordered
 * by their chain, whatever volumes they lie on. on_each: called with the object key of each file
 * looked at; may be NULL, as ret may. A volume that fails while it is read is one that is away.
 * Ends of streams are mended before (vault_tail_mend): the index never says more than stays. */
int rebuild_index(const char *directory, const struct volume_list *volumes,
        void (*on_each)(void *owner, const char *object_key), void *owner,
        struct rebuild_result *ret, struct err *e) MUST_USE;
/* The same into an index that is there already and empty; volumes that cannot be read are away in
 * set then. */
int rebuild_into(struct index *ix, struct vault_set *set,
        void (*on_each)(void *owner, const char *object_key), void *owner,
        struct rebuild_result *ret, struct err *e) MUST_USE;

/* What the index says of one segment file, read from the file: ERR_NOT_FOUND when nothing in it is
 * sealed, ERR_CORRUPT when it cannot be read. Volume 0. The link before its first seal and of its
 * last one are filled where the pointers are not NULL. */
struct seal_link;
int rebuild_read_segment(const char *vault, const char *object_key, struct index_segment *ret,
        struct seal_link *ret_before, struct seal_link *ret_last, struct err *e) MUST_USE;

#endif
