/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * <state>/storage/index.sqlite: which segments there are on which volume, to be found quickly.
 * Disposable: rebuild.h makes it again from the volumes' files alone, so nothing is here that is
 * not there. One writer, the recorder's parent. A row is made with the file and says what became
 * durable since; a file with nothing durable in it is not found by a search.
 *
 * What retention asks is in index_retention.h, what the scrubber does in index_scrub.h.
 */
#ifndef CUSTOS_VAULT_INDEX_H
#define CUSTOS_VAULT_INDEX_H

#include "seal/head.h"
#include "vault/segment_writer.h"

#define INDEX_NAME "index.sqlite"

struct index;

/* In this directory. ERR_NOT_FOUND when there is none, ERR_CORRUPT when it cannot be
 * used, ERR_STATE when it is of a later version: the first two are mended by rebuild_index. */
int index_open(const char *directory, struct index **ret, struct err *e) MUST_USE;
/* At any path, made where it is not there; for rebuild. NULL: in memory. */
int index_create(const char *path, struct index **ret, struct err *e) MUST_USE;
struct index *index_free(struct index *ix);
void index_freep(struct index **ix);

int index_begin(struct index *ix, struct err *e) MUST_USE;
int index_commit(struct index *ix, struct err *e) MUST_USE;
void index_rollback(struct index *ix);

/* A file was made for the next segment of a stream. ERR_STATE when a segment of that name lies on
 * another volume. */
int index_created(struct index *ix, uint32_t volume, const char *stream, const char *object_key,
        int64_t created_us, struct err *e) MUST_USE;
/* A fragment is on the disk. */
int index_durable(struct index *ix, const char *stream, const struct segment_writer_report *r,
        struct err *e) MUST_USE;

struct index_segment {
        int64_t id;      /* ascending in the order in which the stream was recorded */
        uint32_t volume; /* its number (vault/volume.h) */
        char stream[HEAD_PATH_MAX], object_key[HEAD_KEY_MAX];
        int64_t created_us;
        int64_t first_us, last_us; /* arrival of the first and last frame; SEAL_UNKNOWN_US while
                                      fragments is 0 */
        uint64_t bytes;
        uint8_t epoch[16];     /* of the last seal */
        uint8_t last_hash[32]; /* of the last seal */
        uint64_t first_seq, last_seq;
        uint32_t fragments;
        bool closed; /* has its LAST seal */
        bool ended;  /* nobody writes it any more: its row is final, closed or not */
};
/* A whole row, replacing one of the same object key; id is not looked at. */
int index_put(struct index *ix, const struct index_segment *s, struct err *e) MUST_USE;
/* No file of that name any more. */
int index_remove(struct index *ix, const char *object_key, struct err *e) MUST_USE;

/* Its writer is gone: whatever it has now is all that it will have. */
int index_ended(struct index *ix, const char *object_key, struct err *e) MUST_USE;

/* The segment that was made last; ERR_NOT_FOUND when the stream has none. */
int index_newest(
        struct index *ix, const char *stream, struct index_segment *ret, struct err *e) MUST_USE;
/* Segments of a stream (NULL: of all) with something recorded in [from_us, to_us], stream by stream
 * in the order of recording. on_segment returns 0 to go on; anything else ends the search and is
 * returned. */
int index_search(struct index *ix, const char *stream, int64_t from_us, int64_t to_us,
        int (*on_segment)(void *owner, const struct index_segment *s, struct err *e), void *owner,
        struct err *e) MUST_USE;
/* Segments that have not ended, in no order: those of a recorder that was killed, at its next
 * start; no others, so the number does not grow with the vault. on_segment must not change the
 * index. */
int index_unclosed(struct index *ix,
        int (*on_segment)(void *owner, const struct index_segment *s, struct err *e), void *owner,
        struct err *e) MUST_USE;
int index_streams(struct index *ix,
        int (*on_stream)(void *owner, const char *stream, struct err *e), void *owner,
        struct err *e) MUST_USE;

#endif
