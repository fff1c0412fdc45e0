/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clear export (docs/spec/evidence.md): the plan that both the exporter and the verifier compute, so that the
 * file is a function of sealed bytes, keys and range. Pure.
 */
#ifndef CUSTOS_SEAL_EVIDENCE_H
#define CUSTOS_SEAL_EVIDENCE_H

#include "seal/segment.h"

extern const uint8_t evidence_user_type[16];

struct evidence_fragment {
        struct bytes moof;         /* as stored */
        struct bytes seal_payload;
        struct seal seal;
        struct fmp4_fragment layout; /* parsed from moof; owned */
};

struct evidence_segment {
        struct bytes header_bytes; /* ftyp and moov as stored */
        struct fmp4_header header;
        struct head head;
        uint8_t key[16];
        unsigned fragments_n;
        struct evidence_fragment *fragments; /* owned array */
};

struct evidence {
        int64_t from_us, to_us;
        bool without_audio;
        unsigned segments_n;
        struct evidence_segment *segments; /* owned array */
};

void evidence_init(struct evidence *ev);
void evidence_done(struct evidence *ev);
/* Adds a segment, or a fragment to the last one; views must outlive ev. */
int evidence_add_segment(struct evidence *ev, struct bytes header_bytes, const uint8_t key[static 16], struct err *e) MUST_USE;
int evidence_add_fragment(struct evidence *ev, struct bytes moof, struct bytes seal_payload, struct err *e) MUST_USE;

/* The bytes before the samples: ftyp, moov, and the header of mdat. */
int evidence_write_front(const struct evidence *ev, struct buf *out, struct err *e) MUST_USE;
/* The bytes behind the samples: the evidence box. */
int evidence_write_back(const struct evidence *ev, struct buf *out, struct err *e) MUST_USE;
/* Total of sample bytes in mdat. */
uint64_t evidence_sample_bytes(const struct evidence *ev);
/* payload of the evidence box, back to a struct; views point into payload. */
int evidence_read_back(struct bytes payload, struct evidence *ret, struct err *e) MUST_USE;

#endif
