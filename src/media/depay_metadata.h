/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * ONVIF metadata over RTP (ONVIF streaming specification section 5.2.1.1) to XML documents: the
 * payloads one behind the other, up to the marker. The XML itself is not looked into. A document
 * of which a part is missing is dropped whole. For depay.c only.
 */
#ifndef CUSTOS_MEDIA_DEPAY_METADATA_H
#define CUSTOS_MEDIA_DEPAY_METADATA_H

#include "base/buf.h"

#define DEPAY_METADATA_MAX (1u << 20) /* bytes of a document */

struct depay_metadata {
        struct buf document;
        bool skipping; /* the front of one was lost: up to its end nothing is taken */
};

void depay_metadata_init(struct depay_metadata *d);
void depay_metadata_done(struct depay_metadata *d);
/* "<?xml" or "<tt:MetadataStream", behind white space: what stands only where one begins. */
bool depay_metadata_begins(struct bytes payload);
/* ERR_EXHAUSTED: the document is too large, and dropped. */
int depay_metadata_packet(struct depay_metadata *d, struct bytes payload, struct err *e) MUST_USE;
/* The document under way is complete: its bytes, valid until the next call. ERR_AGAIN: there is
 * none. */
int depay_metadata_end(struct depay_metadata *d, struct bytes *ret) MUST_USE;
/* Forgets the document under way, and passes over the rest of it. */
void depay_metadata_drop(struct depay_metadata *d);

#endif
