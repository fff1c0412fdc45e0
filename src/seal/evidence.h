/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The clear export (docs/spec/evidence.md): the plan that both the exporter and the verifier
 * compute, so that the file is a function of sealed bytes, keys and range. Pure.
 *
 * Whoever adds segments and fragments owes that they were checked (or checks them afterwards, as
 * the verifier does); here only the form is looked at. Not in here: signatures, hashes, the
 * samples.
 */
#ifndef CUSTOS_SEAL_EVIDENCE_H
#define CUSTOS_SEAL_EVIDENCE_H

#include "seal/segment.h"

/* A longer export becomes several files. */
#define EVIDENCE_SEGMENTS_MAX 4096
#define EVIDENCE_BYTES_MAX ((size_t)2 << 30) /* of the front, and of the evidence box */
#define EVIDENCE_HEADER_BYTES 32             /* of the evidence box: 64-bit size, user type */

extern const uint8_t evidence_user_type[16];

struct evidence_fragment {
        struct bytes moof; /* as stored */
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
void evidence_done(struct evidence *ev); /* wipes the keys */
/* Adds a segment, or a fragment to the last one; views must outlive ev. A segment fails with
 * ERR_STATE where it cannot be joined to those before (other tracks, codecs, stream; too many): a
 * new export begins with it. */
int evidence_add_segment(struct evidence *ev, struct bytes header_bytes,
        const uint8_t key[static 16], struct err *e) MUST_USE;
int evidence_add_fragment(
        struct evidence *ev, struct bytes moof, struct bytes seal_payload, struct err *e) MUST_USE;

/* The bytes before the samples: ftyp, moov, and the header of mdat. */
int evidence_write_front(const struct evidence *ev, struct buf *out, struct err *e) MUST_USE;
/* The bytes behind the samples: the evidence box. */
int evidence_write_back(const struct evidence *ev, struct buf *out, struct err *e) MUST_USE;
/* Is this track of this segment among the samples? (Audio may be withheld.) */
bool evidence_has_track(const struct evidence *ev, uint32_t track_id);
/* Bytes that one fragment has in mdat, and all together. */
uint64_t evidence_fragment_bytes(const struct evidence *ev, const struct evidence_fragment *f);
uint64_t evidence_sample_bytes(const struct evidence *ev);
/* The evidence box's payload (behind the user type), back to a struct; views point into payload.
 * The checksum is not compared: whoever wants to know writes the box again and compares all of it.
 * On failure, where the fault lies in a fragment whose seal can be read, *ret_from_us and
 * *ret_to_us say when (may be NULL). */
int evidence_read_back(struct bytes payload, struct evidence *ret, int64_t *ret_from_us,
        int64_t *ret_to_us, struct err *e) MUST_USE;

#endif
