/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The parts of a multipart body (RFC 2046 section 5.1) as cameras push pictures in it
 * (multipart/x-mixed-replace): fed piece by piece, handed on part by part, each in one. A part ends
 * by its own Content-Length where it says one, else before the next boundary.
 *
 * What a part holds is its owner's to judge.
 */
#ifndef CUSTOS_PROTO_MULTIPART_H
#define CUSTOS_PROTO_MULTIPART_H

#include "base/buf.h"

#define MULTIPART_BOUNDARY_MAX 200
#define MULTIPART_LINE_MAX 4096 /* of a part's head, and between parts */
#define MULTIPART_LINES_MAX 64  /* in one part's head */

struct multipart {
        char boundary[MULTIPART_BOUNDARY_MAX + 3]; /* with its two hyphens */
        size_t boundary_n;
        unsigned state; /* private, as all that follows */
        unsigned lines;
        bool has_length;
        uint64_t left;
        size_t scanned; /* of part: no boundary begins before it */
        struct buf line, part;
};

/* boundary: the Content-Type's parameter; cameras are known whose value already has the two hyphens
 * of the delimiter. part_max: bytes of the largest part. ERR_PROTOCOL when there is no boundary. */
int multipart_init(
        struct multipart *m, struct bytes boundary, size_t part_max, struct err *e) MUST_USE;
void multipart_done(struct multipart *m);

/* One part, borrowed for the call; negative ends the feeding. */
typedef int (*multipart_on_part)(void *owner, struct bytes part, struct err *e);
/* ERR_PROTOCOL, ERR_EXHAUSTED: it is not to be fed again. */
int multipart_feed(struct multipart *m, struct bytes b, multipart_on_part on_part, void *owner,
        struct err *e) MUST_USE;

#endif
