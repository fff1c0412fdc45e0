/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One line of an audit log (docs/spec/audit.md): a JSON object with its number, its time, what
 * happened, the hash of the line before and its own. Making and checking; no file, no clock.
 */
#ifndef CUSTOS_TRUST_AUDIT_LINE_H
#define CUSTOS_TRUST_AUDIT_LINE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

#define AUDIT_LINE_MAX 8192
#define AUDIT_LINE_HASH_BYTES 32

/* Where a chain stands; zeros before its first line. */
struct audit_line_chain {
        uint64_t n;                          /* of the last line; 0: not known, any may follow */
        uint8_t last[AUDIT_LINE_HASH_BYTES]; /* its hash */
        bool any;                            /* a line was seen */
};

/* Appends the next line, with its line feed, and moves the chain on. fields: what is told beside
 * number, time and event; borrowed. */
int audit_line_format(struct audit_line_chain *chain, int64_t wall_us, const char *event,
        json_t *fields, struct buf *out, struct err *e) MUST_USE;
/*
 * Checks a line (without its line feed) against the chain, and moves the chain on in any case, so
 * that one line that was changed is named and not all behind it. ERR_CORRUPT says what is wrong
 * with it. *ret, where not NULL, is the object (the caller's) or NULL where there is none.
 */
int audit_line_parse(
        struct audit_line_chain *chain, struct bytes line, json_t **ret, struct err *e) MUST_USE;
/* The same of what is longer than a line can be, by the SHA-256 of its bytes: always ERR_CORRUPT.
 */
int audit_line_skip(struct audit_line_chain *chain,
        const uint8_t hash[static AUDIT_LINE_HASH_BYTES], struct err *e) MUST_USE;

#endif
