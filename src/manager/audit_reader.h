/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The audit log as it is read by people: pages, the newest first, and whether its chain holds. In
 * the pool, one piece at a time, so a log of any length keeps neither the loop nor whoever asks
 * (AUDIT_READER_BYTES of it at once). The chain is checked from the first line on, once: a page
 * takes the check a piece further, and behind it it goes on by itself to the end; only what was
 * written since is checked again later, or all of it where somebody else has changed the file.
 */
#ifndef CUSTOS_MANAGER_AUDIT_READER_H
#define CUSTOS_MANAGER_AUDIT_READER_H

#include "manager/audit.h"
#include "os/loop.h"

#define AUDIT_READER_LIMIT_MAX 200
#define AUDIT_READER_LIMIT 100
#define AUDIT_READER_WAITING 32
#define AUDIT_READER_BYTES (4u << 20) /* of the log, read for one page and checked beside it */
#define AUDIT_READER_TEXT_MAX 260     /* of a person, or an event */

struct audit_reader; /* owned */

struct audit_reader_wish {
        uint64_t after; /* a place in the file, as a page gave it; 0: its end */
        unsigned limit; /* 1 to AUDIT_READER_LIMIT_MAX */
        /* "": any. person: who did it, or whom it is about. type: an event, or the part of one
         * before its point. */
        char person[AUDIT_READER_TEXT_MAX], type[AUDIT_READER_TEXT_MAX];
        int64_t from_us, until_us; /* wall; both included */
};

/* audit.list of docs/spec/link.md; body NULL: why says what failed. body is the callee's. */
typedef void (*audit_reader_then)(void *owner, uint64_t tag, json_t *body, const struct err *why);

/* audit outlives it; then is never called from within audit_reader_ask. */
struct audit_reader *audit_reader_new(
        struct loop *l, struct audit *a, audit_reader_then then, void *owner);
/* Nothing is told any more. */
struct audit_reader *audit_reader_free(struct audit_reader *r);
/* ERR_UNAVAILABLE: too many wait. */
int audit_reader_ask(struct audit_reader *r, const struct audit_reader_wish *wish, uint64_t tag,
        struct err *e) MUST_USE;

#endif
