/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ISO base media file format boxes, read and written (ISO/IEC 14496-12 section 4.2). Reading
 * borrows; nothing runs past the given bytes.
 */
#ifndef CUSTOS_MEDIA_BOX_H
#define CUSTOS_MEDIA_BOX_H

#include "base/pack.h"

#define BOX_TYPE(a, b, c, d)                                                                       \
        ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

struct box {
        uint32_t type;
        uint64_t offset;       /* of the box in what was given to box_next */
        struct bytes whole;    /* header and payload */
        struct bytes payload;  /* for 'uuid' behind the user type */
        uint8_t user_type[16]; /* 'uuid' only */
};

/* The box at *at of in; moves *at behind it. Returns 1, or 0 at the exact end, or ERR_CORRUPT (size
 * below its header, past the end, or 0 = "to the end", which Custos never writes). */
int box_next(struct bytes in, uint64_t *at, struct box *ret, struct err *e) MUST_USE;
/* First child of that type; ERR_NOT_FOUND when there is none, ERR_CORRUPT when the children are
 * broken. */
int box_find(struct bytes in, uint32_t type, struct box *ret, struct err *e) MUST_USE;

/* Writing: box_begin writes a size of 0 and returns its position for box_end. */
size_t box_begin(struct pack *p, uint32_t type);
size_t box_begin_full(struct pack *p, uint32_t type, uint8_t version, uint32_t flags);
size_t box_begin_uuid(struct pack *p, const uint8_t user_type[static 16]);
void box_end(struct pack *p, size_t begin);
/* A 'free' box of n bytes in all, n at least 8. */
void box_free_space(struct pack *p, size_t n);

#endif
