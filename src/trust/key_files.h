/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A private key and its certificate in two files of one directory, STEM.key and STEM.pem, that are
 * replaced as a pair, each step durable before the next:
 *
 *     STEM.key.new and STEM.pem.new written; renamed to STEM.key; renamed to STEM.pem
 *
 * Wherever that is cut, one of STEM.key and STEM.key.new belongs to one of STEM.pem and
 * STEM.pem.new, also where it was cut between the renames and the next replacement has begun. So
 * nothing is mended at a start: the reader may be confined, and the writer goes on from each state.
 * What belongs together is the reader's to say. Blocking: at start, and from the pool.
 */
#ifndef CUSTOS_TRUST_KEY_FILES_H
#define CUSTOS_TRUST_KEY_FILES_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/sign.h"

#define KEY_FILES_CHAIN_MAX 32768

/* key_pem is wiped behind the call. 0: they are the pair, and were taken. */
typedef int (*key_files_take)(
        void *owner, struct bytes key_pem, struct bytes chain_pem, struct err *e);

/* Who reads a key beside its writer. */
enum key_files_reader {
        KEY_FILES_OWNER, /* nobody */
        KEY_FILES_GROUP, /* the group of the directory, where that is open to it and to no others */
};

/* The error that counts is that of the two files in their places. A key that others can read, or
 * that is another user's, is ERR_DENIED, whatever lies beside it. */
int key_files_read(const char *dir, const char *stem, enum key_files_reader reader,
        key_files_take take, void *owner, struct err *e) MUST_USE;
/* Durable before it returns. */
int key_files_write(const char *dir, const char *stem, enum key_files_reader reader,
        const struct sign_key *key, struct bytes chain_pem, struct err *e) MUST_USE;
/* STEM.key alone, of a directory that nobody uses yet. */
int key_files_write_key(
        const char *dir, const char *stem, const struct sign_key *key, struct err *e) MUST_USE;

#endif
