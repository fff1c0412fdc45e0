/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The index, made again from the files alone. The old one stays until the new one is whole. No
 * other process may use the vault's index meanwhile. */
#ifndef CUSTOS_VAULT_REBUILD_H
#define CUSTOS_VAULT_REBUILD_H

#include "base/err.h"
#include "vault/index.h"

struct rebuild_result {
        uint64_t segments, bytes;
        unsigned streams;
        unsigned unreadable; /* files that are not segments, or hold nothing sealed: not in the
                                index */
};

/* on_segment: called for each file looked at; may be NULL. Returns 0. */
int rebuild_index(const char *vault, void (*on_segment)(void *owner, const char *object_key),
        void *owner, struct err *e) MUST_USE;
int rebuild_index_counted(const char *vault,
        void (*on_segment)(void *owner, const char *object_key), void *owner,
        struct rebuild_result *ret, struct err *e) MUST_USE;

/* Brings an index up to date with the files of a volume after its writer was killed or the power
 * went, the files having been mended before (vault_tail_mend): rows of segments that have not ended
 * are read again, once; a row without a file goes; files that are newer than the newest row of
 * their stream get one. The cost is that of what was being written and of what the index missed,
 * not of the vault. */
int rebuild_mend(const char *vault, uint32_t volume, struct index *ix, struct err *e) MUST_USE;

/* What the index says of one segment file, read from the file: ERR_NOT_FOUND when nothing in it is
 * sealed, ERR_CORRUPT when it cannot be read. The link before its first seal and of its last one
 * are filled where the pointers are not NULL. */
struct seal_link;
int rebuild_read_segment(const char *vault, const char *object_key, struct index_segment *ret,
        struct seal_link *ret_before, struct seal_link *ret_last, struct err *e) MUST_USE;

#endif
