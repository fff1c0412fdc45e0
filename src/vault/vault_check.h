/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What volumes have besides seals: key files for their segments, each on the volume where the
 * segment lies, so that it can be read by itself; well-formed volume.json and locks; an index that
 * agrees with the files of all; and, with a private key, footage that can be decrypted. Seals and
 * chains are judged by verify/, which knows nothing of keys and indexes.
 */
#ifndef CUSTOS_VAULT_VAULT_CHECK_H
#define CUSTOS_VAULT_VAULT_CHECK_H

#include "crypto/hpke.h"
#include "seal/head.h"
#include "vault/vault_set.h"

struct vault_check_options {
        const char *index; /* the directory that it lies in; NULL: there is none to look at */
        const uint8_t *private_key; /* HPKE_PRIVATE_BYTES; NULL: nothing is decrypted */
        /* One fault: where, and what in one sentence. */
        void (*on_fault)(void *owner, const char *where, const char *text);
        void (*on_segment)(void *owner, const char *object_key); /* progress; may be NULL */
        void *owner;
};

struct vault_check_result {
        uint64_t segments, fragments, decrypted; /* decrypted: fragments */
        uint64_t key_files, locks;
        uint64_t empty; /* files in which nothing is sealed: made ahead, or being written */
        uint64_t faults;
        bool has_index;
};

/* A volume that is away is a fault, and what the index says of it is not looked at. Fails only when
 * nothing could be looked at. */
int vault_check(const struct vault_set *set, const struct vault_check_options *o,
        struct vault_check_result *ret, struct err *e) MUST_USE;

#endif
