/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The lines of a log of audit_line.h in an open file: forwards, which checks the chain, or
 * backwards from a place, which shows the newest first and judges nothing. In pieces of so many
 * bytes a call, so that nobody waits for a whole log. Blocking: for tools and the pool. Nothing in
 * the file is trusted: what is no line has an end somewhere, or none.
 */
#ifndef CUSTOS_TRUST_AUDIT_WALK_H
#define CUSTOS_TRUST_AUDIT_WALK_H

#include "crypto/hash.h"
#include "trust/audit_line.h"

/* Forwards: how far it came. Zeros at the beginning. */
struct audit_walk {
        uint64_t at;    /* where the next line begins: all before was checked */
        uint64_t lines; /* before it */
        struct audit_line_chain chain;
        uint64_t read; /* at or more: of a line that is too long to be one */
        struct hash *longer /* of that part of it; NULL: there is none */;
};

struct audit_walk_line {
        uint64_t number, at;   /* from 1; from the file's beginning, in bytes */
        json_t *object;        /* borrowed; NULL: it is no line of this form */
        const struct err *why; /* NULL: nothing is wrong with it */
};
typedef void (*audit_walk_see)(void *owner, const struct audit_walk_line *line);

/*
 * Goes on behind w->at, through bytes_max (64 KiB more at most), or to `end`, the file's length:
 * what stands there without a line feed counts as a line. ERR_IO: the file cannot be read that far;
 * what was seen was seen.
 */
int audit_walk_on(struct audit_walk *w, int fd, uint64_t end, uint64_t bytes_max,
        audit_walk_see see, void *owner, struct err *e) MUST_USE;
void audit_walk_done(struct audit_walk *w); /* also of zeros, which it leaves */

/* A line on the way back; false: it is not taken, and the next call begins with it again. text is
 * good in the call. Of a line that is too long its first part, at most. */
typedef bool (*audit_walk_take)(void *owner, uint64_t at, struct bytes text);

/*
 * The lines before *at, the last one first, until one is not taken, bytes_max were read (64 KiB
 * more at most) or *at is 0, the beginning. *at is where the last one that was taken begins.
 */
int audit_walk_back(int fd, uint64_t *at, uint64_t bytes_max, audit_walk_take take, void *owner,
        struct err *e) MUST_USE;

#endif
