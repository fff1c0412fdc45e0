/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A backup of a site as bytes (docs/spec/backup.md): files one behind the other, sealed in chunks
 * under a key that is wrapped to the site's recovery kit. Nobody who has not got the kit can open
 * it, the machine that wrote it neither. No file and no clock in here: bytes go out by a callback,
 * and come in as one view.
 */
#ifndef CUSTOS_TRUST_BACKUP_FILE_H
#define CUSTOS_TRUST_BACKUP_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hpke.h"

#define BACKUP_FILE_VERSION 1
#define BACKUP_FILE_CHUNK_BYTES 65536
#define BACKUP_FILE_NAME_MAX 200
#define BACKUP_FILE_ENTRIES_MAX 64
#define BACKUP_FILE_ENTRY_MAX (UINT64_C(1) << 36)

struct backup_writer; /* owned */

/* Takes the bytes in their order; a negative answer ends the writing, and is returned. */
typedef int (*backup_file_sink)(void *owner, struct bytes bytes, struct err *e);

/* recipient: the kit's public key. Writes the header. */
int backup_writer_open(const uint8_t recipient[static HPKE_PUBLIC_BYTES], int64_t now_us,
        backup_file_sink sink, void *owner, struct backup_writer **ret, struct err *e) MUST_USE;
/* The next file, of exactly n bytes, which follow by backup_writer_data; name as
 * backup_file_is_name has it. */
int backup_writer_entry(
        struct backup_writer *w, const char *name, uint64_t n, struct err *e) MUST_USE;
int backup_writer_data(struct backup_writer *w, struct bytes data, struct err *e) MUST_USE;
/* All entries are whole; without it the file is refused as cut off. */
int backup_writer_end(struct backup_writer *w, struct err *e) MUST_USE;
struct backup_writer *backup_writer_free(struct backup_writer *w); /* wipes */
void backup_writer_freep(struct backup_writer **w);

/* A relative path of parts [A-Za-z0-9_-][A-Za-z0-9._-]*, at most three of them. */
bool backup_file_is_name(const char *name);

/* Each entry in its order: its name and size, then its bytes in pieces, which are borrowed. What
 * was told before an error is whole and unchanged as far as it goes, and not to be kept: only 0
 * says that nothing is missing. */
struct backup_file_events {
        int (*on_entry)(void *owner, const char *name, uint64_t n, struct err *e);
        int (*on_data)(void *owner, struct bytes data, struct err *e);
};
/*
 * ERR_INVALID: not a backup; ERR_STATE: of a version that this program does not read; ERR_DENIED:
 * another kit opens it; ERR_AUTH: a byte was changed; ERR_CORRUPT: cut off, or not to the
 * specification. private_key: of the kit.
 */
int backup_file_read(struct bytes file, const uint8_t private_key[static HPKE_PRIVATE_BYTES],
        const struct backup_file_events *events, void *owner, struct err *e) MUST_USE;

#endif
