/* SPDX-License-Identifier: GPL-3.0-or-later */
/* AAC-hbr payloads (RFC 3640 section 3.3.6) to AAC frames. For depay.c only. */
#ifndef CUSTOS_MEDIA_DEPAY_AAC_H
#define CUSTOS_MEDIA_DEPAY_AAC_H

#include "base/buf.h"

#define DEPAY_AAC_FRAME_MAX 8191 /* what 13 bits say */

struct depay_aac {
        struct bytes headers, data; /* of the packet, not yet taken */
        unsigned taken;             /* frames of it */
        struct buf frame;           /* a fragmented one */
        size_t whole;               /* its size; 0: none is under way */
};

void depay_aac_init(struct depay_aac *d);
void depay_aac_done(struct depay_aac *d);
/* Borrows payload until depay_aac_next says ERR_AGAIN. A failure leaves nothing of it. */
int depay_aac_push(struct depay_aac *d, struct bytes payload, struct err *e) MUST_USE;
/* The next frame, and which of the packet it is. */
int depay_aac_next(
        struct depay_aac *d, struct bytes *ret_frame, unsigned *ret_index, struct err *e) MUST_USE;
/* Forgets a frame in fragments; true when there was one. */
bool depay_aac_drop(struct depay_aac *d);

#endif
