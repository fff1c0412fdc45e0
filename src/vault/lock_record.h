/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A lock: what retention may not remove (docs/spec/vault.md section 10). One small JSON file beside
 * the footage, locks/<id>.json on each volume.
 */
#ifndef CUSTOS_VAULT_LOCK_RECORD_H
#define CUSTOS_VAULT_LOCK_RECORD_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "seal/head.h"

#define LOCK_RECORD_ID_ROOM 33 /* 32 hex digits */
#define LOCK_RECORD_TEXT_MAX 400
#define LOCK_RECORD_FILE_MAX 4096

struct lock_record {
        char id[LOCK_RECORD_ID_ROOM];
        char stream[HEAD_PATH_MAX];
        int64_t from_us, to_us; /* wall clock, inclusive */
        int64_t made_us;
        char by[LOCK_RECORD_TEXT_MAX], reason[LOCK_RECORD_TEXT_MAX];
};

bool lock_record_is_id(const char *s);
int lock_record_parse(struct bytes text, struct lock_record *ret, struct err *e) MUST_USE;
int lock_record_format(const struct lock_record *l, struct buf *out, struct err *e) MUST_USE;

#endif
