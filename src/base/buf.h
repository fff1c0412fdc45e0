/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * A growing byte buffer with a hard maximum. Owns its memory. Appending past the maximum fails with
 * ERR_EXHAUSTED and changes nothing. For bytes that are kept or shared use blob.
 */
#ifndef CUSTOS_BASE_BUF_H
#define CUSTOS_BASE_BUF_H

#include "base/bytes.h"
#include "base/err.h"

struct buf {
        uint8_t *p;
        size_t n;    /* bytes in use */
        size_t room; /* bytes allocated */
        size_t max;
};

/* In place; nothing is allocated until the first append. */
void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b); /* frees, and wipes nothing: secrets do not belong here */
void buf_clear(struct buf *b);
/* As buf_init, with all its room made now (aborts without memory): for what must not fail later. */
void buf_init_full(struct buf *b, size_t max);
/* Makes room for n more bytes and returns where they go (not yet counted in b->n), or NULL. */
uint8_t *buf_reserve(struct buf *b, size_t n) MUST_USE;
int buf_append(struct buf *b, struct bytes data, struct err *e) MUST_USE;
int buf_printf(struct buf *b, struct err *e, const char *fmt, ...) MUST_USE PRINTF(3, 4);
/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);
struct bytes buf_bytes(const struct buf *b);

#endif
