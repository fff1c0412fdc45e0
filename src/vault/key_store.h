/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Hour keys, wrapped (docs/spec/vault.md section 5). The sealer makes the text, the parent writes
 * it, readers open it with a recipient's private key.
 */
#ifndef CUSTOS_VAULT_KEY_STORE_H
#define CUSTOS_VAULT_KEY_STORE_H

#include "base/buf.h"
#include "base/err.h"
#include "crypto/hpke.h"
#include "seal/head.h"
#include "seal/seal.h"
#include "vault/vault_set.h"

#define KEY_STORE_RECIPIENTS_MAX 4
#define KEY_STORE_FILE_MAX 8192

struct key_store_recipient {
        uint8_t public_key[HPKE_PUBLIC_BYTES];
        char kind[16]; /* "recorder", "recovery" */
};

/* The UTC hour of a time: "2026-11-22T17". */
#define KEY_STORE_HOUR_ROOM 14
void key_store_hour(int64_t wall_us, char to[static KEY_STORE_HOUR_ROOM]);
/* Relative path below the vault: keys/<stream>/<date>/<HH>.<key id>.json */
void key_store_path(const char *stream, const char *hour, const uint8_t key_id[static 16], char *to,
        size_t room);
/* The file's text for an hour key. */
int key_store_wrap(const char *stream, const char *hour, const uint8_t hour_key[static 32],
        const struct key_store_recipient *recipients, unsigned recipients_n, struct buf *out,
        struct err *e) MUST_USE;

/* A key store file, read. Strict: another form is ERR_CORRUPT. */
struct key_store_file {
        char stream[HEAD_PATH_MAX];
        char hour[KEY_STORE_HOUR_ROOM];
        uint8_t key_id[16];
        unsigned wraps_n;
        struct key_store_wrapped {
                uint8_t recipient[32]; /* SHA-256 of the public key */
                char kind[16];
                uint8_t enc[HPKE_PUBLIC_BYTES];
                uint8_t wrapped[32 + HPKE_TAG_BYTES];
        } wraps[KEY_STORE_RECIPIENTS_MAX];
};
int key_store_parse(struct bytes text, struct key_store_file *ret, struct err *e) MUST_USE;
const struct key_store_wrapped *key_store_find(
        const struct key_store_file *f, const uint8_t recipient[static 32]);

/* Finds the wrap for the public half of private_key and opens it; checks stream and key id. */
int key_store_unwrap(struct bytes text, const char *stream, const uint8_t key_id[static 16],
        const uint8_t private_key[static HPKE_PRIVATE_BYTES], uint8_t ret_hour_key[static 32],
        struct err *e) MUST_USE;
/*
 * The text of the key file that a head names, wherever it lies: on the volume of its segment (own,
 * an index into the members) and then on the others, in the hour of wall_us, those beside it, all
 * others. *ret_at (may be NULL): on which.
 */
int key_store_read(const struct vault_set *set, unsigned own, const struct head *head,
        int64_t wall_us, struct buf *text, unsigned *ret_at, struct err *e) MUST_USE;
/* Finds the hour key that a segment's head names, and derives the segment key, checked against the
 * commitment of a seal by the caller. */
int key_store_segment_key(const struct vault_set *set, unsigned own, const struct head *head,
        int64_t wall_us, const uint8_t private_key[static HPKE_PRIVATE_BYTES],
        uint8_t ret_key[static 16], struct err *e) MUST_USE;

#endif
